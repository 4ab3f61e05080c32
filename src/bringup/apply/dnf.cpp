// SPDX-License-Identifier: Apache-2.0
// dnf and rpm: what is installed, what would happen, installing and removing.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::string_view kKey = "gpg-pubkey";  // rpm's name for every one

std::vector<std::string> with_packages(std::vector<std::string> argv,
                                       const std::vector<std::string>& packages) {
  for (const std::string& package : packages) {
    std::string name = package;
    // "name=version" is apt's way of saying it; dnf's is "name-version"
    if (const std::size_t equals = name.find('='); equals != std::string::npos) name[equals] = '-';
    argv.push_back(std::move(name));
  }
  return argv;
}

Result<Simulation> simulate(std::vector<std::string> argv, const Hands& hands) {
  argv.insert(argv.begin() + 1, "--assumeno");
  const host::Outcome outcome = TRY(hands.control->run({.argv = argv, .deadline = std::chrono::minutes(20)}));
  // saying no to what it would do ends dnf with 1
  const bool asked = base::contains(outcome.out + outcome.err, "Operation aborted");
  if (!outcome.success() && !asked) return trouble_of(argv, outcome);
  return parse_dnf_simulation(outcome.out);
}

std::vector<std::string>* section_of(std::string_view heading, Simulation& simulation) {
  if (heading.starts_with("Installing") || heading.starts_with("Upgrading") ||
      heading.starts_with("Reinstalling"))
    return &simulation.installs;
  if (heading.starts_with("Removing")) return &simulation.removes;
  if (heading.starts_with("Downgrading")) return &simulation.downgrades;
  return nullptr;
}

