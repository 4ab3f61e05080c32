// SPDX-License-Identifier: Apache-2.0
// Every rule on a machine that has it, on one that nearly has it, and on one where it cannot be seen; and the
// table itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "more_patients.hpp"
#include <algorithm>
#include <ostream>
#include <set>

namespace bringup::diagnose::testing {

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.rule << ": " << one.name;
}

namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (auto& part : {count_cases(), driver_cases(), kernel_cases(), package_cases(), environment_cases(),
                     physical_cases(), system_cases(), boot_cases(), poison_cases(), board_cases(),
                     wear_cases(), fit_cases(), beside_cases(), room_cases(), field_cases()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<Case> cases(Shows shows) {
  std::vector<Case> out = all_cases();
  std::erase_if(out, [shows](const Case& one) { return one.shows != shows; });
  return out;
}

std::string test_name(const ::testing::TestParamInfo<Case>& tested) {
  std::string name;
  bool upper = true;
  for (const char c : std::string(tested.param.rule)) {
    if (c != '-') name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '-';
  }
  return name + "_" + tested.param.name;
}

Diagnosis examined(const Case& one) {
  Setting setting = healthy();
  one.change(setting);
  const std::vector<std::string> only{one.rule};
  const auto diagnosis = diagnose(setting.patient(), only);
  EXPECT_TRUE(diagnosis) << (diagnosis ? "" : diagnosis.error().message());
  return diagnosis ? *diagnosis : Diagnosis{};
}

class Sick : public ::testing::TestWithParam<Case> {};
TEST_P(Sick, IsSeenWithItsEvidenceAndAFix) {
  const Diagnosis diagnosis = examined(GetParam());
  ASSERT_EQ(diagnosis.findings.size(), 1U) << (diagnosis.not_run.empty() ? "" : diagnosis.not_run[0].why);
  const Finding& finding = diagnosis.findings[0];
  EXPECT_EQ(finding.id, GetParam().rule);
  EXPECT_EQ(finding.severity, GetParam().severity);
  EXPECT_THAT(finding.evidence, Each(Field(&Evidence::source, Not(IsEmpty()))));
  EXPECT_THAT(finding.evidence, Contains(AnyOf(Field(&Evidence::text, HasSubstr(GetParam().says)),
                                               Field(&Evidence::source, HasSubstr(GetParam().says)))));
  EXPECT_THAT(finding.fix.summary, AllOf(Not(IsEmpty()), HasSubstr(GetParam().fix)));
  EXPECT_EQ(finding.gpus, GetParam().gpus);
  std::vector<std::string> targets;
  for (const steps::Step& step : finding.fix.steps) targets.push_back(steps::target(step.kind));
  EXPECT_EQ(targets, GetParam().steps);
  EXPECT_EQ(diagnosis.rules_run, 1);
  EXPECT_THAT(diagnosis.not_run, IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Rules, Sick, ::testing::ValuesIn(cases(Shows::sick)), test_name);

class Well : public ::testing::TestWithParam<Case> {};
TEST_P(Well, IsLookedAtAndNotAccused) {
  const Diagnosis diagnosis = examined(GetParam());
  EXPECT_THAT(diagnosis.findings, IsEmpty());
  EXPECT_THAT(diagnosis.not_run, IsEmpty());
  EXPECT_EQ(diagnosis.rules_run, 1);
}
INSTANTIATE_TEST_SUITE_P(Rules, Well, ::testing::ValuesIn(cases(Shows::well)), test_name);

class Blind : public ::testing::TestWithParam<Case> {};
TEST_P(Blind, SaysWhyItCouldNotSee) {
  const Diagnosis diagnosis = examined(GetParam());
  EXPECT_THAT(diagnosis.findings, IsEmpty());
  EXPECT_EQ(diagnosis.rules_run, 0);
  ASSERT_THAT(diagnosis.not_run, SizeIs(1));
  EXPECT_EQ(diagnosis.not_run[0].id, GetParam().rule);
  EXPECT_THAT(diagnosis.not_run[0].why, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(Rules, Blind, ::testing::ValuesIn(cases(Shows::blind)), test_name);

std::set<std::string_view> rules_with(Shows shows) {
  std::set<std::string_view> out;
  for (const Case& one : all_cases()) {
    if (one.shows == shows) out.insert(one.rule);
  }
  return out;
}

TEST(Rules, EachHasASickAWellAndABlindPatient) {
  std::set<std::string_view> ids;
  for (const Rule& rule : rules()) ids.insert(rule.id);
  for (const Shows shows : {Shows::sick, Shows::well, Shows::blind}) EXPECT_EQ(rules_with(shows), ids);
}

TEST(Rules, AreSortedByIdAndEachIsThereOnce) {
  std::vector<std::string_view> ids;
  for (const Rule& rule : rules()) ids.push_back(rule.id);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  EXPECT_THAT(ids, Contains("count-pci-driver"));
}

TEST(Rules, TellWhatItIsWhatItCostsAndWhatToDo) {
  for (const Rule& rule : rules()) {
    EXPECT_FALSE(rule.title.empty()) << rule.id;
    EXPECT_FALSE(rule.why.empty()) << rule.id;
    EXPECT_FALSE(rule.fix.empty()) << rule.id;
    EXPECT_NE(rule.look, nullptr) << rule.id;
    EXPECT_TRUE(std::ranges::all_of(rule.id, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; }))
        << rule.id;
    EXPECT_FALSE(rule.title.ends_with('.') || rule.why.ends_with('.')) << rule.id;
  }
}

TEST(Diagnose, FindsNothingOnAHealthyMachine) {
  const auto diagnosis = diagnose(healthy().patient());
  ASSERT_TRUE(diagnosis);
  EXPECT_THAT(diagnosis->findings, IsEmpty());
  EXPECT_THAT(diagnosis->not_run, IsEmpty());
  EXPECT_EQ(diagnosis->rules_run, static_cast<int>(rules().size()));
}

TEST(Diagnose, PutsFailuresFirstAndSortsById) {
  Setting setting = healthy();
  setting.machine.memlock_bytes = std::int64_t{65536};
  setting.machine.nvml->gpus[0].persistence = false;
  setting.machine.shm_bytes = std::uint64_t{1} << 20U;
  setting.machine.packages.interrupted = true;
  setting.machine.nvml->gpus[1].row_remap_failed = true;
  setting.machine.driver.modules.pop_back();
  const auto diagnosis = diagnose(setting.patient());
  ASSERT_TRUE(diagnosis);
  std::vector<std::string> ids;
  for (const Finding& finding : diagnosis->findings) ids.push_back(finding.id);
  EXPECT_THAT(ids, ElementsAre("module-missing-next-kernel", "row-remap-failed", "dpkg-interrupted",
                               "shm-small", "memlock-low", "persistence-off"));
}

TEST(Diagnose, RunsOnlyWhatWasAskedFor) {
  const std::vector<std::string> only{"shm-small", "count-pci-driver"};
  const auto diagnosis = diagnose(healthy().patient(), only);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->rules_run, 2);
}

TEST(Diagnose, NamesTheNearestOfAnUnknownRule) {
  const std::vector<std::string> only{"count-pci-drivr"};
  const auto diagnosis = diagnose(healthy().patient(), only);
  ASSERT_FALSE(diagnosis);
  EXPECT_EQ(diagnosis.error().code(), Errc::usage);
  EXPECT_THAT(diagnosis.error().message(), HasSubstr("did you mean 'count-pci-driver'?"));
}

TEST(Diagnose, AccusesNoBareMachineWithoutGpus) {
  Setting setting = healthy();
  unload(setting);
  facts::Machine& machine = setting.machine;
  machine.pci.clear();
  machine.counts.pci.gpus = 0;
  machine.counts.cuda.gpus = Error(Errc::absent, "libcuda.so.1: cannot open shared object file");
  machine.counts.pytorch.gpus = Error(Errc::absent, "no environment has PyTorch");
  machine.driver.modules.clear();
  machine.driver.libcuda.clear();
  machine.driver.libnvml.clear();
  machine.packages.list = std::vector<facts::Package>{};
  machine.envs.clear();
  machine.memlock_bytes = std::int64_t{65536};
  machine.shm_bytes = std::uint64_t{1} << 20U;
  const auto diagnosis = diagnose(setting.patient());
  ASSERT_TRUE(diagnosis);
  EXPECT_THAT(diagnosis->findings, IsEmpty());
  EXPECT_THAT(diagnosis->not_run, IsEmpty());
}

// What is here has no driver for GPUs that come later, and that is no fault.
TEST(Diagnose, SaysNothingOfDriversForGpusThatAreNotHere) {
  Setting setting = healthy();
  unload(setting);
  facts::Machine& machine = setting.machine;
  machine.hypothetical = true;
  machine.driver.modules.clear();
  machine.driver.libcuda.clear();
  machine.driver.libnvml.clear();
  machine.packages.list = std::vector<facts::Package>{};
  for (facts::PciFunction& gpu : machine.pci) gpu.kernel_driver = Error(Errc::absent, "not here");
  const auto diagnosis = diagnose(setting.patient());
  ASSERT_TRUE(diagnosis);
  EXPECT_THAT(diagnosis->findings, IsEmpty());
  EXPECT_THAT(diagnosis->not_run, Contains(Field(&NotRun::id, "driver-missing")));
  EXPECT_THAT(diagnosis->not_run, Contains(Field(&NotRun::id, "count-pci-driver")));
}

TEST(Diagnose, SaysOfAMachineOfWhichNothingIsKnownOnlyThatItCouldNotLook) {
  const facts::Machine nobody;
  const goal::Goal goal;
  const auto diagnosis =
      diagnose({.machine = nobody, .goal = goal, .catalog = catalog::built_in(), .today = "2026-11-23"});
  ASSERT_TRUE(diagnosis);
  EXPECT_THAT(diagnosis->findings, IsEmpty());
  EXPECT_THAT(diagnosis->not_run, SizeIs(rules().size()));
}

}  // namespace
}  // namespace bringup::diagnose::testing
