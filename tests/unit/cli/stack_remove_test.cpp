// SPDX-License-Identifier: Apache-2.0
// stack remove after installs that were killed in any phase, and beside what a user put there.
#include <bringup/cli/exit.hpp>
#include <bringup/cli/stack.hpp>

#include <gmock/gmock.h>

#include "../apply/fake_machine.hpp"

namespace bringup::cli {
namespace {

using apply::fake::Died;
using apply::fake::kClock;
using apply::fake::Machine;
using apply::fake::put;
using apply::fake::step_of;
using apply::fake::When;
using testing::HasSubstr;

const std::string kEnv = "/home/somebody/p/envs/stack-exllamav2";
const std::string kSite = kEnv + "/lib/python3.11/site-packages/";

class StackRemove : public testing::Test {
 protected:
  StackRemove() {
    put(machine.world.at("/usr/bin/python3"), "python", apply::fake::fs::perms(0755));
    machine.world.index["uv"] = {.version = "0.13.8"};
    machine.world.index["torch"] = {.version = "2.11.0",
                                    .files = {{"torch/version.py", "__version__ = '2.11.0+cu130'\n"}}};
    machine.world.index["attrs"] = {.version = "25.1"};
    put(machine.world.at("/goal.toml"), "driver = \"none\"\n[python]\nprefix = \"/home/somebody/p\"\n");
    options.verb = "stack";
    options.words = {"remove", "exllamav2"};
    options.goal = "/goal.toml";
    options.yes = options.quiet = options.no_input = true;
    options.state = machine.settings().state_directory;
    apply::fake::Silent silent;
    EXPECT_TRUE(
        apply::apply(apply::fake::plan_of(machine, {uv()}), machine, kClock, machine.settings(), silent));
    without = machine.tree();
  }
  steps::Step uv() const {
    return step_of(
        "uv", steps::InstallUv{.path = "/home/somebody/p/uv", .python = "/usr/bin/python3", .version = ""},
        true);
  }
  // As 'stack install' has them, with the name of another environment for what is not the stack's.
  std::vector<steps::Step> steps(const std::string& env = kEnv, const std::string& name = "stack-exllamav2") {
    const std::string manager = "/home/somebody/p/uv/bin/uv";
    return {step_of("env-" + name,
                    steps::CreateEnv{.path = env, .tool = "uv", .manager = manager, .python = "3.11"}, true),
            step_of("wheels-" + name,
                    steps::InstallWheels{.env = env,
                                         .tool = "uv",
                                         .manager = manager,
                                         .packages = {"torch==2.11.0"},
                                         .index_url = "https://example.org/whl",
                                         .variant = "cu130"},
                    true),
            step_of("extension-" + name,
                    steps::BuildExtension{.env = env,
                                          .module = "exllamav2_ext",
                                          .imports = "exllamav2.ext",
                                          .torch = "2.11.0",
                                          .cuda_home = "/usr/local/cuda-13.0",
                                          .compiler = "/usr/bin/g++",
                                          .architectures = {"9.0"},
                                          .jobs = 2},
                    true)};
  }
  // What of the plan does not hold yet, as a second 'stack install' has it; false: it died.
  bool install(std::vector<steps::Step> all) {
    const auto open = apply::pending(apply::fake::plan_of(machine, all), machine.view());
    EXPECT_TRUE(open) << open.error().message();
    std::erase_if(
        all, [&open](const steps::Step& step) { return std::ranges::find(*open, step.id) == open->end(); });
    for (steps::Step& step : all) step.needs.clear();
    apply::fake::Silent silent;
    try {
      const auto run =
          apply::apply(apply::fake::plan_of(machine, all), machine, kClock, machine.settings(), silent);
      EXPECT_TRUE(run) << run.error().message();
      return true;
    } catch (const Died&) {
      machine.die_at(0, When::before);
      return false;
    }
  }
  Result<int> remove() {
    return run_stack(options, {.view = machine.view(), .control = &machine, .clock = kClock});
  }
  std::vector<std::string> standing() {
    std::vector<std::string> states;
    for (const apply::Run& run : apply::history(machine.view(), machine.settings()).value_or({})) {
      if (run.state != "undone") states.push_back(run.state);
    }
    return states;
  }

  Machine machine;
  Options options;
  std::map<std::string, std::string> without;
};

TEST_F(StackRemove, TakesBackAnInstallThatWasKilledInEachPhaseAndBegunAgain) {
  int died = 0;
  for (std::size_t first = 1; first < 200; first += 2) {
    SCOPED_TRACE(testing::Message() << "killed in change " << first);
    machine.die_at(first, When::middle);
    if (install(steps())) break;
    ++died;
    machine.die_at(0, When::before);
    ASSERT_TRUE(install(steps())) << "begun again";
    ASSERT_TRUE(machine.view().exists(kSite + "exllamav2_ext.so"));
    const auto code = remove();
    ASSERT_TRUE(code) << code.error().message();
    EXPECT_EQ(*code, exit_ok);
    EXPECT_EQ(apply::fake::difference(machine.tree(), without), "");
    EXPECT_EQ(standing(), std::vector<std::string>{"done"}) << "uv's run alone";
  }
  EXPECT_GT(died, 8);
}

TEST_F(StackRemove, TakesBackOneThatWasKilledTwice) {
  machine.die_at(14, When::middle);
  ASSERT_FALSE(install(steps()));
  machine.die_at(8, When::middle);
  ASSERT_FALSE(install(steps()));
  const auto code = remove();
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(apply::fake::difference(machine.tree(), without), "");
  EXPECT_EQ(standing(), std::vector<std::string>{"done"});
}

TEST_F(StackRemove, KeepsWhatAUserPutThere) {
  ASSERT_TRUE(install(steps()));
  put(machine.world.at(kEnv + "/checkpoints/step-100.pt"), "hours of work");
  const auto refused = remove();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::refused);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("holds what bringup did not put there: checkpoints; move"));
  EXPECT_TRUE(machine.view().exists(kSite + "exllamav2_ext.so")) << "nothing was begun";
  apply::fake::fs::remove_all(machine.world.at(kEnv + "/checkpoints"));
  options.quiet = false;
  ASSERT_TRUE(apply::fake::pip(machine.world, machine.world.at(kEnv), {"install", "attrs==25.1"}).success());
  testing::internal::CaptureStderr();
  const auto code = remove();
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_THAT(said, HasSubstr("with it go the packages that were added to it: attrs"));
  EXPECT_EQ(apply::fake::difference(machine.tree(), without), "");
}

TEST_F(StackRemove, IsRefusedWhereARunMadeMore) {
  auto both = steps();
  const auto others = steps("/home/somebody/p/envs/dl", "dl");
  both.insert(both.end(), others.begin(), others.begin() + 1);
  ASSERT_TRUE(install(both));
  const auto refused = remove();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("made more than this stack (env-dl); 'bringup undo"));
}

}  // namespace
}  // namespace bringup::cli
