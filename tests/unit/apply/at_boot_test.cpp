// SPDX-License-Identifier: Apache-2.0
// The unit that goes on after a reboot: it is there exactly as long as a run needs it, and no boot loop can
// come of it.
#include <bringup/apply/at_boot.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::Died;
using fake::Machine;
using fake::put;
using fake::step_of;
using fake::When;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kUnit = "/etc/systemd/system/bringup-at-boot.service";
constexpr const char* kWanted = "/etc/systemd/system/multi-user.target.d/bringup-at-boot.conf";
constexpr const char* kProgram = "/usr/local/sbin/bringup-at-boot";

void furnish(Machine& machine) {
  fake::fs::create_directories(machine.world.at("/run/systemd/system"));
  fake::fs::create_directories(machine.world.at("/etc/systemd/system"));
  put(machine.world.at("/proc/sys/kernel/random/boot_id"), "boot-0\n");
  put(machine.world.at("/etc/replaced.conf"), "as it was\n");
}

steps::Plan plan_of_two(const Machine& machine) {
  return fake::plan_of(
      machine, {step_of("new", steps::WriteFile{.path = "/etc/new.conf", .text = "new\n"}),
                step_of("replaced", steps::WriteFile{.path = "/etc/replaced.conf", .text = "as it is\n"})});
}

Arming arming(bool awaits_driver) {
  return {.what = {.goal = "driver = \"580\"\n", .machine = "kernel 6.1", .awaits_driver = awaits_driver},
          .program = "an executable"};
}

Result<Run> go(Machine& machine, bool awaits_driver) {
  fake::Silent silent;
  const Arming at_boot = arming(awaits_driver);
  return apply(plan_of_two(machine), machine, fake::kClock, machine.settings(), silent, &at_boot);
}

AtBoot record_of(const Machine& machine) {
  const auto what = armed(machine.view(), machine.settings());
  EXPECT_TRUE(what) << what.error().message();
  EXPECT_TRUE(what && *what) << "nothing is armed";
  return what && *what ? **what : AtBoot{};
}

TEST(AtBoot, ARunThatEndsWellLeavesNoUnit) {
  Machine machine;
  furnish(machine);
  const auto original = machine.tree();
  const auto run = go(machine, false);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_FALSE(machine.view().exists(kUnit));
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), *std::make_unique<fake::Silent>()));
  EXPECT_EQ(fake::difference(machine.tree(), original), "");
}

TEST(AtBoot, ARunThatWaitsForADriverKeepsItsUnitUntilItIsTakenAway) {
  Machine machine;
  furnish(machine);
  const auto original = machine.tree();
  const auto run = go(machine, true);
  ASSERT_TRUE(run) << run.error().message();
  const std::string unit = *machine.view().read(kUnit);
  EXPECT_THAT(unit, HasSubstr("ExecStart=/usr/local/sbin/bringup-at-boot resume --at-boot --yes --state " +
                              machine.settings().state_directory + "\n"));
  EXPECT_THAT(unit, HasSubstr("Environment=SUDO_UID=" + std::to_string(machine.user().uid) + "\n"))
      << "the environments that are proven are those of the user for whom it was done";
  EXPECT_THAT(unit,
              HasSubstr("ConditionPathExists=" + machine.settings().state_directory + "/at-boot.json\n"));
  EXPECT_THAT(*machine.view().read(kWanted), HasSubstr("Wants=bringup-at-boot.service\n"));
  EXPECT_THAT(unit, HasSubstr("Type=simple\n")) << "a boot would not be over before this is";
  EXPECT_EQ(*machine.view().read(kProgram), "an executable");
  EXPECT_EQ(machine.view().status(kProgram)->mode & 07777U, 0755U);
  const AtBoot what = record_of(machine);
  EXPECT_EQ(what.run, run->id);
  EXPECT_EQ(what.goal, "driver = \"580\"\n");
  EXPECT_EQ(what.boots, std::vector<std::string>{"boot-0"});
  ASSERT_TRUE(disarm(machine, machine.settings()));
  ASSERT_TRUE(disarm(machine, machine.settings())) << "absent is fine";
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), *std::make_unique<fake::Silent>()));
  EXPECT_EQ(fake::difference(machine.tree(), original), "");
}

TEST(AtBoot, UndoTakesTheUnitAwayFirst) {
  Machine machine;
  furnish(machine);
  const auto original = machine.tree();
  ASSERT_TRUE(go(machine, true));
  fake::Silent silent;
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), silent));
  EXPECT_EQ(fake::difference(machine.tree(), original), "");
}

