// SPDX-License-Identifier: Apache-2.0
// The steps of a conda: installer, uv, environment, wheels, shells; by mirrors; where one is here.
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/mirrors.hpp>

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
using testing::Not;
using testing_support::goal_of;
using testing_support::ids;
using testing_support::kind;
using testing_support::plan_of;
using testing_support::step;

const std::string kMini = "[python]\nmanager = \"miniconda\"\n";
const std::string kRoot = "/home/user/miniconda3";

facts::Machine machine() {
  auto out = goal::parse_hardware("gpus = []\nos = \"debian-12\"\nkernel = \"6.1.0-25-amd64\"\n", "test",
                                  catalog::built_in());
  if (!out) throw std::runtime_error(out.error().message());
  out->shells.installed = {"bash", "zsh"};
  out->packages.list = std::vector<facts::Package>{{.name = "curl", .version = "7.88.1"}};
  out->pythons = {{.path = "/usr/bin/python3.11", .version = "3.11.2", .venv = true}};
  return std::move(out).take();
}

TEST(Conda, ComesAsStepsOfTheUser) {
  const steps::Plan plan = plan_of(machine(), kMini);
  EXPECT_THAT(ids(plan), ElementsAre("conda", "uv", "env-dl", "wheels-dl", "conda-bash", "conda-zsh"));
  for (const steps::Step& one : plan.steps) EXPECT_TRUE(one.as_user) << one.id;
  const auto& conda = kind<steps::InstallConda>(plan, "conda");
  EXPECT_EQ(conda.path, kRoot);
  EXPECT_THAT(conda.url, testing::StartsWith("https://repo.anaconda.com/miniconda/Miniconda3-py313_"));
  EXPECT_EQ(conda.sha256.size(), 64U);
  EXPECT_EQ(conda.config,
            "# Written by bringup.\nchannels:\n  - conda-forge\ndefault_channels:\n"
            "  - https://conda.anaconda.org/conda-forge\nauto_activate_base: false\n"
            "anaconda_anon_usage: false\n");
  EXPECT_EQ(kind<steps::InstallUv>(plan, "uv").python, kRoot + "/bin/python");
  EXPECT_EQ(step(plan, "uv").needs, std::vector<std::string>{"conda"});
  const auto& env = kind<steps::CreateEnv>(plan, "env-dl");
  EXPECT_EQ(env.path, kRoot + "/envs/dl");
  EXPECT_EQ(env.manager, kRoot + "/bin/conda");
  EXPECT_EQ(env.channel, "conda-forge");
  EXPECT_EQ(env.python, "3.11");
  EXPECT_EQ(step(plan, "env-dl").needs, std::vector<std::string>{"conda"});
  const auto& wheels = kind<steps::InstallWheels>(plan, "wheels-dl");
  EXPECT_EQ(wheels.tool, "uv");
  EXPECT_EQ(wheels.env, env.path);
  EXPECT_THAT(kind<steps::EditBlock>(plan, "conda-bash").text,
              HasSubstr(". /home/user/miniconda3/etc/profile.d/conda.sh\n"));
  EXPECT_EQ(kind<steps::EditBlock>(plan, "conda-zsh").path, "/home/user/.zshrc");
  const auto back = steps::parse_plan(steps::to_json(plan));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, plan);
}

TEST(Conda, OfConditionalShellsAndAPathThatMustBeQuoted) {
  facts::Machine odd = machine();
  odd.shells.installed = {"bash"};
  const steps::Plan plan = plan_of(odd, kMini + "prefix = \"/data/it's\"\n");
  EXPECT_THAT(ids(plan), Not(testing::Contains("conda-zsh")));
  EXPECT_THAT(kind<steps::EditBlock>(plan, "conda-bash").text,
              HasSubstr("if [ -f '/data/it'\\''s/miniconda3/etc/profile.d/conda.sh' ]; then\n"));
}

