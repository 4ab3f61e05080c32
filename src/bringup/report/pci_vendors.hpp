// SPDX-License-Identifier: Apache-2.0
#pragma once
// Makers of what stands beside GPUs on the PCI bus, by their vendor ids.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace bringup::report {

// "" for one that is not in the table.
inline std::string_view pci_vendor(std::uint16_t vendor) {
  static constexpr std::array<std::pair<std::uint16_t, std::string_view>, 21> kVendors{
      {{0x1000, "Broadcom"}, {0x1022, "AMD"},     {0x1077, "QLogic"},    {0x10b5, "PLX"},
       {0x10de, "NVIDIA"},   {0x10ec, "Realtek"}, {0x11f8, "Microchip"}, {0x1344, "Micron"},
       {0x1425, "Chelsio"},  {0x144d, "Samsung"}, {0x14e4, "Broadcom"},  {0x15b3, "Mellanox"},
       {0x15b7, "SanDisk"},  {0x1b21, "ASMedia"}, {0x1c5c, "SK hynix"},  {0x1d0f, "Amazon"},
       {0x1e0f, "Kioxia"},   {0x1af4, "virtio"},  {0x8086, "Intel"},     {0xc0a9, "Crucial"},
       {0x025e, "Solidigm"}}};
  const auto* found = std::ranges::find(kVendors, vendor, &std::pair<std::uint16_t, std::string_view>::first);
  return found == kVendors.end() ? "" : found->second;
}

}  // namespace bringup::report
