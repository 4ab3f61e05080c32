// SPDX-License-Identifier: Apache-2.0
// The kinds of step about packages, over fake apt, dpkg, dkms and dnf.
#include <bringup/apply/packages.hpp>
#include <bringup/base/digest.hpp>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::put;
using fake::slurp;

constexpr const char* kKernel = "6.1.0-25-amd64";

struct PackagesTest : testing::Test {
  Machine machine;
  steps::PlanUser user = machine.user();
  bool fresh = false;
  bool again = false;
  PackagesTest() {
    auto& archive = machine.world.archive;
    archive["dpkg"] = {.version = "1.21"};
    archive["old"] = {.version = "2"};
    archive["tool"] = {.version = "1", .needs = {"lib"}, .files = {{"/usr/bin/tool", "tool"}}};
    archive["lib"] = {.version = "1"};
    archive["driver"] = {.version = "535", .builds_module = true};
    installed(false, {{"dpkg", "1.21"}, {"old", "2"}});
  }
  void installed(bool rpm, const std::map<std::string, std::string>& packages) {
    fake::Packages database(machine.world, rpm);
    for (const auto& [name, version] : packages) database.all[name].version = version;
    database.save();
  }
  Hands hands() {
    return {.view = machine.view(),
            .control = &machine,
            .user = user,
            .again = again,
            .index_is_fresh = &fresh,
            .say = {}};
  }
  static steps::InstallPackages apt(std::vector<std::string> packages,
                                    std::vector<std::string> kernels = {}) {
    return {.manager = "apt",
            .packages = std::move(packages),
            .dnf_module = "",
            .builds_for = std::move(kernels)};
  }
  static steps::InstallPackages dnf(std::vector<std::string> packages, std::string module = "") {
    return {
        .manager = "dnf", .packages = std::move(packages), .dnf_module = std::move(module), .builds_for = {}};
  }
  std::size_t ran(std::string_view what) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        machine.world.ran, [what](const std::string& line) { return base::contains(line, what); }));
  }
  void expect_refused(const steps::InstallPackages& step, const std::string& name) {
    const auto tree = machine.tree();
    const auto performed = perform(step, hands());
    ASSERT_FALSE(performed);
    EXPECT_EQ(performed.error().code(), Errc::refused);
    EXPECT_NE(performed.error().message().find(name), std::string::npos) << performed.error().message();
    EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  }
};

TEST_F(PackagesTest, ComeWithWhatTheyNeedAndGoWithItAgain) {
  const auto tree = machine.tree();
  const auto step = apt({"tool"});
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_TRUE(dpkg_database(machine.view())->contains("lib"));
  EXPECT_EQ(ran("apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update"), 1U);
  EXPECT_EQ(ran("--no-remove"), 1U);
  EXPECT_EQ(ran("Dpkg::Options::=--force-confold"), 1U);
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(ran(" update"), 1U);  // once in a run
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, WaitForTheEndOfAnothersUpdate) {
  machine.world.lists_busy = 3;
  ASSERT_TRUE(perform(apt({"tool"}), hands()));
  EXPECT_EQ(ran(" update"), 4U);
  EXPECT_EQ(machine.world.slept, 3);
}

TEST_F(PackagesTest, DoNotWaitForEver) {
  machine.world.lists_busy = 100'000;
  const auto performed = perform(apt({"tool"}), hands());
  ASSERT_FALSE(performed);
  EXPECT_EQ(performed.error().code(), Errc::busy);
  EXPECT_EQ(machine.world.slept, 300);
}

TEST_F(PackagesTest, WantAnExactVersionWhenOneIsNamed) {
  EXPECT_TRUE(holds(apt({"old=2"}), hands()).value_or(false));
  EXPECT_FALSE(holds(apt({"old=1"}), hands()).value_or(true));
  EXPECT_FALSE(holds(apt({"ol"}), hands()).value_or(true));
}

TEST_F(PackagesTest, ThatWouldRemoveOthersAreRefused) {
  machine.world.archive["tool"].replaces = {"old"};
  expect_refused(apt({"tool"}), "old");
}