TEST(Conda, OfMiniforgeHasNoWordAboutAnacondasUsage) {
  const steps::Plan plan = plan_of(machine(), "[python]\nmanager = \"miniforge\"\n");
  const auto& conda = kind<steps::InstallConda>(plan, "conda");
  EXPECT_EQ(conda.path, "/home/user/miniforge3");
  EXPECT_THAT(conda.url, HasSubstr("github.com/conda-forge/miniforge/releases/download/"));
  EXPECT_THAT(conda.config, Not(HasSubstr("anaconda_anon_usage")));
}

TEST(Conda, TakesAnacondasChannelsOnlyWhenTheGoalSaysSo) {
  const steps::Plan plan = plan_of(machine(), kMini + "channels = \"defaults\"\n");
  EXPECT_THAT(kind<steps::InstallConda>(plan, "conda").config, HasSubstr("channels:\n  - defaults\n"));
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").channel, "");
  EXPECT_THAT(step(plan, "conda").changes, HasSubstr("whose terms you accept yourself"));
}

TEST(Conda, ComesByWayOfTheMirrorThatAnswers) {
  const goal::Goal goal = goal_of(kMini + "[mirrors]\nprofile = \"tuna\"\n");
  facts::Machine there = machine();
  for (const facts::Source& one : resolve::conda_sources(there, goal, catalog::built_in()))
    std::ranges::find(there.sources, one.name, &facts::Source::name)->url = one.url;
  auto mirrors = resolve::mirrors_of(there.sources, goal, catalog::built_in());
  for (facts::Source& one : mirrors) one.answered_seconds = 0.1;
  there.sources = resolve::settled(there.sources, mirrors, goal);
  const steps::Plan plan = plan_of(there, kMini);
  const auto& conda = kind<steps::InstallConda>(plan, "conda");
  EXPECT_THAT(conda.url, testing::StartsWith("https://mirrors.tuna.tsinghua.edu.cn/anaconda/miniconda/Mini"));
  EXPECT_EQ(conda.sha256, kind<steps::InstallConda>(plan_of(machine(), kMini), "conda").sha256);
  EXPECT_THAT(conda.config,
              HasSubstr("default_channels:\n  - https://mirrors.tuna.tsinghua.edu.cn/anaconda/cloud/"
                        "conda-forge\ncustom_channels:\n  conda-forge: "
                        "https://mirrors.tuna.tsinghua.edu.cn/anaconda/cloud\n"));
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").channel,
            "https://mirrors.tuna.tsinghua.edu.cn/anaconda/cloud/conda-forge");
}

TEST(Conda, ThatIsHereMakesTheEnvironmentAndIsLeftAsItIs) {
  facts::Machine there = machine();
  there.managers = {{.kind = "miniconda", .path = kRoot + "/bin/conda", .version = "25.1"},
                    {.kind = "uv", .path = "/usr/bin/uv", .version = "0.13.8"}};
  const steps::Plan plan = plan_of(there, kMini);
  EXPECT_THAT(ids(plan), ElementsAre("env-dl", "wheels-dl"));
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").manager, kRoot + "/bin/conda");
  EXPECT_EQ(kind<steps::InstallWheels>(plan, "wheels-dl").manager, "/usr/bin/uv");
}

TEST(Conda, FillsByPipWherePyPIIsSilent) {
  facts::Machine there = machine();
  for (facts::Source& source : there.sources) {
    if (source.name == "pypi") source.answered_seconds = Error(Errc::unreachable, "silent");
  }
  const steps::Plan plan = plan_of(there, kMini);
  EXPECT_THAT(ids(plan), ElementsAre("conda", "env-dl", "wheels-dl", "conda-bash", "conda-zsh"));
  EXPECT_EQ(kind<steps::InstallWheels>(plan, "wheels-dl").tool, "pip");
}

TEST(Conda, HasCurlBeforeItIsFetched) {
  facts::Machine bare = machine();
  bare.packages.list = std::vector<facts::Package>{};
  const steps::Plan plan = plan_of(bare, kMini);
  EXPECT_EQ(ids(plan).front(), "python-packages");
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "python-packages").packages,
              ElementsAre("curl", "ca-certificates"));
  EXPECT_EQ(step(plan, "conda").needs, std::vector<std::string>{"python-packages"});
}

}  // namespace
}  // namespace bringup::plan
