// SPDX-License-Identifier: Apache-2.0
// Machines on which the layers count differently, for rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void lose_second_in_driver(Setting& setting) {
  setting.machine.proc_gpus = {kFirst};
  setting.machine.counts.driver.gpus = 1;
}

void bind_second(Setting& setting, const char* driver) {
  lose_second_in_driver(setting);
  setting.machine.pci[1].kernel_driver = std::optional<std::string>(driver);
}

void hide_second_from_cuda(Setting& setting) {
  setting.machine.counts.cuda.gpus = 1;
  setting.machine.counts.pytorch.gpus = 1;
}

void put_into_container(Setting& setting) {
  setting.machine.container = std::optional<std::string>("docker");
}

void lose_second_in_nvml(Setting& setting) {
  setting.machine.nvml->gpus.pop_back();
  setting.machine.counts.nvml.gpus = 1;
}

void make_hypothetical(Setting& setting) {
  setting.machine.hypothetical = true;
}

void hide_bus(Setting& setting) {
  setting.machine.pci.clear();
  setting.machine.pci_visible = Error(Errc::denied, "/sys/bus/pci/devices: permission denied");
  setting.machine.counts.pci.gpus = setting.machine.pci_visible.error();
}

std::vector<Case> pci_driver() {
  return {
      {"count-pci-driver",
       "NouveauHoldsOne",
       sick,
       [](Setting& s) { bind_second(s, "nouveau"); },
       "nouveau holds it",
       "keep nouveau from it",
       Severity::fail,
       {kSecond}},
      {"count-pci-driver",
       "OneIsReservedForAVirtualMachine",
       sick,
       [](Setting& s) { bind_second(s, "vfio-pci"); },
       "vfio-pci: reserved for virtual machines",
       "10de:2335",
       Severity::info,
       {kSecond}},
      {"count-pci-driver",
       "OneHasNoDriver",
       sick,
       [](Setting& s) {
         lose_second_in_driver(s);
         s.machine.pci[1].kernel_driver = std::optional<std::string>{};
       },
       "no kernel driver is bound",
       "dmesg",
       Severity::fail,
       {kSecond}},
      {"count-pci-driver",
       "TheDriversBranchIsTooNewForOne",
       sick,
       [](Setting& s) {
         lose_second_in_driver(s);
         s.machine.pci[1].kernel_driver = std::optional<std::string>{};
         s.machine.pci[1].device_id = 0x1b06;
         run_driver(s, "590.44.01", facts::Flavour::open);
       },
       "no kernel driver is bound: driver-without-gpu says why",
       "bringup doctor driver-without-gpu",
       Severity::fail,
       {kSecond}},
      {"count-pci-driver",
       "TheModulesAreOfTheOtherFlavourForOne",
       sick,
       [](Setting& s) {
         lose_second_in_driver(s);
         s.machine.pci[1].kernel_driver = std::optional<std::string>{};
         s.machine.pci[1].device_id = 0x1db1;
       },
       "no kernel driver is bound: module-flavour-wrong says why",
       "bringup doctor module-flavour-wrong",
       Severity::fail,
       {kSecond}},
      {"count-pci-driver",
       "OneFellOffTheBus",
       sick,
       lose_second_in_driver,
       "it fell off the bus",
       "power the machine",
       Severity::fail,
       {kSecond}},
      {"count-pci-driver",
       "WhatIsBrokenIsFixedBeforeWhatIsMeantSo",
       sick,
       [](Setting& s) {
         bind_second(s, "nouveau");
         s.machine.proc_gpus.clear();
         s.machine.counts.driver.gpus = 0;
         s.machine.pci[0].kernel_driver = std::optional<std::string>("vfio-pci");
       },
       "nouveau holds it",
       "keep nouveau from it",
       Severity::fail,
       {kFirst, kSecond}},
      {"count-pci-driver",
       "AContainerHasWhatItWasGiven",
       sick,
       [](Setting& s) {
         lose_second_in_driver(s);
         put_into_container(s);
       },
       "this is a container (docker)",
       "--gpus all",
       Severity::info,
       {kSecond}},
      {"count-pci-driver", "CountsAgree", well, put_into_container},
      {"count-pci-driver", "NoGpuAndNoDriver", well,
       [](Setting& s) {
         unload(s);
         s.machine.pci.clear();
         s.machine.counts.pci.gpus = 0;
       }},
      {"count-pci-driver", "TheModuleIsNotLoaded", blind, unload, "NVIDIA's kernel module is not loaded"},
      {"count-pci-driver", "TheBusCannotBeRead", blind, hide_bus,
       "the PCI bus could not be read: /sys/bus/pci"},
      {"count-pci-driver", "TheGpusAreNotHere", blind, make_hypothetical, "--for"},
  };
}

