// SPDX-License-Identifier: Apache-2.0
// Any bytes in place of one of the catalog's tables (the first byte says which): they load or are refused by
// file.
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include "fuzz.hpp"
#include <iterator>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  if (size == 0) return 0;
  static const catalog::Files whole = catalog::compiled_in();
  catalog::Files files = whole;
  auto table = files.begin();
  std::advance(table, data[0] % files.size());
  table->second = std::string(fuzz::text_of(data + 1, size - 1));
  if (table->first == "gpus.tsv" || table->first == "branches.toml") {
    // Other tables name these rows: left whole they would only hide what is said of this one.
    files["first_driver.tsv"] = "# source: x\n# as_of: 2026-01-01\n# known: read\n# columns: device_id\n";
  }
  // The quick reader takes nothing that the whole one refuses.
  if (catalog::quick_toml(table->second))
    fuzz::require(static_cast<bool>(base::parse_toml(table->second, table->first)));
  const auto loaded = catalog::load(files);
  if (!loaded) {
    fuzz::require(!loaded.error().message().empty());
    return 0;
  }
  for (const catalog::WheelSet& set : loaded->wheels)
    fuzz::require(!set.from.source.empty() && !set.pythons.empty());
  return 0;
}
