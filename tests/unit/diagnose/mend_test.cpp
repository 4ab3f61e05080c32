// SPDX-License-Identifier: Apache-2.0
// What may be done of the fixes, and what became of the findings.
#include <bringup/diagnose/mend.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patients.hpp"
#include <algorithm>

namespace bringup::diagnose::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Packages that pull in kernels are free, nothing keeps nouveau away, little may be locked, /dev/shm is
// small.
Setting neglected() {
  Setting setting = healthy();
  for (facts::Package& package : *setting.machine.packages.list) package.held = false;
  setting.machine.boot.unattended = facts::Unattended{.on = true, .origins = {"o"}, .never = {}};
  setting.machine.boot.modprobe->clear();
  setting.machine.memlock_bytes = std::int64_t{65536};
  setting.machine.shm_bytes = std::uint64_t{1} << 20U;
  return setting;
}

Diagnosis found(const Setting& setting) {
  return diagnose(setting.patient()).value_or(Diagnosis{});
}

std::vector<std::string> ids(const Mending& mending) {
  std::vector<std::string> out;
  for (const steps::Step& step : mending.steps) out.push_back(step.id);
  return out;
}

TEST(Mend, TakesTheSafeStepsOfWhatWasFoundAndNoOthers) {
  const Mending mending = diagnose::mending(found(neglected()));
  EXPECT_THAT(mending.rules,
              ElementsAre("kernel-not-held", "memlock-low", "nouveau-not-kept-away", "unattended-driver"));
  EXPECT_THAT(ids(mending), UnorderedElementsAre("kernel-not-held", "memlock-low", "nouveau-not-kept-away",
                                                 "unattended-driver"));
}

TEST(Mend, TakesNothingOfAHealthyMachine) {
  EXPECT_THAT(diagnose::mending(found(healthy())).steps, IsEmpty());
}

// nouveau may be all that a screen has.
TEST(Mend, LeavesStepsOfRulesThatAreNotSafe) {
  Setting setting = healthy();
  unload(setting);
  for (auto& gpu : setting.machine.pci) gpu.kernel_driver = std::optional<std::string>("nouveau");
  const Diagnosis diagnosis = found(setting);
  const auto bound = std::ranges::find(diagnosis.findings, "nouveau-bound", &Finding::id);
  ASSERT_NE(bound, diagnosis.findings.end());
  ASSERT_FALSE(bound->fix.steps.empty());
  EXPECT_EQ(std::ranges::count(diagnose::mending(diagnosis).rules, "nouveau-bound"), 0);
}

// Two rules want the same headers: they are installed once, and before the module is loaded.
TEST(Mend, InstallsOnceAndBeforeItLoads) {
  Setting setting = healthy();
  unload(setting);
  setting.machine.kernel.installed[1].headers = false;
  setting.machine.driver.modules.pop_back();
  const Mending mending = diagnose::mending(found(setting));
  ASSERT_EQ(mending.steps.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<steps::InstallPackages>(mending.steps.front().kind));
  EXPECT_TRUE(std::holds_alternative<steps::LoadModule>(mending.steps.back().kind));
  EXPECT_THAT(mending.rules,
              ElementsAre("driver-not-loaded", "kernel-headers-missing", "module-missing-next-kernel"));
}

TEST(Mend, SaysOfEachWhetherItIsGone) {
  const Setting before = neglected();
  const Mending mending = diagnose::mending(found(before));
  Setting after = before;
  after.machine.boot.modprobe = healthy_boot().modprobe;
  for (facts::Package& package : *after.machine.packages.list) package.held = package.name != "nvidia-open";
  const auto outcome = mended(mending, found(after));
  ASSERT_EQ(outcome.size(), 4U);
  EXPECT_EQ(outcome[0], (Mended{.rule = "kernel-not-held", .became = Became::gone, .why = ""}));
  EXPECT_EQ(outcome[1],
            (Mended{.rule = "memlock-low", .became = Became::stays, .why = "it shows at the next login"}));
  EXPECT_EQ(outcome[2].became, Became::gone);
  EXPECT_EQ(outcome[3].became, Became::stays);
  EXPECT_THAT(outcome[3].why, HasSubstr("did not cure it; still seen: "));
}

TEST(Mend, DoesNotCallWellWhatCouldNotBeSeenAgain) {
  const Mending mending = diagnose::mending(found(neglected()));
  Setting after = healthy();
  after.machine.packages.list = Error(Errc::denied, "status: permission denied");
  const auto outcome = mended(mending, found(after));
  ASSERT_FALSE(outcome.empty());
  EXPECT_EQ(outcome[0].became, Became::unseen);
  EXPECT_THAT(outcome[0].why, HasSubstr("permission denied"));
}

TEST(Mend, TellsWhatCameUp) {
  Setting after = neglected();
  after.machine.packages.interrupted = true;
  EXPECT_THAT(came_up(found(neglected()), found(after)), ElementsAre("dpkg-interrupted"));
  EXPECT_THAT(came_up(found(after), found(neglected())), IsEmpty());
}

TEST(Mend, NamesOnlyRulesThatAreThere) {
  for (const SafeFix& fix : safe_fixes())
    EXPECT_NE(std::ranges::find(rules(), fix.rule, &Rule::id), rules().end()) << fix.rule;
}

}  // namespace
}  // namespace bringup::diagnose::testing
