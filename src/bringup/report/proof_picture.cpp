// SPDX-License-Identifier: Apache-2.0
// The machine as a picture: processors, switches, GPUs, and on each link what was measured over what was
// expected. Top to bottom, so that it is as readable on a phone as on paper.
#include <bringup/base/text.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/proof_page.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace bringup::report {
namespace {

using diagnose::TreeNode;
using facts::Outcome;
using facts::Verdict;

constexpr double kWidth = 480;
constexpr double kGpuHeight = 58;
constexpr double kDeviceHeight = 24;
constexpr double kGap = 12;
constexpr double kHostRight = 84;
constexpr double kSwitch = 96;
constexpr double kSwitchWidth = 10;
constexpr double kDevice = 236;
constexpr double kDeviceRight = 352;
constexpr double kFabric = 456;

struct Device {
  std::string pci;
  std::string name;
  std::string link;  // "PCIe 5.0 x16"
  bool gpu = false;
  bool narrow = false;
  std::size_t group = 0;
  std::optional<std::size_t> bridge;  // the switch that it is on
  double top = 0;
  double height() const { return gpu ? kGpuHeight : kDeviceHeight; }
  double middle() const { return top + height() / 2; }
};

struct Group {
  std::string title;
  std::string below;
};

struct Scene {
  std::vector<Group> groups;
  std::vector<Device> devices;
  std::size_t bridges = 0;
  double height = 0;
};

std::string link_words(const facts::PcieLink& link) {
  return fmt::format("PCIe {}.0 x{}", std::max(link.generation, link.max_generation), link.width);
}

std::string kind_word(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::network:
      return "network";
    case TreeNode::Kind::storage:
      return "drive";
    case TreeNode::Kind::nvswitch:
      return "NVSwitch";
    case TreeNode::Kind::numa:
    case TreeNode::Kind::pcie_switch:
    case TreeNode::Kind::gpu:
      break;
  }
  return "";
}

Device device_of(const TreeNode& node) {
  Device device{.pci = node.address,
                .name = node.name,
                .link = "",
                .gpu = node.kind == TreeNode::Kind::gpu,
                .narrow = node.narrowest};
  if (const std::string kind = kind_word(node.kind); !kind.empty() && kind != node.name)
    device.name = node.name.empty() ? kind : kind + " " + node.name;
  if (node.hop && node.hop->link) device.link = link_words(*node.hop->link);
  return device;
}

Group group_of(const TreeNode& node) {
  return {.title = node.id && *node.id >= 0 ? fmt::format("NUMA {}", *node.id) : std::string("Host"),
          .below = node.socket ? fmt::format("socket {}", *node.socket) : std::string()};
}

Scene scene_of(const diagnose::Topology& topology) {
  Scene scene;
  std::vector<std::pair<int, std::size_t>> open;  // switches above the next node, with their depth
  for (const TreeNode& node : topology.tree) {
    while (!open.empty() && open.back().first >= node.depth) open.pop_back();
    if (node.kind == TreeNode::Kind::numa) {
      scene.groups.push_back(group_of(node));
      continue;
    }
    if (scene.groups.empty()) scene.groups.push_back({.title = "Host", .below = ""});
    if (node.kind == TreeNode::Kind::pcie_switch) {
      open.emplace_back(node.depth, scene.bridges++);
      continue;
    }
    Device device = device_of(node);
    device.group = scene.groups.size() - 1;
    if (!open.empty()) device.bridge = open.back().second;
    scene.devices.push_back(std::move(device));
  }
  return scene;
}

std::string host_link(const ProofGpu& gpu) {
  if (gpu.native != nullptr && gpu.native->link) return link_words(*gpu.native->link);
  return gpu.nvml != nullptr && gpu.nvml->link ? link_words(*gpu.nvml->link) : "";
}

