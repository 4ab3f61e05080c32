// SPDX-License-Identifier: Apache-2.0
// The kinds of step about packages, over fake apt and dpkg.
#include "packages_fixture.hpp"

namespace bringup::apply {
namespace {

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

// dpkg waits for nobody, and after a power cut somebody's own update may be at work again.
TEST_F(PackagesTest, AnInterruptedDpkgIsFinishedWhenNobodyElseIsAtWork) {
  put(machine.world.at("/var/lib/dpkg/updates/0001"), "half");
  fake::Packages(machine.world, false).unpack("lib");
  machine.world.dpkg_busy = 2;
  ASSERT_TRUE(perform(apt({"tool"}), hands()));
  EXPECT_EQ(ran("--configure -a"), 3U);
  EXPECT_EQ(machine.world.slept, 2);
  EXPECT_TRUE(holds(apt({"tool", "lib"}), hands()).value_or(false));
}

// An apt that outlived the bringup that was killed, say, and dies as nobody reads what it writes.
TEST_F(PackagesTest, WhoseLockIsHadFromOneThatDiedAreRepairedAndTriedOnceMore) {
  const auto tree = machine.tree();
  const auto step = apt({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  machine.world.others_die = true;
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(ran("--configure -a"), 1U);
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  machine.world.others_die = true;
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

// apt's --fix-broken does nothing about it, and dpkg neither configures nor removes it.
TEST_F(PackagesTest, ThatDpkgDiedOnAreUnpackedAgain) {
  const auto step = apt({"tool"});
  const auto tree = machine.tree();
  const Json before = remember(step, hands()).value_or(Json::object());
  fake::Packages(machine.world, false).unpack("lib", true);
  ASSERT_TRUE(dpkg_database(machine.view()).value_or({}).at("lib").half_unpacked);
  const auto performed = perform(step, hands());
  ASSERT_TRUE(performed) << performed.error().message();
  EXPECT_EQ(fake::Packages(machine.world, false).all.at("lib").flag, "ok");
  EXPECT_TRUE(holds(apt({"tool", "lib"}), hands()).value_or(false));
  fake::Packages(machine.world, false).unpack("tool", true);
  const auto undone = undo(step, before, hands());
  ASSERT_TRUE(undone) << undone.error().message();
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, WhoseScriptHangsAreEndedAndTakenBackWithoutIt) {
  const auto tree = machine.tree();
  machine.world.hangs = "tool";
  const auto step = apt({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  const auto performed = perform(step, hands());
  ASSERT_FALSE(performed);
  EXPECT_EQ(performed.error().code(), Errc::timeout);
  EXPECT_NE(performed.error().message().find("within its deadline"), std::string::npos);
  EXPECT_NE(performed.error().message().find("Setting up"), std::string::npos);
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(ran("--configure"), 0U) << "which would hang again";
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, OfOthersThatAreHalfSetUpAreFinishedBeforeOursGo) {
  const auto tree = machine.tree();
  const auto step = apt({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  fake::Packages database(machine.world, false);
  database.all["old"].state = "unpacked";
  database.save();
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(ran("--configure -a"), 1U);
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

// What a script would ask there is asked of nobody, and a script that hangs is in apt's own group.
TEST_F(PackagesTest, AreInstalledAndRemovedWithoutATerminal) {
  const auto step = apt({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(ran("-o Dpkg::Use-Pty=false"), 2U);
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

TEST_F(PackagesTest, WithoutANetworkSayWhatIsInTheWay) {
  machine.world.failure = "Temporary failure resolving 'deb.example.org'";
  const auto performed = perform(apt({"nowhere"}), hands());
  EXPECT_EQ(performed.error().code(), Errc::unreachable);
  EXPECT_NE(performed.error().message().find("nowhere"), std::string::npos) << performed.error().message();
  EXPECT_EQ(perform(apt({"tool"}), hands()).error().code(), Errc::unreachable);
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

}  // namespace
}  // namespace bringup::apply
