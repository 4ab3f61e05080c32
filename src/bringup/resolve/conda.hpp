// SPDX-License-Identifier: Apache-2.0
#pragma once
// A conda of the user's own: one that is here, or one that its installer brings.

#include <bringup/resolve/problem.hpp>

namespace bringup::resolve {

// "miniconda" and "miniforge", which a goal may ask for by name.
bool is_conda(std::string_view manager);

// The conda that does for `kind` ("miniconda", "miniforge"): that one, else one whose folder does not tell
// what it is ("/opt/conda"). nullptr: none is here.
const facts::PythonManager* conda_asked_for(const facts::Machine& machine, std::string_view kind);

// Where one goes that is installed: "/home/me/miniconda3", or below the goal's prefix.
std::string conda_prefix(const facts::Machine& machine, const goal::Goal& goal);
// Where environments of that conda are made, so that it knows them by name; "" where the goal asks for none,
// or its own directory is not the user's.
std::string conda_root(const facts::Machine& machine, const goal::Goal& goal);

// The places that this goal needs beside those of every machine, each by the very file that is asked for: the
// installer, unless a conda is here, and the channel.
std::vector<facts::Source> conda_sources(const facts::Machine& machine, const goal::Goal& goal,
                                         const catalog::Catalog& catalog);
inline constexpr std::string_view kChannelIndex = "noarch/repodata.json";

// What stands against installing the conda that the goal asks for; "" for nothing.
std::string conda_objection(const Problem& problem);
// Packages that its download needs first.
std::vector<std::string> conda_packages(const Problem& problem);

}  // namespace bringup::resolve
