// SPDX-License-Identifier: Apache-2.0
// dnf and rpm: what is installed, what would happen, installing and removing.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

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

// "name-epoch:version-release.*" lines of dnf 4, `name = "x"` of dnf 5.
Result<std::vector<std::string>> version_locked(const std::vector<std::string>& packages,
                                                const host::View& view) {
  std::string text;
  for (const char* path : {"/etc/dnf/plugins/versionlock.list", "/etc/dnf/versionlock.toml"}) {
    const auto list = view.read(path);
    if (!list && list.error().code() != Errc::absent) return list.error();
    if (list) text += *list + "\n";
  }
  std::vector<std::string> locked;
  for (const std::string& package : packages) {
    const bool found = std::ranges::any_of(base::lines(text), [&package](std::string_view line) {
      if (line == fmt::format("name = \"{}\"", package)) return true;
      const std::size_t after = package.size() + 1;
      return line.starts_with(package + "-") && line.size() > after && line[after] >= '0' &&
             line[after] <= '9';
    });
    if (found) locked.push_back(package);
  }
  return locked;
}

}  // namespace bringup::apply
