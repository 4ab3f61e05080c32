// SPDX-License-Identifier: Apache-2.0
// The proof's page, JUnit and Prometheus, on made-up servers.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <unit/report/markup.hpp>
#include <unit/report/proofs.hpp>
#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using facts::Outcome;
using nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string page_of(const Proof& proof) {
  return report::proof_html(proof.report());
}

// The text of an element that occurs once.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return "";
  const std::size_t at = begin + from.size();
  return text.substr(at, text.find(to, at) - at);
}

std::set<std::string> values_in(const std::string& html) {
  std::set<std::string> values;
  for (const Tag& tag : read_markup(html).tags) {
    if (const std::string_view value = tag.attribute("data-value"); !value.empty()) values.emplace(value);
  }
  return values;
}

class Servers : public testing::TestWithParam<int> {};

TEST_P(Servers, ShowEveryFigureOfTheJson) {
  const Proof proof = made_up(GetParam());
  const std::set<std::string> values = values_in(page_of(proof));
  const auto document = ordered_json::parse(
      report::verify_json(proof.verdicts, proof.overall, proof.measurements.elapsed_seconds));
  std::size_t figures = 0;
  for (const auto& verdict : document["verdicts"]) {
    for (const char* key : {"measured", "expected"}) {
      if (verdict[key].is_null()) continue;
      ++figures;
      EXPECT_TRUE(values.contains(verdict[key]["value"].dump())) << verdict.dump();
    }
  }
  EXPECT_GT(figures, 20U);
}

