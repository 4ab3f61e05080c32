// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/messages.hpp>
#include <bringup/catalog/signed.hpp>
#include <bringup/catalog/tables.hpp>
#include <bringup/catalog/thresholds.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <tuple>
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

// Letters and digits in lower case, cut where letters and digits meet: "RTX4090 D" -> rtx 4090 d.
std::vector<std::string> tokens(std::string_view words) {
  std::vector<std::string> out;
  std::string word;
  const auto kind = [](char c) { return (c >= 'a' && c <= 'z') ? 1 : (c >= '0' && c <= '9') ? 2 : 0; };
  int before = 0;
  for (const char c : base::lower(words)) {
    const int now = kind(c);
    if (now != before && !word.empty()) out.push_back(std::exchange(word, ""));
    if (now != 0) word += c;
    before = now;
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool has_all(const std::vector<std::string>& wanted, const std::vector<std::string>& there) {
  return std::ranges::all_of(wanted, [&there](const std::string& word) { return has(there, word); });
}

// Words of `name` that make it another product than the one that was asked for: "Ti", "Laptop", the G of T4G,
// another number; brands, form factors and sizes do not.
std::size_t strangers(const std::vector<std::string>& name, const std::vector<std::string>& wanted) {
  static constexpr std::array<std::string_view, 9> kPlain{"geforce", "tesla", "quadro", "rtx", "gtx",
                                                          "sxm",     "pcie",  "hbm",    "gb"};
  std::size_t out = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool size =
        base::to_integer(name[i]) && ((i + 1 < name.size() && name[i + 1] == "gb") ||
                                      (i > 0 && (name[i - 1] == "sxm" || name[i - 1] == "hbm")));
    if (!size && !has(wanted, name[i]) &&
        std::ranges::find(kPlain, std::string_view(name[i])) == kPlain.end())
      ++out;
  }
  return out;
}

// How far a product is from plain: other words, then whether its memory is known (engineering samples and
// spare ids have none), then SXM before PCIe when neither was said, then the shortest name, then the newer
// chip under one name. Rows are by id, so of two alike the first is taken and the answer is always the same.
auto plainness(const Gpu& row, const std::vector<std::string>& wanted) {
  const std::vector<std::string> name = tokens(row.name);
  const std::vector<std::string> alias = tokens(row.alias);
  const bool sxm = has(name, "sxm") || has(alias, "sxm");
  return std::tuple(std::min(strangers(name, wanted), strangers(alias, wanted)),
                    !row.memory_bytes.has_value(), !sxm, sxm ? 0 : std::min(name.size(), alias.size()),
                    -row.compute->major, -row.compute->minor);
}

// Whether each word stands anywhere in one of the names: what most rows fail, before they are cut into words.
bool may_have_all(const std::vector<std::string>& wanted, const Gpu& row) {
  const auto stands_in = [](std::string_view text, const std::string& word) {
    const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [small](char a, char b) { return small(a) == b; }) != text.end();
  };
  return std::ranges::all_of(wanted, [&](const std::string& word) {
    return stands_in(row.name, word) || stands_in(row.alias, word);
  });
}

const Gpu* by_words(const std::vector<Gpu>& gpus, const std::vector<std::string>& wanted) {
  const Gpu* best = nullptr;
  for (const Gpu& row : gpus) {
    if (!row.compute || !may_have_all(wanted, row) ||
        !has_all(wanted, tokens(fmt::format("{} {}", row.name, row.alias))))
      continue;
    if (best == nullptr || plainness(row, wanted) < plainness(*best, wanted)) best = &row;
  }
  return best;
}

