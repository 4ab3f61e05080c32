// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/search.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

// "Needs a driver" says little: what stands against the best driver that can be had says more.
std::string why_no_driver(const Problem& problem) {
  std::string first;
  for (const DriverCandidate& candidate : driver_candidates(problem)) {
    const auto rejection = driver_rejection(problem, candidate);
    if (!rejection) continue;
    std::string text = say(problem, candidate, *rejection);
    const bool absent = rejection->rule == DriverRule::silent || rejection->rule == DriverRule::no_row;
    if (!absent) return text;
    if (first.empty()) first = std::move(text);
  }
  return first.empty() ? "no driver that serves it can be had" : first;
}

std::string env_objection(const Problem& problem, const Solution& solution, std::size_t index) {
  const EnvSolution& env = solution.envs[index];
  const WantedEnv& wanted = problem.envs[index];
  const Wishes wishes = wishes_of(wanted);
  const std::string& python = solution.python.choice.version;
  if (env.wheels != nullptr) {
    if (const auto rejection = wheel_rejection(problem, solution.driver, python, wishes, *env.wheels))
      return say(problem, solution.driver, python, wishes, *env.wheels, *rejection);
  }
  if (env.kept)
    return fmt::format("the environment {} that is there does not do for environment {}", env.path,
                       wanted.name);
  if (env.action == Action::none && wishes.torch)
    return fmt::format("environment {} asks for it, and no set of wheels that fits the rest can be had",
                       wanted.name);
  if (!wishes.others.empty() && !problem.answers(Place::pypi))
    return fmt::format("PyPI does not answer: {}", problem.silence(Place::pypi));
  return "";
}

std::string python_objection(const Problem& problem, const Solution& solution) {
  const PythonChoice& choice = solution.python.choice;
  const auto candidates = python_candidates(problem);
  const bool offered = std::ranges::any_of(candidates, [&choice](const PythonCandidate& one) {
    return one.choice.version == choice.version && one.choice.manager == choice.manager;
  });
  if (offered || choice.version.empty()) return "";
  if (!problem.python_version.empty() && problem.python_version != choice.version)
    return fmt::format("the goal asks for Python {}, and this is {}", problem.python_version, choice.version);
  return fmt::format("Python {} with {} cannot be had here", choice.version, choice.manager);
}

}  // namespace

std::string objection(const Problem& problem, const Solution& solution) {
  if (const auto rejection = driver_rejection(problem, solution.driver)) {
    return rejection->rule == DriverRule::needs_driver ? why_no_driver(problem)
                                                       : say(problem, solution.driver, *rejection);
  }
  for (std::size_t i = 0; i < solution.envs.size(); ++i) {
    if (std::string text = env_objection(problem, solution, i); !text.empty()) return text;
  }
  if (std::string text = python_objection(problem, solution); !text.empty()) return text;
  if (problem.toolkit != "auto" && problem.toolkit != "none") return toolkit_objection(problem);
  return "nothing that fits the rest fits it too";
}

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
  Conflict conflict;
  for (const Constraint& constraint : needed) {
    const auto solution = search(without(left, constraint));
    const std::string why = solution ? objection(left, *solution) : "";
    conflict.set.push_back({.what = what_of(problem, constraint), .why = why});
    conflict.could_change.push_back(change_of(problem, constraint));
    if (solution) {
      conflict.reasons.push_back(
          {.about = "conflict",
           .text = fmt::format("without '{}' the choice would be: {}", what_of(problem, constraint),
                               summary(problem, *solution)),
           .source = "the same search with that demand left out",
           .known = catalog::Known::read});
    }
  }
  return conflict;
}

}  // namespace bringup::resolve
