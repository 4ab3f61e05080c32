// SPDX-License-Identifier: Apache-2.0
// Verdicts on what a Python environment did: training, all-reduce, data loader, compile; whose they are, and
// that only what was measured passes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patients.hpp"
#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>
#endif

#include <algorithm>

namespace bringup::diagnose::testing {
namespace {

using facts::EnvDeed;
using facts::Measurements;
using facts::Outcome;
using facts::Verdict;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kEnv = "/home/somebody/envs/other";

EnvDeed trained(int index, const char* how) {
  return {.name = "training",
          .index = index,
          .seconds = 2.5,
          .how = how,
          .loss = facts::LossFall{.steps = 30, .first = 4.2, .last = 0.125},
          .reduced = {},
          .shared_memory = std::nullopt};
}

EnvDeed reduced(const char* how, int ranks) {
  return {.name = "all-reduce",
          .seconds = 3.0,
          .how = how,
          .ranks = ranks,
          .loss = std::nullopt,
          .reduced = {{.bytes = 16U << 20U, .seconds = 0.00025}},
          .shared_memory = std::nullopt};
}

EnvDeed loaded(std::uint64_t shared_memory) {
  return {.name = "data loader",
          .seconds = 0.5,
          .how = "",
          .loss = std::nullopt,
          .reduced = {},
          .workers = 2,
          .shared_memory = shared_memory};
}

EnvDeed compiled(int index) {
  return {.name = "compile",
          .index = index,
          .seconds = 8.0,
          .how = "Triton",
          .loss = std::nullopt,
          .reduced = {},
          .shared_memory = std::nullopt};
}

EnvDeed failed(const EnvDeed& deed, const Error& why) {
  return {.name = deed.name,
          .index = deed.index,
          .seconds = why,
          .how = deed.how,
          .ranks = deed.ranks,
          .loss = std::nullopt,
          .reduced = {},
          .shared_memory = std::nullopt};
}

// Two GPUs that CUDA numbers, and one environment that did these.
Measurements measured(std::vector<EnvDeed> deeds) {
  facts::NativeProof native;
  native.cuda_count = 2;
  native.gpus = {facts::NativeGpu{.index = 0, .pci = kFirst}, facts::NativeGpu{.index = 1, .pci = kSecond}};
  facts::EnvProof proof;
  proof.path = kEnv;
  proof.device_count = 2;
  proof.deeds = std::move(deeds);
  return {.native = native, .envs = {{kEnv, proof}}, .elapsed_seconds = 1};
}

std::vector<Verdict> about_deeds(const Measurements& measurements) {
  std::vector<Verdict> out;
  for (const Verdict& verdict : judge(healthy_machine(), measurements)) {
    for (const char* check :
         {"env-training", "env-all-reduce", "env-data-loader", "env-compile", "env-python"}) {
      if (verdict.check == check) out.push_back(verdict);
    }
  }
  return out;
}

Verdict the(const EnvDeed& deed) {
  const auto verdicts = about_deeds(measured({deed}));
  if (verdicts.size() == 1) return verdicts[0];
  ADD_FAILURE() << verdicts.size() << " verdicts on " << deed.name;
  return {};
}

TEST(JudgeEnv, PassesEachDeedWithItsTimeAndItsFigures) {
  const Verdict training = the(trained(1, "bf16"));
  EXPECT_EQ(training.check, "env-training");
  EXPECT_EQ(training.outcome, Outcome::pass);
  EXPECT_THAT(training.gpus, ElementsAre(kSecond));
  EXPECT_EQ(training.measured, (facts::Quantity{.value = 2.5, .unit = "s"}));
  EXPECT_EQ(training.why, std::string(kEnv) +
                              ": training of a small transformer on cuda:1 in bf16: the loss fell "
                              "from 4.2 to 0.125 in 30 steps");
  const Verdict reduce = the(reduced("NCCL 2.27.3", 2));
  EXPECT_EQ(reduce.outcome, Outcome::pass);
  EXPECT_THAT(reduce.gpus, ElementsAre(kFirst, kSecond));
  EXPECT_THAT(reduce.why,
              HasSubstr("over 2 processes by NCCL 2.27.3, one per GPU: every sum was exact; 16 MiB in "
                        "0.25 ms"));
  const Verdict loader = the(loaded(std::uint64_t{8} << 30U));
  EXPECT_EQ(loader.outcome, Outcome::pass);
  EXPECT_THAT(loader.why, HasSubstr("2 of them handed batches over through /dev/shm (8 GiB)"));
  const Verdict compile = the(compiled(0));
  EXPECT_EQ(compile.outcome, Outcome::pass);
  EXPECT_THAT(compile.gpus, ElementsAre(kFirst));
  EXPECT_THAT(compile.why, HasSubstr("on cuda:0: made into machine code by Triton"));
}

TEST(JudgeEnv, TellsOfNoGpuWhatWasDoneOnTheCpu) {
  EXPECT_THAT(the(trained(-1, "fp32")).gpus, IsEmpty());
  EXPECT_THAT(the(trained(-1, "fp32")).why, HasSubstr("on the CPU in fp32"));
  EXPECT_THAT(the(reduced("gloo", 2)).gpus, IsEmpty());
  EXPECT_THAT(the(reduced("gloo", 2)).why, HasSubstr("by gloo, on the CPU"));
}

TEST(JudgeEnv, NamesTheEnvironmentOfEachVerdict) {
  Measurements two = measured({trained(0, "bf16")});
  two.envs[0].second->imports = {{.module = "torch", .version = std::string("2.14.1"), .cuda = std::nullopt}};
  two.envs.emplace_back("/envs/broken", Error(Errc::timeout, "did not answer"));
  int of_first = 0;
  for (const Verdict& verdict : judge(healthy_machine(), two)) {
    EXPECT_EQ(verdict.env.empty(), !verdict.check.starts_with("env-")) << verdict.check;
    if (verdict.env == kEnv) {
      ++of_first;
      EXPECT_THAT(verdict.why, StartsWith(std::string(kEnv) + ": "));
    }
  }
  EXPECT_EQ(of_first, 3);
  EXPECT_EQ(judge(healthy_machine(), two).back().env, "/envs/broken");
}

TEST(JudgeEnv, WarnsOfLittleSharedMemory) {
  const Verdict loader = the(loaded(64U << 20U));
  EXPECT_EQ(loader.outcome, Outcome::warn);
  EXPECT_THAT(loader.why, AllOf(HasSubstr("(64 MiB)"), HasSubstr("--shm-size")));
}

TEST(JudgeEnv, WarnsThatACompilerIsMissingWhereTheUserWillMissItToo) {
  const Verdict verdict =
      the(failed(compiled(0), Error(Errc::absent, "no C compiler for Triton: install gcc")));
  EXPECT_EQ(verdict.outcome, Outcome::warn);
  EXPECT_FALSE(verdict.measured);
  EXPECT_THAT(verdict.why,
              HasSubstr("torch.compile of a small function on cuda:0: no C compiler for Triton"));
}

TEST(JudgeEnv, FailsGpusThatHangAndNotACpuThatIsSlow) {
  const Error late(Errc::timeout, "did not end within 90 s");
  EXPECT_EQ(the(failed(reduced("nccl", 2), late)).outcome, Outcome::fail);
  EXPECT_THAT(the(failed(reduced("nccl", 2), late)).gpus, ElementsAre(kFirst, kSecond));
  EXPECT_EQ(the(failed(trained(1, ""), late)).outcome, Outcome::fail);
  EXPECT_EQ(the(failed(reduced("gloo", 2), late)).outcome, Outcome::inconclusive);
  EXPECT_EQ(the(failed(trained(-1, ""), late)).outcome, Outcome::inconclusive);
  EXPECT_EQ(the(failed(compiled(0), late)).outcome, Outcome::inconclusive);
}

TEST(JudgeEnv, IsInconclusiveWhereAGpuIsHeldBySomebodyElse) {
  EXPECT_EQ(the(failed(trained(0, ""), Error(Errc::busy, "out of memory"))).outcome, Outcome::inconclusive);
}

TEST(JudgeEnv, DoesNotPassATimeWithoutAFigure) {
  EnvDeed bare = reduced("NCCL 2.27.3", 2);
  bare.reduced.clear();
  EXPECT_EQ(the(bare).outcome, Outcome::inconclusive);
  bare = trained(0, "bf16");
  bare.loss.reset();
  EXPECT_EQ(the(bare).outcome, Outcome::inconclusive);
}

TEST(JudgeEnv, TellsOfAProofThatWasCutShort) {
  Measurements cut = measured({});
  cut.envs[0].second->cut_short = Error(Errc::failed, "python was killed by signal 9 (SIGKILL)");
  const auto verdicts = about_deeds(cut);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].check, "env-python");
  EXPECT_EQ(verdicts[0].outcome, Outcome::fail);
  EXPECT_EQ(verdicts[0].why, std::string(kEnv) + ": python was killed by signal 9 (SIGKILL)");
}

#ifdef BRINGUP_HAS_RAPIDCHECK
TEST(JudgeEnv, NeverPassesADeedWithoutAReading) {
  EXPECT_TRUE(rc::check("no reading, no pass", [] {
    EnvDeed deed = *rc::gen::element(trained(*rc::gen::inRange(-1, 3), "bf16"), reduced("gloo", 2),
                                     reduced("NCCL 2.27.3", 8), loaded(1U << 30U), compiled(0), EnvDeed{});
    // With the figures of a success or without them.
    const Error why(static_cast<Errc>(*rc::gen::inRange(0, static_cast<int>(Errc::failed) + 1)), "no");
    deed.seconds = why;
    if (*rc::gen::arbitrary<bool>()) deed = failed(deed, why);
    for (const Verdict& verdict : judge(healthy_machine(), measured({deed}))) {
      if (!verdict.check.starts_with("env-") || verdict.check == "env-devices") continue;
      RC_ASSERT(verdict.outcome != Outcome::pass && verdict.outcome != Outcome::info);
      RC_ASSERT(!verdict.measured);
    }
  }));
}
#endif

}  // namespace
}  // namespace bringup::diagnose::testing
