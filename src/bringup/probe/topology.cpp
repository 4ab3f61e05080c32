// SPDX-License-Identifier: Apache-2.0
// How devices hang together: the kernel's tree of PCI bridges, its NUMA nodes and its sockets.
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::probe {
namespace {

constexpr std::string_view kBus = "/sys/bus/pci/devices/";
constexpr std::string_view kNodes = "/sys/devices/system/node";
constexpr std::uint32_t kNvidia = 0x10de;

std::uint32_t hex_in(const host::View& view, const std::string& path) {
  const auto text = view.read(path);
  const auto number = text ? base::to_hex(base::trim(*text)) : std::nullopt;
  return static_cast<std::uint32_t>(number.value_or(0));
}

Result<std::string> line_in(const host::View& view, const std::string& path) {
  return std::string(base::trim(TRY(view.read(path))));
}

bool is_address(std::string_view text) {  // "0000:06:00.0", "10000:e1:00.0"
  const auto parts = base::split(text, ':');
  if (parts.size() != 3 || parts[0].size() < 4 || parts[1].size() != 2 || parts[2].size() != 4) return false;
  return parts[2][2] == '.' && base::to_hex(parts[0]) && base::to_hex(parts[1]) &&
         base::to_hex(parts[2].substr(0, 2)) && base::to_hex(parts[2].substr(3));
}

// "pci0000:40"; below a volume management device a second one follows, whose domain is longer.
bool is_host_bridge(std::string_view text) {
  if (!text.starts_with("pci")) return false;
  const auto parts = base::split(text.substr(3), ':');
  return parts.size() == 2 && base::to_hex(parts[0]) && base::to_hex(parts[1]);
}

std::optional<facts::WiredKind> wired_kind(std::uint32_t vendor, std::uint32_t class_code) {
  if (vendor == kNvidia && pci_kind(class_code) == facts::PciKind::gpu) return facts::WiredKind::gpu;
  if (vendor == kNvidia && pci_kind(class_code) == facts::PciKind::nvswitch)
    return facts::WiredKind::nvswitch;
  if (class_code >> 16U == 0x02) return facts::WiredKind::network;
  if (class_code >> 8U == 0x0108) return facts::WiredKind::storage;
  return std::nullopt;
}

// What the kernel calls it, where programs would use that name.
std::vector<std::string> read_names(const host::View& view, const std::string& device,
                                    facts::WiredKind kind) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view folder) {
    for (std::string& name : view.list(fmt::format("{}/{}", device, folder)).value_or({}))
      names.push_back(std::move(name));
  };
  if (kind == facts::WiredKind::storage) add("nvme");
  if (kind != facts::WiredKind::network) return names;
  add("infiniband");
  add("net");
  return names;
}

facts::Reading<facts::PciWay> read_way(const host::View& view, const std::string& address) {
  const std::string path = std::string(kBus) + address;
  const auto target = view.link(path);
  if (!target)
    return Error(Errc::unsupported,
                 path + (view.recorded() ? ": this recording does not hold its place below the bridges"
                                         : ": not a link into /sys/devices, so its bridges are not shown"));
  PciPlace place = TRY(parse_pci_place(*target, address).within(path));
  facts::PciWay way{.root = std::move(place.root), .bridges = {}};
  for (const std::string& bridge : place.bridges) {
    const std::string device = std::string(kBus) + bridge;
    way.bridges.push_back({.address = bridge,
                           .vendor = static_cast<std::uint16_t>(hex_in(view, device + "/vendor")),
                           .device_id = static_cast<std::uint16_t>(hex_in(view, device + "/device")),
                           .class_code = hex_in(view, device + "/class"),
                           .link = read_pci_link(view, device),
                           .redirects = Error(Errc::absent, "not looked at")});
  }
  return way;
}

