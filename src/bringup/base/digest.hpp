// SPDX-License-Identifier: Apache-2.0
#pragma once
// SHA-256 (FIPS 180-4), SHA-1 (for OpenPGP v4 fingerprints, RFC 4880 12.2, and git's blobs) and CRC-32C (RFC
// 3720 B.4).
// Ours, because a static libcrypto costs megabytes, no static one exists on RHEL, and a shared one breaks
// "needs libc, libm, libstdc++ and libgcc_s only"; the functions are frozen and tested with their published
// vectors.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace bringup::base {

// Of bytes that come piece by piece: a model is larger than memory.
class Digest {
 public:
  enum class Kind : std::uint8_t { sha256, sha1 };
  explicit Digest(Kind kind);
  void add(std::string_view bytes);
  std::string hex();  // all that was added; ends it

 private:
  void take(const char* block);

  Kind kind_;
  std::array<std::uint32_t, 8> state_{};
  std::array<char, 64> rest_{};
  std::uint64_t size_ = 0;
};

std::string sha256_hex(std::string_view bytes);
std::string sha1_hex(std::string_view bytes);
// As such a function writes it: small hexadecimal digits, all of them.
bool is_sha256(std::string_view text);
bool is_sha1(std::string_view text);
std::uint32_t crc32c(std::string_view bytes);

}  // namespace bringup::base
