// SPDX-License-Identifier: Apache-2.0
// What the unit does at a boot: goes on, tries again, stops after three boots, and before another machine.
#include <bringup/cli/change.hpp>
#include <bringup/cli/exit.hpp>

#include <gmock/gmock.h>

#include "../apply/fake_machine.hpp"
#include <sys/utsname.h>

namespace bringup::cli {
namespace {

using apply::fake::Died;
using apply::fake::kClock;
using apply::fake::Machine;
using apply::fake::put;
using apply::fake::step_of;
using apply::fake::When;
using testing::HasSubstr;

constexpr const char* kUnit = "/etc/systemd/system/bringup-at-boot.service";

class AtBoot : public testing::Test {
 protected:
  AtBoot() {
    for (const char* directory : {"/run/systemd/system", "/etc/systemd/system"})
      apply::fake::fs::create_directories(machine.world.at(directory));
    boot("boot-0");
    options.verb = "resume";
    options.at_boot = true;
    options.yes = true;
    options.quiet = true;
    options.offline = true;
    options.gpus_only = true;
    options.state = machine.settings().state_directory;
  }

  void boot(const std::string& id) { put(machine.world.at("/proc/sys/kernel/random/boot_id"), id + "\n"); }
  static std::string this_kernel() {
    utsname names{};
    EXPECT_EQ(::uname(&names), 0);
    return names.release;
  }
  // A run of one step that dies behind its first record.
  void cut_off(const steps::Kind& kind, const std::string& kernel = "kernel " + this_kernel(),
               bool awaits_driver = false) {
    const apply::Arming arming{
        .what = {.goal = goal, .machine = kernel, .awaits_driver = awaits_driver, .boots = {}, .made = {}},
        .program = "x"};
    const steps::Plan plan = apply::fake::plan_of(machine, {step_of("one", kind)});
    apply::fake::Silent silent;
    for (std::size_t n = 1; n < 100; ++n) {
      machine.die_at(n, When::after);
      try {
        (void)apply::apply(plan, machine, kClock, machine.settings(), silent, &arming);
      } catch (const Died&) {
        const auto runs = apply::history(machine.view(), machine.settings());
        if (runs && !runs->empty()) break;
      }
    }
    machine.die_at(0, When::after);
    ASSERT_TRUE(machine.view().exists(kUnit));
  }
  Result<int> at_boot() {
    return resume_at_boot(options, {.view = machine.view(), .control = &machine, .clock = kClock});
  }
  std::string state() {
    return apply::history(machine.view(), machine.settings())
        .value_or({{.state = "unreadable"}})
        .front()
        .state;
  }

  Machine machine;
  Options options;
  std::string goal = "driver = \"none\"\n";
};

const steps::WriteFile kFile{.path = "/etc/new.conf", .text = "new\n"};
// Never done: what is there is not a file.
const steps::WriteFile kImpossible{.path = "/etc", .text = "new\n"};

TEST_F(AtBoot, GoesOnAndTakesItselfAway) {
  cut_off(kFile);
  boot("boot-1");
  const auto code = at_boot();
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(*code, exit_ok);
  EXPECT_EQ(*machine.view().read("/etc/new.conf"), "new\n");
  EXPECT_EQ(state(), "done");
  EXPECT_FALSE(machine.view().exists(kUnit));
  const auto again = at_boot();
  ASSERT_TRUE(again) << "with nothing to go on with";
  EXPECT_EQ(*again, exit_ok);
}

TEST_F(AtBoot, TriesThreeBootsAndNoMore) {
  cut_off(kImpossible);
  for (const char* id : {"boot-1", "boot-2"}) {
    boot(id);
    ASSERT_FALSE(at_boot());
    ASSERT_TRUE(machine.view().exists(kUnit)) << id;
    ASSERT_FALSE(at_boot()) << "the same boot again is none";
    ASSERT_TRUE(machine.view().exists(kUnit)) << id;
  }
  boot("boot-3");
  ASSERT_FALSE(at_boot());
  EXPECT_FALSE(machine.view().exists(kUnit)) << "after the third boot nothing goes on by itself";
  EXPECT_EQ(state(), "failed") << "and the journal is kept";
}

TEST_F(AtBoot, StopsWhenThreeBootsDiedOnTheWay) {
  cut_off(kFile);
  const apply::Settings settings = machine.settings();
  auto what = apply::armed(machine.view(), settings);
  ASSERT_TRUE(what && *what);
  for (const char* id : {"boot-1", "boot-2", "boot-3"})
    ASSERT_TRUE(*apply::count_boot(machine, settings, **what, id));
  boot("boot-4");
  const auto code = at_boot();
  ASSERT_FALSE(code);
  EXPECT_THAT(code.error().message(), HasSubstr("3 boots were not enough"));
  EXPECT_FALSE(machine.view().exists(kUnit));
  EXPECT_FALSE(machine.view().exists("/etc/new.conf"));
}

TEST_F(AtBoot, DoesNotGoOnUnderAnotherKernel) {
  cut_off(kFile, "kernel 2.6.32");
  boot("boot-1");
  const auto code = at_boot();
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), Errc::stale);
  EXPECT_THAT(code.error().message(), HasSubstr("for kernel 2.6.32; this is kernel " + this_kernel()));
  EXPECT_FALSE(machine.view().exists("/etc/new.conf"));
  EXPECT_FALSE(machine.view().exists(kUnit));
}

