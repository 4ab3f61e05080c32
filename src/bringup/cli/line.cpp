// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/locks.hpp>
#include <bringup/cli/sources.hpp>
#include <bringup/cli/stack.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/plan/extension.hpp>
#include <bringup/plan/hub.hpp>
#include <bringup/stacks/stack.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

namespace bringup::cli {
namespace {

constexpr auto kPythonDeadline =
    std::chrono::seconds(600);  // the first import of torch from a slow disk takes minutes

int gpus_on_bus(const facts::Machine& machine) {
  return static_cast<int>(std::ranges::count(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind));
}

// The names of packages that are to be imported, without pins.
void add_modules(const std::vector<std::string>& packages, std::vector<std::string>& modules) {
  for (const std::string& package : packages) {
    const std::string name = package.substr(0, package.find_first_of("=<>!~[ "));
    if ((name.starts_with("torch")) && std::ranges::find(modules, name) == modules.end())
      modules.push_back(name);
  }
}

// What is to be imported in an environment with torch: a stack's own packages, with what was compiled for it,
// in that of a stack; else those of the goal, or torch alone where the goal wants nothing of it.
std::vector<std::string> modules_of(const goal::Goal& goal, const facts::Machine& machine,
                                    const facts::PythonEnv& env) {
  std::vector<std::string> modules;
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    if (env.path != stack_path(goal, machine.user, stack)) continue;
    add_modules(stack.packages, modules);
    if (!stack.extension.empty()) modules.push_back(stack.extension);
    return modules;
  }
  for (const goal::EnvGoal& wanted : goal.envs) {
    if (!wanted.own) add_modules(wanted.packages, modules);
  }
  if (modules.empty()) modules.emplace_back("torch");
  return modules;
}

// Libraries come from the environments with PyTorch first: they are what its programs will use.
measure::NativeRequest native_request(const facts::Machine& machine, const Extent& extent) {
  measure::NativeRequest request{.level = extent.level == "full"    ? measure::Level::full
                                          : extent.level == "quick" ? measure::Level::quick
                                                                    : measure::Level::standard,
                                 .expected = gpus_on_bus(machine),
                                 .site_packages = {},
                                 .soak = extent.soak,
                                 .inject = extent.inject,
                                 .progress = extent.progress};
  for (const facts::PythonEnv& env : machine.envs) {
    if (env.torch) request.site_packages.push_back(env.site_packages);
  }
  return request;
}

// "90", "90s", "10m", "1h".
std::optional<std::chrono::seconds> duration_of(std::string_view text) {
  const std::map<char, int> units{{'s', 1}, {'m', 60}, {'h', 3600}};
  const auto unit = text.empty() ? units.end() : units.find(text.back());
  const auto number = base::to_integer(unit == units.end() ? text : text.substr(0, text.size() - 1));
  constexpr std::int64_t kMost = std::int64_t{7} * 24 * 3600;
  if (!number || *number <= 0 || *number > kMost) return std::nullopt;
  const std::int64_t seconds = *number * (unit == units.end() ? 1 : unit->second);
  return seconds > kMost ? std::nullopt : std::optional(std::chrono::seconds(seconds));
}

struct Chosen {
  resolve::Resolution resolution;
  steps::Plan plan;
  bool chose() const { return std::holds_alternative<resolve::Choice>(resolution); }
};

Chosen choose(const facts::Machine& machine, const goal::Goal& goal, const std::string& today,
              const std::string& now) {
  Chosen chosen{.resolution = resolve::resolve(machine, goal, catalog::built_in(), today), .plan = {}};
  if (const auto* choice = std::get_if<resolve::Choice>(&chosen.resolution))
    chosen.plan = plan::make(machine, goal, catalog::built_in(), *choice, now);
  return chosen;
}

// Whether a step does nothing but fill environments from an index of wheels, or is done with what is here.
bool needs_wheels_alone(const steps::Kind& kind) {
  if (const auto* env = std::get_if<steps::CreateEnv>(&kind))
    return env->tool != "conda" && env->python.starts_with('/');
  return std::holds_alternative<steps::InstallUv>(kind) ||
         std::holds_alternative<steps::InstallWheels>(kind) ||
         std::holds_alternative<steps::EditBlock>(kind) || std::holds_alternative<steps::WriteFile>(kind);
}

// The places that a plan rests on which only fills environments; none for one that does more, or for no plan.
std::vector<std::string> places_of(const Chosen& chosen) {
  const auto* choice = std::get_if<resolve::Choice>(&chosen.resolution);
  if (choice == nullptr || !std::ranges::all_of(chosen.plan.steps, needs_wheels_alone, &steps::Step::kind))
    return {};
  std::vector<std::string> places{"pypi"};
  for (const resolve::EnvChoice& env : choice->envs) {
    const bool other = std::ranges::any_of(
        env.packages, [](const resolve::WheelChoice& wheel) { return wheel.index == "pytorch"; });
    if (other && places.size() == 1) places.emplace_back("pytorch");
  }
  return places;
}

// The choice by places that were asked, and what was begun to be resolved for it.
class FewPlaces {
 public:
  FewPlaces(const Looked& looked, const goal::Goal& goal, const std::string& now, bool to_be_done)
      : looked_(looked), goal_(goal), now_(now), to_be_done_(to_be_done), known_(looked.machine) {
    for (facts::Source& source : known_.sources) source.answered_seconds = 0.0;
  }

