// SPDX-License-Identifier: Apache-2.0
#pragma once
// A bundle: a directory with everything that a described machine needs, so that it can be had without a
// network. Its manifest names each file with size and hash, and is written last.

#include <bringup/host/control.hpp>
#include <bringup/steps/step.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::apply {

struct BundleFile {
  std::string path;  // below the bundle: "wheels/idna-3.20-py3-none-any.whl"
  std::uint64_t size = 0;
  std::string sha256;
  std::string url = {};  // where it comes from; not in the manifest
  bool operator==(const BundleFile&) const = default;
};

struct Bundle {
  std::string made_at;
  std::string version;            // of the program that made it
  std::string os;                 // "debian-12"
  std::string arch;               // "x86_64"
  std::string kernel;             // for which a driver is built; "" when there is no driver in it
  std::vector<std::string> gpus;  // "10de:2684", sorted, each as often as it is there
  std::string keyring;            // the machine's own file of keys that the archive's index is held against
  std::vector<std::string> archive;  // "bookworm main contrib": suites with their components
  std::string uv;                    // version of uv; "" when it is not in it
  std::vector<BundleFile> files;     // sorted by path
  bool operator==(const Bundle&) const = default;
};

inline constexpr std::string_view kManifest = "manifest.json";

std::string to_json(const Bundle& bundle);
// Refuses paths that lead out of the bundle, and what is not whole.
Result<Bundle> parse_bundle(std::string_view json, std::string_view name);

// Told while files are fetched or checked: bytes so far.
using BundleMeter = std::function<void(std::uint64_t bytes)>;

// Each file of the manifest is there with its bytes; the first that is not is named.
Result<> check_bundle(const std::string& directory, const Bundle& bundle, const host::View& view,
                      const BundleMeter& meter);

// Where apt's own state for making a bundle is: below `work`, with nothing installed.
struct PrivateApt {
  std::string work;
  std::string sources;  // one-line sources with keyring
};
// The index's files and the packages with all that they need on a machine that has nothing, with addresses
// and hashes as the signed index has them. Paths: "apt/dists/..", "apt/pool/..".
Result<std::vector<BundleFile>> archive_files(const PrivateApt& apt, const std::string& base_url,
                                              const std::vector<std::string>& packages,
                                              host::Control& control);
// Of apt-get --print-uris with SHA-256; those that lie elsewhere than below `base_url` are an error.
Result<std::vector<BundleFile>> parse_print_uris(std::string_view output, std::string_view base_url);
// The rows of a Release file's SHA256 that are Packages.xz of `architecture`.
std::vector<BundleFile> parse_release(std::string_view text, std::string_view architecture);

// Brings the files that are not there yet, each into a part file first; goes on with such a part.
Result<> fetch_bundle(const std::string& directory, const std::vector<BundleFile>& files,
                      host::Control& control, const BundleMeter& meter);

// The plan with the bundle in `directory` as its only source.
Result<steps::Plan> from_bundle(steps::Plan plan, const Bundle& bundle, const std::string& directory,
                                const std::string& state_directory);

}  // namespace bringup::apply
