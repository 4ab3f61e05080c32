// SPDX-License-Identifier: Apache-2.0
// The proof as one page: its frame, its first sentence, and the words that all parts use.
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace bringup::report {
namespace {

using facts::Outcome;
using facts::Verdict;

template <typename T>
const T* at_address(const std::vector<T>& list, std::string_view pci) {
  const auto found = std::ranges::find(list, pci, &T::pci);
  return found == list.end() ? nullptr : &*found;
}

ProofView view_of(const ProofReport& report) {
  ProofView view{.report = report};
  if (report.measurements.native) view.native = &*report.measurements.native;
  const auto add = [&view](const std::string& pci, std::optional<int> index, const std::string& name) {
    if (const auto at = std::ranges::find(view.gpus, pci, &ProofGpu::pci); at != view.gpus.end()) return;
    view.gpus.push_back({.pci = pci, .label = index ? fmt::format("GPU {}", *index) : pci, .name = name});
  };
  if (view.native != nullptr) {
    for (const facts::NativeGpu& gpu : view.native->gpus) add(gpu.pci, gpu.index, gpu.name);
  }
  if (report.machine.nvml) {
    for (const facts::NvmlGpu& gpu : report.machine.nvml->gpus) add(gpu.pci, gpu.index, gpu.name);
  }
  for (const facts::PciFunction& function : report.machine.pci) {
    if (function.kind == facts::PciKind::gpu) add(function.address, std::nullopt, function.name);
  }
  for (const std::string& pci : judged_gpus(report.verdicts)) add(pci, std::nullopt, "");
  for (ProofGpu& gpu : view.gpus) {
    if (view.native != nullptr) gpu.native = at_address(view.native->gpus, gpu.pci);
    if (report.machine.nvml) gpu.nvml = at_address(report.machine.nvml->gpus, gpu.pci);
  }
  return view;
}

std::string list_of(const std::vector<std::string>& words, std::size_t most) {
  if (words.size() > most) {
    const std::vector<std::string> first(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(most));
    return fmt::format("{} and {} more", base::join(first, ", "), words.size() - most);
  }
  if (words.size() < 2) return words.empty() ? "" : words[0];
  const std::vector<std::string> but_last(words.begin(), words.end() - 1);
  return base::join(but_last, ", ") + " and " + words.back();
}

// "GPU 5 (memory read and memory copy)", for each thing that has verdicts of this outcome.
std::string where_of(const ProofView& view, Outcome outcome) {
  std::vector<std::pair<std::string, std::vector<std::string>>> things;
  for (const Verdict& verdict : view.report.verdicts) {
    if (verdict.outcome != outcome) continue;
    const std::string about = view.about(verdict);
    auto at = std::ranges::find(things, about, [](const auto& one) { return one.first; });
    if (at == things.end()) at = things.insert(things.end(), {about, {}});
    const std::string title = check_title(verdict.check);
    if (std::ranges::find(at->second, title) == at->second.end()) at->second.push_back(title);
  }
  std::vector<std::string> words;
  words.reserve(things.size());
  for (const auto& [about, titles] : things)
    words.push_back(fmt::format("{} ({})", about, list_of(titles, 3)));
  return list_of(words, 3);
}

// Why nothing, or not everything, was measured: what was said of it most.
std::string main_reason(const ProofView& view) {
  std::map<std::string, int> reasons;
  for (const Verdict& verdict : view.report.verdicts) {
    if (verdict.outcome == Outcome::not_measured && !verdict.why.empty())
      ++reasons[std::string(reason_of(verdict))];
  }
  const auto most = std::ranges::max_element(reasons, {}, [](const auto& one) { return one.second; });
  return most == reasons.end() ? "" : most->first;
}

std::size_t proven_count(const ProofView& view) {
  return static_cast<std::size_t>(std::ranges::count_if(
      view.gpus, [&view](const ProofGpu& gpu) { return proven(gpu.pci, view.report.verdicts); }));
}

// "7 of 8 GPUs are proven"
std::string count_sentence(const ProofView& view) {
  const std::size_t sound = proven_count(view);
  if (view.gpus.empty()) return "There is no GPU to measure";
  if (sound == view.gpus.size()) {
    if (sound <= 2) return sound == 1 ? "The GPU is proven" : "Both GPUs are proven";
    return fmt::format("All {} GPUs are proven", sound);
  }
  if (view.gpus.size() == 1) return "The GPU is not proven";
  return fmt::format("{} of {} GPUs are proven", sound == 0 ? std::string("None") : fmt::format("{}", sound),
                     view.gpus.size());
}

void page_header(Html& html, const ProofView& view) {
  const ProofReport& report = view.report;
  html.raw("<header><p class=\"kicker\">bringup ")
      .text(report.version)
      .raw(" · proof of a machine</p>\n<h1>");
  html.text(proof_sentence(view))
      .raw("</h1>\n<dl class=\"facts\"><div><dt>Verdict</dt><dd>")
      .outcome(report.overall);
  html.raw("</dd></div><div><dt>Made</dt><dd><time>")
      .text(report.made_at)
      .raw("</time></dd></div><div><dt>Took</dt><dd>");
  html.figure(report.elapsed_seconds, "s").raw("</dd></div>");
  if (view.native != nullptr) html.raw("<div><dt>Level</dt><dd>").text(view.native->level).raw("</dd></div>");
  std::vector<std::string> names;
  for (const ProofGpu& gpu : view.gpus) names.push_back(gpu.name.empty() ? "unknown" : gpu.name);
  std::ranges::sort(names);
  std::vector<std::string> kinds;
  for (auto at = names.begin(); at != names.end();) {
    const auto end = std::ranges::upper_bound(at, names.end(), *at);
    kinds.push_back(fmt::format("{} × {}", end - at, *at));
    at = end;
  }
  if (!kinds.empty()) html.raw("<div><dt>GPUs</dt><dd>").text(base::join(kinds, ", ")).raw("</dd></div>");
  if (!report.machine.os.name.empty())
    html.raw("<div><dt>System</dt><dd>").text(report.machine.os.name).raw("</dd></div>");
  html.raw("</dl></header>\n");
}

}  // namespace

std::string ProofView::label(std::string_view pci) const {
  const auto found = std::ranges::find(gpus, pci, &ProofGpu::pci);
  return found == gpus.end() ? std::string(pci) : found->label;
}

std::string ProofView::about(const Verdict& verdict) const {
  if (const std::string_view env = environment_of(verdict); !env.empty()) return std::string(env);
  if (verdict.check.starts_with("env-")) return "environments";
  if (verdict.gpus.empty()) return "machine";
  std::vector<std::string> labels;
  for (const std::string& gpu : verdict.gpus) labels.push_back(label(gpu));
  if (labels.size() > 2 && labels.size() == gpus.size()) return "all GPUs";
  return base::join(labels, labels.size() == 2 ? " to " : ", ");
}

const Verdict* ProofView::find(std::string_view check, std::string_view gpu, std::string_view peer) const {
  for (const Verdict& verdict : report.verdicts) {
    if (verdict.check != check || verdict.gpus.size() != (peer.empty() ? 1U : 2U)) continue;
    if (verdict.gpus[0] == gpu && (peer.empty() || verdict.gpus[1] == peer)) return &verdict;
  }
  return nullptr;
}

Outcome ProofView::worst_of(std::string_view gpu) const {
  std::optional<Outcome> worst;
  for (const Verdict& verdict : report.verdicts) {
    if (verdict.gpus.size() != 1 || verdict.gpus[0] != gpu || verdict.outcome == Outcome::info) continue;
    if (!worst || badness(verdict.outcome) > badness(*worst)) worst = verdict.outcome;
  }
  return worst.value_or(Outcome::not_measured);
}

int badness(Outcome outcome) {
  constexpr std::array kBadness{0, 1, 2, 5, 4, 3};  // in the order of the enumeration
  return kBadness.at(static_cast<std::size_t>(outcome));
}

std::string_view outcome_class(Outcome outcome) {
  if (outcome == Outcome::inconclusive) return "open";
  return outcome == Outcome::not_measured ? "none" : diagnose::outcome_name(outcome);
}

std::string check_title(std::string_view check) {
  std::string title(check);
  if (title.starts_with("gpu-") && title.size() > 4) title.erase(0, 4);
  std::ranges::replace(title, '-', ' ');
  return title;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double tick_of(double most, int steps) {
  if (!(most > 0) || !std::isfinite(most)) return 1;
  const double base = std::pow(10.0, std::floor(std::log10(most / steps)));
  for (const double part : {1.0, 2.0, 5.0}) {
    if (base * part * steps >= most) return base * part;
  }
  return base * 10;
}

std::string proof_sentence(const ProofView& view) {
  const Outcome overall = view.report.overall;
  const std::string count = count_sentence(view);
  const std::string where = where_of(view, overall);
  switch (overall) {
    case Outcome::pass:
    case Outcome::info:
      return count + ", and nothing is wrong.";
    case Outcome::warn:
      return fmt::format("{}, with a warning: {}.", count, where);
    case Outcome::fail:
      return fmt::format("{}. Failed: {}.", count, where);
    case Outcome::inconclusive:
      return fmt::format("{}. Still open: {}.", count, where);
    case Outcome::not_measured:
      break;
  }
  const std::string why = main_reason(view);
  return fmt::format(
      "{}. {}{}{}.", count,
      proven_count(view) == 0 ? "Nothing could be measured" : "Not everything could be measured",
      why.empty() ? "" : ": ", why);
}

std::string proof_html(const ProofReport& report) {
  const ProofView view = view_of(report);
  Html html;
  html.raw(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<title>bringup: ");
  html.text(proof_sentence(view)).raw("</title>\n<style>\n");
  for (const base::EmbeddedFile& file : embedded_report_style()) html.raw(file.text);
  html.raw("</style></head>\n<body><main>\n");
  page_header(html, view);
  page_attention(html, view);
  page_machine(html, view);
  page_figures(html, view);
  page_pairs(html, view);
  page_time(html, view);
  page_software(html, view);
  page_verdicts(html, view);
  page_limits(html, view);
  html.raw("<footer><p>Made by bringup ").text(report.version).raw(" at ").text(report.made_at);
  html.raw(". Point at a figure for its exact value.</p></footer>\n</main></body></html>\n");
  return std::move(html).take();
}

}  // namespace bringup::report
