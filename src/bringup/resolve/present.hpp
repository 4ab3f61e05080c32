// SPDX-License-Identifier: Apache-2.0
#pragma once
// The driver that is there already, and the kernels that a driver must have a module for.

#include <bringup/base/version.hpp>
#include <bringup/facts/machine.hpp>

#include <optional>
#include <string>
#include <vector>

namespace bringup::resolve {

struct Present {
  std::string version;
  std::optional<facts::Flavour> flavour;  // nullopt: not known
  std::string evidence;
};

// WSL: Windows' driver serves the GPUs, the bus does not show them, and no driver is installed here.
bool in_wsl(const facts::Machine& machine);

// Loaded, or its module and libraries on disk for the kernel that boots next; nullopt when there is none that
// is whole.
std::optional<Present> present_driver(const facts::Machine& machine);

// The kernel that runs and the one that boots next, as far as they are installed here; the newest last.
std::vector<std::string> kernels_to_serve(const facts::Kernel& kernel);

}  // namespace bringup::resolve
