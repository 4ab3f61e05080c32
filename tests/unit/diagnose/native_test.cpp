// SPDX-License-Identifier: Apache-2.0
// The judge of speeds on recorded measurements: two real machines that are well, and made-up ones of eight
// GPUs with one fault each, which must be named, and nothing else.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/diagnose/native.hpp>
#include <bringup/diagnose/roofline.hpp>
#include <bringup/facts/native_json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>
#endif

#include <algorithm>
#include <fstream>
#include <sstream>

namespace bringup::diagnose {
namespace {

using facts::NativeGpu;
using facts::NativePair;
using facts::NativeProof;
using facts::Outcome;
using facts::Rate;
using facts::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NativeProof recorded(const char* name) {
  std::stringstream text;
  text << std::ifstream(std::string(BRINGUP_SOURCE_DIR "/tests/measurements/") + name).rdbuf();
  const auto proof = facts::native_from_json(text.str());
  EXPECT_TRUE(proof) << proof.error().message();
  return proof ? *proof : NativeProof{};
}

// Eight of the H100 that was recorded, behind a switch.
NativeProof eight() {
  NativeProof proof = recorded("h100x2.json");
  const NativeGpu one = proof.gpus[1];
  const NativePair pair = (*proof.pairs)[0];
  proof.gpus.assign(8, one);
  proof.pairs = std::vector<NativePair>();
  for (int i = 0; i < 8; ++i) {
    proof.gpus[static_cast<std::size_t>(i)].index = i;
    proof.gpus[static_cast<std::size_t>(i)].pci = fmt::format("0000:{:02x}:00.0", i);
  }
  for (const NativeGpu& from : proof.gpus) {
    for (const NativeGpu& to : proof.gpus) {
      if (from.pci == to.pci) continue;
      NativePair made = pair;
      made.from = from.pci;
      made.to = to.pci;
      proof.pairs->push_back(made);
    }
  }
  for (facts::Collective& collective : *proof.collectives) collective.ranks = 8;
  return proof;
}

Rate slower(const facts::Reading<Rate>& rate, double part) {
  Rate out = *rate;
  out.median *= part;
  for (double& sample : out.samples) sample *= part;
  return out;
}

std::vector<Verdict> judged(const NativeProof& proof, const facts::Machine& machine = {}) {
  return judge_native(machine, proof, reference());
}

std::vector<Verdict> complaints(const std::vector<Verdict>& verdicts) {
  std::vector<Verdict> out;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome != Outcome::pass && verdict.outcome != Outcome::info) out.push_back(verdict);
  }
  return out;
}

std::string told(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& verdict : verdicts) {
    text += fmt::format("{} {} {}: {}\n", outcome_name(verdict.outcome), verdict.check,
                        base::join(verdict.gpus, ","), verdict.why);
  }
  return text;
}

// The only complaint.
Verdict only(const NativeProof& proof, const facts::Machine& machine = {}) {
  const auto found = complaints(judged(proof, machine));
  EXPECT_EQ(found.size(), 1U) << told(found);
  return found.empty() ? Verdict{} : found.front();
}

class Recorded : public testing::TestWithParam<const char*> {};
TEST_P(Recorded, MachinesThatAreWellPass) {
  const auto verdicts = judged(recorded(GetParam()));
  EXPECT_THAT(complaints(verdicts), IsEmpty()) << told(complaints(verdicts));
  EXPECT_GT(std::ranges::count(verdicts, Outcome::pass, &Verdict::outcome), 40);
}
INSTANTIATE_TEST_SUITE_P(Machines, Recorded, testing::Values("h100x2.json", "h200x2.json"));

TEST(NativeJudge, ExpectsOfARooflineAndSaysWhence) {
  for (const Verdict& verdict : judged(recorded("h200x2.json"))) {
    if (verdict.check != "gpu-memory-read") continue;
    ASSERT_TRUE(verdict.expected);
    EXPECT_NEAR(verdict.expected->value, 0.92 * 3201e6 * 2 * 6144 / 8, 1e9);
    EXPECT_THAT(verdict.expected->source, HasSubstr("92 % of 3201 MHz x 2 x 6144 bits"));
    return;
  }
  FAIL() << "no verdict on memory-read";
}

