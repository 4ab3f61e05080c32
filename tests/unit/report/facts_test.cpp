// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const report::Style kWide{.columns = 80, .colour = false};

facts::NvmlGpu h200(int index, const std::string& pci) {
  facts::NvmlGpu gpu = full_nvml_gpu(index, pci, "NVIDIA H200");
  gpu.memory_bytes = std::uint64_t{150'754'820'096};
  gpu.mig = false;
  gpu.ecc = true;
  gpu.ecc_uncorrected = std::uint64_t{0};
  gpu.power_limit_watts = gpu.power_default_watts;
  gpu.processes = 0;
  gpu.row_remap_pending = false;
  gpu.row_remap_failed = false;
  return gpu;
}

facts::PciFunction h200_function(const std::string& pci) {
  return {.address = pci,
          .kind = facts::PciKind::gpu,
          .device_id = 0x2335,
          .name = "H200 SXM 141GB",
          .architecture = "Hopper",
          .compute_capability = "9.0",
          .kernel_driver = std::optional<std::string>("nvidia"),
          .link = facts::PcieLink{.generation = 5, .max_generation = 5, .width = 16, .max_width = 16},
          .numa_node = 0};
}

// A small machine with two GPUs.
facts::Machine two_gpus() {
  facts::Machine m;
  m.os = {.id = "ubuntu",
          .version = "24.04",
          .codename = "noble",
          .name = "Ubuntu 24.04.3 LTS",
          .like = {"debian"}};
  m.kernel = {.running = "6.8.0-45-generic",
              .installed = {{.release = "6.8.0-45-generic", .bootable = true, .headers = true}},
              .command_line = ""};
  m.arch = "x86_64";
  m.glibc = std::string("2.39");
  m.gcc = std::string("13");
  m.secure_boot = false;
  m.container = std::optional<std::string>{};
  m.cpus = 32;
  m.numa_nodes = 2;
  m.memory_bytes = std::uint64_t{256} << 30U;
  m.shm_bytes = std::uint64_t{128} << 30U;
  m.memlock_bytes = std::int64_t{-1};
  m.user = {.name = "ana", .home = "/home/ana", .uid = 1000, .gid = 1000, .root = false};
  m.pci_visible = true;
  m.pci = {h200_function("0000:06:00.0"), h200_function("0000:07:00.0")};
  m.nvml = facts::NvmlSnapshot{.driver_version = "580.159.04",
                               .nvml_version = "13.580",
                               .cuda_driver_version = 13000,
                               .library_path = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
                               .gpus = {h200(0, "0000:06:00.0"), h200(1, "0000:07:00.0")}};
  m.counts = {.pci = {.gpus = 2, .how = "/sys/bus/pci/devices"},
              .driver = {.gpus = 2, .how = "/proc/driver/nvidia/gpus"},
              .nvml = {.gpus = 2, .how = "nvmlDeviceGetCount_v2"},
              .cuda = {.gpus = 1, .how = "cuDeviceGetCount in a child process"},
              .pytorch = {.gpus = Error(Errc::absent, "no environment has PyTorch"), .how = ""}};
  m.driver.loaded =
      std::optional(facts::LoadedModule{.version = "580.159.04", .flavour = facts::Flavour::open});
  m.driver.nouveau_loaded = false;
  m.driver.libcuda = {"580.159.04"};
  m.driver.modules = {{.kernel = "6.8.0-45-generic",
                       .path = "/lib/modules/x.ko",
                       .version = "580.159.04",
                       .flavour = facts::Flavour::open,
                       .signer = "DKMS"}};
  m.packages.manager = "dpkg";
  m.packages.list = std::vector<facts::Package>{
      {.name = "libnccl2", .version = "2.27", .architecture = "amd64", .held = true}};
  m.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  m.pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = true}};
  m.managers = {{.kind = "uv", .path = "/usr/bin/uv", .version = ""}};
  m.envs = {{.path = "/opt/torch/.venv",
             .python = "",
             .version = "3.12.3",
             .kind = "venv",
             .torch = "2.11.0+cu130",
             .variant = "cu130"}};
  m.shells.installed = {"bash"};
  m.shells.settings = {
      {.file = "/etc/environment", .line = 1, .variable = "CUDA_HOME", .text = "CUDA_HOME=/usr/local/cuda"}};
  m.disks = {
      {.path = "/", .free_bytes = std::uint64_t{400} << 30U, .total_bytes = std::uint64_t{900} << 30U},
      {.path = "/tmp", .free_bytes = std::uint64_t{400} << 30U, .total_bytes = std::uint64_t{900} << 30U}};
  m.sources = {{.name = "pypi", .url = "https://pypi.org/simple/", .answered_seconds = 0.045},
               {.name = "nvidia",
                .url = "https://nvidia.example/",
                .answered_seconds = Error(Errc::unreachable, "no route to host")}};
  return m;
}

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
  pypi          answered in 45 ms  https://pypi.org/simple/
  nvidia        does not answer    https://nvidia.example/
                                   no route to host
)");
}