TEST_P(Servers, AreOneWholeDocumentWithoutScriptOrNetwork) {
  const std::string html = page_of(made_up(GetParam()));
  EXPECT_EQ(markup_error(html, true), "");
  for (const char* word : {"<script", "http:", "https:", "url(", "@import", "javascript:"})
    EXPECT_THAT(html, Not(HasSubstr(word)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST_P(Servers, CanBeReadByAScreenReader) {
  const Markup markup = read_markup(page_of(made_up(GetParam())));
  int level = 0;
  std::size_t captions = 0;
  std::size_t tables = 0;
  std::set<std::string_view> ids;
  for (const Tag& tag : markup.tags) {
    if (tag.name.size() == 2 && tag.name[0] == 'h' && tag.name[1] >= '1' && tag.name[1] <= '6') {
      EXPECT_LE(tag.name[1] - '0', level + 1) << "a heading is left out";
      level = tag.name[1] - '0';
    }
    tables += tag.name == "table" ? 1 : 0;
    captions += tag.name == "caption" ? 1 : 0;
    if (tag.name == "svg") {
      EXPECT_TRUE(tag.attribute("role") == "img" || tag.attribute("aria-hidden") == "true");
    }
    if (const auto id = tag.attribute("id"); !id.empty()) {
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
  EXPECT_EQ(tables, captions);
  EXPECT_GT(tables, 5U);
  for (const Tag& tag : markup.tags) {
    for (const std::string_view id : base::words(tag.attribute("aria-labelledby")))
      EXPECT_TRUE(ids.contains(id)) << id;
    if (const auto to = tag.attribute("href"); !to.empty()) {
      EXPECT_TRUE(ids.contains(to.substr(1))) << to;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Servers, testing::Values(1, 2, 8, 16));

TEST(ProofPage, OfEightGpusIsSmall) {
  EXPECT_LT(page_of(made_up(8)).size(), 500'000U);
}

TEST(ProofPage, SaysInItsFirstSentenceWhichGpuIsSlow) {
  const std::string first = between(page_of(made_up(8)), "<h1>", "</h1>");
  EXPECT_THAT(first, AllOf(HasSubstr("7 of 8 GPUs are proven"),
                           HasSubstr("Failed: GPU 5 (memory read and memory copy)"),
                           HasSubstr("GPU 2 to GPU 6 (pair speed)")));
}

TEST(ProofPage, SaysThatAllIsWell) {
  Proof proof = judged({}, recorded_proof("h200x2.json"));
  ASSERT_EQ(proof.overall, Outcome::pass);
  EXPECT_EQ(between(page_of(proof), "<h1>", "</h1>"), "Both GPUs are proven, and nothing is wrong.");
}

TEST(ProofPage, NeverSaysThatSomethingIsProvenWhenNothingWasMeasured) {
  const std::string html = page_of(nothing_there());
  EXPECT_EQ(between(html, "<h1>", "</h1>"),
            "There is no GPU to measure. Nothing could be measured: no NVIDIA GPU on the PCI bus.");
  EXPECT_THAT(html, Not(HasSubstr("proven")));
  EXPECT_THAT(html, HasSubstr("Nothing was measured natively: not measured."));
  EXPECT_EQ(markup_error(html, true), "");
}

TEST(ProofPage, SaysEachOutcomeInAWordBesideItsColour) {
  const std::string html = page_of(made_up(8));
  for (const char* outcome : {"pass", "warn", "fail"}) {
    EXPECT_THAT(html, HasSubstr(std::string("<span class=\"v ") + outcome + "\">" + outcome + "</span>"));
  }
  for (std::size_t at = html.find("class=\"v "); at != std::string::npos;
       at = html.find("class=\"v ", at + 1)) {
    const std::string word = html.substr(html.find('>', at) + 1, 3);
    EXPECT_FALSE(word.starts_with('<')) << html.substr(at, 60);
  }
}

TEST(ProofPage, DrawsMeasuredOverExpectedOnTheLinks) {
  const std::string html = page_of(made_up(8));
  const std::string picture = between(html, "<figure class=\"picture\">", "</figure>");
  EXPECT_THAT(picture, AllOf(HasSubstr("NUMA 0"), HasSubstr("NUMA 1"), HasSubstr("NVSwitch"),
                             HasSubstr("PCIe 5.0 x16"), HasSubstr("NVLink 4 ×18"), HasSubstr("GPU 7"),
                             HasSubstr("in, "), HasSubstr("of 54")));
  EXPECT_THAT(picture, HasSubstr("class=\"gpu fail\""));
}

TEST(ProofPage, TakesSwitchesAndCardsFromTheTopology) {
  Proof proof = made_up(2);
  using Kind = diagnose::TreeNode::Kind;
  diagnose::Topology topology;
  topology.tree = {
      {.kind = Kind::numa, .id = 3, .socket = 1},
      {.kind = Kind::pcie_switch, .depth = 1, .address = "0000:01:00.0"},
      {.kind = Kind::gpu, .depth = 2, .address = "0000:10:00.0", .name = "H100"},
      {.kind = Kind::network, .depth = 2, .address = "0000:11:00.0", .name = "mlx5_0"},
      {.kind = Kind::gpu, .depth = 1, .address = "0000:20:00.0", .name = "H100", .narrowest = true}};
  topology.unseen = {"the second socket could not be seen"};
  report::ProofReport report = proof.report();
  report.topology = &topology;
  const std::string html = report::proof_html(report);
  const std::string picture = between(html, "<figure class=\"picture\">", "</figure>");
  EXPECT_THAT(picture, AllOf(HasSubstr("NUMA 3"), HasSubstr("socket 1"), HasSubstr("class=\"switch\""),
                             HasSubstr("network mlx5_0")));
  EXPECT_THAT(html, HasSubstr("the second socket could not be seen"));
  topology.tree.erase(topology.tree.begin() + 2);  // a topology that lacks a GPU is not drawn
  const std::string without = report::proof_html(report);
  EXPECT_THAT(between(without, "<figure class=\"picture\">", "</figure>"), Not(HasSubstr("NUMA 3")));
}

TEST(ProofPage, MapsEveryPairOnce) {
  const std::string map = between(page_of(made_up(8)), "<table class=\"map\">", "</table>");
  std::size_t cells = 0;
  for (std::size_t at = map.find("<td class=\"q"); at != std::string::npos;
       at = map.find("<td class=\"q", at + 1))
    ++cells;
  EXPECT_EQ(cells, 56U);
  EXPECT_THAT(map, HasSubstr(" odd fail\""));
}

TEST(ProofPage, KeepsThePeaksOfALongTimeline) {
  Proof proof = made_up(1);
  facts::NativeProof& native = *proof.measurements.native;
  std::vector<facts::LoadSample> samples;
  for (int i = 0; i < 6000; ++i)
    samples.push_back({.at_seconds = i * 0.1, .watts = i == 4321 ? 700.0 : 300.0, .celsius = 60.0});
  native.gpus[0].load = samples;
  native.seconds = 600;
  const std::string html = page_of(proof);
  const std::string drawing = between(html, "<figure class=\"time\">", "</figure>");
  EXPECT_LT(drawing.size(), 12'000U);
  EXPECT_THAT(drawing, HasSubstr(" 20.0L"));  // the top of the lane
  EXPECT_THAT(html, HasSubstr("300 to 700 W"));
  EXPECT_THAT(html, HasSubstr("not read"));  // the clock
}

TEST(ProofPage, GivesReasonsFindingsAndConflicts) {
  const Proof proof = made_up(2);
  report::ProofReport report = proof.report();
  const diagnose::Diagnosis diagnosis = full_diagnosis("a finding");
  resolve::Resolution resolution = full_choice("a reason");
  report.diagnosis = &diagnosis;
  report.resolution = &resolution;
  EXPECT_THAT(report::proof_html(report),
              AllOf(HasSubstr("<b>a finding</b>"), HasSubstr("To do: a finding"),
                    HasSubstr("What was chosen"), HasSubstr("<b>driver</b> a reason")));
  resolution = full_conflict("a clash");
  EXPECT_THAT(report::proof_html(report),
              AllOf(HasSubstr("What cannot be true together"), HasSubstr("It could be changed: a clash")));
}

TEST(ProofPage, SaysWhatTheLevelCannotSeeAndHowMuchWasTried) {
  const std::string limits = between(page_of(made_up(2)), "<section id=\"limits\"", "</section>");
  EXPECT_THAT(limits, AllOf(HasSubstr("faults that only minutes of heat bring out"),
                            HasSubstr("Work of each GPU"), HasSubstr("235 GiB")));
}

TEST(ProofJunit, HasACaseForEachVerdictWithNamesThatStay) {
  Proof proof = made_up(8);
  proof.verdicts.push_back(
      {.check = "gpu-count", .outcome = Outcome::inconclusive, .why = "somebody <else> computes"});
  const std::string xml = report::proof_junit(proof.report());
  EXPECT_EQ(markup_error(xml, false), "");
  const Markup markup = read_markup(xml);
  std::set<std::pair<std::string, std::string>> names;
  std::size_t failures = 0;
  for (const Tag& tag : markup.tags) {
    failures += tag.name == "failure" ? 1 : 0;
    if (tag.name != "testcase") continue;
    EXPECT_TRUE(names.emplace(tag.attribute("classname"), tag.attribute("name")).second)
        << tag.attribute("name");
  }
  EXPECT_EQ(names.size(), proof.verdicts.size());
  EXPECT_TRUE(names.contains({"bringup.gpu 0000:60:00.0", "gpu-memory-read"}));
  EXPECT_TRUE(names.contains({"bringup.environment /opt/dl", "env-import #2"}));
  EXPECT_GE(failures, 1U);
  EXPECT_EQ(markup.tags[1].attribute("failures"), std::to_string(failures));
  EXPECT_EQ(markup.tags[1].attribute("skipped"), "1");
  EXPECT_EQ(markup.tags[2].attribute("timestamp"), "2026-11-25T01:23:45");
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"inconclusive: somebody &lt;else&gt; computes\"/>"));
}

TEST(ProofPrometheus, HasFiguresInBaseUnitsAndNoLineTwice) {
  const Proof proof = made_up(8);
  const std::string text = report::proof_prometheus(proof.report());
  EXPECT_EQ(exposition_error(text), "");
  EXPECT_THAT(text, HasSubstr("bringup_gpus 8.0\n"));
  EXPECT_THAT(text, HasSubstr("bringup_gpus_proven 7.0\n"));
  EXPECT_THAT(text, HasSubstr("bringup_verify_overall{outcome=\"fail\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bringup_verify_overall{outcome=\"pass\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("bringup_verify_made_timestamp_seconds 1795569825.0\n"));
  EXPECT_THAT(text,
              HasSubstr("bringup_verify_failed{check=\"gpu-memory-read\",gpu=\"0000:60:00.0\",peer=\"\","
                        "environment=\"\",case=\"1\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("bringup_measured_bytes_per_second{check=\"gpu-pair-speed\",gpu=\"0000:10:00.0\",peer=\""));
  EXPECT_THAT(text, HasSubstr("bringup_expected_operations_per_second{check=\"gpu-matrix-bf16\""));
}

TEST(ProofPrometheus, SaysThatNothingWasMeasured) {
  const std::string text = report::proof_prometheus(nothing_there().report());
  EXPECT_EQ(exposition_error(text), "");
  EXPECT_THAT(text, HasSubstr("bringup_verify_overall{outcome=\"not measured\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("bringup_measured")));
}

// For tests/browser: writes what a browser is to look at. Skipped unless a folder is named.
TEST(ProofPage, IsWrittenForTheBrowser) {
  const char* folder = std::getenv("BRINGUP_PAGES");  // NOLINT(concurrency-mt-unsafe): one thread
  if (folder == nullptr) GTEST_SKIP() << "BRINGUP_PAGES names no folder; tests/browser/run does";
  const auto write = [folder](const std::string& name, const std::string& text) {
    std::ofstream file(std::string(folder) + "/" + name);
    file << text;
    EXPECT_TRUE(file.good()) << name;
  };
  const diagnose::Diagnosis diagnosis = full_diagnosis("a finding, told in some words");
  const resolve::Resolution resolution = full_choice("chosen words");
  for (const int count : {0, 1, 2, 8, 16}) {
    const Proof proof = count == 0 ? nothing_there() : made_up(count);
    report::ProofReport report = proof.report();
    if (count == 2) report.resolution = &resolution;
    if (count == 2) report.diagnosis = &diagnosis;
    const std::string name = fmt::format("gpus{}", count);
    write(name + ".html", report::proof_html(report));
    write(name + ".json",
          report::verify_json(proof.verdicts, proof.overall, proof.measurements.elapsed_seconds));
    write(name + ".xml", report::proof_junit(report));
    write(name + ".prom", report::proof_prometheus(report));
  }
  write("hostile.html", every_proof("</title><script>document.title='owned'</script>\" onload=\"x").html);
}

}  // namespace
