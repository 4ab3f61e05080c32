// SPDX-License-Identifier: Apache-2.0
// The demands of a problem one by one: what each is, what could be done about it, the problem without it.
#include <bringup/resolve/problem.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {

std::vector<Constraint> constraints_of(const Problem& problem) {
  using Kind = Constraint::Kind;
  std::vector<Constraint> out;
  if (problem.gcc || (problem.any_extension() && !problem.compilers.empty()))
    out.push_back({.kind = Kind::gcc});
  if (problem.glibc) out.push_back({.kind = Kind::glibc});
  if (!problem.any_arch && problem.machine->arch != "x86_64") out.push_back({.kind = Kind::arch});
  if (!problem.any_os) out.push_back({.kind = Kind::os});
  for (std::size_t env = problem.envs.size(); env-- > 0;) {
    if (!problem.envs[env].extension.empty()) out.push_back({.kind = Kind::extension, .first = env});
  }
  // A pin stands before the wish for its package: when the pin can go, the wish is tried by itself.
  for (const bool pinned : {true, false}) {
    for (std::size_t env = problem.envs.size(); env-- > 0;) {
      const auto& packages = problem.envs[env].packages;
      for (std::size_t i = packages.size(); i-- > 0;) {
        if (!packages[i].active || (pinned && packages[i].pin.empty())) continue;
        out.push_back({.kind = pinned ? Kind::package_pin : Kind::package, .first = env, .second = i});
      }
    }
  }
  for (std::size_t i = problem.gpus.size(); i-- > 0;) {
    if (problem.gpus[i].active) out.push_back({.kind = Kind::gpu, .first = i});
  }
  for (const Place place : kPlaces) {
    if (!problem.answers(place))
      out.push_back({.kind = Kind::place, .first = static_cast<std::size_t>(place)});
  }
  if (problem.user_only) out.push_back({.kind = Kind::user_only});
  if (problem.python_manager != "auto") out.push_back({.kind = Kind::python_manager});
  if (!problem.python_version.empty()) out.push_back({.kind = Kind::python_version});
  // "none" asks for less than "auto", so it is no part of a conflict unless something is to be compiled.
  if (problem.toolkit != "auto" && (problem.toolkit != "none" || problem.any_extension()))
    out.push_back({.kind = Kind::toolkit_pin});
  if (problem.driver != "auto" && problem.driver != "none") out.push_back({.kind = Kind::driver_pin});
  return out;
}

Problem without(Problem problem, const Constraint& constraint) {
  using Kind = Constraint::Kind;
  switch (constraint.kind) {
    case Kind::gpu:
      problem.gpus[constraint.first].active = false;
      break;
    case Kind::driver_pin:
      problem.driver = "auto";
      break;
    case Kind::toolkit_pin:
      problem.toolkit = "auto";
      problem.repository_file = nullptr;
      break;
    case Kind::python_version:
      problem.python_version.clear();
      break;
    case Kind::python_manager:
      problem.python_manager = "auto";
      break;
    case Kind::package_pin:
      problem.envs[constraint.first].packages[constraint.second].pin.clear();
      break;
    case Kind::package:
      problem.envs[constraint.first].packages[constraint.second].active = false;
      break;
    case Kind::extension:
      problem.envs[constraint.first].extension.clear();
      break;
    case Kind::place:
      problem.reach[constraint.first] = {.answers = true, .why = ""};
      break;
    case Kind::user_only:
      problem.user_only = false;
      break;
    case Kind::glibc:
      problem.glibc.reset();
      break;
    case Kind::gcc:
      problem.gcc.reset();
      problem.compilers.clear();
      break;
    case Kind::os:
      problem.any_os = true;
      break;
    case Kind::arch:
      problem.any_arch = true;
      break;
  }
  return problem;
}

namespace {

bool alike(const Wanted& a, const Wanted& b) {
  return a.active && b.active && a.device_id == b.device_id && a.name == b.name;
}

}  // namespace

std::size_t others_like(const Problem& problem, const Constraint& constraint) {
  if (constraint.kind != Constraint::Kind::gpu) return 0;
  const Wanted& gpu = problem.gpus[constraint.first];
  const auto all = std::ranges::count_if(problem.gpus, [&gpu](const Wanted& one) { return alike(gpu, one); });
  return all > 1 ? static_cast<std::size_t>(all) - 1 : 0;
}

Problem without_kind(Problem problem, const Constraint& constraint) {
  if (constraint.kind == Constraint::Kind::gpu) {
    const Wanted gpu = problem.gpus[constraint.first];
    for (Wanted& one : problem.gpus) {
      if (alike(gpu, one)) one.active = false;
    }
  }
  return without(std::move(problem), constraint);
}

