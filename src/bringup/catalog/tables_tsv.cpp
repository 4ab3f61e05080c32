// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/tables.hpp>
#include <bringup/catalog/tsv.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

constexpr std::array<std::pair<Architecture, std::pair<ComputeCapability, ComputeCapability>>, 10> kCompute{{
    {Architecture::kepler, {{3, 0}, {3, 7}}},
    {Architecture::maxwell, {{5, 0}, {5, 3}}},
    {Architecture::pascal, {{6, 0}, {6, 2}}},
    {Architecture::volta, {{7, 0}, {7, 2}}},
    {Architecture::turing, {{7, 5}, {7, 5}}},
    {Architecture::ampere, {{8, 0}, {8, 7}}},
    {Architecture::ada, {{8, 9}, {8, 9}}},
    {Architecture::hopper, {{9, 0}, {9, 0}}},
    {Architecture::blackwell, {{10, 0}, {12, 1}}},
    {Architecture::rubin, {{10, 7}, {10, 7}}},
}};

bool agree(Architecture architecture, ComputeCapability compute) {
  const auto* row = std::ranges::find(kCompute, architecture, &decltype(kCompute)::value_type::first);
  return row != kCompute.end() && compute >= row->second.first && compute <= row->second.second;
}

Result<> check_board(const TsvTable& table, const Gpu& gpu, std::string_view cell) {
  if (cell != "nvswitch" && cell != "-")
    return table.bad(fmt::format("nvswitch '{}' is neither nvswitch nor -", cell));
  // A card in a slot is not on a board of NVSwitches.
  for (const std::string_view card : {"PCIe", "PCIE", "NVL", "Workstation", "Server Edition"}) {
    if (gpu.nvswitch && (base::contains(gpu.name, card) || base::contains(gpu.alias, card) || gpu.geforce))
      return table.bad(
          fmt::format("'{}' is a card, and yet said to come on a board with NVSwitches", gpu.name));
  }
  return ok;
}

// The provenance of a table's rows: one for all that are known alike.
class Origins {
 public:
  explicit Origins(const TsvTable& table) : table_(table) {}
  std::shared_ptr<const Provenance> of(Known known) {
    auto& one = all_.at(static_cast<std::size_t>(known));
    if (one == nullptr) {
      Provenance from = table_.from();
      from.known = known;
      one = std::make_shared<const Provenance>(std::move(from));
    }
    return one;
  }

 private:
  const TsvTable& table_;
  std::array<std::shared_ptr<const Provenance>, 3> all_;
};

Result<Gpu> gpu_of(const TsvTable& table, const std::vector<std::string_view>& cells, Origins& origins) {
  Gpu gpu{.device_id = 0,
          .chip = cells[1],
          .compute = std::nullopt,
          .name = cells[4],
          .alias = cells[5],
          .memory_bytes = std::nullopt,
          .nvswitch = cells[7] == "nvswitch",
          .geforce = cells[8] == "geforce",
          .first_driver = {},
          .from = {}};
  const auto id = base::to_hex(cells[0]);
  if (!id || cells[0].size() != 4)
    return table.bad(fmt::format("device id '{}' is not four hexadecimal digits", cells[0]));
  gpu.device_id = static_cast<std::uint16_t>(*id);
  const auto architecture = parse_architecture(cells[2]);
  if (!architecture) return table.bad(fmt::format("unknown architecture '{}'", cells[2]));
  gpu.architecture = *architecture;
  if (cells[3] != "-") {
    gpu.compute = ComputeCapability::parse(cells[3]);
    if (!gpu.compute)
      return table.bad(fmt::format("compute capability '{}' is not of the form 8.9", cells[3]));
    if (!agree(gpu.architecture, *gpu.compute))
      return table.bad(fmt::format("{} does not have compute capability {}", cells[2], cells[3]));
  }
  if (gpu.name.empty()) return table.bad("name is missing");
  TRY(check_board(table, gpu, cells[7]));
  if (cells[6] != "-") {
    const auto gib = base::to_integer(cells[6]);
    if (!gib || *gib < 1 || *gib > 1024)
      return table.bad(fmt::format("memory '{}' is not between 1 and 1024 GiB", cells[6]));
    gpu.memory_bytes = static_cast<std::uint64_t>(*gib) << 30U;
  }
  const auto known = parse_known(cells[9]);
  if (!known) return Error(known.error()).within(table.here());
  gpu.from = origins.of(*known);
  return gpu;
}

// "580.65.06": two or three numbers, the first a branch.
Result<Version> driver_version(const TsvTable& table, std::string_view text) {
  const auto version = Version::parse(text);
  if (!version || version->parts.size() < 2 || version->parts.size() > 3 || version->major() < 300 ||
      version->major() > 999)
    return table.bad(fmt::format("'{}' is no driver version", text));
  return *version;
}