// Without a look at the bus: GPUs by the NUMA node that the kernel names.
Scene scene_of(const ProofView& view) {
  std::map<int, std::vector<const ProofGpu*>> nodes;
  for (const ProofGpu& gpu : view.gpus) {
    int node = -1;
    for (const facts::PciFunction& one : view.report.machine.pci) {
      if (one.address == gpu.pci) node = one.numa_node.value_or(-1);
    }
    nodes[node].push_back(&gpu);
  }
  Scene scene;
  for (const auto& [node, gpus] : nodes) {
    scene.groups.push_back(
        {.title = node < 0 ? std::string("Host") : fmt::format("NUMA {}", node), .below = ""});
    for (const ProofGpu* gpu : gpus)
      scene.devices.push_back({.pci = gpu->pci,
                               .name = gpu->name,
                               .link = host_link(*gpu),
                               .gpu = true,
                               .group = scene.groups.size() - 1});
  }
  return scene;
}

void place(Scene& scene) {
  double y = 4;
  for (std::size_t i = 0; i < scene.devices.size(); ++i) {
    if (i > 0 && scene.devices[i].group != scene.devices[i - 1].group) y += kGap;
    scene.devices[i].top = y;
    y += scene.devices[i].height();
  }
  scene.height = y + 4;
}

Scene made(const ProofView& view) {
  const diagnose::Topology* topology = view.report.topology;
  Scene scene = topology != nullptr && !topology->nothing && !topology->tree.empty() ? scene_of(*topology)
                                                                                     : scene_of(view);
  const bool complete = std::ranges::all_of(view.gpus, [&scene](const ProofGpu& gpu) {
    return std::ranges::find(scene.devices, gpu.pci, &Device::pci) != scene.devices.end();
  });
  if (!complete) scene = scene_of(view);
  place(scene);
  return scene;
}

std::string bare(double value) {
  return fmt::format("{:.{}f}", value / 1e9, value < 99.95e9 ? 1 : 0);
}

// What is drawn on a link.
struct Rate {
  std::string measured;
  std::string expected;
  Outcome worst = Outcome::info;
};

void take_worst(Rate& rate, const Verdict& verdict) {
  if (badness(verdict.outcome) > badness(rate.worst)) rate.worst = verdict.outcome;
}

Rate host_rate(const ProofView& view, const std::string& pci) {
  Rate rate;
  std::vector<std::string> parts;
  for (const auto& [check, word] : {std::pair{"gpu-from-host", "in"}, std::pair{"gpu-to-host", "out"}}) {
    const Verdict* verdict = view.find(check, pci);
    if (verdict == nullptr) continue;
    take_worst(rate, *verdict);
    if (verdict->measured) parts.push_back(bare(verdict->measured->value) + " " + word);
    if (verdict->expected) rate.expected = fmt::format("of {} GB/s", bare(verdict->expected->value));
  }
  if (!parts.empty()) rate.measured = base::join(parts, ", ");
  if (!parts.empty() && rate.expected.empty()) rate.measured += " GB/s";
  return rate;
}

// The slowest of the links to other GPUs.
Rate fabric_rate(const ProofView& view, const std::string& pci) {
  Rate rate;
  const Verdict* slowest = nullptr;
  for (const Verdict& verdict : view.report.verdicts) {
    if (verdict.check != "gpu-pair-speed" || verdict.gpus.size() != 2 || verdict.gpus[0] != pci) continue;
    take_worst(rate, verdict);
    if (!verdict.measured) continue;
    if (slowest == nullptr || verdict.measured->value < slowest->measured->value) slowest = &verdict;
  }
  if (slowest == nullptr) return rate;
  rate.measured = bare(slowest->measured->value) + " GB/s";
  if (slowest->expected) rate.expected = fmt::format("of {}", bare(slowest->expected->value));
  return rate;
}

std::string link_style(Outcome outcome) {
  return "link " + std::string(outcome_class(outcome));
}

std::string flagged(std::string words, Outcome outcome) {
  if (badness(outcome) >= badness(Outcome::warn))
    words += fmt::format(" {}", diagnose::outcome_name(outcome));
  return words;
}

std::string short_name(std::string_view name) {
  if (name.starts_with("NVIDIA ")) name.remove_prefix(7);
  return base::fit(plain(name), std::min<std::size_t>(base::display_width(plain(name)), 19));
}

int active_nvlinks(const ProofGpu& gpu) {
  if (gpu.native != nullptr && gpu.native->nvlink) return gpu.native->nvlink->active;
  return gpu.nvml != nullptr ? gpu.nvml->nvlinks_active.value_or(0) : 0;
}

