// SPDX-License-Identifier: Apache-2.0
// The boot loader's menu, what is kept from loading, what upgrades by itself: as the files have them, and
// hostile.
#include <bringup/host/recording.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <gmock/gmock.h>

#include "tree.hpp"
#include <fstream>
#include <iterator>

namespace {

using namespace bringup;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_support::Tree;

// As grub-mkconfig 2.06 writes it, shortened.
constexpr const char* kMenu = R"(if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="0"
fi
function load_video {
  true
}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {
	search --no-floppy --fs-uuid --set=root 2f9c
	linux	/boot/vmlinuz-6.1.0-28-amd64 root=UUID=2f9c ro quiet
	initrd	/boot/initrd.img-6.1.0-28-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-28-amd64' $menuentry_id_option 'gnulinux-6.1.0-28-amd64-advanced-1' {
		linux	/boot/vmlinuz-6.1.0-28-amd64 root=UUID=2f9c ro
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-25-amd64' $menuentry_id_option 'gnulinux-6.1.0-25-amd64-advanced-1' {
		if [ x$grub_platform = xxen ]; then insmod xzio; fi
		linux	/boot/vmlinuz-6.1.0-25-amd64 root=UUID=2f9c ro
	}
}
menuentry "UEFI Firmware Settings" $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
password_pbkdf2 root grub.pbkdf2.sha512.10000.secret
)";

TEST(GrubMenu, HasNumbersIdsAndKernels) {
  const auto entries = probe::parse_grub_menu(kMenu);
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].number, "0");
  EXPECT_EQ(entries[0].release, "6.1.0-28-amd64");
  EXPECT_EQ(entries[2].number, "1>1");
  EXPECT_EQ(entries[2].release, "6.1.0-25-amd64");
  EXPECT_EQ(entries[2].id, "gnulinux-advanced-1>gnulinux-6.1.0-25-amd64-advanced-1");
  EXPECT_EQ(entries[2].title,
            "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-25-amd64");
  EXPECT_EQ(entries[3].number, "2");
  EXPECT_EQ(entries[3].release, "");
  EXPECT_EQ(probe::parse_grub_default(kMenu), "0");
}

TEST(GrubMenu, IsEmptyOrCutOffWithoutHarm) {
  EXPECT_THAT(probe::parse_grub_menu(""), IsEmpty());
  EXPECT_THAT(probe::parse_grub_menu("}\n}\n}\nmenuentry\nmenuentry {\nlinux\n"), testing::SizeIs(1));
  EXPECT_EQ(probe::parse_grub_default("set default=\n"), "");
  EXPECT_EQ(probe::parse_grub_default("set default=\"${next_entry}\"\n"), std::nullopt);
  const std::string menu(kMenu);
  for (std::size_t size = 0; size < menu.size(); size += 7)
    EXPECT_LE(probe::parse_grub_menu(menu.substr(0, size)).size(), 4U);
}

TEST(GrubMenu, KeepsOfItsTextWhatDecides) {
  const std::string kept = probe::grub_menu_essence(kMenu);
  EXPECT_THAT(kept, Not(HasSubstr("UUID")));
  EXPECT_THAT(kept, Not(HasSubstr("secret")));
  EXPECT_EQ(probe::parse_grub_menu(kept), probe::parse_grub_menu(kMenu));
  EXPECT_EQ(probe::parse_grub_default(kept), probe::parse_grub_default(kMenu));
}

TEST(GrubMenu, KeepsTheKernelsOfEveryCommand) {
  for (const std::string line : {"linux /vmlinuz-6.1", "linuxefi /vmlinuz-6.1", "linux16 '/vmlinuz-6.1 b'",
                                 "linux \"/vmlinuz-6'1 b\""}) {
    const std::string menu = "menuentry 'A' {\n\t" + line + "\n}\n";
    const auto entries = probe::parse_grub_menu(menu);
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_TRUE(entries[0].release.starts_with("6")) << line;
    EXPECT_EQ(probe::parse_grub_menu(probe::grub_menu_essence(menu)), entries) << line;
  }
}

