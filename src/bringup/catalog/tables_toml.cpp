// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/row.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

Result<> read_branch(Row& row, Catalog& catalog) {
  Branch branch{.number = TRY(row.number("number", 300, 999)),
                .type = TRY(row.text("type")),
                .released = TRY(row.date("released")),
                .eol = std::nullopt,
                .latest = TRY(row.version("latest", 999)),
                .max_cuda = TRY(row.version("max_cuda", 99)),
                .oldest = TRY(row.architecture("oldest")),
                .newest = TRY(row.architecture("newest")),
                .open_modules = TRY(row.flag_or("open_modules", false)),
                .successor = std::nullopt,
                .from = TRY(row.provenance())};
  if (row.has("eol")) branch.eol = TRY(row.date("eol"));
  if (row.has("successor")) branch.successor = TRY(row.number("successor", 300, 999));
  if (branch.type != "LTSB" && branch.type != "PB" && branch.type != "NFB")
    return row.bad(fmt::format("type '{}' is not LTSB, PB or NFB", branch.type));
  if (branch.latest.major() != branch.number)
    return row.bad(fmt::format("latest {} is not of branch {}", branch.latest.text, branch.number));
  if (branch.newest < branch.oldest) return row.bad("newest is older than oldest");
  if (branch.eol && *branch.eol < branch.from.as_of.substr(0, branch.eol->size()) && !branch.successor)
    return row.bad("past its end of life and without successor");
  if (!catalog.branches.empty()) {
    const Branch& before = catalog.branches.back();
    if (before.number >= branch.number) return row.bad("branches are sorted and unique");
    if (branch.max_cuda < before.max_cuda)
      return row.bad(
          fmt::format("max_cuda {} is less than that of branch {}", branch.max_cuda.text, before.number));
  }
  catalog.branches.push_back(std::move(branch));
  return ok;
}

// What is wrong with the way from a branch to its successors, which must end; "" for nothing.
std::string wrong_successor(const Branch& branch, const Catalog& catalog) {
  std::vector<int> way{branch.number};
  for (const Branch* at = &branch; at->successor;) {
    const int number = *at->successor;
    const Branch* next = catalog.branch(number);
    if (next == nullptr) return fmt::format("the successor {} of {} is no branch", number, at->number);
    const bool again = std::ranges::find(way, number) != way.end();
    way.push_back(number);
    if (again) return fmt::format("the successors lead in a ring: {}", fmt::join(way, " -> "));
    at = next;
  }
  return "";
}

Result<> read_floor(Row& row, Catalog& catalog) {
  CudaFloor floor{.cuda_major = TRY(row.number("cuda_major", 10, 99)),
                  .driver = TRY(row.version("driver", 999)),
                  .from = TRY(row.provenance())};
  if (floor.driver.major() < 300)
    return row.bad(fmt::format("driver {} is no driver version", floor.driver.text));
  if (!catalog.floors.empty() &&
      (catalog.floors.back().cuda_major >= floor.cuda_major || floor.driver <= catalog.floors.back().driver))
    return row.bad("floors are sorted, unique and rising");
  catalog.floors.push_back(std::move(floor));
  return ok;
}

// True when `a` stands before `b` in the order of preference.
bool preferred(const WheelSet& a, const WheelSet& b) {
  if (a.torch != b.torch) return b.torch < a.torch;
  if (a.index != b.index) return a.index == "pypi";
  return b.cuda.value_or(Version{}) < a.cuda.value_or(Version{});
}

// The rows are sorted: those of one torch are the last ones.
bool stands_already(const WheelSet& set, const std::vector<WheelSet>& before) {
  for (auto other = before.rbegin(); other != before.rend() && other->torch == set.torch; ++other) {
    if (other->variant == set.variant && other->index == set.index && other->torchaudio == set.torchaudio)
      return true;
  }
  return false;
}