TEST_F(PackagesTest, ThatWouldDowngradeAreRefused) {
  machine.world.archive["old"].version = "1";
  expect_refused(apt({"old"}), "old");
}

TEST_F(PackagesTest, ThatWouldBringAKernelAreRefused) {
  machine.world.archive["linux-image-6.1.0-40-amd64"] = {.version = "1"};
  machine.world.archive["tool"].needs = {"linux-image-6.1.0-40-amd64"};
  expect_refused(apt({"tool"}), "linux-image-6.1.0-40-amd64");
}

TEST_F(PackagesTest, HeadersAreNoKernelAndBuiltModulesAreNone) {
  for (const char* name : {"linux-image-amd64", "linux-image-6.1.0-9-amd64", "linux-modules-6.8.0-1-generic",
                           "linux-modules-extra-6.8.0-1-generic", "linux-generic", "kernel", "kernel-core",
                           "kernel-modules-core"})
    EXPECT_TRUE(is_kernel(name)) << name;
  for (const char* name : {"linux-headers-amd64", "linux-modules-nvidia-580-6.8.0-1-generic", "kernel-devel",
                           "kernel-rt-devel", "kernel-headers", "kernelshark", "linux-libc-dev"})
    EXPECT_FALSE(is_kernel(name)) << name;
}

TEST_F(PackagesTest, AnInterruptedDpkgIsFinishedFirst) {
  put(machine.world.at("/var/lib/dpkg/updates/0001"), "half");
  fake::Packages database(machine.world, false);
  database.unpack("lib");
  ASSERT_TRUE(perform(apt({"tool"}), hands()));
  EXPECT_TRUE(machine.world.ran.at(0).starts_with("dpkg --force-confdef"));
  EXPECT_TRUE(holds(apt({"tool", "lib"}), hands()).value_or(false));
}

TEST_F(PackagesTest, AHalfInstalledOneDoesNotHold) {
  fake::Packages database(machine.world, false);
  database.unpack("lib");
  EXPECT_FALSE(holds(apt({"lib"}), hands()).value_or(true));
}

