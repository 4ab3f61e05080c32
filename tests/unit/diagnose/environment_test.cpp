// SPDX-License-Identifier: Apache-2.0
// Machines with environments and shells that get in the way, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void describe(Setting& setting) {
  setting.machine.hypothetical = true;
  setting.machine.cpus = 0;
}

void put_torch(Setting& setting, const std::string& torch, const std::string& variant) {
  facts::PythonEnv& env = setting.machine.envs[0];
  env.torch = torch;
  env.variant = variant;
  env.packages = {{.name = "torch", .version = torch}};
}

// A start file leads to a directory with these libraries; torch asks for two and has one of them itself.
void searches(Setting& setting, bool first, std::vector<std::string> libraries) {
  facts::Machine& machine = setting.machine;
  const std::string own = machine.envs[0].site_packages + "/nvidia/curand/lib";
  machine.shells.settings = {
      in_file("LD_LIBRARY_PATH", "export LD_LIBRARY_PATH=/opt/cuda/lib/:$LD_LIBRARY_PATH")};
  machine.library_directories = {{.path = "/opt/cuda/lib", .libraries = std::move(libraries)},
                                 {.path = own, .libraries = {"libcurand.so.10"}}};
  machine.envs[0].links =
      facts::TorchLinks{.file = machine.envs[0].site_packages + "/torch/lib/libtorch_cuda.so",
                        .needs = {"libcurand.so.10", "libnccl.so.2"},
                        .search = {own},
                        .first = first};
}

void run_old_driver(Setting& setting) {
  run_driver(setting, "550.163.01", facts::Flavour::open);
  setting.machine.counts.pytorch = {.gpus = Error(Errc::absent, "not asked"), .how = ""};
}

