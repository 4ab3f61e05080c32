// SPDX-License-Identifier: Apache-2.0
// Leaving out of a question every demand that is no member of its conflict, from outside: by changing the
// machine and the goal.
#include <fmt/format.h>

#include "unit/resolve/judge.hpp"
#include <algorithm>
#include <map>

namespace bringup::testing_support {
namespace {

std::string name_part(const std::string& package) {
  return package.substr(0, package.find("=="));
}

bool member(const resolve::Conflict& conflict, std::string_view start, const resolve::ConflictMember* but) {
  return std::ranges::any_of(conflict.set, [&](const resolve::ConflictMember& one) {
    return &one != but && one.what.starts_with(start);
  });
}

void leave_out_packages(Asked& asked, const resolve::Conflict& conflict, const resolve::ConflictMember* but) {
  for (goal::EnvGoal& env : asked.goal.envs) {
    std::vector<std::string> left;
    for (const std::string& package : env.packages) {
      const std::string wish = fmt::format("environment {}: {}", env.name, name_part(package));
      const auto is = [&](const std::string& text) {
        return std::ranges::any_of(conflict.set, [&](const resolve::ConflictMember& one) {
          return &one != but && one.what == text;
        });
      };
      const std::string pinned = fmt::format("environment {}: {}", env.name, package);
      const bool let_go = but != nullptr && but->what == pinned && pinned != wish;
      if (is(pinned))
        left.push_back(package);
      else if (is(wish) || let_go)  // a pin that is let go leaves the wish
        left.push_back(name_part(package));
    }
    env.packages = left;
    const std::string compiled = fmt::format("environment {}: its extension ", env.name);
    if (!member(conflict, compiled, but)) env.extension.reset();
  }
}

}  // namespace

Asked only_members(const Asked& asked, const resolve::Conflict& conflict,
                   const resolve::ConflictMember* but) {
  Asked out = asked;
  std::erase_if(out.machine.pci, [&](const facts::PciFunction& function) {
    return !member(conflict, "GPU " + function.address, but);
  });
  if (!member(conflict, "goal: driver", but) && out.goal.driver != "none") out.goal.driver = "auto";
  if (!member(conflict, "goal: toolkit", but)) out.goal.toolkit = "auto";
  if (!member(conflict, "goal: python.version", but)) out.goal.python_version.clear();
  if (!member(conflict, "goal: python.manager", but)) out.goal.python_manager = "auto";
  if (!member(conflict, "--user-only", but)) out.goal.user_only = false;
  if (!member(conflict, "glibc ", but)) out.machine.glibc = Error(Errc::absent, "left out");
  if (!member(conflict, "gcc ", but)) {
    out.machine.gcc = Error(Errc::absent, "left out");
    out.machine.compilers.clear();
  }
  if (!member(conflict, "architecture ", but)) out.machine.arch = "x86_64";
  const std::map<std::string, std::string> titles{{"nvidia", "NVIDIA's repository ("},
                                                  {"distro", "the distribution's archive ("},
                                                  {"pypi", "PyPI ("},
                                                  {"pytorch", "the PyTorch index ("},
                                                  {"miniforge", "the place of conda's installer ("},
                                                  {"miniconda", "the place of conda's installer ("},
                                                  {"conda-forge", "the channel conda-forge ("}};
  for (facts::Source& source : out.machine.sources) {
    const auto title = titles.find(source.name);
    if (title != titles.end() && !member(conflict, title->second, but)) source.answered_seconds = 0.0;
  }
  leave_out_packages(out, conflict, but);
  return out;
}

}  // namespace bringup::testing_support
