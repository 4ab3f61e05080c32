// SPDX-License-Identifier: Apache-2.0
#pragma once
// The drivers that could be had, the best first, and what stands against each.

#include <bringup/resolve/problem.hpp>

namespace bringup::resolve {

// left: nobody installs it now, and what is chosen beside it is chosen for it (--user-only).
enum class Origin { none, keep, nvidia, distro, left };

struct DriverCandidate {
  Origin origin = Origin::none;
  int number = 0;                           // branch
  const catalog::Branch* branch = nullptr;  // null: the catalog has no row for it
  Version version;  // the one that is there or the newest of the branch; no parts: not known
  std::optional<facts::Flavour> flavour;
  std::string evidence;  // of keep: where it was seen
};

// Why a candidate cannot be; one name per rule.
enum class DriverRule {
  gpu_unknown,
  unmanaged,
  needs_driver,
  pinned,
  windows,
  arch,
  no_row,
  silent,
  no_packages,
  cannot_hold,
  no_version,
  branch_unknown,
  gpu_too_old,
  gpu_too_new,
  gpu_not_listed,
  gpu_listed_later,
  open_only,
  proprietary_only,
  no_open,
  toolkit_floor,
};

struct DriverRejection {
  DriverRule rule = DriverRule::pinned;
  std::size_t gpu = 0;
};

// Every candidate in the order of preference: one that can be had before one that is left to root, nothing
// changed, then supported, then production before
// new-feature branches, then the newest, then a place that was tried, then NVIDIA's repository before the
// distribution's archive, then the flavour that NVIDIA recommends.
std::vector<DriverCandidate> driver_candidates(const Problem& problem);

// The first rule that the candidate breaks; nullopt when it serves.
std::optional<DriverRejection> driver_rejection(const Problem& problem, const DriverCandidate& candidate);
// The same in words.
std::string say(const Problem& problem, const DriverCandidate& candidate, const DriverRejection& rejection);
// "driver 535.261.03 from the distribution's archive"
std::string driver_text(const DriverCandidate& candidate);

bool end_of_life(const Problem& problem, const DriverCandidate& candidate);
// The packages and the module stream that bring a candidate of NVIDIA's repository or of the archive.
std::vector<std::string> packages_of(const Problem& problem, const DriverCandidate& candidate);
std::vector<std::string> pins_of(const Problem& problem, const DriverCandidate& candidate);
std::vector<std::string> locks_of(const Problem& problem, const DriverCandidate& candidate);
std::string dnf_module_of(const Problem& problem, const DriverCandidate& candidate);
std::string_view flavour_name(facts::Flavour flavour);

}  // namespace bringup::resolve
