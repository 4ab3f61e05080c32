// SPDX-License-Identifier: Apache-2.0
// Two proofs side by side, and a document of `verify --json` read again.
#include <gmock/gmock.h>

#include <unit/report/proofs.hpp>
#include <unit/report/values.hpp>

#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>
#endif

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using facts::Outcome;
using facts::Verdict;
using nlohmann::json;
using report::Trend;
using testing::HasSubstr;

Verdict figure(double value, const std::string& unit, std::optional<double> spread = 0.001) {
  return {.check = "gpu-memory-read",
          .gpus = {"0000:06:00.0"},
          .outcome = Outcome::pass,
          .measured = facts::Quantity{.value = value, .unit = unit, .spread = spread},
          .why = "94 % of 2619 MHz x 5120 bits"};
}

report::Comparison compared(const std::vector<Verdict>& before, const std::vector<Verdict>& after) {
  const report::VerifyDocument document{
      .overall = diagnose::overall(before), .verdicts = before, .elapsed_seconds = 1};
  return report::compare(document, after, diagnose::overall(after));
}

Trend trend_of(const Verdict& before, const Verdict& after) {
  const report::Comparison comparison = compared({before}, {after});
  EXPECT_EQ(comparison.changes.size(), 1U);
  return comparison.changes.empty() ? Trend::same : comparison.changes[0].trend;
}

struct NoiseCase {
  const char* name;
  const char* unit;
  double before;
  double after;
  std::optional<double> spread;  // of each
  Trend trend;
};
class Noise : public testing::TestWithParam<NoiseCase> {};

TEST_P(Noise, DecidesWhatIsAChange) {
  const NoiseCase& one = GetParam();
  EXPECT_EQ(trend_of(figure(one.before, one.unit, one.spread), figure(one.after, one.unit, one.spread)),
            one.trend);
}

