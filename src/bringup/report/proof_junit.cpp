// SPDX-License-Identifier: Apache-2.0
// Verdicts as JUnit's XML, which every CI reads.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Verdict;

bool is_failure(const Verdict& verdict) {
  return verdict.outcome == Outcome::fail;
}

bool is_skipped(const Verdict& verdict) {
  return verdict.outcome == Outcome::not_measured || verdict.outcome == Outcome::inconclusive;
}

std::string class_of(const Verdict& verdict) {
  if (const std::string_view env = environment_of(verdict); !env.empty())
    return fmt::format("bringup.environment {}", env);
  if (verdict.gpus.empty()) return "bringup.machine";
  return "bringup.gpu " + base::join(verdict.gpus, " to ");
}

std::string message_of(const Verdict& verdict) {
  std::string words(diagnose::outcome_name(verdict.outcome));
  if (verdict.measured) words += ": " + human(verdict.measured->value, verdict.measured->unit);
  if (verdict.expected)
    words += fmt::format("{} expected {}", verdict.measured ? "," : ":",
                         human(verdict.expected->value, verdict.expected->unit));
  if (!verdict.why.empty())
    words += fmt::format("{} {}", verdict.measured || verdict.expected ? ";" : ":", reason_of(verdict));
  return words;
}

void test_case(Html& xml, const Verdict& verdict, int number) {
  xml.raw("    <testcase classname=\"").text(class_of(verdict)).raw("\" name=\"").text(verdict.check);
  if (number > 1) xml.raw(fmt::format(" #{}", number));
  xml.raw("\">");
  if (is_failure(verdict)) {
    xml.raw("<failure message=\"").text(message_of(verdict)).raw("\"/>");
  } else if (is_skipped(verdict)) {
    xml.raw("<skipped message=\"").text(message_of(verdict)).raw("\"/>");
  } else {
    xml.raw("<system-out>").text(message_of(verdict)).raw("</system-out>");
  }
  xml.raw("</testcase>\n");
}

}  // namespace

std::string proof_junit(const ProofReport& report) {
  const std::vector<int> numbers = case_numbers(report.verdicts);
  const std::string counts =
      fmt::format(" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3f}\"",
                  report.verdicts.size(), std::ranges::count_if(report.verdicts, is_failure),
                  std::ranges::count_if(report.verdicts, is_skipped), report.elapsed_seconds);
  Html xml;
  xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bringup\"").raw(counts).raw(">\n");
  xml.raw("  <testsuite name=\"verify\"").raw(counts);
  if (!report.made_at.empty()) {
    // JUnit's timestamps name no time zone.
    std::string_view made = report.made_at;
    if (made.ends_with('Z')) made.remove_suffix(1);
    xml.raw(" timestamp=\"").text(made).raw("\"");
  }
  xml.raw(">\n    <properties><property name=\"version\" value=\"").text(report.version);
  xml.raw("\"/><property name=\"overall\" value=\"").raw(diagnose::outcome_name(report.overall));
  xml.raw("\"/></properties>\n");
  for (std::size_t i = 0; i < report.verdicts.size(); ++i) test_case(xml, report.verdicts[i], numbers[i]);
  xml.raw("  </testsuite>\n</testsuites>\n");
  return std::move(xml).take();
}

}  // namespace bringup::report