// A line that looks like two things is one and the same for the menu and for what is kept of it.
TEST(GrubMenu, ReadsALineOnceForBoth) {
  const std::string carriage = "linux /vmlinuz-6.1\r quiet";
  for (const std::string& line :
       {std::string("linuxefi /vmlinuz-6.1 'A' $m C {"), std::string("linux /vmlinuz-6.1{"),
        std::string("linux \"/vmlinuz-6.1 'b'"), std::string("linux '"), std::string("linux ''"), carriage,
        std::string("set default=1 {"), std::string("blscfg {"), std::string("linux {"),
        std::string("menuentry {"), std::string("submenu \"a {")}) {
    const std::string menu =
        "menuentry 'A' {\n" + line + "\n}\nmenuentry 'B' {\nlinux /vmlinuz-5\n}\n}\nmenuentry 'C' {\n}\n";
    const std::string kept = probe::grub_menu_essence(menu);
    EXPECT_EQ(probe::parse_grub_menu(kept), probe::parse_grub_menu(menu)) << line;
    EXPECT_EQ(probe::parse_grub_default(kept), probe::parse_grub_default(menu)) << line;
    EXPECT_EQ(probe::grub_menu_essence(kept), kept) << line;
  }
  const auto both =
      probe::parse_grub_menu("menuentry 'A' {\nlinux /vmlinuz-6.1 a {\n}\nmenuentry 'B' {\n}\n");
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].release, "6.1");
  EXPECT_EQ(both[1].number, "1");
}

TEST(LoaderEntry, TellsItsKernelByItsFileOrItsVersion) {
  const auto red_hat = probe::parse_loader_entry(
      "title Rocky Linux (5.14.0-570.el9.x86_64) 9.6\nversion 5.14.0-570.el9.x86_64\nlinux "
      "/vmlinuz-5.14.0-570.el9.x86_64\n",
      "a");
  EXPECT_EQ(red_hat.release, "5.14.0-570.el9.x86_64");
  EXPECT_EQ(red_hat.title, "Rocky Linux (5.14.0-570.el9.x86_64) 9.6");
  EXPECT_EQ(probe::parse_loader_entry("version 6.12.1\nlinux /abc/linux\n", "b").release, "6.12.1");
  EXPECT_EQ(probe::parse_loader_entry("title Pop!_OS\nlinux /EFI/Pop_OS/vmlinuz.efi\n", "c").release, "");
  EXPECT_EQ(probe::parse_loader_entry("", "d").release, "");
}

TEST(Setting, IsTheLastOneWithoutItsQuotes) {
  EXPECT_EQ(probe::parse_setting("GRUB_DEFAULT=0\n", "GRUB_DEFAULT"), "0");
  EXPECT_EQ(probe::parse_setting("GRUB_DEFAULT=0\nGRUB_DEFAULT=\"1>2\"\n", "GRUB_DEFAULT"), "1>2");
  EXPECT_EQ(probe::parse_setting("#GRUB_DEFAULT=0\nGRUB_DEFAULT_X=1\n", "GRUB_DEFAULT"), std::nullopt);
  EXPECT_EQ(probe::parse_setting("saved_entry=a b\n########", "saved_entry"), "a b");
  EXPECT_EQ(probe::parse_setting("K=\"unended", "K"), "unended");
}

TEST(Modprobe, KeepsLinesAboutTheGpusModules) {
  const auto lines = probe::parse_modprobe(
      "# blacklist nouveau\nblacklist nouveau\noptions nvidia-drm modeset=1\nblacklist pcspkr\nblacklist\n"
      "install nouveau /bin/false\nsoftdep nvidia post: nvidia-uvm\n",
      "f");
  EXPECT_THAT(lines, ElementsAre(Field(&facts::ConfigLine::text, "blacklist nouveau"),
                                 Field(&facts::ConfigLine::text, "options nvidia-drm modeset=1"),
                                 Field(&facts::ConfigLine::text, "install nouveau /bin/false")));
  EXPECT_EQ(lines[0].line, 2);
}

TEST(ModulesLoad, NamesModulesAsTheKernelDoes) {
  EXPECT_THAT(probe::parse_modules_load("# c\nnvidia-peermem\n; d\n\n  gdrdrv  \n"),
              ElementsAre("nvidia_peermem", "gdrdrv"));
}

