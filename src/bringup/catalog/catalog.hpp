// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the world is like: GPUs, driver branches, toolkits, wheels, archives and repositories, as typed rows
// with a source. The rows live in data/catalog/ and are compiled in; loading refuses a bad row by file and
// line.

#include <bringup/base/result.hpp>
#include <bringup/base/version.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

using base::Version;

enum class Known { tried, read, inferred };

// Where a row comes from, when it was so, and how it is known.
struct Provenance {
  std::string source;
  std::string as_of;  // "2026-11-23"
  Known known = Known::read;
};

// "8.9" as major and minor.
struct ComputeCapability {
  int major = 0;
  int minor = 0;
  static std::optional<ComputeCapability> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const ComputeCapability&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Architectures from old to new; the order is used in comparisons.
enum class Architecture {
  fermi,
  kepler,
  maxwell,
  pascal,
  volta,
  turing,
  ampere,
  ada,
  hopper,
  blackwell,
  rubin
};
std::optional<Architecture> parse_architecture(std::string_view name);
std::string_view architecture_name(Architecture architecture);  // "Hopper"

struct Gpu {
  std::uint16_t device_id = 0;
  std::string chip;  // "GH100"
  Architecture architecture = Architecture::fermi;
  std::optional<ComputeCapability> compute;
  std::string
      name;  // the name to show: "H200 SXM 141GB" from products, else NVIDIA's marketing name, else pci.ids'
  std::string alias;                          // pci.ids' name for it: "H200 SXM 141GB"
  std::optional<std::uint64_t> memory_bytes;  // of the product, when the catalog knows it
  bool nvswitch = false;  // the product comes on NVSwitch boards and needs Fabric Manager there
  bool geforce = false;   // consumer product: no forward compatibility packages, no P2P over PCIe from Ada on
  std::map<int, Version>
      first_driver;  // first version of each driver branch that lists this id; empty when nothing is known
  Provenance from;
};

struct Branch {
  int number = 0;                  // 580
  std::string type;                // "LTSB", "PB", "NFB"
  std::string released;            // ISO date or month
  std::optional<std::string> eol;  // ISO date or month; nullopt: not announced
  Version latest;                  // newest version known
  Version max_cuda;                // the CUDA that the driver speaks natively: "13.0"
  Architecture oldest = Architecture::kepler;
  Architecture newest = Architecture::hopper;
  bool open_modules = false;     // NVIDIA ships open kernel modules in this branch
  std::optional<int> successor;  // the branch to move to at end of life
  Provenance from;
};

struct Toolkit {
  Version version;       // 13.0
  int host_gcc_max = 0;  // the newest gcc that nvcc accepts
  ComputeCapability min_compute;
  ComputeCapability max_compute;
  Provenance from;
};

// The least driver that runs programs of one CUDA major version.
struct CudaFloor {
  int cuda_major = 0;
  Version driver;
  Provenance from;
};

// One set of wheels that belong together: torch with its companions, all of one CUDA variant, all from one
// index.
struct WheelSet {
  Version torch;                          // 2.14.1
  std::string torchvision;                // "0.29.1"
  std::optional<std::string> torchaudio;  // nullopt: none that works with it
  std::string variant;                    // "cu130", "cpu"
  std::optional<Version> cuda;            // of the variant: 13.0; nullopt for "cpu"
  std::string index;                      // "pypi" or "pytorch" (download.pytorch.org/whl/<variant>)
  std::vector<std::string> pythons;       // "3.10", "3.11"
  std::vector<ComputeCapability> sm;      // machine code in the wheel; empty for cpu
  std::optional<ComputeCapability> ptx;   // code that the driver can compile for newer GPUs
  Version glibc;                          // least
  bool works = true;  // false: resolves, and yet does not import (kept so that it can be explained)
  std::string note;
  Provenance from;
};

// What a distribution's own archive carries.
struct Archive {
  std::string os;                                 // "debian-12"
  std::string codename;                           // "bookworm"; "" where sources do not need it
  std::string url;                                // of the archive where no mirror is known; "" likewise
  std::string component;                          // what must be enabled: "non-free", "" for nothing
  std::optional<Version> driver;                  // 535.261.03
  std::vector<std::string> driver_packages;       // headless, proprietary flavour, module built by DKMS
  std::vector<std::string> driver_open_packages;  // the open flavour; empty: none
  std::string headers_package;                    // "linux-headers-{release}"
  std::optional<Version> toolkit;                 // 11.8
  std::vector<std::string> toolkit_packages;
  std::string python;                        // version of the system Python: "3.11"
  std::vector<std::string> python_packages;  // that make venv work: "python3", "python3-venv"
  Provenance from;
};

// NVIDIA's repository for one distribution.
struct VendorRepo {
  std::string os;       // "ubuntu-24.04", "rhel-9"
  std::string manager;  // "apt" or "dnf"
  std::string url;      // ".../repos/ubuntu2404/x86_64/"
  std::string key_url;
  std::string fingerprint;  // of the key
  // Package names; {branch} and {toolkit} ("13-0") are put in.
  std::vector<std::string> driver_open_packages;
  std::vector<std::string> driver_proprietary_packages;
  int pin_from_branch =
      0;  // from this branch on names lack the branch, and a pinning package keeps it; 0: always
  std::vector<std::string> old_driver_open_packages;  // before that branch; empty: the same
  std::vector<std::string> old_driver_proprietary_packages;
  std::string dnf_module_open;  // "nvidia-driver:{branch}-open"
  std::string dnf_module_proprietary;
  std::vector<std::string> toolkit_packages;  // "cuda-toolkit-{toolkit}"
  std::string headers_package;                // "linux-headers-{release}", "kernel-devel-{release}"
  Provenance from;
};

// A place that software comes from and that can be asked whether it answers.
struct Source {
  std::string name;  // "nvidia", "pypi", "pytorch", "huggingface", "miniconda", "miniforge"
  std::string url;   // to ask, and to use
  Provenance from;
};

struct Catalog {
  std::vector<Gpu> gpus;          // by device id
  std::vector<Branch> branches;   // by number
  std::vector<Toolkit> toolkits;  // by version
  std::vector<CudaFloor> floors;  // by major
  std::vector<WheelSet>
      wheels;  // newest torch first; within one torch: pypi before pytorch, newer CUDA before older, cpu last
  std::vector<Archive> archives;  // by os
  std::vector<VendorRepo> repos;  // by os
  std::vector<Source> sources;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::string>
      subsystem_names;  // (device, subvendor << 16 | subdevice) -> product

