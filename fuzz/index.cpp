// SPDX-License-Identifier: Apache-2.0
// Any bytes as a page of an index, the name of a wheel, metadata and JSON.
#include <bringup/catalog/index.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  const std::string_view text = fuzz::text_of(data, size);
  for (const catalog::IndexFile& file : catalog::parse_index(text, "https://index.example/simple/torch/")) {
    fuzz::require(!file.name.empty() && file.url.ends_with(file.name));
    if (const auto wheel = catalog::parse_wheel_name(file.name)) {
      static_cast<void>(catalog::glibc_of_platform(wheel->platform));
      static_cast<void>(catalog::python_of_tag(wheel->python));
      static_cast<void>(catalog::is_release(wheel->version));
    }
  }
  const catalog::Metadata metadata = catalog::parse_metadata(text);
  static_cast<void>(catalog::variant_of(metadata));
  static_cast<void>(catalog::pinned_to(metadata, "torch"));
  static_cast<void>(catalog::parse_json_metadata(text, "2.15.0"));
  static_cast<void>(catalog::parse_wheel_name(text));
  return 0;
}
