// SPDX-License-Identifier: Apache-2.0
// Every speed of every GPU as a bar beside its siblings; speeds between GPUs as a map and as curves.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Verdict;

bool is_speed(const Verdict& verdict) {
  return verdict.gpus.size() == 1 && verdict.measured && verdict.measured->unit.ends_with("/s");
}

std::vector<std::string> figures_of(const ProofView& view) {
  std::vector<std::string> checks;
  for (const Verdict& verdict : view.report.verdicts) {
    if (is_speed(verdict) && std::ranges::find(checks, verdict.check) == checks.end())
      checks.push_back(verdict.check);
  }
  return checks;
}

struct Bars {
  std::vector<const Verdict*> verdicts;
  double most = 0;
  double middle = 0;  // of the GPUs
  bool alike = true;  // all expect the same
};

Bars bars_of(const ProofView& view, std::string_view check) {
  Bars bars;
  std::vector<double> values;
  for (const ProofGpu& gpu : view.gpus) {
    const Verdict* verdict = view.find(check, gpu.pci);
    if (verdict == nullptr) continue;
    bars.verdicts.push_back(verdict);
    if (verdict->expected != bars.verdicts.front()->expected) bars.alike = false;
    if (verdict->measured) values.push_back(verdict->measured->value);
    if (verdict->expected) bars.most = std::max(bars.most, verdict->expected->value);
  }
  for (const double value : values) bars.most = std::max(bars.most, value);
  bars.middle = median(values);
  return bars;
}

