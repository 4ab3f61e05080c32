// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/locks.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::cli {
namespace {

// PEP 751 wants no dot in the name.
std::string lock_beside(const std::string& path, std::string env) {
  std::ranges::replace(env, '.', '+');
  return fmt::format("{}/pylock.{}.toml", path.substr(0, path.rfind('/')), env);
}

std::string_view name_of(std::string_view package) {
  return package.substr(0, package.find("=="));
}
std::string_view pin_of(std::string_view package) {
  const std::size_t equals = package.find("==");
  return equals == std::string_view::npos ? "" : package.substr(equals + 2);
}
std::string_view without_local(std::string_view version) {
  return version.substr(0, version.find('+'));
}

bool names(const std::vector<std::string>& packages, std::string_view name) {
  return std::ranges::any_of(packages, [name](const std::string& one) { return name_of(one) == name; });
}

Error misfit(const std::string& file, std::string_view what) {
  return {Errc::refused, fmt::format("{}: {}; remove it, and 'bringup up' makes it anew", file, what)};
}

// Of a version that PyTorch's own index gives, "2.11.0+cu126", the variant stays in the pin: PyPI has another
// torch of that version.
std::string_view variant_of(const steps::Lock& lock, std::string_view version) {
  const std::size_t plus = version.find('+');
  if (plus == std::string_view::npos || version.substr(plus + 1) != lock.variant) return "";
  return version.substr(plus);
}

// Each package of the environment at the lock's version.
Result<std::vector<std::string>> pinned(const goal::EnvGoal& env, const EnvLock& from) {
  std::vector<std::string> out;
  for (const std::string& package : env.packages) {
    const std::string name(name_of(package));
    const steps::LockedPackage* locked = steps::find_package(from.lock, name);
    if (!names(from.lock.asked, name) || locked == nullptr)
      return misfit(from.file, fmt::format("the goal wants {}, for which it was not made", name));
    const std::string_view version = without_local(locked->version);
    if (const std::string_view pin = pin_of(package); !pin.empty() && without_local(pin) != version)
      return misfit(from.file, fmt::format("it has {} {}, and the goal wants {}", name, version, pin));
    out.push_back(fmt::format("{}=={}{}", name, version, variant_of(from.lock, locked->version)));
  }
  for (const std::string& one : from.lock.asked) {
    if (!names(env.packages, name_of(one)))
      return misfit(from.file,
                    fmt::format("it was made with {}, which the goal does not want", base::harmless(one)));
  }
  return out;
}

Result<> check(const EnvLock& from, const resolve::Choice& choice, const facts::Machine& machine) {
  const steps::Lock& lock = from.lock;
  if (lock.platform != machine.arch)
    return misfit(from.file,
                  fmt::format("it was made for {}, and this machine is {}", lock.platform, machine.arch));
  if (lock.python != choice.python.version && !choice.python.version.empty())
    return misfit(from.file, fmt::format("it was made for Python {}, and here it is Python {}", lock.python,
                                         choice.python.version));
  const auto chosen = std::ranges::find(choice.envs, from.env, &resolve::EnvChoice::name);
  if (chosen == choice.envs.end()) return ok;
  const auto torch = std::ranges::find(chosen->packages, "torch", &resolve::WheelChoice::name);
  if (torch != chosen->packages.end() && torch->variant && *torch->variant != lock.variant)
    return misfit(from.file, fmt::format("its torch is built for {}, and what runs here is {}", lock.variant,
                                         *torch->variant));
  return ok;
}

// All that a plan puts into one environment, by name.
std::vector<std::string> asked_of(const steps::Plan& plan, std::string_view env) {
  std::vector<std::string> out;
  for (const steps::Step& step : plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels == nullptr || wheels->env != env) continue;
    for (const std::string& package : wheels->packages) out.emplace_back(name_of(package));
  }
  return out;
}

