// SPDX-License-Identifier: Apache-2.0
// The steps of PyPI's toolkit: all of them the user's own.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/plan/plans.hpp"
#include <algorithm>
#include <stdexcept>
#include <variant>

namespace bringup::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::ids;
using testing_support::kind;
using testing_support::plan_of;

// Ubuntu with a driver, a Python that makes environments, and a user who is not root.
facts::Machine machine() {
  const std::string text =
      "gpus = [\"RTX 4090\"]\nos = \"ubuntu-24.04\"\nkernel = \"6.8.0-45-generic\"\ngcc = \"13\"\n"
      "driver = { version = \"595.91.07\", flavour = \"open\" }\n";
  auto out = goal::parse_hardware(text, "test", catalog::built_in());
  if (!out) throw std::runtime_error(out.error().message());
  out->shells.installed = {"bash", "zsh"};
  out->pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = true}};
  return std::move(out).take();
}

// What this user may do alone.
steps::Plan mine(const facts::Machine& there, const std::string& text = "") {
  return plan_of(there, text, true);
}

const std::string kToolkit = "/home/user/.local/share/bringup/toolkits/cuda-13.0";
const std::string kRoot = kToolkit + "/lib/python3.12/site-packages/nvidia/cu13";

TEST(UserOnly, BringsTheToolkitWithoutRoot) {
  const steps::Plan plan = mine(machine());
  EXPECT_THAT(ids(plan), ElementsAre("uv", "toolkit-env", "toolkit-wheels", "env-dl", "wheels-dl",
                                     "path-login", "path-bash", "path-zsh"));
  for (const steps::Step& one : plan.steps) EXPECT_TRUE(one.as_user) << one.id;
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "toolkit-env").path, kToolkit);
  const auto& wheels = kind<steps::InstallWheels>(plan, "toolkit-wheels");
  EXPECT_EQ(wheels.env, kToolkit);
  EXPECT_EQ(wheels.tool, "uv");
  EXPECT_EQ(wheels.packages.size(), 3U);
  EXPECT_EQ(wheels.variant, "");
  EXPECT_EQ(plan.steps[5].needs, std::vector<std::string>{"toolkit-wheels"});
  const auto back = steps::parse_plan(steps::to_json(plan));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, plan);
}

// Whether root could get a driver or not: the user's own part is the same.
TEST(UserOnly, LeavesADriverThatNobodyHas) {
  facts::Machine there = machine();
  there.driver.loaded = std::optional<facts::LoadedModule>{};
  there.driver.libcuda.clear();
  there.driver.modules.clear();
  for (facts::Source& source : there.sources) {
    if (source.name != "pypi") source.answered_seconds = Error(Errc::unreachable, "no route");
  }
  EXPECT_EQ(ids(mine(there)), ids(mine(machine())));
}

TEST(UserOnly, PutsItOnThePathsOfLoginShellsAndWindows) {
  const steps::Plan plan = mine(machine());
  const auto& login = kind<steps::EditBlock>(plan, "path-login");
  EXPECT_EQ(login.path, "/home/user/.profile");
  EXPECT_EQ(login.text, fmt::format("case \":$PATH:\" in\n  *:{0}/bin:*) ;;\n  *) export PATH={0}/bin:$PATH "
                                    "LIBRARY_PATH={0}/lib${{LIBRARY_PATH:+:$LIBRARY_PATH}} ;;\nesac\n",
                                    kRoot));
  EXPECT_EQ(kind<steps::EditBlock>(plan, "path-bash").text, login.text);
  facts::Machine other = machine();
  other.shells.login_file = ".bash_profile";
  EXPECT_EQ(kind<steps::EditBlock>(mine(other), "path-login").path, "/home/user/.bash_profile");
}

TEST(UserOnly, QuotesAPrefixThatAShellWouldTakeApart) {
  const steps::Plan plan = mine(machine(), "[python]\nprefix = \"/data/it's $HOME\"\n");
  EXPECT_THAT(kind<steps::EditBlock>(plan, "path-bash").text,
              HasSubstr("export PATH='/data/it'\\''s $HOME/toolkits/cuda-13.0/lib/python3.12/site-packages/"
                        "nvidia/cu13/bin':$PATH "));
}

TEST(UserOnly, KeepsAnEnvironmentOfTheGoalApartFromTheToolkits) {
  const steps::Plan plan =
      mine(machine(), "[[env]]\nname = \"toolkit\"\n[[env]]\nname = \"cuda-13.0\"\npackages = [\"numpy\"]\n");
  EXPECT_THAT(ids(plan),
              ElementsAre("uv", "toolkit-env", "toolkit-wheels", "env-toolkit", "wheels-toolkit",
                          "env-cuda-13.0", "wheels-cuda-13.0", "path-login", "path-bash", "path-zsh"));
  EXPECT_NE(kind<steps::CreateEnv>(plan, "env-cuda-13.0").path, kToolkit);
}

TEST(UserOnly, HasNothingToDoTheSecondTime) {
  facts::Machine done = machine();
  const std::string dl = "/home/user/.local/share/bringup/envs/dl";
  done.envs = {
      {.path = dl,
       .python = dl + "/bin/python",
       .version = "3.12.3",
       .kind = "uv",
       .packages = {{"torch", "2.14.1+cu130"},
                    {"torchvision", "0.29.1+cu130"},
                    {"torchaudio", "2.11.0+cu130"}},
       .torch = "2.14.1+cu130",
       .variant = "cu130"},
      {.path = kToolkit,
       .python = kToolkit + "/bin/python",
       .version = "3.12.3",
       .kind = "uv",
       .packages = {{"cuda-toolkit", "13.0.2"}, {"nvidia-nvvm", "13.0.88"}, {"nvidia-cuda-crt", "13.0.88"}}}};
  done.toolkits = {{.path = kRoot, .version = "13.0", .origin = "pypi"}};
  const std::string line = "*) export PATH=" + kRoot + "/bin:$PATH";
  for (const char* file : {".profile", ".bashrc", ".zshrc"})
    done.shells.settings.push_back({"/home/user/" + std::string(file), 3, "PATH", line});
  EXPECT_THAT(ids(mine(done)), IsEmpty());
  // Root's run has none either: what works stays, and it is the user's own.
  EXPECT_THAT(ids(plan_of(done, "", false)), IsEmpty());
}

// NVIDIA's repository and the distribution are silent: the same steps, whoever is root.
TEST(UserOnly, StepsAreTheUsersWhereRootHasNoOtherToolkit) {
  facts::Machine silent = machine();
  std::erase_if(silent.sources, [](const facts::Source& one) { return one.name == "nvidia"; });
  const steps::Plan plan = plan_of(silent, "", false);
  EXPECT_THAT(ids(plan), ElementsAre("uv", "toolkit-env", "toolkit-wheels", "env-dl", "wheels-dl",
                                     "path-login", "path-bash", "path-zsh"));
}

}  // namespace
}  // namespace bringup::plan
