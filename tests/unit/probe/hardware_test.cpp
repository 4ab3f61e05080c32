// SPDX-License-Identifier: Apache-2.0
// PCI, the driver and its module: parsers over tables of cases, readers over small trees.
#include <bringup/host/kernel_module.hpp>
#include <bringup/probe/internal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tree.hpp"

namespace {

using namespace bringup;
using facts::Flavour;
using testing_support::Tree;

struct VersionCase {
  const char* name;
  const char* text;
  const char* version;  // nullptr: an error
  Flavour flavour;
};
class DriverVersion : public testing::TestWithParam<VersionCase> {};

TEST_P(DriverVersion, IsReadFromProc) {
  const auto got = probe::parse_driver_version(GetParam().text);
  if (GetParam().version == nullptr) {
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Errc::malformed);
    return;
  }
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->version, GetParam().version);
  EXPECT_EQ(got->flavour, GetParam().flavour);
}

INSTANTIATE_TEST_SUITE_P(
    Proc, DriverVersion,
    testing::Values(
        VersionCase{"open",
                    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  "
                    "(builder@host)\nGCC version:  gcc version 15.3.0 (GCC)\n",
                    "580.159.04", Flavour::open},
        VersionCase{"proprietary",
                    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC "
                    "2024\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
                    "535.183.01", Flavour::proprietary},
        VersionCase{"two_parts",
                    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157  Wed Oct 12 09:19:07 UTC 2022\n",
                    "390.157", Flavour::proprietary},
        VersionCase{"arm",
                    "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  570.86.15  Release Build\n",
                    "570.86.15", Flavour::open},
        VersionCase{"after_other_lines",
                    "something new: 1.2\nNVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  x\n",
                    "470.256.02", Flavour::proprietary},
        VersionCase{"without_number", "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n", nullptr,
                    Flavour::open},
        VersionCase{"compiler_is_no_version", "GCC version:  gcc version 535.1.0\n", nullptr, Flavour::open},
        VersionCase{"empty", "", nullptr, Flavour::open},
        VersionCase{"number_too_long", "NVRM version: Module 99999999999999999999999.1\n", nullptr,
                    Flavour::open}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ReadDriver, NotLoadedIsNotTheSameAsNotReadable) {
  Tree tree;
  tree.file("/proc/modules", "snd 1 0 - Live 0x0\nnouveau_not 1 0 - Live 0x0\n");
  auto driver = probe::read_driver(tree.view(), {});
  ASSERT_TRUE(driver.loaded);
  EXPECT_FALSE(driver.loaded->has_value());
  EXPECT_EQ(driver.nouveau_loaded, facts::Reading<bool>(false));

  tree.file("/proc/driver/nvidia/version", "garbage\n")
      .file("/proc/modules", "nouveau 2527232 1 - Live 0x0\n");
  driver = probe::read_driver(tree.view(), {});
  ASSERT_FALSE(driver.loaded);
  EXPECT_THAT(driver.loaded.error().message(), testing::HasSubstr("/proc/driver/nvidia/version: "));
  EXPECT_EQ(driver.nouveau_loaded, facts::Reading<bool>(true));
}

TEST(ReadDriver, AKernelWithoutModulesIsAskedThroughSysfs) {
  Tree tree;
  EXPECT_FALSE(probe::read_driver(tree.view(), {}).nouveau_loaded) << "neither place can be seen";
  tree.directory("/sys/module/ext4");
  EXPECT_EQ(probe::read_driver(tree.view(), {}).nouveau_loaded, facts::Reading<bool>(false));
  tree.directory("/sys/module/nouveau");
  EXPECT_EQ(probe::read_driver(tree.view(), {}).nouveau_loaded, facts::Reading<bool>(true));
}

TEST(ReadDriver, EveryLibraryVersionOnDiskIsTold) {
  Tree tree;
  tree.file("/usr/lib/x86_64-linux-gnu/libcuda.so.1")
      .file("/usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05")
      .file("/usr/lib64/libcuda.so.580.95.05");
  tree.file("/usr/lib/x86_64-linux-gnu/nvidia/tesla-470/libcuda.so.470.256.02")
      .file("/usr/lib/x86_64-linux-gnu/libcudart.so.12.0.1");
  tree.file("/usr/local/nvidia/lib64/libnvidia-ml.so.1000.1.2")
      .file("/usr/lib64/libnvidia-ml.so.580.95.05")
      .file("/usr/bin/nvidia-uninstall");
  const auto driver = probe::read_driver(tree.view(), {});
  EXPECT_THAT(driver.libcuda, testing::ElementsAre("470.256.02", "580.95.05"));
  EXPECT_THAT(driver.libnvml, testing::ElementsAre("580.95.05", "1000.1.2")) << "as numbers, oldest first";
  EXPECT_EQ(driver.foreign, "/usr/bin/nvidia-uninstall");
}

TEST(Modules, TheMainModuleIsToldFromItsCompanions) {
  for (const char* name :
       {"nvidia.ko", "nvidia.ko.xz", "nvidia.ko.zst", "nvidia.ko.gz", "nvidia-current.ko",
        "nvidia-current-open.ko", "nvidia-tesla-470.ko", "nvidia-legacy-390xx.ko", "nvidia-535.ko"})
    EXPECT_TRUE(host::is_nvidia_module(name)) << name;
  for (const char* name : {"nvidia-uvm.ko", "nvidia-current-drm.ko.xz", "nvidia-tesla-470-modeset.ko",
                           "nvidia-peermem.ko", "nvidia-wmi-ec-backlight.ko.xz", "nvidiafb.ko",
                           "i2c-nvidia-gpu.ko", "nvidia", "nvidia.ko.bak", "nvidia-fs.ko", ""})
    EXPECT_FALSE(host::is_nvidia_module(name)) << name;
}

facts::Kernel kernel(const std::string& release) {
  return {.running = release, .installed = {{.release = release}}, .command_line = ""};
}

TEST(Modules, SayTheirVersionFlavourAndSigner) {
  Tree tree;
  tree.file("/lib/modules/6.1.0-25-amd64/updates/dkms/nvidia-current.ko",
            host::module_file({.version = "535.183.01", .license = "NVIDIA", .built_for = "", .signer = ""}));
  tree.file("/lib/modules/6.1.0-25-amd64/updates/dkms/nvidia-current-uvm.ko",
            host::module_file({.version = "535.183.01", .license = "NVIDIA", .built_for = "", .signer = ""}));
  tree.file("/lib/modules/6.1.0-25-amd64/kernel/nvidia-580-open/nvidia.ko",
            host::module_file({.version = "580.95.05",
                               .license = "Dual MIT/GPL",
                               .built_for = "6.1.0-24-amd64",
                               .versioned = true,
                               .signer = "Canonical Ltd. Kernel Module Signing"}));
  tree.file("/lib/modules/6.1.0-25-amd64/extra/nvidia.ko.xz",
            "\xFD"
            "7zXZ");
  const auto driver = probe::read_driver(tree.view(), kernel("6.1.0-25-amd64"));
  ASSERT_EQ(driver.modules.size(), 3U);
  const auto info = host::read_module(tree.view(), driver.modules[1].path);
  EXPECT_EQ(info ? info->built_for : "", "6.1.0-24-amd64");
  EXPECT_EQ(driver.modules[0].path, "/lib/modules/6.1.0-25-amd64/extra/nvidia.ko.xz");
  EXPECT_EQ(driver.modules[0].version, "") << "compressed: it is there, and no more is known";
  EXPECT_FALSE(driver.modules[0].flavour);
  EXPECT_EQ(driver.modules[1].version, "580.95.05");
  EXPECT_EQ(driver.modules[1].flavour, Flavour::open);
  EXPECT_EQ(driver.modules[1].signer, "Canonical Ltd. Kernel Module Signing");
  EXPECT_EQ(driver.modules[1].built_for, "6.1.0-24-amd64");
  EXPECT_TRUE(driver.modules[1].versioned);
  EXPECT_TRUE(facts::for_other_kernel(driver.modules[1]));
  EXPECT_EQ(driver.modules[2].built_for, "") << "no vermagic: not known, and not another kernel's";
  EXPECT_FALSE(facts::for_other_kernel(driver.modules[2]));
  EXPECT_EQ(driver.modules[2].version, "535.183.01");
  EXPECT_EQ(driver.modules[2].flavour, Flavour::proprietary);
  EXPECT_EQ(driver.modules[2].signer, "");
}

TEST(Modules, TheirVersionMagicIsReadInEveryForm) {
  using namespace std::string_literals;
  const struct {
    std::string section;
    std::string built_for;
    bool versioned;
  } cases[] = {{"vermagic=6.1.0-25-amd64 SMP preempt mod_unload modversions \0"s, "6.1.0-25-amd64", true},
               {"vermagic=6.6.58-site SMP preempt mod_unload \0"s, "6.6.58-site", false},
               {"vermagic=5.14.0-427.el9.x86_64\0"s, "5.14.0-427.el9.x86_64", false},
               {"vermagic=\0version=1.2\0"s, "", false},
               {"vermagic=  \0"s, "", false},
               {"vermagic=6.1 nomodversions"s, "6.1", false},
               {"xvermagic=6.1 modversions\0"s, "", false},
               {""s, "", false}};
  for (const auto& one : cases) {
    const host::ModuleInfo info = host::parse_modinfo(one.section);
    EXPECT_EQ(info.built_for, one.built_for) << one.section;
    EXPECT_EQ(info.versioned, one.versioned) << one.section;
  }
}

TEST(Modules, ALinkToAnotherKernelsModuleIsFollowed) {
  Tree tree;
  tree.file("/lib/modules/5.14.0-427.el9.x86_64/extra/nvidia.ko",
            host::module_file({.version = "580.95.05",
                               .license = "NVIDIA",
                               .built_for = "5.14.0-427.el9.x86_64",
                               .signer = "key"}));
  tree.link("/lib/modules/5.14.0-503.el9.x86_64/weak-updates/nvidia/nvidia.ko",
            "/lib/modules/5.14.0-427.el9.x86_64/extra/nvidia.ko");
  const auto modules = probe::read_modules(tree.view(), "5.14.0-503.el9.x86_64");
  ASSERT_EQ(modules.size(), 1U);
  EXPECT_EQ(modules[0].path, "/lib/modules/5.14.0-503.el9.x86_64/weak-updates/nvidia/nvidia.ko");
  EXPECT_EQ(modules[0].version, "580.95.05");
  EXPECT_EQ(modules[0].signer, "key");
  EXPECT_EQ(modules[0].built_for, "5.14.0-427.el9.x86_64");
  EXPECT_FALSE(facts::for_other_kernel(modules[0])) << "weak-updates: meant for this kernel too";
}

TEST(Modules, ACutOrLyingFileIsAnErrorAtEveryLength) {
  const std::string whole = host::module_file(
      {.version = "580.95.05", .license = "Dual MIT/GPL", .built_for = "", .signer = "somebody's key"});
  Tree tree;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    tree.file("/m.ko", whole.substr(0, length));
    const auto info = host::read_module(tree.view(), "/m.ko");
    if (info)
      EXPECT_EQ(info->version, "580.95.05") << length;
    else
      EXPECT_NE(info.error().code(), Errc::absent) << length;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = '\xFF';
    tree.file("/m.ko", changed);
    const auto info = host::read_module(tree.view(), "/m.ko");
    EXPECT_TRUE(info || info.error().code() != Errc::absent) << at;  // an answer, and no crash
  }
}