INSTANTIATE_TEST_SUITE_P(
    Figures, Noise,
    testing::Values(NoiseCase{"little_less", "B/s", 100, 98.1, 0.001, Trend::same},
                    NoiseCase{"less", "B/s", 100, 97.9, 0.001, Trend::worse},
                    NoiseCase{"more", "B/s", 100, 102.1, 0.001, Trend::better},
                    NoiseCase{"less_operations", "FLOP/s", 100, 90, 0.001, Trend::worse},
                    NoiseCase{"within_three_spreads", "B/s", 100, 94.1, 0.01, Trend::same},
                    NoiseCase{"beyond_three_spreads", "B/s", 100, 93.9, 0.01, Trend::worse},
                    NoiseCase{"longer", "s", 1, 1.03, 0.001, Trend::worse},
                    NoiseCase{"shorter", "s", 1, 0.97, 0.001, Trend::better},
                    NoiseCase{"one_sample_of_a_rate", "B/s", 100, 91, std::nullopt, Trend::same},
                    NoiseCase{"one_sample_far_below", "B/s", 100, 89, std::nullopt, Trend::worse},
                    NoiseCase{"one_time", "s", 1, 1.2, std::nullopt, Trend::same},
                    NoiseCase{"one_long_time", "s", 1, 1.3, std::nullopt, Trend::worse},
                    NoiseCase{"one_gpu_less", "GPUs", 8, 7, std::nullopt, Trend::worse},
                    NoiseCase{"one_gpu_more", "GPUs", 7, 8, std::nullopt, Trend::better},
                    NoiseCase{"memory_about_as_much", "B", 1e11, 0.99e11, std::nullopt, Trend::same},
                    NoiseCase{"half_the_memory", "B", 1e11, 0.5e11, std::nullopt, Trend::worse},
                    NoiseCase{"from_nothing", "B/s", 0, 5, 0.001, Trend::better}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Compare, NothingChangedIsNoWorse) {
  const Proof proof = made_up(8);
  const report::Comparison comparison = compared(proof.verdicts, proof.verdicts);
  EXPECT_FALSE(comparison.worse);
  EXPECT_EQ(comparison.changes.size(), proof.verdicts.size());
  for (const report::Change& change : comparison.changes) EXPECT_EQ(change.trend, Trend::same);
  EXPECT_THAT(report::compare_text(comparison, {}), HasSubstr("no worse than before; no check got worse"));
}

TEST(Compare, NamesTheGpuAndTheCheckThatGotSlower) {
  facts::NativeProof native = made_up_proof(4);
  const Proof before = judged({}, native);
  scale(native.gpus[2].memory_write, 0.8);
  const Proof after = judged({}, native);
  const report::Comparison comparison = compared(before.verdicts, after.verdicts);
  EXPECT_TRUE(comparison.worse);
  const auto slower = std::ranges::count(comparison.changes, Trend::worse, &report::Change::trend);
  EXPECT_EQ(slower, 1);
  const std::string text = report::compare_text(comparison, {.columns = 200});
  EXPECT_THAT(text, HasSubstr("Worse than before\n  slower    gpu-memory-write of 0000:30:00.0: 3.2"));
  EXPECT_THAT(text, HasSubstr("(-20 %; noise is up to"));
}

TEST(Compare, TellsWhatIsGoneNewLostAndGained) {
  Verdict gone = figure(1, "B/s");
  gone.check = "gpu-memory-copy";
  Verdict added = figure(1, "B/s");
  added.check = "gpu-to-host";
  Verdict lost = figure(5, "B/s");
  lost.measured = std::nullopt;
  lost.outcome = Outcome::inconclusive;
  const report::Comparison comparison = compared({figure(5, "B/s"), gone}, {lost, added});
  ASSERT_EQ(comparison.gone.size(), 1U);
  EXPECT_EQ(comparison.gone[0].key.check, "gpu-memory-copy");
  ASSERT_EQ(comparison.added.size(), 1U);
  EXPECT_EQ(comparison.added[0].check, "gpu-to-host");
  EXPECT_EQ(comparison.changes[0].trend, Trend::lost);
  EXPECT_TRUE(comparison.worse);
  EXPECT_EQ(trend_of(lost, figure(5, "B/s")), Trend::gained);
  EXPECT_FALSE(compared({lost}, {figure(5, "B/s")}).worse);
  Verdict told = gone;
  told.measured = std::nullopt;
  EXPECT_FALSE(compared({figure(5, "B/s"), told}, {figure(5, "B/s")}).worse) << "nothing measured is gone";
}

TEST(Compare, AWorseVerdictIsWorseWhateverTheFigure) {
  Verdict warned = figure(100, "B/s");
  warned.outcome = Outcome::warn;
  const report::Comparison comparison = compared({figure(100, "B/s")}, {warned});
  EXPECT_TRUE(comparison.worse);
  EXPECT_TRUE(comparison.changes[0].verdict_worse);
  EXPECT_THAT(report::compare_text(comparison, {}), HasSubstr("pass -> warn"));
  EXPECT_FALSE(compared({warned}, {figure(100, "B/s")}).worse);
}

TEST(Compare, SaysWhenTheMeansDiffer) {
  Verdict library = figure(7e14, "FLOP/s");
  library.why = "71 % of what there is; by cuBLASLt 13.1.0";
  Verdict own = figure(5e14, "FLOP/s");
  own.why = "51 % of what there is; by own mma kernel";
  const report::Comparison comparison = compared({library}, {own});
  EXPECT_EQ(comparison.changes[0].note, "then by cuBLASLt 13.1.0, now by own mma kernel");
}

TEST(Compare, DoesNotCompareDifferentUnits) {
  EXPECT_EQ(trend_of(figure(1, "B/s"), figure(1e9, "s")), Trend::unmatched);
}

TEST(Compare, TellsSeveralOfOneEnvironmentApart) {
  const Verdict first{.check = "env-import", .outcome = Outcome::pass, .why = "/opt/dl: torch 2.11.0"};
  const Verdict second{.check = "env-import", .outcome = Outcome::pass, .why = "/opt/dl: torchvision 0.26.0"};
  const Verdict other{.check = "env-import", .outcome = Outcome::pass, .why = "/opt/two: torch 2.11.0"};
  const report::Comparison comparison = compared({first, second, other}, {first, second});
  ASSERT_EQ(comparison.gone.size(), 1U);
  EXPECT_EQ(comparison.gone[0].key.environment, "/opt/two");
}

TEST(CompareJson, HasEveryKeyAndTheTrend) {
  const json document =
      json::parse(report::compare_json(compared({figure(100, "B/s")}, {figure(90, "B/s")})));
  EXPECT_EQ(document["schema"], "bringup.compare/1");
  EXPECT_EQ(document["worse"], true);
  const json& change = document["changes"][0];
  EXPECT_EQ(change["trend"], "worse");
  EXPECT_EQ(change["before"]["value"], 100.0);
  EXPECT_NEAR(change["change"].get<double>(), -0.1, 1e-12);
  EXPECT_EQ(change["noise"], 0.02);
  EXPECT_EQ(change["environment"], nullptr);
  EXPECT_EQ(document["gone"], json::array());
}

TEST(VerifyDocument, IsReadAsItWasWritten) {
  Proof proof = made_up(2);
  proof.verdicts[0].measured->spread = 0.25;
  const auto read = report::read_verify_json(report::verify_json(proof.verdicts, proof.overall, 2.5));
  ASSERT_TRUE(read) << read.error().message();
  for (Verdict& verdict : proof.verdicts) {
    if (verdict.check.starts_with("env-")) verdict.env = "/opt/dl";
  }
  EXPECT_EQ(read->verdicts, proof.verdicts);
  EXPECT_EQ(read->overall, proof.overall);
  EXPECT_EQ(read->elapsed_seconds, 2.5);
}

TEST(VerifyDocument, OfAnOlderFormHasNoSpreads) {
  const auto read = report::read_verify_json(
      R"({"schema": "bringup.verify/1", "overall": "pass", "elapsed_seconds": 1, "verdicts": [{"check": "gpu-count",
          "gpus": [], "verdict": "pass", "measured": {"value": 2, "unit": "GPUs"}, "expected": null, "why": null}]})");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->verdicts[0].measured->spread, std::nullopt);
}