std::vector<Case> driver_nvml() {
  return {
      {"count-driver-nvml",
       "NvmlMissesOne",
       sick,
       lose_second_in_nvml,
       "1",
       "does not answer NVML",
       Severity::fail,
       {kSecond}},
      {"count-driver-nvml",
       "NvmlFailsOnALoadedDriver",
       sick,
       [](Setting& s) {
         s.machine.nvml = Error(Errc::failed, "NVML: Unknown Error (999)");
         s.machine.counts.nvml.gpus = s.machine.nvml.error();
       },
       "Unknown Error (999)",
       "dmesg",
       Severity::fail,
       {kFirst, kSecond}},
      {"count-driver-nvml",
       "AContainerHasWhatItWasGiven",
       sick,
       [](Setting& s) {
         lose_second_in_nvml(s);
         put_into_container(s);
       },
       "this is a container (docker)",
       "--gpus all",
       Severity::info,
       {kSecond}},
      {"count-driver-nvml", "BothHaveOne", well,
       [](Setting& s) {
         lose_second_in_driver(s);
         lose_second_in_nvml(s);
       }},
      {"count-driver-nvml", "AMismatchIsAnotherRule", blind,
       [](Setting& s) {
         s.machine.nvml = Error(Errc::failed, "NVML: Driver/library version mismatch (18)");
         s.machine.counts.nvml.gpus = s.machine.nvml.error();
       },
       "Driver/library version mismatch"},
      {"count-driver-nvml", "NvmlDidNotAnswer", blind,
       [](Setting& s) {
         s.machine.nvml = Error(Errc::timeout, "did not answer within 10 s");
         s.machine.counts.nvml.gpus = s.machine.nvml.error();
       },
       "NVML could not be read: did not answer within 10 s"},
  };
}

std::vector<Case> nvml_cuda() {
  return {
      {"count-nvml-cuda", "OneIsHiddenByAVariable", sick,
       [](Setting& s) {
         hide_second_from_cuda(s);
         s.machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "0")};
       },
       "CUDA_VISIBLE_DEVICES=0", "unset CUDA_VISIBLE_DEVICES", Severity::warn},
      {"count-nvml-cuda", "TheCountItselfTellsOfTheVariable", sick,
       [](Setting& s) {
         hide_second_from_cuda(s);
         s.machine.counts.cuda.how += " with CUDA_VISIBLE_DEVICES=1";
       },
       "CUDA_VISIBLE_DEVICES=1", "unset CUDA_VISIBLE_DEVICES", Severity::warn},
      {"count-nvml-cuda",
       "OneIsInMigMode",
       sick,
       [](Setting& s) {
         hide_second_from_cuda(s);
         s.machine.nvml->gpus[1].mig = true;
       },
       "0000:0a:00.0 is in MIG mode",
       "-mig 0",
       Severity::warn,
       {kSecond}},
      {"count-nvml-cuda", "NobodyKnowsWhy", sick, hide_second_from_cuda, "1", "bringup verify",
       Severity::fail},
      {"count-nvml-cuda", "CudaDoesNotStart", sick,
       [](Setting& s) {
         s.machine.counts.cuda.gpus = Error(Errc::failed, "cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802)");
       },
       "CUDA_ERROR_SYSTEM_NOT_READY", "nvidia-fabricmanager", Severity::fail},
      {"count-nvml-cuda", "AContainerHasWhatItWasGiven", sick,
       [](Setting& s) {
         hide_second_from_cuda(s);
         put_into_container(s);
       },
       "this is a container (docker)", "--gpus all", Severity::warn},
      {"count-nvml-cuda", "MigWithAsManyInstances", well,
       [](Setting& s) { s.machine.nvml->gpus[1].mig = true; }},
      {"count-nvml-cuda", "CudaWasNotAsked", blind,
       [](Setting& s) { s.machine.counts.cuda = {.gpus = Error(Errc::absent, "not asked"), .how = ""}; },
       "CUDA did not count: not asked"},
      {"count-nvml-cuda", "CudaDidNotAnswer", blind,
       [](Setting& s) { s.machine.counts.cuda.gpus = Error(Errc::timeout, "did not answer within 10 s"); },
       "did not answer within 10 s"},
  };
}