TEST(Modules, CommonNamesAreReadFromDer) {
  const std::string object("\x06\x03\x55\x04\x03", 5);
  EXPECT_EQ(host::find_common_name("0\x1f" + object +
                                   "\x0c\x03"
                                   "key rest"),
            "key");
  EXPECT_EQ(host::find_common_name(object + "\x13\x02"
                                            "ab"),
            "ab");
  EXPECT_FALSE(host::find_common_name(object + "\x0c\x05"
                                               "key"))
      << "longer than what is there";
  EXPECT_FALSE(host::find_common_name(object + "\x02\x03"
                                               "key"))
      << "a number is no name";
  EXPECT_FALSE(host::find_common_name(object));
  EXPECT_FALSE(host::find_common_name(""));
}

struct SpeedCase {
  const char* speed;
  int generation;
};
class Speed : public testing::TestWithParam<SpeedCase> {};
TEST_P(Speed, IsAGeneration) {
  EXPECT_EQ(probe::pci_generation(GetParam().speed), GetParam().generation);
}
INSTANTIATE_TEST_SUITE_P(Sysfs, Speed,
                         testing::Values(SpeedCase{"2.5 GT/s PCIe\n", 1}, SpeedCase{"2.5 GT/s\n", 1},
                                         SpeedCase{"5.0 GT/s PCIe", 2}, SpeedCase{"5 GT/s", 2},
                                         SpeedCase{"8.0 GT/s PCIe", 3}, SpeedCase{"8 GT/s", 3},
                                         SpeedCase{"16.0 GT/s PCIe", 4}, SpeedCase{"32.0 GT/s PCIe", 5},
                                         SpeedCase{"64.0 GT/s PCIe", 6}, SpeedCase{"Unknown speed", 0},
                                         SpeedCase{"Unknown", 0}, SpeedCase{"", 0}, SpeedCase{"25 GT/s", 0}));

