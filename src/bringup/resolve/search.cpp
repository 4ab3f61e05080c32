// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/extension.hpp>
#include <bringup/resolve/search.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

// The search is exhaustive. There are about 20 branches x 2 flavours x 2 places of drivers, a handful of
// Pythons and 70 sets of wheels for each environment; environments do not depend on each other once driver
// and Python are fixed, they ask of a driver only which CUDA majors it runs, and a driver that breaks a rule
// is dropped before anything below it is looked at. That is some thousand cheap comparisons at the worst, a
// few hundred as a rule; a solver would save nothing and could not say why.
// Where extensions are compiled, environments do depend on each other: there is one toolkit. They are then
// chosen once for each CUDA major that a toolkit can be had of, and the best of these choices is taken.

namespace bringup::resolve {
namespace {

bool asks_nothing(const WantedEnv& env) {
  return std::ranges::none_of(env.packages, &WantedPackage::active) && env.extension.empty();
}

// What environments are chosen for beside the driver.
struct Around {
  const std::vector<PythonCandidate>& pythons;
  // The major of the toolkit that compiles extensions: nullopt where none is to be compiled, 0 where none can
  // be.
  std::optional<int> toolkit_major;
};

const facts::PythonEnv* env_at(const facts::Machine& machine, const std::string& path) {
  const auto at = std::ranges::find(machine.envs, path, &facts::PythonEnv::path);
  return at == machine.envs.end() ? nullptr : &*at;
}

// A new environment beside one of ours whose Python is another: nothing that is there is removed.
EnvSolution place_for(const Problem& problem, const WantedEnv& env, const std::string& python) {
  const std::string own = own_path(problem, env);
  const facts::PythonEnv* there = env_at(*problem.machine, own);
  if (there == nullptr) return {.path = own, .action = Action::install, .kept = std::nullopt};
  if (major_minor(there->version) == python)
    return {.path = own, .action = Action::upgrade, .kept = std::nullopt};
  const std::string beside = fmt::format("{}-py{}", own, python);
  return {.path = beside,
          .action = env_at(*problem.machine, beside) == nullptr ? Action::install : Action::upgrade,
          .kept = std::nullopt};
}

// nullopt: no set of wheels fits.
std::optional<EnvSolution> fill(const Problem& problem, const DriverCandidate& driver, const Around& around,
                                const WantedEnv& env, const std::string& python) {
  EnvSolution out = place_for(problem, env, python);
  Wishes wishes = wishes_of(env);
  wishes.toolkit_major = around.toolkit_major;
  out.compiles = wishes.extension;
  if (!wishes.torch)
    return wishes.others.empty() || problem.answers(Place::pypi) ? std::optional(out) : std::nullopt;
  out.wheels = best_wheels(problem, driver, python, wishes);
  return out.wheels == nullptr ? std::nullopt : std::optional(out);
}

PythonCandidate python_of(const facts::PythonEnv& env) {
  const std::string manager =
      env.kind == "conda" || env.kind == "uv" || env.kind == "system" ? env.kind : "venv";
  return {
      .choice = {.manager = manager,
                 .manager_path = "",
                 .version = major_minor(env.version),
                 .interpreter = env.python,
                 .packages = {}},
      .reason = fmt::format("Python {} is the one of the environment {}", major_minor(env.version), env.path),
      .evidence = "this machine: " + env.path,
      .fallback = false};
}

// Nothing is to be made: the Python of what is kept, or the system's.
PythonCandidate python_without_work(const Problem& problem, const std::vector<EnvSolution>& envs) {
  for (const EnvSolution& env : envs) {
    if (env.kept) return python_of(*env.kept->env);
  }
  PythonCandidate out{
      .choice = {.manager = "system"}, .reason = "no environment is asked for", .evidence = "goal: env"};
  if (!problem.machine->pythons.empty()) {
    out.choice.version = major_minor(problem.machine->pythons.front().version);
    out.choice.interpreter = problem.machine->pythons.front().path;
  }
  return out;
}

// Whether what is there does for an extension too: it is compiled, or the toolkit at hand compiles it.
bool keeps_extension(const Problem& problem, const WantedEnv& env, const Around& around, EnvSolution& one) {
  if (env.extension.empty()) return true;
  const facts::PythonEnv& there = *one.kept->env;
  if (is_built(*problem.machine, there, env.extension)) return true;
  const auto cuda = there.variant ? catalog::variant_cuda(*there.variant) : std::nullopt;
  one.compiles = cuda && cuda->major() == around.toolkit_major && (!env.min_cuda || *env.min_cuda <= *cuda);
  return one.compiles;
}

// What is kept first; `whatever` accepts what is only better than nothing.
std::vector<EnvSolution> kept_envs(const Problem& problem, const DriverCandidate& driver,
                                   const Around& around, bool whatever) {
  std::vector<EnvSolution> out;
  for (const WantedEnv& env : problem.envs) {
    EnvSolution one{.path = own_path(problem, env), .action = Action::none, .kept = std::nullopt};
    if (!asks_nothing(env)) one.kept = env_to_keep(problem, driver, env, whatever);
    if (one.kept && !keeps_extension(problem, env, around, one)) one.kept.reset();
    if (one.kept) {
      one.path = one.kept->env->path;
      one.action = Action::keep;
    }
    out.push_back(std::move(one));
  }
  return out;
}

bool open_wishes(const Problem& problem, const std::vector<EnvSolution>& envs) {
  for (std::size_t i = 0; i < envs.size(); ++i) {
    if (!envs[i].kept && !asks_nothing(problem.envs[i])) return true;
  }
  return false;
}

// Environments and Python for one driver.
bool choose_envs(const Problem& problem, const Around& around, Solution& solution) {
  for (const bool whatever : {false, true}) {
    const std::vector<EnvSolution> kept = kept_envs(problem, solution.driver, around, whatever);
    if (!open_wishes(problem, kept)) {
      solution.envs = kept;
      solution.python = python_without_work(problem, kept);
      return true;
    }
    for (const PythonCandidate& python : around.pythons) {
      std::vector<EnvSolution> envs = kept;
      bool all = true;
      for (std::size_t i = 0; i < envs.size() && all; ++i) {
        if (envs[i].kept || asks_nothing(problem.envs[i])) continue;
        const auto filled = fill(problem, solution.driver, around, problem.envs[i], python.choice.version);
        if (filled) envs[i] = *filled;
        all = filled.has_value();
      }
      if (!all) continue;
      solution.envs = std::move(envs);
      solution.python = python;
      return true;
    }
  }
  return false;
}

// Less is better: what is made anew, and how far down the list of Pythons it was found.
std::pair<std::ptrdiff_t, std::ptrdiff_t> cost_of(const Solution& solution,
                                                  const std::vector<PythonCandidate>& pythons) {
  const auto python = std::ranges::find_if(
      pythons, [&solution](const PythonCandidate& one) { return one.choice == solution.python.choice; });
  return {std::ranges::count_if(solution.envs, [](const EnvSolution& env) { return !env.kept; }),
          python - pythons.begin()};
}

// Of two choices of environments for one driver, each with the toolkit of another CUDA.
bool better(const Problem& problem, const std::vector<PythonCandidate>& pythons, const Solution& a,
            const Solution& b) {
  if (cost_of(a, pythons) != cost_of(b, pythons)) return cost_of(a, pythons) < cost_of(b, pythons);
  for (std::size_t i = 0; i < a.envs.size(); ++i) {
    const catalog::WheelSet* ours = a.envs[i].wheels;
    const catalog::WheelSet* theirs = b.envs[i].wheels;
    if (ours != nullptr && theirs != nullptr && ours != theirs)
      return preferred(problem, wishes_of(problem.envs[i]), *ours, *theirs);
  }
  return false;
}

// The same where extensions are compiled.
bool choose_envs_to_compile(const Problem& problem, const std::vector<PythonCandidate>& pythons,
                            Solution& solution) {
  std::optional<Solution> best;
  const auto choose = [&](int major) {
    Solution one{.driver = solution.driver, .toolkit = {}, .python = {}, .envs = {}};
    if (choose_envs(problem, {.pythons = pythons, .toolkit_major = major}, one) &&
        (!best || better(problem, pythons, one, *best)))
      best = std::move(one);
  };
  for (const catalog::CudaFloor& floor : problem.catalog->floors) {
    if (compiles_for(problem, solution.driver, floor.cuda_major, !pythons.empty())) choose(floor.cuda_major);
  }
  if (!best) choose(0);
  if (!best) return false;
  solution = std::move(*best);
  return true;
}

bool makes_envs(const Solution& solution) {
  return std::ranges::any_of(solution.envs, [](const EnvSolution& env) {
    return env.action == Action::install || env.action == Action::upgrade;
  });
}

// The CUDA majors that a driver runs: all that environments ask of it.
std::vector<bool> majors_run(const Problem& problem, const DriverCandidate& driver) {
  std::vector<bool> out;
  for (const catalog::CudaFloor& floor : problem.catalog->floors)
    out.push_back(driver.version.parts.empty() || driver.version >= floor.driver);
  return out;
}

}  // namespace

std::optional<Solution> search(const Problem& problem) {
  std::vector<PythonCandidate> pythons;
  bool asked = false;                       // for Pythons, which nobody needs while no driver serves
  std::vector<std::vector<bool>> hopeless;  // what drivers ran for which no environments were found
  for (DriverCandidate& driver : driver_candidates(problem)) {
    if (driver_rejection(problem, driver)) continue;
    if (!std::exchange(asked, true)) pythons = python_candidates(problem);
    Solution solution;
    solution.driver = std::move(driver);
    std::vector<bool> runs = majors_run(problem, solution.driver);
    if (std::ranges::find(hopeless, runs) != hopeless.end()) continue;
    const bool chosen = problem.any_extension()
                            ? choose_envs_to_compile(problem, pythons, solution)
                            : choose_envs(problem, {.pythons = pythons, .toolkit_major = {}}, solution);
    if (!chosen) {
      hopeless.push_back(std::move(runs));
      continue;
    }
    // Where no environment is made for the goal, PyPI's toolkit may still want one.
    const bool makes = makes_envs(solution);
    const PythonCandidate* first = pythons.empty() ? nullptr : &pythons.front();
    const PythonCandidate* maker = makes ? &solution.python : first;
    auto toolkit = choose_toolkit(problem, solution.driver, need_of(solution), maker);
    if (!toolkit) continue;
    if (!toolkit->choice.env.empty() && !makes) solution.python = *maker;
    solution.toolkit = std::move(*toolkit);
    return solution;
  }
  return std::nullopt;
}

ToolkitNeed need_of(const Solution& solution) {
  ToolkitNeed out;
  for (const EnvSolution& env : solution.envs) {
    const std::string variant = env.wheels != nullptr ? env.wheels->variant
                                : env.kept            ? env.kept->env->variant.value_or("")
                                                      : "";
    const auto cuda = catalog::variant_cuda(variant);
    if (cuda && (!out.cuda || env.compiles)) out = {.cuda = cuda, .compiles = env.compiles};
    if (out.compiles) break;
  }
  return out;
}

bool tells_of_torch(const Problem& problem, const Solution& solution, std::size_t env) {
  const EnvSolution& one = solution.envs[env];
  return one.wheels != nullptr || (one.kept && wishes_of(problem.envs[env]).torch);
}

std::size_t reasons_before(const Problem& problem, const Solution& solution, std::size_t env) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < env; ++i) count += tells_of_torch(problem, solution, i) ? 1 : 0;
  return count;
}

std::string summary(const Problem& problem, const Solution& solution) {
  const DriverCandidate& driver = solution.driver;
  std::string out = driver.origin == Origin::none ? "no driver" : driver_text(driver);
  if (driver.flavour && driver.origin != Origin::keep)
    out += fmt::format(" ({})", flavour_name(*driver.flavour));
  const ToolkitChoice& toolkit = solution.toolkit.choice;
  if (toolkit.version)
    out += fmt::format(", toolkit {}{}", *toolkit.version, toolkit.source == "pypi" ? " of PyPI" : "");
  for (std::size_t i = 0; i < solution.envs.size(); ++i) {
    const EnvSolution& env = solution.envs[i];
    if (env.wheels != nullptr)
      out += fmt::format(", torch {}+{}", env.wheels->torch.text, env.wheels->variant);
    else if (env.kept)
      out += fmt::format(", environment {} kept", env.path);
    else if (!asks_nothing(problem.envs[i]))
      out += fmt::format(", environment {}", problem.envs[i].name);
  }
  return out;
}

}  // namespace bringup::resolve