struct Unfit {
  const char* name;
  const char* text;
  const char* says;
};
class UnfitDocument : public testing::TestWithParam<Unfit> {};
class UnfitVerdict : public testing::TestWithParam<Unfit> {};

TEST_P(UnfitDocument, IsRefusedWithWhatIsWrong) {
  const auto read = report::read_verify_json(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), Errc::malformed);
  EXPECT_THAT(read.error().message(), HasSubstr(GetParam().says));
  EXPECT_THAT(read.error().message(), HasSubstr("'bringup verify --json'"));
}

TEST_P(UnfitVerdict, IsRefusedWithItsPlace) {
  const auto read = report::read_verify_json(
      std::string(
          R"({"schema": "bringup.verify/1", "overall": "pass", "elapsed_seconds": 1, "verdicts": [)") +
      GetParam().text + "]}");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, UnfitDocument,
    testing::Values(
        Unfit{"empty", "", "the file: expected one JSON document, found none that is whole"},
        Unfit{"cut", R"({"schema": "bringup.verify/1", "verd)", "none that is whole"},
        Unfit{"list", "[]", "expected an object, found array"},
        Unfit{"foreign", R"({"a": 1})", "schema: expected 'bringup.verify/1', found none"},
        Unfit{"other", R"({"schema": "bringup.facts/1"})", "found 'bringup.facts/1'"},
        Unfit{"later", R"({"schema": "bringup.verify/2"})", "found 'bringup.verify/2'"},
        Unfit{"number", R"({"schema": 1})", "schema: expected text, found number"},
        Unfit{"overall", R"({"schema": "bringup.verify/1", "overall": "splendid"})", "found 'splendid'"},
        Unfit{"elapsed", R"({"schema": "bringup.verify/1", "overall": "pass", "elapsed_seconds": "1"})",
              "elapsed_seconds: expected a number, found string"},
        Unfit{"no_verdicts", R"({"schema": "bringup.verify/1", "overall": "pass", "elapsed_seconds": 1})",
              "verdicts: expected a list"},
        Unfit{"huge", R"({"schema": "bringup.verify/1", "overall": "pass", "elapsed_seconds": 1e999})",
              "none that is whole"}),
    [](const auto& tested) { return std::string(tested.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Verdicts, UnfitVerdict,
    testing::Values(Unfit{"no_object", "1", "verdicts[0]: expected an object, found number"},
                    Unfit{"no_check", R"({"gpus": []})", "verdicts[0].check"},
                    Unfit{"no_gpus", R"({"check": "a"})", "verdicts[0].gpus: expected a list"},
                    Unfit{"gpu", R"({"check": "a", "gpus": [1]})", "expected addresses"},
                    Unfit{"no_verdict", R"({"check": "a", "gpus": []})", "verdicts[0].verdict"},
                    Unfit{"no_value", R"({"check": "a", "gpus": [], "verdict": "pass", "measured": {}})",
                          "verdicts[0].measured.value: expected a number, found none"}),
    [](const auto& tested) { return std::string(tested.param.name); });

#ifdef BRINGUP_HAS_RAPIDCHECK
TEST(VerifyDocument, CutAnywhereIsRefused) {
  const Proof proof = made_up(1);
  const std::string text = report::verify_json(proof.verdicts, proof.overall, 2.5);
  EXPECT_TRUE(rc::check("no part of a document is one", [&text] {
    const auto length = *rc::gen::inRange<std::size_t>(0, text.size() - 2);
    RC_ASSERT(!report::read_verify_json(text.substr(0, length)));
  }));
}
#endif

}  // namespace
