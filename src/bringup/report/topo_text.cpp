// SPDX-License-Identifier: Apache-2.0
// The wiring of a machine, drawn.
#include <bringup/base/text.hpp>
#include <bringup/report/paint.hpp>
#include <bringup/report/pci_vendors.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::report {
namespace {

using diagnose::GpuPair;
using diagnose::Hop;
using diagnose::Topology;
using diagnose::TopologyGpu;
using diagnose::TreeNode;

constexpr std::size_t kDeviceWidth = 42;  // of the drawing's first part: lines, names and addresses

constexpr std::string_view kBrand = "GeForce ";  // leaves no room for what tells models apart

std::string rate(double bytes_per_second) {
  return bytes_per_second > 0 ? fmt::format("{:.1f} GB/s", bytes_per_second / 1e9) : "";
}

std::string gpu_label(const TopologyGpu& gpu) {
  return gpu.index < 0 ? "GPU -" : fmt::format("GPU {}", gpu.index);
}

std::string named(std::string_view what, const TreeNode& node) {
  const std::string_view maker = pci_vendor(node.vendor);
  std::string name = plain(node.name);
  if (name.starts_with(kBrand)) name.erase(0, kBrand.size());
  if (name.empty()) name = maker;
  return fmt::format("{}{}{}", what, name.empty() ? "" : " ", name);
}

std::string node_label(const TreeNode& node) {
  if (!node.id) return "NUMA node not known";
  std::string label = fmt::format("NUMA node {}", *node.id);
  if (node.socket) label += fmt::format(", socket {}", *node.socket);
  if (!node.cpus.empty()) label += ", CPUs " + plain(node.cpus);
  return label;
}

std::string label_of(const TreeNode& node) {
  switch (node.kind) {
    case TreeNode::Kind::numa:
      return node_label(node);
    case TreeNode::Kind::pcie_switch:
      return named(node.chipset ? "chipset" : "switch", node);
    case TreeNode::Kind::gpu:
      return named(node.id ? fmt::format("GPU {}", *node.id) : "GPU", node);
    case TreeNode::Kind::nvswitch:
      return "NVSwitch";
    case TreeNode::Kind::network:
      return named("network", node);
    case TreeNode::Kind::storage:
      return named("drive", node);
  }
  return "";
}

// A GPU's generation is what both ends can: idle, it runs at less.
std::string link_words(const Hop& hop, bool of_gpu) {
  if (!hop.link) return "";
  return fmt::format("gen{} x{}", of_gpu ? hop.link->max_generation : hop.link->generation, hop.link->width);
}

std::string notes_of(const TreeNode& node, const std::vector<TreeNode>& tree, std::size_t at) {
  std::vector<std::string> notes;
  if (node.gpus_below > 1) notes.push_back(fmt::format("{} GPUs share", node.gpus_below));
  if (node.hop && node.hop->link) {
    const facts::PcieLink& link = *node.hop->link;
    const bool gpu = node.kind == TreeNode::Kind::gpu;
    if (node.hop->lanes_lost || (!gpu && link.generation < link.max_generation))
      notes.push_back(fmt::format("can gen{} x{}", link.max_generation, link.max_width));
    else if (gpu && link.generation < link.max_generation)
      notes.push_back(fmt::format("now gen{}", link.generation));
  }
  // Of a chipset that is no switch of its own; below one that is, its line says so.
  if (node.chipset && node.kind != TreeNode::Kind::pcie_switch && at > 0 && !tree[at - 1].chipset)
    notes.emplace_back("by the chipset");
  return base::join(notes, ", ");
}

struct Lines {
  std::string_view through, branch, last, blank, arrow;
};
constexpr Lines kBox{
    .through = "│  ", .branch = "├─ ", .last = "└─ ", .blank = "   ", .arrow = "◄ narrowest"};
constexpr Lines kAscii{
    .through = "|  ", .branch = "|- ", .last = "`- ", .blank = "   ", .arrow = "< narrowest"};

// Whether another line of this depth follows below the same parent.
bool goes_on(const std::vector<TreeNode>& tree, std::size_t at, int depth) {
  for (std::size_t i = at + 1; i < tree.size() && tree[i].depth >= depth; ++i) {
    if (tree[i].depth == depth) return true;
  }
  return false;
}

std::string stem(const std::vector<TreeNode>& tree, std::size_t at, const Lines& lines) {
  std::string out;
  for (int depth = 1; depth < tree[at].depth; ++depth)
    out += goes_on(tree, at, depth) ? lines.through : lines.blank;
  if (tree[at].depth > 0) out += goes_on(tree, at, tree[at].depth) ? lines.branch : lines.last;
  return out;
}

void draw_line(Page& page, const std::vector<TreeNode>& tree, std::size_t at, const Lines& lines) {
  const TreeNode& node = tree[at];
  const std::string before = stem(tree, at, lines);
  if (node.kind == TreeNode::Kind::numa) {
    page.drawn({{before, Tone::dim}, {label_of(node), Tone::strong}});
    return;
  }
  const std::size_t room = kDeviceWidth - std::min(kDeviceWidth, base::display_width(before));
  const std::size_t width = node.address.size() + 1;
  const std::string label = base::fit(label_of(node), room > width ? room - width : 1);
  Row pieces{{before, Tone::dim},
             {label, node.kind == TreeNode::Kind::gpu ? Tone::strong : Tone::plain},
             {" " + plain(node.address), Tone::dim}};
  const std::string words = node.hop ? link_words(*node.hop, node.kind == TreeNode::Kind::gpu) : "";
  const std::string notes = notes_of(node, tree, at);
  if (!words.empty() || node.narrowest || !notes.empty())
    pieces.push_back(
        {fmt::format("  {:<8} {:>10}", words, node.hop ? rate(node.hop->bytes_per_second) : "")});
  if (node.narrowest) pieces.push_back({fmt::format("  {}", lines.arrow), Tone::caution});
  std::size_t taken = 2;
  for (const Cell& piece : pieces) taken += base::display_width(piece.text);
  const bool fits = notes.empty() || taken + base::display_width(notes) <= page.columns();
  if (fits && !notes.empty()) pieces.push_back({"  " + notes, Tone::dim});
  page.drawn(pieces);
  if (fits) return;
  // A second line for what has no room, between this one and what hangs below it.
  std::string below;
  for (int depth = 1; depth <= node.depth; ++depth)
    below += goes_on(tree, at, depth) ? lines.through : lines.blank;
  const bool parent = at + 1 < tree.size() && tree[at + 1].depth > node.depth;
  below += parent ? lines.through : lines.blank;
  page.drawn({{base::pad(below, kDeviceWidth + 2), Tone::dim}, {notes, Tone::dim}});
}

std::string header(const Topology& topology) {
  const auto count = [&topology](TreeNode::Kind kind) {
    return static_cast<std::size_t>(std::ranges::count(topology.tree, kind, &TreeNode::kind));
  };
  std::vector<std::string> parts{counted(topology.gpus.size(), "GPU")};
  for (const auto& [kind, noun] :
       {std::pair<TreeNode::Kind, std::string_view>{TreeNode::Kind::nvswitch, "NVSwitch"},
        {TreeNode::Kind::network, "network card"},
        {TreeNode::Kind::storage, "NVMe drive"},
        {TreeNode::Kind::numa, "NUMA node"}}) {
    const std::size_t many = count(kind);
    if (many > 1 && kind == TreeNode::Kind::nvswitch)
      parts.push_back(fmt::format("{} NVSwitches", many));
    else if (many > 0)
      parts.push_back(counted(many, noun));
  }
  return base::join(parts, ", ");
}

void narrow_section(Page& page, const Topology& topology) {
  std::vector<Row> rows;
  for (const TopologyGpu& gpu : topology.gpus) {
    if (!gpu.narrowest) continue;
    const Hop& hop = gpu.hops[*gpu.narrowest];
    std::string text = fmt::format("{} carries {}; ", hop.link ? link_words(hop, *gpu.narrowest == 0) : "",
                                   rate(hop.bytes_per_second));
    text +=
        fmt::format("the card can take {}. It is the link between {} and {}", rate(gpu.card_bytes_per_second),
                    plain(hop.lower), hop.upper.empty() ? "what is above it" : plain(hop.upper));
    if (hop.link)
      text += hop.lanes_lost
                  ? fmt::format("; its two ends can x{}: reseat the card or its riser", hop.link->max_width)
                  : ", and its two ends can no more together";
    const auto line = std::ranges::find(topology.tree, gpu.address, &TreeNode::address);
    if (line != topology.tree.end() && line->chipset)
      text += "; the slot is the chipset's, one of the processor would have lanes of its own";
    rows.push_back({{gpu_label(gpu), Tone::strong}, {text + "."}});
  }
  if (rows.empty()) return;
  page.heading("Narrower than the card");
  page.table(rows);
}

void pairs_section(Page& page, const Topology& topology) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < topology.gpus.size(); ++i) {
    if (topology.gpus[i].index >= 0) shown.push_back(i);
  }
  if (shown.size() < 2) return;
  page.heading("Between GPUs");
  constexpr std::size_t kLabel = 10;
  constexpr std::size_t kCell = 6;
  const std::size_t at_once = std::max<std::size_t>(1, (page.columns() - kLabel) / kCell);
  for (std::size_t begin = 0; begin < shown.size(); begin += at_once) {
    const std::size_t end = std::min(shown.size(), begin + at_once);
    if (begin > 0) page.blank();
    std::string head(kLabel, ' ');
    for (std::size_t i = begin; i < end; ++i) head += fmt::format("{:<6}", topology.gpus[shown[i]].index);
    page.drawn({{head, Tone::dim}});
    for (const std::size_t row : shown) {
      std::string line;
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t low = std::min(row, shown[i]);
        const std::size_t high = std::max(row, shown[i]);
        const auto pair = std::ranges::find_if(
            topology.pairs, [=](const GpuPair& one) { return one.a == low && one.b == high; });
        line += fmt::format("{:<6}", pair == topology.pairs.end() ? "-" : pair->word());
      }
      page.drawn({{fmt::format("  {:<8}", gpu_label(topology.gpus[row])), Tone::dim}, {line}});
    }
  }
}

