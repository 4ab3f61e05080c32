// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <unit/report/two_gpus.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const report::Style kWide{.columns = 80, .colour = false};

std::string line_with(const std::string& text, std::string_view part) {
  for (const std::string_view line : base::lines(text)) {
    if (base::contains(line, part)) return std::string(line);
  }
  return "";
}

TEST(FactsText, TellsOfAMachineInEightyColumns) {
  EXPECT_EQ(report::facts_text(two_gpus(), kWide), R"(2x H200 SXM 141GB; driver 580.159.04 is loaded

Machine
  system        Ubuntu 24.04.3 LTS, x86_64
  kernel        6.8.0-45-generic
  glibc         2.39
  gcc           13
  Secure Boot   off
  processors    32, 2 NUMA nodes
  memory        256 GiB; /dev/shm 128 GiB; locked memory unlimited
  for user      ana, /home/ana

GPUs
  #  PCI           name            architecture  memory   driver  NUMA  link
  0  0000:06:00.0  H200 SXM 141GB  Hopper 9.0    140 GiB  nvidia  0     gen5 x16
  1  0000:07:00.0  H200 SXM 141GB  Hopper 9.0    140 GiB  nvidia  0     gen5 x16

Counts
  PCI bus       2  /sys/bus/pci/devices
  driver        2  /proc/driver/nvidia/gpus
  NVML          2  nvmlDeviceGetCount_v2
  CUDA          1  1 fewer than on the PCI bus: cuDeviceGetCount in a child
                   process
  PyTorch       -  no environment has PyTorch

Driver
  loaded        580.159.04, open kernel module
  libcuda       580.159.04
  NVML          580.159.04, speaks CUDA 13.0
                /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1

Kernels
  6.8.0-45-generic  running, headers  module 580.159.04, open, signed by DKMS

Packages
  dpkg          1 package of interest (NVIDIA, CUDA, kernels, compilers)
  held          libnccl2

Toolkits
  CUDA 13.0     nvidia  /usr/local/cuda-13.0

Python
  interpreter   3.12.3  /usr/bin/python3.12
  uv            ?       /usr/bin/uv
  environment   3.12.3  /opt/torch/.venv
                        venv, torch 2.11.0+cu130, CUDA variant cu130

Shells
  installed     bash
  /etc/environment:1
                CUDA_HOME=/usr/local/cuda

Disk
  400 GiB free of 900 GiB  /, /tmp

Sources
  pypi          answered in 45 ms  pypi.org
  nvidia        does not answer    nvidia.example: no route to host
)");
}

TEST(FactsText, TellsTheSameInSixtyColumns) {
  EXPECT_EQ(report::facts_text(two_gpus(), {.columns = 60, .colour = false}),
            R"(2x H200 SXM 141GB; driver 580.159.04 is loaded

Machine
  system        Ubuntu 24.04.3 LTS, x86_64
  kernel        6.8.0-45-generic
  glibc         2.39
  gcc           13
  Secure Boot   off
  processors    32, 2 NUMA nodes
  memory        256 GiB; /dev/shm 128 GiB; locked memory
                unlimited
  for user      ana, /home/ana

GPUs
  #  PCI      name            architecture  memory
  0  06:00.0  H200 SXM 141GB  Hopper 9.0    140 GiB
  1  07:00.0  H200 SXM 141GB  Hopper 9.0    140 GiB
  all: kernel driver nvidia, NUMA node 0, link gen5 x16

Counts
  PCI bus       2  /sys/bus/pci/devices
  driver        2  /proc/driver/nvidia/gpus
  NVML          2  nvmlDeviceGetCount_v2
  CUDA          1  1 fewer than on the PCI bus:
                   cuDeviceGetCount in a child process
  PyTorch       -  no environment has PyTorch

Driver
  loaded        580.159.04, open kernel module
  libcuda       580.159.04
  NVML          580.159.04, speaks CUDA 13.0
                /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1

Kernels
  6.8.0-45-generic  running,        module 580.159.04, open,
                    headers         signed by DKMS

Packages
  dpkg          1 package of interest (NVIDIA, CUDA,
                kernels, compilers)
  held          libnccl2

Toolkits
  CUDA 13.0     nvidia  /usr/local/cuda-13.0

Python
  interpreter   3.12.3  /usr/bin/python3.12
  uv            ?       /usr/bin/uv
  environment   3.12.3  /opt/torch/.venv
                        venv, torch 2.11.0+cu130, CUDA
                        variant cu130

Shells
  installed     bash
  /etc/environment:1
                CUDA_HOME=/usr/local/cuda

Disk
  400 GiB free of 900 GiB  /, /tmp

Sources
  pypi          answered in 45 ms  pypi.org
  nvidia        does not answer    nvidia.example: no route
                                   to host
)");
}

TEST(FactsText, WhatIsNotAsOneExpectsOfAnIdleGpuIsSaid) {
  facts::Machine m = two_gpus();
  EXPECT_THAT(report::facts_text(m, kWide), Not(HasSubstr("GPU 1:")));
  m.nvml->gpus[1].mig = true;
  m.nvml->gpus[1].processes = 2;
  m.nvml->gpus[1].power_limit_watts = 500.0;
  EXPECT_THAT(
      report::facts_text(m, {.columns = 100, .colour = false}),
      HasSubstr("  GPU 1:  MIG is on; 2 processes compute on it; power limit 500 W, by default 700 W\n"));
}

