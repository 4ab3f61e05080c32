// SPDX-License-Identifier: Apache-2.0
// What asks a hub of models comes first, and the plan is cut behind it.
#include <bringup/plan/hub.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

steps::Step file(const std::string& id, const std::string& path, std::vector<std::string> needs = {}) {
  return {.id = id,
          .kind = steps::WriteFile{.path = path, .text = "x"},
          .why = "because",
          .changes = "a file",
          .needs = std::move(needs)};
}

std::vector<std::string> ids(const steps::Plan& plan) {
  std::vector<std::string> out;
  for (const steps::Step& step : plan.steps) out.push_back(step.id);
  return out;
}

const steps::InstallPackages& packages(const steps::Plan& plan, std::size_t index) {
  return std::get<steps::InstallPackages>(plan.steps.at(index).kind);
}

facts::Machine machine_with(const std::string& manager) {
  facts::Machine machine;
  machine.packages.manager = manager;
  return machine;
}

TEST(HubPackages, StandBeforeAllElse) {
  steps::Plan plan;
  plan.steps = {file("vendor-key", "/key"), file("vendor-source", "/source", {"vendor-key"})};
  add_hub_packages(machine_with("dpkg"), plan);
  EXPECT_THAT(ids(plan), ElementsAre("hub-packages", "vendor-key", "vendor-source"));
  EXPECT_EQ(packages(plan, 0).manager, "apt");
  EXPECT_THAT(packages(plan, 0).packages, ElementsAre("curl", "ca-certificates"));
  EXPECT_EQ(packages(plan, 0).sources, "");
  EXPECT_THAT(plan.steps[0].needs, IsEmpty());
  steps::Plan rpm;
  add_hub_packages(machine_with("rpm"), rpm);
  EXPECT_EQ(packages(rpm, 0).manager, "dnf");
}

TEST(HubPackages, ComeByTheMirrorThatTheOthersComeBy) {
  steps::Plan plan;
  plan.steps = {file("vendor-key", "/key"), file("archive-mirror", "/mirror.list", {"vendor-key"}),
                file("path-bash", "/bashrc")};
  add_hub_packages(machine_with("dpkg"), plan);
  EXPECT_THAT(ids(plan), ElementsAre("vendor-key", "archive-mirror", "hub-packages", "path-bash"));
  EXPECT_EQ(packages(plan, 2).sources, "/mirror.list");
  EXPECT_THAT(plan.steps[2].needs, ElementsAre("archive-mirror"));
}

TEST(AroundTheHub, CutsBehindThatStepAndDropsWhatIsDoneFromTheNeeds) {
  steps::Plan plan{.machine = "m", .goal = "g", .made_at = "now", .user = {}, .steps = {}};
  plan.steps = {file("archive-mirror", "/mirror.list"), file("other", "/o"),
                file("last", "/l", {"other", "archive-mirror"})};
  add_hub_packages(machine_with("dpkg"), plan);
  const auto [before, after] = around_the_hub(plan);
  EXPECT_THAT(ids(before), ElementsAre("archive-mirror", "hub-packages"));
  EXPECT_THAT(ids(after), ElementsAre("other", "last"));
  EXPECT_THAT(after.steps[1].needs, ElementsAre("other"));
  EXPECT_EQ(before.machine, "m");
  EXPECT_EQ(after.goal, "g");
}

TEST(AroundTheHub, LeavesAPlanWithoutThatStepWhole) {
  steps::Plan plan;
  plan.steps = {file("one", "/1"), file("two", "/2", {"one"})};
  const auto [before, after] = around_the_hub(plan);
  EXPECT_THAT(before.steps, IsEmpty());
  EXPECT_EQ(after, plan);
}

}  // namespace
}  // namespace bringup::plan
