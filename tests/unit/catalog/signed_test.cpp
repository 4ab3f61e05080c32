// SPDX-License-Identifier: Apache-2.0
// What a signed catalog is refused for. The signature itself is a value here;
// tests/unit/host/signature_test.cpp checks real ones.
#include <bringup/catalog/signed.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::catalog {
namespace {

using testing::HasSubstr;

const std::string kSignature = std::string(85, 'A') + "Q==";  // 64 bytes, the last of them 4
const std::vector<TrustedKey> kTrusted{{.id = "release", .bytes = std::string(32, 'k')}};

std::string whole(std::int64_t version = 7, std::string_view expires = "2027-01-31",
                  std::string_view key = "release") {
  const Files files{{"a.toml", "first\n"}, {"b.tsv", "second"}};
  return bundle_of(files, manifest_of(files, version, "2026-11-25", expires), key, kSignature);
}

Result<bool> right(const std::string& key, std::string_view message, const std::string& signature) {
  EXPECT_EQ(key, std::string(32, 'k'));
  EXPECT_THAT(std::string(message), testing::StartsWith("bringup-catalog 1\nversion "));
  EXPECT_THAT(std::string(message), testing::EndsWith("\n"));
  EXPECT_EQ(signature.size(), 64U);
  return true;
}

TEST(Signed, ReadsBackWhatWasMade) {
  const auto bundle = parse_bundle(whole());
  ASSERT_TRUE(bundle) << bundle.error().message();
  EXPECT_EQ(bundle->version, 7);
  EXPECT_EQ(bundle->made, "2026-11-25");
  EXPECT_EQ(bundle->expires, "2027-01-31");
  EXPECT_EQ(bundle->key, "release");
  EXPECT_EQ(bundle->files.at("a.toml"), "first\n");
  EXPECT_EQ(bundle->files.at("b.tsv"), "second");
  EXPECT_TRUE(check_bundle(*bundle, kTrusted, right, 7, "2027-01-31"));
}

TEST(Signed, IsRefusedWhereverItIsCut) {
  const std::string bytes = whole();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto bundle = parse_bundle(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(bundle) << size;
    EXPECT_EQ(bundle.error().code(), Errc::malformed);
  }
}

TEST(Signed, IsRefusedWhenATableWasChangedOrSomethingAdded) {
  std::string changed = whole();
  changed.replace(changed.find("first\n"), 5, "fisrt");
  EXPECT_THAT(parse_bundle(changed).error().message(), HasSubstr("a.toml is not what the manifest says"));
  EXPECT_THAT(parse_bundle(whole() + "x").error().message(), HasSubstr("1 bytes stand behind"));
}

TEST(Signed, IsRefusedWithoutAKeyThatIsTrusted) {
  const Bundle bundle = *parse_bundle(whole());
  const auto nobody = check_bundle(bundle, {}, right, 0, "2026-11-25");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), Errc::refused);
  EXPECT_THAT(nobody.error().message(), HasSubstr("--key FILE"));
  const auto other =
      check_bundle(*parse_bundle(whole(7, "2027-01-31", "somebody")), kTrusted, right, 0, "2026-11-25");
  EXPECT_THAT(other.error().message(), HasSubstr("'somebody', which is not trusted"));
}

TEST(Signed, IsRefusedWithAWrongSignature) {
  const auto wrong = [](const std::string&, std::string_view, const std::string&) -> Result<bool> {
    return false;
  };
  const auto refused = check_bundle(*parse_bundle(whole()), kTrusted, wrong, 0, "2026-11-25");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("the file was changed"));
  const auto blind = [](const std::string&, std::string_view, const std::string&) -> Result<bool> {
    return Error(Errc::unsupported, "no libcrypto");
  };
  EXPECT_EQ(check_bundle(*parse_bundle(whole()), kTrusted, blind, 0, "2026-11-25").error().code(),
            Errc::unsupported);
}

TEST(Signed, IsRefusedWhenOlderThanWhatWasInUse) {
  const auto refused = check_bundle(*parse_bundle(whole(7)), kTrusted, right, 8, "2026-11-25");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("version 7 is older than version 8"));
}

TEST(Signed, IsRefusedOnTheDayAfterItExpired) {
  const auto refused = check_bundle(*parse_bundle(whole()), kTrusted, right, 0, "2027-02-01");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("expired on 2027-01-31"));
}

TEST(TrustedKeys, AreReadStrictly) {
  const auto keys =
      parse_trusted_keys("[[key]]\nid = \"a\"\ned25519 = \"" + std::string(64, '0') + "\"\n", "keys.toml");
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ((*keys)[0].bytes, std::string(32, '\0'));
  for (const std::string& bad : {std::string(63, '0'), std::string(62, '0') + "0x", std::string(66, '0')}) {
    const auto refused = parse_trusted_keys("[[key]]\nid = \"a\"\ned25519 = \"" + bad + "\"\n", "keys.toml");
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message(), HasSubstr("keys.toml:1: ed25519 is not 64 hexadecimal digits"));
  }
  EXPECT_TRUE(parse_trusted_keys(compiled_in().at("signers.toml"), "signers.toml"));
}

}  // namespace
}  // namespace bringup::catalog
