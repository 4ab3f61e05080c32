// SPDX-License-Identifier: Apache-2.0
// Verdicts: what makes a pass, what an error means, and that nothing measured is never a pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patients.hpp"
#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>
#endif

#include <bringup/facts/native_json.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace bringup::diagnose::testing {
namespace {

using facts::Measurements;
using facts::Outcome;
using facts::Verdict;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Two H200 that are well, as they were recorded, in this machine's slots.
facts::NativeProof native_proof() {
  std::stringstream text;
  text << std::ifstream(BRINGUP_SOURCE_DIR "/tests/measurements/h200x2.json").rdbuf();
  facts::NativeProof proof = *facts::native_from_json(text.str());
  const auto here = [first = proof.gpus[0].pci](std::string& pci) { pci = pci == first ? kFirst : kSecond; };
  for (facts::NativePair& pair : *proof.pairs) {
    here(pair.from);
    here(pair.to);
  }
  for (facts::NativeGpu& gpu : proof.gpus) here(gpu.pci);
  return proof;
}

facts::EnvProof env_proof(const std::string& path) {
  return {
      .path = path,
      .imports = {{.module = "torch", .version = std::string("2.14.1+cu130"), .cuda = "13.0"},
                  {.module = "torchaudio", .version = std::string("2.11.0+cu130"), .cuda = std::nullopt}},
      .device_count = 2,
      .devices = {
          {.index = -1, .seconds = 0.02}, {.index = 0, .seconds = 0.001}, {.index = 1, .seconds = 0.001}}};
}

Measurements all_well() {
  const std::string path = env_with_torch().path;
  return {.native = native_proof(), .envs = {{path, env_proof(path)}}, .elapsed_seconds = 1};
}

void hide_second(Measurements& measured) {
  measured.native->gpus.pop_back();
  measured.native->cuda_count = 1;
  measured.native->pairs = Error(Errc::absent, "one GPU: there are no pairs");
  measured.native->collectives = measured.native->pairs.error();
}

std::vector<Verdict> of_check(const std::vector<Verdict>& verdicts, std::string_view check) {
  std::vector<Verdict> out;
  for (const Verdict& verdict : verdicts) {
    if (verdict.check == check) out.push_back(verdict);
  }
  return out;
}

// The only verdict of a check about a GPU.
Verdict the(const std::vector<Verdict>& verdicts, std::string_view check, const std::string& gpu) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.check == check && std::ranges::find(verdict.gpus, gpu) != verdict.gpus.end()) return verdict;
  }
  ADD_FAILURE() << "no verdict " << check << " about " << gpu;
  return {};
}

TEST(Judge, PassesAMachineOnWhichAllWasMeasured) {
  const auto verdicts = judge(healthy_machine(), all_well());
  for (const Verdict& verdict : verdicts)
    EXPECT_TRUE(verdict.outcome == Outcome::pass || verdict.outcome == Outcome::info)
        << verdict.check << ": " << verdict.why;
  EXPECT_EQ(overall(verdicts), Outcome::pass);
  EXPECT_EQ(verdicts[0].check, "gpu-count");
  EXPECT_THAT(verdicts[0].why, HasSubstr("PCI bus 2, driver 2, NVML 2, CUDA 2, PyTorch 2"));
  EXPECT_THAT(of_check(verdicts, "gpu-kernel"), SizeIs(2));
  EXPECT_THAT(of_check(verdicts, "env-import"), SizeIs(2));
  EXPECT_THAT(of_check(verdicts, "env-matmul-gpu"), SizeIs(2));
}

TEST(Judge, EveryPassHasItsMeasurement) {
  for (const Verdict& verdict : judge(healthy_machine(), all_well())) {
    const bool counted = verdict.measured.has_value() || verdict.check == "gpu-errors" ||
                         verdict.check == "gpu-throttling";  // these count looks, which their words tell
    EXPECT_TRUE(verdict.outcome != Outcome::pass || counted) << verdict.check;
  }
}

TEST(Judge, FailsTheCountWhenCudaShowsFewer) {
  Measurements measured = all_well();
  hide_second(measured);
  const auto verdicts = judge(healthy_machine(), measured);
  const Verdict count = the(verdicts, "gpu-count", kFirst);
  EXPECT_EQ(count.outcome, Outcome::fail);
  EXPECT_EQ(count.measured->value, 1);
  EXPECT_EQ(count.expected->value, 2);
  const Verdict lost = the(verdicts, "gpu-kernel", kSecond);
  EXPECT_EQ(lost.outcome, Outcome::not_measured);
  EXPECT_THAT(lost.why, HasSubstr("CUDA does not show this GPU"));
  EXPECT_EQ(overall(verdicts), Outcome::fail);
}