Tree& device(Tree& tree, const std::string& address, const char* vendor, const char* id, const char* code) {
  const std::string at = "/sys/bus/pci/devices/" + address;
  return tree.file(at + "/vendor", vendor).file(at + "/device", id).file(at + "/class", code);
}

TEST(Pci, OnlyNvidiasFunctionsAreTakenEachByItsKind) {
  Tree tree;
  device(tree, "0000:01:00.0", "0x10de\n", "0x2684\n", "0x030000\n")
      .file("/sys/bus/pci/devices/0000:01:00.0/subsystem_vendor", "0x1458\n");
  device(tree, "0000:01:00.1", "0x10de\n", "0x22ba\n", "0x040300\n");
  device(tree, "0000:02:00.0", "0x10de\n", "0x2335\n", "0x030200\n");
  device(tree, "0000:03:00.0", "0x10de\n", "0x22a3\n", "0x068000\n");
  device(tree, "0000:04:00.0", "0x10de\n", "0x1ad8\n", "0x0c0330\n");
  device(tree, "0000:05:00.0", "0x10de\n", "0x0001\n", "0x020000\n");
  device(tree, "0000:00:02.0", "0x8086\n", "0x1234\n", "0x030000\n");
  device(tree, "0000:06:00.0", "nonsense", "0x2335\n", "0x030200\n");
  const auto functions =
      probe::read_pci(tree.view(), [](std::uint16_t id, std::uint16_t vendor, std::uint16_t) {
        return probe::GpuName{.name = id == 0x2684 && vendor == 0x1458 ? "RTX 4090" : "other",
                              .architecture = "Ada",
                              .compute_capability = "8.9"};
      });
  ASSERT_TRUE(functions);
  ASSERT_EQ(functions->size(), 6U);
  using facts::PciKind;
  EXPECT_EQ((*functions)[0].kind, PciKind::gpu);
  EXPECT_EQ((*functions)[0].name, "RTX 4090");
  EXPECT_EQ((*functions)[0].compute_capability, "8.9");
  EXPECT_EQ((*functions)[1].kind, PciKind::audio);
  EXPECT_EQ((*functions)[1].name, "") << "names are asked for GPUs only";
  EXPECT_EQ((*functions)[2].kind, PciKind::gpu);
  EXPECT_EQ((*functions)[3].kind, PciKind::nvswitch);
  EXPECT_EQ((*functions)[4].kind, PciKind::usb);
  EXPECT_EQ((*functions)[5].kind, PciKind::other);
}

