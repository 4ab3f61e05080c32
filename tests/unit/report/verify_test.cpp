// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using facts::Outcome;
using facts::Verdict;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const report::Style kWide{.columns = 80, .colour = false};

Verdict copy_of(const std::string& gpu, double speed, Outcome outcome = Outcome::pass) {
  return {.check = "cuda-copy",
          .gpus = {gpu},
          .outcome = outcome,
          .measured = facts::Quantity{.value = speed, .unit = "B/s"},
          .expected = facts::Expectation{.value = 31.5e9, .unit = "B/s", .source = "half of PCIe 5.0 x16"},
          .why = "the bytes came back the same"};
}

Verdict unmeasured(const std::string& gpu, Outcome outcome, const std::string& why) {
  return {.check = "cuda-kernel", .gpus = {gpu}, .outcome = outcome, .why = why};
}

std::vector<Verdict> one_gpu() {
  return {{.check = "gpu-count",
           .gpus = {"0000:06:00.0"},
           .outcome = Outcome::pass,
           .measured = facts::Quantity{.value = 1, .unit = "GPUs"},
           .expected = facts::Expectation{.value = 1, .unit = "GPUs", .source = "the bus"},
           .why = "PCI bus 1, CUDA 1"},
          copy_of("0000:06:00.0", 55e9),
          {.check = "env-import",
           .outcome = Outcome::pass,
           .measured = facts::Quantity{.value = 1, .unit = "imports"},
           .why = "/opt/torch: torch 2.11.0 for CUDA 13.0"},
          {.check = "env-import", .outcome = Outcome::fail, .why = "/opt/torch: torchaudio: no libcudart"}};
}

std::string last_line(const std::string& text) {
  return std::string(base::lines(text).back());
}

std::string shown(const std::vector<Verdict>& verdicts, Outcome overall = Outcome::pass) {
  return report::verify_text(verdicts, overall, 2.34, kWide);
}

TEST(VerifyText, GroupsByGpuAndEnvironmentAndEndsWithTheWhole) {
  EXPECT_EQ(shown(one_gpu(), Outcome::fail), R"(GPU 0000:06:00.0
  pass          gpu-count  1 GPU, as expected; PCI bus 1, CUDA 1
  pass          cuda-copy  55.0 GB/s, expected 31.5 GB/s; the bytes came back
                           the same

Environment /opt/torch
  pass          env-import  torch 2.11.0 for CUDA 13.0
  fail          env-import  torchaudio: no libcudart

1 of 1 GPUs proven; overall fail, 2.3 s
)");
}

TEST(VerifyText, PaintsEachOutcomeAndSaysItInWords) {
  const std::string text =
      report::verify_text(one_gpu(), Outcome::fail, 2.34, {.columns = 60, .colour = true});
  EXPECT_THAT(text, HasSubstr("\x1b[32mpass\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[31mfail\x1b[0m"));
  EXPECT_EQ(too_wide(without_colour(text), 60), "");
}

TEST(VerifyText, NothingMeasuredIsNotAPass) {
  const std::vector<Verdict> none{
      {.check = "gpu", .outcome = Outcome::not_measured, .why = "no NVIDIA GPU on the PCI bus"}};
  const std::string text = shown(none, Outcome::not_measured);
  EXPECT_THAT(text, HasSubstr("not measured  gpu  no NVIDIA GPU on the PCI bus"));
  EXPECT_EQ(last_line(text), "0 of 0 GPUs: nothing could be measured; overall not measured, 2.3 s");
  EXPECT_EQ(last_line(report::verify_text({}, Outcome::not_measured, 0, kWide)),
            "0 of 0 GPUs: nothing could be measured; overall not measured, 0.0 s");
}

TEST(VerifyText, GpusOfWhichNothingWasMeasuredAreCountedAndNotProven) {
  const std::string text =
      shown({unmeasured("a", Outcome::not_measured, "a recorded machine cannot be measured")},
            Outcome::not_measured);
  EXPECT_EQ(last_line(text), "0 of 1 GPUs proven: nothing could be measured; overall not measured, 2.3 s");
}

TEST(VerifyText, AnEnvironmentOnTheCpuIsNotAGpu) {
  const std::vector<Verdict> cpu{{.check = "env-matmul-cpu",
                                  .outcome = Outcome::pass,
                                  .measured = facts::Quantity{.value = 0.3, .unit = "s"},
                                  .why = "/opt/torch: a product"}};
  EXPECT_THAT(last_line(shown(cpu, Outcome::not_measured)),
              StartsWith("0 of 0 GPUs: none to measure; 1 other check passed"));
}

struct OpenCase {
  const char* name;
  Outcome outcome;
};
class Unproven : public testing::TestWithParam<OpenCase> {};

TEST_P(Unproven, AGpuWithAnOpenCheckIsNotProven) {
  const std::vector<Verdict> verdicts{
      copy_of("a", 55e9), unmeasured("a", GetParam().outcome, "somebody else computes"), copy_of("b", 55e9)};
  const std::string text = shown(verdicts, GetParam().outcome);
  EXPECT_THAT(last_line(text), StartsWith("1 of 2 GPUs proven"));
  EXPECT_THAT(text, HasSubstr("somebody else computes"));
}

