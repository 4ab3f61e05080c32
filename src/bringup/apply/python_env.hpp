// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an environment's files say about it, without running it.

#include <bringup/apply/hands.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

// "<env>/lib/python3.11/site-packages"; Errc::absent when there is none.
Result<std::string> site_packages(const std::string& env, const host::View& view);

// Name (lower-case, '-' for '_' and '.') to version, of what was installed whole: an installer writes RECORD
// last. Empty for an environment without packages.
using Packages = std::map<std::string, std::string, std::less<>>;
Result<Packages> packages_in(const std::string& env, const host::View& view);
// Directories of packages that were not installed whole.
Result<std::vector<std::string>> half_installed_in(const std::string& env, const host::View& view);

// "torch==2.14.1", "Torch[extra] == 2.14.1+cu128": a name, and the exact version when one is given.
struct Requirement {
  std::string name;
  std::string version;
};
Requirement parse_requirement(std::string_view text);
// Whether an installed version is the wanted one; its local part counts only when one is wanted.
bool is_version(std::string_view wanted, std::string_view installed);

// "cu130" or "cpu" from the text of torch/version.py; "" when it tells neither.
std::string variant_in(std::string_view version_py);

// Whether `path` is the directory, or in it.
bool is_in(std::string_view path, std::string_view directory);
// What an earlier attempt began works on when bringup itself was killed, and somebody may use what is to go:
// the end of what has a path in there among its words is waited for, or two would write one directory.
// Errc::busy after two minutes (left_running.cpp).
Result<> wait_for_others(const std::string& path, const Hands& hands);

// What stands at the path of a directory that is to be made: nothing, or an empty directory; all else is
// refused (kind_python.cpp).
Result<Json> directory_before(const std::string& path, const Hands& hands);
// A half-made directory of an attempt that was killed goes: there was nothing else at this path. What it lies
// in is made.
Result<> clear_directory(const std::string& path, const Hands& hands);
Result<> take_directory_away(const std::string& path, const Json& before, const Hands& hands);

bool is_program(const std::string& path, const host::View& view);

// Downloads of several gigabytes over a slow line.
inline constexpr std::chrono::minutes kWheelsDeadline{120};

}  // namespace bringup::apply
