// SPDX-License-Identifier: Apache-2.0
// The kinds of step about the system's packages and kernel modules.
#include <bringup/apply/ahead.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

Result<> check_manager(std::string_view manager) {
  if (manager == "apt" || manager == "dnf") return ok;
  return Error(Errc::unsupported,
               fmt::format("package manager '{}': expected apt or dnf", base::harmless(manager)));
}

Result<Database> database_of(std::string_view manager, const host::View& view) {
  TRY(check_manager(manager));
  return manager == "apt" ? dpkg_database(view) : rpm_database(view);
}

// "580.65.06", and "580.65.06-*", fit "580.65.06", "580.65.06-1.el9" and "3:580.65.06-1".
bool fits(std::string_view wanted, std::string_view installed) {
  if (wanted.ends_with("-*")) wanted.remove_suffix(2);
  const auto begins = [wanted](std::string_view version) {
    return version == wanted ||
           (version.starts_with(wanted) && version.size() > wanted.size() && version[wanted.size()] == '-');
  };
  const std::size_t colon = installed.find(':');
  return begins(installed) || (colon != std::string_view::npos && begins(installed.substr(colon + 1)));
}

bool is_installed(std::string_view package, const Database& database) {
  const std::size_t equals = package.find('=');
  const auto found = database.find(package.substr(0, equals));
  if (found == database.end() || !found->second.well) return false;
  return equals == std::string_view::npos || fits(package.substr(equals + 1), found->second.version);
}

std::string module_name(const steps::InstallPackages& step) {
  return step.dnf_module.substr(0, step.dnf_module.find(':'));
}

std::string module_file(const steps::InstallPackages& step) {
  return fmt::format("/etc/dnf/modules.d/{}.module", module_name(step));
}

// "stream=595-open" and "state=enabled" of dnf's own note.
std::string enabled_stream(std::string_view text) {
  std::string stream;
  bool enabled = false;
  for (const std::string_view line : base::lines(text)) {
    if (line.starts_with("stream=")) stream = std::string(base::trim(line.substr(7)));
    enabled = enabled || base::trim(line) == "state=enabled";
  }
  return enabled ? stream : "";
}

Result<bool> module_enabled(const steps::InstallPackages& step, const host::View& view) {
  if (step.dnf_module.empty()) return true;
  const auto text = view.read(module_file(step));
  if (!text && text.error().code() != Errc::absent) return text.error();
  return text && fmt::format("{}:{}", module_name(step), enabled_stream(*text)) == step.dnf_module;
}

// Builds what the package manager's own hooks did not: they exit with success when headers came too late.
Result<> build_missing(const steps::InstallPackages& step, const Hands& hands) {
  for (const std::string& release : step.builds_for) {
    if (module_is_built(release, hands.view)) continue;
    std::string said;
    if (hands.view.exists("/usr/sbin/dkms")) {
      const std::vector<std::string> argv{"dkms", "autoinstall", "-k", release};
      const host::Outcome outcome = TRY(
          run_heard(hands, {.argv = argv, .deadline = kPackagesDeadline, .finish_when_interrupted = true}));
      if (!outcome.success()) said = "; " + trouble_of(argv, outcome).message();
      if (module_is_built(release, hands.view)) continue;
    }
    const std::string others = others_module(release, hands.view);
    return Error(
        Errc::failed,
        fmt::format("the packages are installed, and NVIDIA's module for kernel {} was not built; {}{}{}",
                    release, others.empty() ? "are its headers installed?" : others, said,
                    build_log_end(hands.view)));
  }
  return ok;
}

std::set<std::string, std::less<>> strings_in(const Json& json, const char* key) {
  std::set<std::string, std::less<>> out;
  if (!json.is_object() || !json.contains(key)) return out;
  for (const Json& one : json[key]) {
    if (one.is_string()) out.insert(one.get<std::string>());
  }
  return out;
}

