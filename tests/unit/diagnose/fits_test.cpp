// SPDX-License-Identifier: Apache-2.0
// Machines whose parts do not fit each other, for rules_test.cpp.
#include "more_patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void hide_nvml(Setting& setting) {
  setting.machine.nvml = Error(Errc::timeout, "did not answer within 10 s");
}
void hide_driver(Setting& setting) {
  setting.machine.driver.loaded = Error(Errc::denied, "/proc/driver: denied");
  hide_nvml(setting);
}
void hide_packages(Setting& setting) {
  setting.machine.packages.list = Error(Errc::denied, "status: permission denied");
}
void describe(Setting& setting) {
  setting.machine.hypothetical = true;
  setting.machine.cpus = 0;
}
void lose_libraries(Setting& setting) {
  setting.machine.driver.libcuda.clear();
  setting.machine.counts.cuda.gpus = Error(Errc::absent, "no libcuda.so.1");
}
void add_package(Setting& setting, const std::string& name, const std::string& version) {
  setting.machine.packages.list->push_back({.name = name, .version = version, .architecture = "amd64"});
}
void add_wheel(Setting& setting, const std::string& name, const std::string& version) {
  setting.machine.envs[0].packages.push_back({.name = name, .version = version});
}
void add_toolkit(Setting& setting, const std::string& path, const std::string& version,
                 const std::string& origin = "nvidia") {
  setting.machine.toolkits.push_back({.path = path, .version = version, .origin = origin});
}
void add_infiniband(Setting& setting) {
  setting.machine.wiring.devices = std::vector<facts::WiredDevice>{{.kind = facts::WiredKind::network,
                                                                    .address = "0000:41:00.0",
                                                                    .vendor = 0x15b3,
                                                                    .device_id = 0x1021,
                                                                    .class_code = 0x020700,
                                                                    .names = {"mlx5_0"}}};
  setting.machine.driver.loaded->value().flavour = facts::Flavour::proprietary;
}
void need_old_gcc(Setting& setting) {
  add_toolkit(setting, "/usr/local/cuda-11.8", "11.8");
  setting.machine.gcc = std::string("13");
}

std::vector<Case> drivers() {
  return {
      {"driver-libraries-missing",
       "TheModuleAlone",
       sick,
       lose_libraries,
       "no libcuda.so",
       "bringup up",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-libraries-missing",
       "InAContainer",
       sick,
       [](Setting& s) {
         lose_libraries(s);
         s.machine.container = std::optional<std::string>("docker");
       },
       "no libcuda.so",
       "--gpus all",
       Severity::fail,
       {kFirst, kSecond}},
      {"driver-libraries-missing", "TheyLieElsewhereAndWork", well,
       [](Setting& s) { s.machine.driver.libcuda.clear(); }},
      {"driver-libraries-missing", "NothingIsLoaded", well,
       [](Setting& s) {
         unload(s);
         s.machine.driver.libcuda.clear();
       }},
      {"driver-libraries-missing", "TheModuleCannotBeSeen", blind, hide_driver, "denied"},
      {"driver-packages-mixed", "TwoVersions", sick,
       [](Setting& s) { add_package(s, "libcuda1", "535.183.01-1~deb12u1"); },
       "libcuda1 535.183.01-1~deb12u1", "one version", Severity::warn},
      {"driver-packages-mixed", "OneVersionPackedTwice", well,
       [](Setting& s) { add_package(s, "libnvidia-ml1", "1:580.159.04-0ubuntu1"); }},
      {"driver-packages-mixed", "AToolOfItsOwnVersion", well,
       [](Setting& s) {
         add_package(s, "nvidia-container-toolkit", "1.18.0-1");
         add_package(s, "nvidia-driver-assistant", "0.21.57.08-1");
         add_package(s, "nvidia-driver-pinning-580", "580-1");
       }},
      {"driver-packages-mixed", "PackagesCannotBeRead", blind, hide_packages, "permission denied"},
      {"driver-too-old-for-gpu",
       "TheFirstOfItsBranchIsNewer",
       sick,
       [](Setting& s) {
         run_driver(s, "550.40.07", facts::Flavour::open);
         s.machine.proc_gpus = {kFirst};
       },
       "from 550.40.65 on",
       "550.40.65",
       Severity::fail,
       {kSecond}},
      {"driver-too-old-for-gpu", "TheDriverHasThemAll", well,
       [](Setting& s) { run_driver(s, "550.40.07", facts::Flavour::open); }},
      {"driver-too-old-for-gpu", "TheModuleCannotBeSeen", blind, hide_driver, "denied"},
      {"driver-without-gpu",
       "AVoltaWithABranchFromTuringOn",
       sick,
       [](Setting& s) {
         run_driver(s, "595.45.04", facts::Flavour::open);
         s.machine.pci[1].device_id = 0x1db1;
         s.machine.proc_gpus = {kFirst};
       },
       "branch 595 drives Turing to Blackwell",
       "an older branch",
       Severity::fail,
       {kSecond}},
      {"driver-without-gpu", "AVoltaWithTheLastBranchForIt", well,
       [](Setting& s) {
         s.machine.pci[1].device_id = 0x1db1;
         s.machine.proc_gpus = {kFirst};
       }},
      {"driver-without-gpu", "TheModuleCannotBeSeen", blind, hide_driver, "denied"},
  };
}

