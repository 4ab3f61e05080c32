// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Pythons that environments could be made with, the preferred one first.

#include <bringup/resolve/problem.hpp>

namespace bringup::resolve {

struct PythonCandidate {
  PythonChoice choice;
  std::string reason;     // why this one
  std::string evidence;   // where that is known from
  bool fallback = false;  // another version than the one wanted
  bool download = false;  // fetched from a place that is not among those asked: the last resort
  catalog::Known known = catalog::Known::read;  // how the evidence is
};

// "3.11" unless the goal says otherwise.
std::string wanted_python(const Problem& problem);
std::vector<PythonCandidate> python_candidates(const Problem& problem);

}  // namespace bringup::resolve
