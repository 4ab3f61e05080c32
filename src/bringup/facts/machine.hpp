// SPDX-License-Identifier: Apache-2.0
#pragma once
// The machine as one value: everything that was looked at, and nothing that was concluded.

#include <bringup/facts/boot.hpp>
#include <bringup/facts/gpu.hpp>
#include <bringup/facts/software.hpp>
#include <bringup/facts/topology.hpp>

namespace bringup::facts {

struct Os {
  std::string id;                 // "debian"
  std::string version;            // "12"; "" for testing releases
  std::string codename;           // "bookworm"
  std::string name;               // "Debian GNU/Linux 12 (bookworm)"
  std::vector<std::string> like;  // ID_LIKE
  bool operator==(const Os&) const = default;
};

struct InstalledKernel {
  std::string release;    // "6.1.0-25-amd64"
  bool bootable = false;  // /boot/vmlinuz-<release> is there
  bool headers = false;   // /lib/modules/<release>/build leads to headers
  bool operator==(const InstalledKernel&) const = default;
};

struct Kernel {
  std::string running;                     // uname -r
  std::vector<InstalledKernel> installed;  // below /lib/modules, oldest first
  std::string command_line;
  bool operator==(const Kernel&) const = default;
};

struct User {
  std::string name;
  std::string home;
  int uid = 0;
  int gid = 0;
  bool root = false;  // this process may act as root
  bool operator==(const User&) const = default;
};

struct Disk {
  std::string path;  // the directory that was asked about
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  bool operator==(const Disk&) const = default;
};

// Whether one place that software comes from answers.
struct Source {
  std::string name;  // "nvidia", "distro", "pypi", "pytorch", "huggingface"
  std::string url;
  Reading<double> answered_seconds = Error(Errc::absent, "not asked");  // the time it took, or why it did not
  std::string mirror = {};  // the mirror that stands in for it: "tuna"; "" for the place itself
  bool links = false;       // a flat page of wheels (pip's --find-links) and no index
  bool operator==(const Source&) const = default;
};

// Errors of one number and one GPU that the driver told in the kernel's log of this boot.
struct XidLine {
  std::string pci;  // "0000:41:00.0"
  int number = 0;
  int times = 0;
  std::string text;  // the last of them, from the number on
  bool operator==(const XidLine&) const = default;
};

struct Machine {
  Machine();
  Machine(const Machine&);
  Machine(Machine&&) noexcept;
  Machine& operator=(const Machine&);
  Machine& operator=(Machine&&) noexcept;
  ~Machine();
  Os os;
  Kernel kernel;
  std::string arch;                                                   // "x86_64"
  Reading<std::string> glibc = Error(Errc::absent, "not looked at");  // "2.36"
  Reading<std::string> gcc = Error(Errc::absent, "not looked at");  // major version of the default gcc: "12"
  std::vector<HostCompiler> compilers;                              // the default one first
  Reading<bool> secure_boot = Error(Errc::absent, "not looked at");
  Reading<std::optional<std::string>> container =
      Error(Errc::absent, "not looked at");  // "docker", "systemd-nspawn", "wsl" ...
  std::optional<std::string> hypervisor;     // of a virtual machine, when known
  User user;                                 // for whom: SUDO_USER behind sudo
  std::uint64_t memory_bytes = 0;
  int cpus = 0;
  int numa_nodes = 0;
  Reading<std::uint64_t> shm_bytes = Error(Errc::absent, "not looked at");     // size of /dev/shm
  Reading<std::int64_t> memlock_bytes = Error(Errc::absent, "not looked at");  // -1: unlimited
  Reading<std::int64_t> open_files = Error(Errc::absent, "not looked at");  // most at a time; -1: unlimited
  Reading<std::uint64_t> swap_bytes = Error(Errc::absent, "not looked at");
  Reading<bool> remove_ipc = Error(Errc::absent, "not looked at");  // logind empties /dev/shm after a logout
  Reading<std::vector<std::string>> gsp_firmware =
      Error(Errc::absent, "not looked at");  // versions below /lib/firmware/nvidia that hold gsp_*.bin
  Reading<std::vector<ConfigLine>> library_paths =
      Error(Errc::absent, "not looked at");  // lines of ld.so.conf.d about CUDA and NVIDIA
  std::vector<LibraryDirectory>
      library_directories;  // of LD_LIBRARY_PATH, ld.so.conf.d and torch's own search
  Reading<bool> clock_synchronized =
      Error(Errc::absent, "not looked at");  // a time service is there and has set the clock
  Reading<std::vector<XidLine>> xids = Error(Errc::absent, "not looked at");
  std::vector<PciFunction> pci;                                      // NVIDIA functions by address
  Reading<bool> pci_visible = Error(Errc::absent, "not looked at");  // /sys/bus/pci can be read
  Wiring wiring;
  std::vector<std::string> proc_gpus;  // addresses in /proc/driver/nvidia/gpus
  Reading<NvmlSnapshot> nvml = Error(Errc::absent, "not looked at");
  Counts counts;
  Driver driver;
  Boot boot;
  Packages packages;
  std::vector<Toolkit> toolkits;
  Reading<RepositoryFile> repository_file = Error(Errc::absent, "the goal names none");
  std::vector<PythonInterpreter> pythons;
  std::vector<PythonManager> managers;
  std::vector<PythonEnv> envs;
  std::vector<UserSite> user_sites;
  Shells shells;
  std::vector<Disk> disks;
  std::vector<Source> sources;
  bool hypothetical = false;  // its GPUs were given with --for and are not there
  bool operator==(const Machine&) const;
};

}  // namespace bringup::facts