std::vector<Case> toolkits() {
  return {
      {"compiler-too-new", "NoToolkitTakesIt", sick, need_old_gcc, "CUDA toolkit 11.8 takes gcc up to 11",
       "gcc-11", Severity::warn},
      {"compiler-too-new", "OneOfTwoDoes", well,
       [](Setting& s) {
         need_old_gcc(s);
         add_toolkit(s, "/usr/local/cuda-13.0", "13.0");
       }},
      {"compiler-too-new", "ADistributionsToolkitBringsItsOwn", well,
       [](Setting& s) {
         add_toolkit(s, "/usr", "11.8", "distro");
         s.machine.gcc = std::string("13");
       }},
      {"compiler-too-new", "ThereIsNoCompiler", well,
       [](Setting& s) {
         need_old_gcc(s);
         s.machine.gcc = Error(Errc::absent, "no gcc");
       }},
      {"compiler-too-new", "ItsVersionCannotBeRead", blind,
       [](Setting& s) {
         need_old_gcc(s);
         s.machine.gcc = Error(Errc::denied, "/usr/bin/gcc: denied");
       },
       "denied"},
      {"toolkit-newer-than-driver", "AWholeCudaNewer", sick,
       [](Setting& s) {
         s.machine.nvml->cuda_driver_version = 12040;
         add_toolkit(s, "/usr/local/cuda-13.0", "13.0");
       },
       "CUDA 12.4", "CUDA 12", Severity::warn},
      {"toolkit-newer-than-driver", "AMinorNewerIsCompatible", well,
       [](Setting& s) { add_toolkit(s, "/usr/local/cuda-13.2", "13.2"); }},
      {"toolkit-newer-than-driver", "OneOfAnEnvironmentIsItsOwn", well,
       [](Setting& s) {
         s.machine.nvml->cuda_driver_version = 12040;
         add_toolkit(s, "/home/user/env/nvidia/cu13", "13.0", "pypi");
       }},
      {"toolkit-newer-than-driver", "NvmlDoesNotAnswer", blind,
       [](Setting& s) {
         add_toolkit(s, "/usr/local/cuda-13.0", "13.0");
         hide_nvml(s);
       },
       "NVML could not be read"},
      {"toolkit-old", "OfCuda11", sick, [](Setting& s) { add_toolkit(s, "/usr/local/cuda-11.8", "11.8"); },
       "the last torch for CUDA 11 is 2.7.1", "bringup plan", Severity::info},
      {"toolkit-old", "ItsImagesEndedWithItsBranch", sick,
       [](Setting& s) { add_toolkit(s, "/usr/local/cuda-11.8", "11.8"); },
       "its container images end with driver branch 520, 2023-10-01", "13.", Severity::info},
      {"toolkit-old", "NothingIsKnownOfItsBranch", sick,
       [](Setting& s) { add_toolkit(s, "/usr/local/cuda-11.3", "11.3"); },
       "NVIDIA names no end for a toolkit", "bringup plan", Severity::info},
      {"toolkit-old", "OlderThanAllRows", sick,
       [](Setting& s) { add_toolkit(s, "/usr/local/cuda-9.2", "9.2"); }, "older than its rows",
       "bringup plan", Severity::info},
      {"toolkit-old", "ANewerOneIsBesideIt", well,
       [](Setting& s) {
         add_toolkit(s, "/usr/local/cuda-11.8", "11.8");
         add_toolkit(s, "/usr/local/cuda-12.4", "12.4");
       }},
      {"toolkit-old", "OneOfAnEnvironment", well,
       [](Setting& s) { add_toolkit(s, "/home/user/env/nvidia/cu11", "11.8", "pypi"); }},
      {"toolkit-old", "ItIsDescribed", blind, describe, "described"},
      {"toolkits-of-two-sources", "TheDistributionsToo", sick,
       [](Setting& s) {
         add_toolkit(s, "/usr", "11.8", "distro");
         add_toolkit(s, "/usr/local/cuda-13.0", "13.0");
       },
       "CUDA toolkit 11.8", "/usr/local/cuda-13.0", Severity::info},
      {"toolkits-of-two-sources", "TwoOfNvidias", well,
       [](Setting& s) {
         add_toolkit(s, "/usr/local/cuda-12.8", "12.8");
         add_toolkit(s, "/usr/local/cuda-13.0", "13.0");
       }},
      {"toolkits-of-two-sources", "ItIsDescribed", blind, describe, "described"},
  };
}

