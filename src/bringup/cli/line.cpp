// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/exit.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/plan/plan.hpp>

#include <algorithm>

namespace bringup::cli {
namespace {

using std::chrono_literals::operator""s;
constexpr auto kCudaDeadline = 60s;     // eight contexts on a cold driver take seconds
constexpr auto kPythonDeadline = 300s;  // the first import of torch from a slow disk takes minutes

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

}  // namespace

Result<Decided> decide(const Options& options, const Doors& doors) {
  Looked looked = TRY(look(options, doors, {.sources = true, .cuda = false, .pytorch = false}));
  goal::Goal goal = TRY(read_goal(options, looked.recording ? doors.view : *looked.view));
  auto resolution = resolve::resolve(looked.machine, goal, catalog::built_in(), looked.today);
  steps::Plan plan;
  if (const auto* choice = std::get_if<resolve::Choice>(&resolution))
    plan = plan::make(looked.machine, goal, catalog::built_in(), *choice, host::iso_time(doors.clock.now()));
  return Decided{.looked = std::move(looked),
                 .goal = std::move(goal),
                 .resolution = std::move(resolution),
                 .plan = std::move(plan)};
}

Proven prove(const facts::Machine& machine, const goal::Goal& goal, const host::Clock& clock, bool recorded) {
  const auto began = clock.steady();
  facts::Measurements measurements;
  if (recorded) {
    measurements.cuda = Error(Errc::unsupported, "a recorded machine cannot be measured");
  } else {
    measurements.cuda = measure::prove_cuda(kCudaDeadline);
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