std::string nvlink_words(const ProofGpu& gpu) {
  const int links = active_nvlinks(gpu);
  if (gpu.native != nullptr && gpu.native->nvlink)
    return fmt::format("NVLink {} ×{}", gpu.native->nvlink->version, links);
  return fmt::format("NVLink ×{}", links);
}

void draw_gpu(Html& html, const ProofView& view, const Device& device) {
  const auto gpu = std::ranges::find(view.gpus, device.pci, &ProofGpu::pci);
  if (gpu == view.gpus.end()) return;
  const double y = device.middle();
  const double from = device.bridge ? kSwitch + kSwitchWidth : kHostRight;
  const Rate host = host_rate(view, device.pci);
  html.line(from, y, kDevice, y, link_style(host.worst));
  html.svg_text(kSwitch + 16, y - 6, "small",
                flagged(device.link, device.narrow ? Outcome::warn : host.worst));
  html.svg_text(kSwitch + 16, y + 12, "figure", host.measured);
  html.svg_text(kSwitch + 16, y + 23, "small", host.expected);
  const Outcome worst = view.worst_of(device.pci);
  html.box(kDevice, device.top + 5, kDeviceRight - kDevice, kGpuHeight - 10,
           "gpu " + std::string(outcome_class(worst)));
  html.svg_text(kDevice + 8, y - 5, "strong", gpu->label);
  html.svg_text(kDevice + 8, y + 8, "small", short_name(gpu->name));
  html.svg_text(kDevice + 8, y + 19, "word " + std::string(outcome_class(worst)),
                diagnose::outcome_name(worst));
  if (active_nvlinks(*gpu) == 0) return;
  const Rate fabric = fabric_rate(view, device.pci);
  html.line(kDeviceRight, y, kFabric, y, link_style(fabric.worst));
  html.svg_text(kDeviceRight + 8, y - 6, "small", flagged(nvlink_words(*gpu), fabric.worst));
  html.svg_text(kDeviceRight + 8, y + 12, "figure", fabric.measured);
  html.svg_text(kDeviceRight + 8, y + 23, "small", fabric.expected).raw("\n");
}

void draw_device(Html& html, const Device& device) {
  const double y = device.middle();
  html.line(device.bridge ? kSwitch + kSwitchWidth : kHostRight, y, kDevice, y, "link thin");
  html.svg_text(kSwitch + 16, y - 4, "small", device.link);
  html.box(kDevice, device.top + 2, kDeviceRight - kDevice, kDeviceHeight - 4, "other");
  html.svg_text(kDevice + 8, y + 3, "small", short_name(device.name)).raw("\n");
}

// A bar beside all devices that it belongs to.
struct Extent {
  double top = 1e9;
  double bottom = 0;
  void take(const Device& device) {
    top = std::min(top, device.top);
    bottom = std::max(bottom, device.top + device.height());
  }
};

void draw_bars(Html& html, const Scene& scene) {
  for (std::size_t i = 0; i < scene.groups.size(); ++i) {
    Extent extent;
    for (const Device& device : scene.devices) {
      if (device.group == i) extent.take(device);
    }
    if (extent.bottom == 0) continue;
    html.box(4, extent.top + 2, kHostRight - 4, extent.bottom - extent.top - 4, "host");
    const double y = (extent.top + extent.bottom) / 2;
    html.svg_text(14, scene.groups[i].below.empty() ? y + 4 : y - 2, "strong", scene.groups[i].title);
    html.svg_text(14, y + 12, "small", scene.groups[i].below);
  }
  for (std::size_t i = 0; i < scene.bridges; ++i) {
    Extent extent;
    for (const Device& device : scene.devices) {
      if (device.bridge == i) extent.take(device);
    }
    if (extent.bottom == 0) continue;
    const double y = (extent.top + extent.bottom) / 2;
    html.line(kHostRight, y, kSwitch, y, "link");
    html.box(kSwitch, extent.top + 4, kSwitchWidth, extent.bottom - extent.top - 8, "switch");
  }
}

bool through_switch(const ProofView& view) {
  return std::ranges::any_of(view.report.machine.pci, [](const facts::PciFunction& one) {
    return one.kind == facts::PciKind::nvswitch;
  });
}