TEST(NativeJudge, EightThatAreWellPass) {
  EXPECT_THAT(complaints(judged(eight())), IsEmpty()) << told(complaints(judged(eight())));
}

TEST(NativeJudge, NamesTheOneSlowGpuOfEight) {
  NativeProof proof = eight();
  for (facts::MatrixRate& matrix : proof.gpus[5].matrices) {
    if (matrix.type == "bf16") matrix.operations = slower(matrix.operations, 0.80);
  }
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.check, "gpu-matrix-bf16");
  EXPECT_THAT(verdict.gpus, ElementsAre("0000:05:00.0"));
  EXPECT_EQ(verdict.outcome, Outcome::fail);
  EXPECT_THAT(verdict.why, HasSubstr("below the middle of the others"));
}

TEST(NativeJudge, BlamesALinkTrainedAtHalfItsWidth) {
  NativeProof proof = eight();
  NativeGpu& gpu = proof.gpus[3];
  gpu.to_device = slower(gpu.to_device, 0.48);
  for (facts::LoadSample& sample : *gpu.load) sample.link_width = 8;
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.outcome, Outcome::fail);
  EXPECT_THAT(verdict.gpus, ElementsAre("0000:03:00.0"));
  EXPECT_THAT(verdict.why, HasSubstr("trained at x8 of x16"));
  EXPECT_THAT(verdict.why, HasSubstr("lspci"));
}

TEST(NativeJudge, BlamesALinkThatStaysAtAnEarlierGeneration) {
  NativeProof proof = eight();
  NativeGpu& gpu = proof.gpus[3];
  gpu.to_host = slower(gpu.to_host, 0.25);
  for (facts::LoadSample& sample : *gpu.load) sample.link_generation = 3;
  EXPECT_THAT(only(proof).why, HasSubstr("PCIe 3.0 of 5.0 under load"));
}

TEST(NativeJudge, BlamesFarCpus) {
  NativeProof proof = eight();
  proof.gpus[2].to_device = slower(proof.gpus[2].to_device, 0.6);
  proof.gpus[2].near = false;
  EXPECT_THAT(only(proof).why, HasSubstr("local_cpulist"));
}

TEST(NativeJudge, BlamesAPowerLimitThatWasLowered) {
  NativeProof proof = eight();
  NativeGpu& gpu = proof.gpus[6];
  gpu.power_limit_watts = 400;
  for (facts::MatrixRate& matrix : gpu.matrices) {
    if (matrix.operations) matrix.operations = slower(matrix.operations, 0.7);
  }
  const auto found = complaints(judged(proof));
  for (const Verdict& verdict : found) {
    EXPECT_THAT(verdict.gpus, ElementsAre("0000:06:00.0"));
    EXPECT_THAT(verdict.why, HasSubstr("its power limit is 400 W where the card's own is 700 W"));
  }
  EXPECT_THAT(told(found), HasSubstr("gpu-throttling"));
  EXPECT_THAT(told(found), HasSubstr("gpu-matrix-bf16"));
}

TEST(NativeJudge, TellsHeatAndPowerBrakes) {
  for (const auto& [bit, word] : {std::pair<std::uint64_t, const char*>{0x40, "heat"},
                                  {0x80, "power brake"},
                                  {0x8, "slowed it down"}}) {
    NativeProof proof = eight();
    proof.gpus[0].load->back().reasons = bit;
    const Verdict verdict = only(proof);
    EXPECT_EQ(verdict.check, "gpu-throttling");
    EXPECT_EQ(verdict.outcome, Outcome::warn);
    EXPECT_THAT(verdict.why, HasSubstr(word));
  }
}

TEST(NativeJudge, AGpuAtItsOwnPowerLimitIsWell) {
  NativeProof proof = eight();
  for (NativeGpu& gpu : proof.gpus) {
    for (facts::LoadSample& sample : *gpu.load) sample.reasons = 4;
  }
  EXPECT_THAT(complaints(judged(proof)), IsEmpty());
}

TEST(NativeJudge, BlamesMemoryThatRunsSlow) {
  NativeProof proof = eight();
  NativeGpu& gpu = proof.gpus[1];
  gpu.memory_read = slower(gpu.memory_read, 0.6);
  for (facts::LoadSample& sample : *gpu.load) sample.memory_megahertz = 1593;
  EXPECT_THAT(only(proof).why, HasSubstr("its memory ran at 1593 MHz of 2619"));
}