std::vector<std::string> brought_since(const Json& before, const Database& database) {
  const auto old = strings_in(before, "packages");
  std::vector<std::string> brought;
  for (const auto& [name, installed] : database) {
    if (old.contains(name)) continue;
    // rpm's: a new version alone is an upgrade, beside one that was there it came by itself
    const bool beside = std::ranges::any_of(database, [&old, &one = installed](const auto& other) {
      return !one.name.empty() && other.second.name == one.name && old.contains(other.first);
    });
    if (installed.name.empty() || beside) brought.push_back(name);
  }
  return brought;
}

Result<> undo_module(const steps::InstallPackages& step, const Json& before, const Hands& hands) {
  if (step.dnf_module.empty()) return ok;
  const bool there = before.contains("module_file");
  const std::string old = there ? bytes_from_json(before["module_file"]) : "";
  if (hands.view.read(module_file(step)).value_or("") == old) return ok;
  TRY(run_well(hands, {.argv = {"dnf", "-y", "module", "reset", module_name(step)},
                       .deadline = kPackagesDeadline,
                       .finish_when_interrupted = true}));
  if (!there) return hands.control->remove_file(module_file(step), std::nullopt);
  return hands.control->write(module_file(step), old, 0644, std::nullopt);
}

// Packages that were there as somebody's dependency, and are wanted for themselves since.
Result<> undo_marks(const Json& before, const Hands& hands) {
  std::vector<std::string> argv{"apt-mark", "auto"};
  const auto marks = parse_auto_marks(hands.view.read("/var/lib/apt/extended_states").value_or(""));
  for (const std::string& name : strings_in(before, "auto")) {
    if (!marks.contains(name)) argv.push_back(name);
  }
  if (argv.size() > 2) TRY(run_well(hands, {.argv = argv, .deadline = kQuestionDeadline}));
  return ok;
}

// apt notes what came as a dependency when it is through; after one that was killed this is made up for, or
// nobody would remove those packages with what needed them.
Result<> mark_brought(const steps::InstallPackages& step, const Hands& hands) {
  if (!hands.again || hands.before == nullptr || step.manager != "apt") return ok;
  std::vector<std::string> argv{"apt-mark", "auto"};
  const auto marks = parse_auto_marks(hands.view.read("/var/lib/apt/extended_states").value_or(""));
  for (const std::string& name : brought_since(*hands.before, TRY(dpkg_database(hands.view)))) {
    const bool wanted = std::ranges::any_of(step.packages, [&name](const std::string& package) {
      return package.substr(0, package.find('=')) == name;
    });
    if (!wanted && !marks.contains(name)) argv.push_back(name);
  }
  if (argv.size() > 2) TRY(run_well(hands, {.argv = argv, .deadline = kQuestionDeadline}));
  return ok;
}

}  // namespace

bool is_kernel(std::string_view package) {
  static constexpr std::array<std::string_view, 12> kKernels{
      "linux-image-", "linux-modules-", "linux-generic", "linux-virtual",
      "kernel-core",  "kernel-modules", "kernel-uki",    "kernel-64k",
      "kernel-rt",    "kernel-debug",   "kernel-uek",    "raspberrypi-kernel"};
  // Built NVIDIA modules are named after the kernel that they are for.
  if (package.starts_with("linux-modules-nvidia-") || base::contains(package, "-devel") ||
      base::contains(package, "-headers"))
    return false;
  return package == "kernel" || std::ranges::any_of(kKernels, [package](std::string_view start) {
           return package.starts_with(start);
         });
}

Result<> check_installation(const Simulation& simulation) {
  const auto refuse = [](const std::vector<std::string>& names, std::string_view what) {
    return Error(Errc::refused, fmt::format("installing these packages would {}: {}; nothing was installed",
                                            what, base::harmless(base::join(names, " "))));
  };
  std::vector<std::string> kernels;
  for (const auto* names : {&simulation.installs, &simulation.removes})
    std::ranges::copy_if(*names, std::back_inserter(kernels), is_kernel);
  if (!simulation.removes.empty()) return refuse(simulation.removes, "remove others");
  if (!simulation.downgrades.empty()) return refuse(simulation.downgrades, "downgrade others");
  if (!simulation.held.empty()) return refuse(simulation.held, "change packages that are held");
  if (!kernels.empty()) return refuse(kernels, "bring or change a kernel");
  return ok;
}

