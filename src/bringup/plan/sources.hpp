// SPDX-License-Identifier: Apache-2.0
#pragma once
// The files that package managers and shells read, as steps: what stands in them and where they go.

#include <bringup/catalog/catalog.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace bringup::plan {

// An apt source that adds the archive's component with the driver, from the mirror in use, or from the
// distribution's own when no mirror is known; nullopt when the archive has no such component.
std::optional<steps::WriteFile> component_source(const facts::Machine& machine,
                                                 const catalog::Catalog& catalog);

// NVIDIA's repository: its key, its entry, and the pin that makes it win over the distribution for what both
// carry.
steps::FetchFile vendor_key(const catalog::VendorRepo& repo);
steps::WriteFile vendor_source(const catalog::VendorRepo& repo);
steps::WriteFile vendor_pin();
// The same by way of the mirror in use, if one is: the key's fingerprint stays, so a mirror can hold packages
// back and not change them.
catalog::VendorRepo through_mirror(catalog::VendorRepo repo, const facts::Machine& machine);
// True when a source for NVIDIA's repository is there already, or for a mirror of it, whoever put it there.
bool has_vendor_source(const facts::Machine& machine, const catalog::Catalog& catalog);

// Packages by way of the mirror of the distribution's archive that is in use, if one is: a file of sources
// that apt asks alone in these steps, and that stands before the first of them. The system's own stay.
void take_archive_mirror(const facts::Machine& machine, const goal::Goal& goal,
                         const catalog::Catalog& catalog, std::vector<steps::Step>& steps);

// Puts `bin` on the PATH of new bash and zsh shells, as far as it is not yet; nothing for an empty `bin`.
// Where it is the user's `own`, login shells find it by the user's own start file, and what PyPI's nvcc does
// not find by itself, the libraries beside it, stands on LIBRARY_PATH, which linking alone reads.
void add_path_steps(const facts::Machine& machine, std::string_view bin, bool own,
                    const std::function<void(steps::Step)>& add);

// A text as a word of a shell's: as it stands where that is safe, else between quotes.
std::string for_shell(std::string_view text);

// PyPI's index or its mirror's; "" for PyPI, which the user's own configuration may name otherwise.
std::string pypi_url(const facts::Machine& machine);
// Wheels from PyPI, or from its mirror; then PyPI's own word on hashes counts where it answers, and the other
// ways to it are tried when the mirror fails.
void set_pypi(const facts::Machine& machine, steps::InstallWheels& wheels);
// Where the wheels of one environment come from: PyTorch's own index when the choice says so.
void set_index(const facts::Machine& machine, const catalog::Catalog& catalog, const resolve::EnvChoice& env,
               steps::InstallWheels& wheels);

}  // namespace bringup::plan