TEST(FactsText, TellsTheSameInSixtyColumns) {
  EXPECT_EQ(report::facts_text(two_gpus(), {.columns = 60, .colour = false}), R"(2x H200 SXM 141GB; driver 580.159.04 is loaded

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
  pypi          answered in 45 ms  https://pypi.org/simple/
  nvidia        does not answer    https://nvidia.example/
                                   no route to host
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

// Every key that the document has, however little is known.
const std::set<std::string> kTopKeys{"schema",     "machine",  "gpus",         "other_functions", "counts",
                                     "counts_how", "nvml",     "driver",       "packages",        "toolkits",
                                     "pythons",    "managers", "environments", "shells",          "disks",
                                     "sources",    "unknown"};

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

json facts_of(const facts::Machine& machine) {
  return json::parse(report::facts_json(machine));
}

TEST(FactsJson, BeginsWithItsSchema) {
  EXPECT_THAT(report::facts_json({}), StartsWith("{\n  \"schema\": \"bringup.facts/1\",\n"));
}

TEST(FactsJson, HasEveryKeyForAnEmptyMachineAndForAFullOne) {
  const json empty = facts_of({});
  const json full = facts_of(full_machine("words"));
  EXPECT_EQ(keys_of(empty), kTopKeys);
  EXPECT_EQ(keys_of(full), kTopKeys);
  for (const char* object : {"machine", "counts", "counts_how", "driver", "packages", "shells"})
    EXPECT_EQ(keys_of(empty[object]), keys_of(full[object])) << object;
  EXPECT_EQ(keys_of(empty["machine"]["os"]), keys_of(full["machine"]["os"]));
  EXPECT_EQ(keys_of(empty["machine"]["kernel"]), keys_of(full["machine"]["kernel"]));
  EXPECT_EQ(keys_of(full["counts"]), (std::set<std::string>{"pci", "driver", "nvml", "cuda", "pytorch"}));
  for (const char* key : {"os", "kernel", "arch", "glibc", "secure_boot"})
    EXPECT_TRUE(full["machine"].contains(key)) << key;
}

TEST(FactsJson, AGpuHasTheSameKeysWhetherItIsKnownOrNot) {
  facts::Machine bare;
  bare.pci = {{.address = "0000:01:00.0", .kind = facts::PciKind::gpu}};
  facts::Machine shown_by_nvml_alone;
  shown_by_nvml_alone.nvml = facts::NvmlSnapshot{.gpus = {{.index = 0, .pci = "0000:01:00.0"}}};
  const std::set<std::string> keys = keys_of(facts_of(full_machine("words"))["gpus"][0]);
  EXPECT_EQ(keys_of(facts_of(bare)["gpus"][0]), keys);
  EXPECT_EQ(keys_of(facts_of(shown_by_nvml_alone)["gpus"][0]), keys);
  for (const char* key :
       {"pci", "device_id", "name", "architecture", "compute_capability", "memory_bytes", "kernel_driver"})
    EXPECT_TRUE(keys.contains(key)) << key;
}

// Where the document is null, with its place as "unknown" spells it.
void nulls_of(const json& value, const std::string& at, std::set<std::string>& out) {
  if (value.is_null()) out.insert(at);
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) nulls_of(inner, at.empty() ? key : at + "." + key, out);
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      nulls_of(value[i], at + "[" + std::to_string(i) + "]", out);
  }
}