std::size_t cards_of(const Topology& topology) {
  return static_cast<std::size_t>(
      std::ranges::count(topology.tree, TreeNode::Kind::network, &TreeNode::kind));
}

void legend(Page& page, const Topology& topology) {
  std::vector<std::string> words;
  for (const GpuPair& pair : topology.pairs) words.push_back(pair.word());
  for (const TopologyGpu& gpu : topology.gpus) {
    if (gpu.nearest.empty() || topology.gpus.size() < 2 || cards_of(topology) < 2) continue;
    words.emplace_back(distance_word(gpu.nearest.front().distance));
  }
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.empty()) return;
  std::vector<Row> rows;
  for (const std::string& word : words) {
    std::string meaning = "not known";
    if (word == "NV?")
      meaning = "NVLinks are up; whether they join the two is not known";
    else if (word.starts_with("NV"))
      meaning = fmt::format("{} NVLinks", word.substr(2));
    for (const auto distance : {diagnose::Distance::pix, diagnose::Distance::pxb, diagnose::Distance::phb,
                                diagnose::Distance::node, diagnose::Distance::sys}) {
      if (word == distance_word(distance)) meaning = distance_meaning(distance);
    }
    rows.push_back({{word, Tone::dim}, {std::move(meaning), Tone::dim}});
  }
  page.blank();
  page.table(rows);
}

