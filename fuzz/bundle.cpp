// SPDX-License-Identifier: Apache-2.0
// Any bytes as a signed catalog and as a file of keys: nothing that is not whole is taken.
#include <bringup/base/digest.hpp>
#include <bringup/catalog/signed.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto bundle = catalog::parse_bundle(text)) {
    fuzz::require(bundle->signature.size() == 64 && bundle->version > 0 && !bundle->files.empty());
    for (const auto& [name, table] : bundle->files)
      fuzz::require(bundle->manifest.find(base::sha256_hex(table)) != std::string::npos);
  }
  if (const auto keys = catalog::parse_trusted_keys(text, "keys.toml")) {
    for (const catalog::TrustedKey& key : *keys) fuzz::require(key.bytes.size() == 32 && !key.id.empty());
  }
  return 0;
}