TEST(FactsJson, EveryNullOfAnUnknownFactIsListedWithAReason) {
  facts::Machine m;
  m.pci = {{.address = "0000:01:00.0", .kind = facts::PciKind::gpu},
           {.address = "0000:01:00.1", .kind = facts::PciKind::audio}};
  m.nvml = facts::NvmlSnapshot{.gpus = {{.index = 0, .pci = "0000:01:00.0"}}};
  m.sources = {{.name = "pypi", .url = "https://pypi.org/simple/"}};
  const json document = facts_of(m);
  std::set<std::string> listed;
  for (const json& one : document["unknown"]) {
    EXPECT_FALSE(one["why"].get<std::string>().empty()) << one;
    EXPECT_TRUE(listed.insert(one["fact"].get<std::string>()).second) << one;
  }
  std::set<std::string> nulls;
  nulls_of(document, "", nulls);
  for (const std::string& fact : listed) EXPECT_TRUE(nulls.contains(fact)) << fact;
  // What is null because there is nothing, and not because it could not be read.
  const std::set<std::string> nothing{
      "machine.os.version", "machine.os.codename",       "machine.os.name",    "machine.kernel.command_line",
      "machine.hypervisor", "machine.user.name",         "machine.user.home",  "gpus[0].nvml.name",
      "gpus[0].nvml.uuid",  "other_functions[0].name",   "counts_how.pci",     "counts_how.driver",
      "counts_how.nvml",    "counts_how.cuda",           "counts_how.pytorch", "nvml.driver_version",
      "nvml.nvml_version",  "nvml.cuda_version",         "nvml.library_path",  "driver.foreign_installer",
      "packages.manager",   "packages.archive_signed_by"};
  for (const std::string& place : nulls)
    EXPECT_TRUE(listed.contains(place) || nothing.contains(place)) << place;
  EXPECT_TRUE(listed.contains("counts.cuda"));
  EXPECT_TRUE(listed.contains("gpus[0].kernel_driver"));
}

TEST(FactsJson, NothingIsUnknownOfAFullMachine) {
  facts::Machine m = full_machine("words");
  m.sources.pop_back();
  EXPECT_EQ(facts_of(m)["unknown"], json::array());
}

TEST(FactsJson, WritesNumbersAsNumbers) {
  const json document = facts_of(two_gpus());
  EXPECT_EQ(document["counts"]["pci"], 2);
  EXPECT_EQ(document["counts"]["cuda"], 1);
  EXPECT_TRUE(document["counts"]["pytorch"].is_null());
  EXPECT_EQ(document["gpus"][0]["memory_bytes"], 150754820096U);
  EXPECT_EQ(document["gpus"][0]["device_id"], "10de:2335");
  EXPECT_EQ(document["gpus"][0]["link"]["max_width"], 16);
  EXPECT_EQ(document["machine"]["memlock_bytes"], -1);
  EXPECT_EQ(document["machine"]["secure_boot"], false);
  EXPECT_EQ(document["nvml"]["cuda_version"], "13.0");
  EXPECT_EQ(document["sources"][0]["answered_seconds"], 0.045);
  EXPECT_TRUE(document["sources"][1]["answered_seconds"].is_null());
}

TEST(FactsJson, NoneBoundIsNotUnknown) {
  facts::Machine m = two_gpus();
  m.pci[0].kernel_driver = std::optional<std::string>{};
  const json document = facts_of(m);
  EXPECT_TRUE(document["gpus"][0]["kernel_driver"].is_null());
  for (const json& one : document["unknown"]) EXPECT_NE(one["fact"], "gpus[0].kernel_driver");
}

}  // namespace
