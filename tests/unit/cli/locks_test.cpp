// SPDX-License-Identifier: Apache-2.0
// The lock beside a goal after a run that was gone on with.
#include <bringup/cli/change.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/locks.hpp>

#include <gmock/gmock.h>

#include "../apply/fake_machine.hpp"

namespace bringup::cli {
namespace {

using apply::fake::Died;
using apply::fake::kClock;
using apply::fake::Machine;
using apply::fake::put;
using apply::fake::slurp;
using apply::fake::step_of;
using apply::fake::When;

class KeptLocks : public testing::Test {
 protected:
  KeptLocks() {
    options.verb = "resume";
    options.yes = true;
    options.quiet = true;
    options.offline = true;
    options.state = machine.settings().state_directory;
    apply::fake::fs::create_directories(machine.world.at("/home/somebody/work"));
    put(machine.world.at(kGoal), "[[env]]\nname = \"d.l\"\npackages = [\"numpy\"]\n");
    EXPECT_TRUE(apply::fake::make_venv(machine.world, kEnv, true).success());
    machine.world.index["numpy"] = {.version = "2.3"};
    EXPECT_TRUE(apply::fake::pip(machine.world, machine.world.at(kEnv), {"install", "numpy==2.3"}).success());
    lock = steps::to_toml(
        {.python = "3.11",
         .platform = "x86_64",
         .variant = "",
         .asked = {"numpy==2.3"},
         .packages = {{.name = "numpy",
                       .version = "2.3",
                       .files = {{.url = "https://f.org/numpy.whl", .sha256 = std::string(64, 'a')}}}}});
    put(machine.world.at(std::string(kEnv) + "/pylock.toml"), lock);
  }
  steps::Plan plan(std::vector<std::string> packages) const {
    steps::Plan plan =
        apply::fake::plan_of(machine, {step_of("new", steps::WriteFile{.path = "/etc/new", .text = "new\n"}),
                                       step_of("wheels-d.l",
                                               steps::InstallWheels{.env = kEnv,
                                                                    .tool = "uv",
                                                                    .manager = "/u/uv",
                                                                    .packages = std::move(packages),
                                                                    .index_url = "",
                                                                    .variant = ""},
                                               true)});
    plan.goal_file = kGoal;
    return plan;
  }
  Doors doors() { return {.view = machine.view(), .control = &machine, .clock = kClock}; }
  std::string beside() const { return slurp(machine.world.at("/home/somebody/work/pylock.d+l.toml")); }

  static constexpr const char* kGoal = "/home/somebody/work/bringup.toml";
  static constexpr const char* kEnv = "/home/somebody/d.l";
  Machine machine;
  Options options;
  std::string lock;
};

TEST_F(KeptLocks, AreWrittenByTheRunThatEndsItToo) {
  const auto before = machine.tree();
  apply::fake::Silent silent;
  for (std::size_t at = 1;; ++at) {
    ASSERT_LT(at, 50U);
    machine.die_at(at, When::after);
    try {
      std::ignore = apply::apply(plan({"numpy==2.3"}), machine, kClock, machine.settings(), silent);
    } catch (const Died&) {
    }
    machine.die_at(0, When::after);
    if (machine.view().exists("/etc/new")) break;
  }
  EXPECT_EQ(beside(), "");
  const auto code = run_resume(options, doors());
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(*code, exit_ok);
  EXPECT_EQ(beside(), lock);
  ASSERT_TRUE(apply::undo("", machine, kClock, machine.settings(), silent));
  EXPECT_EQ(beside(), "") << "undo takes it back by itself";
  EXPECT_EQ(apply::fake::difference(machine.tree(), before), "");
}

TEST_F(KeptLocks, OfAPartOrBesideAGoalThatIsGoneAreNot) {
  apply::Run run{.state = "done", .plan = plan({"numpy==2.3", "attrs==25.1"})};
  ASSERT_TRUE(keep_locks(options, doors(), run));
  EXPECT_EQ(beside(), "");
  run.plan = plan({"numpy==2.3"});
  run.plan.goal_file = "/home/somebody/gone/bringup.toml";
  ASSERT_TRUE(keep_locks(options, doors(), run));
  run.plan.goal_file = "";
  ASSERT_TRUE(keep_locks(options, doors(), run));
  run.plan.goal_file = kGoal;
  run.state = "failed";
  ASSERT_TRUE(keep_locks(options, doors(), run));
  EXPECT_EQ(beside(), "");
}

}  // namespace
}  // namespace bringup::cli
