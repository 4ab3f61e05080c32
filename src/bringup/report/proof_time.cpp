// SPDX-License-Identifier: Apache-2.0
// Power, clocks and temperature of each GPU while it was proven, with the phases of the proof behind them.
#include <bringup/base/text.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace bringup::report {
namespace {

using facts::LoadSample;
using Samples = std::vector<LoadSample>;

constexpr double kWidth = 480;
constexpr double kLeft = 62;
constexpr double kRight = 476;
constexpr double kLane = 38;
constexpr double kFirstLane = 20;
constexpr double kLaneGap = 11;
constexpr double kHeight = kFirstLane + 3 * (kLane + kLaneGap) + 10;
constexpr std::size_t kMostPoints = 240;

struct Lane {
  const char* name;
  const char* unit;
  std::optional<double> LoadSample::*value;
};
constexpr std::array<Lane, 3> kLanes{{{"power", "W", &LoadSample::watts},
                                      {"clock", "MHz", &LoadSample::sm_megahertz},
                                      {"heat", "°C", &LoadSample::celsius}}};

struct Reason {
  std::uint64_t bits;
  const char* name;
};
// NVML's bits for what holds a clock back. Idle (1) and settings of an application (2) are none.
constexpr std::array<Reason, 5> kReasons{{{0x4, "power cap"},
                                          {0x20, "heat (software)"},
                                          {0x40, "heat (hardware)"},
                                          {0x80, "power brake"},
                                          {0x10, "sync boost"}}};
constexpr std::uint64_t kHeldBack = 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80;

struct Span {
  double least = 0;
  double most = 0;
  bool any = false;
};

Span span_of(const Samples& samples, std::optional<double> LoadSample::*value) {
  Span span;
  for (const LoadSample& sample : samples) {
    if (!(sample.*value)) continue;
    const double one = *(sample.*value);
    span.least = span.any ? std::min(span.least, one) : one;
    span.most = span.any ? std::max(span.most, one) : one;
    span.any = true;
  }
  return span;
}

double seconds_of(const facts::NativeProof& proof) {
  double end = proof.seconds;
  for (const facts::PhaseTime& phase : proof.phases) end = std::max(end, phase.began_seconds + phase.seconds);
  for (const facts::NativeGpu& gpu : proof.gpus) {
    if (gpu.load && !gpu.load->empty()) end = std::max(end, gpu.load->back().at_seconds);
  }
  return std::max(end, 1e-3);
}

double x_of(double seconds, double whole) {
  return kLeft + (kRight - kLeft) * std::clamp(seconds / whole, 0.0, 1.0);
}

void draw_phases(Html& html, const facts::NativeProof& proof, double whole) {
  bool shaded = false;
  double free = 0;
  for (const facts::PhaseTime& phase : proof.phases) {
    const double x = x_of(phase.began_seconds, whole);
    const double width = x_of(phase.began_seconds + phase.seconds, whole) - x;
    if (shaded) html.box(x, kFirstLane - 4, width, kHeight - kFirstLane - 10, "phase");
    shaded = !shaded;
    const double needs = 5.2 * static_cast<double>(base::display_width(phase.name));
    if (width + 6 < needs || x < free) continue;
    html.svg_text(x + 1, 10, "small", phase.name);
    free = x + needs + 4;
  }
}

// The least and the most of each piece of a long row of samples, so that no peak is lost.
std::string path_of(const Samples& samples, std::optional<double> LoadSample::*value, const Span& span,
                    double top, double whole) {
  const double height = span.most > span.least ? span.most - span.least : 1;
  const std::size_t piece = std::max<std::size_t>(1, (2 * samples.size() + kMostPoints - 1) / kMostPoints);
  std::string path;
  const auto point = [&](const LoadSample& sample) {
    const double y = top + kLane - kLane * (*(sample.*value) - span.least) / height;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x_of(sample.at_seconds, whole), y);
  };
  for (std::size_t from = 0; from < samples.size(); from += piece) {
    const LoadSample* least = nullptr;
    const LoadSample* most = nullptr;
    for (std::size_t i = from; i < std::min(from + piece, samples.size()); ++i) {
      const LoadSample& sample = samples[i];
      if (!(sample.*value)) continue;
      if (least == nullptr || *(sample.*value) < *(least->*value)) least = &sample;
      if (most == nullptr || *(sample.*value) > *(most->*value)) most = &sample;
    }
    if (least == nullptr) continue;
    if (least == most || most == nullptr) {
      point(*least);
      continue;
    }
    point(least->at_seconds < most->at_seconds ? *least : *most);
    point(least->at_seconds < most->at_seconds ? *most : *least);
  }
  return path;
}

void draw_lane(Html& html, const Samples& samples, const Lane& lane, double top, double whole) {
  const Span span = span_of(samples, lane.value);
  html.svg_text(0, top + 10, "small strong", lane.name);
  if (!span.any) {
    html.svg_text(kLeft + 4, top + 22, "small", "not read");
    return;
  }
  html.svg_text(0, top + 22, "small", fmt::format("{:.0f}–{:.0f}", span.least, span.most));
  html.svg_text(0, top + 33, "small", lane.unit);
  html.line(kLeft, top + kLane, kRight, top + kLane, "grid");
  html.raw("<path class=\"trace\" d=\"").raw(path_of(samples, lane.value, span, top, whole)).raw("\"/>\n");
}