TEST(AptSettings, AreReadInEveryFormThatAptTakes) {
  constexpr const char* kName = "Unattended-Upgrade::Allowed-Origins";
  const auto list = [](const char* text) { return probe::parse_apt_list_of(text, kName); };
  EXPECT_THAT(list("Unattended-Upgrade::Allowed-Origins {\n \"a:b\"; // \"c\";\n \"d\";\n};\n"),
              ElementsAre("a:b", "d"));
  EXPECT_THAT(list("Unattended-Upgrade { Allowed-Origins { \"a\"; }; };"), ElementsAre("a"));
  EXPECT_THAT(
      list("unattended-upgrade::allowed-origins:: \"a\";\n# Unattended-Upgrade::Allowed-Origins:: \"b\";\n"),
      ElementsAre("a"));
  EXPECT_THAT(list("/* Unattended-Upgrade::Allowed-Origins { \"a\"; */ Other { \"b\"; };"), IsEmpty());
  EXPECT_THAT(list("Unattended-Upgrade::Allowed-Origins { \"a"), ElementsAre(testing::_));
  EXPECT_THAT(list("}}};;\"\"{{"), IsEmpty());
  EXPECT_THAT(probe::parse_apt_list_of("APT::Periodic { Unattended-Upgrade \"1\"; };",
                                       "APT::Periodic::Unattended-Upgrade"),
              ElementsAre("1"));
  EXPECT_EQ(probe::apt_upgrades_essence(
                "Unattended-Upgrade::Mail \"me@example.org\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n"),
            "APT::Periodic::Unattended-Upgrade:: \"1\";\n");
}

facts::Boot boot_of(const Tree& tree) {
  facts::Kernel kernel;
  kernel.installed = {{.release = "6.1.0-25-amd64", .bootable = true, .headers = true}};
  return probe::read_boot(tree.view(), kernel, false);
}

TEST(Boot, IsReadFromGrub) {
  Tree tree;
  tree.file("/boot/grub/grub.cfg", kMenu)
      .file("/boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=x\nnext_entry=1>1\n")
      .file("/var/lib/dkms/nvidia/580.1/source/dkms.conf")
      .file("/var/lib/dkms/nvidia/580.1/6.1.0-25-amd64/x86_64/module/nvidia.ko")
      .file("/var/lib/dkms/nvidia/580.1/6.1.0-28-amd64/x86_64/log/make.log")
      .file("/etc/systemd/system/multi-user.target.wants/nvidia-persistenced.service")
      .file("/lib/modules/6.1.0-25-amd64/kernel/drivers/gpu/drm/nouveau/nouveau.ko.xz")
      .file("/run/reboot-required")
      .file("/run/reboot-required.pkgs", "linux-base\nlinux-base\nnvidia-open\n")
      .file("/etc/modprobe.d/a.conf", "blacklist nouveau\n")
      .file("/usr/lib/modprobe.d/a.conf", "blacklist nvidia\n");
  const facts::Boot boot = boot_of(tree);
  EXPECT_EQ(boot.loader, "grub");
  EXPECT_EQ(boot.once, Result<std::string>("1>1"));
  EXPECT_EQ(boot.wanted, Result<std::string>("0"));
  ASSERT_TRUE(boot.dkms);
  EXPECT_EQ(boot.dkms->size(), 2U) << "what was only begun is not built";
  EXPECT_EQ(boot.dkms->back().kernel, "6.1.0-25-amd64");
  EXPECT_EQ(boot.enabled, Result<std::vector<std::string>>(std::vector<std::string>{"nvidia-persistenced"}));
  EXPECT_THAT(boot.rivals, ElementsAre("6.1.0-25-amd64"));
  EXPECT_EQ(boot.reboot_required, Result<bool>(true));
  EXPECT_THAT(boot.reboot_required_by, ElementsAre("linux-base", "nvidia-open"));
  ASSERT_TRUE(boot.modprobe);
  EXPECT_THAT(*boot.modprobe, ElementsAre(Field(&facts::ConfigLine::text, "blacklist nouveau")))
      << "the file in /etc masks";
}

TEST(Boot, OfNobodyIsNotKnown) {
  const facts::Boot boot = boot_of(Tree{});
  EXPECT_EQ(boot.loader, "");
  ASSERT_FALSE(boot.entries);
  EXPECT_THAT(boot.entries.error().message(), HasSubstr("no boot loader"));
  EXPECT_FALSE(boot.enabled);
  EXPECT_EQ(boot.reboot_required, Result<bool>(false));
}

TEST(Boot, IsReadFromSystemdBoot) {
  Tree tree;
  const std::string variables = "/sys/firmware/efi/efivars/LoaderEntry";
  const std::string vendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
  tree.file("/boot/efi/loader/loader.conf", "timeout 3\ndefault Pop_OS-current\n")
      .file("/boot/efi/loader/entries/a-6.9.0.conf", "title A\nversion 6.9.0\nlinux /a/linux\n")
      .file("/boot/efi/loader/entries/a-6.10.0.conf", "title A\nversion 6.10.0\nlinux /a/linux\n")
      .file(variables + "OneShot" + vendor, std::string("\7\0\0\0a\0-\0", 8));
  const facts::Boot boot = boot_of(tree);
  EXPECT_EQ(boot.loader, "systemd-boot");
  EXPECT_EQ(boot.wanted, Result<std::string>("Pop_OS-current"));
  EXPECT_EQ(boot.once, Result<std::string>("a-"));
  ASSERT_TRUE(boot.entries);
  EXPECT_EQ(boot.entries->front().release, "6.10.0") << "numbers compare as numbers";
}

