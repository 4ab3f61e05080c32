// SPDX-License-Identifier: Apache-2.0
#pragma once
// A bundle: a directory with everything that a described machine needs, so that it can be had without a
// network. Its manifest names each file with size and hash, and is written last.

#include <bringup/host/clock.hpp>
#include <bringup/host/control.hpp>
#include <bringup/steps/lock.hpp>
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
  std::string url = {};        // where it comes from; not in the manifest
  std::string git_sha = {};    // a model's file that its hub knows by SHA-1 of git's blob; "" for others
  std::string other_url = {};  // the place itself, where `url` is a mirror of it
  bool operator==(const BundleFile&) const = default;
};

// Its files lie below "models/<name>/".
struct BundleModel {
  std::string name;    // "org/name"
  std::string commit;  // of the repository
  bool operator==(const BundleModel&) const = default;
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
  bool vendor = false;               // NVIDIA's repository is in it, below "vendor/", with its key
  std::string uv;                    // version of uv; "" when it is not in it
  std::vector<BundleModel> models;
  std::vector<BundleFile> files;  // sorted by path
  bool operator==(const Bundle&) const = default;
};

inline constexpr std::string_view kManifest = "manifest.json";
inline constexpr std::string_view kVendorKey = "vendor/key.asc";

std::string to_json(const Bundle& bundle);
// Refuses paths that lead out of the bundle, and what is not whole.
Result<Bundle> parse_bundle(std::string_view json, std::string_view name);

// Told while files are fetched or checked: bytes so far.
using BundleMeter = std::function<void(std::uint64_t bytes)>;

// Each file of the manifest is there with its bytes; the first that is not is named.
Result<> check_bundle(const std::string& directory, const Bundle& bundle, const host::View& view,
                      const BundleMeter& meter);

// An archive of packages, and where its files go.
struct BundleArchive {
  std::string url;      // "https://deb.debian.org/debian/"
  std::string below;    // "apt/"
  std::string sources;  // one-line sources with keyring
};
// Where apt's own state for making a bundle is: below `work`, with nothing installed. What it is to prefer
// stands in `preferences`.
struct PrivateApt {
  std::string work;
  std::vector<BundleArchive> archives;
  std::string preferences;
};
// The indexes' files and the packages with all that they need on a machine that has nothing, with addresses
// and hashes as the signed indexes have them. `pins` are packages that tell apt which versions to take: they
// are followed as on the machine, where they are installed first.
Result<std::vector<BundleFile>> archive_files(const PrivateApt& apt, const std::vector<std::string>& pins,
                                              const std::vector<std::string>& packages,
                                              host::Control& control);
// Of apt-get --print-uris with SHA-256; those that lie elsewhere than in an archive are an error.
Result<std::vector<BundleFile>> parse_print_uris(std::string_view output,
                                                 const std::vector<BundleArchive>& archives);
// The rows of a Release file's SHA256 that are Packages.xz of `architecture`, or, where there are no
// components, the shortest Packages.
std::vector<BundleFile> parse_release(std::string_view text, std::string_view architecture);

// Brings the files that are not there yet, each into a part file first; goes on with such a part. A mirror
// that fails, or gives another file, is left for the place itself, and that is said.
Result<> fetch_bundle(const std::string& directory, const std::vector<BundleFile>& files,
                      host::Control& control, const BundleMeter& meter,
                      const std::function<void(std::string_view)>& say = {});

// For which machine wheels are resolved, and by which uv.
struct WheelTarget {
  std::string uv;
  std::string python;  // "3.11"
  std::string arch;    // "x86_64"
  std::string glibc;   // "2.36"
};
// `mirror`: where the same files are to be had by a mirror, when one is to be taken.
struct BundleLock {
  steps::Lock lock;
  steps::Lock mirror;
};
// All that these steps put into one environment: what PyTorch's own index gives first, what PyPI gives behind
// it. The hashes are the place's own where it answers.
Result<BundleLock> bundle_lock(const WheelTarget& target, const std::vector<steps::InstallWheels>& env,
                               host::Control& control);
// Its wheels below wheels_of(lock). What the index does not say of a file's size is asked for.
Result<std::vector<BundleFile>> wheel_files(const BundleLock& from, host::Control& control);
// "wheels"; "wheels/cu126" where torch is PyTorch's own index's for that variant, so that nothing of another
// index is offered beside it.
std::string wheels_of(const steps::Lock& lock);
std::string wheels_below(std::string_view torch_version);
// Whether a step's torch comes from PyTorch's own index.
bool is_of_a_variant(const steps::InstallWheels& step);
// Whether wheels of PyTorch's own index are among them.
bool has_pytorch(const Bundle& bundle);

// Files of models, each by what its hub says of it; then what the manifest says of them.
Result<std::vector<BundleFile>> fetch_bundle_models(const std::string& directory,
                                                    const std::vector<steps::FetchModelFile>& files,
                                                    host::Control& control, const host::Clock& clock,
                                                    const steps::PlanUser& user, const std::string& hub,
                                                    const std::function<void(std::string_view)>& say);
// The files of a model that a bundle has, to be copied out of it.
std::vector<steps::FetchModelFile> model_files(const Bundle& bundle, const BundleModel& model,
                                               const std::string& bundle_directory,
                                               const std::string& directory);

// The plan with the bundle in `directory` as its only source.
Result<steps::Plan> from_bundle(steps::Plan plan, const Bundle& bundle, const std::string& directory,
                                const std::string& state_directory);

}  // namespace bringup::apply
