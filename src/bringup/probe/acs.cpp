// SPDX-License-Identifier: Apache-2.0
// PCI access control (ACS): whether a bridge sends what one device below it asks of another up to the
// processor. The form is the PCI Express base specification's: a list of extended capabilities from 0x100 on.
#include <bringup/host/kernel_module.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace bringup::probe {
namespace {

constexpr std::string_view kBus = "/sys/bus/pci/devices/";
constexpr std::size_t kShown = 64;  // what the kernel shows to those who are not root
constexpr std::size_t kExtended = 0x100;
constexpr std::uint32_t kAcs = 0x000d;
constexpr std::uint32_t kRedirects = 0x000c;  // requests and completions between devices go up

// Where the capability stands; 0: there is none.
Result<std::size_t> find_acs(std::string_view config) {
  for (std::size_t at = kExtended; at != 0;) {
    if (at < kExtended || at % 4 != 0 || at + 8 > config.size())
      return Error(Errc::malformed, fmt::format("its list of capabilities leads to 0x{:x}", at));
    const std::uint64_t header = host::little_endian(config, at, 4);
    if (header == 0) return 0;
    if (header == 0xffffffff)
      return Error(Errc::malformed, "it reads as all ones: the bridge does not answer");
    if ((header & 0xffffU) == kAcs) return at;
    const auto next = static_cast<std::size_t>(header >> 20U);
    if (next != 0 && next <= at) return Error(Errc::malformed, "its list of capabilities leads back");
    at = next;
  }
  return 0;
}

bool meets_others(const facts::WiredDevice& device) {
  return device.kind == facts::WiredKind::gpu || device.kind == facts::WiredKind::network;
}

}  // namespace

facts::Reading<bool> parse_acs(std::string_view config) {
  if (config.size() <= kShown) return Error(Errc::denied, "only root is shown its access control");
  if (config.size() <= kExtended) return false;
  const std::size_t at = TRY(find_acs(config));
  return at != 0 && (host::little_endian(config, at + 6, 2) & kRedirects) != 0;
}

// The rest holds serial numbers, among others. A list that cannot be followed is cut, so that it cannot be
// followed then either.
std::string acs_essence(std::string_view config) {
  if (config.size() <= kExtended) return std::string(config.size(), '\0');
  const auto at = find_acs(config);
  if (!at) return std::string(kExtended + 4, '\0');
  std::string out(kExtended + 8, '\0');
  if (*at == 0) return out;
  out.replace(kExtended, 8, config.substr(*at, 8));
  out[kExtended + 2] = '\1';  // the only one of its list
  out[kExtended + 3] = '\0';
  return out;
}

void read_acs(const host::View& view, std::vector<facts::WiredDevice>& devices) {
  std::map<std::string, int> users;
  for (const facts::WiredDevice& device : devices) {
    if (!device.way || !meets_others(device)) continue;
    for (const facts::PciBridge& bridge : device.way->bridges) ++users[bridge.address];
  }
  for (facts::WiredDevice& device : devices) {
    if (!device.way || !meets_others(device)) continue;
    auto& bridges = device.way->bridges;
    for (std::size_t i = 1; i < bridges.size(); ++i) {
      if (users[bridges[i].address] < 2) continue;
      const std::string path = std::string(kBus) + bridges[i - 1].address + "/config";
      const auto config = view.read(path);
      bridges[i - 1].redirects = config ? parse_acs(*config) : facts::Reading<bool>(config.error());
    }
  }
}

}  // namespace bringup::probe
