// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the world is like: GPUs, driver branches, toolkits, wheels, archives and repositories, as typed rows
// with a source. The rows live in data/catalog/ and are compiled in; loading refuses a bad row by file and
// line.

#include <bringup/base/result.hpp>
#include <bringup/base/version.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

using base::Version;

enum class Known { tried, read, inferred };
std::string_view known_name(Known known);  // "tried"

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

// The first version of each driver branch that lists a GPU, by branch. Most GPUs share theirs with others,
// and so does the memory of it.
class FirstDrivers {
 public:
  using Map = std::map<int, Version>;
  FirstDrivers() = default;
  explicit FirstDrivers(Map map) : map_(std::make_shared<const Map>(std::move(map))) {}

  bool empty() const { return map().empty(); }
  bool contains(int branch) const { return map().contains(branch); }
  Map::const_iterator find(int branch) const { return map().find(branch); }
  const Version& at(int branch) const { return map().at(branch); }
  Map::const_iterator begin() const { return map().begin(); }
  Map::const_iterator end() const { return map().end(); }
  Map::const_reverse_iterator rbegin() const { return map().rbegin(); }

 private:
  const Map& map() const {
    static const Map none;
    return map_ == nullptr ? none : *map_;
  }
  std::shared_ptr<const Map> map_;
};

// Its texts are views of the catalog's own, which hold as long as any copy of the catalog.
struct Gpu {
  std::uint16_t device_id = 0;
  std::string_view chip;  // "GH100"
  Architecture architecture = Architecture::fermi;
  std::optional<ComputeCapability> compute;
  std::string_view
      name;  // the name to show: "H200 SXM 141GB" from products, else NVIDIA's marketing name, else pci.ids'
  std::string_view alias;                     // pci.ids' name for it: "H200 SXM 141GB"
  std::optional<std::uint64_t> memory_bytes;  // of the product, when the catalog knows it
  bool nvswitch = false;  // the product comes on NVSwitch boards and needs Fabric Manager there
  bool geforce = false;   // consumer product: no forward compatibility packages, no P2P over PCIe from Ada on
  FirstDrivers first_driver;  // empty when nothing is known
  std::shared_ptr<const Provenance> from;
};

// A product that the device id alone does not tell.
struct Subsystem {
  std::uint16_t device_id = 0;
  std::uint32_t id = 0;   // subvendor << 16 | subdevice
  std::string_view name;  // as Gpu's
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
  std::string lock_plugin;  // the package that lets dnf hold others; "" where it can by itself, and for apt
  std::string dkms_from;    // the repository beside it that dkms is in: "EPEL"; "" for none
  std::vector<std::string> tried;  // of "driver", "driver_open", "python" and "toolkit": installed and used
  Provenance from;                 // of the rest
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
  int pin_from_branch = 0;                 // from this branch on names lack the branch; 0: always
  std::vector<std::string> pin_packages;   // what keeps them in the branch then, installed before them
  std::vector<std::string> lock_packages;  // what dnf is to lock for that, as patterns: "*nvidia*{branch}*";
                                           // {package} is each of the driver's
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
  std::string name;  // "pypi", "pytorch", "huggingface", "miniconda", "miniforge", "conda-forge"
  std::string url;   // to ask, and to use
  Provenance from;
};

// An installer of conda, whose bytes are known beforehand.
struct Installer {
  std::string name;     // "miniconda", "miniforge": the source that has it
  std::string arch;     // "x86_64"
  std::string version;  // of conda: "26.3.2"
  std::string file;     // below the source's address
  std::string sha256;   // of its bytes, hexadecimal
  int size = 0;         // in bytes; 0: not known
  std::string terms;    // what somebody who runs it agrees to; "" for nothing
  Provenance from;
};

// A package that goes with torch and breaks beside some of its releases without the resolver's saying so.
struct Companion {
  std::string package;  // "torchtune"
  std::string version;
  std::vector<std::string> works_with;   // releases of torch that it was tried with
  std::vector<std::string> breaks_with;  // likewise
  std::vector<std::string> also;         // installed with it: "torchao==0.15.0", "tokenizers"
  std::vector<std::string> refuses;      // does not work beside: "torchao>0.15.0", "exllamav3"
  std::string note;
  Provenance from;
};

// Packages that train or run models together, in an environment of their own.
struct Stack {
  std::string name;  // "trl"
  std::string use;   // "train" or "generate"
  std::string summary;
  std::vector<std::string> packages;  // "torch" without a version, the others with an exact one
  std::vector<std::string> torches;   // releases of torch to take, the first that this machine can have
  std::string notice;                 // what the user should know before: "" for nothing
  std::string
      extension;        // the module that a package of it compiles for the GPUs: "exllamav2_ext"; "" for none
  std::string imports;  // the import that compiles it: "exllamav2.ext"
  std::optional<Version> min_cuda;               // the oldest CUDA of a torch that it takes; nullopt: any
  std::optional<ComputeCapability> min_compute;  // the oldest GPU that it runs on; nullopt: any
  Provenance from;
};