std::string what_of(const Problem& problem, const Constraint& constraint) {
  using Kind = Constraint::Kind;
  switch (constraint.kind) {
    case Kind::gpu:
      return gpu_text(problem.gpus[constraint.first]);
    case Kind::driver_pin:
      return fmt::format("goal: driver = \"{}\"", problem.driver);
    case Kind::toolkit_pin:
      if (problem.repository_file != nullptr)
        return fmt::format("goal: the toolkit comes from {}", problem.repository_file->path);
      return fmt::format("goal: toolkit = \"{}\"", problem.toolkit);
    case Kind::python_version:
      return fmt::format("goal: python.version = \"{}\"", problem.python_version);
    case Kind::python_manager:
      return fmt::format("goal: python.manager = \"{}\"", problem.python_manager);
    case Kind::package_pin:
    case Kind::package: {
      const WantedEnv& env = problem.envs[constraint.first];
      const WantedPackage& package = env.packages[constraint.second];
      // A wish by itself is one for any version: its pin, if it has one, is a demand of its own.
      if (constraint.kind == Kind::package || package.pin.empty())
        return fmt::format("environment {}: {}", env.name, package.name);
      return fmt::format("environment {}: {}=={}", env.name, package.name, package.pin);
    }
    case Kind::extension:
      return fmt::format("environment {}: its extension {} is compiled here",
                         problem.envs[constraint.first].name, problem.envs[constraint.first].extension);
    case Kind::place:
      return fmt::format("{} ({}) does not answer", place_title(static_cast<Place>(constraint.first)),
                         place_name(static_cast<Place>(constraint.first)));
    case Kind::user_only:
      return "--user-only: nothing that needs root";
    case Kind::glibc:
      return fmt::format("glibc {}", problem.glibc->text);
    case Kind::gcc:
      return problem.gcc ? fmt::format("gcc {}", *problem.gcc)
                         : fmt::format("g++ {}", problem.compilers.front());
    case Kind::os:
      return fmt::format("system {}", problem.os.empty() ? "unknown" : problem.os);
    case Kind::arch:
      return fmt::format("architecture {}",
                         problem.machine->arch.empty() ? "unknown" : problem.machine->arch);
  }
  return "";
}

namespace {

const std::string& pin_of(const Problem& problem, const Constraint& constraint) {
  return problem.envs[constraint.first].packages[constraint.second].pin;
}

// An environment of its own is that of a stack.
std::string env_title(const WantedEnv& env) {
  constexpr std::string_view kStack = "stack-";
  return env.own && env.name.starts_with(kStack) ? "the stack " + env.name.substr(kStack.size())
                                                 : "environment " + env.name;
}

}  // namespace

std::string change_of(const Problem& problem, const Constraint& constraint) {
  using Kind = Constraint::Kind;
  switch (constraint.kind) {
    case Kind::gpu:
      if (const std::size_t more = others_like(problem, constraint); more > 0)
        return fmt::format("move the GPU at {} and the {} like it to another machine",
                           problem.gpus[constraint.first].address,
                           more == 1 ? "other one" : fmt::format("{} others", more));
      return fmt::format("move the GPU at {} to another machine{}", problem.gpus[constraint.first].address,
                         problem.gpus[constraint.first].row == nullptr
                             ? "; or use a newer bringup or a newer signed catalog (bringup catalog use "
                               "FILE) that knows it"
                             : "");
    case Kind::driver_pin:
      return "write driver = \"auto\" in the goal";
    case Kind::toolkit_pin:
      return "write toolkit = \"auto\" in the goal";
    case Kind::python_version:
      return "leave python.version out of the goal";
    case Kind::python_manager:
      return "write manager = \"auto\" below [python] in the goal";
    case Kind::package_pin:
      return fmt::format("drop the pin =={} of {} in environment {}", pin_of(problem, constraint),
                         problem.envs[constraint.first].packages[constraint.second].name,
                         problem.envs[constraint.first].name);
    case Kind::package:
      return fmt::format("leave {} out of environment {}",
                         problem.envs[constraint.first].packages[constraint.second].name,
                         problem.envs[constraint.first].name);
    case Kind::extension:
      return fmt::format("leave {} out of the goal", env_title(problem.envs[constraint.first]));
    case Kind::place:
      return fmt::format("make {} reachable (a route, a proxy or a mirror)",
                         place_title(static_cast<Place>(constraint.first)));
    case Kind::user_only:
      return "let root do it: the same with sudo and without --user-only";
    case Kind::glibc:
      return "use a newer release of the system, with a newer glibc";
    case Kind::gcc:
      return "install an older gcc beside the present one and make it the default";
    case Kind::os:
      return "use a system that the catalog knows: 'bringup catalog' lists them";
    case Kind::arch:
      return "use an x86_64 machine";
  }
  return "";
}

}  // namespace bringup::resolve