facts::WiredDevice read_device(const host::View& view, const std::string& address, facts::WiredKind kind) {
  const std::string device = std::string(kBus) + address;
  facts::WiredDevice wired{.kind = kind,
                           .address = address,
                           .vendor = static_cast<std::uint16_t>(hex_in(view, device + "/vendor")),
                           .device_id = static_cast<std::uint16_t>(hex_in(view, device + "/device")),
                           .class_code = hex_in(view, device + "/class"),
                           .names = read_names(view, device, kind),
                           .link = read_pci_link(view, device),
                           .numa_node = Error(Errc::absent, "not looked at"),
                           .local_cpus = line_in(view, device + "/local_cpulist"),
                           .way = read_way(view, address)};
  const auto node = line_in(view, device + "/numa_node");
  const auto number = node ? base::to_integer(*node) : std::nullopt;
  if (number)
    wired.numa_node = static_cast<int>(*number);
  else
    wired.numa_node =
        node ? Error(Errc::malformed, device + "/numa_node: not a number: " + base::harmless(*node))
             : node.error();
  return wired;
}

facts::Reading<int> read_socket(const host::View& view, const facts::Reading<std::string>& cpus) {
  if (!cpus) return cpus.error();
  const auto first = base::to_integer(cpus->substr(0, cpus->find_first_of(",-")));
  if (!first) return Error(Errc::absent, "it has no CPU");
  const std::string path = fmt::format("/sys/devices/system/cpu/cpu{}/topology/physical_package_id", *first);
  const std::string text = TRY(line_in(view, path));
  const auto number = base::to_integer(text);
  if (!number || *number < 0)
    return Error(Errc::malformed, fmt::format("{}: no socket's number: {}", path, base::harmless(text)));
  return static_cast<int>(*number);
}

facts::Reading<std::vector<int>> read_distances(const host::View& view, const std::string& path) {
  std::vector<int> out;
  const std::string text = TRY(view.read(path));
  for (const std::string_view word : base::words(base::trim(text))) {
    const auto number = base::to_integer(word);
    if (!number)
      return Error(Errc::malformed, path + ": not a list of numbers: " + base::harmless(base::trim(text)));
    out.push_back(static_cast<int>(*number));
  }
  return out;
}

facts::Reading<std::vector<facts::NumaNode>> read_nodes(const host::View& view) {
  std::vector<facts::NumaNode> nodes;
  for (const std::string& name : TRY(view.list(kNodes))) {
    const auto id = name.starts_with("node") ? base::to_integer(name.substr(4)) : std::nullopt;
    if (!id) continue;
    const std::string path = fmt::format("{}/{}", kNodes, name);
    facts::NumaNode node{.id = static_cast<int>(*id), .cpus = line_in(view, path + "/cpulist")};
    node.distances = read_distances(view, path + "/distance");
    node.socket = read_socket(view, node.cpus);
    nodes.push_back(std::move(node));
  }
  std::ranges::sort(nodes, {}, &facts::NumaNode::id);
  return nodes;
}

}  // namespace

Result<PciPlace> parse_pci_place(std::string_view target, std::string_view address) {
  PciPlace place;
  std::vector<std::string> functions;
  for (const std::string_view part : base::split(target, '/')) {
    if (place.root.empty() && is_host_bridge(part))
      place.root = part;
    else if (!place.root.empty() && is_address(part))
      functions.emplace_back(part);
  }
  if (functions.empty() || functions.back() != address)
    return Error(Errc::malformed, fmt::format("expected a place below /sys/devices/pci... that ends in {}, "
                                              "found {}",
                                              address, base::harmless(target)));
  functions.pop_back();
  std::ranges::reverse(functions);
  place.bridges = std::move(functions);
  return place;
}

facts::Wiring read_wiring(const host::View& view) {
  facts::Wiring wiring;
  wiring.nodes = read_nodes(view);
  const auto addresses = view.list(kBus.substr(0, kBus.size() - 1));
  if (!addresses) {
    if (has_no_pci(view))
      wiring.devices = std::vector<facts::WiredDevice>{};
    else
      wiring.devices = addresses.error();
    return wiring;
  }
  std::vector<facts::WiredDevice> devices;
  for (const std::string& address : *addresses) {
    const std::string device = std::string(kBus) + address;
    const std::uint32_t class_code = hex_in(view, device + "/class");
    if (class_code == 0) ++wiring.unclassed;
    const auto kind = wired_kind(hex_in(view, device + "/vendor"), class_code);
    // A virtual function shares its card's link, and there may be hundreds of them.
    if (kind && !view.exists(device + "/physfn")) devices.push_back(read_device(view, address, *kind));
  }
  read_acs(view, devices);
  wiring.devices = std::move(devices);
  return wiring;
}

}  // namespace bringup::probe