// The toolkit as PyPI has it: nvcc without root and without NVIDIA's repository.
struct PypiToolkit {
  Version version;  // 13.0
  std::vector<std::string> packages;
  bool works = true;  // false: resolves, and yet does not compile
  std::string note;
  Provenance from;
};

// A service that GPUs on one NVLink fabric need beside the driver.
struct FabricService {
  std::string name;  // "fabricmanager"
  std::string needed_by;
  std::string detect;
  std::vector<std::string> packages;
  std::vector<std::string> old_packages;  // before `renamed_from`, with {branch}
  int renamed_from = 0;
  bool same_version = false;  // as the driver's, exactly
  std::vector<std::string> modules;
  std::string service;
  std::string note;
  Provenance from;
};

// A key that signs NVIDIA's repositories.
struct SigningKey {
  std::string file;
  std::string fingerprint;
  std::string used_by;
  bool revoked = false;
  Provenance from;
};

struct Mirror {
  std::string profile;  // "tuna"
  std::string what;     // "pypi", "pytorch", "cuda", "conda", "miniforge", "huggingface"
  std::string url;
  std::string form;  // of a place for pip: "index" or "links"
  std::string note;
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
  std::vector<Installer> installers;       // by name and arch
  std::vector<Companion> companions;       // by package, newest first
  std::vector<Stack> stacks;               // by name
  std::vector<PypiToolkit> pypi_toolkits;  // newest first
  std::vector<FabricService> fabric;       // by name
  std::vector<SigningKey> keys;            // by file
  std::vector<Mirror> mirrors;             // by profile and what
  std::vector<Subsystem> subsystems;       // by device and id
  std::pair<int, int> listed{0, 0};        // the oldest and the newest branch that lists of GPU ids speak of
  std::vector<std::shared_ptr<const std::string>> texts;  // what the views are of, unless it was compiled in

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
  const Installer* installer(std::string_view name, std::string_view arch) const;
  const PypiToolkit* pypi_toolkit(
      const Version& version) const;  // one that works, of the same major and minor

  // The GPU that words such as "RTX 4090", "4090", "V100 SXM2 32GB", "H200", "A100 80GB PCIe", "10de:2684"
  // mean. All letters and digits of the words must occur in one product's name; of several the plainest is
  // taken (no "Laptop", "Mobile", "D", "Max-Q"; SXM before PCIe). Errors name the nearest product.
  Result<const Gpu*> find_gpu(std::string_view words) const;
};

// The packages of NVIDIA's repository for a driver branch, names filled in.
std::vector<std::string> driver_packages(const VendorRepo& repo, int branch, bool open);
// The packages that keep those in their branch, as a transaction of their own before; often none.
std::vector<std::string> driver_pins(const VendorRepo& repo, int branch);
// What dnf has to lock before, so that they come and stay in their branch; often nothing.
std::vector<std::string> driver_locks(const VendorRepo& repo, int branch, bool open);
// How a part of what the archive carries is known: "driver", "driver_open", "python", "toolkit".
Known known_of(const Archive& archive, std::string_view part);
// "{release}", "{branch}", "{toolkit}" in a name replaced.
std::string filled(std::string_view name, std::string_view what, std::string_view with);

// CUDA version of a variant: "cu130" -> 13.0, "cu118" -> 11.8; nullopt for "cpu".
std::optional<Version> variant_cuda(std::string_view variant);
// True when the set's code runs on a GPU of this compute capability: machine code of the same major and at
// most its minor, or PTX from below.
bool covers(const WheelSet& wheels, ComputeCapability compute);

// "torchao==0.15.0", "numpy>=2.1", "tokenizers": the package and what is said of its version.
struct Requirement {
  std::string package;
  std::string relation;  // "==", ">=", "<=", ">", "<", or "" for any
  std::string version;
};
Requirement requirement_of(std::string_view text);
// Whether the version is one that the requirement speaks of; a version that is no version is not.
bool speaks_of(const Requirement& requirement, std::string_view version);

// The texts of the catalog's files by name ("gpus.tsv"), as they stand in data/catalog/.
using Files = std::map<std::string, std::string, std::less<>>;
// The files that were compiled in.
const Files& compiled_in();
// Reads and checks them, those of messages.hpp as well; the first bad row is an error "gpus.tsv:12: ...".
Result<Catalog> load(const Files& files);
// What compiled_in() holds, without those of messages.hpp; read once.
const Catalog& built_in();

}  // namespace bringup::catalog