void bar_row(Html& html, const ProofView& view, const Bars& bars, const Verdict& verdict) {
  const auto part = [&bars](double value) { return bars.most > 0 ? 100 * value / (bars.most * 1.02) : 0; };
  html.raw("<tr><th scope=\"row\">").text(view.label(verdict.gpus[0]));
  html.raw(
      "<td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
  html.box(0, 0, 100, 10, "ground");
  if (verdict.measured)
    html.box(0, 0, part(verdict.measured->value), 10, "value " + std::string(outcome_class(verdict.outcome)));
  if (bars.verdicts.size() > 1) html.line(part(bars.middle), 0, part(bars.middle), 10, "sibling");
  if (verdict.expected)
    html.line(part(verdict.expected->value), 0, part(verdict.expected->value), 10, "expected");
  html.raw("</svg><td class=\"num\">");
  if (verdict.measured) html.figure(verdict.measured->value, verdict.measured->unit);
  if (!bars.alike && verdict.expected)
    html.raw(" <small>of ").figure(verdict.expected->value, verdict.expected->unit).raw("</small>");
  html.raw("<td>").outcome(verdict.outcome).raw("\n");
}

void bar_table(Html& html, const ProofView& view, std::string_view check) {
  const Bars bars = bars_of(view, check);
  html.raw("<table class=\"bars\"><caption>").text(check_title(check));
  const Verdict& first = *bars.verdicts.front();
  if (first.expected && bars.alike) {
    html.raw(" <small>expected ").figure(first.expected->value, first.expected->unit).raw("</small>");
  } else if (!first.expected) {
    html.raw(" <small>no expectation</small>");
  }
  html.raw(
      "</caption><thead class=\"unseen\"><tr><th scope=\"col\">GPU<th scope=\"col\">Bar<th scope=\"col\">"
      "Measured<th scope=\"col\">Verdict<tbody>\n");
  for (const Verdict* verdict : bars.verdicts) bar_row(html, view, bars, *verdict);
  html.raw("</table>\n");
}

// A tenth of what was expected is one step of shade.
int shade_of(const Verdict& verdict, double most) {
  const double whole = verdict.expected ? verdict.expected->value : most;
  if (!(whole > 0)) return 0;
  return std::clamp(static_cast<int>(std::lround(10 * verdict.measured->value / whole)), 0, 10);
}

void map_cell(Html& html, const Verdict* verdict, double most) {
  if (verdict == nullptr) {
    html.raw("<td class=\"self\">·");
    return;
  }
  const bool odd = badness(verdict->outcome) >= badness(Outcome::warn);
  if (!verdict->measured) {
    html.raw("<td>").outcome(verdict->outcome);
    return;
  }
  html.raw("<td class=\"q").number(shade_of(*verdict, most));
  if (odd) html.raw(" odd ").raw(outcome_class(verdict->outcome));
  html.raw("\"");
  const std::string digits = exact(verdict->measured->value);
  html.raw(" data-value=\"").raw(digits).raw("\" title=\"").raw(digits).raw(" B/s\">");
  html.text(
      fmt::format("{:.{}f}", verdict->measured->value / 1e9, verdict->measured->value < 99.95e9 ? 1 : 0));
  if (odd) html.raw("<br>").outcome(verdict->outcome);
}

void pair_map(Html& html, const ProofView& view) {
  std::vector<double> values;
  std::optional<facts::Expectation> expected;
  for (const Verdict& verdict : view.report.verdicts) {
    if (verdict.check != "gpu-pair-speed" || !verdict.measured) continue;
    values.push_back(verdict.measured->value);
    if (verdict.expected) expected = verdict.expected;
  }
  if (values.empty()) return;
  const double most = std::ranges::max(values);
  html.raw("<h3>Pair by pair</h3>\n<p>Copies from the GPU of the row to the GPU of the column, in GB/s");
  if (expected)
    html.raw("; the darker, the nearer to what was expected, ").figure(expected->value, expected->unit);
  html.raw(".</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Copies between GPUs\">");
  html.raw("<table class=\"map")
      .raw(view.gpus.size() > 8 ? " dense" : "")
      .raw("\"><caption class=\"unseen\">");
  html.raw("Copies between GPUs, GB/s</caption><thead><tr><th scope=\"col\">from \\ to");
  for (const ProofGpu& gpu : view.gpus) html.raw("<th scope=\"col\" class=\"num\">").text(gpu.label);
  html.raw("<tbody>\n");
  for (const ProofGpu& from : view.gpus) {
    html.raw("<tr><th scope=\"row\">").text(from.label);
    for (const ProofGpu& to : view.gpus)
      map_cell(html, from.pci == to.pci ? nullptr : view.find("gpu-pair-speed", from.pci, to.pci), most);
    html.raw("\n");
  }
  html.raw("</table></div>\n");
}

constexpr double kCurveWidth = 480;
constexpr double kCurveHeight = 260;
constexpr double kLeft = 44;
constexpr double kRight = 372;
constexpr double kTop = 14;
constexpr double kBottom = 228;

struct Axes {
  double least = 0;  // log2 of bytes
  double most = 1;
  double top = 1;  // bytes per second
  double x(std::uint64_t bytes) const {
    const double at = std::log2(static_cast<double>(std::max<std::uint64_t>(bytes, 1)));
    return most > least ? kLeft + (kRight - kLeft) * (at - least) / (most - least) : (kLeft + kRight) / 2;
  }
  double y(double value) const { return kBottom - (kBottom - kTop) * value / top; }
};

using Collectives = std::vector<facts::Collective>;

const Verdict* verdict_of(const ProofView& view, const facts::Collective& one) {
  const std::string check = "gpu-" + one.kind;
  for (const Verdict& verdict : view.report.verdicts) {
    if (verdict.check == check) return &verdict;
  }
  return nullptr;
}

Axes axes_of(const ProofView& view, const Collectives& collectives) {
  Axes axes{.least = 1e9, .most = 0, .top = 0};
  for (const facts::Collective& one : collectives) {
    for (const facts::CollectiveStep& step : one.steps) {
      if (!step.bus) continue;
      const double at = std::log2(static_cast<double>(std::max<std::uint64_t>(step.bytes, 1)));
      axes.least = std::min(axes.least, at);
      axes.most = std::max(axes.most, at);
      axes.top = std::max(axes.top, step.bus->median);
    }
    const Verdict* verdict = verdict_of(view, one);
    if (verdict != nullptr && verdict->expected) axes.top = std::max(axes.top, verdict->expected->value);
  }
  axes.top *= 1.05;
  return axes;
}

void draw_axes(Html& html, const Axes& axes) {
  const double step = tick_of(axes.top, 5);
  for (int i = 0; i * step <= axes.top; ++i) {
    const double value = i * step;
    html.line(kLeft, axes.y(value), kRight, axes.y(value), "grid");
    html.svg_text(kLeft - 6, axes.y(value) + 3, "small end", fmt::format("{:.0f}", value / 1e9));
  }
  html.svg_text(2, 10, "small", "GB/s");
  const int every = std::max(1, static_cast<int>(std::ceil((axes.most - axes.least) / 5)));
  for (int at = static_cast<int>(std::ceil(axes.least)); at <= static_cast<int>(axes.most); at += every) {
    const std::uint64_t bytes = std::uint64_t{1} << static_cast<unsigned>(std::clamp(at, 0, 62));
    html.line(axes.x(bytes), kBottom, axes.x(bytes), kBottom + 4, "grid");
    html.svg_text(axes.x(bytes), kBottom + 16, "small middle", base::human_bytes(bytes));
  }
}

void draw_curve(Html& html, const Axes& axes, const facts::Collective& one, std::size_t number) {
  const std::string style = fmt::format("curve c{}", number % 4);
  std::string path;
  for (const facts::CollectiveStep& step : one.steps) {
    if (!step.bus) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", axes.x(step.bytes),
                        axes.y(step.bus->median));
  }
  html.raw("<path class=\"").raw(style).raw("\" d=\"").raw(path).raw("\"/>");
  for (const facts::CollectiveStep& step : one.steps) {
    if (!step.bus) continue;
    html.raw("<circle").attribute("cx", axes.x(step.bytes)).attribute("cy", axes.y(step.bus->median));
    html.raw(" r=\"3\" class=\"dot c").number(static_cast<double>(number % 4)).raw("\"/>");
  }
}

