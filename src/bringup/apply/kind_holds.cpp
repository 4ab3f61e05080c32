// SPDX-License-Identifier: Apache-2.0
// The kinds of step that keep packages as they are, and that load a kernel module.
#include <bringup/apply/packages.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::string_view kPlugin = "python3-dnf-plugin-versionlock";

std::string plugin_of(const steps::HoldPackages& step) {
  return step.plugin.empty() ? std::string(kPlugin) : step.plugin;
}

// The names that dnf keeps, of what the step means.
Result<std::vector<std::string>> locked_of(const std::vector<std::string>& packages, const host::View& view) {
  std::vector<std::string> out;
  for (const VersionLock& lock : TRY(version_locks(view))) {
    const bool meant = std::ranges::any_of(
        packages, [&lock](const std::string& package) { return is_meant(lock, package); });
    if (meant && std::ranges::find(out, lock.name) == out.end()) out.push_back(lock.name);
  }
  return out;
}

// What of the step is not kept yet: a pattern is, when anything that it means is.
Result<std::vector<std::string>> not_locked(const std::vector<std::string>& packages,
                                            const host::View& view) {
  std::vector<std::string> out;
  const auto locks = TRY(version_locks(view));
  for (const std::string& package : packages) {
    const bool kept =
        std::ranges::any_of(locks, [&package](const VersionLock& lock) { return is_meant(lock, package); });
    if (!kept) out.push_back(package);
  }
  return out;
}

// Which packages are held now, of what the step means.
Result<std::vector<std::string>> held_of(const steps::HoldPackages& step, const host::View& view) {
  if (step.manager != "apt") return locked_of(step.packages, view);
  const std::string status = TRY(view.read("/var/lib/dpkg/status"));
  std::vector<std::string> held;
  std::string name;
  for (const std::string_view line : base::lines(status)) {
    if (line.starts_with("Package:")) name = std::string(base::trim(line.substr(8)));
    // also packages that are not installed: they may not come
    if (line.starts_with("Status: hold ") && std::ranges::find(step.packages, name) != step.packages.end() &&
        std::ranges::find(held, name) == held.end())
      held.push_back(name);
  }
  return held;
}

std::vector<std::string> without(std::vector<std::string> names, const std::vector<std::string>& others) {
  std::erase_if(
      names, [&others](const std::string& name) { return std::ranges::find(others, name) != others.end(); });
  return names;
}

Result<> run_on(std::vector<std::string> argv, const std::vector<std::string>& packages, const Hands& hands) {
  argv.insert(argv.end(), packages.begin(), packages.end());
  TRY(run_well(hands, {.argv = argv, .deadline = kQuestionDeadline, .finish_when_interrupted = true}));
  return ok;
}

Result<> need_versionlock(const std::string& plugin, const Hands& hands) {
  if (has_versionlock(hands.view)) return ok;
  const auto installed = dnf_install({plugin}, hands);
  if (installed) return ok;
  return Error(installed.error().code() == Errc::cancelled ? Errc::cancelled : Errc::unsupported,
               fmt::format("dnf cannot hold packages without its versionlock plugin, and that could not be "
                           "installed: do 'dnf install {}' and go on; {}",
                           plugin, installed.error().message()));
}

// What of the step is still to be held.
Result<std::vector<std::string>> missing_of(const steps::HoldPackages& step, const host::View& view) {
  if (step.manager != "apt") return not_locked(step.packages, view);
  return without(step.packages, TRY(held_of(step, view)));
}

std::string module_key(std::string_view module) {
  std::string key(module);
  std::ranges::replace(key, '-', '_');
  return key;
}

bool is_loaded(const std::vector<std::string>& modules, const std::string& name) {
  return std::ranges::find(modules, name) != modules.end();
}

std::vector<std::string> strings_of(const Json& before, const char* key) {
  std::vector<std::string> out;
  if (!before.contains(key)) return out;
  for (const Json& one : before[key]) out.push_back(one.is_string() ? one.get<std::string>() : "");
  return out;
}

}  // namespace

Result<bool> holds(const steps::HoldPackages& step, const Hands& hands) {
  return TRY(missing_of(step, hands.view)).empty();
}
Result<Json> remember(const steps::HoldPackages& step, const Hands& hands) {
  return Json{{"held", TRY(held_of(step, hands.view))},
              {"versionlock", step.manager == "apt" || has_versionlock(hands.view)}};
}
Result<> perform(const steps::HoldPackages& step, const Hands& hands) {
  const auto missing = TRY(missing_of(step, hands.view));
  if (step.manager == "apt") {
    TRY(repair_dpkg(hands));
    return run_on({"apt-mark", "hold"}, missing, hands);
  }
  TRY(need_versionlock(plugin_of(step), hands));
  return run_on({"dnf", "-y", "versionlock", "add"}, missing, hands);
}
Result<> undo(const steps::HoldPackages& step, const Json& before, const Hands& hands) {
  const auto ours = without(TRY(held_of(step, hands.view)), strings_of(before, "held"));
  if (step.manager == "apt") return ours.empty() ? ok : run_on({"apt-mark", "unhold"}, ours, hands);
  if (!ours.empty()) TRY(run_on({"dnf", "-y", "versionlock", "delete"}, ours, hands));
  if (before.value("versionlock", true)) return ok;
  const Database database = TRY(rpm_database(hands.view));
  if (!database.contains(plugin_of(step))) return ok;
  TRY(dnf_remove({plugin_of(step)}, hands));
  return hands.control->remove_file("/etc/dnf/plugins/versionlock.list", std::nullopt);
}

Result<bool> holds(const steps::LoadModule& step, const Hands& hands) {
  return is_loaded(TRY(loaded_modules(hands.view)), module_key(step.module));
}
Result<Json> remember(const steps::LoadModule& /*step*/, const Hands& hands) {
  return Json{{"loaded", TRY(loaded_modules(hands.view))}};
}
Result<> perform(const steps::LoadModule& step, const Hands& hands) {
  TRY(run_well(hands, {.argv = {"modprobe", step.module}, .deadline = kQuestionDeadline}));
  return ok;
}
// What came with the module (nvidia_uvm and its like) goes before it.
Result<> undo(const steps::LoadModule& step, const Json& before, const Hands& hands) {
  const auto old = strings_of(before, "loaded");
  const std::string key = module_key(step.module);
  std::vector<std::string> argv{"modprobe", "-r"};
  const auto now = TRY(loaded_modules(hands.view));
  std::ranges::copy_if(now, std::back_inserter(argv), [&](const std::string& name) {
    return name.starts_with(key + "_") && !is_loaded(old, name);
  });
  if (!is_loaded(now, key) || is_loaded(old, key)) return ok;
  argv.push_back(key);
  const auto removed = run_well(hands, {.argv = argv, .deadline = kQuestionDeadline});
  if (removed) return ok;
  return Error(Errc::refused, fmt::format("the module {} is in use and stays until the next boot; {}", key,
                                          removed.error().message()));
}

}  // namespace bringup::apply
