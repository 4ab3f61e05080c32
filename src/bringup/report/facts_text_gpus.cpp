// SPDX-License-Identifier: Apache-2.0
// The GPUs, one line each where the width allows it, and how many each layer counts.
#include <bringup/base/text.hpp>
#include <bringup/report/gpus.hpp>
#include <bringup/report/sections.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bringup::report {
namespace {

constexpr std::string_view kNotKnown = "?";

// "gen5 x16", and what it is now where that is less: idle GPUs drop their generation, a bad seat its width.
std::string link_words(const facts::Reading<facts::PcieLink>& reading) {
  if (!reading) return std::string(kNotKnown);
  const facts::PcieLink& link = *reading;
  const auto words = [](int generation, int width) {
    std::string out = generation > 0 ? fmt::format("gen{}", generation) : "";
    if (width > 0) out += fmt::format("{}x{}", out.empty() ? "" : " ", width);
    return out;
  };
  const std::string most = words(link.max_generation, link.max_width);
  const std::string now = words(link.generation != link.max_generation ? link.generation : 0,
                                link.width != link.max_width ? link.width : 0);
  if (most.empty()) return now.empty() ? std::string(kNotKnown) : now;
  return now.empty() ? most : fmt::format("{} (now {})", most, now);
}

std::string kernel_driver_words(const GpuSeen& gpu) {
  if (gpu.pci == nullptr || !gpu.pci->kernel_driver) return std::string(kNotKnown);
  return plain(gpu.pci->kernel_driver->value_or("none"));
}

std::string numa_words(const GpuSeen& gpu) {
  if (gpu.pci == nullptr || !gpu.pci->numa_node) return std::string(kNotKnown);
  return *gpu.pci->numa_node < 0 ? "-" : fmt::format("{}", *gpu.pci->numa_node);
}

std::string name_words(const GpuSeen& gpu) {
  if (!gpu.name().empty()) return plain(gpu.name());
  return gpu.pci != nullptr ? "unknown, " + pci_id(gpu.pci->device_id) : "unknown";
}

struct Column {
  std::string title;
  std::string noun;  // how a value that all GPUs share is told: "kernel driver nvidia"
  std::vector<std::string> values;

  std::size_t width() const {
    std::size_t widest = base::display_width(title);
    for (const std::string& value : values) widest = std::max(widest, base::display_width(value));
    return widest;
  }
  bool same_for_all() const {
    return std::ranges::all_of(values, [this](const std::string& value) { return value == values.front(); });
  }
};

Column column_of(std::string title, std::string noun, const std::vector<GpuSeen>& gpus,
                 std::string (*value)(const GpuSeen&)) {
  Column column{.title = std::move(title), .noun = std::move(noun), .values = {}};
  for (const GpuSeen& gpu : gpus) column.values.push_back(value(gpu));
  return column;
}

std::vector<Column> columns_of(const std::vector<GpuSeen>& gpus) {
  return {column_of("#", "", gpus,
                    [](const GpuSeen& gpu) {
                      return gpu.nvml != nullptr ? fmt::format("{}", gpu.nvml->index) : std::string("-");
                    }),
          column_of("PCI", "", gpus, [](const GpuSeen& gpu) { return plain(gpu.address()); }),
          column_of("name", "", gpus, name_words),
          column_of("architecture", "", gpus,
                    [](const GpuSeen& gpu) {
                      const std::string words = plain(gpu.architecture() + " " + gpu.compute_capability());
                      return words == " " ? std::string(kNotKnown) : std::string(base::trim(words));
                    }),
          column_of("memory", "", gpus,
                    [](const GpuSeen& gpu) {
                      return gpu.nvml != nullptr && gpu.nvml->memory_bytes
                                 ? base::human_bytes(*gpu.nvml->memory_bytes)
                                 : std::string(kNotKnown);
                    }),
          column_of("driver", "kernel driver", gpus, kernel_driver_words),
          column_of("NUMA", "NUMA node", gpus, numa_words),
          column_of("link", "link", gpus, [](const GpuSeen& gpu) { return link_words(gpu.link()); })};
}

std::size_t width_of(const std::vector<Column>& columns) {
  return std::accumulate(columns.begin(), columns.end(), 2 * columns.size(),
                         [](std::size_t sum, const Column& column) { return sum + column.width(); });
}

// Takes columns out until the table fits: first the PCI domain when it is 0000 everywhere, then what all GPUs
// have in common, which is told in one line below.
std::vector<std::string> narrow(std::vector<Column>& columns, std::size_t room) {
  std::vector<std::string> common;
  const auto pci = std::ranges::find(columns, "PCI", &Column::title);
  const bool one_domain = std::ranges::all_of(
      pci->values, [](const std::string& value) { return value.starts_with("0000:") && value.size() > 5; });
  if (width_of(columns) > room && one_domain) {
    for (std::string& value : pci->values) value.erase(0, 5);
  }
  for (const std::string_view title : {"driver", "NUMA", "link"}) {
    if (width_of(columns) <= room) break;
    const auto at = std::ranges::find(columns, title, &Column::title);
    if (!at->same_for_all()) continue;
    common.push_back(fmt::format("{} {}", at->noun, at->values.front()));
    columns.erase(at);
  }
  return common;
}

void one_line_each(Page& page, const std::vector<Column>& columns, std::size_t count) {
  std::vector<Row> rows(1 + count);
  for (const Column& column : columns) {
    rows[0].push_back({column.title, Tone::dim});
    for (std::size_t i = 0; i < count; ++i) rows[i + 1].push_back({column.values[i]});
  }
  page.table(rows);
}

void several_lines_each(Page& page, const std::vector<Column>& columns, std::size_t count) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string> words;
    for (std::size_t c = 2; c < columns.size(); ++c) {
      const std::string& value = columns[c].values[i];
      if (value == kNotKnown) continue;
      words.push_back(columns[c].noun.empty() || columns[c].title == "link" ? value
                                                                            : columns[c].noun + " " + value);
    }
    rows.push_back({{columns[0].values[i]}, {columns[1].values[i]}, {base::join(words, ", ")}});
  }
  page.table(rows);
}

