// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/digest.hpp>
#include <bringup/base/result.hpp>
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/base/version.hpp>

#include <gtest/gtest.h>

#include <array>
#include <compare>

using namespace bringup;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Errc::malformed, "odd");
  return number / 2;
}
Result<int> quarter(int number) {
  return half(TRY(half(number))).within("quarter");
}

TEST(Result, TellsTheErrorFromIntentToCause) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message(), "quarter: odd");
  EXPECT_EQ(quarter(3).error().message(), "odd");
}

TEST(Text, CutsAndTrims) {
  EXPECT_EQ(base::split("a,,b", ',').size(), 3U);
  EXPECT_EQ(base::words("  a\tb ").size(), 2U);
  EXPECT_EQ(base::lines("a\r\nb\n").size(), 2U);
  EXPECT_EQ(base::lines("").size(), 0U);
  EXPECT_EQ(base::trim(" \n x "), "x");
}

TEST(Text, NumbersAreTheWholeText) {
  EXPECT_EQ(base::to_integer("42"), 42);
  EXPECT_EQ(base::to_integer("42x"), std::nullopt);
  EXPECT_EQ(base::to_integer(""), std::nullopt);
  EXPECT_EQ(base::to_integer("99999999999999999999"), std::nullopt);
  EXPECT_EQ(base::to_hex("0x10de"), 0x10deU);
  EXPECT_EQ(base::to_hex("10dg"), std::nullopt);
}

TEST(Text, NearestFindsTheMistypedWordAndNothingElse) {
  const std::array<std::string, 3> keys{"toolkit", "driver", "python"};
  EXPECT_EQ(base::nearest("tolkit", keys), "toolkit");
  EXPECT_EQ(base::nearest("Driver", keys), "driver");
  EXPECT_EQ(base::nearest("kernel", keys), std::nullopt);
  EXPECT_EQ(base::nearest("toolkitt", keys), "toolkit") << "one longer is still near";
  const std::vector<std::string> gpus{"K2000", "tora", "torch", "H200"};
  EXPECT_EQ(base::nearest("torhc", gpus), "torch") << "two letters that were swapped are one slip";
  EXPECT_EQ(base::nearest("H2000", gpus), "H200") << "of two as near, the one that begins alike";
  // would take an hour if it were compared
  const std::vector<std::string> many(1000, std::string(100'000, 'x'));
  EXPECT_EQ(base::nearest(std::string(1'000'000, 'x'), many), std::nullopt);
}

TEST(Text, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(base::display_width("abc"), 3U);
  EXPECT_EQ(base::display_width("驱动"), 4U);
  EXPECT_EQ(base::fit("abcdef", 4), "abc…");
  EXPECT_EQ(base::fit("ab", 4), "ab  ");
}

TEST(Text, HarmlessShowsWhatATerminalWouldObey) {
  EXPECT_EQ(base::harmless("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(base::harmless("\xff"), "\\xff");
  EXPECT_EQ(base::harmless("é驱"), "é驱");
  EXPECT_EQ(base::harmless("\xe2\x80\xae"), "\\xe2\\x80\\xae");
}

TEST(Text, HumanUnitsKeepAtMostThreeDigits) {
  EXPECT_EQ(base::human_bytes(0), "0 B");
  EXPECT_EQ(base::human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(base::human_bytes(80ULL << 30U), "80 GiB");
  EXPECT_EQ(base::human_seconds(0.42), "0.4 s");
  EXPECT_EQ(base::human_seconds(200), "3 min 20 s");
}

TEST(Text, QuotedCanBePastedIntoAShell) {
  const std::array<std::string, 3> argv{"echo", "it's", ""};
  EXPECT_EQ(base::quoted(argv), "echo 'it'\\''s' ''");
}

TEST(Version, ComparesNumbersAsNumbers) {
  const auto version = [](const char* text) { return *base::Version::parse(text); };
  EXPECT_LT(version("2.9.1"), version("2.10.0"));
  EXPECT_EQ(version("2.10"), version("2.10.0"));
  EXPECT_LT(version("535.261.03"), version("580.65.06"));
  EXPECT_EQ(version("580.159.04+x").parts.size(), 3U);
  EXPECT_FALSE(base::Version::parse("x1"));
  EXPECT_TRUE(std::is_lt(base::compare_releases("6.1.0-9-amd64", "6.1.0-25-amd64")));
  EXPECT_TRUE(std::is_gt(base::compare_releases("6.10.0", "6.9.0")));
}

TEST(Digest, IsToldFromOtherTexts) {
  const std::string hash = base::sha256_hex("");
  EXPECT_TRUE(base::is_sha256(hash));
  EXPECT_TRUE(base::is_sha1(base::sha1_hex("")));
  EXPECT_FALSE(base::is_sha1(hash));
  EXPECT_FALSE(base::is_sha256(""));
  EXPECT_FALSE(base::is_sha256(hash + "0"));
  EXPECT_FALSE(base::is_sha256(hash.substr(1)));
  EXPECT_FALSE(base::is_sha256(std::string(64, 'A')));
  EXPECT_FALSE(base::is_sha256(std::string(63, 'a') + "\n"));
  EXPECT_FALSE(base::is_sha256(std::string(64, '\0')));
  EXPECT_FALSE(base::is_sha256(" " + hash.substr(1)));
}

TEST(Digest, MatchesThePublishedVectors) {
  EXPECT_EQ(base::sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(base::sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(base::sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(base::sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(base::crc32c("123456789"), 0xE3069283U);
}

TEST(Toml, RemembersLinesAndNamesTheFileInErrors) {
  const auto read = base::parse_toml("a = 1\n[t]\nb = [\"x\"]\n", "goal.toml");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read->find("a")->integer(), 1);
  EXPECT_EQ(read->find("t")->find("b")->line, 3);
  const auto bad = base::parse_toml("a = 1\nb = \n", "goal.toml");
  ASSERT_FALSE(bad);
  EXPECT_TRUE(bad.error().message().starts_with("goal.toml:2: ")) << bad.error().message();
}

}  // namespace