// The name to offer when nothing was found; brands that were not typed are left out, so that they do not
// count as mistakes.
std::optional<std::string> nearest_name(const std::vector<Gpu>& gpus, std::string_view words) {
  std::vector<std::string> names;
  for (const Gpu& row : gpus) {
    std::string name(row.name);
    for (const std::string_view brand : {"GeForce ", "Tesla ", "Quadro "}) {
      if (name.starts_with(brand) && !base::lower(words).starts_with(base::lower(brand)))
        name.erase(0, brand.size());
    }
    names.push_back(std::move(name));
  }
  return base::nearest(words, names);
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

Result<const Gpu*> Catalog::find_gpu(std::string_view words) const {
  std::string_view id = base::trim(words);
  const bool by_id = id.starts_with("10de:");
  if (by_id) id.remove_prefix(5);
  const auto number = id.size() == 4 ? base::to_hex(id) : std::nullopt;
  const Gpu* row = number ? gpu(static_cast<std::uint16_t>(*number)) : nullptr;
  if (by_id && row == nullptr)
    return Error(Errc::usage, fmt::format("no NVIDIA GPU has the PCI id 10de:{}", id));
  if (by_id) return row;
  std::vector<std::string> wanted = tokens(words);
  std::erase(wanted, "nvidia");
  if (wanted.empty()) return Error(Errc::usage, "no name of a GPU");
  // "2080" is a product before it is an id.
  if (const Gpu* named = by_words(gpus, wanted)) return named;
  if (row != nullptr) return row;
  const auto near = nearest_name(gpus, words);
  return Error(Errc::usage,
               fmt::format("no GPU in the catalog is called '{}'{}", base::harmless(base::trim(words)),
                           near ? fmt::format(" (did you mean '{}'?)", *near) : ""));
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

const Files& compiled_in() {
  static const Files files = [] {
    Files out;
    for (const base::EmbeddedFile& file : embedded_catalog_rows()) out.emplace(file.name, file.text);
    return out;
  }();
  return files;
}

namespace {

using Texts = std::span<const base::EmbeddedFile>;

const std::string_view* text_of(Texts files, std::string_view name) {
  const auto file = std::ranges::find(files, name, &base::EmbeddedFile::name);
  return file == files.end() ? nullptr : &file->text;
}

// What the views of the catalog's rows are of must not go away: these files' texts are kept with it.
std::vector<base::EmbeddedFile> kept_texts(const Files& files, Catalog& catalog) {
  std::vector<base::EmbeddedFile> out;
  for (const auto& [name, text] : files) {
    if (!name.ends_with(".tsv")) {
      out.push_back({.name = name, .text = text});
      continue;
    }
    catalog.texts.push_back(std::make_shared<const std::string>(text));
    out.push_back({.name = name, .text = *catalog.texts.back()});
  }
  return out;
}

Result<> load_choices(Texts files, Catalog& catalog) {
  // In an order in which each file's references are there already.
  static constexpr std::array<std::pair<std::string_view, Result<> (*)(std::string_view, Catalog&)>, 15>
      kReaders{{{"branches.toml", read_branches},
                {"gpus.tsv", read_gpus},
                {"first_driver.tsv", read_first_drivers},
                {"subsystems.tsv", read_subsystems},
                {"toolkits.toml", read_toolkits},
                {"wheels.toml", read_wheels},
                {"companions.toml", read_companions},
                {"stacks.toml", read_stacks},
                {"archives.toml", read_archives},
                {"keys.toml", read_keys},
                {"repos.toml", read_repos},
                {"sources.toml", read_sources},
                {"installers.toml", read_installers},
                {"fabric.toml", read_fabric},
                {"mirrors.toml", read_mirrors}}};
  for (const auto& [name, read] : kReaders) {
    const std::string_view* text = text_of(files, name);
    if (text == nullptr) return Error(Errc::absent, fmt::format("the catalog has no file {}", name));
    TRY(read(*text, catalog));
  }
  return ok;
}

Result<Catalog> load_choices(const Files& files) {
  Catalog catalog;
  TRY(load_choices(kept_texts(files, catalog), catalog));
  return catalog;
}

Result<Catalog> load_compiled_in() {
  Catalog catalog;
  TRY(load_choices(embedded_catalog_rows(), catalog));
  return catalog;
}

}  // namespace

Result<Catalog> load(const Files& files) {
  TRY(load_messages(files));
  const auto limits = files.find("thresholds.toml");
  if (limits == files.end()) return Error(Errc::absent, "the catalog has no file thresholds.toml");
  TRY(read_thresholds(limits->second));
  return load_choices(files);
}

namespace {

// What replaces the compiled-in files; null when nothing does.
struct Replacement {
  Files files;
  std::string origin = "compiled in";
};
Replacement& replacement() {
  static Replacement one;
  return one;
}
bool taken = false;  // built_in() was called, and stays what it was then

}  // namespace

void replace_built_in(Files files, std::string origin) {
  if (taken) {
    static_cast<void>(
        std::fputs("bringup: internal error: the catalog was asked before it was replaced\n", stderr));
    std::abort();
  }
  replacement() = {.files = std::move(files), .origin = std::move(origin)};
}

const std::string& origin() {
  return replacement().origin;
}

const Files& files_in_use() {
  return replacement().files.empty() ? compiled_in() : replacement().files;
}

std::string_view text_in_use(std::string_view name) {
  const auto file = replacement().files.find(name);
  if (file != replacement().files.end()) return file->second;
  return replacement().files.empty() ? compiled_in_text(name) : std::string_view();
}

std::string_view compiled_in_text(std::string_view name) {
  const std::string_view* text = text_of(embedded_catalog_rows(), name);
  return text == nullptr ? std::string_view() : *text;
}

const Catalog& built_in() {
  // Never freed: the system takes the memory back faster than a destructor walks it.
  static const Catalog& catalog = *new Catalog([] {
    taken = true;
    if (!replacement().files.empty()) {
      if (auto other = load_choices(replacement().files)) return std::move(other).take();
      replacement() = {};
    }
    auto loaded = load_compiled_in();
    if (!loaded) {  // a test loads the same files: this is a broken build, and nothing can be said without
                    // its facts
      static_cast<void>(std::fputs(
          fmt::format("bringup: the compiled-in catalog is damaged: {}\n", loaded.error().message()).c_str(),
          stderr));
      std::abort();
    }
    return std::move(loaded).take();
  }());
  return catalog;
}

}  // namespace bringup::catalog