// There is no curl on this machine: the model cannot come, and that is no reason to forget it.
TEST_F(AtBoot, FetchesTheModelsOfTheGoalAndTriesAgainWhileThereAreBoots) {
  put(machine.world.at("/proc/self/exe"), "the program");
  goal += "[[stack]]\nname = \"trl\"\nmodel = \"ok/model\"\n";
  cut_off(kFile);
  for (const char* id : {"boot-1", "boot-2", "boot-3"}) {
    boot(id);
    const auto code = at_boot();
    ASSERT_FALSE(code) << id;
    EXPECT_THAT(code.error().message(), HasSubstr("ok/model: /usr/bin/curl is not here"));
    EXPECT_EQ(state(), "done") << "what was interrupted is done all the same";
    EXPECT_EQ(machine.view().exists(kUnit), std::string_view(id) != "boot-3") << id;
  }
}

// By hand, before the boot: it goes on, and the boot that its driver waits for still proves.
TEST_F(AtBoot, ResumeByHandLeavesTheProofOfADriverToTheBoot) {
  cut_off(kFile, "kernel " + this_kernel(), true);
  options.at_boot = false;
  const Doors doors{.view = machine.view(), .control = &machine, .clock = kClock};
  const auto code = run_resume(options, doors);
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(*code, exit_reboot);
  EXPECT_EQ(state(), "done");
  EXPECT_TRUE(machine.view().exists(kUnit));
}

TEST_F(AtBoot, ResumeByHandOfAnotherRunLeavesNoUnit) {
  cut_off(kFile);
  options.at_boot = false;
  const auto code = run_resume(options, {.view = machine.view(), .control = &machine, .clock = kClock});
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(*code, exit_ok);
  EXPECT_FALSE(machine.view().exists(kUnit));
}

TEST_F(AtBoot, GoesOnWithNoOtherRunThanItsOwn) {
  cut_off(kFile);
  apply::fake::Silent silent;
  ASSERT_TRUE(apply::undo("", machine, kClock, machine.settings(), silent) ||
              !machine.view().exists("/etc/new.conf"));
  cut_off(kFile);
  // somebody begins another run by hand, which has no unit and dies
  machine.die_at(6, When::after);
  try {
    (void)apply::apply(apply::fake::plan_of(machine, {step_of("other", kImpossible)}), machine, kClock,
                       machine.settings(), silent);
  } catch (const Died&) {
  }
  machine.die_at(0, When::after);
  boot("boot-1");
  ASSERT_TRUE(at_boot());
  EXPECT_FALSE(machine.view().exists("/etc/new.conf")) << "neither run is gone on with";
  EXPECT_FALSE(machine.view().exists(kUnit));
}

}  // namespace
}  // namespace bringup::cli