TEST(Judge, WarnsWhenALayerBelowCountsFewer) {
  facts::Machine machine = healthy_machine();
  machine.counts.nvml.gpus = 1;
  const Verdict count = the(judge(machine, all_well()), "gpu-count", kFirst);
  EXPECT_EQ(count.outcome, Outcome::warn);
  EXPECT_THAT(count.why, HasSubstr("NVML 1, CUDA 2"));
}

TEST(Judge, OnlyWarnsOfGpusThatAreHiddenOnPurpose) {
  Measurements measured = all_well();
  hide_second(measured);
  measured.envs[0].second->device_count = 1;
  facts::Machine machine = healthy_machine();
  machine.shells.environment = {in_process("CUDA_VISIBLE_DEVICES", "0")};
  const auto verdicts = judge(machine, measured);
  EXPECT_EQ(the(verdicts, "gpu-count", kFirst).outcome, Outcome::warn);
  EXPECT_THAT(the(verdicts, "gpu-count", kFirst).why, HasSubstr("CUDA_VISIBLE_DEVICES=0"));
  EXPECT_EQ(the(verdicts, "env-devices", kFirst).outcome, Outcome::warn);
}

TEST(Judge, CountsNoGpuThatIsReservedForVirtualMachines) {
  Measurements measured = all_well();
  hide_second(measured);
  measured.envs[0].second->device_count = 1;
  facts::Machine machine = healthy_machine();
  machine.pci[1].kernel_driver = std::optional<std::string>("vfio-pci");
  machine.counts.driver.gpus = 1;
  machine.counts.nvml.gpus = 1;
  const auto verdicts = judge(machine, measured);
  EXPECT_EQ(the(verdicts, "gpu-count", kFirst).outcome, Outcome::pass);
  EXPECT_EQ(the(verdicts, "env-devices", kFirst).outcome, Outcome::pass);
}

TEST(Judge, ACountOfGpusThatDoNotAnswerIsNoPass) {
  Measurements measured = all_well();
  for (facts::NativeGpu& gpu : measured.native->gpus) {
    gpu.context_seconds = Error(Errc::busy, "out of memory");
    gpu.kernel_elements = Error(Errc::absent, "not measured");
  }
  const auto verdicts = judge(healthy_machine(), measured);
  EXPECT_EQ(the(verdicts, "gpu-count", kFirst).outcome, Outcome::inconclusive);
  EXPECT_EQ(the(verdicts, "gpu-kernel", kFirst).why, "out of memory");
}

struct ErrorCase {
  Errc code;
  Outcome outcome;
};
class AnError : public ::testing::TestWithParam<ErrorCase> {};
TEST_P(AnError, BecomesTheOutcomeThatItMeans) {
  Measurements measured = all_well();
  measured.native->gpus[1].kernel_elements = Error(GetParam().code, "no kernel");
  const auto verdicts = judge(healthy_machine(), measured);
  EXPECT_EQ(the(verdicts, "gpu-kernel", kSecond).outcome, GetParam().outcome);
  EXPECT_EQ(the(verdicts, "gpu-kernel", kSecond).why, "no kernel");
  EXPECT_EQ(the(verdicts, "gpu-kernel", kFirst).outcome, Outcome::pass);
  EXPECT_EQ(overall(verdicts), GetParam().outcome);
}
INSTANTIATE_TEST_SUITE_P(Codes, AnError,
                         ::testing::Values(ErrorCase{Errc::busy, Outcome::inconclusive},
                                           ErrorCase{Errc::denied, Outcome::inconclusive},
                                           ErrorCase{Errc::timeout, Outcome::fail},
                                           ErrorCase{Errc::cancelled, Outcome::inconclusive},
                                           ErrorCase{Errc::absent, Outcome::not_measured},
                                           ErrorCase{Errc::unsupported, Outcome::not_measured},
                                           ErrorCase{Errc::malformed, Outcome::fail},
                                           ErrorCase{Errc::failed, Outcome::fail}));

TEST(Judge, SaysOfAMachineWithoutGpusThatNothingWasMeasured) {
  facts::Machine machine = healthy_machine();
  machine.pci.clear();
  machine.counts.pci.gpus = 0;
  Measurements measured = all_well();
  measured.native = Error(Errc::absent, "libcuda.so.1: not there");
  measured.envs[0].second->device_count = 0;
  measured.envs[0].second->devices.resize(1);
  const auto verdicts = judge(machine, measured);
  const auto gpu = of_check(verdicts, "gpu");
  ASSERT_THAT(gpu, SizeIs(1));
  EXPECT_EQ(gpu[0].outcome, Outcome::not_measured);
  EXPECT_EQ(gpu[0].why, "no NVIDIA GPU on the PCI bus");
  EXPECT_THAT(of_check(verdicts, "gpu-count"), IsEmpty());
  EXPECT_THAT(of_check(verdicts, "env-devices"), IsEmpty());
  EXPECT_THAT(of_check(verdicts, "env-matmul-cpu"), ElementsAre(Field(&Verdict::outcome, Outcome::pass)));
  EXPECT_EQ(overall(verdicts), Outcome::not_measured);
}

