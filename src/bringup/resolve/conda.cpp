// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/resolve/conda.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

const facts::PythonManager* manager_of(const facts::Machine& machine, std::string_view kind) {
  const auto at = std::ranges::find(machine.managers, kind, &facts::PythonManager::kind);
  return at == machine.managers.end() ? nullptr : &*at;
}

std::string title(std::string_view kind) {
  return kind == "miniforge" ? "Miniforge" : "Miniconda";
}

bool has_curl(const facts::Machine& machine) {
  return !machine.packages.list || std::ranges::any_of(*machine.packages.list, [](const auto& package) {
    return package.name == "curl" || package.name == "curl-minimal";
  });
}

}  // namespace

bool is_conda(std::string_view manager) {
  return manager == "miniconda" || manager == "miniforge";
}

const facts::PythonManager* conda_asked_for(const facts::Machine& machine, std::string_view kind) {
  const facts::PythonManager* found = manager_of(machine, kind);
  return found != nullptr ? found : manager_of(machine, "conda");
}

std::string conda_prefix(const facts::Machine& machine, const goal::Goal& goal) {
  return fmt::format("{}/{}3", goal.python_prefix.empty() ? machine.user.home : goal.python_prefix,
                     goal.python_manager);
}

std::string conda_root(const facts::Machine& machine, const goal::Goal& goal) {
  if (!is_conda(goal.python_manager)) return "";
  const facts::PythonManager* here = conda_asked_for(machine, goal.python_manager);
  if (here == nullptr) return conda_prefix(machine, goal);
  constexpr std::string_view kProgram = "/bin/conda";
  const std::string root = here->path.substr(0, here->path.size() - kProgram.size());
  const bool own = machine.user.root || root.starts_with(machine.user.home + "/") ||
                   (!goal.python_prefix.empty() && root.starts_with(goal.python_prefix + "/"));
  return here->path.ends_with(kProgram) && own ? root : "";
}

std::vector<facts::Source> conda_sources(const facts::Machine& machine, const goal::Goal& goal,
                                         const catalog::Catalog& catalog) {
  std::vector<facts::Source> out;
  if (!is_conda(goal.python_manager)) return out;
  const catalog::Installer* row = catalog.installer(goal.python_manager, machine.arch);
  const catalog::Source* host = catalog.source(goal.python_manager);
  if (row != nullptr && host != nullptr && conda_asked_for(machine, goal.python_manager) == nullptr)
    out.push_back({.name = host->name, .url = host->url + row->file});
  const catalog::Source* channel = catalog.source("conda-forge");
  if (channel != nullptr && goal.channels == channel->name)
    out.push_back({.name = channel->name, .url = channel->url + std::string(kChannelIndex)});
  return out;
}

std::vector<std::string> conda_packages(const Problem& problem) {
  if (has_curl(*problem.machine)) return {};
  return {"curl", "ca-certificates"};
}

std::string conda_objection(const Problem& problem) {
  const std::string& kind = problem.python_manager;
  const catalog::Installer* row = problem.catalog->installer(kind, problem.machine->arch);
  if (row == nullptr)
    return fmt::format("the catalog has no installer of {} for {}", title(kind), problem.machine->arch);
  if (problem.conda.find(' ') != std::string::npos)
    return fmt::format(
        "{} would go to {}, and its installer takes no path with a blank: name another with "
        "prefix below [python]",
        title(kind), problem.conda);
  if (!problem.answers(Place::conda))
    return fmt::format("the installer of {} cannot be had: {}", title(kind), problem.silence(Place::conda));
  if (!problem.answers(Place::channel))
    return fmt::format("the channel conda-forge does not answer: {}", problem.silence(Place::channel));
  if (!has_curl(*problem.machine) && (problem.user_only || !problem.answers(Place::distro)))
    return fmt::format("the installer of {} is fetched by curl, which is not here{}", title(kind),
                       problem.user_only ? ", and nobody is root to install it" : "");
  return "";
}

}  // namespace bringup::resolve
