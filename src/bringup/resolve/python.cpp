// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/python.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <compare>
#include <span>
#include <tuple>
#include <utility>

namespace bringup::resolve {
namespace {

constexpr std::string_view kPreferred = "3.11";

// A Python and whether it can make environments by itself, or which packages are needed first.
struct Interpreter {
  std::string version;  // "3.11"
  std::string path;
  bool venv = false;
  std::vector<std::string> packages;
  std::string evidence;
  catalog::Known known = catalog::Known::read;
};

const facts::PythonManager* manager_of(const facts::Machine& machine,
                                       std::span<const std::string_view> kinds) {
  const auto at = std::ranges::find_if(machine.managers, [kinds](const facts::PythonManager& manager) {
    return std::ranges::find(kinds, std::string_view(manager.kind)) != kinds.end();
  });
  return at == machine.managers.end() ? nullptr : &*at;
}

// One per version: one that makes environments before one that does not, then one that packages can complete.
std::vector<Interpreter> interpreters(const Problem& problem) {
  std::vector<Interpreter> out;
  const auto add = [&out](Interpreter one) {
    const auto same = std::ranges::find(out, one.version, &Interpreter::version);
    if (same == out.end())
      out.push_back(std::move(one));
    else if (!same->venv && one.venv && (same->packages.empty() || one.packages.empty()))
      *same = std::move(one);
  };
  for (const facts::PythonInterpreter& python : problem.machine->pythons) {
    if (const std::string version = major_minor(python.version); !version.empty())
      add({.version = version,
           .path = python.path,
           .venv = python.venv,
           .packages = {},
           .evidence = "this machine: " + python.path});
  }
  const catalog::Archive* archive = problem.archive;
  if (archive != nullptr && !archive->python.empty() && problem.answers(Place::distro)) {
    add({.version = archive->python,
         .path = "/usr/bin/python" + archive->python,
         .venv = true,
         .packages = archive->python_packages,
         .evidence = archive->from.source,
         .known = catalog::known_of(*archive, "python")});
  }
  return out;
}

// The wanted version, then the distribution's own, then the others, newest first.
std::vector<Interpreter> ordered(const Problem& problem, const std::string& wanted) {
  std::vector<Interpreter> out = interpreters(problem);
  const std::string own = problem.archive == nullptr ? "" : problem.archive->python;
  std::ranges::stable_sort(out, [&](const Interpreter& a, const Interpreter& b) {
    const auto rank = [&](const Interpreter& one) {
      return one.version == wanted ? 0 : one.version == own ? 1 : 2;
    };
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return std::is_gt(base::compare_releases(a.version, b.version));
  });
  return out;
}

bool known_version(const Problem& problem, std::string_view version) {
  return std::ranges::any_of(problem.catalog->wheels, [version](const catalog::WheelSet& wheels) {
    return std::ranges::find(wheels.pythons, version) != wheels.pythons.end();
  });
}

class Candidates {
 public:
  explicit Candidates(const Problem& problem)
      : problem_(problem), wanted_(wanted_python(problem)), all_(ordered(problem, wanted_)) {}

  void with_uv() {
    constexpr std::array<std::string_view, 1> kUv{"uv"};
    const facts::PythonManager* uv = manager_of(*problem_.machine, kUv);
    if (uv == nullptr && !problem_.answers(Place::pypi)) return;  // uv itself comes from PyPI
    for (const Interpreter& python : all_) {
      if (uv != nullptr) {
        // An existing uv makes environments without the module venv.
        const bool bare = !python.packages.empty() && there(python);
        add("uv", uv->path, python, bare ? std::vector<std::string>{} : python.packages);
      } else if (python.venv) {
        add("uv", "", python, python.packages);
      }
    }
    downloaded_by_uv(uv);
  }
  void with_venv() {
    for (const Interpreter& python : all_) {
      if (python.venv) add("venv", "", python, python.packages);
    }
  }
  void with_conda() {
    constexpr std::array<std::string_view, 3> kConda{"conda", "miniconda", "miniforge"};
    const facts::PythonManager* conda = manager_of(*problem_.machine, kConda);
    if (conda != nullptr && problem_.any_index()) brought("conda", conda->path, "conda brings it");
  }
  void with_conda_of(const std::string& kind) {
    const facts::PythonManager* conda = conda_asked_for(*problem_.machine, kind);
    if (conda == nullptr) return installed_conda(kind);
    if (problem_.answers(Place::channel)) brought("conda", conda->path, "conda brings it");
  }
  std::vector<PythonCandidate> take() { return std::move(out_); }