std::vector<Case> torch() {
  return {
      {"driver-too-old-for-torch", "Cuda13On550", sick, run_old_driver,
       "CUDA 13 needs driver 580.65.06 or later", "a driver from 580.65.06 on"},
      {"driver-too-old-for-torch", "Cuda13OnAnEarly580", sick,
       [](Setting& s) {
         run_old_driver(s);
         run_driver(s, "580.42.10", facts::Flavour::open);
       },
       "580.42.10", "a driver from 580.65.06 on"},
      {"driver-too-old-for-torch", "Cuda12On550", well,
       [](Setting& s) {
         run_old_driver(s);
         put_torch(s, "2.10.0+cu128", "cu128");
       }},
      {"driver-too-old-for-torch", "TheCpuNeedsNoDriver", well,
       [](Setting& s) {
         run_old_driver(s);
         put_torch(s, "2.14.1+cpu", "cpu");
       }},
      {"driver-too-old-for-torch", "ItWasSeenToWork", well,
       [](Setting& s) { run_driver(s, "550.163.01", facts::Flavour::open); }},
      {"driver-too-old-for-torch", "TheDriverCannotBeRead", blind,
       [](Setting& s) {
         unload(s);
         s.machine.driver.loaded = Error(Errc::denied, "permission denied");
       },
       "the loaded driver could not be read"},
      {"torch-arch-missing",
       "VoltaAndCuda13",
       sick,
       [](Setting& s) { s.machine.pci[1].device_id = 0x1db1; },
       "(7.0)",
       "bringup up",
       Severity::fail,
       {kSecond}},
      {"torch-arch-missing",
       "AnotherPatchOfAKnownRelease",
       sick,
       [](Setting& s) {
         s.machine.pci[1].device_id = 0x1db1;
         put_torch(s, "2.14.7+cu130", "cu130");
       },
       "(7.0)",
       "bringup up",
       Severity::fail,
       {kSecond}},
      {"torch-arch-missing",
       "BuiltForTheCpuAlone",
       sick,
       [](Setting& s) { put_torch(s, "2.14.1+cpu", "cpu"); },
       "built for the CPU alone",
       "bringup up",
       Severity::warn,
       {kFirst, kSecond}},
      {"torch-arch-missing", "VoltaAndCuda126", well,
       [](Setting& s) {
         s.machine.pci[1].device_id = 0x1db1;
         put_torch(s, "2.14.1+cu126", "cu126");
       }},
      {"torch-arch-missing", "NoGpuNeedsCode", well,
       [](Setting& s) {
         put_torch(s, "2.14.1+cpu", "cpu");
         s.machine.pci.clear();
       }},
      {"torch-arch-missing", "ATorchThatNobodyKnows", blind,
       [](Setting& s) { put_torch(s, "9.9.0+cu130", "cu130"); }, "does not know whether torch 9.9.0+cu130"},
      {"torch-arch-missing", "TheMachineIsDescribed", blind, describe,
       "its Python environments cannot be seen"},
      {"torch-companions-variant", "AudioOfAnotherVariant", sick,
       [](Setting& s) { s.machine.envs[0].packages[1].version = "2.11.0+cu126"; }, "torchaudio 2.11.0+cu126",
       "of one CUDA variant"},
      {"torch-companions-variant", "VisionForTheCpu", sick,
       [](Setting& s) { s.machine.envs[0].packages[2].version = "0.29.1+cpu"; }, "torchvision 0.29.1+cpu",
       "of one CUDA variant"},
      {"torch-companions-variant", "ASetThatTheCatalogKnowsNotToWork", sick,
       [](Setting& s) {
         put_torch(s, "2.15.0+cu132", "cu132");
         s.machine.envs[0].packages.push_back({.name = "torchaudio", .version = "2.11.0"});
       },
       "refuses to import", "of one CUDA variant"},
      {"torch-companions-variant", "TheSameTorchWithoutAudio", well,
       [](Setting& s) { put_torch(s, "2.15.0+cu132", "cu132"); }},
      {"torch-companions-variant", "NoLocalPartIsNoOtherVariant", well,
       [](Setting& s) { s.machine.envs[0].packages[1].version = "2.11.0"; }},
      {"torch-companions-variant", "TheMachineIsDescribed", blind, describe,
       "its Python environments cannot be seen"},
      {"python-none", "NothingToMakeOneWith", sick,
       [](Setting& s) {
         s.machine.pythons.clear();
         s.machine.envs.clear();
       },
       "no python3.*", "bringup up", Severity::warn},
      {"python-none", "AManagerMakesItsOwn", well,
       [](Setting& s) {
         s.machine.pythons.clear();
         s.machine.envs.clear();
         s.machine.managers = {{.kind = "uv", .path = "/usr/local/bin/uv", .version = ""}};
       }},
      {"python-none", "NoEnvironmentIsWanted", well,
       [](Setting& s) {
         s.machine.pythons.clear();
         s.machine.envs.clear();
         s.goal.envs.clear();
       }},
      {"python-none", "TheMachineIsDescribed", blind, describe, "its Python cannot be seen"},
  };
}