// A bar below the clock while something held it back.
void draw_held(Html& html, const Samples& samples, double y, double whole) {
  for (std::size_t i = 0; i < samples.size();) {
    std::size_t end = i;
    while (end < samples.size() && (samples[end].reasons.value_or(0) & kHeldBack) != 0) ++end;
    if (end == i) {
      ++i;
      continue;
    }
    const double from = x_of(samples[i].at_seconds, whole);
    const double to = x_of(samples[std::min(end, samples.size() - 1)].at_seconds, whole);
    html.box(from, y, std::max(to - from, 2.0), 4, "held");
    i = end;
  }
}

std::string held_words(const Samples& samples) {
  std::string words;
  for (const Reason& reason : kReasons) {
    const auto count = std::ranges::count_if(samples, [&reason](const LoadSample& sample) {
      return (sample.reasons.value_or(0) & reason.bits) != 0;
    });
    if (count > 0)
      words += fmt::format("{}{} in {} of {} looks", words.empty() ? "" : ", ", reason.name, count,
                           samples.size());
  }
  return words.empty() ? "nothing" : words;
}

void draw_gpu(Html& html, const facts::NativeProof& proof, const ProofGpu& gpu, const Samples& samples,
              double whole) {
  const std::string id = fmt::format("time-{}", gpu.native->index);
  html.raw("<figure class=\"time\"><figcaption>").text(gpu.label).raw("</figcaption>");
  html.drawing(id, kWidth, kHeight, gpu.label + " over time",
               "The table below has its highest and lowest values.");
  draw_phases(html, proof, whole);
  double top = kFirstLane;
  for (const Lane& lane : kLanes) {
    draw_lane(html, samples, lane, top, whole);
    if (lane.value == &LoadSample::sm_megahertz) draw_held(html, samples, top + kLane + 1, whole);
    top += kLane + kLaneGap;
  }
  const double step = tick_of(whole, 6);
  for (int i = 0; i * step <= whole; ++i)
    html.svg_text(std::min(x_of(i * step, whole), kRight - 8), kHeight - 2, "small middle",
                  fmt::format("{:g} s", i * step));
  html.raw("</svg></figure>\n");
}

void span_cell(Html& html, const Samples& samples, std::optional<double> LoadSample::*value,
               const char* unit) {
  const Span span = span_of(samples, value);
  html.raw("<td class=\"num\">");
  if (!span.any) {
    html.raw("not read");
    return;
  }
  html.text(fmt::format("{:.0f} to {:.0f} {}", span.least, span.most, unit));
}

void time_table(Html& html, const ProofView& view) {
  html.raw(
      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Load\"><table><caption>Lowest and "
      "highest"
      "</caption><thead><tr><th scope=\"col\">GPU<th scope=\"col\" class=\"num\">Power<th scope=\"col\" "
      "class=\"num\">"
      "Clock<th scope=\"col\" class=\"num\">Temperature<th scope=\"col\">Clock held back by<tbody>\n");
  for (const ProofGpu& gpu : view.gpus) {
    if (gpu.native == nullptr) continue;
    html.raw("<tr><th scope=\"row\">").text(gpu.label);
    if (!gpu.native->load) {
      html.raw("<td colspan=\"4\">").text(gpu.native->load.error().message()).raw("\n");
      continue;
    }
    for (const Lane& lane : kLanes) span_cell(html, *gpu.native->load, lane.value, lane.unit);
    html.raw("<td>").text(held_words(*gpu.native->load)).raw("\n");
  }
  html.raw("</table></div>\n");
}

void phase_table(Html& html, const facts::NativeProof& proof) {
  if (proof.phases.empty()) return;
  html.raw(
      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Phases\"><table><caption>Phases of "
      "the proof"
      "</caption><thead><tr><th scope=\"col\">Phase<th scope=\"col\" class=\"num\">Began<th scope=\"col\" "
      "class=\"num\">"
      "Took<tbody>\n");
  for (const facts::PhaseTime& phase : proof.phases)
    html.raw("<tr><th scope=\"row\">")
        .text(phase.name)
        .raw("<td class=\"num\">")
        .text(fmt::format("{:.2f} s", phase.began_seconds))
        .raw("<td class=\"num\">")
        .text(fmt::format("{:.2f} s", phase.seconds))
        .raw("\n");
  html.raw("</table></div>\n");
}

}  // namespace

void page_time(Html& html, const ProofView& view) {
  if (view.native == nullptr) return;
  const double whole = seconds_of(*view.native);
  html.section("time", "Over time");
  html.raw(
      "<p>Power, clock and temperature of each GPU. Shades are the phases of the proof; a thick mark below "
      "the clock says "
      "that something held it back.</p>\n<div class=\"times\">\n");
  for (const ProofGpu& gpu : view.gpus) {
    if (gpu.native != nullptr && gpu.native->load && !gpu.native->load->empty())
      draw_gpu(html, *view.native, gpu, *gpu.native->load, whole);
  }
  html.raw("</div>\n");
  time_table(html, view);
  phase_table(html, *view.native);
  html.end_section();
}

}  // namespace bringup::report