  // Asks just the places that the plan of `chosen` rests on, and then those of the plan that comes of their
  // answers, none twice. When all of one answer, the others could only add what is not chosen. nullopt: all
  // have to be asked.
  std::optional<Chosen> choose_from(Chosen chosen) {
    for (;;) {
      std::vector<std::string> places = places_of(chosen);
      if (places.empty()) return std::nullopt;
      std::erase_if(places, [this](const std::string& one) { return has(asked_, one); });
      if (!resolved_ && to_be_done_ && places.empty()) begin(chosen.plan);
      if (places.empty()) return chosen;
      if (!ask(places, chosen.plan)) return std::nullopt;
      Chosen again = choose(known_, goal_, looked_.today, now_);
      if (again.plan.steps != chosen.plan.steps) resolved_.reset();
      chosen = std::move(again);
    }
  }
  const std::vector<facts::Source>& sources() const { return known_.sources; }
  const std::shared_ptr<apply::ResolvedAhead>& resolved() const { return resolved_; }

 private:
  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  }
  void begin(const steps::Plan& plan) {
    resolved_ = std::make_shared<apply::ResolvedAhead>(plan, *looked_.view);
  }
  // What answers is known after that, with the other ways to it behind all places.
  bool ask(const std::vector<std::string>& places, const steps::Plan& plan) {
    facts::Machine few = looked_.machine;
    std::erase_if(few.sources, [&](const facts::Source& source) { return !has(places, source.name); });
    if (few.sources.size() != places.size()) return false;
    resolved_.reset();
    ask_with_mirrors(few, goal_, kUsualPatience, [&] {
      if (to_be_done_) begin(plan);
    });
    const auto others = few.sources.begin() + static_cast<std::ptrdiff_t>(places.size());
    for (facts::Source& source : known_.sources) {
      const auto answer = std::find_if(few.sources.begin(), others, [&source](const facts::Source& one) {
        return one.name == source.name;
      });
      if (answer != others) source = *answer;
    }
    known_.sources.insert(known_.sources.end(), others, few.sources.end());
    asked_.insert(asked_.end(), places.begin(), places.end());
    return true;
  }

  const Looked& looked_;
  const goal::Goal& goal_;
  const std::string& now_;
  const bool to_be_done_;
  facts::Machine known_;  // a place that was not asked counts as one that answers
  std::vector<std::string> asked_;
  std::shared_ptr<apply::ResolvedAhead> resolved_;
};

