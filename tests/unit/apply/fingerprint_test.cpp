// SPDX-License-Identifier: Apache-2.0
// Keys made by GnuPG for these tests, with the fingerprints that it told.
#include <bringup/apply/fingerprint.hpp>

#include <gtest/gtest.h>

namespace bringup::apply {
namespace {

constexpr const char* kFingerprint = "8F76CF2B0BE600E97227C8CD2F22FC30D7780CEA";
constexpr const char* kKey = R"(-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawYPdRYJKwYBBAHaRw8BAQdA0EVE1U7QVYFFw4x2qfhb7zKkRZvLa21hbypK
CJ3OCpG0G1Rlc3QgS2V5IDx0ZXN0QGV4YW1wbGUub3JnPoiQBBMWCAA4FiEEj3bP
KwvmAOlyJ8jNLyL8MNd4DOoFAmsGD3UCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgEC
F4AACgkQLyL8MNd4DOr6eAEAu4/fFmXirT1xBS9btl8cxQYi+g4CYkcHV+NYhf4p
+0kBAKCAzA3cUcSYa3E8EBUtAvdPAysWWGkGQNnYQ3QsytED
=dzh9
-----END PGP PUBLIC KEY BLOCK-----
)";
constexpr const char* kOtherFingerprint = "9292E64427588BDC4A4B8FF2706810CDFBCC7BB1";
constexpr const char* kOtherKey = R"(-----BEGIN PGP PUBLIC KEY BLOCK-----

mI0EawYPdQEEAL9ykss8D138M8PsgAXoW6SL3PT82tDwkxPtkxmBEzrWihrhRh1N
wmeAQWAyW7bzDiwLFiv8iJ+EcJbGmYcto3ycyIaMNeom8/UPYyMiQfuQPvyWTbNb
injW11t+XVFnuMl25pQqis015QXfXVihEs7Sq3adx11nyxBEqyw/XzjrABEBAAG0
HU90aGVyIEtleSA8b3RoZXJAZXhhbXBsZS5vcmc+iM4EEwEKADgWIQSSkuZEJ1iL
3EpLj/JwaBDN+8x7sQUCawYPdQIbAwULCQgHAgYVCgkICwIEFgIDAQIeAQIXgAAK
CRBwaBDN+8x7sSxaA/wLfuAC5kfGef6KFNwwypzsTF3Za5Q04fPyDLPCfcKaJxBv
wZCcSvyP7jGn11qTogm0btBcEmP5jXVNmTedmuvvtzXTIwzAlEqZxm9pD945v3gA
z8w0DRz//chiezlPI8fzKDEPZ8g7AOYjL+CKONBPBIlEWfHC8YKvtQp8gqqR3g==
=eqHN
-----END PGP PUBLIC KEY BLOCK-----
)";

// The first packet of kKey without armour: the public key itself, 2 bytes of head and 51 of body.
std::string binary_key() {
  const unsigned char bytes[] = {0x98, 0x33, 0x04, 0x6b, 0x06, 0x0f, 0x75, 0x16, 0x09, 0x2b, 0x06,
                                 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01, 0x01, 0x07, 0x40, 0xd0,
                                 0x45, 0x44, 0xd5, 0x4e, 0xd0, 0x55, 0x81, 0x45, 0xc3, 0x8c, 0x76,
                                 0xa9, 0xf8, 0x5b, 0xef, 0x32, 0xa4, 0x45, 0x9b, 0xcb, 0x6b, 0x6d,
                                 0x61, 0x6f, 0x2a, 0x4a, 0x08, 0x9d, 0xce, 0x0a, 0x91};
  return {std::begin(bytes), std::end(bytes)};
}

TEST(Fingerprint, IsWhatGnuPgTells) {
  EXPECT_EQ(key_fingerprints(kKey).value_or({}), std::vector<std::string>{kFingerprint});
  EXPECT_EQ(key_fingerprints(kOtherKey).value_or({}), std::vector<std::string>{kOtherFingerprint});
  EXPECT_EQ(key_fingerprints(binary_key()).value_or({}), std::vector<std::string>{kFingerprint});
  EXPECT_TRUE(check_fingerprint(kKey, kFingerprint));
}

TEST(Fingerprint, OfAnotherKeyIsRefused) {
  const auto checked = check_fingerprint(kOtherKey, kFingerprint);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code(), Errc::refused);
  EXPECT_NE(checked.error().message().find(kOtherFingerprint), std::string::npos);
}

TEST(Fingerprint, OfOneKeyAmongTwoIsRefusedBecauseBothWouldBeTrusted) {
  const std::string two = binary_key() + binary_key();
  EXPECT_EQ(key_fingerprints(two).value_or({}).size(), 2U);
  EXPECT_EQ(check_fingerprint(two, kFingerprint).error().code(), Errc::refused);
}

TEST(Fingerprint, OfACutKeyIsNoneWhereverItIsCut) {
  const std::string whole = binary_key();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(key_fingerprints(whole.substr(0, size))) << size;
  const std::string armoured(kKey);
  EXPECT_FALSE(key_fingerprints(std::string_view(armoured).substr(0, armoured.size() / 2)));
}

TEST(Fingerprint, OfSomethingElseIsNone) {
  EXPECT_EQ(key_fingerprints("<html><body>log in</body></html>").error().code(), Errc::malformed);
  EXPECT_FALSE(key_fingerprints(""));
  std::string version_three = binary_key();
  version_three[2] = 3;
  EXPECT_EQ(key_fingerprints(version_three).error().code(), Errc::unsupported);
}

}  // namespace
}  // namespace bringup::apply
