// SPDX-License-Identifier: Apache-2.0
// What is wrong, for people and for programs.
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/words.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

constexpr std::size_t kSeverityWidth = 6;            // "fail", "warn", "info" and a gap
constexpr std::array<std::size_t, 1> kPartWidth{4};  // "seen", "GPUs", "fix"
constexpr std::array<std::size_t, 1> kFindingWidth{kSeverityWidth - 2};

Cell verdict(const diagnose::Diagnosis& diagnosis) {
  const auto count = [&diagnosis](bool (*of)(diagnose::Severity)) {
    return static_cast<std::size_t>(std::ranges::count_if(
        diagnosis.findings, [of](const diagnose::Finding& finding) { return of(finding.severity); }));
  };
  const std::size_t broken =
      count([](diagnose::Severity severity) { return severity == diagnose::Severity::fail; });
  const std::size_t known =
      count([](diagnose::Severity severity) { return severity == diagnose::Severity::info; });
  const std::size_t mend = diagnosis.findings.size() - known;
  std::string words = mend == 0 ? "nothing to fix" : fmt::format("{} to fix", mend);
  if (known > 0) words += fmt::format(", {} to know", known);
  if (diagnosis.rules_run == 0) words = "nothing could be said";
  words +=
      fmt::format("; {} looked", counted(static_cast<std::size_t>(std::max(diagnosis.rules_run, 0)), "rule"));
  if (!diagnosis.not_run.empty()) words += fmt::format(", {} could not", diagnosis.not_run.size());
  const Tone tone = broken > 0                             ? Tone::bad
                    : mend > 0 || diagnosis.rules_run == 0 ? Tone::caution
                                                           : Tone::good;
  return {std::move(words), tone};
}

// One line is quoted behind its source; several stand below it, each marked, so that none reads as our own.
void add_evidence(std::vector<Row>& rows, const std::vector<diagnose::Evidence>& evidence) {
  std::string label = "seen";
  for (const diagnose::Evidence& one : evidence) {
    const std::string safe = base::harmless(one.text);
    const auto lines = base::lines(safe);
    std::string text = plain(one.source);
    if (lines.size() == 1)
      text += fmt::format("{}\"{}\"", text.empty() ? "" : ": ", lines[0]);
    else
      for (const std::string_view line : lines) text += fmt::format("\n| {}", line);
    rows.push_back({{std::move(label), Tone::dim}, {std::move(text)}});
    label.clear();
  }
}

void finding_block(Page& page, const diagnose::Finding& finding) {
  page.blank();
  page.row({severity_cell(finding.severity),
            {fmt::format("{} ({})", plain(finding.title), plain(finding.id)), Tone::strong}},
           0, kFindingWidth);
  if (!finding.why.empty()) page.paragraph({plain(finding.why)}, kSeverityWidth);
  std::vector<Row> rows;
  add_evidence(rows, finding.evidence);
  if (!finding.gpus.empty()) rows.push_back({{"GPUs", Tone::dim}, {plain(base::join(finding.gpus, ", "))}});
  // The summary is the command; the steps that do the same stand in the document for programs.
  if (!finding.fix.summary.empty()) rows.push_back({{"fix", Tone::dim}, {plain(finding.fix.summary)}});
  page.table(rows, kSeverityWidth, kPartWidth);
}

// Rules that share a reason share a line.
void not_run_block(Page& page, const std::vector<diagnose::NotRun>& not_run) {
  if (not_run.empty()) return;
  page.heading("Could not look");
  std::vector<std::pair<std::string, std::string>> groups;
  for (const diagnose::NotRun& one : not_run) {
    const std::string why = plain(one.why);
    const auto at = std::ranges::find(groups, why, &std::pair<std::string, std::string>::first);
    if (at == groups.end())
      groups.emplace_back(why, plain(one.id));
    else
      at->second += ", " + plain(one.id);
  }
  for (const auto& [why, ids] : groups) {
    page.paragraph({why}, 2);
    page.paragraph({ids, Tone::dim}, 4);
  }
}

}  // namespace

Cell severity_cell(diagnose::Severity severity) {
  const Tone tone = severity == diagnose::Severity::fail   ? Tone::bad
                    : severity == diagnose::Severity::warn ? Tone::caution
                                                           : Tone::dim;
  return {std::string(diagnose::severity_name(severity)), tone};
}

std::string doctor_text(const diagnose::Diagnosis& diagnosis, const Style& style) {
  Page page(style);
  page.paragraph(verdict(diagnosis));
  for (const diagnose::Finding& finding : diagnosis.findings) finding_block(page, finding);
  not_run_block(page, diagnosis.not_run);
  return std::move(page).take();
}

std::string doctor_json(const diagnose::Diagnosis& diagnosis) {
  ordered_json json = {{"schema", "bringup.doctor/1"}, {"findings", ordered_json::array()}};
  for (const diagnose::Finding& finding : diagnosis.findings) {
    ordered_json evidence = ordered_json::array();
    for (const diagnose::Evidence& one : finding.evidence)
      evidence.push_back({{"source", one.source}, {"text", one.text}});
    ordered_json steps = ordered_json::array();
    for (const steps::Step& step : finding.fix.steps) steps.push_back(step_json(step));
    json["findings"].push_back({{"id", finding.id},
                                {"severity", diagnose::severity_name(finding.severity)},
                                {"title", finding.title},
                                {"why", finding.why},
                                {"evidence", std::move(evidence)},
                                {"fix", {{"summary", finding.fix.summary}, {"steps", std::move(steps)}}},
                                {"gpus", finding.gpus}});
  }
  json["rules_run"] = diagnosis.rules_run;
  json["rules_not_run"] = ordered_json::array();
  for (const diagnose::NotRun& one : diagnosis.not_run)
    json["rules_not_run"].push_back({{"id", one.id}, {"why", one.why}});
  return written(json);
}

}  // namespace bringup::report
