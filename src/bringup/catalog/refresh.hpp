// SPDX-License-Identifier: Apache-2.0
#pragma once
// Holds the rows about wheels against what a package index says today: what is confirmed, what is otherwise,
// what is new, and what an index cannot tell.

#include <bringup/catalog/catalog.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

// The page or file at an address.
using Fetch = std::function<Result<std::string>(const std::string& url)>;

enum class Standing { confirmed, otherwise, added, unconfirmed };
std::string_view standing_name(Standing standing);  // "confirmed"

struct Compared {
  Standing standing = Standing::unconfirmed;
  std::string table;  // "wheels", "companions"
  std::string key;    // "2.15.0+cu132@pypi"
  std::string text;   // one sentence
  bool operator==(const Compared&) const = default;
};

struct Refreshed {
  std::string index;
  std::vector<Compared> rows;
  std::vector<WheelSet> added;  // rows that the catalog lacks
};

// `index` is a PEP 503 index ("https://pypi.org/simple/"). Errc::unreachable when its page of torch cannot be
// had; whatever else cannot be had is unconfirmed, with the reason. `today` becomes as_of of what is new.
Result<Refreshed> refresh(const Catalog& catalog, std::string_view index, const Fetch& fetch,
                          std::string_view today);

// Rows as they stand in wheels.toml.
std::string rows_toml(const std::vector<WheelSet>& rows, std::string_view comment);
// "2.15.0+cu132@pypi"
std::string wheels_key(const WheelSet& wheels);

}  // namespace bringup::catalog