TEST(Judge, MeasuresNothingOfARecording) {
  const Measurements measured{.native = Error(Errc::unsupported, "a recorded machine cannot be measured"),
                              .envs = {}};
  const auto verdicts = judge(healthy_machine(), measured);
  EXPECT_THAT(verdicts, Each(Field(&Verdict::outcome, Outcome::not_measured)));
  EXPECT_EQ(the(verdicts, "gpu-kernel", kSecond).why, "a recorded machine cannot be measured");
  EXPECT_EQ(overall(verdicts), Outcome::not_measured);
}

TEST(Judge, MeasuresNothingOfGpusThatAreNotHere) {
  facts::Machine machine = healthy_machine();
  machine.hypothetical = true;
  const auto verdicts = judge(machine, all_well());
  ASSERT_THAT(of_check(verdicts, "gpu"), SizeIs(1));
  EXPECT_THAT(of_check(verdicts, "gpu")[0].why, HasSubstr("--for"));
  EXPECT_THAT(of_check(verdicts, "gpu-kernel"), IsEmpty());
}

TEST(Judge, FailsWhatCannotBeImported) {
  Measurements measured = all_well();
  measured.envs[0].second->imports[1].version = Error(Errc::failed, "RuntimeError: built for CUDA 13.0");
  const auto verdicts = judge(healthy_machine(), measured);
  const auto imports = of_check(verdicts, "env-import");
  ASSERT_THAT(imports, SizeIs(2));
  EXPECT_EQ(imports[1].outcome, Outcome::fail);
  EXPECT_THAT(imports[1].why, HasSubstr("torchaudio: RuntimeError: built for CUDA 13.0"));
}

TEST(Judge, DoesNotFailWhatWasNeverInstalled) {
  Measurements measured = all_well();
  measured.envs[0].second->imports[1].version =
      Error(Errc::failed, "ModuleNotFoundError: No module named 'torchaudio'");
  facts::Machine machine = healthy_machine();
  std::erase_if(machine.envs[0].packages, [](const auto& package) { return package.name == "torchaudio"; });
  const auto imports = of_check(judge(machine, measured), "env-import");
  ASSERT_THAT(imports, SizeIs(2));
  EXPECT_EQ(imports[1].outcome, Outcome::info);
  EXPECT_THAT(imports[1].why, HasSubstr("not installed"));
}

TEST(Judge, FailsATorchThatSeesNoGpu) {
  Measurements measured = all_well();
  measured.envs[0].second->device_count = 0;
  facts::Machine machine = healthy_machine();
  EXPECT_EQ(the(judge(machine, measured), "env-devices", kFirst).outcome, Outcome::fail);
  machine.envs[0].variant = "cpu";
  EXPECT_EQ(the(judge(machine, measured), "env-devices", kFirst).outcome, Outcome::warn);
}

TEST(Judge, NamesTheGpuOfAProduct) {
  Measurements measured = all_well();
  measured.envs[0].second->devices[2].seconds = Error(Errc::failed, "ArithmeticError: wrong result");
  const Verdict verdict = the(judge(healthy_machine(), measured), "env-matmul-gpu", kSecond);
  EXPECT_EQ(verdict.outcome, Outcome::fail);
  EXPECT_THAT(verdict.why, HasSubstr("cuda:1: ArithmeticError: wrong result"));
}

TEST(Judge, TellsOfAnEnvironmentThatDidNotAnswer) {
  Measurements measured = all_well();
  measured.envs[0].second = Error(Errc::timeout, "did not answer within 300 s");
  const auto verdicts = judge(healthy_machine(), measured);
  const auto imports = of_check(verdicts, "env-import");
  ASSERT_THAT(imports, SizeIs(1));
  EXPECT_EQ(imports[0].outcome, Outcome::inconclusive);
  EXPECT_THAT(imports[0].why, HasSubstr("/envs/dl: did not answer"));
}

TEST(Overall, IsAFailureWhateverElseIsThere) {
  const std::vector<Verdict> verdicts{{.check = "gpu", .outcome = Outcome::not_measured},
                                      {.check = "env-import", .outcome = Outcome::fail}};
  EXPECT_EQ(overall(verdicts), Outcome::fail);
}

TEST(Overall, IsNotMeasuredWithoutAVerdictAboutAGpu) {
  EXPECT_EQ(overall({}), Outcome::not_measured);
  const std::vector<Verdict> cpu{{.check = "env-import", .outcome = Outcome::pass},
                                 {.check = "env-matmul-cpu", .outcome = Outcome::warn}};
  EXPECT_EQ(overall(cpu), Outcome::not_measured);
}

