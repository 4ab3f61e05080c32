// SPDX-License-Identifier: Apache-2.0
#pragma once
// SHA-256 (FIPS 180-4), SHA-1 (for OpenPGP v4 fingerprints only, RFC 4880 12.2) and CRC-32C (RFC 3720 B.4).
// Ours, because a static libcrypto costs megabytes, no static one exists on RHEL, and a shared one breaks
// "needs libc, libm, libstdc++ and libgcc_s only"; the functions are frozen and tested with their published
// vectors.

#include <cstdint>
#include <string>
#include <string_view>

namespace bringup::base {

std::string sha256_hex(std::string_view bytes);
std::string sha1_hex(std::string_view bytes);
std::uint32_t crc32c(std::string_view bytes);

}  // namespace bringup::base