std::vector<Case> between_machines() {
  return {
      {"imex-version", "OneOlder", sick, [](Setting& s) { add_package(s, "nvidia-imex", "580.95.05-1"); },
       "nvidia-imex 580.95.05-1", "580.159.04", Severity::fail},
      {"imex-version", "TheSame", well, [](Setting& s) { add_package(s, "nvidia-imex", "580.159.04-1"); }},
      {"imex-version", "PackagesCannotBeRead", blind, hide_packages, "permission denied"},
      {"peermem-not-loaded", "ProprietaryModules", sick, add_infiniband, "no nvidia_peermem",
       "modprobe nvidia-peermem", Severity::info},
      {"peermem-not-loaded", "OpenModulesHaveDmaBuf", well,
       [](Setting& s) {
         add_infiniband(s);
         s.machine.driver.loaded->value().flavour = facts::Flavour::open;
       }},
      {"peermem-not-loaded", "ItIsLoaded", well,
       [](Setting& s) {
         add_infiniband(s);
         s.machine.boot.loaded->push_back("nvidia_peermem");
       }},
      {"peermem-not-loaded", "TheCardSpeaksEthernet", well,
       [](Setting& s) {
         add_infiniband(s);
         (*s.machine.wiring.devices)[0].class_code = 0x020000;
       }},
      {"peermem-not-loaded", "TheModulesAreNotShown", blind,
       [](Setting& s) {
         add_infiniband(s);
         s.machine.boot.loaded = Error(Errc::denied, "/proc/modules: denied");
       },
       "/proc/modules: denied"},
  };
}

}  // namespace

std::vector<Case> fit_cases() {
  std::vector<Case> out = drivers();
  for (auto& part : {toolkits(), between_machines()}) out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<Case> beside_cases() {
  return {
      {"nvidia-packages-mixed", "TwoOfNccl", sick,
       [](Setting& s) {
         add_wheel(s, "nvidia-nccl-cu12", "2.27.3");
         add_wheel(s, "nvidia-nccl-cu13", "2.28.9");
       },
       "nvidia-nccl-cu12 2.27.3", "uninstall nvidia-nccl-cu12, nvidia-nccl-cu13", Severity::warn},
      {"nvidia-packages-mixed", "LibrariesThatLieApart", well,
       [](Setting& s) {
         add_wheel(s, "nvidia-cublas-cu12", "12.8.4.1");
         add_wheel(s, "nvidia-nccl-cu13", "2.28.9");
       }},
      {"nvidia-packages-mixed", "ItIsDescribed", blind, describe, "described"},
      {"package-twice", "TwoTorches", sick, [](Setting& s) { add_wheel(s, "torch", "2.11.0+cu130"); },
       "torch: 2.14.1+cu130 and 2.11.0+cu130", "pip uninstall torch", Severity::warn},
      {"package-twice", "TwoOfOneVersion", well, [](Setting& s) { add_wheel(s, "torch", "2.14.1+cu130"); }},
      {"package-twice", "ItIsDescribed", blind, describe, "described"},
      {"torch-old", "SixReleasesBehind", sick, [](Setting& s) { s.machine.envs[0].torch = "2.9.1+cu130"; },
       "the newest is torch 2.15", "bringup up", Severity::info},
      {"torch-old", "OfTheFirstMajor", sick, [](Setting& s) { s.machine.envs[0].torch = "1.13.1+cu117"; },
       "torch 1.13.1", "bringup up", Severity::info},
      {"torch-old", "FiveReleasesBehind", well, [](Setting& s) { s.machine.envs[0].torch = "2.10.0+cu130"; }},
      {"torch-old", "NewerThanTheCatalog", well, [](Setting& s) { s.machine.envs[0].torch = "3.0.0+cu140"; }},
      {"torch-old", "ItIsDescribed", blind, describe, "described"},
      {"stack-end-of-life", "Torchtune", sick, [](Setting& s) { add_wheel(s, "torchtune", "0.6.1"); },
       "no longer maintained", "bringup stack", Severity::info},
      {"stack-end-of-life", "AStackThatLives", well, [](Setting& s) { add_wheel(s, "trl", "0.24.0"); }},
      {"stack-end-of-life", "ItIsDescribed", blind, describe, "described"},
  };
}

}  // namespace bringup::diagnose::testing
