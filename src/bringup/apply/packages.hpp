// SPDX-License-Identifier: Apache-2.0
#pragma once
// What installing packages asks of a package manager, and apt's and dnf's ways of it.

#include <bringup/apply/hands.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

struct Installed {
  std::string version;
  bool held = false;
  bool well = true;  // unpacked and configured
  bool half_unpacked =
      false;         // dpkg died on it: it can neither be configured nor removed, only unpacked again
  std::string name;  // of rpm's, which stand once by name and once as "name-version-release.architecture"
};
// By name as the manager shows it: "libc6", "libc6:i386" for another architecture than the machine's own.
using Database = std::map<std::string, Installed, std::less<>>;

// What a manager would do, taken from its own simulation.
struct Simulation {
  std::vector<std::string> installs;  // and upgrades
  std::vector<std::string> exact;     // the same as "name=version"; apt's only
  std::vector<std::string> removes;
  std::vector<std::string> downgrades;
  std::vector<std::string> held;  // would be changed although they are held
};

// A package that holds a kernel that can be booted; headers, -devel packages and sources are none.
bool is_kernel(std::string_view package);
// Errc::refused, naming the packages, when the simulation removes, downgrades, changes a held package or
// touches a kernel.
Result<> check_installation(const Simulation& simulation);
// The same for taking back: only what is in `ours` may go, and nothing may come.
Result<> check_removal(const Simulation& simulation, const std::set<std::string, std::less<>>& ours);

// apt.cpp
Database parse_dpkg_database(std::string_view status);
Result<Database> dpkg_database(const host::View& view);
Simulation parse_apt_simulation(std::string_view output);
// Names with "Auto-Installed: 1".
std::set<std::string, std::less<>> parse_auto_marks(std::string_view extended_states);
Result<> apt_install(const steps::InstallPackages& step, const Hands& hands);
Result<> apt_remove(const std::vector<std::string>& packages, const Hands& hands);
// Finishes what an interrupted dpkg left, when there is something.
Result<> repair_dpkg(const Hands& hands);
// Makes dpkg's database say what an interrupted dpkg had come to, without finishing it.
Result<> settle_dpkg(const Hands& hands);

// The words of an apt-get that waits for dpkg's lock and asks again where a network stumbles.
std::vector<std::string> apt_get(const std::vector<std::string>& words);

// space.cpp
struct Room {
  std::uint64_t archives = 0;  // bytes to fetch
  std::uint64_t unpacked = 0;  // bytes on the disk afterwards
};
// What apt's packages take; none when apt does not tell. (apt.cpp)
std::optional<Room> room_for(const Simulation& simulation, const host::View& view);
// Of what `apt-cache show` prints.
Room parse_apt_sizes(std::string_view output);
// Errc::io when a file system has too little room for packages, or for the start images that are written
// anew.
Result<> check_room(const Room& room, const host::View& view);
Result<> check_room_at(const char* path, const Room& room, const host::View& view);  // of `unpacked` alone
Result<> check_boot_room(const std::vector<std::string>& releases, const host::View& view);

// dnf.cpp
Database parse_rpm_database(std::string_view output);
Result<Database> rpm_database(const host::View& view);
Simulation parse_dnf_simulation(std::string_view output);
Result<> dnf_install(const std::vector<std::string>& packages, const Hands& hands);
Result<> dnf_remove(const std::vector<std::string>& packages, const Hands& hands);
// A package that dnf's versionlock keeps, and its version: "nvidia-open", "3:580.95.05-1.el10".
struct VersionLock {
  std::string name;
  std::string version;
};
// All that are kept; dnf 4's list and dnf 5's.
Result<std::vector<VersionLock>> version_locks(const host::View& view);
// Whether the lock is meant by a name, or by a pattern of "name-version" in which '*' is anything.
bool is_meant(const VersionLock& lock, std::string_view package);
bool has_versionlock(const host::View& view);

// kernel_modules.cpp
// Whether NVIDIA's main module lies below /lib/modules/<release>, built for this very kernel as far as can be
// read.
bool module_is_built(const std::string& release, const host::View& view);
// What is said of one that was built for another kernel, by its vermagic; "" when none was.
std::string others_module(const std::string& release, const host::View& view);
// The end of DKMS's newest log about NVIDIA's module; "" when there is none.
std::string build_log_end(const host::View& view);
Result<std::vector<std::string>> loaded_modules(const host::View& view);

// How long a package manager may take: DKMS builds take minutes for each kernel on a small machine.
inline constexpr std::chrono::minutes kPackagesDeadline{120};
// An answer to a question.
inline constexpr std::chrono::minutes kQuestionDeadline{5};

}  // namespace bringup::apply
