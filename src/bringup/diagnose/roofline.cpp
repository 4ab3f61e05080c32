// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/diagnose/roofline.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::diagnose {

bool is_geforce(const facts::NativeGpu& gpu) {
  return base::contains(gpu.name, "GeForce") || base::contains(gpu.name, "TITAN");
}

double lane_rate(int generation) {
  // 8b/10b to generation 2, 128b/130b to 5, flits from 6
  constexpr std::array<double, 7> kRates{0, 0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};
  const bool known = generation > 0 && static_cast<std::size_t>(generation) < kRates.size();
  return known ? kRates.at(static_cast<std::size_t>(generation)) : 0;
}

std::optional<Roof> memory_roof(const facts::NativeGpu& gpu) {
  if (!gpu.build) return std::nullopt;
  const double clock = gpu.build->memory_megahertz_most;
  const int bits = gpu.build->memory_bus_bits;
  if (!(clock > 0) || bits <= 0) return std::nullopt;
  return Roof{.value = clock * 1e6 * bits * 2 / 8,  // two transfers a clock
              .from = fmt::format("{:.0f} MHz x 2 x {} bits", clock, bits)};
}

std::optional<Roof> matrix_roof(const Reference& reference, const facts::NativeGpu& gpu,
                                std::string_view type) {
  if (!gpu.build) return std::nullopt;
  const OperationsRow* row = reference.row(gpu.build->compute_capability, is_geforce(gpu));
  if (row == nullptr) return std::nullopt;
  const auto per_clock = row->per_clock.find(std::string(type));
  const double clock = gpu.build->sm_megahertz_most;
  const int count = gpu.build->multiprocessors;
  if (per_clock == row->per_clock.end() || per_clock->second == 0 || !(clock > 0) || count <= 0)
    return std::nullopt;
  return Roof{.value = clock * 1e6 * count * per_clock->second,
              .from = fmt::format("{} multiprocessors x {} operations a clock x {:.0f} MHz", count,
                                  per_clock->second, clock)};
}

std::optional<Roof> host_roof(const facts::NativeGpu& gpu) {
  if (!gpu.link) return std::nullopt;
  const double value = lane_rate(gpu.link->max_generation) * gpu.link->max_width;
  if (!(value > 0)) return std::nullopt;
  return Roof{.value = value,
              .from = fmt::format("PCIe {}.0 x{}", gpu.link->max_generation, gpu.link->max_width)};
}

std::optional<Roof> nvlink_roof(const facts::NativeGpu& a, const facts::NativeGpu& b) {
  // Bytes per second of one link in one direction, by generation.
  constexpr std::array<double, 6> kRates{0, 20e9, 25e9, 25e9, 25e9, 50e9};
  if (!a.nvlink || !b.nvlink) return std::nullopt;
  const int links = std::min(a.nvlink->links, b.nvlink->links);
  const int generation = std::min(a.nvlink->version, b.nvlink->version);
  if (links <= 0 || generation <= 0 || static_cast<std::size_t>(generation) >= kRates.size())
    return std::nullopt;
  const double rate = kRates.at(static_cast<std::size_t>(generation));
  return Roof{
      .value = links * rate,
      .from = fmt::format("{} NVLinks of generation {}, {:.0f} GB/s each", links, generation, rate / 1e9)};
}

}  // namespace bringup::diagnose
