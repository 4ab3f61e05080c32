// SPDX-License-Identifier: Apache-2.0
// Any bytes in place of one of the catalog's tables (the first byte says which): they load or are refused by
// file.
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include "fuzz.hpp"
#include <algorithm>
#include <iterator>

namespace {

using bringup::catalog::Cell;
using bringup::catalog::Rows;

bool same(const Rows& a, const Rows& b) {
  const auto same_cell = [&](const Cell& left, const Cell& right) {
    return left.key == right.key && left.kind == right.kind && left.text == right.text &&
           left.number == right.number && left.line == right.line &&
           std::ranges::equal(a.texts_of(left), b.texts_of(right));
  };
  return std::ranges::equal(a.entries, b.entries, [&](const Rows::Entry& left, const Rows::Entry& right) {
    return left.table == right.table && left.line == right.line && left.kind == right.kind &&
           std::ranges::equal(a.cells_of(left), b.cells_of(right), same_cell);
  });
}

// The head and the first rows of a table of lines.
std::string shortened(const std::string& text) {
  constexpr int kRows = 12;
  std::size_t at = 0;
  for (int rows = 0; rows < kRows && at < text.size();) {
    if (text[at] != '#') ++rows;
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return text.substr(0, at);
}

// The catalog with few rows in its longest tables, so that thousands of tables a second can be tried beside
// them, and none in those that name GPUs.
bringup::catalog::Files few_rows() {
  bringup::catalog::Files files = bringup::catalog::compiled_in();
  for (auto& [name, text] : files) {
    if (name.ends_with(".tsv")) text = shortened(text);
  }
  files["first_driver.tsv"] = "# source: x\n# as_of: 2026-01-01\n# known: read\n# columns: device_id\n";
  files["subsystems.tsv"] =
      "# source: x\n# as_of: 2026-01-01\n# known: read\n# columns: device_id subsystem name\n";
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bringup;
  if (size == 0) return 0;
  static const catalog::Files few = few_rows();
  catalog::Files files = few;
  auto table = files.begin();
  std::advance(table, data[0] % files.size());
  table->second = std::string(fuzz::text_of(data + 1, size - 1));
  if (table->first == "first_driver.tsv" || table->first == "subsystems.tsv")
    files["gpus.tsv"] = catalog::compiled_in().at("gpus.tsv");
  // The quick reader takes nothing that the whole one refuses, and makes the same of it.
  if (const auto quick = catalog::quick_rows(table->second)) {
    const auto rows = catalog::whole_rows(table->second, table->first);
    fuzz::require(rows && same(*quick, *rows));
  }
  const auto loaded = catalog::load(files);
  if (!loaded) {
    fuzz::require(!loaded.error().message().empty());
    return 0;
  }
  for (const catalog::WheelSet& set : loaded->wheels)
    fuzz::require(!set.from.source.empty() && !set.pythons.empty());
  return 0;
}