struct Label {
  double y;
  std::string words;
};

// Names at the right end of the curves, moved apart where they would touch.
void draw_labels(Html& html, std::vector<Label> labels) {
  std::ranges::sort(labels, {}, &Label::y);
  double free = 8;
  for (const Label& label : labels) {
    const double y = std::max(label.y + 3, free);
    html.svg_text(kRight + 8, y, "small", label.words);
    free = y + 13;
  }
  html.raw("</svg>");
}

void curve_table(Html& html, const Collectives& collectives) {
  html.raw(
      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Collectives over "
      "sizes\"><table><caption>"
      "What each link carried</caption><thead><tr><th scope=\"col\">Size");
  std::vector<std::uint64_t> sizes;
  for (const facts::Collective& one : collectives) {
    html.raw("<th scope=\"col\" class=\"num\">").text(one.kind).raw(" <small>").text(one.by).raw("</small>");
    for (const facts::CollectiveStep& step : one.steps) sizes.push_back(step.bytes);
  }
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  html.raw("<tbody>\n");
  for (const std::uint64_t size : sizes) {
    html.raw("<tr><th scope=\"row\">").text(base::human_bytes(size));
    for (const facts::Collective& one : collectives) {
      html.raw("<td class=\"num\">");
      const auto step = std::ranges::find(one.steps, size, &facts::CollectiveStep::bytes);
      if (step == one.steps.end()) continue;
      step->bus ? html.figure(step->bus->median, "B/s") : html.text(step->bus.error().message());
    }
    html.raw("\n");
  }
  html.raw("</table></div>\n");
}

void curves(Html& html, const ProofView& view, const Collectives& collectives) {
  const Axes axes = axes_of(view, collectives);
  if (!(axes.top > 0)) return;
  html.raw(
      "<h3>All together</h3>\n<p>What each link carried while all GPUs summed or gathered, over the size of "
      "the data.</p>\n"
      "<figure class=\"curves\">");
  html.drawing("curves", kCurveWidth, kCurveHeight, "Speed of collectives over sizes",
               "The table below has its figures.");
  draw_axes(html, axes);
  std::vector<Label> labels;
  for (std::size_t i = 0; i < collectives.size(); ++i) {
    const facts::Collective& one = collectives[i];
    draw_curve(html, axes, one, i);
    const auto last = std::ranges::find_if(one.steps.rbegin(), one.steps.rend(),
                                           [](const auto& step) { return step.bus.operator bool(); });
    if (last == one.steps.rend()) continue;
    labels.push_back(
        {axes.y(last->bus->median), fmt::format("{} {:.0f}", one.kind, last->bus->median / 1e9)});
    const Verdict* verdict = verdict_of(view, one);
    if (verdict == nullptr || !verdict->expected) continue;
    const double y = axes.y(verdict->expected->value);
    html.line(kRight - 24, y, kRight + 4, y, "expected");
    labels.push_back({y, fmt::format("expected {:.0f}", verdict->expected->value / 1e9)});
  }
  draw_labels(html, std::move(labels));
  html.raw("</figure>\n");
  curve_table(html, collectives);
}

}  // namespace

void page_figures(Html& html, const ProofView& view) {
  const std::vector<std::string> checks = figures_of(view);
  if (checks.empty()) return;
  html.section("speeds", "Each GPU");
  html.raw("<p>Each bar is what was measured. The solid mark is what was expected");
  if (view.gpus.size() > 1) html.raw(", the dotted one the middle of the GPUs");
  html.raw(".</p>\n<div class=\"cards\">\n");
  for (const std::string& check : checks) bar_table(html, view, check);
  html.raw("</div>\n").end_section();
}

void page_pairs(Html& html, const ProofView& view) {
  if (view.native == nullptr || view.gpus.size() < 2) return;
  html.section("between", "Between the GPUs");
  if (!view.native->pairs)
    html.raw("<p>Copies between GPUs were not measured: ")
        .text(view.native->pairs.error().message())
        .raw(".</p>\n");
  pair_map(html, view);
  if (view.native->collectives) {
    curves(html, view, *view.native->collectives);
  } else {
    html.raw("<p>Collectives were not measured: ")
        .text(view.native->collectives.error().message())
        .raw(".</p>\n");
  }
  html.end_section();
}

}  // namespace bringup::report