void network_section(Page& page, const Topology& topology) {
  std::vector<std::pair<std::string, std::string>> groups;  // cards, GPUs
  for (const TopologyGpu& gpu : topology.gpus) {
    if (gpu.nearest.empty()) continue;
    std::vector<std::string> names;
    for (const diagnose::Neighbour& one : gpu.nearest) names.push_back(plain(one.name));
    std::string cards =
        fmt::format("{}  {}", distance_word(gpu.nearest.front().distance), base::join(names, ", "));
    const auto same = std::ranges::find(groups, cards, &std::pair<std::string, std::string>::first);
    const std::string label = gpu.index < 0 ? plain(gpu.address) : std::to_string(gpu.index);
    if (same == groups.end())
      groups.emplace_back(std::move(cards), "GPU " + label);
    else
      same->second += ", " + label;
  }
  // Of one card, or for one GPU, there is nothing to choose.
  if (groups.empty() || topology.gpus.size() < 2 || cards_of(topology) < 2) return;
  page.heading("Nearest network cards");
  std::vector<Row> rows;
  for (const auto& [cards, gpus] : groups) rows.push_back({{gpus}, {cards}});
  page.table(rows);
}

std::string numbers(const std::vector<int>& values) {
  std::vector<std::string> parts;
  for (const int value : values) parts.push_back(std::to_string(value));
  return base::join(parts, ",");
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text + ".";
}

void suggestion_section(Page& page, const Topology& topology) {
  if (topology.gpus.size() < 2) return;
  page.heading("Suggestion");
  if (!topology.suggestion) {
    page.paragraph({"None: how the GPUs are joined is not known."}, 2);
    return;
  }
  const diagnose::Suggestion& suggestion = *topology.suggestion;
  if (suggestion.any_order)
    page.paragraph({"Any order of the GPUs is as good as another.", Tone::good}, 2);
  else
    page.drawn(
        {{"  CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=" + numbers(suggestion.order), Tone::strong}});
  for (const std::string& reason : suggestion.reasons) page.paragraph({sentence(plain(reason))}, 2);
  if (suggestion.groups.empty()) return;
  std::vector<std::string> groups;
  for (const std::vector<int>& group : suggestion.groups) groups.push_back(numbers(group));
  page.paragraph({"For jobs on some of the GPUs, take those that are nearest to each other: " +
                  base::join(groups, " or ") + "."},
                 2);
}

}  // namespace

std::string topo_text(const Topology& topology, const Style& style) {
  Page page(style);
  page.paragraph({topology.nothing ? "neither the PCI bus nor NVML could be looked at" : header(topology),
                  topology.nothing ? Tone::caution : Tone::plain});
  if (!topology.tree.empty()) page.blank();
  const Lines& lines = style.ascii ? kAscii : kBox;
  for (std::size_t at = 0; at < topology.tree.size(); ++at) draw_line(page, topology.tree, at, lines);
  narrow_section(page, topology);
  pairs_section(page, topology);
  network_section(page, topology);
  legend(page, topology);
  suggestion_section(page, topology);
  if (topology.unseen.empty()) return std::move(page).take();
  page.heading("Could not be seen");
  for (const std::string& one : topology.unseen) page.paragraph({plain(one)}, 2);
  return std::move(page).take();
}

}  // namespace bringup::report
