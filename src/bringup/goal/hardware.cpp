// SPDX-License-Identifier: Apache-2.0
// A file that describes a machine which is not here: everything that it tells, and everything that follows
// from it.
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/goal/table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::goal {
namespace {

constexpr std::array<std::string_view, 9> kKeys{"gpus", "os",          "kernel", "glibc",    "arch",
                                                "gcc",  "secure_boot", "driver", "reachable"};
constexpr std::array<std::string_view, 2> kDriver{"version", "flavour"};
constexpr std::array<std::string_view, 2> kFlavours{"open", "proprietary"};
constexpr std::array<std::string_view, 2> kArchs{"x86_64", "aarch64"};
// Systems rebuilt from RHEL's sources: its rows in the catalog serve them too.
constexpr std::array<std::string_view, 4> kRebuilds{"almalinux", "centos", "ol", "rocky"};

constexpr std::string_view kNotGiven = "not given in the description";

// The key of the catalog's rows for "rocky-9.4" is "rhel-9".
std::string row_key(std::string_view id, std::string_view version) {
  const bool rebuild = std::ranges::find(kRebuilds, id) != kRebuilds.end();
  if (rebuild || id == "rhel") return fmt::format("rhel-{}", version.substr(0, version.find('.')));
  return fmt::format("{}-{}", id, version);
}

std::vector<std::string> known_systems(const catalog::Catalog& catalog) {
  std::vector<std::string> out;
  for (const catalog::Archive& archive : catalog.archives) out.push_back(archive.os);
  for (const catalog::VendorRepo& repo : catalog.repos) out.push_back(repo.os);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<> read_os(const Table& table, const catalog::Catalog& catalog, facts::Machine& machine) {
  const auto os = TRY(table.text("os"));
  if (!os) return table.about("os", "missing; expected a system such as \"debian-12\"");
  const std::size_t dash = os->find('-');
  const std::string id = os->substr(0, dash);
  const std::string version = dash == std::string::npos ? "" : os->substr(dash + 1);
  const std::vector<std::string> known = known_systems(catalog);
  if (id.empty() || version.empty() || std::ranges::find(known, row_key(id, version)) == known.end()) {
    const auto nearest = base::nearest(*os, known);
    return table.about("os", fmt::format("no such system in the catalog: \"{}\"{}", base::harmless(*os),
                                         nearest ? fmt::format(" (did you mean '{}'?)", *nearest)
                                                 : fmt::format("; known are {}", base::join(known, ", "))));
  }
  machine.os = {.id = id, .version = version, .codename = "", .name = *os, .like = {}};
  const bool debian = id == "debian" || id == "ubuntu";
  machine.packages.manager = debian ? "dpkg" : "rpm";
  machine.packages.list = std::vector<facts::Package>{};
  if (id == "debian") machine.packages.archive_components = {"main"};
  if (id == "ubuntu") machine.packages.archive_components = {"main", "restricted", "universe", "multiverse"};
  const catalog::Archive* archive = catalog.archive(row_key(id, version));
  // A fresh Debian or Ubuntu has the archive's Python, and not yet what makes environments. Where the
  // archive's is a package beside the system's own ("python3.11" on RHEL 9), none is there yet.
  if (archive != nullptr &&
      std::ranges::find(archive->python_packages, "python3") != archive->python_packages.end())
    machine.pythons.push_back(
        {.path = "/usr/bin/python" + archive->python, .version = archive->python, .venv = false});
  return ok;
}

Result<> read_text_facts(const Table& table, facts::Machine& machine) {
  const auto given = [](std::optional<std::string> value) -> facts::Reading<std::string> {
    if (!value) return Error(Errc::absent, std::string(kNotGiven));
    return std::move(*value);
  };
  for (const std::string_view key : {"glibc", "gcc"}) {
    const auto value = TRY(table.text(key));
    if (value && !base::Version::parse(*value))
      return table.about(key, fmt::format("expected a version such as \"{}\", found \"{}\"",
                                          key == "gcc" ? "12" : "2.36", base::harmless(*value)));
  }
  machine.glibc = given(TRY(table.text("glibc")));
  machine.gcc = given(TRY(table.text("gcc")));
  if (const auto gcc = machine.gcc ? base::Version::parse(*machine.gcc) : std::nullopt)
    machine.compilers = {{.path = "/usr/bin/g++", .major = gcc->major()}};
  machine.arch = TRY(table.word("arch", kArchs)).value_or("x86_64");
  if (const auto kernel = TRY(table.text("kernel"))) {
    if (!base::Version::parse(*kernel) || base::contains(*kernel, "/"))
      return table.about("kernel", fmt::format("expected a release such as \"6.1.0-25-amd64\", found \"{}\"",
                                               base::harmless(*kernel)));
    machine.kernel.running = *kernel;
    machine.kernel.installed = {{.release = *kernel, .bootable = true, .headers = false}};
  }
  machine.secure_boot = Error(Errc::absent, std::string(kNotGiven));
  if (const auto flag = TRY(table.boolean("secure_boot"))) machine.secure_boot = *flag;
  return ok;
}

Result<> read_driver(const Table& top, std::string_view file, facts::Machine& machine) {
  machine.driver.nouveau_loaded = false;
  machine.driver.loaded = std::optional<facts::LoadedModule>{};
  const base::Toml* value = top.find("driver");
  if (value == nullptr) return ok;
  const Table table = TRY(Table::open(*value, file, "driver."));
  TRY(table.only(kDriver));
  const auto version = TRY(table.text("version"));
  const auto flavour = TRY(table.word("flavour", kFlavours));
  if (!version)
    return top.about("driver",
                     "version is missing; expected { version = \"580.159.04\", flavour = \"open\" }");
  if (!flavour) return top.about("driver", "flavour is missing; expected \"open\" or \"proprietary\"");
  const auto parsed = base::Version::parse(*version);
  if (!parsed || parsed->parts.size() < 2 || parsed->major() < 100)
    return table.about("version", fmt::format("expected a version such as \"580.159.04\", found \"{}\"",
                                              base::harmless(*version)));
  const facts::Flavour kind = *flavour == "open" ? facts::Flavour::open : facts::Flavour::proprietary;
  machine.driver.loaded = std::optional(facts::LoadedModule{.version = *version, .flavour = kind});
  machine.driver.libcuda = {*version};
  machine.driver.libnvml = {*version};
  if (!machine.kernel.running.empty())
    machine.driver.modules.push_back(
        {.kernel = machine.kernel.running, .path = "", .version = *version, .flavour = kind, .signer = ""});
  return ok;
}

Result<> read_sources(const Table& table, const catalog::Catalog& catalog, facts::Machine& machine) {
  const catalog::VendorRepo* repo = catalog.repo(row_key(machine.os.id, machine.os.version));
  std::vector<facts::Source>& sources = machine.sources;
  if (repo != nullptr) sources.push_back({.name = "nvidia", .url = repo->url});
  sources.push_back({.name = "distro", .url = ""});
  for (const catalog::Source& source : catalog.sources) {
    if (source.name != "nvidia" && source.name != "distro")
      sources.push_back({.name = source.name, .url = source.url});
  }
  std::vector<std::string_view> names{"nvidia"};
  for (const facts::Source& source : sources) {
    if (source.name != "nvidia") names.push_back(source.name);
  }
  const auto reachable = TRY(table.texts("reachable"));
  for (const std::string& name : reachable.value_or(std::vector<std::string>{})) {
    if (std::ranges::find(names, std::string_view(name)) == names.end())
      return table.about("reachable", fmt::format("expected {}, found \"{}\"{}", one_of(names),
                                                  base::harmless(name), did_you_mean(name, names)));
  }
  for (facts::Source& source : sources) {
    if (!reachable || std::ranges::find(*reachable, source.name) != reachable->end())
      source.answered_seconds = 0.0;
    else
      source.answered_seconds = Error(Errc::unreachable, "not listed as reachable");
  }
  return ok;
}

Result<> read_gpus(const Table& table, const catalog::Catalog& catalog, facts::Machine& machine) {
  const auto shapes = TRY(table.texts("gpus"));
  if (!shapes)
    return table.about("gpus", "missing; expected an array such as [\"4x RTX 4090\"], or [] for none");
  if (!shapes->empty()) {
    auto functions = parse_shape(base::join(*shapes, "+"), catalog);
    if (!functions) return table.about("gpus", functions.error().message());
    machine.pci = std::move(functions).take();
  }
  machine.pci_visible = true;
  machine.counts.pci = {.gpus = static_cast<int>(machine.pci.size()), .how = "given in the description"};
  machine.nvml = Error(Errc::absent, "the machine is described, not here");
  return ok;
}

}  // namespace

Result<facts::Machine> parse_hardware(std::string_view text, std::string_view name,
                                      const catalog::Catalog& catalog) {
  auto parsed = base::parse_toml(text, name);
  if (!parsed) return Error(Errc::usage, parsed.error().message());
  const Table table = TRY(Table::open(*parsed, name, ""));
  TRY(table.only(kKeys));
  facts::Machine machine;
  machine.hypothetical = true;
  machine.container = std::optional<std::string>{};
  machine.user = {.name = "user", .home = "/home/user", .uid = 1000, .gid = 1000, .root = false};
  TRY(read_gpus(table, catalog, machine));
  TRY(read_os(table, catalog, machine));
  TRY(read_text_facts(table, machine));
  TRY(read_driver(table, name, machine));
  TRY(read_sources(table, catalog, machine));
  return machine;
}

}  // namespace bringup::goal
