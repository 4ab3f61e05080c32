// SPDX-License-Identifier: Apache-2.0
// The forecast of the next boot: what is known is said, what is not is unknown, and neither is the other.
#include <bringup/diagnose/next_boot.hpp>

#include <gmock/gmock.h>

#include "patients.hpp"
#include <algorithm>

namespace bringup::diagnose::testing {
namespace {

using ::testing::HasSubstr;

const BootPart* part(const Forecast& forecast, std::string_view name) {
  const auto found = std::ranges::find(forecast.parts, name, &BootPart::part);
  return found == forecast.parts.end() ? nullptr : &*found;
}

struct Case {
  const char* name;
  void (*change)(facts::Machine& machine);
  Outlook outlook;
  const char* kernel;     // "" when it is not to be told
  const char* part = "";  // of the forecast ...
  const char* says = "";  // ... whose text or fix has this
};

void forget_next(facts::Machine& m) {
  m.driver.modules = {module_for(kRunning)};
  m.boot.dkms->pop_back();
}
// As grub-mkconfig writes it, with the old kernel first below the submenu.
void nest_menu(facts::Machine& m, const char* wanted) {
  m.boot.entries =
      std::vector<facts::BootEntry>{{.id = "simple", .title = "Debian", .number = "0", .release = kNext},
                                    {.id = "advanced>old",
                                     .title = "Advanced options>Debian, with Linux old",
                                     .number = "1>0",
                                     .release = kRunning},
                                    {.id = "advanced>new",
                                     .title = "Advanced options>Debian, with Linux new",
                                     .number = "1>1",
                                     .release = kNext}};
  m.boot.wanted = std::string(wanted);
}
void hide_menu(facts::Machine& m) {
  m.boot.entries = Error(Errc::denied, "/boot/grub/grub.cfg: Permission denied");
}
void compress(facts::Machine& m) {
  for (auto& module : m.driver.modules)
    module = {
        .kernel = module.kernel, .path = module.path + ".zst", .version = "", .flavour = {}, .signer = ""};
}

const Case kCases[] = {
    {"NothingIsWrong", [](facts::Machine&) {}, Outlook::good, kNext, "kernel", "the default of GRUB's menu"},
    {"NoGpu",
     [](facts::Machine& m) {
       m.pci.clear();
       m.nvml = Error(Errc::absent, "not there");
     },
     Outlook::good, "", "GPUs", "no NVIDIA GPU to lose"},
    {"ABusThatCannotBeRead", [](facts::Machine& m) { m.pci_visible = Error(Errc::denied, "denied"); },
     Outlook::unknown, "", "GPUs", "denied"},
    {"AContainer", [](facts::Machine& m) { m.container = std::optional<std::string>("docker"); },
     Outlook::unknown, "", "machine", "its host's"},
    {"NoModuleAndNoHeaders",
     [](facts::Machine& m) {
       forget_next(m);
       m.kernel.installed[1].headers = false;
     },
     Outlook::bad, kNext, "module", "linux-headers-6.1.0-28-amd64"},
    {"NoModuleAndDkmsNotAtBoot", forget_next, Outlook::bad, kNext, "module",
     "dkms autoinstall -k 6.1.0-28-amd64"},
    {"TheModuleIsAnotherKernels", [](facts::Machine& m) { m.driver.modules[1].built_for = kRunning; },
     Outlook::bad, kNext, "module", "this one will refuse it"},
    {"TheModuleIsAnotherKernelsAndIsToBeBuiltAnew",
     [](facts::Machine& m) { m.driver.modules[1].built_for = kRunning; }, Outlook::bad, kNext, "module",
     "dkms build --force nvidia/580.159.04 -k 6.1.0-28-amd64"},
    {"TheModuleIsAnotherKernelsWithItsSymbolsVersions",
     [](facts::Machine& m) {
       m.driver.modules[1].built_for = kRunning;
       m.driver.modules[1].versioned = true;
     },
     Outlook::unknown, kNext, "module", "only if no symbol"},
    {"TheModuleIsAnotherKernelsAndRunsNow",
     [](facts::Machine& m) {
       m.driver.modules[0].built_for = "6.1.0-24-amd64";
       m.boot.wanted = std::string("1>1");
     },
     Outlook::good, kRunning, "module", "is there for this kernel"},
    {"OneOfItsOwnStandsBesideAnotherKernels",
     [](facts::Machine& m) {
       m.driver.modules[1].built_for = kRunning;
       m.driver.modules.push_back(module_for(kNext));
       m.driver.modules.back().built_for = kNext;
     },
     Outlook::good, kNext, "module", "is there for this kernel"},
    {"NoModuleAndDkmsAtBoot",
     [](facts::Machine& m) {
       forget_next(m);
       m.boot.enabled->emplace_back("dkms");
     },
     Outlook::unknown, kNext, "module", "may fail"},
    {"NoModuleAndNothingThatBuildsOne",
     [](facts::Machine& m) {
       forget_next(m);
       m.boot.dkms->clear();
     },
     Outlook::bad, kNext, "module", "nothing that builds one"},
    {"NoModuleAndDkmsCannotBeRead",
     [](facts::Machine& m) {
       forget_next(m);
       m.boot.dkms = Error(Errc::denied, "denied");
     },
     Outlook::unknown, kNext, "module", "denied"},
    {"TheModuleComesFromElsewhere", [](facts::Machine& m) { m.driver.modules.clear(); }, Outlook::unknown,
     kNext, "module", "not known"},
    {"TheOldKernelIsSaved",
     [](facts::Machine& m) {
       forget_next(m);
       m.boot.wanted = std::string("saved");
       m.boot.saved = "gnulinux-" + std::string(kRunning);
     },
     Outlook::good, kRunning, "kernel", "the saved default"},
    {"OnceOnly",
     [](facts::Machine& m) {
       forget_next(m);
       m.boot.once = std::string("1>1");
     },
     Outlook::good, kRunning, "kernel", "for the next boot alone"},
    {"ADefaultThatIsGone", [](facts::Machine& m) { m.boot.wanted = std::string("gnulinux-5.10.0-9-amd64"); },
     Outlook::good, kNext, "kernel", "names nothing"},
    {"ASubmenuByItsNumber", [](facts::Machine& m) { nest_menu(m, "1"); }, Outlook::good, kRunning, "kernel",
     "the default of"},
    {"ASubmenuByItsTitle", [](facts::Machine& m) { nest_menu(m, "Advanced options"); }, Outlook::good,
     kRunning, "kernel", "the default of"},
    {"ANumberAndAName", [](facts::Machine& m) { nest_menu(m, "1>old"); }, Outlook::good, kRunning, "kernel",
     "the default of"},
    {"ATitleAndANumber", [](facts::Machine& m) { nest_menu(m, "Advanced options>1"); }, Outlook::good, kNext,
     "kernel", "the default of"},
    {"ANameThatIsGoneBelowASubmenu", [](facts::Machine& m) { nest_menu(m, "advanced>gone"); }, Outlook::good,
     kRunning, "kernel", "names nothing"},
    {"ANameWithoutItsSubmenu", [](facts::Machine& m) { nest_menu(m, "old"); }, Outlook::good, kNext, "kernel",
     "names nothing"},
    {"TheMenuIsHidden", hide_menu, Outlook::good, kNext, "kernel", "Permission denied"},
    {"TheMenuIsHiddenAndANumberIsWanted",
     [](facts::Machine& m) {
       hide_menu(m);
       m.boot.wanted = std::string("1>2");
     },
     Outlook::good, "", "kernel", "cannot be told"},  // good with either kernel
    {"TheMenuIsHiddenAndItMatters",
     [](facts::Machine& m) {
       hide_menu(m);
       forget_next(m);
       m.boot.wanted = std::string("1>2");
     },
     Outlook::unknown, "", "kernel", "sudo bringup doctor --next-boot"},
    {"TheMenuIsHiddenAndANameIsWanted",
     [](facts::Machine& m) {
       hide_menu(m);
       m.boot.wanted = std::string("Advanced options>Debian, with Linux 6.1.0-25-amd64");
     },
     Outlook::good, kRunning},
    {"WhatIsSavedIsHidden",
     [](facts::Machine& m) {
       m.boot.wanted = std::string("saved");
       m.boot.saved = Error(Errc::denied, "grubenv: denied");
     },
     Outlook::good, "", "kernel", "grubenv: denied"},
    {"NoLoaderIsKnown",
     [](facts::Machine& m) {
       m.boot.loader = "";
       m.boot.wanted = Error(Errc::absent, "no boot loader");
       m.boot.entries = Error(Errc::absent, "no boot loader");
     },
     Outlook::good, "", "kernel", "no boot loader"},
    {"AnEntryOfAnotherSystem",
     [](facts::Machine& m) {
       m.boot.entries->front() = {
           .id = "osprober", .title = "Windows Boot Manager", .number = "0", .release = ""};
     },
     Outlook::good, "", "kernel", "does not name it"},
    {"LibrariesOfAnotherVersion", [](facts::Machine& m) { m.driver.libcuda = {"570.1.1"}; }, Outlook::bad,
     kNext, "libraries", "different versions"},
    {"NoLibraries", [](facts::Machine& m) { m.driver.libcuda.clear(); }, Outlook::bad, kNext, "libraries",
     "not installed"},
    {"AnUpgradedDriver",
     [](facts::Machine& m) {
       for (auto& module : m.driver.modules) module.version = "580.200.01";
       m.driver.libcuda = {"580.200.01"};
       m.gsp_firmware = std::vector<std::string>{"580.200.01"};
       m.secure_boot = false;  // who signed the module that runs now is not on the disk any more
     },
     Outlook::good, kNext, "module", "580.200.01"},
    {"Unsigned",
     [](facts::Machine& m) {
       for (auto& module : m.driver.modules) module.signer = "";
     },
     Outlook::bad, kNext, "Secure Boot", "not signed"},
    {"UnsignedWithoutSecureBoot",
     [](facts::Machine& m) {
       m.secure_boot = false;
       for (auto& module : m.driver.modules) module.signer = "";
     },
     Outlook::good, kNext},
    {"UnsignedAndRunning",
     [](facts::Machine& m) {
       for (auto& module : m.driver.modules) module.signer = "";
       m.boot.wanted = std::string("1>1");
     },
     Outlook::good, kRunning, "Secure Boot", "has taken this module already"},
    {"SignedWithAnotherKey", [](facts::Machine& m) { m.driver.modules[1].signer = "somebody"; },
     Outlook::unknown, kNext, "Secure Boot", "mokutil"},
    {"SignedWithAKeyThatIsTrusted",
     [](facts::Machine& m) {
       m.driver.modules[1].signer = "somebody";
       m.driver.modules[1].path = "/lib/modules/x/updates/dkms/nvidia.ko";
       m.boot.signing_key = std::optional(facts::SigningKey{.path = "/k", .trust = "enrolled"});
     },
     Outlook::good, kNext, "Secure Boot", "is trusted"},
    {"SignedWithAKeyThatIsToBeConfirmed",
     [](facts::Machine& m) {
       m.driver.modules[1].signer = "somebody";
       m.driver.modules[1].path = "/lib/modules/x/updates/dkms/nvidia.ko";
       m.boot.signing_key = std::optional(facts::SigningKey{.path = "/k", .trust = "requested"});
     },
     Outlook::unknown, kNext, "Secure Boot", "at the console"},
    {"SignedWithAKeyThatNobodyTrusts",
     [](facts::Machine& m) {
       m.driver.modules[1].signer = "somebody";
       m.driver.modules[1].path = "/lib/modules/x/updates/dkms/nvidia.ko";
       m.boot.signing_key = std::optional(facts::SigningKey{.path = "/k", .trust = "none"});
     },
     Outlook::bad, kNext, "Secure Boot", "is not trusted"},
    {"SecureBootCannotBeRead", [](facts::Machine& m) { m.secure_boot = Error(Errc::denied, "denied"); },
     Outlook::unknown, kNext, "Secure Boot", "could not be read"},
    {"Compressed", compress, Outlook::unknown, kNext, "Secure Boot", "compressed"},
    {"CompressedWithoutSecureBoot",
     [](facts::Machine& m) {
       compress(m);
       m.secure_boot = false;
     },
     Outlook::good, kNext, "module", kDriver},
    {"NouveauIsFree", [](facts::Machine& m) { m.boot.modprobe->clear(); }, Outlook::unknown, kNext, "nouveau",
     "luck"},
    {"NouveauIsFreeAndHoldsThem",
     [](facts::Machine& m) {
       m.boot.modprobe->clear();
       m.driver.nouveau_loaded = true;
     },
     Outlook::bad, kNext, "nouveau", "again"},
    {"NouveauIsKeptAwayByTheCommandLine",
     [](facts::Machine& m) {
       m.boot.modprobe->clear();
       m.kernel.command_line = "modprobe.blacklist=pcspkr,nouveau";
     },
     Outlook::good, kNext, "nouveau", "kept from loading"},
    {"NouveauIsNotThere",
     [](facts::Machine& m) {
       m.boot.modprobe->clear();
       m.boot.rivals.clear();
     },
     Outlook::good, kNext},
    {"NvidiaIsKeptAway",
     [](facts::Machine& m) {
       m.boot.modprobe->push_back({.file = "f", .line = 3, .text = "alias nvidia off"});
     },
     Outlook::bad, kNext},
    {"OnlyACompanionIsKeptAway",
     [](facts::Machine& m) {
       m.boot.modprobe->push_back({.file = "f", .line = 3, .text = "blacklist nvidia-drm"});
       m.boot.modprobe->push_back(
           {.file = "f", .line = 4, .text = "install nvidia modprobe --ignore-install nvidia-current"});
     },
     Outlook::good, kNext},
    {"SwitchesWithoutTheirManager",
     [](facts::Machine& m) {
       m.pci.push_back({.address = "0000:c4:00.0", .kind = facts::PciKind::nvswitch, .device_id = 0x22a3});
     },
     Outlook::bad, kNext, "fabric", "systemctl enable nvidia-fabricmanager"},
    {"SwitchesWithTheirManager",
     [](facts::Machine& m) {
       m.pci.push_back({.address = "0000:c4:00.0", .kind = facts::PciKind::nvswitch, .device_id = 0x22a3});
       m.boot.enabled->emplace_back("nvidia-fabricmanager");
     },
     Outlook::good, kNext, "fabric", "starts at boot"},
    {"FabricManagerOfAnotherVersion",
     [](facts::Machine& m) {
       m.pci.push_back({.address = "0000:c4:00.0", .kind = facts::PciKind::nvswitch, .device_id = 0x22a3});
       m.boot.enabled->emplace_back("nvidia-fabricmanager");
       m.packages.list->push_back(held("nvidia-fabricmanager-580", "580.126.09-1"));
     },
     Outlook::bad, kNext, "fabric", "it will not start"},
    {"NoFirmwareForTheModule",
     [](facts::Machine& m) { m.gsp_firmware = std::vector<std::string>{"570.1.1"}; }, Outlook::bad, kNext,
     "firmware", "570.1.1"},
    {"FirmwareThatCannotBeSeen", [](facts::Machine& m) { m.gsp_firmware = Error(Errc::absent, "not there"); },
     Outlook::good, kNext},
    {"AGpuThatTheDriverLacks", [](facts::Machine& m) { m.proc_gpus.pop_back(); }, Outlook::good, kNext,
     "GPUs", "does not have every GPU"},
    {"PersistenceByHand", [](facts::Machine& m) { m.boot.enabled->clear(); }, Outlook::good, kNext, "by hand",
     "persistence"},
    {"PeermemByHand", [](facts::Machine& m) { m.boot.loaded->emplace_back("nvidia_peermem"); }, Outlook::good,
     kNext, "by hand", "nvidia_peermem"},
    {"AnUpgradeWaits",
     [](facts::Machine& m) {
       m.boot.reboot_required = true;
       m.boot.reboot_required_by = {"linux-base"};
     },
     Outlook::good, kNext, "reboot", "waits"},
    {"UpgradesByThemselves",
     [](facts::Machine& m) {
       m.boot.unattended = facts::Unattended{.on = true, .origins = {"o"}, .never = {}};
       m.packages.list->push_back({.name = "linux-image-amd64", .version = "1"});
     },
     Outlook::good, kNext, "upgrades", "unattended-upgrades"},
};

class NextBoot : public ::testing::TestWithParam<Case> {};

TEST_P(NextBoot, IsForetold) {
  const Case& tested = GetParam();
  facts::Machine machine = healthy_machine();
  tested.change(machine);
  const Forecast forecast = next_boot(machine);
  EXPECT_EQ(outlook_name(forecast.outlook), outlook_name(tested.outlook));
  EXPECT_EQ(forecast.kernel, tested.kernel);
  if (*tested.part == '\0') return;
  const BootPart* about = part(forecast, tested.part);
  ASSERT_NE(about, nullptr) << tested.part;
  std::string words = about->text + "\n" + about->fix;
  for (const Evidence& one : about->evidence) words += "\n" + one.text;
  EXPECT_THAT(words, HasSubstr(tested.says));
}

INSTANTIATE_TEST_SUITE_P(Table, NextBoot, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(NextBoot, SaysNothingOfUpgradesThatCannotCome) {
  facts::Machine machine = healthy_machine();
  machine.boot.unattended = facts::Unattended{.on = true, .origins = {"o"}, .never = {"linux-"}};
  EXPECT_EQ(part(next_boot(machine), "upgrades"), nullptr) << "all that count are held";
  machine.packages.list->push_back({.name = "linux-image-generic", .version = "1"});
  EXPECT_EQ(part(next_boot(machine), "upgrades"), nullptr) << "named among what never comes by itself";
  machine.packages.list->push_back({.name = "nvidia-driver-580", .version = "1"});
  EXPECT_NE(part(next_boot(machine), "upgrades"), nullptr);
}

TEST(NextBoot, IsNeverGoodByNotLooking) {
  facts::Machine machine;
  EXPECT_EQ(next_boot(machine).outlook, Outlook::unknown);
  machine = healthy_machine();
  machine.boot = facts::Boot{};
  machine.kernel.installed.clear();
  EXPECT_EQ(next_boot(machine).outlook, Outlook::unknown);
}

}  // namespace
}  // namespace bringup::diagnose::testing
