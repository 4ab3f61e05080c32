// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::probe {
namespace {

constexpr std::uint64_t kNvidia = 0x10de;

std::optional<std::uint64_t> hex_in(const host::View& view, const std::string& path) {
  const auto text = view.read(path);
  return text ? base::to_hex(base::trim(*text)) : std::nullopt;
}

Result<std::int64_t> number_in(const host::View& view, const std::string& path) {
  const std::string text = TRY(view.read(path));
  const auto number = base::to_integer(base::trim(text));
  if (!number) return Error(Errc::malformed, path + ": not a number: " + base::harmless(base::trim(text)));
  return *number;
}

Result<int> speed_in(const host::View& view, const std::string& path) {
  return pci_generation(TRY(view.read(path)));
}

facts::Reading<std::optional<std::string>> read_bound_driver(const host::View& view,
                                                             const std::string& device) {
  const auto target = view.link(device + "/driver");
  if (!target && target.error().code() == Errc::absent) return std::optional<std::string>{};
  if (!target) return target.error();
  return std::optional<std::string>(target->substr(target->find_last_of('/') + 1));
}

}  // namespace

facts::Reading<facts::PcieLink> read_pci_link(const host::View& view, const std::string& device) {
  return facts::PcieLink{.generation = TRY(speed_in(view, device + "/current_link_speed")),
                         .max_generation = TRY(speed_in(view, device + "/max_link_speed")),
                         .width = static_cast<int>(TRY(number_in(view, device + "/current_link_width"))),
                         .max_width = static_cast<int>(TRY(number_in(view, device + "/max_link_width")))};
}

bool has_no_pci(const host::View& view) {
  const auto buses = view.list("/sys/bus");
  return buses && !buses->empty() && std::ranges::find(*buses, "pci") == buses->end() &&
         !view.exists("/dev/nvidiactl");
}

int pci_generation(std::string_view speed) {
  // GT/s of each generation; PCIe 6 doubles through PAM4 at 64
  static constexpr std::array<std::pair<std::string_view, int>, 6> kSpeeds{
      {{"2.5 ", 1}, {"5.0 ", 2}, {"8.0 ", 3}, {"16.0 ", 4}, {"32.0 ", 5}, {"64.0 ", 6}}};
  for (const auto& [text, generation] : kSpeeds) {
    if (speed.starts_with(text)) return generation;
  }
  if (speed.starts_with("5 ")) return 2;  // older kernels leave out ".0"
  if (speed.starts_with("8 ")) return 3;
  return 0;
}

facts::PciKind pci_kind(std::uint32_t class_code) {
  switch (class_code >> 8U) {
    case 0x0300:  // VGA controller
    case 0x0302:
      return facts::PciKind::gpu;  // 3D controller
    case 0x0403:
      return facts::PciKind::audio;
    case 0x0680:
      return facts::PciKind::nvswitch;  // bridge, other
    case 0x0c03:
      return facts::PciKind::usb;
    default:
      return facts::PciKind::other;
  }
}

namespace {

// Of a device without an IOMMU there is no group; a kernel before 5.6 does not tell the group's type.
facts::Reading<std::string> read_iommu(const host::View& view, const std::string& device) {
  if (!view.exists(device + "/iommu_group")) return std::string();
  return std::string(base::trim(TRY(view.read(device + "/iommu_group/type"))));
}

facts::Reading<std::uint64_t> read_aer(const host::View& view, const std::string& device,
                                       std::initializer_list<std::string_view> files) {
  std::uint64_t sum = 0;
  for (const std::string_view file : files) {
    const std::string path = fmt::format("{}/aer_dev_{}", device, file);
    const auto read = view.read(path);
    if (!read && read.error().code() == Errc::absent)
      return Error(Errc::unsupported, "the kernel keeps no counters of its PCIe errors");
    const auto total = parse_aer_total(TRY(read));
    if (!total) return Error(Errc::malformed, path + ": no line TOTAL_ERR_");
    sum += *total;
  }
  return sum;
}

}  // namespace

Result<std::vector<facts::PciFunction>> read_pci(const host::View& view, const NameGpu& name_gpu) {
  const std::string bus = "/sys/bus/pci/devices";
  std::vector<facts::PciFunction> functions;
  auto addresses = view.list(bus);
  if (!addresses && has_no_pci(view)) return functions;
  for (const std::string& address : TRY(std::move(addresses))) {
    const std::string device = bus + "/" + address;
    if (hex_in(view, device + "/vendor") != kNvidia) continue;
    facts::PciFunction function{.address = address};
    function.class_code = static_cast<std::uint32_t>(hex_in(view, device + "/class").value_or(0));
    function.kind = pci_kind(function.class_code);
    function.device_id = static_cast<std::uint16_t>(hex_in(view, device + "/device").value_or(0));
    function.subsystem_vendor =
        static_cast<std::uint16_t>(hex_in(view, device + "/subsystem_vendor").value_or(0));
    function.subsystem_device =
        static_cast<std::uint16_t>(hex_in(view, device + "/subsystem_device").value_or(0));
    if (function.kind == facts::PciKind::gpu && name_gpu) {
      GpuName named = name_gpu(function.device_id, function.subsystem_vendor, function.subsystem_device);
      function.name = std::move(named.name);
      function.architecture = std::move(named.architecture);
      function.compute_capability = std::move(named.compute_capability);
    }
    function.kernel_driver = read_bound_driver(view, device);
    function.link = read_pci_link(view, device);
    const auto node = number_in(view, device + "/numa_node");
    function.numa_node =
        node ? facts::Reading<int>(static_cast<int>(*node)) : facts::Reading<int>(node.error());
    if (function.kind == facts::PciKind::gpu) {
      function.iommu = read_iommu(view, device);
      function.aer_errors = read_aer(view, device, {"fatal", "nonfatal"});
      function.aer_corrected = read_aer(view, device, {"correctable"});
    }
    functions.push_back(std::move(function));
  }
  return functions;
}

}  // namespace bringup::probe
