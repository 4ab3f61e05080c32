// SPDX-License-Identifier: Apache-2.0
// What needs attention, every verdict with where its expectation comes from, and what the proof does not say.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Verdict;

constexpr std::size_t kMostAttention = 24;

bool needs_attention(const Verdict& verdict) {
  return verdict.outcome != Outcome::pass && verdict.outcome != Outcome::info;
}

void figures(Html& html, const Verdict& verdict) {
  if (verdict.measured) html.figure(verdict.measured->value, verdict.measured->unit);
  if (!verdict.expected) return;
  html.raw(verdict.measured ? ", expected " : "expected ")
      .figure(verdict.expected->value, verdict.expected->unit);
}

void attention_item(Html& html, const ProofView& view, const Verdict& verdict) {
  html.raw("<li>").outcome(verdict.outcome).raw(" <b>").text(view.about(verdict)).raw(", ");
  html.text(check_title(verdict.check)).raw("</b> ");
  figures(html, verdict);
  if (!verdict.why.empty()) html.raw("<br>").text(reason_of(verdict));
  html.raw("</li>\n");
}

// Where expectations come from, each once: the rows of the table refer to them by number.
struct Notes {
  std::vector<std::string> sources;

  std::size_t number(const std::string& source) {
    const auto at = std::ranges::find(sources, source);
    if (at != sources.end()) return static_cast<std::size_t>(at - sources.begin()) + 1;
    sources.push_back(source);
    return sources.size();
  }
};

void verdict_row(Html& html, Notes& notes, const Verdict& verdict) {
  html.raw("<tr><td>")
      .outcome(verdict.outcome)
      .raw("<th scope=\"row\">")
      .text(check_title(verdict.check))
      .raw("<td class=\"num\">");
  if (verdict.measured) html.figure(verdict.measured->value, verdict.measured->unit);
  html.raw("<td class=\"num\">");
  if (verdict.expected) {
    html.figure(verdict.expected->value, verdict.expected->unit);
    if (!verdict.expected->source.empty()) {
      const std::string number = fmt::format("{}", notes.number(verdict.expected->source));
      html.raw(" <a href=\"#s")
          .raw(number)
          .raw("\" aria-label=\"source ")
          .raw(number)
          .raw("\">")
          .raw(number)
          .raw("</a>");
    }
  }
  html.raw("<td class=\"why\">").text(reason_of(verdict)).raw("\n");
}

struct Group {
  std::string title;
  std::vector<const Verdict*> verdicts;
};

std::vector<Group> groups_of(const ProofView& view) {
  std::vector<Group> groups;
  for (const Verdict& verdict : view.report.verdicts) {
    const std::string title = view.about(verdict);
    auto at = std::ranges::find(groups, title, &Group::title);
    if (at == groups.end()) at = groups.insert(groups.end(), {.title = title, .verdicts = {}});
    at->verdicts.push_back(&verdict);
  }
  return groups;
}

void verdict_table(Html& html, const ProofView& view, Notes& notes) {
  html.raw(
      "<table class=\"verdicts\"><caption>Verdicts, by what they are about</caption><thead><tr><th "
      "scope=\"col\">Verdict"
      "<th scope=\"col\">Check<th scope=\"col\" class=\"num\">Measured<th scope=\"col\" "
      "class=\"num\">Expected<th scope=\"col\">"
      "Why\n");
  for (const Group& group : groups_of(view)) {
    html.raw("<tbody><tr class=\"about\"><th colspan=\"5\" scope=\"rowgroup\">").text(group.title).raw("\n");
    for (const Verdict* verdict : group.verdicts) verdict_row(html, notes, *verdict);
  }
  html.raw("</table>\n");
}

void exposure_row(Html& html, const ProofGpu& gpu) {
  const facts::Exposure& did = gpu.native->exposure;
  html.raw("<tr><th scope=\"row\">").text(gpu.label);
  for (const std::uint64_t bytes :
       {did.bytes_written, did.bytes_read, did.bytes_from_host, did.bytes_to_host, did.bytes_to_peers})
    html.raw("<td class=\"num\">").text(base::human_bytes(bytes));
  html.raw("<td class=\"num\">").text(fmt::format("{:.3g}", did.operations)).raw("<td class=\"num\">");
  html.text(fmt::format("{:.3g}", static_cast<double>(did.results_compared))).raw("\n");
}

