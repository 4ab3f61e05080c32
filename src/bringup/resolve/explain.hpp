// SPDX-License-Identifier: Apache-2.0
#pragma once
// A solution told as a choice: what to install, why, and what the user should know.

#include <bringup/resolve/search.hpp>

namespace bringup::resolve {

Choice choice_of(const Problem& problem, const Solution& solution, bool hold_kernel);
// Which of the reasons rest on what was only read or inferred; nullopt when all of them were seen.
std::optional<Notice> not_tried(const std::vector<Reason>& reasons);
std::vector<Notice> notices_of(const Problem& problem, const Solution& solution);

}  // namespace bringup::resolve
