// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using diagnose::Severity;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

const report::Style kWide{.columns = 80, .colour = false};

diagnose::Diagnosis small() {
  return {.findings = {{.id = "count-pci-driver",
                        .severity = Severity::fail,
                        .title = "the driver has another number of GPUs than the PCI bus",
                        .why = "a GPU that the driver does not have cannot be used by anything",
                        .evidence = {{.source = "/proc/driver/nvidia/gpus", .text = "1 GPU"},
                                     {.source = "dmesg", .text = "NVRM: one\nNVRM: two"}},
                        .fix = {.summary = "power the machine off and on", .steps = {}},
                        .gpus = {"0000:07:00.0"}},
                       {.id = "driver-end-of-life",
                        .severity = Severity::warn,
                        .title = "the driver's branch gets no updates any more",
                        .why = "new kernels will not build its module",
                        .evidence = {},
                        .fix = {.summary = "bringup up",
                                .steps = {{.id = "load", .kind = steps::LoadModule{.module = "nvidia"}}}},
                        .gpus = {}},
                       {.id = "numa", .severity = Severity::info, .title = "GPUs sit on two NUMA nodes"}},
          .rules_run = 28,
          .not_run = {{.id = "ecc-off", .why = "NVML is not there"},
                      {.id = "link-width", .why = "the PCI bus could not be read"},
                      {.id = "mig", .why = "NVML is not there"}}};
}

TEST(DoctorText, TellsTheVerdictThenEachFindingThenWhatDidNotRun) {
  EXPECT_EQ(report::doctor_text(small(), kWide), R"(2 to fix, 1 to know; 28 rules looked, 3 could not

fail  the driver has another number of GPUs than the PCI bus (count-pci-driver)
      a GPU that the driver does not have cannot be used by anything
      seen  /proc/driver/nvidia/gpus: "1 GPU"
            dmesg
            | NVRM: one
            | NVRM: two
      GPUs  0000:07:00.0
      fix   power the machine off and on

warn  the driver's branch gets no updates any more (driver-end-of-life)
      new kernels will not build its module
      fix   bringup up

info  GPUs sit on two NUMA nodes (numa)

Could not look
  NVML is not there
    ecc-off, mig
  the PCI bus could not be read
    link-width
)");
}

TEST(DoctorText, TellsTheSameInSixtyColumnsWithColour) {
  const std::string text = report::doctor_text(small(), {.columns = 60, .colour = true});
  EXPECT_THAT(
      text,
      StartsWith("\x1b[31m2 to fix, 1 to know; 28 rules looked, 3 could not\x1b[0m\n\n"
                 "\x1b[31mfail\x1b[0m  \x1b[1mthe driver has another number of GPUs than the PCI bus\x1b[0m\n"
                 "      \x1b[1m(count-pci-driver)\x1b[0m\n"));
  EXPECT_EQ(too_wide(without_colour(text), 60), "");
}

TEST(DoctorText, NothingFoundIsGreenOnlyWhenSomethingLooked) {
  EXPECT_EQ(
      report::doctor_text({.findings = {}, .rules_run = 31, .not_run = {}}, {.columns = 80, .colour = true}),
      "\x1b[32mnothing to fix; 31 rules looked\x1b[0m\n");
  EXPECT_THAT(
      report::doctor_text({.findings = {}, .rules_run = 0, .not_run = {{.id = "a", .why = "b"}}}, kWide),
      StartsWith("nothing could be said; 0 rules looked, 1 could not\n"));
}

TEST(DoctorText, QuotedLinesCannotPassForFindings) {
  diagnose::Diagnosis one = small();
  one.findings[0].evidence = {{.source = "a file", .text = "x\n\nfail  all is lost"}};
  EXPECT_THAT(report::doctor_text(one, kWide), HasSubstr("| fail all is lost"));
}

TEST(DoctorJson, HasEveryKey) {
  const std::string text = report::doctor_json(small());
  EXPECT_THAT(text, StartsWith("{\n  \"schema\": \"bringup.doctor/1\",\n"));
  const json document = json::parse(text);
  EXPECT_EQ(document["rules_run"], 28);
  EXPECT_EQ(document["rules_not_run"][1],
            json({{"id", "link-width"}, {"why", "the PCI bus could not be read"}}));
  EXPECT_EQ(document["findings"][0],
            json({{"id", "count-pci-driver"},
                  {"severity", "fail"},
                  {"title", "the driver has another number of GPUs than the PCI bus"},
                  {"why", "a GPU that the driver does not have cannot be used by anything"},
                  {"evidence",
                   {{{"source", "/proc/driver/nvidia/gpus"}, {"text", "1 GPU"}},
                    {{"source", "dmesg"}, {"text", "NVRM: one\nNVRM: two"}}}},
                  {"fix", {{"summary", "power the machine off and on"}, {"steps", json::array()}}},
                  {"gpus", {"0000:07:00.0"}}}));
  const json& step = document["findings"][1]["fix"]["steps"][0];
  EXPECT_EQ(step["kind"], "load-module");
  EXPECT_EQ(step["target"], "nvidia");
}

TEST(DoctorJson, AnEmptyDiagnosisHasEveryKeyToo) {
  EXPECT_EQ(json::parse(report::doctor_json({})), json({{"schema", "bringup.doctor/1"},
                                                        {"findings", json::array()},
                                                        {"rules_run", 0},
                                                        {"rules_not_run", json::array()}}));
}

}  // namespace