TEST(Pci, LinkDriverAndNodeAreReadOrSayWhyNot) {
  Tree tree;
  device(tree, "0000:01:00.0", "0x10de\n", "0x2335\n", "0x030200\n")
      .link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../../../bus/pci/drivers/vfio-pci");
  const std::string at = "/sys/bus/pci/devices/0000:01:00.0/";
  tree.file(at + "current_link_speed", "2.5 GT/s PCIe\n")
      .file(at + "max_link_speed", "32.0 GT/s PCIe\n")
      .file(at + "current_link_width", "8\n")
      .file(at + "max_link_width", "16\n");
  tree.file(at + "numa_node", "-1\n");
  device(tree, "0000:02:00.0", "0x10de\n", "0x2335\n", "0x030200\n")
      .file("/sys/bus/pci/devices/0000:02:00.0/numa_node", "x\n");
  const auto functions = probe::read_pci(tree.view(), {});
  ASSERT_TRUE(functions);
  ASSERT_EQ(functions->size(), 2U);
  const auto& first = (*functions)[0];
  EXPECT_EQ(first.link, facts::Reading<facts::PcieLink>(facts::PcieLink{
                            .generation = 1, .max_generation = 5, .width = 8, .max_width = 16}));
  EXPECT_EQ(first.kernel_driver,
            facts::Reading<std::optional<std::string>>(std::optional<std::string>("vfio-pci")));
  EXPECT_EQ(first.numa_node, facts::Reading<int>(-1));
  const auto& second = (*functions)[1];
  ASSERT_TRUE(second.kernel_driver);
  EXPECT_FALSE(second.kernel_driver->has_value()) << "no driver is bound, which is a fact and not an error";
  EXPECT_FALSE(second.link);
  ASSERT_FALSE(second.numa_node);
  EXPECT_EQ(second.numa_node.error().code(), Errc::malformed);
}

