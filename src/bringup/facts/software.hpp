// SPDX-License-Identifier: Apache-2.0
#pragma once
// What there is of software: driver, packages, toolkits, Python, shells.

#include <bringup/facts/gpu.hpp>

namespace bringup::facts {

enum class Flavour { open, proprietary };  // of NVIDIA's kernel module

struct LoadedModule {
  std::string version;  // "580.159.04"
  Flavour flavour = Flavour::proprietary;
  bool operator==(const LoadedModule&) const = default;
};

// NVIDIA's module as a file below /lib/modules, for one kernel.
struct ModuleOnDisk {
  std::string kernel;   // "6.1.0-25-amd64"
  std::string path;     // "/lib/modules/6.1.0-25-amd64/updates/dkms/nvidia-current.ko"
  std::string version;  // "" when its .modinfo could not be read (compressed, say)
  std::optional<Flavour> flavour;
  std::string signer;  // "" when unsigned or unknown
  std::string
      built_for;  // the kernel's release in its vermagic: "6.1.0-25-amd64"; "" when that could not be read
  bool versioned = false;  // another kernel takes it all the same where each symbol that it uses is as it was
  bool operator==(const ModuleOnDisk&) const = default;
};

// Built for another kernel than the one that it lies below. In weak-updates that is meant: there lie modules
// of an older kernel with the same interface.
inline bool for_other_kernel(const ModuleOnDisk& module) {
  return !module.built_for.empty() && module.built_for != module.kernel &&
         module.path.find("/weak-updates/") == std::string::npos;
}

struct Driver {
  Reading<std::optional<LoadedModule>> loaded = Error(Errc::absent, "not looked at");
  Reading<bool> nouveau_loaded = Error(Errc::absent, "not looked at");
  std::vector<ModuleOnDisk> modules;  // sorted by kernel
  std::vector<std::string>
      libcuda;  // versions of libcuda.so.<version> in the library directories: "580.159.04"
  std::vector<std::string> libnvml;  // the same of libnvidia-ml.so.<version>
  std::optional<std::string>
      foreign;  // a runfile's uninstaller, when one is there: "/usr/bin/nvidia-uninstall"
  bool operator==(const Driver&) const = default;
};

// A package of interest (NVIDIA, CUDA, kernel, DKMS, compilers) from the dpkg or rpm database.
struct Package {
  std::string name;
  std::string version;
  std::string architecture;
  bool held = false;
  bool broken = false;  // half-installed, half-configured or unpacked only
  bool operator==(const Package&) const = default;
};

struct Packages {
  std::string manager;  // "dpkg", "rpm" or "" when there is neither
  Reading<std::vector<Package>> list = Error(Errc::absent, "not looked at");
  std::vector<std::string> archive_components;  // of the apt sources in use: "main", "non-free"
  std::vector<std::string> archive_uris;        // of the apt sources in use, each once
  std::string
      archive_signed_by;     // Signed-By of the distribution's own entry: a key file; "" when it has none
  bool interrupted = false;  // dpkg's journal /var/lib/dpkg/updates is not empty
  bool operator==(const Packages&) const = default;
};

struct Toolkit {
  std::string path;     // "/usr/local/cuda-13.0", "/usr", ".../site-packages/nvidia/cu13"
  std::string version;  // "13.0"
  std::string origin;   // "nvidia", "distro", "pypi", "unknown"
  bool operator==(const Toolkit&) const = default;
};

// A repository of NVIDIA's that came as one package:
// cuda-repo-ubuntu2204-12-1-local_12.1.0-530.30.02-1_amd64.deb.
struct RepositoryFile {
  std::string path;
  std::string sha256;   // of the file, hexadecimal
  std::string system;   // "ubuntu2204"
  std::string arch;     // "amd64"
  std::string toolkit;  // "12.1"
  bool operator==(const RepositoryFile&) const = default;
};

struct PythonInterpreter {
  std::string path;      // "/usr/bin/python3.11"
  std::string version;   // "3.11.2" from its libraries, or "3.11" from its name
  bool venv = false;     // the modules venv and ensurepip are there
  bool headers = false;  // Python.h is there
  bool operator==(const PythonInterpreter&) const = default;
};

struct PythonManager {
  std::string kind;  // "uv", "conda", "miniconda", "miniforge", "mamba", "micromamba", "pyenv"
  std::string path;
  std::string version;  // "" when its files do not say
  bool operator==(const PythonManager&) const = default;
};

struct PythonPackage {
  std::string name;     // normalised: lower case, "-" for "_" and "."
  std::string version;  // "2.14.1+cu130": with the local part, from the files
  bool operator==(const PythonPackage&) const = default;
};

// ~/.local/lib/python3.11/site-packages, which comes before the packages of every environment but a venv.
struct UserSite {
  std::string path;
  std::string version;  // "3.11"
  std::vector<PythonPackage> packages;
  bool operator==(const UserSite&) const = default;
};

// A CUDA extension that bringup compiled into an environment.
struct BuiltExtension {
  std::string module;                      // "exllamav2_ext"
  std::string torch;                       // the release that it was compiled against: "2.11.0"
  std::vector<std::string> architectures;  // "9.0"
  bool operator==(const BuiltExtension&) const = default;
};

// A compiler of C++.
struct HostCompiler {
  std::string path;  // "/usr/bin/g++-12"
  int major = 0;
  bool operator==(const HostCompiler&) const = default;
};

// How an environment's torch asks the loader for CUDA's libraries.
struct TorchLinks {
  std::string file;                 // ".../torch/lib/libtorch_cuda.so"
  std::vector<std::string> needs;   // "libcublas.so.13"
  std::vector<std::string> search;  // directories that it names itself, in their order
  bool first = false;               // they come before LD_LIBRARY_PATH (RPATH), or after it (RUNPATH)
  bool operator==(const TorchLinks&) const = default;
};

// CUDA's libraries in a directory that the loader may search.
struct LibraryDirectory {
  std::string path;
  std::vector<std::string> libraries;  // "libcublas.so.13"
  bool operator==(const LibraryDirectory&) const = default;
};

// A place that has a site-packages of its own: a venv, a conda environment, a system Python.
struct PythonEnv {
  std::string path;     // its prefix
  std::string python;   // the interpreter to run it with
  std::string version;  // "3.11.2"
  std::string kind;     // "venv", "uv", "conda", "system"
  std::string site_packages;
  std::vector<PythonPackage>
      packages;  // those that matter here: torch and companions, nvidia-*, numpy, exllama*, ...
  std::optional<std::string> torch;    // "2.14.1+cu130"
  std::optional<std::string> variant;  // "cu130" or "cpu"
  std::vector<BuiltExtension> built;
  Reading<TorchLinks> links = Error(Errc::absent, "not looked at");
  bool operator==(const PythonEnv&) const = default;
};

struct ShellSetting {
  std::string file;
  int line = 0;
  std::string variable;  // "PATH", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES"
  std::string text;      // the line as it stands
  bool operator==(const ShellSetting&) const = default;
};

struct Shells {
  std::vector<std::string> installed;  // "bash", "zsh", "fish"
  std::vector<ShellSetting> settings;  // from the start files that every shell reads and from the user's
  std::string login_file;              // the user's own that a login bash reads: the first that is there of
                                       // ".bash_profile", ".bash_login" and ".profile"; "" when none is
  std::vector<ShellSetting> environment;  // what is set in this process: file "environment", line 0
  bool operator==(const Shells&) const = default;
};

}  // namespace bringup::facts