// Asks all; where no choice comes of that and some were only late, those decide, so all are asked again.
Chosen choose_by_all(const Options& options, Looked& looked, const goal::Goal& goal, const std::string& now) {
  const std::vector<facts::Source> places = looked.machine.sources;
  const auto late = ask_with_mirrors(looked.machine, goal, kUsualPatience);
  Chosen chosen = choose(looked.machine, goal, looked.today, now);
  if (chosen.chose() || late.empty()) return chosen;
  say(options,
      fmt::format("{} did not answer in {}; asking once more, for up to {} s", late.front(),
                  base::human_seconds(kUsualPatience.count() / 1000.0), kLongPatience.count() / 1000));
  looked.machine.sources = places;
  ask_with_mirrors(looked.machine, goal, kLongPatience);
  return choose(looked.machine, goal, looked.today, now);
}

}  // namespace

Result<Decided> decide(const Options& options, const Doors& doors) {
  Looked looked = TRY(look(options, doors, {}));
  const host::View& view = looked.recording ? doors.view : *looked.view;
  const LockedGoal locked = TRY(with_locks(TRY(read_goal(options, view)), options, view));
  const goal::Goal& goal = locked.goal;
  if (!goal.toolkit_file.empty())
    looked.machine.repository_file = TRY(probe::read_repository_file(doors.view, goal.toolkit_file));
  const std::vector<goal::Goal> goals = TRY(stacks::with_stacks(goal, catalog::built_in()));
  for (const goal::StackGoal& stack : goal.stacks)
    TRY(stacks::check_gpus(*TRY(stacks::find_stack(stack.name, catalog::built_in())), looked.machine)
            .within(stack.where));
  // Before models are fetched, their hub's places are asked as well: nothing may be resolved beside that.
  const bool to_be_done = doors.control != nullptr && !options.dry_run && locked.locks.empty() &&
                          goal.stacks.empty() && goal.models.empty();
  Decided decided = TRY(decide(options, doors, std::move(looked), goals, to_be_done));
  TRY(follow_locks(locked.locks, options, decided));
  decided.models = decided.looked.here ? TRY(missing_models(options, doors, goal))
                                       : wanted_models(goal, decided.looked.machine.user);
  if (needs_curl(doors, decided)) plan::add_hub_packages(decided.looked.machine, decided.plan);
  if (const auto file = TRY(goal_file(options, view))) decided.plan.goal_file = absolute(file->name);
  return decided;
}

Result<Decided> decide(const Options& options, const Doors& doors, Looked looked,
                       const std::vector<goal::Goal>& goals, bool to_be_done) {
  const std::string now = host::iso_time(doors.clock.now());
  if (looked.recording && looked.machine.sources.empty()) {
    say(options, "the recording does not say which software sources answer: all are taken to");
    looked.machine.sources = sources_for(looked.machine);
    add_conda_sources(looked, goals.front());
    for (facts::Source& source : looked.machine.sources) source.answered_seconds = 0.0;
  }
  add_conda_sources(looked, goals.front());
  // When nothing is to be done even if every source answered, none needs to be asked: a settled machine is
  // judged without the network.
  bool asked = !looked.here || options.offline || looked.asked;
  if (asked && !looked.asked) take_mirrors(looked.machine, goals.front());
  facts::Machine connected = looked.machine;
  for (facts::Source& source : connected.sources) source.answered_seconds = 0.0;
  Chosen chosen;
  goal::Goal taken;
  std::shared_ptr<apply::ResolvedAhead> resolved;
  for (const goal::Goal& goal : goals) {
    taken = goal;
    chosen = choose(asked ? looked.machine : connected, goal, looked.today, now);
    if (!asked && !(chosen.chose() && chosen.plan.steps.empty())) {
      asked = true;
      FewPlaces few(looked, goal, now, to_be_done);
      if (auto by_few = few.choose_from(chosen)) {
        chosen = std::move(*by_few);
        looked.machine.sources = few.sources();
        resolved = few.resolved();
      } else {
        chosen = choose_by_all(options, looked, goal, now);
      }
    }
    if (chosen.chose()) break;
  }
  if (const auto* choice = std::get_if<resolve::Choice>(&chosen.resolution))
    TRY(plan::extensions_of(looked.machine, taken, catalog::built_in(), *choice));
  return Decided{.looked = std::move(looked),
                 .goal = std::move(taken),
                 .resolution = std::move(chosen.resolution),
                 .plan = std::move(chosen.plan),
                 .resolved = std::move(resolved)};
}

