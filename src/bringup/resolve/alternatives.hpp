// SPDX-License-Identifier: Apache-2.0
#pragma once
// What could have been chosen instead, for each part of a solution.

#include <bringup/resolve/search.hpp>
#include <bringup/resolve/why.hpp>

namespace bringup::resolve {

using Alternatives = std::vector<Alternative>;

// Each gives the nearest first, at most two.
Alternatives driver_alternatives(const Problem& problem, const Solution& solution);
Alternatives flavour_alternatives(const Problem& problem, const Solution& solution);
Alternatives source_alternatives(const Problem& problem, const Solution& solution);
Alternatives toolkit_alternatives(const Problem& problem, const Solution& solution);
Alternatives python_alternatives(const Problem& problem, const Solution& solution);
// Of the environment with this index.
Alternatives wheel_alternatives(const Problem& problem, const Solution& solution, std::size_t index);

}  // namespace bringup::resolve