Result<> read_wheel_set(Row& row, Catalog& catalog) {
  WheelSet set{.torch = TRY(row.version("torch", 9)),
               .torchvision = TRY(row.text("torchvision")),
               .torchaudio = std::nullopt,
               .variant = TRY(row.text("variant")),
               .cuda = std::nullopt,
               .index = TRY(row.text("index")),
               .pythons = TRY(row.texts("pythons", true)),
               .sm = TRY(row.computes("sm")),
               .ptx = std::nullopt,
               .glibc = TRY(row.version("glibc", 9)),
               .works = TRY(row.flag_or("works", true)),
               .note = TRY(row.text_or("note", "")),
               .from = TRY(row.provenance())};
  if (row.has("torchaudio")) set.torchaudio = TRY(row.text("torchaudio"));
  if (row.has("ptx")) set.ptx = TRY(row.compute("ptx"));
  set.cuda = variant_cuda(set.variant);
  const auto& cuda = set.cuda;
  if (!cuda && set.variant != "cpu")
    return row.bad(fmt::format("variant '{}' is neither cpu nor cuNNN", set.variant));
  if (cuda && catalog.floor(cuda->major()) == nullptr)
    return row.bad(fmt::format("no driver floor for CUDA {}", cuda->major()));
  if (cuda.has_value() == set.sm.empty()) return row.bad("a CUDA variant has an sm list, and cpu has none");
  if (set.index != "pypi" && set.index != "pytorch")
    return row.bad(fmt::format("index '{}' is neither pypi nor pytorch", set.index));
  if (set.pythons.empty()) return row.bad("pythons is empty");
  if (!catalog.wheels.empty() && preferred(set, catalog.wheels.back()))
    return row.bad("wheels are sorted: newest torch, PyPI before the PyTorch index, newer CUDA, cpu last");
  if (stands_already(set, catalog.wheels))
    return row.bad(fmt::format("torch {} {} from {} stands twice", set.torch.text, set.variant, set.index));
  catalog.wheels.push_back(std::move(set));
  return ok;
}

Result<> check_archive(const Row& row, const Archive& archive) {
  if (archive.driver.has_value() == archive.driver_packages.empty())
    return row.bad("driver and driver_packages go together");
  if (archive.toolkit.has_value() == archive.toolkit_packages.empty())
    return row.bad("toolkit and toolkit_packages go together");
  for (const std::string& part : archive.tried) {
    constexpr std::array<std::string_view, 4> kParts{"driver", "driver_open", "python", "toolkit"};
    const bool there = part == "driver"        ? archive.driver.has_value()
                       : part == "driver_open" ? !archive.driver_open_packages.empty()
                       : part == "toolkit"     ? archive.toolkit.has_value()
                                               : true;
    if (std::ranges::find(kParts, std::string_view(part)) == kParts.end() || !there)
      return row.bad(fmt::format("tried has '{}', which is no part of this row", part));
  }
  if (!archive.component.empty() && (archive.codename.empty() || archive.url.empty()))
    return row.bad("component needs codename and url: its source is written with them");
  return ok;
}

Result<> check_repo(const Row& row, const VendorRepo& repo, const Catalog& catalog) {
  if (repo.pin_packages.empty() != (repo.pin_from_branch == 0))
    return row.bad("pin_from_branch and pin_packages go together");
  if (repo.manager != "apt" && repo.manager != "dnf")
    return row.bad(fmt::format("manager '{}' is neither apt nor dnf", repo.manager));
  if (!repo.lock_packages.empty() && repo.manager != "dnf")
    return row.bad("lock_packages are for dnf: apt has pin_packages");
  for (const std::string& pattern : repo.lock_packages) {
    if (!base::contains(pattern, "{branch}"))
      return row.bad(fmt::format("'{}' of lock_packages does not say {{branch}}", pattern));
  }
  TRY(check_fingerprint(row, repo.fingerprint));
  const auto key = std::ranges::find(catalog.keys, repo.fingerprint, &SigningKey::fingerprint);
  if (key == catalog.keys.end()) return row.bad("fingerprint is no key of keys.toml");
  if (key->revoked) return row.bad(fmt::format("key {} was revoked", key->file));
  for (const std::string& url : {repo.url, repo.key_url}) {
    if (!url.starts_with("https://")) return row.bad(fmt::format("{} is not https", url));
  }
  return ok;
}

}  // namespace

Result<Known> parse_known(std::string_view word) {
  if (word == "tried") return Known::tried;
  if (word == "read") return Known::read;
  if (word == "inferred") return Known::inferred;
  return Error(Errc::malformed, fmt::format("known = '{}' is not tried, read or inferred", word));
}

Result<> read_branches(std::string_view text, Catalog& catalog) {
  std::vector<int> lines;  // of the branches, for what can be said of them only when all are there
  TRY(each(text, "branches.toml", {"branch", "floor"}, [&](std::string_view name, Row& row) -> Result<> {
    if (name == "floor") return read_floor(row, catalog);
    lines.push_back(row.line());
    return read_branch(row, catalog);
  }));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (const std::string wrong = wrong_successor(catalog.branches[i], catalog); !wrong.empty())
      return Error(Errc::malformed, fmt::format("branches.toml:{}: {}", lines[i], wrong));
  }
  return ok;
}

