// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much of a roofline is reached, and how far siblings may differ: data/reference/*.toml, typed.

#include <bringup/base/result.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::diagnose {

struct Factor {
  std::string figure;
  std::string by;  // "library", "own"; "" for all
  double expected = 0;
  double warn = 0;
  double fail = 0;
  std::string source;
};

struct SiblingLimit {
  std::string figure;
  double warn = 0;
  double fail = 0;
  std::string source;
};

struct OperationsRow {
  std::string capability;
  bool geforce = false;
  std::map<std::string, int> per_clock;  // by type; 0: not in hardware
  std::string source;
};

struct Reference {
  std::vector<Factor> factors;
  std::vector<SiblingLimit> siblings;
  std::vector<OperationsRow> operations;

  // Null when there is no row.
  const Factor* factor(std::string_view figure, std::string_view by = "") const;
  const SiblingLimit* sibling(std::string_view figure) const;
  // The row of the capability; of the nearest older one with the same first number when it has none.
  const OperationsRow* row(std::string_view capability, bool geforce) const;
};

// A row that is not in order (out of range, fail above warn, twice the same) is Errc::malformed with its
// line.
Result<Reference> parse_reference(std::string_view text, std::string_view name);
// The one that was compiled in.
const Reference& reference();

}  // namespace bringup::diagnose
