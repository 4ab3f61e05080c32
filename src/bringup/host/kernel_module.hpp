// SPDX-License-Identifier: Apache-2.0
#pragma once
// NVIDIA's kernel module as a file: where it lies below /lib/modules, and what its .modinfo and its signature
// say.

#include <bringup/host/view.hpp>

#include <optional>

namespace bringup::host {

struct ModuleInfo {
  std::string version;     // "580.159.04"
  std::string license;     // "Dual MIT/GPL" of the open modules, "NVIDIA" of the others
  std::string built_for;   // the kernel's release of its vermagic: "6.1.0-25-amd64"; "" when it has none
  bool versioned = false;  // it says of each symbol which form of it it was built with ("modversions")
  std::string signer;      // common name of the key; "signed" when it cannot be read, "" when unsigned
};

// nvidia.ko, nvidia-current.ko, nvidia-tesla-470.ko, compressed or not; not their companions (-uvm, -drm
// ...).
bool is_nvidia_module(std::string_view name);

// Paths of the main modules of a kernel's release, in order of their directories.
std::vector<std::string> nvidia_modules(const View& view, const std::string& release);

// Reads an uncompressed module, through links: Errc::unsupported for a compressed one.
Result<ModuleInfo> read_module(const View& view, const std::string& path);
ModuleInfo parse_modinfo(std::string_view section);  // the NUL-separated contents of .modinfo
std::optional<std::string> find_common_name(std::string_view der);

// The number in `size` bytes from `at` on; what lies behind the end counts as zeros.
std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t size);
void append_number(std::string& out, std::uint64_t value, int bytes);

// A small valid module that reads as `info` does: for recordings and tests.
std::string module_file(const ModuleInfo& info);

}  // namespace bringup::host