void draw_fabric(Html& html, const ProofView& view, const Scene& scene) {
  Extent extent;
  for (const Device& device : scene.devices) {
    const auto gpu = std::ranges::find(view.gpus, device.pci, &ProofGpu::pci);
    if (gpu != view.gpus.end() && active_nvlinks(*gpu) > 0) extent.take(device);
  }
  if (extent.bottom == 0) return;
  html.box(kFabric, extent.top + 5, kWidth - kFabric - 4, extent.bottom - extent.top - 10, "fabric");
  const double x = (kFabric + kWidth - 4) / 2 + 4;
  const double y = (extent.top + extent.bottom) / 2;
  html.raw("<text class=\"strong middle\" transform=\"translate(")
      .number(x)
      .raw(" ")
      .number(y)
      .raw(") rotate(-90)\">");
  html.raw(through_switch(view) ? "NVSwitch" : "NVLink").raw("</text>\n");
}

std::string described(const ProofView& view, const Scene& scene) {
  std::string words;
  for (const Device& device : scene.devices) {
    if (!device.gpu) continue;
    const Rate host = host_rate(view, device.pci);
    const Rate fabric = fabric_rate(view, device.pci);
    words += fmt::format("{}, {}: at {}, {}, {} {}", view.label(device.pci),
                         diagnose::outcome_name(view.worst_of(device.pci)), scene.groups[device.group].title,
                         device.link.empty() ? "link not known" : device.link, host.measured, host.expected);
    if (!fabric.measured.empty())
      words += fmt::format("; to other GPUs {} {}", fabric.measured, fabric.expected);
    words += ". ";
  }
  return words;
}

void gpu_row(Html& html, const ProofView& view, const ProofGpu& gpu) {
  html.raw("<tr><th scope=\"row\">").text(gpu.label).raw("<td>").outcome(view.worst_of(gpu.pci)).raw("<td>");
  html.text(gpu.name.empty() ? "not known" : gpu.name)
      .raw("<td class=\"code\">")
      .text(gpu.pci)
      .raw("<td class=\"num\">");
  std::optional<std::uint64_t> memory;
  if (gpu.native != nullptr && gpu.native->memory) memory = gpu.native->memory->total_bytes;
  if (!memory && gpu.nvml != nullptr && gpu.nvml->memory_bytes) memory = *gpu.nvml->memory_bytes;
  html.text(memory ? base::human_bytes(*memory) : "not known").raw("<td>");
  const std::string link = host_link(gpu);
  html.text(link.empty() ? "not known" : link).raw("<td>");
  html.text(active_nvlinks(gpu) > 0 ? nvlink_words(gpu) : "none seen").raw("<td class=\"num\">");
  const bool limited = gpu.native != nullptr && gpu.native->power_limit_watts;
  html.text(limited ? fmt::format("{:.0f} W", *gpu.native->power_limit_watts) : "not known").raw("\n");
}

}  // namespace

void page_machine(Html& html, const ProofView& view) {
  html.section("machine", "The machine");
  if (view.gpus.empty()) {
    html.raw("<p>No NVIDIA GPU was seen.</p>").end_section();
    return;
  }
  const Scene scene = made(view);
  html.raw(
      "<p>On each link stands what was measured and, below it, what was expected.</p>\n<figure "
      "class=\"picture\">");
  html.drawing("picture", kWidth, scene.height, "The machine and its links", described(view, scene));
  draw_bars(html, scene);
  for (const Device& device : scene.devices)
    device.gpu ? draw_gpu(html, view, device) : draw_device(html, device);
  draw_fabric(html, view, scene);
  html.raw(
      "</svg></figure>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"The GPUs\">"
      "<table><caption>The GPUs</caption><thead><tr><th scope=\"col\">GPU<th scope=\"col\">Verdict<th "
      "scope=\"col\">"
      "Model<th scope=\"col\">Address<th scope=\"col\" class=\"num\">Memory<th scope=\"col\">Host link<th "
      "scope=\"col\">"
      "Between GPUs<th scope=\"col\" class=\"num\">Power limit<tbody>\n");
  for (const ProofGpu& gpu : view.gpus) gpu_row(html, view, gpu);
  html.raw("</table></div>\n");
  if (view.report.topology != nullptr) {
    for (const std::string& words : view.report.topology->unseen)
      html.raw("<p class=\"note\">").text(words).raw("</p>\n");
  }
  html.end_section();
}

}  // namespace bringup::report
