// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/explain.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/words.hpp>

#include <fmt/format.h>

#include <array>

namespace bringup::report {
namespace {

using diagnose::Explanation;

constexpr std::array<std::size_t, 1> kLabelWidth{5};  // "cause", "here", "known"
constexpr std::size_t kQuoted = 200;

std::string where(const Explanation& one) {
  if (one.what.count == 0) return "";
  return fmt::format("line {}{}: ", one.what.first_line,
                     one.what.count == 1 ? "" : fmt::format(", {} times", one.what.count));
}

std::string blamed(std::string_view blame) {
  if (blame == "hardware") return " (hardware)";
  if (blame == "program") return " (the program)";
  if (blame == "driver") return " (driver or firmware)";
  if (blame == "link") return " (a link between GPUs)";
  return "";
}

std::string source_of(const Explanation& one) {
  return fmt::format("{}, {} {}", one.from.source, catalog::known_name(one.from.known), one.from.as_of);
}

// Several sentences stand below each other behind one label.
void add(std::vector<Row>& rows, std::string_view label, const std::vector<std::string>& sentences,
         Tone tone) {
  for (std::size_t i = 0; i < sentences.size(); ++i)
    rows.push_back({{i == 0 ? std::string(label) : "", Tone::dim}, {plain(sentences[i]), tone}});
}

void block(Page& page, const Explanation& one) {
  page.blank();
  page.paragraph({where(one) + plain(one.title), Tone::strong});
  std::vector<Row> rows;
  if (!one.what.line.empty()) {
    const std::string line = plain(one.what.line);
    rows.push_back({{"seen", Tone::dim},
                    {fmt::format("\"{}\"", base::fit(line, std::min(kQuoted, base::display_width(line))))}});
  }
  rows.push_back({{"cause", Tone::dim}, {plain(one.cause) + blamed(one.blame)}});
  add(rows, "here", one.here, Tone::plain);
  rows.push_back({{"do", Tone::dim}, {plain(one.todo)}});
  if (!one.rule.empty()) rows.push_back({{"see", Tone::dim}, {fmt::format("bringup doctor {}", one.rule)}});
  rows.push_back({{"from", Tone::dim}, {plain(source_of(one)), Tone::dim}});
  page.table(rows, 2, kLabelWidth);
}

void rule_block(Page& page, const diagnose::Rule& rule) {
  page.paragraph({fmt::format("{} ({})", rule.id, diagnose::severity_name(rule.severity)), Tone::strong});
  for (const std::string_view part : {rule.title, rule.why, rule.fix}) page.paragraph({plain(part)}, 2);
}

ordered_json one_json(const Explanation& one) {
  ordered_json holes = ordered_json::array();
  for (const std::string& hole : one.what.holes) holes.push_back(hole);
  return {{"kind", one.kind},
          {"id", one.id},
          {"title", one.title},
          {"line", one.what.count == 0 ? ordered_json(nullptr) : ordered_json(one.what.first_line)},
          {"count", one.what.count},
          {"text", text_or_null(one.what.line)},
          {"holes", std::move(holes)},
          {"pci", one.what.pci},
          {"blame", text_or_null(one.blame)},
          {"cause", one.cause},
          {"here", one.here},
          {"do", one.todo},
          {"rule", text_or_null(one.rule)},
          {"source", one.from.source},
          {"as_of", one.from.as_of},
          {"known", catalog::known_name(one.from.known)}};
}

}  // namespace

std::string explain_text(const Explained& explained, const Style& style) {
  Page page(style);
  if (explained.rule != nullptr) rule_block(page, *explained.rule);
  if (explained.lines > 1 && !explained.known.empty())
    page.paragraph({fmt::format(
        "{} in {}, in the order in which they came: what comes first is often the cause of the rest",
        counted(explained.known.size(), "thing"), counted(explained.lines, "line"))});
  for (const Explanation& one : explained.known) block(page, one);
  if (explained.known.empty() && explained.rule == nullptr) {
    page.paragraph({explained.lines > 1
                        ? fmt::format("nothing that is known here stands in these {} lines", explained.lines)
                        : "this is not known here",
                    Tone::caution});
    if (explained.guess) {
      page.blank();
      page.paragraph({"A guess, by the words in common; it may be about something else:", Tone::caution});
      block(page, *explained.guess);
    }
  }
  if (explained.not_looked) {
    page.blank();
    page.paragraph({"this machine could not be looked at: " + plain(*explained.not_looked), Tone::dim});
  }
  return std::move(page).take();
}

std::string rules_text(bool whole, const Style& style) {
  Page page(style);
  std::vector<Row> rows;
  for (const diagnose::Rule& rule : diagnose::rules()) {
    if (whole) {
      page.blank();
      rule_block(page, rule);
    }
    rows.push_back(
        {{std::string(rule.id)}, {std::string(diagnose::severity_name(rule.severity))}, {plain(rule.title)}});
  }
  if (!whole) page.table(rows, 0);
  return std::move(page).take();
}

std::string explain_json(const Explained& explained) {
  ordered_json known = ordered_json::array();
  for (const Explanation& one : explained.known) known.push_back(one_json(one));
  ordered_json rule = nullptr;
  if (explained.rule != nullptr)
    rule = {{"id", explained.rule->id},
            {"severity", diagnose::severity_name(explained.rule->severity)},
            {"title", explained.rule->title},
            {"why", explained.rule->why},
            {"fix", explained.rule->fix}};
  return written({{"schema", "bringup.explain/1"},
                  {"lines", explained.lines},
                  {"known", std::move(known)},
                  {"guess", explained.guess ? one_json(*explained.guess) : ordered_json(nullptr)},
                  {"rule", std::move(rule)},
                  {"not_looked", value_or_null(explained.not_looked)}});
}

}  // namespace bringup::report