Error no_choice(const facts::Machine& machine) {
  const bool silent =
      !machine.sources.empty() && std::ranges::none_of(machine.sources, [](const facts::Source& source) {
        return static_cast<bool>(source.answered_seconds);
      });
  if (silent)
    return {Errc::unreachable,
            "no software source answers: is this machine connected, does it need a proxy, or mirrors "
            "([mirrors] profile = \"auto\" in bringup.toml)?"};
  return {Errc::failed, "there is no choice that serves this machine and goal; nothing was changed"};
}

Result<Extent> extent_of(const Options& options) {
  Extent extent{.level = options.level, .environments = options.level != "quick" && !options.gpus_only};
  if (!options.duration.empty()) {
    const auto duration = duration_of(options.duration);
    if (!duration)
      return Error(Errc::usage,
                   fmt::format("--duration '{}': expected a time such as 90s, 10m or 1h, at most a week",
                               options.duration));
    if (options.level != "full")
      return Error(Errc::usage, "--duration belongs to --level full: it is how long the GPUs are soaked");
    extent.soak = *duration;
  }
  if (const char* faults = std::getenv("BRINGUP_INJECT"); faults != nullptr && *faults != '\0')
    extent.inject = TRY(measure::parse_injections(faults).within("BRINGUP_INJECT"));
  return extent;
}

int native_seconds(const facts::Machine& machine, const Extent& extent) {
  const int gpus = gpus_on_bus(machine);
  if (gpus == 0) return 0;
  return static_cast<int>(measure::native_takes(native_request(machine, extent), gpus).count());
}

Proven prove(const Looked& looked, const goal::Goal& goal, const host::Clock& clock, const Extent& extent) {
  const auto began = clock.steady();
  const facts::Machine& machine = looked.machine;
  Proven proven;
  facts::Measurements& measurements = proven.measurements;
  if (looked.view->recorded()) {
    measurements.native = Error(Errc::unsupported, "a recorded machine cannot be measured");
  } else {
    measurements.native = measure::prove_native(native_request(machine, extent));
    const auto depth = extent.level == "full" ? measure::EnvDepth::full : measure::EnvDepth::standard;
    for (const facts::PythonEnv& env : machine.envs) {
      if (!env.torch || !extent.environments) continue;
      if (extent.progress) extent.progress({.phase = env.path, .done = 1.0, .gpus = {}});
      measurements.envs.emplace_back(env.path, measure::prove_env(env, modules_of(goal, machine, env),
                                                                  machine.user, kPythonDeadline, depth));
    }
  }
  measurements.elapsed_seconds = std::chrono::duration<double>(clock.steady() - began).count();
  facts::Machine judged = machine;
  if (!judged.counts.nvml.gpus && measurements.native)
    judged.counts.nvml = {.gpus = measurements.native->nvml_count, .how = "NVML"};
  proven.verdicts = diagnose::judge(judged, measurements);
  proven.overall = diagnose::overall(proven.verdicts);
  return proven;
}

int verify_exit(facts::Outcome overall) {
  switch (overall) {
    case facts::Outcome::pass:
    case facts::Outcome::info:
      return exit_ok;
    case facts::Outcome::warn:
      return exit_changes;
    case facts::Outcome::fail:
      return exit_failed;
    case facts::Outcome::inconclusive:
    case facts::Outcome::not_measured:
      return exit_not_measured;
  }
  return exit_internal;
}

}  // namespace bringup::cli