std::vector<Case> cuda_pytorch() {
  return {
      {"count-cuda-pytorch", "TorchIsBuiltForTheCpu", sick,
       [](Setting& s) {
         s.machine.counts.pytorch.gpus = 0;
         s.machine.envs[0].torch = "2.14.1+cpu";
         s.machine.envs[0].variant = "cpu";
       },
       "built for the CPU, it sees no GPU", "install a CUDA build of torch"},
      {"count-cuda-pytorch", "TorchHasNoCodeForTheGpu", sick,
       [](Setting& s) {
         s.machine.counts.pytorch.gpus = 0;
         s.machine.pci[0].name = "V100";
         s.machine.pci[0].compute_capability = "7.0";
       },
       "has no code for V100 (7.0)", "install a torch that has code"},
      {"count-cuda-pytorch", "TheDriverIsTooOldForItsCuda", sick,
       [](Setting& s) {
         s.machine.counts.pytorch.gpus = 0;
         run_driver(s, "570.86.16", facts::Flavour::open);
       },
       "its CUDA is newer than the driver", "driver-too-old-for-torch"},
      {"count-cuda-pytorch", "TorchFailsAltogether", sick,
       [](Setting& s) { s.machine.counts.pytorch.gpus = Error(Errc::failed, "ImportError: libcudnn.so.9"); },
       "ImportError: libcudnn.so.9", "says what it lacks"},
      {"count-cuda-pytorch", "BothSeeOne", well, hide_second_from_cuda},
      {"count-cuda-pytorch", "PytorchWasNotAsked", blind,
       [](Setting& s) { s.machine.counts.pytorch = {.gpus = Error(Errc::absent, "not asked"), .how = ""}; },
       "PyTorch did not count: not asked"},
  };
}

std::vector<Case> single_gpus() {
  return {
      {"count-nvml-cuda",
       "OneIsLost",
       sick,
       [](Setting& s) {
         s.machine.counts.cuda.gpus = 1;
         s.machine.nvml->gpus[1].temperature_celsius = Error(Errc::failed, "NVML: GPU is lost (15)");
       },
       "0000:0a:00.0 is lost",
       "gpu-fell-off",
       Severity::fail,
       {kSecond}},
      {"gpu-fell-off",
       "TheLinkReadsAllOnes",
       sick,
       [](Setting& s) {
         s.machine.pci[1].link =
             facts::PcieLink{.generation = 0, .max_generation = 0, .width = 63, .max_width = 63};
       },
       "the registers read as all ones",
       "power the machine off and on",
       Severity::fail,
       {kSecond}},
      {"gpu-fell-off",
       "BoundAndNotListed",
       sick,
       lose_second_in_driver,
       "0000:0a:00.0 is bound to nvidia and not in",
       "power the machine off and on",
       Severity::fail,
       {kSecond}},
      {"gpu-fell-off",
       "NvmlSaysLost",
       sick,
       [](Setting& s) {
         s.machine.nvml->gpus[1].temperature_celsius = Error(Errc::failed, "NVML: GPU is lost (15)");
       },
       "NVML: GPU is lost (15)",
       "power the machine off and on",
       Severity::fail,
       {kSecond}},
      {"gpu-fell-off",
       "TwoSignsAreOneFinding",
       sick,
       [](Setting& s) {
         s.machine.pci[1].link =
             facts::PcieLink{.generation = 0, .max_generation = 0, .width = 63, .max_width = 63};
         s.machine.nvml->gpus[1].temperature_celsius = Error(Errc::failed, "NVML: GPU is lost (15)");
       },
       "NVML: GPU is lost (15)",
       "power the machine off and on",
       Severity::fail,
       {kSecond}},
      {"gpu-fell-off", "UnboundOnesAreAnotherMatter", well, [](Setting& s) { bind_second(s, "vfio-pci"); }},
      {"gpu-fell-off", "AContainerIsShownSome", well,
       [](Setting& s) {
         lose_second_in_driver(s);
         put_into_container(s);
       }},
      {"gpu-fell-off", "NobodyCanBeAsked", blind, unload, "neither the driver nor NVML could be asked"},
      {"gpu-fell-off", "TheBusCannotBeRead", blind, hide_bus, "the PCI bus could not be read"},
      {"gpu-unknown",
       "AnIdOfTomorrow",
       sick,
       [](Setting& s) { s.machine.pci[1].device_id = 0xfffe; },
       "0xfffe",
       "bringup catalog use FILE",
       Severity::warn,
       {kSecond}},
      {"gpu-unknown", "AnotherKindOfFunctionIsNoGpu", well,
       [](Setting& s) {
         s.machine.pci.push_back(
             {.address = "0000:06:00.1", .kind = facts::PciKind::audio, .device_id = 0xfffe});
       }},
      {"gpu-unknown", "TheBusCannotBeRead", blind, hide_bus, "the PCI bus could not be read"},
  };
}

}  // namespace

std::vector<Case> count_cases() {
  std::vector<Case> out;
  for (auto& part : {pci_driver(), driver_nvml(), nvml_cuda(), cuda_pytorch(), single_gpus()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace bringup::diagnose::testing
