// SPDX-License-Identifier: Apache-2.0
#pragma once
// What conda keeps outside of its own directory.

#include <bringup/apply/hands.hpp>

namespace bringup::apply {

// conda notes each directory that it makes an environment of in a list below the user's home: what was there
// before, and taking `path` and what lies in it out again, with a list and a directory that were not there.
Json conda_list_before(const Hands& hands);
Result<> leave_conda_list(const std::string& path, const Json& before, const Hands& hands);

}  // namespace bringup::apply