TEST(NativeJudge, BlamesNvlinksThatAreDown) {
  NativeProof proof = eight();
  proof.gpus[4].nvlink->active = 12;
  for (NativePair& pair : *proof.pairs) {
    if (pair.from == "0000:04:00.0" || pair.to == "0000:04:00.0") pair.copy = slower(pair.copy, 12.0 / 18);
  }
  const auto found = complaints(judged(proof));
  EXPECT_EQ(found.size(), 14U) << told(found);
  for (const Verdict& verdict : found) {
    EXPECT_EQ(verdict.outcome, Outcome::fail);
    EXPECT_THAT(verdict.why, HasSubstr("12 of 18 NVLinks of 0000:04:00.0 are up"));
  }
}

TEST(NativeJudge, NamesOneLinkOfEighteen) {
  NativeProof proof = eight();
  (*proof.pairs)[9].copy = slower((*proof.pairs)[9].copy, 17.0 / 18);
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.outcome, Outcome::warn);
  EXPECT_THAT(verdict.gpus, ElementsAre((*proof.pairs)[9].from, (*proof.pairs)[9].to));
}

TEST(NativeJudge, WrongDataBetweenGpusFailsHoweverFast) {
  NativeProof proof = eight();
  (*proof.pairs)[0].stored_right = Error(Errc::failed, "wrong data: 1 of 4 pieces");
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.outcome, Outcome::fail);
  EXPECT_EQ(verdict.check, "gpu-pair-data");
  EXPECT_THAT(verdict.why, HasSubstr("by the source's threads: wrong data"));
}

TEST(NativeJudge, BlamesWhatIsSetForNccl) {
  NativeProof proof = recorded("h200x2.json");
  for (facts::Collective& one : *proof.collectives)
    one.steps.back().bus = Rate{.median = 3.7e9, .samples = {3.7e9}};
  proof.settings = {"NCCL_NVLS_ENABLE=0", "NCCL_P2P_DISABLE=1"};
  const auto found = complaints(judged(proof));
  ASSERT_EQ(found.size(), 2U) << told(found);
  for (const Verdict& verdict : found) {
    EXPECT_EQ(verdict.outcome, Outcome::fail);
    EXPECT_THAT(verdict.why, HasSubstr("NCCL_P2P_DISABLE=1 is set"));
  }
}

TEST(NativeJudge, BlamesTheIommuWherePairsGoByPcie) {
  NativeProof proof = eight();
  for (NativeGpu& gpu : proof.gpus) gpu.nvlink = Error(Errc::unsupported, "no NVLink");
  for (NativePair& pair : *proof.pairs) pair.copy = Rate{.median = 50e9, .samples = {50e9}};
  for (facts::Collective& one : *proof.collectives)
    one.steps.back().bus = Rate{.median = 30e9, .samples = {30e9}};
  EXPECT_THAT(complaints(judged(proof)), IsEmpty()) << told(complaints(judged(proof)));
  (*proof.pairs)[0].copy = Rate{.median = 9.9e9, .samples = {9.9e9}};
  facts::Machine machine;
  machine.kernel.command_line = "quiet intel_iommu=on";
  EXPECT_THAT(only(proof, machine).why, HasSubstr("iommu=pt"));
}

TEST(NativeJudge, AnotherProcessMakesALowFigureInconclusive) {
  NativeProof proof = eight();
  proof.gpus[7].memory_read = slower(proof.gpus[7].memory_read, 0.5);
  proof.gpus[7].holders = std::vector<facts::Holder>{{.pid = 4711, .name = "python3", .bytes = 1}};
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
  EXPECT_THAT(verdict.why, HasSubstr("process 4711 python3"));
}

TEST(NativeJudge, NamesTheGpuThatComputesAnotherResultThanItsLike) {
  NativeProof proof = eight();
  for (facts::MatrixRate& matrix : proof.gpus[2].matrices) {
    if (matrix.type == "fp16") matrix.digest = std::string("0123456789abcdef");
  }
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.check, "gpu-equal-results");
  EXPECT_THAT(verdict.gpus, ElementsAre("0000:02:00.0"));
  EXPECT_EQ(verdict.outcome, Outcome::fail);
}