Result<> check_removal(const Simulation& simulation, const std::set<std::string, std::less<>>& ours) {
  const auto refuse = [](const std::vector<std::string>& names, std::string_view what) {
    return Error(Errc::refused, fmt::format("removing what was installed would {}: {}; it stays", what,
                                            base::harmless(base::join(names, " "))));
  };
  std::vector<std::string> others;
  std::vector<std::string> kernels;
  std::ranges::copy_if(simulation.removes, std::back_inserter(others),
                       [&ours](const std::string& name) { return !ours.contains(name); });
  std::ranges::copy_if(simulation.removes, std::back_inserter(kernels), is_kernel);
  if (!others.empty()) return refuse(others, "remove others as well");
  if (!kernels.empty()) return refuse(kernels, "remove a kernel");
  if (!simulation.installs.empty()) return refuse(simulation.installs, "bring others");
  if (!simulation.held.empty()) return refuse(simulation.held, "change packages that are held");
  if (!simulation.downgrades.empty()) return refuse(simulation.downgrades, "downgrade others");
  return ok;
}

Result<bool> holds(const steps::InstallPackages& step, const Hands& hands) {
  const Database database = TRY(database_of(step.manager, hands.view));
  if (!TRY(module_enabled(step, hands.view))) return false;
  return std::ranges::all_of(step.packages,
                             [&](const std::string& package) { return is_installed(package, database); }) &&
         std::ranges::all_of(step.builds_for, [&](const std::string& release) {
           return module_is_built(release, hands.view);
         });
}
Result<Json> remember(const steps::InstallPackages& step, const Hands& hands) {
  Json before = {{"packages", Json::array()}};
  const Database database = TRY(database_of(step.manager, hands.view));
  for (const auto& [name, installed] : database) before["packages"].push_back(name);
  const auto marks = parse_auto_marks(hands.view.read("/var/lib/apt/extended_states").value_or(""));
  before["auto"] = Json::array();
  for (const std::string& package : step.packages) {
    const std::string name = package.substr(0, package.find('='));
    if (database.contains(name) && marks.contains(name)) before["auto"].push_back(name);
  }
  const auto module = step.dnf_module.empty() ? Result<std::string>(Error(Errc::absent, ""))
                                              : hands.view.read(module_file(step));
  if (!module && module.error().code() != Errc::absent) return module.error();
  if (module) before["module_file"] = bytes_to_json(*module);
  return before;
}
Result<> settle(const steps::InstallPackages& step, const Hands& hands) {
  if (step.manager == "apt" && hands.later.empty()) TRY(drop_fetched_ahead(hands));
  return mark_brought(step, hands);
}
Result<> perform(const steps::InstallPackages& step, const Hands& hands) {
  TRY(check_manager(step.manager));
  if (!TRY(module_enabled(step, hands.view)))
    TRY(run_well(hands, {.argv = {"dnf", "-y", "module", "enable", step.dnf_module},
                         .deadline = kPackagesDeadline,
                         .finish_when_interrupted = true}));
  const auto installed = step.manager == "apt" ? apt_install(step, hands) : dnf_install(step.packages, hands);
  if (!installed) {
    const bool built = std::ranges::all_of(
        step.builds_for, [&](const std::string& release) { return module_is_built(release, hands.view); });
    const std::string log =
        built || installed.error().code() != Errc::failed ? "" : build_log_end(hands.view);
    return Error(installed.error().code(), installed.error().message() + log);
  }
  TRY(mark_brought(step, hands));
  return build_missing(step, hands);
}
Result<> undo(const steps::InstallPackages& step, const Json& before, const Hands& hands) {
  if (!before.contains("packages"))
    return Error(Errc::refused, "what was installed before is not known; nothing is removed");
  if (step.manager == "apt") TRY(settle_dpkg(hands));
  const Database database = TRY(database_of(step.manager, hands.view));
  const std::vector<std::string> brought = brought_since(before, database);
  if (step.manager == "apt") {
    TRY(apt_remove(brought, hands));
    return undo_marks(before, hands);
  }
  TRY(dnf_remove(brought, hands));
  return undo_module(step, before, hands);
}

}  // namespace bringup::apply