Result<> read_toolkits(std::string_view text, Catalog& catalog) {
  return each(text, "toolkits.toml", {"toolkit", "pypi"},
              [&catalog](std::string_view name, Row& row) -> Result<> {
                if (name == "pypi") return read_pypi_toolkit(row, catalog);
                Toolkit toolkit{.version = TRY(row.version("version", 99)),
                                .host_gcc_max = TRY(row.number("host_gcc_max", 4, 40)),
                                .min_compute = TRY(row.compute("min_compute")),
                                .max_compute = TRY(row.compute("max_compute")),
                                .from = TRY(row.provenance())};
                if (toolkit.max_compute < toolkit.min_compute)
                  return row.bad("max_compute is less than min_compute");
                if (!catalog.toolkits.empty()) {
                  const Toolkit& before = catalog.toolkits.back();
                  if (before.version >= toolkit.version) return row.bad("toolkits are sorted and unique");
                  if (toolkit.host_gcc_max < before.host_gcc_max)
                    return row.bad(fmt::format("host_gcc_max is less than that of {}", before.version.text));
                }
                catalog.toolkits.push_back(std::move(toolkit));
                return ok;
              });
}

Result<> read_wheels(std::string_view text, Catalog& catalog) {
  return each(text, "wheels.toml", {"wheels"},
              [&catalog](std::string_view, Row& row) { return read_wheel_set(row, catalog); });
}

Result<> read_archives(std::string_view text, Catalog& catalog) {
  return each(text, "archives.toml", {"archive"}, [&catalog](std::string_view, Row& row) -> Result<> {
    Archive archive{.os = TRY(row.text("os")),
                    .codename = TRY(row.text_or("codename", "")),
                    .url = TRY(row.text_or("url", "")),
                    .component = TRY(row.text_or("component", "")),
                    .driver = std::nullopt,
                    .driver_packages = TRY(row.texts("driver_packages", false)),
                    .driver_open_packages = TRY(row.texts("driver_open_packages", false)),
                    .headers_package = TRY(row.text("headers_package")),
                    .toolkit = std::nullopt,
                    .toolkit_packages = TRY(row.texts("toolkit_packages", false)),
                    .python = TRY(row.text("python")),
                    .python_packages = TRY(row.texts("python_packages", true)),
                    .lock_plugin = TRY(row.text_or("lock_plugin", "")),
                    .dkms_from = TRY(row.text_or("dkms_from", "")),
                    .tried = TRY(row.texts("tried", false)),
                    .from = TRY(row.provenance())};
    if (row.has("driver")) archive.driver = TRY(row.version("driver", 999));
    if (row.has("toolkit")) archive.toolkit = TRY(row.version("toolkit", 99));
    TRY(check_archive(row, archive));
    if (!catalog.archives.empty() && catalog.archives.back().os >= archive.os)
      return row.bad("archives are sorted by os and unique");
    catalog.archives.push_back(std::move(archive));
    return ok;
  });
}

Result<> read_repos(std::string_view text, Catalog& catalog) {
  return each(text, "repos.toml", {"repo"}, [&catalog](std::string_view, Row& row) -> Result<> {
    VendorRepo repo{
        .os = TRY(row.text("os")),
        .manager = TRY(row.text("manager")),
        .url = TRY(row.text("url")),
        .key_url = TRY(row.text("key_url")),
        .fingerprint = TRY(row.text("fingerprint")),
        .driver_open_packages = TRY(row.texts("driver_open_packages", true)),
        .driver_proprietary_packages = TRY(row.texts("driver_proprietary_packages", true)),
        .pin_from_branch = 0,
        .pin_packages = TRY(row.texts("pin_packages", false)),
        .lock_packages = TRY(row.texts("lock_packages", false)),
        .old_driver_open_packages = TRY(row.texts("old_driver_open_packages", false)),
        .old_driver_proprietary_packages = TRY(row.texts("old_driver_proprietary_packages", false)),
        .dnf_module_open = TRY(row.text_or("dnf_module_open", "")),
        .dnf_module_proprietary = TRY(row.text_or("dnf_module_proprietary", "")),
        .toolkit_packages = TRY(row.texts("toolkit_packages", true)),
        .headers_package = TRY(row.text("headers_package")),
        .from = TRY(row.provenance())};
    if (row.has("pin_from_branch")) repo.pin_from_branch = TRY(row.number("pin_from_branch", 300, 999));
    TRY(check_repo(row, repo, catalog));
    if (!catalog.repos.empty() && catalog.repos.back().os >= repo.os)
      return row.bad("repos are sorted by os and unique");
    catalog.repos.push_back(std::move(repo));
    return ok;
  });
}

Result<> read_sources(std::string_view text, Catalog& catalog) {
  return each(text, "sources.toml", {"source"}, [&catalog](std::string_view, Row& row) -> Result<> {
    Source source{.name = TRY(row.text("name")), .url = TRY(row.text("url")), .from = TRY(row.provenance())};
    if (!source.url.starts_with("https://")) return row.bad(fmt::format("{} is not https", source.url));
    if (!catalog.sources.empty() && catalog.sources.back().name >= source.name)
      return row.bad("sources are sorted by name and unique");
    catalog.sources.push_back(std::move(source));
    return ok;
  });
}

}  // namespace bringup::catalog