TEST(NativeJudge, WrongMemoryAndNewErrorsFail) {
  NativeProof proof = eight();
  proof.gpus[0].memory->passes[1].errors = 3;
  proof.gpus[0].memory->passes[1].first_error = 4096;
  EXPECT_THAT(only(proof).why,
              HasSubstr("3 pieces of 16 bytes came back different, the first 4096 bytes in"));
  proof = eight();
  proof.gpus[1].errors_after->ecc_uncorrected = *proof.gpus[1].errors_before->ecc_uncorrected + 1;
  EXPECT_EQ(only(proof).outcome, Outcome::fail);
  proof = eight();
  proof.gpus[1].xids->push_back(79);
  EXPECT_THAT(only(proof).why, HasSubstr("Xid 79"));
}

TEST(NativeJudge, ThatAllAreAsSlowIsAWarningAndNoFailure) {
  NativeProof proof = eight();
  for (NativeGpu& gpu : proof.gpus) gpu.to_device = slower(gpu.to_device, 0.5);
  for (const Verdict& verdict : complaints(judged(proof)))
    EXPECT_EQ(verdict.outcome, Outcome::warn) << verdict.why;
  EXPECT_EQ(complaints(judged(proof)).size(), 8U);
}

TEST(NativeJudge, AGpuThatWasNotBegunWithGetsOneWord) {
  NativeProof proof = recorded("h100x2.json");
  const Error busy(Errc::busy, "held by process 1");
  proof.gpus[0] = {.index = 0,
                   .pci = "0000:06:00.0",
                   .name = "NVIDIA H100",
                   .uuid = "",
                   .context_seconds = busy,
                   .kernel_elements = busy};
  proof.pairs = Error(Errc::busy, "fewer than two GPUs could be used");
  proof.collectives = proof.pairs.error();
  const auto found = complaints(judged(proof));
  EXPECT_EQ(found.size(), 3U) << told(found);
  for (const Verdict& verdict : found) EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
}

TEST(NativeJudge, NoGpuIsNoPass) {
  const auto verdicts = judge_native({}, Error(Errc::absent, "no CUDA"), reference());
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].outcome, Outcome::not_measured);
  EXPECT_EQ(overall(judge_native({}, NativeProof{}, reference())), Outcome::not_measured);
}

#ifdef BRINGUP_HAS_RAPIDCHECK
// From nothing measured there is no way to a pass: whatever errors stand in the places of all figures.
TEST(NativeJudge, WithoutAMeasurementNeverPasses) {
  rc::check("errors alone are never a pass", [] {
    const auto error = [] {
      return Error(static_cast<Errc>(*rc::gen::inRange(0, static_cast<int>(Errc::failed) + 1)), "why");
    };
    NativeProof proof;
    for (int i = *rc::gen::inRange(0, 9); i > 0; --i) {
      NativeGpu gpu;
      gpu.pci = fmt::format("0000:{:02x}:00.0", i);
      if (*rc::gen::arbitrary<bool>()) gpu.context_seconds = 0.1;  // a context is no proof of anything
      gpu.kernel_elements = error();
      gpu.memory = error();
      gpu.host_copies_right = error();
      for (auto* rate : {&gpu.memory_read, &gpu.memory_write, &gpu.memory_copy, &gpu.to_device, &gpu.to_host})
        *rate = error();
      gpu.load = error();
      gpu.errors_after = error();
      gpu.xids = error();
      const Error why = error();
      gpu.matrices = {{.type = "bf16", .by = "", .path = "", .operations = why, .right = why, .digest = why}};
      proof.gpus.push_back(std::move(gpu));
    }
    NativePair pair{.from = "a", .to = "b"};
    pair.reachable = true;
    pair.copied_right = error();
    pair.stored_right = error();
    pair.loaded_right = error();
    pair.copy = error();
    if (*rc::gen::arbitrary<bool>()) proof.pairs = std::vector<NativePair>{pair};
    for (const Verdict& verdict : judge_native({}, proof, reference()))
      RC_ASSERT(verdict.outcome != Outcome::pass);
  });
}

