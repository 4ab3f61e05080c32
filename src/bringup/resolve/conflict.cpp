// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/search.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

// How much a rule tells about why no driver serves: what it says of the GPU before what the place lacks, and
// last that the place is silent or the branch is not the one that is asked for.
int weight(DriverRule rule) {
  switch (rule) {
    case DriverRule::pinned:
      return 3;
    case DriverRule::silent:
    case DriverRule::no_row:
      return 2;
    case DriverRule::windows:
    case DriverRule::no_packages:
    case DriverRule::cannot_hold:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::string why_no_driver(const Problem& problem) {
  std::string best;
  int least = 4;
  for (const DriverCandidate& candidate : driver_candidates(problem)) {
    const auto rejection = driver_rejection(problem, candidate);
    if (candidate.origin == Origin::left || !rejection || weight(rejection->rule) >= least) continue;
    least = weight(rejection->rule);
    best = say(problem, candidate, *rejection);
  }
  if (best.empty()) return "no driver that serves it can be had";
  const bool archive_lacks = problem.archive == nullptr || !problem.archive->driver;
  return least == 2 && archive_lacks && problem.repo != nullptr
             ? fmt::format("the catalog has no driver of the distribution's archive for {}, and {}",
                           problem.os, best)
             : best;
}

namespace {

// The version that a set has of one of torch's three packages.
std::optional<std::string> version_in(const catalog::WheelSet& set, std::string_view package) {
  if (package == "torch") return set.torch.text;
  return package == "torchvision" ? std::optional(set.torchvision) : set.torchaudio;
}

const std::string& torch_pin(const WantedEnv& env) {
  static const std::string none;
  const auto torch = std::ranges::find(env.packages, "torch", &WantedPackage::name);
  return torch == env.packages.end() || !torch->active ? none : torch->pin;
}

// What is said of a pin that no row of the catalog has, or none beside the torch that is pinned; "" when
// there is one.
std::string unknown_pin(const Problem& problem, const WantedEnv& env, const WantedPackage& package) {
  std::string newest;
  std::string beside;
  bool known = false;
  for (const catalog::WheelSet& set : problem.catalog->wheels) {
    const auto version = version_in(set, package.name);
    if (!version) continue;
    if (newest.empty()) newest = *version;
    const bool pinned = same_version(torch_pin(env), set.torch.text);
    if (beside.empty() && pinned)
      beside = fmt::format("{} {} goes with torch {}", package.name, *version, set.torch.text);
    known = known || (pinned && same_version(package.pin, *version));
  }
  if (known) return "";
  if (package.name != "torch" && !torch_pin(env).empty() && !beside.empty())
    return fmt::format("{} {} does not go with torch {}: {}", package.name, package.pin, torch_pin(env),
                       beside);
  return fmt::format("the catalog knows no {} {}; its newest is {}", package.name, package.pin,
                     newest.empty() ? "none" : newest);
}

std::string unknown_pin(const Problem& problem) {
  for (const WantedEnv& env : problem.envs) {
    for (const WantedPackage& package : env.packages) {
      const bool of_the_three =
          package.name == "torch" || package.name == "torchvision" || package.name == "torchaudio";
      if (!package.active || package.pin.empty() || !of_the_three) continue;
      if (std::string text = unknown_pin(problem, env, package); !text.empty()) return text;
    }
  }
  return "";
}

// Whether the environment is none of the trouble. Asked only where extensions narrow what fits: without them
// it is the first environment that speaks.
bool fits_alone(const Problem& problem, const DriverCandidate& driver,
                const std::vector<PythonCandidate>& pythons, const WantedEnv& env) {
  return problem.any_extension() && std::ranges::any_of(pythons, [&](const PythonCandidate& python) {
           return best_wheels(problem, driver, python.choice.version, wishes_of(env)) != nullptr;
         });
}

}  // namespace

std::string why_no_wheels(const Problem& problem, const DriverCandidate& driver) {
  std::string best;
  int least = 5;
  const auto pythons = python_candidates(problem);
  for (const WantedEnv& env : problem.envs) {
    const Wishes wishes = wishes_of(env);
    if (!wishes.torch || fits_alone(problem, driver, pythons, env)) continue;
    if (pythons.empty())
      return fmt::format("no Python{} that could make environment {} can be had here",
                         problem.python_version.empty() ? "" : " " + problem.python_version, env.name);
    for (const PythonCandidate& python : pythons) {
      for (const catalog::WheelSet& wheels : problem.catalog->wheels) {
        const auto rejection = wheel_rejection(problem, driver, python.choice.version, wishes, wheels);
        if (!rejection || weight(rejection->rule) >= least) continue;
        least = weight(rejection->rule);
        best = say(problem, driver, python.choice.version, wishes, wheels, *rejection);
      }
    }
  }
  if (!best.empty()) return best;
  if (std::string text = unknown_pin(problem); !text.empty()) return text;
  return "no set of wheels that fits the rest can be had";
}

namespace {

// "driver 535.261.03 from the distribution's archive runs programs for CUDA 12 at most"; "" for one that runs
// all.
std::string runs_at_most(const Problem& problem, const DriverCandidate& driver) {
  int most = 0;
  bool all = true;
  for (const catalog::CudaFloor& floor : problem.catalog->floors) {
    const bool runs = driver.version.parts.empty() || driver.version >= floor.driver;
    if (runs) most = std::max(most, floor.cuda_major);
    all = all && runs;
  }
  return all ? "" : fmt::format("{} runs programs for CUDA {} at most", driver_text(driver), most);
}

// "Needs a driver" says little: either none can be had, or the wheels are what is missing.
std::string why_not_with_gpus(const Problem& problem) {
  const auto pythons = python_candidates(problem);
  const PythonCandidate* maker = pythons.empty() ? nullptr : &pythons.front();
  for (const DriverCandidate& candidate : driver_candidates(problem)) {
    if (driver_rejection(problem, candidate)) continue;
    if (problem.toolkit != "auto" && problem.toolkit != "none" &&
        !choose_toolkit(problem, candidate, {}, maker))
      return toolkit_objection(problem);
    const std::string most = problem.any_extension() ? runs_at_most(problem, candidate) : "";
    return (most.empty() ? "" : most + ", and ") + why_no_wheels(problem, candidate);
  }
  return why_no_driver(problem);
}

// Of an environment that is there and does without its extension.
std::string kept_objection(const Problem& problem, const Solution& solution, std::size_t index) {
  const WantedEnv& wanted = problem.envs[index];
  const facts::PythonEnv& there = *solution.envs[index].kept->env;
  const auto cuda = there.variant ? catalog::variant_cuda(*there.variant) : std::nullopt;
  if (!wanted.extension.empty() && cuda && !compiles_for(problem, solution.driver, cuda->major(), true))
    return fmt::format("torch {} in {} compiles extensions with a toolkit of CUDA {} alone: {}",
                       there.torch.value_or("?"), there.path, cuda->major(),
                       no_toolkit_for(problem, cuda->major()));
  return fmt::format("the environment {} that is there does not do for environment {}", there.path,
                     wanted.name);
}

std::string env_objection(const Problem& problem, const Solution& solution, std::size_t index) {
  const EnvSolution& env = solution.envs[index];
  const WantedEnv& wanted = problem.envs[index];
  const Wishes wishes = wishes_of(wanted);
  const std::string& python = solution.python.choice.version;
  if (env.wheels != nullptr) {
    if (const auto rejection = wheel_rejection(problem, solution.driver, python, wishes, *env.wheels)) {
      // Of another set than the one that fits the easier problem there is more to say.
      const bool other = rejection->rule == WheelRule::torch_pin ||
                         rejection->rule == WheelRule::vision_pin ||
                         rejection->rule == WheelRule::audio_pin || rejection->rule == WheelRule::cpu_only;
      return other ? why_no_wheels(problem, solution.driver)
                   : say(problem, solution.driver, python, wishes, *env.wheels, *rejection);
    }
  }
  if (env.kept) return kept_objection(problem, solution, index);
  if (env.action == Action::none && wishes.torch) return why_no_wheels(problem, solution.driver);
  if (!wishes.others.empty() && !problem.answers(Place::pypi))
    return fmt::format("PyPI does not answer: {}", problem.silence(Place::pypi));
  return "";
}

std::string python_objection(const Problem& problem, const Solution& solution) {
  const PythonChoice& choice = solution.python.choice;
  const bool works = std::ranges::any_of(solution.envs, [](const EnvSolution& env) {
    return env.action == Action::install || env.action == Action::upgrade;
  });
  if (!works) return "";
  const auto candidates = python_candidates(problem);
  const bool offered = std::ranges::any_of(candidates, [&choice](const PythonCandidate& one) {
    return one.choice.version == choice.version && one.choice.manager == choice.manager;
  });
  if (offered) return "";
  if (!problem.python_version.empty() && problem.python_version != choice.version)
    return fmt::format("the goal asks for Python {}, and this is {}", problem.python_version, choice.version);
  const std::string& manager = problem.python_manager;
  if (is_conda(manager)) {
    const bool here = conda_asked_for(*problem.machine, manager) != nullptr;
    std::string text = here ? "" : conda_objection(problem);
    if (here && !problem.answers(Place::channel))
      text = fmt::format("the channel conda-forge does not answer: {}", problem.silence(Place::channel));
    if (!text.empty()) return text;
  }
  return fmt::format("Python {} with {} cannot be had here", wanted_python(problem),
                     manager == "auto" ? choice.manager : manager);
}

// What a member is stands before the reason already.
std::string shortened(std::string why, const Problem& problem, const Constraint& constraint) {
  std::string start = what_of(problem, constraint) + ": ";
  if (constraint.kind == Constraint::Kind::place)
    start = fmt::format("{} does not answer: ", place_title(static_cast<Place>(constraint.first)));
  if (why.starts_with(start)) why.erase(0, start.size());
  return why;
}

}  // namespace

std::string objection(const Problem& problem, const Solution& solution) {
  if (const auto rejection = driver_rejection(problem, solution.driver)) {
    return rejection->rule == DriverRule::needs_driver ? why_not_with_gpus(problem)
                                                       : say(problem, solution.driver, *rejection);
  }
  for (std::size_t i = 0; i < solution.envs.size(); ++i) {
    if (std::string text = env_objection(problem, solution, i); !text.empty()) return text;
  }
  if (std::string text = python_objection(problem, solution); !text.empty()) return text;
  if (problem.toolkit != "auto" && problem.toolkit != "none") return toolkit_objection(problem);
  if (problem.any_extension())
    return "what compiles extensions shares one toolkit, and no CUDA has wheels and a toolkit for all of it";
  return "nothing that fits the rest fits it too";
}

namespace {

Reason outcome(std::string text) {
  return {.about = "conflict",
          .text = std::move(text),
          .source = "the same search with that demand left out",
          .known = catalog::Known::tried};
}

// What each change would lead to. A change that is not enough is told once for all of that kind, with what
// would be chosen if every place answered when a silent place is part of it.
void tell_outcomes(const Problem& problem, const std::vector<Constraint>& needed, Conflict& conflict) {
  std::vector<std::string> futile;
  bool silent = false;
  for (const Constraint& constraint : needed) {
    const Problem easier = without_kind(problem, constraint);
    const auto other = search(easier);
    const std::size_t more = others_like(problem, constraint);
    const std::string what = fmt::format("'{}'{}", what_of(problem, constraint),
                                         more > 0 ? fmt::format(" and {} like it", more) : "");
    silent = silent || constraint.kind == Constraint::Kind::place;
    if (other)
      conflict.reasons.push_back(
          outcome(fmt::format("without {} the choice would be: {}", what, summary(easier, *other))));
    else
      futile.push_back(what);
  }
  if (futile.empty()) return;
  conflict.reasons.push_back(
      outcome(fmt::format("leaving out {} alone is not enough: something else stands against it too",
                          base::join(futile, " or "))));
  if (!silent) return;
  Problem all = problem;
  for (Reach& reach : all.reach) reach = {.answers = true, .why = ""};
  if (const auto other = search(all))
    conflict.reasons.push_back(
        outcome("if every place answered, the choice would be: " + summary(all, *other)));
}

}  // namespace

Conflict smallest_conflict(const Problem& problem) {
  Problem left = problem;
  std::vector<Constraint> needed;
  for (const Constraint& constraint : constraints_of(problem)) {
    // The wish for a package is part of its pin as long as the pin is needed.
    if (constraint.kind == Constraint::Kind::package &&
        !left.envs[constraint.first].packages[constraint.second].pin.empty())
      continue;
    Problem easier = without(left, constraint);
    if (search(easier))
      needed.push_back(constraint);
    else
      left = std::move(easier);
  }
  // GPUs in the order of the bus, then the rest.
  std::ranges::stable_sort(needed, {}, [](const Constraint& one) {
    const bool gpu = one.kind == Constraint::Kind::gpu;
    return std::pair(!gpu, gpu ? one.first : 0);
  });
  Conflict conflict;
  for (const Constraint& constraint : needed) {
    const std::string what = what_of(problem, constraint);
    const auto solution = search(without(left, constraint));
    conflict.set.push_back(
        {.what = what, .why = solution ? shortened(objection(left, *solution), problem, constraint) : ""});
    conflict.could_change.push_back(change_of(problem, constraint));
  }
  tell_outcomes(problem, needed, conflict);
  return conflict;
}

}  // namespace bringup::resolve
