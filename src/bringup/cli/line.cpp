// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/measure/native.hpp>
#include <bringup/plan/plan.hpp>

#include <algorithm>

namespace bringup::cli {
namespace {

constexpr auto kCudaDeadline = std::chrono::seconds(60);  // eight contexts on a cold driver take seconds
constexpr auto kPythonDeadline =
    std::chrono::seconds(300);  // the first import of torch from a slow disk takes minutes

// The names of a goal's packages, without pins.
std::vector<std::string> modules_of(const goal::Goal& goal) {
  std::vector<std::string> modules;
  for (const goal::EnvGoal& env : goal.envs) {
    for (const std::string& package : env.packages) {
      const std::string name = package.substr(0, package.find_first_of("=<>!~[ "));
      if ((name.starts_with("torch")) && std::ranges::find(modules, name) == modules.end())
        modules.push_back(name);
    }
  }
  return modules;
}

// Libraries come from the environments with PyTorch first: they are what its programs will use.
measure::NativeRequest native_request(const facts::Machine& machine, std::string_view level) {
  measure::NativeRequest request{.level = level == "full" ? measure::Level::full : measure::Level::standard,
                                 .site_packages = {}};
  for (const facts::PythonEnv& env : machine.envs) {
    if (env.torch) request.site_packages.push_back(env.site_packages);
  }
  return request;
}

struct Chosen {
  resolve::Resolution resolution;
  steps::Plan plan;
};

Chosen choose(const facts::Machine& machine, const goal::Goal& goal, const std::string& today,
              const std::string& now) {
  Chosen chosen{.resolution = resolve::resolve(machine, goal, catalog::built_in(), today), .plan = {}};
  if (const auto* choice = std::get_if<resolve::Choice>(&chosen.resolution))
    chosen.plan = plan::make(machine, goal, catalog::built_in(), *choice, now);
  return chosen;
}

}  // namespace

Result<Decided> decide(const Options& options, const Doors& doors) {
  Looked looked = TRY(look(options, doors, {}));
  const goal::Goal goal = TRY(read_goal(options, looked.recording ? doors.view : *looked.view));
  const std::string now = host::iso_time(doors.clock.now());
  Chosen chosen;
  if (!looked.here || options.offline) {
    if (looked.recording && looked.machine.sources.empty()) {
      say(options, "the recording does not say which software sources answer: all are taken to");
      looked.machine.sources = sources_for(looked.machine);
      for (facts::Source& source : looked.machine.sources) source.answered_seconds = 0.0;
    }
    chosen = choose(looked.machine, goal, looked.today, now);
  } else {
    // When nothing is to be done even if every source answered, none needs to be asked: a settled machine is
    // judged without the network.
    facts::Machine connected = looked.machine;
    for (facts::Source& source : connected.sources) source.answered_seconds = 0.0;
    chosen = choose(connected, goal, looked.today, now);
    const bool settled =
        std::holds_alternative<resolve::Choice>(chosen.resolution) && chosen.plan.steps.empty();
    if (!settled) {
      ask_sources(looked.machine);
      chosen = choose(looked.machine, goal, looked.today, now);
    }
  }
  return Decided{.looked = std::move(looked),
                 .goal = goal,
                 .resolution = std::move(chosen.resolution),
                 .plan = std::move(chosen.plan)};
}

Error no_choice(const facts::Machine& machine) {
  const bool silent =
      !machine.sources.empty() && std::ranges::none_of(machine.sources, [](const facts::Source& source) {
        return static_cast<bool>(source.answered_seconds);
      });
  if (silent)
    return {Errc::unreachable,
            "no software source answers: is this machine connected, and does it need a proxy?"};
  return {Errc::failed, "there is no choice that serves this machine and goal; nothing was changed"};
}

int native_seconds(const facts::Machine& machine, std::string_view level) {
  const auto gpus = std::ranges::count(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind);
  if (level == "quick" || gpus == 0) return 0;
  return static_cast<int>(
      measure::native_takes(native_request(machine, level), static_cast<int>(gpus)).count());
}

Proven prove(const facts::Machine& machine, const goal::Goal& goal, const host::Clock& clock, bool recorded,
             std::string_view level) {
  const auto began = clock.steady();
  facts::Measurements measurements;
  if (recorded) {
    measurements.cuda = Error(Errc::unsupported, "a recorded machine cannot be measured");
  } else {
    measurements.cuda = measure::prove_cuda(kCudaDeadline);
    if (level != "quick") measurements.native = measure::prove_native(native_request(machine, level));
    const std::vector<std::string> modules = modules_of(goal);
    for (const facts::PythonEnv& env : machine.envs) {
      if (env.torch)
        measurements.envs.emplace_back(env.path,
                                       measure::prove_env(env, modules, machine.user, kPythonDeadline));
    }
  }
  measurements.elapsed_seconds = std::chrono::duration<double>(clock.steady() - began).count();
  Proven proven{.verdicts = diagnose::judge(machine, measurements),
                .overall = {},
                .seconds = measurements.elapsed_seconds};
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
