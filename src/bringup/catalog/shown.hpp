// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every table of the catalog in one form, for listing, filtering and showing.

#include <bringup/catalog/catalog.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bringup::catalog {

// A row in words: a list is joined with ", ", and what is not there is "".
struct Shown {
  std::string key;
  std::vector<std::pair<std::string, std::string>> fields;
  Provenance from;
};

// Those for explain and the thresholds are always the ones in use, whatever the catalog.
struct Table {
  std::string_view name;  // "wheels"
  std::string_view what;  // "torch with its companions, by CUDA variant and index"
  std::vector<Shown> (*rows)(const Catalog&);
};

std::span<const Table> tables();
// Errc::usage names the nearest.
Result<const Table*> find_table(std::string_view name);

// The rows in which every filter stands: a word anywhere ("blackwell"), or a field and what is in it
// ("variant=cu130", "known=tried"). Errc::usage for a field that no row has.
Result<std::vector<Shown>> filtered(std::vector<Shown> rows, std::span<const std::string> filters);
// The rows with this key; of gpus a name does as well. Errc::absent names the nearest key.
Result<std::vector<Shown>> rows_with_key(const Catalog& catalog, const Table& table, std::string_view key);

// How many rows these files have, of every table; what load() says where it refuses them.
Result<std::size_t> count_rows(const Files& files);

}  // namespace bringup::catalog