INSTANTIATE_TEST_SUITE_P(Outcomes, Unproven,
                         testing::Values(OpenCase{"fail", Outcome::fail},
                                         OpenCase{"inconclusive", Outcome::inconclusive},
                                         OpenCase{"not_measured", Outcome::not_measured}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(VerifyText, APassWithoutAMeasurementProvesNothing) {
  EXPECT_THAT(last_line(shown({unmeasured("a", Outcome::pass, "")})), StartsWith("0 of 1 GPUs proven"));
}

TEST(VerifyText, ManyGpusThatPassedAreToldTogetherAndTheOthersAlone) {
  std::vector<Verdict> verdicts;
  for (int i = 0; i < 8; ++i)
    verdicts.push_back(copy_of("0000:0" + std::to_string(i) + ":00.0", 55e9 + i * 1e8));
  verdicts[3].outcome = Outcome::warn;
  const std::string text = shown(verdicts, Outcome::warn);
  EXPECT_THAT(text, StartsWith("7 GPUs, each\n"));
  EXPECT_THAT(text, HasSubstr("55.0 GB/s to 55.7 GB/s, expected 31.5 GB/s"));
  EXPECT_THAT(text, HasSubstr("\nGPU 0000:03:00.0\n  warn"));
  EXPECT_THAT(text, HasSubstr("(half of PCIe 5.0 x16)"));
  EXPECT_EQ(last_line(text), "7 of 8 GPUs proven; overall warn, 2.3 s");
}

TEST(VerifyText, FewGpusStandAlone) {
  EXPECT_THAT(shown({copy_of("a", 55e9), copy_of("b", 55e9)}), Not(HasSubstr("each")));
}

TEST(VerifyJson, HasEveryKey) {
  const std::string text = report::verify_json(one_gpu(), Outcome::fail, 2.5);
  EXPECT_THAT(text, StartsWith("{\n  \"schema\": \"bringup.verify/1\",\n"));
  const json document = json::parse(text);
  EXPECT_EQ(document["overall"], "fail");
  EXPECT_EQ(document["elapsed_seconds"], 2.5);
  EXPECT_EQ(document["verdicts"][1],
            json({{"check", "cuda-copy"},
                  {"gpus", {"0000:06:00.0"}},
                  {"environment", nullptr},
                  {"verdict", "pass"},
                  {"measured", {{"value", 55e9}, {"unit", "B/s"}, {"spread", nullptr}}},
                  {"expected", {{"value", 31.5e9}, {"unit", "B/s"}, {"source", "half of PCIe 5.0 x16"}}},
                  {"why", "the bytes came back the same"}}));
  EXPECT_EQ(document["verdicts"][3], json({{"check", "env-import"},
                                           {"gpus", json::array()},
                                           {"environment", "/opt/torch"},
                                           {"verdict", "fail"},
                                           {"measured", nullptr},
                                           {"expected", nullptr},
                                           {"why", "/opt/torch: torchaudio: no libcudart"}}));
}

TEST(VerifyText, TellsOperationsPerSecondWithThreeDigits) {
  Verdict product{.check = "gpu-matrix-bf16",
                  .gpus = {"a"},
                  .outcome = Outcome::pass,
                  .measured = facts::Quantity{.value = 7.492e14, .unit = "FLOP/s"},
                  .expected = facts::Expectation{.value = 1.404e15, .unit = "FLOP/s", .source = ""}};
  EXPECT_THAT(shown({product}), HasSubstr("749 TFLOP/s, expected 1.40 PFLOP/s"));
  product.measured->value = 4.9634e13;
  EXPECT_THAT(shown({product}), HasSubstr("49.6 TFLOP/s"));
  product.measured->value = 999.96e12;
  EXPECT_THAT(shown({product}), HasSubstr("1.00 PFLOP/s"));
}

TEST(VerifyText, GroupsByTheEnvironmentThatAVerdictNames) {
  Verdict training{.check = "env-training", .gpus = {"a"}, .outcome = Outcome::pass, .why = "/opt/dl: bf16"};
  training.env = "/opt/dl";
  EXPECT_THAT(shown({training}), StartsWith("Environment /opt/dl\n  pass          env-training  bf16\n"));
  training.why = "the loss fell";
  EXPECT_THAT(shown({training}), HasSubstr("env-training  the loss fell"));
}

TEST(VerifyJson, GivesTheSpreadOfAFigureWhereItIsKnown) {
  Verdict copy = copy_of("a", 5e10);
  copy.measured->spread = 0.015;
  const json document = json::parse(report::verify_json(std::vector{copy}, Outcome::pass, 0));
  EXPECT_EQ(document["verdicts"][0]["measured"]["spread"], 0.015);
}

TEST(VerifyJson, SaysNotMeasuredInTwoWords) {
  const json document = json::parse(report::verify_json({}, Outcome::not_measured, 0));
  EXPECT_EQ(document["overall"], "not measured");
  EXPECT_EQ(document["verdicts"], json::array());
}

}  // namespace