std::vector<Case> shells() {
  return {
      {"ld-library-path-cuda", "InAStartFile", sick,
       [](Setting& s) {
         s.machine.shells.settings = {
             in_file("LD_LIBRARY_PATH", "export LD_LIBRARY_PATH=\"/usr/local/cuda/lib64:$LD_LIBRARY_PATH\"")};
       },
       "/usr/local/cuda/lib64", "take line 7 out of /home/user/.bashrc", Severity::warn},
      {"ld-library-path-cuda", "ItsLibrariesAreTorchs", sick,
       [](Setting& s) { searches(s, false, {"libcurand.so.10"}); },
       "torch gets libcurand.so.10 from /opt/cuda/lib", "take line 7 out", Severity::warn},
      {"ld-library-path-cuda", "TorchsOwnComeFirst", sick,
       [](Setting& s) { searches(s, true, {"libcurand.so.10"}); },
       "RPATH: its own directories come first, and have all", "take line 7 out", Severity::warn},
      {"ld-library-path-cuda", "TorchsOwnComeFirstAndLackOne", sick,
       [](Setting& s) { searches(s, true, {"libnccl.so.2"}); }, "torch gets libnccl.so.2 from /opt/cuda/lib",
       "take line 7 out", Severity::warn},
      {"ld-library-path-cuda", "TorchsOwnComeFirstAndNotForCudnnsParts", sick,
       [](Setting& s) {
         searches(s, true, {"libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9"});
         s.machine.envs[0].links->needs = {"libcudnn.so.9"};
         s.machine.library_directories[1].libraries = {"libcudnn.so.9"};
       },
       "torch gets libcudnn_*.so.9 from /opt/cuda/lib", "take line 7 out", Severity::warn},
      {"ld-library-path-cuda", "ItsLibrariesAreOfAnotherRelease", sick,
       [](Setting& s) { searches(s, false, {"libcublas.so.12"}); },
       "RUNPATH: its own directories come after LD_LIBRARY_PATH", "take line 7 out", Severity::warn},
      {"ld-library-path-cuda", "InTheProcess", sick,
       [](Setting& s) {
         s.machine.shells.environment = {in_process("LD_LIBRARY_PATH", "/opt/nccl/lib:/opt/other")};
       },
       "LD_LIBRARY_PATH=/opt/nccl/lib", "unset LD_LIBRARY_PATH", Severity::warn},
      {"ld-library-path-cuda", "TheDriversOwnDirectory", well,
       [](Setting& s) {
         s.machine.shells.environment = {
             in_process("LD_LIBRARY_PATH", "/usr/local/nvidia/lib:/usr/local/nvidia/lib64")};
       }},
      {"ld-library-path-cuda", "TheGoalAsksForIt", well,
       [](Setting& s) {
         s.machine.shells.environment = {in_process("LD_LIBRARY_PATH", "/usr/local/cuda/lib64")};
         s.goal.ld_library_path = true;
       }},
      {"ld-library-path-cuda", "TheMachineIsDescribed", blind, describe,
       "what its shells set cannot be seen"},
      {"cuda-visible-devices-set", "InAStartFile", sick,
       [](Setting& s) {
         s.machine.shells.settings = {in_file("CUDA_VISIBLE_DEVICES", "export CUDA_VISIBLE_DEVICES=1")};
       },
       "2 GPUs, of which CUDA sees 1", "take line 7 out of", Severity::warn},
      {"cuda-visible-devices-set", "InTheProcess", sick,
       [](Setting& s) { s.machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "")}; },
       "of which CUDA sees 0", "unset CUDA_VISIBLE_DEVICES", Severity::info},
      {"cuda-visible-devices-set", "CudaStopsAtTheFirstThatIsNone", sick,
       [](Setting& s) { s.machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "-1,0,1")}; },
       "of which CUDA sees 0", "unset CUDA_VISIBLE_DEVICES", Severity::info},
      {"cuda-visible-devices-set", "AllAreVisible", well,
       [](Setting& s) { s.machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "1,0")}; }},
      {"cuda-visible-devices-set", "ALineThatComputesItsValue", well,
       [](Setting& s) {
         s.machine.shells.settings = {in_file("CUDA_VISIBLE_DEVICES", "export CUDA_VISIBLE_DEVICES=$SLOT")};
       }},
      {"cuda-visible-devices-set", "TheMachineIsDescribed", blind, describe,
       "what its shells set cannot be seen"},
      {"cuda-visible-devices-set", "TheBusCannotBeRead", blind,
       [](Setting& s) {
         s.machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "0")};
         s.machine.pci_visible = Error(Errc::denied, "permission denied");
       },
       "the PCI bus could not be read"},
      {"pythonpath-set", "InAStartFile", sick,
       [](Setting& s) { s.machine.shells.settings = {in_file("PYTHONPATH", "export PYTHONPATH=/opt/old")}; },
       "/opt/old", "take line 7 out of /home/user/.bashrc", Severity::warn},
      {"pythonpath-set", "SetToNothing", well,
       [](Setting& s) { s.machine.shells.environment = {in_process("PYTHONPATH", "")}; }},
      {"pythonpath-set", "TheMachineIsDescribed", blind, describe, "what its shells set cannot be seen"},
  };
}

}  // namespace

std::vector<Case> environment_cases() {
  std::vector<Case> out = torch();
  for (auto& one : shells()) out.push_back(one);
  return out;
}

}  // namespace bringup::diagnose::testing
