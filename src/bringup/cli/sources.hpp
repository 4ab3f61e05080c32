// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asking the places that software comes from, by way of the mirrors that the goal allows.

#include <bringup/cli/look.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bringup::cli {

// What a conda comes from is no place of every machine. It answers like the rest until it is asked.
void add_conda_sources(Looked& looked, const goal::Goal& goal);

// Nobody is asked: a mirror that is wished for answers where the place itself is taken to.
void take_mirrors(facts::Machine& machine, const goal::Goal& goal);

// Asks the places that software comes from, and the mirrors that the goal allows, at once; each place is then
// the one that is taken. Those that had not answered in time come back.
std::vector<std::string> ask_with_mirrors(facts::Machine& machine, const goal::Goal& goal,
                                          std::chrono::milliseconds patience,
                                          const std::function<void()>& meanwhile = {});

}  // namespace bringup::cli
