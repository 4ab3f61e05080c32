// SPDX-License-Identifier: Apache-2.0
#pragma once
// OpenPGP public keys, as far as knowing one needs: RFC 4880 (packets, armour, v4 fingerprints).

#include <bringup/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

// Fingerprints of the primary keys in `bytes` (binary or ASCII-armoured), 40 upper-case hexadecimal digits
// each.
Result<std::vector<std::string>> key_fingerprints(std::string_view bytes);

// Fine when `bytes` holds exactly one primary key and it has this fingerprint: a second key would be trusted
// as well.
Result<> check_fingerprint(std::string_view bytes, std::string_view wanted);

}  // namespace bringup::apply