 private:
  // uv fetches Pythons from GitHub; a uv that is yet to come lives in an environment of another Python.
  void downloaded_by_uv(const facts::PythonManager* uv) {
    if (!problem_.any_index() || !known_version(problem_, wanted_)) return;
    PythonCandidate one{.choice = {.manager = "uv", .version = wanted_},
                        .reason = fmt::format("Python {}: uv downloads it", wanted_),
                        .evidence = "goal: python.version",
                        .download = true};
    if (uv != nullptr) {
      one.choice.manager_path = uv->path;
      one.evidence = "this machine: " + uv->path;
    } else {
      const auto helper = std::ranges::find_if(all_, &Interpreter::venv);
      if (helper == all_.end()) return;
      one.choice.helper = helper->path;
      one.choice.packages = helper->packages;
    }
    out_.push_back(std::move(one));
  }
  void installed_conda(const std::string& kind) {
    if (!known_version(problem_, wanted_) || !conda_objection(problem_).empty()) return;
    const catalog::Installer& row = *problem_.catalog->installer(kind, problem_.machine->arch);
    out_.push_back(
        {.choice = {.manager = kind,
                    .version = wanted_,
                    .packages = conda_packages(problem_),
                    .conda = problem_.conda},
         .reason = fmt::format("Python {}: the goal asks for {}, which is not here: {} {} comes by its own "
                               "installer and brings it",
                               wanted_, kind, kind, row.version),
         .evidence = row.from.source,
         .known = row.from.known});
  }
  bool there(const Interpreter& python) const {
    return std::ranges::find(problem_.machine->pythons, python.path, &facts::PythonInterpreter::path) !=
           problem_.machine->pythons.end();
  }
  void add(std::string manager, std::string path, const Interpreter& python,
           std::vector<std::string> packages) {
    const bool fallback = python.version != wanted_;
    if (fallback && !problem_.python_version.empty()) return;
    std::string reason =
        fmt::format("Python {} is {}", python.version,
                    packages.empty() ? "here already, at " + python.path : "in the distribution's archive");
    if (fallback)
      reason += fmt::format("; {} is preferred, and nothing here brings it without a download from elsewhere",
                            wanted_);
    out_.push_back({.choice = {.manager = std::move(manager),
                               .manager_path = std::move(path),
                               .version = python.version,
                               .interpreter = python.path,
                               .packages = std::move(packages)},
                    .reason = std::move(reason),
                    .evidence = python.evidence,
                    .fallback = fallback,
                    .known = python.known});
  }
  // A Python that the manager itself brings, in the version wanted.
  void brought(std::string manager, std::string path, std::string_view how) {
    if (!known_version(problem_, wanted_)) return;
    std::string evidence = "this machine: " + path;
    out_.push_back({.choice = {.manager = std::move(manager),
                               .manager_path = std::move(path),
                               .version = wanted_,
                               .interpreter = "",
                               .packages = {}},
                    .reason = fmt::format("Python {}: {}", wanted_, how),
                    .evidence = std::move(evidence),
                    .fallback = false});
  }

  const Problem& problem_;
  std::string wanted_;
  std::vector<Interpreter> all_;
  std::vector<PythonCandidate> out_;
};

}  // namespace

std::string wanted_python(const Problem& problem) {
  return problem.python_version.empty() ? std::string(kPreferred) : problem.python_version;
}

std::vector<PythonCandidate> python_candidates(const Problem& problem) {
  Candidates candidates(problem);
  const std::string& manager = problem.python_manager;
  if (manager == "auto" || manager == "uv") candidates.with_uv();
  if (manager == "auto") candidates.with_conda();
  if (manager == "auto" || manager == "venv") candidates.with_venv();
  if (is_conda(manager)) candidates.with_conda_of(manager);
  std::vector<PythonCandidate> out = candidates.take();
  // The version comes before the manager: a Python that is wanted beats a manager that is liked. What must
  // wait for root comes last where nobody is root.
  std::ranges::stable_sort(out, {}, [&problem](const PythonCandidate& one) {
    return std::tuple(problem.user_only && !one.choice.packages.empty(), one.download, one.fallback);
  });
  return out;
}

}  // namespace bringup::resolve