TEST_F(PackagesTest, ThatAreNotRemovedWithoutOthersStay) {
  const auto step = apt({"lib"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  // somebody's own package needs ours since, and was remembered as there
  Json older = before;
  older["packages"].push_back("tool");
  installed(false, {{"tool", "1"}});
  const auto tree = machine.tree();
  const auto undone = undo(step, older, hands());
  EXPECT_EQ(undone.error().code(), Errc::refused);
  EXPECT_NE(undone.error().message().find("tool"), std::string::npos);
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, AMarkAsDependencyComesBack) {
  put(machine.world.at("/var/lib/apt/extended_states"), "Package: old\nAuto-Installed: 1\n\n");
  const auto tree = machine.tree();
  const auto step = apt({"old", "lib"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_NE(fake::difference(machine.tree(), tree), "");
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, ForWhichThereIsNoRoomAreNotBegun) {
  constexpr std::uint64_t kMiB = 1U << 20U;
  machine.world.archive["tool"].kib = 4096;  // 4 MiB on the disk, 2 MiB to fetch
  machine.world.archive["lib"].kib = 2048;
  const auto free = [](std::uint64_t mib, std::uint64_t total) {
    return host::DiskSpace{.free_bytes = mib * kMiB, .total_bytes = total * kMiB};
  };
  struct Case {
    host::DiskSpace usr;
    host::DiskSpace archives;
    const char* says;  // nullptr: goes well
  };
  const Case cases[] = {
      {free(5, 100), free(90, 200), "6 MiB below /usr"},
      {free(6, 100), free(90, 200), nullptr},
      {free(90, 100), free(2, 200), "3 MiB below /var/cache/apt/archives"},
      {free(8, 100), free(8, 100), "9 MiB below /usr"},  // one file system holds both
      {free(9, 100), free(9, 100), nullptr},
      {free(0, 0), free(0, 0), nullptr},  // a file system that tells nothing
  };
  for (const Case& one : cases) {
    machine.world.disks = {{"/usr", one.usr}, {"/var/cache/apt/archives", one.archives}};
    const auto tree = machine.tree();
    const auto done = perform(apt({"tool"}), hands());
    EXPECT_EQ(static_cast<bool>(done), one.says == nullptr);
    if (one.says == nullptr) {
      installed(false, {{"dpkg", "1.21"}, {"old", "2"}});
      fake::Packages packages(machine.world, false);
      packages.all.erase("tool");
      packages.all.erase("lib");
      packages.save();
      continue;
    }
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::io);
    EXPECT_NE(done.error().message().find(one.says), std::string::npos) << done.error().message();
    EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  }
}

TEST_F(PackagesTest, WhoseStartImageHasNoRoomInBootAreNotBegun) {
  put(machine.world.at(std::string("/boot/initrd.img-") + kKernel), std::string(2U << 20U, 'i'));
  put(machine.world.at(std::string("/lib/modules/") + kKernel + "/build/Makefile"), "headers");
  machine.world.disks["/boot"] = {.free_bytes = 1U << 20U, .total_bytes = 500U << 20U};
  const auto tree = machine.tree();
  const auto done = perform(apt({"driver"}, {kKernel}), hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::io);
  EXPECT_NE(done.error().message().find("below /boot"), std::string::npos) << done.error().message();
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  machine.world.disks["/boot"].free_bytes = 3U << 20U;
  EXPECT_TRUE(perform(apt({"driver"}, {kKernel}), hands()));
}

// apt marks what came as a dependency when it is through, and a run that died then looks whole.
TEST_F(PackagesTest, ThatLookWholeAfterADeathAreMarkedYet) {
  const auto step = apt({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  put(machine.world.at("/var/lib/apt/extended_states"), "");
  again = true;
  Hands later = hands();
  later.before = &before;
  ASSERT_TRUE(holds(step, later).value_or(false));
  ASSERT_TRUE(settle(step, later));
  EXPECT_EQ(parse_auto_marks(slurp(machine.world.at("/var/lib/apt/extended_states"))),
            (std::set<std::string, std::less<>>{"lib"}));
}

struct RepositoryFile : PackagesTest {
  const std::string text = "4096 cuda-repo-debian12-13-0-local";
  const steps::InstallFromRepositoryFile step{
      .path = "/root/repo.deb", .sha256 = base::sha256_hex(text), .packages = {"cuda-toolkit-13-0"}};
  RepositoryFile() {
    put(machine.world.at("/root/repo.deb"), text);
    machine.world.archive["cuda-toolkit-13-0"] = {
        .version = "13.0.2", .only_with = "/etc/apt/sources.list.d/bringup-repository.sources"};
  }
  void expect_cleared() const {
    EXPECT_FALSE(machine.view().exists("/var/cache/bringup-repository"));
    EXPECT_FALSE(machine.view().exists("/etc/apt/sources.list.d/bringup-repository.sources"));
  }
};

TEST_F(RepositoryFile, GivesItsPackagesAndLeavesNothingOfItself) {
  const auto tree = machine.tree();
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_TRUE(dpkg_database(machine.view())->contains("cuda-toolkit-13-0"));
  expect_cleared();
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(RepositoryFile, ThatIsAnotherThanThePlannedOneIsNotOpened) {
  put(machine.world.at("/root/repo.deb"), text + "!");
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::refused);
  EXPECT_EQ(ran("dpkg-deb"), 0U);
}

TEST_F(RepositoryFile, ForWhichThereIsNoRoomIsNotUnpacked) {
  machine.world.disks["/var"] = {.free_bytes = 1U << 20U, .total_bytes = 500U << 20U};
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::io);
  EXPECT_NE(done.error().message().find("4 MiB below /var"), std::string::npos) << done.error().message();
  expect_cleared();
}

TEST_F(RepositoryFile, WhosePackagesWouldRemoveOthersLeavesNothingEither) {
  machine.world.archive["cuda-toolkit-13-0"].replaces = {"old"};
  const auto tree = machine.tree();
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::refused);
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(RepositoryFile, ThatIsGoneWhenItIsNeededNoMoreIsNotMissed) {
  ASSERT_TRUE(perform(step, hands()));
  fake::fs::remove(machine.world.at("/root/repo.deb"));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_TRUE(perform(step, hands()));
}

TEST_F(PackagesTest, WithoutANetworkSayWhatIsInTheWay) {
  machine.world.failure = "Temporary failure resolving 'deb.example.org'";
  const auto performed = perform(apt({"nowhere"}), hands());
  EXPECT_EQ(performed.error().code(), Errc::unreachable);
  EXPECT_NE(performed.error().message().find("nowhere"), std::string::npos) << performed.error().message();
  EXPECT_EQ(perform(apt({"tool"}), hands()).error().code(), Errc::unreachable);
}

TEST_F(PackagesTest, AModuleThatWasNotBuiltIsAFailureThatShowsTheLog) {
  machine.world.hooks_work = false;
  fake::fs::create_directories(machine.world.at(std::string("/lib/modules/") + kKernel));
  put(machine.world.at("/var/lib/dkms/nvidia/535/build/make.log"), "cc foo.c\nfatal error: no such header\n");
  const auto step = apt({"driver"}, {kKernel});
  const auto performed = perform(step, hands());
  ASSERT_FALSE(performed);
  EXPECT_NE(performed.error().message().find(kKernel), std::string::npos);
  EXPECT_NE(performed.error().message().find("no such header"), std::string::npos);
  EXPECT_FALSE(holds(step, hands()).value_or(true));
}

TEST_F(PackagesTest, AModuleThatTheHooksDidNotBuildIsBuilt) {
  machine.world.hooks_work = false;
  put(machine.world.at("/usr/sbin/dkms"), "");
  put(machine.world.at(std::string("/lib/modules/") + kKernel + "/build/Makefile"), "");
  const auto step = apt({"driver"}, {kKernel});
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(ran(std::string("dkms autoinstall -k ") + kKernel), 1U);
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

TEST_F(PackagesTest, TheMainModuleIsToldFromItsCompanionsAndFromTheFramebuffers) {
  const std::string modules = "/lib/modules/6.8/";
  for (const char* path : {"kernel/drivers/video/fbdev/nvidia/nvidiafb.ko", "updates/dkms/nvidia-uvm.ko",
                           "updates/dkms/nvidia-current-drm.ko", "kernel/drivers/platform/nvidia-wmi-ec.ko"})
    put(machine.world.at(modules + path), "");
  EXPECT_FALSE(module_is_built("6.8", machine.view()));
  for (const char* path : {"updates/dkms/nvidia.ko.zst", "updates/dkms/nvidia-current.ko",
                           "extra/drivers/video/nvidia/nvidia.ko.xz", "kernel/nvidia-580/nvidia.ko"}) {
    put(machine.world.at(modules + path), "");
    EXPECT_TRUE(module_is_built("6.8", machine.view())) << path;
    fake::fs::remove(machine.world.at(modules + path));
  }
}

TEST_F(PackagesTest, AreHeldAndOnlyThoseThatWereNotAreLetGo) {
  installed(false, {{"lib", "1"}});
  fake::Packages database(machine.world, false);
  database.all["old"].want = "hold";
  database.save();
  const auto tree = machine.tree();
  const steps::HoldPackages step{.manager = "apt", .packages = {"old", "lib"}};
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(machine.world.ran.back(), "apt-mark hold lib");
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(machine.world.ran.back(), "apt-mark unhold lib");
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, ByDnfComeAndGoWithTheirModuleStream) {
  installed(true, {{"old", "2"}});
  const auto tree = machine.tree();
  const auto step = dnf({"tool"}, "nvidia-driver:595-open");
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(holds(dnf({"tool"}, "nvidia-driver:580-open"), hands()).value_or(true));
  EXPECT_EQ(ran("dnf -y --setopt=install_weak_deps=False install tool"), 1U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, ByDnfAreRefusedLikewise) {
  installed(true, {{"old", "2"}});
  machine.world.archive["tool"].replaces = {"old"};
  expect_refused(dnf({"tool"}), "old");
  machine.world.archive["tool"].replaces = {};
  machine.world.archive["old"].version = "1";
  expect_refused(dnf({"old"}), "old");
  machine.world.archive["kernel-core"] = {.version = "1"};
  machine.world.archive["tool"].needs = {"kernel-core"};
  expect_refused(dnf({"tool"}), "kernel-core");
}

TEST_F(PackagesTest, ByDnfAreHeldByItsPluginWhichComesAndGoesWithIt) {
  installed(true, {{"old", "2"}});
  machine.world.archive["python3-dnf-plugin-versionlock"] = {
      .version = "1", .files = {{"/etc/dnf/plugins/versionlock.conf", "conf"}}};
  fake::fs::create_directories(machine.world.at("/etc"));
  const auto tree = machine.tree();
  const steps::HoldPackages step{.manager = "dnf", .packages = {"old"}};
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(holds(steps::HoldPackages{.manager = "dnf", .packages = {"ol"}}, hands()).value_or(true));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  EXPECT_FALSE(machine.view().exists("/etc/dnf/plugins/versionlock.conf"));
  EXPECT_EQ(slurp(machine.world.at("/var/lib/rpm/packages")), "old\t2\tx86_64\n");
}

// A pattern of name and version: what it means is found in the list by its form, and taken out by its names.
TEST_F(PackagesTest, ByDnfAreHeldByPatternsOfNameAndVersion) {
  installed(true, {{"old", "2"}});
  machine.world.archive["my-versionlock"] = {.version = "1",
                                             .files = {{"/etc/dnf/plugins/versionlock.conf", "conf"}}};
  machine.world.archive["nvidia-open"] = {.version = "580.95.05"};
  machine.world.archive["libnvidia-ml"] = {.version = "580.95.05"};
  machine.world.archive["nvidia-driver"] = {.version = "590.1"};
  fake::fs::create_directories(machine.world.at("/etc"));
  const steps::HoldPackages step{.manager = "dnf", .packages = {"*nvidia*580*"}, .plugin = "my-versionlock"};
  const Json before = remember(step, hands()).value_or(Json::object());
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(
      holds(steps::HoldPackages{.manager = "dnf", .packages = {"*nvidia*590*"}}, hands()).value_or(true));
  EXPECT_FALSE(
      holds(steps::HoldPackages{.manager = "dnf", .packages = {"*nvidia*580*", "cuda-drivers*580*"}}, hands())
          .value_or(true))
      << "each of the patterns";
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  EXPECT_FALSE(machine.view().exists("/etc/dnf/plugins/versionlock.conf"));
}

TEST_F(PackagesTest, ByDnfAreReadFromBothFormsOfItsLocks) {
  installed(true, {});
  put(machine.world.at("/etc/dnf/plugins/versionlock.list"),
      "# Added lock on Tue\nnvidia-open-3:580.95.05-1.el10.*\n!bad-0:1.0-1.*\n\nraw\n  a-b\n-\n--\n");
  put(machine.world.at("/etc/dnf/versionlock.toml"),
      "version = \"1.0\"\n[[packages]]\nname = \"kernel-core\"\n[[packages.conditions]]\nkey = "
      "\"evr\"\ncomparator = \"=\"\nvalue = \"6.19.2-300.fc44\"\n[[packages]]\nname = \"not\"\n"
      "[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"!=\"\nvalue = \"1-1\"\n[[packages]]\n"
      "comment = \"no name\"\n");
  const auto locks = version_locks(machine.view());
  ASSERT_TRUE(locks) << locks.error().message();
  std::vector<std::string> words;
  for (const VersionLock& lock : *locks) words.push_back(lock.name + " " + lock.version);
  EXPECT_EQ(words, (std::vector<std::string>{"nvidia-open 3:580.95.05-1.el10", "raw ", "a-b ", "- ", "-- ",
                                             "kernel-core 6.19.2-300.fc44"}));
  put(machine.world.at("/etc/dnf/versionlock.toml"), "packages = 1\n[[");
  EXPECT_FALSE(version_locks(machine.view())) << "what cannot be read is not nothing";
}

TEST(VersionLock, IsMeantByItsNameOrByAPattern) {
  const VersionLock lock{.name = "nvidia-open", .version = "3:580.95.05-1.el10"};
  for (const char* yes : {"nvidia-open", "*nvidia*580*", "nvidia-open*580*", "*", "nvidia*", "*el10"})
    EXPECT_TRUE(is_meant(lock, yes)) << yes;
  for (const char* no : {"nvidia", "nvidia-open-3:580.95.05-1.el10", "*nvidia*590*", "*580*nvidia*", "",
                         "*el9", "*nvidia-open-3:580.95.05-1.el10*580*"})
    EXPECT_FALSE(is_meant(lock, no)) << no;
}

TEST_F(PackagesTest, ByDnfCannotBeHeldWithoutThePluginAndThatIsSaid) {
  installed(true, {{"old", "2"}});
  const auto held = perform(steps::HoldPackages{.manager = "dnf", .packages = {"old"}}, hands());
  EXPECT_EQ(held.error().code(), Errc::unsupported);
  EXPECT_NE(held.error().message().find("dnf install python3-dnf-plugin-versionlock"), std::string::npos);
}

TEST(DnfSimulation, IsReadWithWrappedRowsAndReplacedPackages) {
  const Simulation simulation = parse_dnf_simulation(
      "Dependencies resolved.\n"
      "=====\n"
      " Package        Arch   Version   Repository  Size\n"
      "=====\n"
      "Installing:\n"
      " a-package-with-a-very-long-name\n"
      "                x86_64 1.0       repo        10 k\n"
      "     replacing  gone.x86_64 1.0-1\n"
      "Upgrading:\n"
      " b              x86_64 2.0       repo        10 k\n"
      "     replacing  b.x86_64 1.0-1\n"
      "Removing dependent packages:\n"
      " c              x86_64 1.0       @repo       10 k\n"
      "Downgrading:\n"
      " d              x86_64 1.0       repo        10 k\n"
      "\n"
      "Transaction Summary\n"
      "=====\n"
      "Install  1 Package\n");
  EXPECT_EQ(simulation.installs, (std::vector<std::string>{"a-package-with-a-very-long-name", "b"}));
  EXPECT_EQ(simulation.removes, (std::vector<std::string>{"gone", "c"}));
  EXPECT_EQ(simulation.downgrades, std::vector<std::string>{"d"});
}

TEST(AptSimulation, IsReadWithHeldAndDowngradedPackages) {
  const Simulation simulation = parse_apt_simulation(
      "Reading package lists...\n"
      "The following held packages will be changed:\n"
      "  libc6\n"
      "The following packages will be DOWNGRADED:\n"
      "  a b\n"
      "0 upgraded, 1 newly installed, 2 downgraded, 1 to remove and 0 not upgraded.\n"
      "Remv old [1.0]\n"
      "Inst new (1.0 Debian:12/stable [amd64])\n"
      "Conf new (1.0 Debian:12/stable [amd64])\n");
  EXPECT_EQ(simulation.held, std::vector<std::string>{"libc6"});
  EXPECT_EQ(simulation.downgrades, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(simulation.removes, std::vector<std::string>{"old"});
  EXPECT_EQ(simulation.installs, std::vector<std::string>{"new"});
}

TEST(DpkgDatabase, TellsArchitecturesApartAndWhatIsNotThere) {
  const Database database = parse_dpkg_database(
      "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
      "Package: libc6\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2.36\n\n"
      "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36\n\n"
      "Package: tz\nStatus: install ok unpacked\nArchitecture: all\nVersion: 3\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n");
  ASSERT_EQ(database.size(), 4U);
  EXPECT_TRUE(database.at("libc6").held);
  EXPECT_TRUE(database.contains("libc6:i386"));
  EXPECT_FALSE(database.at("tz").well);
}

struct ModuleTest : PackagesTest {};

TEST_F(ModuleTest, IsUnloadedWithItsCompanionsUnlessItWasThere) {
  put(machine.world.at("/proc/modules"), "ext4 1 0\n");
  const steps::LoadModule step{.module = "nvidia"};
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(slurp(machine.world.at("/proc/modules")), "ext4 1 0\n");
  ASSERT_TRUE(perform(step, hands()));
  const Json loaded = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(undo(step, loaded, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

}  // namespace
}  // namespace bringup::apply
