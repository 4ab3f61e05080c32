// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an environment holds, exactly: each package's version with the hash of every file that may bring it.
// As text it is a pylock.toml (PEP 751), which other installers read too; what those have no word for stands
// in its table [tool.bringup].

#include <bringup/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::steps {

struct LockedFile {
  std::string url;
  std::uint64_t size = 0;  // 0: the index does not say
  std::string sha256;      // 64 lower-case hexadecimal digits
  bool source = false;     // a source archive, and no wheel
  bool operator==(const LockedFile&) const = default;
};

struct LockedPackage {
  std::string name;
  std::string version;
  std::vector<LockedFile> files;  // at least one
  bool operator==(const LockedPackage&) const = default;
};

struct Lock {
  std::string python;              // "3.11"
  std::string platform;            // "x86_64"
  std::string variant;             // "cu130", "cpu"; "" without torch
  std::vector<std::string> asked;  // what was to be installed: "torch==2.14.1"
  std::vector<LockedPackage> packages;
  bool operator==(const Lock&) const = default;
};

// Reads a lock of ours, or (`made` is filled already but for the packages) what uv writes. Every name,
// version and hash in it is one that cannot end its line among an installer's requirements.
Result<Lock> parse_lock(std::string_view text, std::string_view name);
Result<Lock> parse_pylock(std::string_view text, std::string_view name, Lock made);
std::string to_toml(const Lock& lock);

// "idna==3.20 --hash=sha256:.." for each: what uv and pip install with --require-hashes.
std::vector<std::string> requirements(const Lock& lock);
const LockedPackage* find_package(const Lock& lock, std::string_view name);
// The last part of a file's address, as the file is called: "torch-2.14.1+cpu-cp311-..whl".
std::string file_name(const LockedFile& file);

}  // namespace bringup::steps
