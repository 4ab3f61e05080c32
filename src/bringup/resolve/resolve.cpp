// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/explain.hpp>
#include <bringup/resolve/resolve.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::resolve {

std::string os_key(const facts::Os& os) {
  // Built from RHEL's sources, with its packages' names and versions.
  constexpr std::array<std::string_view, 5> kRhel{"almalinux", "centos", "ol", "rhel", "rocky"};
  if (os.id.empty() || os.version.empty()) return "";
  if (std::ranges::find(kRhel, std::string_view(os.id)) != kRhel.end())
    return fmt::format("rhel-{}", os.version.substr(0, os.version.find('.')));
  return fmt::format("{}-{}", os.id, os.version);
}

std::string_view action_name(Action action) {
  switch (action) {
    case Action::keep:
      return "keep";
    case Action::install:
      return "install";
    case Action::upgrade:
      return "upgrade";
    case Action::none:
      return "none";
  }
  return "";
}

Resolution resolve(const facts::Machine& machine, const goal::Goal& goal, const catalog::Catalog& catalog,
                   std::string_view today) {
  const Problem problem = make_problem(machine, goal, catalog, today);
  const auto solution = search(problem);
  if (!solution) return smallest_conflict(problem);
  return choice_of(problem, *solution, goal.kernel == "hold");
}

}  // namespace bringup::resolve
