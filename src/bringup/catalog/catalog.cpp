// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::catalog {
namespace {

constexpr std::array<std::string_view, 11> kArchitectures{"Fermi",  "Kepler",    "Maxwell", "Pascal",
                                                          "Volta",  "Turing",    "Ampere",  "Ada",
                                                          "Hopper", "Blackwell", "Rubin"};

template <typename Rows, typename Key, typename Field>
auto* found(const Rows& rows, const Key& key, Field field) {
  const auto at = std::ranges::find(rows, key, field);
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace

std::optional<ComputeCapability> ComputeCapability::parse(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto major = base::to_integer(text.substr(0, dot));
  const auto minor = base::to_integer(text.substr(dot + 1));
  if (!major || !minor || *major < 1 || *major > 20 || *minor < 0 || *minor > 9) return std::nullopt;
  return ComputeCapability{.major = static_cast<int>(*major), .minor = static_cast<int>(*minor)};
}

std::string ComputeCapability::text() const {
  return fmt::format("{}.{}", major, minor);
}

std::string_view known_name(Known known) {
  constexpr std::array<std::string_view, 3> kNames{"tried", "read", "inferred"};
  return kNames.at(static_cast<std::size_t>(known));
}

std::optional<Architecture> parse_architecture(std::string_view name) {
  // Without copies: this is asked for every GPU whenever the catalog is loaded.
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto* at = std::ranges::find_if(
      kArchitectures, [&](std::string_view one) { return std::ranges::equal(one, name, {}, small, small); });
  if (at == kArchitectures.end()) return std::nullopt;
  return static_cast<Architecture>(at - kArchitectures.begin());
}

std::string_view architecture_name(Architecture architecture) {
  return kArchitectures.at(static_cast<std::size_t>(architecture));
}

const Gpu* Catalog::gpu(std::uint16_t device_id) const {
  const auto at = std::ranges::lower_bound(gpus, device_id, {}, &Gpu::device_id);
  return at == gpus.end() || at->device_id != device_id ? nullptr : &*at;
}

std::string Catalog::gpu_name(std::uint16_t device_id, std::uint16_t subvendor,
                              std::uint16_t subdevice) const {
  const auto key = [](const Subsystem& one) { return std::pair(one.device_id, one.id); };
  const std::pair wanted(device_id, static_cast<std::uint32_t>(subvendor) << 16U | subdevice);
  const auto exact = std::ranges::lower_bound(subsystems, wanted, {}, key);
  if (exact != subsystems.end() && key(*exact) == wanted) return std::string(exact->name);
  const Gpu* row = gpu(device_id);
  return row == nullptr ? "" : std::string(row->name);
}

const Branch* Catalog::branch(int number) const {
  return found(branches, number, &Branch::number);
}
const Toolkit* Catalog::toolkit(const Version& version) const {
  const auto at = std::ranges::find_if(toolkits, [&version](const Toolkit& one) {
    return one.version.major() == version.major() && one.version.minor() == version.minor();
  });
  return at == toolkits.end() ? nullptr : &*at;
}
const CudaFloor* Catalog::floor(int cuda_major) const {
  return found(floors, cuda_major, &CudaFloor::cuda_major);
}
const Archive* Catalog::archive(std::string_view os) const {
  return found(archives, os, &Archive::os);
}
const VendorRepo* Catalog::repo(std::string_view os) const {
  return found(repos, os, &VendorRepo::os);
}
const Source* Catalog::source(std::string_view name) const {
  return found(sources, name, &Source::name);
}
const Installer* Catalog::installer(std::string_view name, std::string_view arch) const {
  const auto at = std::ranges::find_if(
      installers, [&](const Installer& one) { return one.name == name && one.arch == arch; });
  return at == installers.end() ? nullptr : &*at;
}

const PypiToolkit* Catalog::pypi_toolkit(const Version& version) const {
  const auto at = std::ranges::find_if(pypi_toolkits, [&version](const PypiToolkit& one) {
    return one.works && one.version.major() == version.major() && one.version.minor() == version.minor();
  });
  return at == pypi_toolkits.end() ? nullptr : &*at;
}

Requirement requirement_of(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of("=<>"), text.size());
  const std::size_t version = std::min(text.find_first_not_of("=<>", end), text.size());
  return {.package = std::string(base::trim(text.substr(0, end))),
          .relation = std::string(text.substr(end, version - end)),
          .version = std::string(base::trim(text.substr(version)))};
}

bool speaks_of(const Requirement& requirement, std::string_view version) {
  if (requirement.relation.empty()) return true;
  const auto wanted = Version::parse(requirement.version);
  const auto there = Version::parse(version);
  if (!wanted || !there) return false;
  const std::string& relation = requirement.relation;
  if (*there == *wanted) return base::contains(relation, "=");
  return *there < *wanted ? relation.starts_with('<') : relation.starts_with('>');
}

std::string filled(std::string_view name, std::string_view what, std::string_view with) {
  std::string out(name);
  const std::string place = fmt::format("{{{}}}", what);
  for (std::size_t at = out.find(place); at != std::string::npos; at = out.find(place, at + with.size()))
    out.replace(at, place.size(), with);
  return out;
}

std::vector<std::string> driver_packages(const VendorRepo& repo, int branch, bool open) {
  const bool old = branch < repo.pin_from_branch;
  const auto& names =
      open ? (old && !repo.old_driver_open_packages.empty() ? repo.old_driver_open_packages
                                                            : repo.driver_open_packages)
           : (old && !repo.old_driver_proprietary_packages.empty() ? repo.old_driver_proprietary_packages
                                                                   : repo.driver_proprietary_packages);
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const std::string& name : names) out.push_back(filled(name, "branch", std::to_string(branch)));
  return out;
}

std::vector<std::string> driver_pins(const VendorRepo& repo, int branch) {
  std::vector<std::string> out;
  if (branch < repo.pin_from_branch) return out;
  for (const std::string& name : repo.pin_packages)
    out.push_back(filled(name, "branch", std::to_string(branch)));
  return out;
}

std::vector<std::string> driver_locks(const VendorRepo& repo, int branch, bool open) {
  std::vector<std::string> out;
  for (const std::string& row : repo.lock_packages) {
    const std::string pattern = filled(row, "branch", std::to_string(branch));
    if (!base::contains(pattern, "{package}")) {
      out.push_back(pattern);
      continue;
    }
    for (const std::string& package : driver_packages(repo, branch, open))
      out.push_back(filled(pattern, "package", package));
  }
  return out;
}

Known known_of(const Archive& archive, std::string_view part) {
  return std::ranges::find(archive.tried, part) == archive.tried.end() ? archive.from.known : Known::tried;
}

std::optional<Version> variant_cuda(std::string_view variant) {
  if (!variant.starts_with("cu") || variant.size() < 4) return std::nullopt;
  const std::string_view digits = variant.substr(2);
  if (!base::to_integer(digits)) return std::nullopt;
  return Version::parse(fmt::format("{}.{}", digits.substr(0, digits.size() - 1), digits.back()));
}

// NVIDIA's rule (Blackwell compatibility guide): machine code for X.Y runs on X.Z with Z >= Y, and on no
// other major; PTX is compiled for anything newer.
bool covers(const WheelSet& wheels, ComputeCapability compute) {
  const bool native = std::ranges::any_of(wheels.sm, [compute](ComputeCapability sm) {
    return sm.major == compute.major && sm.minor <= compute.minor;
  });
  return native || (wheels.ptx && *wheels.ptx <= compute);
}

}  // namespace bringup::catalog