// Taking measurements away from a machine that is well never makes its verdict better.
TEST(NativeJudge, LessMeasuredIsNeverBetter) {
  const auto all = judged(recorded("h100x2.json"));
  const auto passes = std::ranges::count(all, Outcome::pass, &Verdict::outcome);
  rc::check("fewer figures, fewer passes", [&] {
    NativeProof proof = recorded("h100x2.json");
    const Error none(Errc::absent, "not measured");
    int taken = 0;
    for (NativeGpu& gpu : proof.gpus) {
      for (auto* rate :
           {&gpu.memory_read, &gpu.memory_write, &gpu.memory_copy, &gpu.to_device, &gpu.to_host}) {
        if (!*rc::gen::arbitrary<bool>()) continue;
        *rate = none;
        ++taken;
      }
    }
    const auto verdicts = judged(proof);
    RC_ASSERT(std::ranges::count(verdicts, Outcome::pass, &Verdict::outcome) == passes - taken);
  });
}
#endif

TEST(ReferenceTable, IsRefusedWhereItIsNotInOrder) {
  const std::string row =
      "[[factor]]\nfigure = \"x\"\nby = \"\"\nexpected = 0.9\nwarn = {}\nfail = {}\n"
      "source = \"s\"\nas_of = \"2026-11-23\"\nknown = \"{}\"\n";
  const std::string rest =
      "[[sibling]]\nfigure = \"x\"\nwarn = 0.1\nfail = 0.2\nsource = \"s\"\nas_of = \"2026-11-23\"\n"
      "known = \"read\"\n[[operations]]\ncapability = \"9.0\"\ngeforce = false\nbf16 = 1\nfp16 = 1\n"
      "tf32 = 1\nfp32 = 1\nfp8 = 1\nint8 = 1\nsource = \"s\"\nas_of = \"2026-11-23\"\nknown = \"read\"\n";
  const auto parse = [&](auto... values) {
    return parse_reference(fmt::format(fmt::runtime(row), values...) + rest, "t");
  };
  EXPECT_TRUE(parse("0.8", "0.7", "tried"));
  EXPECT_FALSE(parse("0.7", "0.8", "tried")) << "fail above warn";
  EXPECT_FALSE(parse("85.0", "0.7", "tried")) << "a percentage where a part is meant";
  EXPECT_FALSE(parse("0.8", "0.7", "guessed"));
  const auto twice = fmt::format(fmt::runtime(row), "0.8", "0.7", "read");
  EXPECT_FALSE(parse_reference(twice + twice + rest, "t"));
  EXPECT_THAT(parse("0.7", "0.8", "tried").error().message(), testing::StartsWith("t:1: "));
}

TEST(ReferenceTable, HasEveryFigureThatIsJudged) {
  for (const char* figure :
       {"memory-read", "memory-write", "memory-copy", "host-link", "pair-nvlink", "pair-pcie", "pair-staged",
        "all-reduce-nvlink", "all-gather-nvlink", "all-reduce-pcie", "all-gather-pcie"})
    EXPECT_NE(reference().factor(figure), nullptr) << figure;
  EXPECT_NE(reference().factor("matrix", "own"), reference().factor("matrix", "library"));
  for (const char* figure : {"memory", "host-link", "matrix", "pair", "soak"})
    EXPECT_NE(reference().sibling(figure), nullptr) << figure;
}

// A soak of ten minutes whose products on one GPU end at `part` of the speed that they began with.
NativeProof soaked(double part) {
  NativeProof proof = eight();
  proof.level = "full";
  proof.soak_seconds = 600;
  for (NativeGpu& gpu : proof.gpus) {
    for (facts::MatrixRate& matrix : gpu.matrices) {
      if (matrix.type != "bf16") continue;
      const double rate = matrix.operations->median;
      const bool fades = gpu.index == 3;
      matrix.operations->samples.clear();
      for (int i = 0; i < 80; ++i)
        matrix.operations->samples.push_back(rate * (fades && i >= 50 ? part : 1.0) *
                                             (i % 2 == 0 ? 1.002 : 0.998));
    }
  }
  return proof;
}

TEST(NativeJudge, SaysWhatMinutesOfLoadDid) {
  const auto verdicts = judged(soaked(1.0));
  EXPECT_EQ(std::ranges::count(verdicts, "gpu-soak", &Verdict::check), 8);
  EXPECT_THAT(complaints(verdicts), IsEmpty()) << told(complaints(verdicts));
}