// The lock that lies in an environment, written to `path` unless one is there, or it is not of all that is
// wanted: a part came from another index, or later.
Result<> keep_one(const Options& options, const Doors& doors, const std::string& path, const std::string& env,
                  const std::vector<std::string>& wanted) {
  const std::string inside = env + "/pylock.toml";
  const auto text = doors.view.read(inside);
  if (!text || doors.view.exists(path)) return ok;
  const steps::Lock lock = TRY(steps::parse_lock(*text, inside));
  if (!std::ranges::all_of(wanted, [&lock](const std::string& one) { return names(lock.asked, one); }))
    return ok;
  const auto folder = TRY(doors.view.status(path.substr(0, path.rfind('/'))));
  const auto owner =
      folder.uid == 0 ? std::nullopt : std::optional(host::Owner{.uid = folder.uid, .gid = folder.gid});
  const auto kept =
      apply::keep_lock(*doors.control, settings_of(options, current_user()), env, path, *text, owner);
  say(options, kept ? fmt::format("written: {}: the next machine gets the same with it", path)
                    : fmt::format("the lock could not be kept beside the goal: {}; it stands in {}",
                                  kept.error().message(), inside));
  return ok;
}

}  // namespace

Result<LockedGoal> with_locks(goal::Goal goal, const Options& options, const host::View& view) {
  LockedGoal out{.goal = std::move(goal), .locks = {}};
  const auto file = TRY(goal_file(options, view));
  if (!file) return out;
  for (goal::EnvGoal& env : out.goal.envs) {
    EnvLock one{.env = env.name, .file = lock_beside(absolute(file->name), env.name), .lock = {}};
    const auto text = view.read(one.file);
    if (!text && text.error().code() == Errc::absent) continue;
    one.lock = TRY(steps::parse_lock(TRY(text), one.file));
    env.packages = TRY(pinned(env, one));
    std::string& python = out.goal.python_version;
    if (python.empty()) python = one.lock.python;
    if (python != one.lock.python)
      return misfit(one.file,
                    fmt::format("it was made for Python {}, and the goal (or another lock) wants {}",
                                one.lock.python, python));
    out.locks.push_back(std::move(one));
  }
  return out;
}

Result<> follow_locks(const std::vector<EnvLock>& locks, const Options& options, Decided& decided) {
  const auto* choice = std::get_if<resolve::Choice>(&decided.resolution);
  for (const EnvLock& from : locks) {
    if (choice == nullptr) {
      say(options, fmt::format("{} pins versions; without it there may be a choice", from.file));
      continue;
    }
    TRY(check(from, *choice, decided.looked.machine));
    for (steps::Step& step : decided.plan.steps) {
      auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
      if (wheels != nullptr && step.id == "wheels-" + from.env)
        wheels->packages = steps::requirements(from.lock);
    }
    // A lock is of one index: what would come from a second one is in it.
    std::erase_if(decided.plan.steps,
                  [&from](const steps::Step& step) { return step.id == "packages-" + from.env; });
  }
  return ok;
}

Result<> keep_locks(const Options& options, const Doors& doors, const Decided& decided) {
  const auto* choice = std::get_if<resolve::Choice>(&decided.resolution);
  const auto file = TRY(goal_file(options, doors.view));
  if (!file || choice == nullptr) return ok;
  for (const resolve::EnvChoice& env : choice->envs) {
    std::vector<std::string> wanted;
    for (const resolve::WheelChoice& one : env.packages) wanted.push_back(one.name);
    TRY(keep_one(options, doors, lock_beside(absolute(file->name), env.name), env.path, wanted));
  }
  return ok;
}

Result<> keep_locks(const Options& options, const Doors& doors, const apply::Run& run) {
  constexpr std::string_view kStep = "wheels-";
  if (run.state != "done" || !doors.view.exists(run.plan.goal_file)) return ok;
  for (const steps::Step& step : run.plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels == nullptr || !step.id.starts_with(kStep)) continue;
    const std::string path = lock_beside(run.plan.goal_file, step.id.substr(kStep.size()));
    TRY(keep_one(options, doors, path, wheels->env, asked_of(run.plan, wheels->env)));
  }
  return ok;
}

}  // namespace bringup::cli
