// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/signature.hpp>

#include <gtest/gtest.h>

namespace bringup::host {
namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(*base::to_hex(hex.substr(i, 2)));
  return out;
}

// RFC 8032, 7.1, test 2.
const std::string kKey = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const std::string kMessage = bytes("72");
const std::string kSignature = bytes(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
    "b4302aeeb00d"
    "291612bb0c00");

TEST(Signature, TellsARightOneFromWrongOnes) {
  const auto right = ed25519_ok(kKey, kMessage, kSignature);
  if (!right && right.error().code() == Errc::unsupported) GTEST_SKIP() << right.error().message();
  ASSERT_TRUE(right) << right.error().message();
  EXPECT_TRUE(*right);
  EXPECT_EQ(ed25519_ok(kKey, "s", kSignature), Result<bool>(false));
  for (std::size_t i = 0; i < kSignature.size(); i += 9) {
    std::string wrong = kSignature;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_EQ(ed25519_ok(kKey, kMessage, wrong), Result<bool>(false)) << i;
  }
}

TEST(Signature, AKeyOfAnotherSizeIsAnErrorAndNoFalse) {
  EXPECT_EQ(ed25519_ok("short", kMessage, kSignature).error().code(), Errc::malformed);
  EXPECT_EQ(ed25519_ok(kKey, kMessage, "short").error().code(), Errc::malformed);
}

}  // namespace
}  // namespace bringup::host