Result<> remove_packages(const std::vector<std::string>& packages, const Hands& hands) {
  std::vector<std::string> argv =
      with_packages({"dnf", "--setopt=clean_requirements_on_remove=False", "remove"}, packages);
  const Simulation simulation = TRY(simulate(argv, hands));
  // the simulation names packages without their versions
  std::set<std::string, std::less<>> ours(packages.begin(), packages.end());
  const Database database = TRY(rpm_database(hands.view));
  for (const std::string& package : packages) {
    const auto found = database.find(package);
    if (found != database.end() && !found->second.name.empty()) ours.insert(found->second.name);
  }
  TRY(check_removal(simulation, ours));
  argv.insert(argv.begin() + 1, "-y");
  TRY(run_well(hands, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
  return ok;
}

}  // namespace

Database parse_rpm_database(std::string_view output) {
  Database database;
  for (const std::string_view line : base::lines(output)) {
    const auto parts = base::split(line, '\t');
    if (parts.size() != 3) continue;
    const std::string version(parts[1]);
    // A key that packages are signed with stands among them, and is none.
    if (parts[0] == kKey) {
      database[fmt::format("{}-{}", kKey, version)] = {.version = version};
      continue;
    }
    // Several kernels stand under one name: what tells them apart is in the key.
    database[fmt::format("{}-{}.{}", parts[0], version, parts[2])] = {.version = version,
                                                                      .name = std::string(parts[0])};
    database[std::string(parts[0])] = {.version = version};
  }
  return database;
}

Result<Database> rpm_database(const host::View& view) {
  const std::vector<std::string> argv{"rpm", "-qa", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n"};
  const host::Outcome answer = TRY(view.ask({.argv = argv, .deadline = kQuestionDeadline}));
  if (!answer.success()) return trouble_of(argv, answer);
  return parse_rpm_database(answer.out);
}

// Tables below headings; a row begins with one blank, what is indented further goes on with the row above.
Simulation parse_dnf_simulation(std::string_view output) {
  Simulation simulation;
  std::vector<std::string>* section = nullptr;
  for (const std::string_view line : base::lines(output)) {
    const auto words = base::words(line);
    if (!words.empty() && words[0] == "replacing" && words.size() > 1 && section == &simulation.installs &&
        !simulation.installs.empty()) {
      // An upgrade replaces its own older self; anything else that is replaced is removed.
      const std::string name(words[1].substr(0, words[1].find('.')));
      if (name != simulation.installs.back()) simulation.removes.push_back(name);
      continue;
    }
    if (line.size() > 1 && line[0] == ' ' && line[1] != ' ') {
      if (section != nullptr && !words.empty()) section->emplace_back(words[0]);
      continue;
    }
    if (!line.starts_with(" ")) section = line.ends_with(":") ? section_of(line, simulation) : nullptr;
  }
  return simulation;
}

Result<> dnf_install(const std::vector<std::string>& packages, const Hands& hands) {
  std::vector<std::string> argv =
      with_packages({"dnf", "--setopt=install_weak_deps=False", "install"}, packages);
  TRY(check_installation(TRY(simulate(argv, hands))));
  argv.insert(argv.begin() + 1, "-y");
  TRY(run_well(hands, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
  return ok;
}

Result<> dnf_remove(const std::vector<std::string>& names, const Hands& hands) {
  std::vector<std::string> packages = names;
  std::vector<std::string> keys{"rpm", "-e"};  // which dnf brings with the first package and cannot take away
  std::erase_if(packages, [&keys](const std::string& name) {
    const bool key = name.starts_with(kKey);
    if (key) keys.push_back(name);
    return key;
  });
  if (!packages.empty()) TRY(remove_packages(packages, hands));
  if (keys.size() > 2) TRY(run_well(hands, {.argv = keys, .deadline = kQuestionDeadline}));
  return ok;
}

bool has_versionlock(const host::View& view) {
  return view.exists("/etc/dnf/plugins/versionlock.conf") || view.exists("/etc/dnf/versionlock.toml") ||
         base::contains(view.link("/usr/bin/dnf").value_or(""), "dnf5");  // which has it built in
}

bool is_meant(const VersionLock& lock, std::string_view package) {
  if (lock.name == package) return true;
  if (package.find('*') == std::string_view::npos) return false;
  const std::string text = lock.name + "-" + lock.version;
  // The first part at the front, the last at the end, those between wherever they come next.
  const auto parts = base::split(package, '*');
  if (!text.starts_with(parts.front()) || !text.ends_with(parts.back())) return false;
  std::size_t at = parts.front().size();
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    at = text.find(parts[i], at);
    if (at == std::string::npos) return false;
    at += parts[i].size();
  }
  return at + parts.back().size() <= text.size();
}

namespace {

// "name-epoch:version-release.*" lines of dnf 4; a '!' excludes a version, which is no lock.
void read_lock_list(std::string_view text, std::vector<VersionLock>& out) {
  for (std::string_view line : base::lines(text)) {
    line = base::trim(line);
    if (line.empty() || line.starts_with('#') || line.starts_with('!')) continue;
    if (line.ends_with(".*")) line.remove_suffix(2);
    const std::size_t release = line.rfind('-');
    const std::size_t version =
        release == std::string_view::npos || release == 0 ? release : line.rfind('-', release - 1);
    const bool whole = version != std::string_view::npos && version > 0 && version + 1 < line.size() &&
                       line[version + 1] >= '0' && line[version + 1] <= '9';
    if (whole)
      out.push_back(
          {.name = std::string(line.substr(0, version)), .version = std::string(line.substr(version + 1))});
    else
      out.push_back({.name = std::string(line), .version = ""});
  }
}

std::string text_at(const base::Toml& table, std::string_view key) {
  const base::Toml* value = table.find(key);
  return value == nullptr || value->text() == nullptr ? "" : *value->text();
}

// dnf 5's: [[packages]] with a name and conditions on "evr"; "!=" excludes a version, which is no lock.
void read_lock_table(const base::Toml& file, std::vector<VersionLock>& out) {
  const base::Toml* packages = file.find("packages");
  if (packages == nullptr || packages->array() == nullptr) return;
  for (const base::Toml& package : *packages->array()) {
    VersionLock lock{.name = text_at(package, "name"), .version = ""};
    const base::Toml* conditions = package.find("conditions");
    bool excludes = lock.name.empty();
    if (conditions != nullptr && conditions->array() != nullptr) {
      for (const base::Toml& one : *conditions->array()) {
        excludes = excludes || text_at(one, "comparator") == "!=";
        if (text_at(one, "comparator") == "=") lock.version = text_at(one, "value");
      }
    }
    if (!excludes) out.push_back(std::move(lock));
  }
}

}  // namespace

Result<std::vector<VersionLock>> version_locks(const host::View& view) {
  std::vector<VersionLock> out;
  const auto list = view.read("/etc/dnf/plugins/versionlock.list");
  if (!list && list.error().code() != Errc::absent) return list.error();
  if (list) read_lock_list(*list, out);
  constexpr const char* kTable = "/etc/dnf/versionlock.toml";
  const auto table = view.read(kTable);
  if (!table && table.error().code() != Errc::absent) return table.error();
  if (table) read_lock_table(TRY(base::parse_toml(*table, kTable)), out);
  return out;
}

}  // namespace bringup::apply
