// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CUDA toolkit that goes with the chosen wheels, or why there is none. One that is there and does comes
// first, then NVIDIA's repository, the distribution's archive and, last because it is the least of them,
// PyPI; what needs root is none of them with --user-only.

#include <bringup/resolve/driver.hpp>
#include <bringup/resolve/python.hpp>

namespace bringup::resolve {

struct ToolkitSolution {
  ToolkitChoice choice;
  std::string reason;  // one sentence
  std::string evidence;
  catalog::Known known = catalog::Known::read;
  std::string caveat;  // "" or what the user should know
};

// What a toolkit is for.
struct ToolkitNeed {
  std::optional<Version> cuda;  // what the wheels were built with; nullopt without any
  // An extension is compiled with it: PyTorch does that with one of its own CUDA's major alone, and a g++
  // that is not the default one does too.
  bool compiles = false;
};

// `maker` makes the environment of PyPI's toolkit; null: none can be made here. nullopt: the goal pins a
// toolkit that cannot be had, or none compiles what is to be compiled.
std::optional<ToolkitSolution> choose_toolkit(const Problem& problem, const DriverCandidate& driver,
                                              const ToolkitNeed& need, const PythonCandidate* maker);
// Whether an extension of a torch for this CUDA can be compiled here; `makes`: there is a Python that could
// make the environment of PyPI's toolkit.
bool compiles_for(const Problem& problem, const DriverCandidate& driver, int cuda_major, bool makes);
// Why it cannot, as the end of a sentence.
std::string no_toolkit_for(const Problem& problem, int cuda_major);
// Whose g++ a toolkit is held against: the default one, any that is here, or one that comes with it.
enum class Host { usual, any, own };
bool accepts(const Problem& problem, const catalog::Toolkit& toolkit, Host host);
// Whether a repository file is for this system and architecture.
bool is_for(const facts::RepositoryFile& file, const facts::Machine& machine);
// Where PyPI's toolkits go, each in an environment of its own: "<prefix>/toolkits".
std::string toolkits_path(const Problem& problem);
// The version to aim at: the goal's, else the wheels', else the newest that the driver speaks natively.
std::optional<Version> toolkit_aim(const Problem& problem, const DriverCandidate& driver,
                                   const std::optional<Version>& cuda);
// What stands against a toolkit of NVIDIA's repository or PyPI; "" when it would do.
std::string toolkit_objection(const Problem& problem, const DriverCandidate& driver,
                              const catalog::Toolkit& row);
// Why a pinned toolkit cannot be had.
std::string toolkit_objection(const Problem& problem);

}  // namespace bringup::resolve