// What NVML says of one GPU and is not as one would expect it of an idle, healthy one.
std::vector<std::string> remarks_of(const facts::NvmlGpu& gpu) {
  std::vector<std::string> words;
  if (gpu.mig && *gpu.mig) words.emplace_back("MIG is on");
  if (gpu.ecc && !*gpu.ecc) words.emplace_back("ECC is off");
  if (gpu.ecc_uncorrected && *gpu.ecc_uncorrected > 0)
    words.push_back(fmt::format("{} uncorrected memory errors", *gpu.ecc_uncorrected));
  if (gpu.row_remap_pending && *gpu.row_remap_pending)
    words.emplace_back("a memory row waits to be replaced at the next reset");
  if (gpu.row_remap_failed && *gpu.row_remap_failed) words.emplace_back("a memory row could not be replaced");
  if (gpu.processes && *gpu.processes > 0)
    words.push_back(fmt::format("{} on it", *gpu.processes == 1
                                                ? "1 process computes"
                                                : fmt::format("{} processes compute", *gpu.processes)));
  if (gpu.power_limit_watts && gpu.power_default_watts &&
      std::abs(*gpu.power_limit_watts - *gpu.power_default_watts) > 0.5)
    words.push_back(fmt::format("power limit {:.0f} W, by default {:.0f} W", *gpu.power_limit_watts,
                                *gpu.power_default_watts));
  return words;
}

void gpu_remarks(Page& page, const std::vector<GpuSeen>& gpus) {
  for (const GpuSeen& gpu : gpus) {
    if (gpu.nvml == nullptr) continue;
    std::vector<std::string> words = remarks_of(*gpu.nvml);
    if (gpu.pci == nullptr) words.insert(words.begin(), "shown by NVML and not on the PCI bus");
    if (!words.empty()) page.row({{fmt::format("GPU {}:", gpu.nvml->index)}, {base::join(words, "; ")}}, 2);
  }
}

void other_functions(Page& page, const facts::Machine& machine) {
  std::vector<std::string> words;
  for (const auto& [kind, noun] : {std::pair{facts::PciKind::nvswitch, "NVSwitch"},
                                   {facts::PciKind::audio, "audio"},
                                   {facts::PciKind::usb, "USB"},
                                   {facts::PciKind::other, "other"}}) {
    const auto count = std::ranges::count(machine.pci, kind, &facts::PciFunction::kind);
    if (count > 0) words.push_back(fmt::format("{} {}", count, noun));
  }
  if (!words.empty())
    page.paragraph({"other NVIDIA functions on the bus: " + base::join(words, ", "), Tone::dim}, 2);
}

void gpu_section(Page& page, const facts::Machine& machine) {
  const std::vector<GpuSeen> gpus = gpus_seen(machine);
  page.heading("GPUs");
  if (gpus.empty()) {
    page.paragraph({machine.pci_visible ? "none" : "not known"}, 2);
  } else {
    std::vector<Column> columns = columns_of(gpus);
    const std::vector<std::string> common = narrow(columns, page.columns());
    if (width_of(columns) <= page.columns()) {
      one_line_each(page, columns, gpus.size());
      if (!common.empty()) page.paragraph({(gpus.size() == 1 ? "" : "all: ") + base::join(common, ", ")}, 2);
    } else {
      several_lines_each(page, columns_of(gpus), gpus.size());
    }
  }
  gpu_remarks(page, gpus);
  other_functions(page, machine);
}

// A layer that counts fewer or more than the bus is pointed at in words.
void count_section(Page& page, const facts::Machine& machine) {
  const facts::Counts& counts = machine.counts;
  page.heading("Counts");
  std::vector<Row> rows;
  for (const auto& [layer, count] : {std::pair{"PCI bus", &counts.pci},
                                     {"driver", &counts.driver},
                                     {"NVML", &counts.nvml},
                                     {"CUDA", &counts.cuda},
                                     {"PyTorch", &counts.pytorch}}) {
    if (!count->gpus) {
      rows.push_back({{layer}, {"-"}, {plain(count->gpus.error().message()), Tone::dim}});
      continue;
    }
    const int off = counts.pci.gpus ? *count->gpus - *counts.pci.gpus : 0;
    std::string how = plain(count->how);
    if (off != 0)
      how = fmt::format("{} {} than on the PCI bus{}{}", std::abs(off), off < 0 ? "fewer" : "more",
                        how.empty() ? "" : ": ", how);
    rows.push_back({{layer},
                    {fmt::format("{}", *count->gpus), off == 0 ? Tone::plain : Tone::caution},
                    {std::move(how), off == 0 ? Tone::dim : Tone::caution}});
  }
  page.table(rows, 2, kLabel);
}

}  // namespace

void gpu_sections(Page& page, const facts::Machine& machine) {
  gpu_section(page, machine);
  count_section(page, machine);
}

}  // namespace bringup::report