// Killed anywhere: the next boot goes on, or finds that nothing had begun; in the end no trace of the unit is
// left.
TEST(AtBoot, KilledAnywhereTheNextBootEndsItAndTheUnitIsGone) {
  Machine peace;
  furnish(peace);
  const auto original = peace.tree();
  peace.die_at(0, When::before);
  ASSERT_TRUE(go(peace, false));
  const std::size_t calls = peace.calls();
  const auto done = peace.tree();
  std::size_t went_on = 0;
  for (std::size_t n = 1; n <= calls; ++n) {
    for (const When when : {When::before, When::middle, When::after}) {
      SCOPED_TRACE(testing::Message() << "change " << n << ", moment " << static_cast<int>(when));
      Machine machine;
      furnish(machine);
      machine.die_at(n, when);
      EXPECT_THROW((void)go(machine, false), Died);
      machine.die_at(0, when);
      const bool starts = machine.view().exists(kWanted);
      const auto runs = history(machine.view(), machine.settings());
      const bool began = runs && !runs->empty();
      if (began && runs->front().state != "done") {
        EXPECT_TRUE(starts) << "a run that began is gone on with";
        fake::Silent silent;
        ASSERT_TRUE(resume(machine, fake::kClock, machine.settings(), silent));
        ++went_on;
      }
      ASSERT_TRUE(disarm(machine, machine.settings()));
      ASSERT_EQ(fake::difference(machine.tree(), began ? done : original), "");
    }
  }
  EXPECT_GT(went_on, 0U);
}

TEST(AtBoot, AUnitThatIsTakenAwayHalfIsTakenAwayWhole) {
  for (std::size_t n = 1; n < 20; ++n) {
    SCOPED_TRACE(n);
    Machine machine;
    furnish(machine);
    ASSERT_TRUE(go(machine, true));
    machine.die_at(n, When::after);
    try {
      ASSERT_TRUE(disarm(machine, machine.settings()));
      return;  // n is behind its last change
    } catch (const Died&) {
      machine.die_at(0, When::after);
    }
    ASSERT_TRUE(disarm(machine, machine.settings()));
    for (const char* path : {kUnit, kWanted, kProgram, "/etc/systemd/system/multi-user.target.d"})
      ASSERT_FALSE(machine.view().exists(path)) << path;
  }
  FAIL() << "taking away never ended";
}

TEST(AtBoot, CountsEachBootOnceAndThreeAtTheMost) {
  Machine machine;
  furnish(machine);
  ASSERT_TRUE(go(machine, true));
  for (const char* id : {"boot-0", "boot-1", "boot-1", "boot-2", "boot-3", "boot-3"}) {
    AtBoot what = record_of(machine);
    ASSERT_TRUE(*count_boot(machine, machine.settings(), what, id)) << id;
    EXPECT_EQ(record_of(machine), what) << "on the disk before anything is done";
  }
  AtBoot what = record_of(machine);
  EXPECT_THAT(what.boots, SizeIs(1 + kMostBoots));
  EXPECT_FALSE(*count_boot(machine, machine.settings(), what, "boot-4"));
  EXPECT_THAT(record_of(machine).boots, SizeIs(1 + kMostBoots));
}

TEST(AtBoot, AnotherRunCountsAnew) {
  Machine machine;
  furnish(machine);
  ASSERT_TRUE(go(machine, true));
  AtBoot what = record_of(machine);
  ASSERT_TRUE(*count_boot(machine, machine.settings(), what, "boot-1"));
  put(machine.world.at("/etc/replaced.conf"), "changed by somebody\n");
  const auto second = go(machine, true);
  ASSERT_TRUE(second);
  EXPECT_EQ(record_of(machine).run, second->id);
  EXPECT_EQ(record_of(machine).boots, std::vector<std::string>{"boot-0"});
}

TEST(AtBoot, LeavesAnAdministratorsFileOfThatName) {
  Machine machine;
  furnish(machine);
  put(machine.world.at(kUnit), "[Unit]\nDescription=mine\n");
  const auto run = go(machine, false);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::refused);
  EXPECT_FALSE(machine.view().exists("/etc/new.conf")) << "nothing was changed";
  ASSERT_TRUE(disarm(machine, machine.settings()));
  EXPECT_EQ(*machine.view().read(kUnit), "[Unit]\nDescription=mine\n");
}

TEST(AtBoot, IsNotForUsersNorWithoutSystemdNorForPathsThatAUnitWouldRead) {
  Machine machine;
  furnish(machine);
  Settings settings = machine.settings();
  EXPECT_TRUE(can_arm(machine.view(), settings));
  settings.root = false;
  EXPECT_EQ(can_arm(machine.view(), settings).error().code(), Errc::denied);
  for (const char* path : {"/var/lib/a b", "/var/lib/%n", "/var/lib/x\nExecStart=/bin/sh", "relative"})
    EXPECT_EQ(can_arm(machine.view(), {.state_directory = path, .root = true}).error().code(),
              Errc::unsupported)
        << path;
  fake::fs::remove_all(machine.world.at("/run/systemd"));
  EXPECT_EQ(can_arm(machine.view(), machine.settings()).error().code(), Errc::unsupported);
}

TEST(AtBoot, ADamagedRecordIsSaidAndCanBeTakenAway) {
  Machine machine;
  furnish(machine);
  ASSERT_TRUE(go(machine, true));
  const std::string record = machine.settings().state_directory + "/at-boot.json";
  for (const char* text : {"", "{", "[]", "{\"format\": 99}", "{\"format\": 1, \"run\": 7}"}) {
    ASSERT_TRUE(machine.write(record, text, 0600, std::nullopt));
    EXPECT_FALSE(armed(machine.view(), machine.settings())) << text;
  }
  ASSERT_TRUE(disarm(machine, machine.settings()));
  EXPECT_FALSE(machine.view().exists(kUnit));
  EXPECT_FALSE(machine.view().exists(record));
}

}  // namespace
}  // namespace bringup::apply