TEST(Overall, IsTheWorstAndWhatWasNotDoneIsNoPass) {
  const auto of = [](Outcome other) {
    const std::vector<Verdict> verdicts{{.check = "gpu-kernel", .outcome = Outcome::pass},
                                        {.check = "gpu-memory", .outcome = other}};
    return overall(verdicts);
  };
  for (const Outcome outcome : {Outcome::pass, Outcome::info, Outcome::warn, Outcome::fail,
                                Outcome::inconclusive, Outcome::not_measured})
    EXPECT_EQ(of(outcome), outcome == Outcome::info ? Outcome::pass : outcome) << outcome_name(outcome);
}

TEST(Overall, WarnsWhenAnotherGpuWasOnlyBusy) {
  const std::vector<Verdict> verdicts{{.check = "gpu-kernel", .outcome = Outcome::inconclusive},
                                      {.check = "gpu-memory", .outcome = Outcome::warn}};
  EXPECT_EQ(overall(verdicts), Outcome::warn);
}

TEST(Names, AreThoseOfTheReports) {
  EXPECT_EQ(severity_name(Severity::info), "info");
  EXPECT_EQ(severity_name(Severity::warn), "warn");
  EXPECT_EQ(severity_name(Severity::fail), "fail");
  EXPECT_EQ(outcome_name(Outcome::pass), "pass");
  EXPECT_EQ(outcome_name(Outcome::inconclusive), "inconclusive");
  EXPECT_EQ(outcome_name(Outcome::not_measured), "not measured");
}

#ifdef BRINGUP_HAS_RAPIDCHECK
Error any_error() {
  const auto code = *rc::gen::inRange(0, static_cast<int>(Errc::failed) + 1);
  return {static_cast<Errc>(code), "no"};
}

// A machine with up to four GPUs, of which any layer may see any number.
facts::Machine any_machine() {
  facts::Machine machine = healthy_machine();
  machine.pci.resize(*rc::gen::inRange<std::size_t>(0, 3));
  machine.hypothetical = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) machine.nvml = any_error();
  for (facts::Count* count : {&machine.counts.driver, &machine.counts.nvml, &machine.counts.cuda}) {
    count->gpus = *rc::gen::inRange(0, 3);
    if (*rc::gen::arbitrary<bool>()) count->gpus = any_error();
  }
  return machine;
}

// Measurements in which nothing succeeded.
Measurements any_failure() {
  Measurements measured;
  measured.native = any_error();
  if (*rc::gen::arbitrary<bool>()) {
    facts::NativeProof proof;
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      facts::NativeGpu gpu{.index = i - 1, .pci = i == 1 ? kFirst : kSecond};
      gpu.context_seconds = any_error();
      gpu.kernel_elements = any_error();
      proof.gpus.push_back(std::move(gpu));
      ++proof.cuda_count;
    }
    measured.native = proof;
  }
  facts::EnvProof env{.path = env_with_torch().path, .imports = {}, .device_count = any_error()};
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i)
    env.devices.push_back({.index = i - 2, .seconds = any_error()});
  measured.envs.emplace_back(env.path, env);
  return measured;
}

TEST(Judge, NeverPassesAGpuWithoutASuccessfulReading) {
  EXPECT_TRUE(rc::check("no reading, no pass", [] {
    const auto verdicts = judge(any_machine(), any_failure());
    for (const Verdict& verdict : verdicts) RC_ASSERT(verdict.outcome != Outcome::pass);
    const Outcome whole = overall(verdicts);
    RC_ASSERT(whole != Outcome::pass && whole != Outcome::info);
  }));
}

TEST(Overall, IsNeverBetterThanAnyOfThem) {
  EXPECT_TRUE(rc::check("one failure fails all", [] {
    std::vector<Verdict> verdicts;
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i)
      verdicts.push_back({.check = *rc::gen::element(std::string("gpu-kernel"), std::string("env-import")),
                          .outcome = static_cast<Outcome>(*rc::gen::inRange(0, 6))});
    const Outcome whole = overall(verdicts);
    const bool all_well = std::ranges::all_of(verdicts, [](const Verdict& verdict) {
      return verdict.outcome == Outcome::pass || verdict.outcome == Outcome::info;
    });
    const bool one_passed = std::ranges::count(verdicts, Outcome::pass, &Verdict::outcome) > 0;
    RC_ASSERT(whole != Outcome::pass || (all_well && one_passed));
    verdicts.push_back({.check = "env-import", .outcome = Outcome::fail});
    RC_ASSERT(overall(verdicts) == Outcome::fail);
  }));
}
#endif

}  // namespace
}  // namespace bringup::diagnose::testing
