// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a Python package index says: pages of files (PEP 503), the names of wheels (PEP 427, PEP 600) and
// their metadata (PEP 566, PEP 658). Pure parsers; nothing here asks a network.

#include <bringup/base/version.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

using base::Version;

struct IndexFile {
  std::string name;       // "torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl"
  std::string url;        // absolute, without the digest behind '#'
  bool metadata = false;  // the index serves url + ".metadata"
  bool yanked = false;
  bool operator==(const IndexFile&) const = default;
};

// The links of a page; `page` is its address, which relative links are read against. A link that is no file
// of a distribution is left out.
std::vector<IndexFile> parse_index(std::string_view html, std::string_view page);

// A wheel's name taken apart; nullopt when it is none.
struct WheelName {
  std::string package;
  std::string version;
  std::string python;    // "cp311"
  std::string abi;       // "cp311", "cp313t"
  std::string platform;  // "manylinux_2_28_x86_64", "manylinux_2_17_x86_64.manylinux2014_x86_64"
};
std::optional<WheelName> parse_wheel_name(std::string_view name);

// "cp311" -> "3.11"; nullopt for "py3", "pp310".
std::optional<std::string> python_of_tag(std::string_view tag);
// The glibc that a platform's tag asks for, when it is one of Linux on x86_64 with glibc.
std::optional<Version> glibc_of_platform(std::string_view platform);
// True for "2.15.0" and "2.15.0.post1", false for "2.15.0rc1", "2.15.0a0", "2.15.0.dev1".
bool is_release(std::string_view version);

struct Metadata {
  std::string name;
  std::string version;
  std::string requires_python;
  std::vector<std::string> requires_dist;
};
Metadata parse_metadata(std::string_view text);
// The same out of PyPI's JSON about a release (its "info"); nullopt when it is of another version, or no such
// document.
std::optional<Metadata> parse_json_metadata(std::string_view text, std::string_view version);

// The version that a package is pinned to ("torch==2.14.1"); nullopt when it is not, or only within a range.
std::optional<std::string> pinned_to(const Metadata& metadata, std::string_view package);
// The CUDA variant of a torch by what it requires: "cu130" of cuda-toolkit==13.0.2, "cu128" of
// nvidia-cuda-runtime-cu12==12.8.90; "cpu" when it requires nothing of NVIDIA; nullopt when it cannot be
// told.
std::optional<std::string> variant_of(const Metadata& metadata);

}  // namespace bringup::catalog
