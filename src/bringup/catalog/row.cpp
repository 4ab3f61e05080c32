// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/row.hpp>

#include <array>

namespace bringup::catalog {

// "2026-11-23" or "2026-11".
bool is_date(std::string_view text) {
  const auto parts = base::split(text, '-');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].size() != 4) return false;
  constexpr std::array<std::int64_t, 3> kMost{2099, 12, 31};
  constexpr std::array<std::int64_t, 3> kLeast{2000, 1, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = base::to_integer(parts[i]);
    if ((i > 0 && parts[i].size() != 2) || !number || *number < kLeast.at(i) || *number > kMost.at(i))
      return false;
  }
  return true;
}

}  // namespace bringup::catalog
