// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ed25519 signatures (RFC 8032), checked by the system's libcrypto, which is opened at run time and not
// linked.

#include <bringup/base/result.hpp>

#include <string>
#include <string_view>

namespace bringup::host {

// Whether `signature` (64 bytes) is that of `key` (32 bytes) over `message`. Errc::unsupported: no libcrypto
// is here that can tell.
Result<bool> ed25519_ok(const std::string& key, std::string_view message, const std::string& signature);

}  // namespace bringup::host