void exposures(Html& html, const ProofView& view) {
  html.raw(
      "<h3>How much was tried</h3>\n<p>A pass says that no fault was seen in this much, and nothing about "
      "more.</p>\n"
      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"How much was "
      "tried\"><table><caption>Work of each GPU"
      "</caption><thead><tr><th scope=\"col\">GPU<th scope=\"col\" class=\"num\">Written<th scope=\"col\" "
      "class=\"num\">Read"
      "<th scope=\"col\" class=\"num\">From host<th scope=\"col\" class=\"num\">To host<th scope=\"col\" "
      "class=\"num\">To GPUs"
      "<th scope=\"col\" class=\"num\">Operations<th scope=\"col\" class=\"num\">Compared<tbody>\n");
  for (const ProofGpu& gpu : view.gpus) {
    if (gpu.native != nullptr) exposure_row(html, gpu);
  }
  html.raw("</table></div>\n");
}

bool is_unmeasured(const Verdict& verdict) {
  return verdict.outcome == Outcome::not_measured || verdict.outcome == Outcome::inconclusive ||
         (verdict.outcome == Outcome::info && verdict.why.starts_with("not measured: "));
}

}  // namespace

void page_attention(Html& html, const ProofView& view) {
  std::vector<const Verdict*> list;
  for (const Verdict& verdict : view.report.verdicts) {
    if (needs_attention(verdict)) list.push_back(&verdict);
  }
  if (list.empty()) return;
  std::ranges::stable_sort(list, std::ranges::greater{},
                           [](const Verdict* one) { return badness(one->outcome); });
  html.section("attention", "What needs attention").raw("<ul class=\"attention\">\n");
  for (std::size_t i = 0; i < std::min(list.size(), kMostAttention); ++i)
    attention_item(html, view, *list[i]);
  html.raw("</ul>\n");
  if (list.size() > kMostAttention)
    html.raw("<p>")
        .number(static_cast<double>(list.size() - kMostAttention))
        .raw(" more stand in <a href=\"#verdicts\">the table of verdicts</a>.</p>\n");
  html.end_section();
}

void page_verdicts(Html& html, const ProofView& view) {
  Notes notes;
  html.section("verdicts", "Every verdict");
  if (view.report.verdicts.empty()) {
    html.raw("<p>None: nothing was measured.</p>\n").end_section();
    return;
  }
  verdict_table(html, view, notes);
  if (!notes.sources.empty()) html.raw("<h3>Where expectations come from</h3>\n<ol class=\"sources\">\n");
  for (std::size_t i = 0; i < notes.sources.size(); ++i)
    html.raw("<li id=\"s")
        .number(static_cast<double>(i + 1))
        .raw("\">")
        .text(notes.sources[i])
        .raw("</li>\n");
  if (!notes.sources.empty()) html.raw("</ol>\n");
  html.end_section();
}

void page_limits(Html& html, const ProofView& view) {
  html.section("limits", "What this proof does not say");
  if (std::ranges::any_of(view.report.verdicts, is_unmeasured)) {
    html.raw("<h3>Not measured</h3>\n<ul>\n");
    for (const Verdict& verdict : view.report.verdicts) {
      if (!is_unmeasured(verdict)) continue;
      html.raw("<li><b>").text(view.about(verdict)).raw(", ").text(check_title(verdict.check)).raw("</b> ");
      html.text(reason_of(verdict)).raw("</li>\n");
    }
    html.raw("</ul>\n");
  }
  if (!view.report.measurements.native) {
    html.raw("<p>Nothing was measured natively: ")
        .text(view.report.measurements.native.error().message())
        .raw(".</p>\n");
    html.end_section();
    return;
  }
  if (!view.native->unseen.empty()) html.raw("<h3>What this level cannot see</h3>\n<ul>\n");
  for (const std::string& words : view.native->unseen) html.raw("<li>").text(words).raw("</li>\n");
  if (!view.native->unseen.empty()) html.raw("</ul>\n");
  exposures(html, view);
  html.end_section();
}

}  // namespace bringup::report