TEST(Pci, ABusThatCannotBeSeenIsNotAnEmptyBus) {
  Tree tree;
  EXPECT_FALSE(probe::read_pci(tree.view(), {})) << "no sysfs at all";
  auto machine = probe::look(tree.view(), {});
  EXPECT_FALSE(machine.pci_visible);
  EXPECT_FALSE(machine.counts.pci.gpus) << "could not look is never 0";

  tree.directory("/sys/bus/virtio");
  machine = probe::look(tree.view(), {});
  EXPECT_TRUE(machine.pci_visible) << "the kernel shows its buses, and PCI is not among them";
  EXPECT_EQ(machine.counts.pci.gpus, facts::Reading<int>(0));

  tree.file("/dev/nvidiactl");
  EXPECT_FALSE(probe::look(tree.view(), {}).counts.pci.gpus) << "a sandbox passes GPUs on and hides the bus";
}

TEST(Counts, EachLayerCountsForItself) {
  Tree tree;
  device(tree, "0000:01:00.0", "0x10de\n", "0x2335\n", "0x030200\n");
  device(tree, "0000:02:00.0", "0x10de\n", "0x2335\n", "0x030200\n");
  device(tree, "0000:02:00.1", "0x10de\n", "0x22ba\n", "0x040300\n");
  probe::Options options;
  options.nvml = facts::NvmlSnapshot{};
  options.cuda = {.gpus = 2, .how = "asked"};
  auto counts = probe::look(tree.view(), options).counts;
  EXPECT_EQ(counts.pci.gpus, facts::Reading<int>(2));
  ASSERT_FALSE(counts.driver.gpus);
  EXPECT_EQ(counts.driver.gpus.error().code(), Errc::absent);
  EXPECT_EQ(counts.nvml.gpus, facts::Reading<int>(0));
  EXPECT_EQ(counts.cuda, options.cuda);
  tree.directory("/proc/driver/nvidia/gpus/0000:01:00.0");
  options.nvml = Error(Errc::failed, "mismatch");
  counts = probe::look(tree.view(), options).counts;
  EXPECT_EQ(counts.driver.gpus, facts::Reading<int>(1));
  EXPECT_EQ(counts.nvml.gpus, facts::Reading<int>(Error(Errc::failed, "mismatch")));
  EXPECT_NE(counts.nvml.how, "");
  EXPECT_NE(counts.pci.how, "");
}

}  // namespace