  const Gpu* gpu(std::uint16_t device_id) const;
  // The name to show for a function with these ids: by subsystem when the row is exact, else by device, else
  // "".
  std::string gpu_name(std::uint16_t device_id, std::uint16_t subvendor, std::uint16_t subdevice) const;
  const Branch* branch(int number) const;
  const Toolkit* toolkit(const Version& version) const;  // same major and minor
  const CudaFloor* floor(int cuda_major) const;
  const Archive* archive(std::string_view os) const;  // "debian-12"
  const VendorRepo* repo(std::string_view os) const;
  const Source* source(std::string_view name) const;

  // The GPU that words such as "RTX 4090", "4090", "V100 SXM2 32GB", "H200", "A100 80GB PCIe", "10de:2684"
  // mean. All letters and digits of the words must occur in one product's name; of several the plainest is
  // taken (no "Laptop", "Mobile", "D", "Max-Q"; SXM before PCIe). Errors name the nearest product.
  Result<const Gpu*> find_gpu(std::string_view words) const;
};

// The packages of NVIDIA's repository for a driver branch, names filled in.
std::vector<std::string> driver_packages(const VendorRepo& repo, int branch, bool open);
// "{release}", "{branch}", "{toolkit}" in a name replaced.
std::string filled(std::string_view name, std::string_view what, std::string_view with);

// CUDA version of a variant: "cu130" -> 13.0, "cu118" -> 11.8; nullopt for "cpu".
std::optional<Version> variant_cuda(std::string_view variant);
// True when the set's code runs on a GPU of this compute capability: machine code of the same major and at
// most its minor, or PTX from below.
bool covers(const WheelSet& wheels, ComputeCapability compute);

// The texts of the catalog's files by name ("gpus.tsv"), as they stand in data/catalog/.
using Files = std::map<std::string, std::string, std::less<>>;
// The files that were compiled in.
const Files& compiled_in();
// Reads and checks them; the first bad row is an error "gpus.tsv:12: ...".
Result<Catalog> load(const Files& files);
// load(compiled_in()), done once.
const Catalog& built_in();

}  // namespace bringup::catalog