TEST(NativeJudge, NamesTheGpuThatFadesUnderLoad) {
  NativeProof proof = soaked(0.85);
  proof.gpus[3].load->back().reasons = 0x40;
  proof.gpus[3].load->back().celsius = 91;
  const auto found = complaints(judged(proof));
  const auto soak = std::ranges::find(found, "gpu-soak", &Verdict::check);
  ASSERT_NE(soak, found.end()) << told(found);
  EXPECT_EQ(soak->outcome, Outcome::warn);
  EXPECT_THAT(soak->gpus, ElementsAre("0000:03:00.0"));
  EXPECT_THAT(soak->why,
              HasSubstr("bf16 products ended 15 % slower than they began; heat lowered its clock"));
  EXPECT_NEAR(soak->measured->value / soak->expected->value, 0.85, 0.01);
  const auto dead = complaints(judged(soaked(0.5)));
  EXPECT_EQ(std::ranges::find(dead, "gpu-soak", &Verdict::check)->outcome, Outcome::fail);
}

TEST(NativeJudge, ASoakTooShortToTellIsNotMeasured) {
  NativeProof proof = eight();
  proof.soak_seconds = 1;
  const auto verdicts = judged(proof);
  const auto soak = std::ranges::find(verdicts, "gpu-soak", &Verdict::check);
  ASSERT_NE(soak, verdicts.end());
  EXPECT_EQ(soak->outcome, Outcome::not_measured);
}

TEST(NativeJudge, AProofWithFaultsMadeOnPurposeIsNone) {
  NativeProof proof = eight();
  proof.settings = {"BRINGUP_INJECT=memory:1"};
  const Verdict verdict = only(proof);
  EXPECT_EQ(verdict.check, "gpu-injected");
  EXPECT_EQ(verdict.outcome, Outcome::warn);
  EXPECT_THAT(verdict.why, HasSubstr("memory:1"));
}

TEST(NativeJudge, KnowsHowFarSamplesLieApart) {
  NativeProof proof = eight();
  proof.gpus[0].memory_read->samples = {3.0e12, 3.0e12, 3.03e12, 2.97e12, 3.0e12, 3.03e12, 2.97e12};
  proof.gpus[0].memory_read->median = 3.0e12;
  for (const Verdict& verdict : judged(proof)) {
    if (verdict.check != "gpu-memory-read" || verdict.gpus[0] != proof.gpus[0].pci) continue;
    ASSERT_TRUE(verdict.measured && verdict.measured->spread);
    EXPECT_NEAR(*verdict.measured->spread, 0.01 * 1.4826, 1e-4);
    return;
  }
  FAIL() << "no verdict on memory-read";
}

TEST(Rooflines, AreTheDatasheets) {
  NativeGpu h100;
  h100.name = "NVIDIA H100 80GB HBM3";
  h100.build = facts::GpuBuild{.compute_capability = "9.0",
                               .multiprocessors = 132,
                               .sm_megahertz_most = 1830,
                               .memory_megahertz_most = 2619,
                               .memory_bus_bits = 5120};
  EXPECT_NEAR(memory_roof(h100)->value / 1e12, 3.35, 0.01);
  EXPECT_NEAR(matrix_roof(reference(), h100, "bf16")->value / 1e12, 989, 2);
  EXPECT_NEAR(matrix_roof(reference(), h100, "fp8")->value / 1e12, 1979, 4);
  NativeGpu ada = h100;
  ada.name = "NVIDIA GeForce RTX 4090";
  ada.build = facts::GpuBuild{.compute_capability = "8.9",
                              .multiprocessors = 128,
                              .sm_megahertz_most = 2520,
                              .memory_megahertz_most = 10501,
                              .memory_bus_bits = 384};
  EXPECT_NEAR(memory_roof(ada)->value / 1e9, 1008, 1);
  EXPECT_NEAR(matrix_roof(reference(), ada, "bf16")->value / 1e12, 165, 1);
  h100.link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 16, .max_width = 16};
  EXPECT_NEAR(host_roof(h100)->value / 1e9, 63.0, 0.1);
  h100.build = Error(Errc::absent, "not read");
  EXPECT_FALSE(memory_roof(h100));
  EXPECT_FALSE(matrix_roof(reference(), h100, "bf16"));
}

}  // namespace
}  // namespace bringup::diagnose