Result<FirstDrivers> first_drivers_of(const TsvTable& table, const std::vector<std::string_view>& cells,
                                      const std::vector<int>& branches) {
  FirstDrivers::Map out;
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (cells[i] == "-") continue;
    Version version = TRY(driver_version(table, cells[i]));
    if (version.major() != branches[i - 1])
      return table.bad(fmt::format("{} stands in the column of branch {}", cells[i], branches[i - 1]));
    out.emplace(branches[i - 1], std::move(version));
  }
  return FirstDrivers(std::move(out));
}

}  // namespace

Result<> read_gpus(std::string_view text, Catalog& catalog) {
  TsvTable table = TRY(TsvTable::open(text, "gpus.tsv"));
  Origins origins(table);
  catalog.gpus.reserve(1024);
  while (table.more()) {
    Gpu gpu = TRY(gpu_of(table, *TRY(table.row()), origins));
    if (!catalog.gpus.empty() && catalog.gpus.back().device_id >= gpu.device_id)
      return table.bad(fmt::format("{:04x} does not come after {:04x}: rows are sorted and unique",
                                   gpu.device_id, catalog.gpus.back().device_id));
    catalog.gpus.push_back(std::move(gpu));
  }
  return ok;
}

Result<> read_first_drivers(std::string_view text, Catalog& catalog) {
  TsvTable table = TRY(TsvTable::open(text, "first_driver.tsv"));
  std::vector<int> branches;
  for (std::size_t i = 1; i < table.columns().size(); ++i) {
    const auto number = base::to_integer(table.columns()[i]);
    if (!number || catalog.branch(static_cast<int>(*number)) == nullptr)
      return table.bad(fmt::format("column '{}' is no driver branch of branches.toml", table.columns()[i]));
    branches.push_back(static_cast<int>(*number));
  }
  if (!branches.empty()) {
    const auto [oldest, newest] = std::ranges::minmax(branches);
    catalog.listed = {oldest, newest};
  }
  std::map<std::string_view, FirstDrivers> seen;  // rows by what stands behind their id: most are alike
  while (table.more()) {
    const std::string_view line = table.line();
    const std::string_view first = line.substr(0, line.find('\t'));
    const auto id = static_cast<std::uint16_t>(base::to_hex(first).value_or(0));
    const auto gpu = std::ranges::lower_bound(catalog.gpus, id, {}, &Gpu::device_id);
    if (gpu == catalog.gpus.end() || gpu->device_id != id)
      return table.bad(fmt::format("{} is no GPU of gpus.tsv", first));
    if (!gpu->first_driver.empty()) return table.bad(fmt::format("{} stands twice", first));
    const std::string_view rest = line.substr(first.size());
    auto known = seen.find(rest);
    if (known == seen.end())
      known = seen.emplace(rest, TRY(first_drivers_of(table, *TRY(table.cells(line)), branches))).first;
    gpu->first_driver = known->second;
  }
  return ok;
}

Result<> read_subsystems(std::string_view text, Catalog& catalog) {
  TsvTable table = TRY(TsvTable::open(text, "subsystems.tsv"));
  catalog.subsystems.reserve(1024);
  while (table.more()) {
    const auto& cells = *TRY(table.row());
    const std::size_t colon = cells[1].find(':');
    const auto device = base::to_hex(cells[0]);
    const auto unreadable = [&table, &cells] {
      return table.bad(fmt::format("'{} {}' is no device and subsystem id", cells[0], cells[1]));
    };
    if (colon == std::string_view::npos) return unreadable();
    const auto vendor = base::to_hex(cells[1].substr(0, colon));
    const auto subdevice = base::to_hex(cells[1].substr(colon + 1));
    if (!device || !vendor || !subdevice || *device > 0xFFFF || *vendor > 0xFFFF || *subdevice > 0xFFFF)
      return unreadable();
    const Subsystem one{.device_id = static_cast<std::uint16_t>(*device),
                        .id = static_cast<std::uint32_t>(*vendor << 16U | *subdevice),
                        .name = cells[2]};
    const bool next = catalog.subsystems.empty() || catalog.subsystems.back().device_id != one.device_id;
    if (next && catalog.gpu(one.device_id) == nullptr)
      return table.bad(fmt::format("{} is no GPU of gpus.tsv", cells[0]));
    if (!catalog.subsystems.empty()) {
      const Subsystem& before = catalog.subsystems.back();
      if (std::pair(before.device_id, before.id) >= std::pair(one.device_id, one.id))
        return table.bad(
            fmt::format("{} {} stands twice, or not in its order: rows are sorted", cells[0], cells[1]));
    }
    catalog.subsystems.push_back(one);
  }
  return ok;
}

}  // namespace bringup::catalog