TEST(FactsText, WithoutAGpuThatIsTheFirstThingRead) {
  facts::Machine m;
  m.pci_visible = true;
  m.counts.pci.gpus = 0;
  EXPECT_THAT(report::facts_text(m, kWide), StartsWith("no NVIDIA GPU on the PCI bus\n"));
}

TEST(FactsText, ABusThatCannotBeReadIsNotABusWithoutGpus) {
  facts::Machine m;
  m.pci_visible = Error(Errc::denied, "permission denied");
  const std::string text = report::facts_text(m, kWide);
  EXPECT_THAT(text, StartsWith("the PCI bus could not be read: permission denied\n"));
  EXPECT_THAT(text, Not(HasSubstr("no NVIDIA GPU")));
  EXPECT_THAT(line_with(text, "pci visible"), HasSubstr("permission denied"));
}

TEST(FactsText, AGpuThatOnlyNvmlShowsIsNotLost) {
  facts::Machine m = two_gpus();
  m.pci.pop_back();
  const std::string text = report::facts_text(m, kWide);
  EXPECT_THAT(text, HasSubstr("GPU 1:  shown by NVML and not on the PCI bus"));
}

TEST(FactsText, AnIdleLinkSaysWhatItIsNow) {
  facts::Machine m = two_gpus();
  m.pci[1].link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 8, .max_width = 16};
  const std::string text = report::facts_text(m, {.columns = 100, .colour = false});
  EXPECT_THAT(line_with(text, "07:00.0"), HasSubstr("gen5 x16 (now gen1 x8)"));
  EXPECT_THAT(line_with(text, "06:00.0"), Not(HasSubstr("now")));
}

TEST(FactsText, EachGpuThatDiffersStandsByItself) {
  facts::Machine m = two_gpus();
  m.pci[1].name = "GeForce RTX 4090";
  m.pci[1].kernel_driver = std::optional<std::string>{};
  const std::string text = report::facts_text(m, {.columns = 100, .colour = false});
  EXPECT_THAT(text, StartsWith("1x H200 SXM 141GB, 1x GeForce RTX 4090; driver 580.159.04 is loaded\n"));
  EXPECT_THAT(line_with(text, "0000:07:00.0"), HasSubstr("GeForce RTX 4090"));
  EXPECT_THAT(line_with(text, "0000:07:00.0"), HasSubstr("none"));
}

TEST(FactsText, EightSleepingGpusHaveALineEachInEightyColumns) {
  facts::Machine m = two_gpus();
  m.pci.clear();
  m.nvml->gpus.clear();
  for (int i = 0; i < 8; ++i) {
    const std::string pci = "0000:0" + std::to_string(i) + ":00.0";
    m.pci.push_back(h200_function(pci));
    m.pci.back().numa_node = i / 4;
    m.pci.back().link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 16, .max_width = 16};
    m.nvml->gpus.push_back(h200(i, pci));
  }
  const std::string text = report::facts_text(m, kWide);
  EXPECT_EQ(line_with(text, "07:00.0"),
            "  7  07:00.0  H200 SXM 141GB  Hopper 9.0    140 GiB  1     gen5 x16 (now gen1)");
  EXPECT_THAT(text, HasSubstr("\n  all: kernel driver nvidia\n"));
}

TEST(FactsText, HypotheticalGpusAreNotSaidToBeHere) {
  facts::Machine m = two_gpus();
  m.hypothetical = true;
  EXPECT_THAT(report::facts_text(m, kWide),
              StartsWith("2x H200 SXM 141GB, as given: they are not in this machine\n"));
}

TEST(FactsText, WhatCouldNotBeReadIsListedWithItsReason) {
  facts::Machine m = two_gpus();
  m.secure_boot = Error(Errc::denied, "/sys/firmware/efi/efivars: permission denied");
  m.pci[0].link = Error(Errc::io, "current_link_speed: input/output error");
  m.pci[1].link = Error(Errc::io, "current_link_speed: input/output error");
  const std::string text = report::facts_text(m, {.columns = 100, .colour = false});
  EXPECT_THAT(line_with(text, "Secure Boot"), HasSubstr("not known"));
  const std::string end = text.substr(text.find("Could not look"));
  EXPECT_THAT(end, HasSubstr("  -  secure boot: /sys/firmware/efi/efivars: permission denied\n"));
  EXPECT_THAT(end, HasSubstr("  -  link of 2 GPUs: current_link_speed: input/output error\n"));
}

TEST(FactsText, ColourIsOnlyThereWhenWanted) {
  const std::string bare = report::facts_text(two_gpus(), kWide);
  const std::string coloured = report::facts_text(two_gpus(), {.columns = 80, .colour = true});
  EXPECT_THAT(coloured, HasSubstr("\x1b[1mGPUs\x1b[0m\n"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[33mdoes not answer\x1b[0m"));
  EXPECT_EQ(without_colour(coloured), bare);
}

}  // namespace