TEST(Boot, IsRecordedWithoutTheMachinesId) {
  constexpr const char* kId = "0123456789abcdef0123456789abcdef";
  Tree tree;
  Tree out;
  tree.file("/etc/machine-id", std::string(kId) + "\n")
      .file("/boot/grub2/grub.cfg", "set default=\"${saved_entry}\"\nblscfg\n")
      .file("/boot/grub2/grubenv",
            std::string("saved_entry=") + kId + "-6.1.0-25-amd64\nkernelopts=root=/dev/secret\n")
      .file(std::string("/boot/loader/entries/") + kId + "-6.1.0-25-amd64.conf",
            "title T\nlinux /vmlinuz-6.1.0-25-amd64\noptions root=/dev/secret\n")
      .file("/etc/apt/apt.conf.d/50unattended-upgrades", "Unattended-Upgrade::Mail \"secret@example.org\";\n")
      .directory("/lib/modules/6.1.0-25-amd64");
  probe::Options options;
  options.kernel = "6.1.0-25-amd64";
  options.user = {.name = "root", .home = "/root"};
  const std::string folder = (out.root() / "rec").string();
  ASSERT_TRUE(probe::record(tree.view(), options, folder, "2026-11-23T20:00:00Z"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(kId)));
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    EXPECT_THAT(text, Not(testing::AnyOf(HasSubstr(kId), HasSubstr("secret")))) << entry.path();
  }
  const auto recording = host::open_recording(folder);
  ASSERT_TRUE(recording);
  const facts::Boot replayed = probe::look(**recording, options).boot;
  const std::string id = std::string(32, '0') + "-6.1.0-25-amd64";
  EXPECT_EQ(replayed.saved, Result<std::string>(id));
  ASSERT_TRUE(replayed.entries);
  EXPECT_THAT(*replayed.entries, ElementsAre(Field(&facts::BootEntry::id, id)));
}

TEST(Limits, AreReadByName) {
  constexpr const char* kLimits =
      "Limit                     Soft Limit           Hard Limit           Units\n"
      "Max open files            1024                 1048576              files\n"
      "Max locked memory         unlimited            unlimited            bytes\n";
  EXPECT_EQ(probe::parse_limit(kLimits, "Max open files"), 1024);
  EXPECT_EQ(probe::parse_limit(kLimits, "Max locked memory"), -1);
  EXPECT_EQ(probe::parse_limit(kLimits, "Max none"), std::nullopt);
  EXPECT_EQ(probe::parse_limit("Max open files\n", "Max open files"), std::nullopt);
  EXPECT_EQ(probe::parse_aer_total("Undefined 0\nTOTAL_ERR_FATAL 7\n"), 7U);
  EXPECT_EQ(probe::parse_aer_total("TOTAL_ERR_FATAL -1\n"), std::nullopt);
  EXPECT_EQ(probe::parse_aer_total(""), std::nullopt);
  EXPECT_THAT(
      probe::parse_library_paths("/opt/x\n# /usr/local/cuda/lib64\n/usr/local/cuda/lib64/stubs # no\n", "f"),
      ElementsAre(Field(&facts::ConfigLine::text, "/usr/local/cuda/lib64/stubs")));
}

TEST(Limits, SayWhetherTheSystemEmptiesSharedMemory) {
  Tree tree;
  facts::Machine machine;
  probe::read_limits(tree.view(), machine);
  EXPECT_EQ(machine.remove_ipc, Result<bool>(false)) << "no logind is there";
  tree.file("/usr/lib/systemd/systemd-logind")
      .file("/proc/swaps", "Filename Type Size Used Priority\n/a file 4 0 -2\n/b file 8 0 -3\n");
  probe::read_limits(tree.view(), machine);
  EXPECT_EQ(machine.remove_ipc, Result<bool>(true)) << "systemd's own default";
  EXPECT_EQ(machine.swap_bytes, Result<std::uint64_t>(12 * 1024));
  tree.file("/etc/systemd/logind.conf", "#RemoveIPC=yes\n")
      .file("/etc/systemd/logind.conf.d/ipc.conf", "[Login]\nRemoveIPC=no\n");
  probe::read_limits(tree.view(), machine);
  EXPECT_EQ(machine.remove_ipc, Result<bool>(false));
}

}  // namespace
