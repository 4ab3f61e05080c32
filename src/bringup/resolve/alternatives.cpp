// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/alternatives.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::resolve {
namespace {

using catalog::Known;

constexpr std::size_t kMost = 2;

Alternative driver_alternative(const DriverCandidate& candidate, std::string ruled_out) {
  const catalog::Branch* branch = candidate.branch;
  std::string what = driver_text(candidate);
  if (candidate.flavour && candidate.origin != Origin::keep)
    what += fmt::format(" ({} modules)", flavour_name(*candidate.flavour));
  return {.what = std::move(what),
          .ruled_out = std::move(ruled_out),
          .source = branch == nullptr ? "this machine: " + candidate.evidence : branch->from.source,
          .known = branch == nullptr ? Known::read : branch->from.known};
}

// Why a driver that would serve stands behind the chosen one: the first of the preferences that tells them
// apart.
std::string behind(const Problem& problem, const DriverCandidate& chosen, const DriverCandidate& other) {
  const auto production = [](const DriverCandidate& one) {
    return one.branch != nullptr && one.branch->type != "NFB";
  };
  if (chosen.origin == Origin::keep)
    return "it would do, and what is here already does as well and needs no change";
  if (end_of_life(problem, other) && !end_of_life(problem, chosen))
    return fmt::format("it would do, and has had no updates since {}",
                       other.branch->eol.value_or("long ago"));
  if (production(chosen) && !production(other))
    return "it would do, and is a branch for new features: one for production comes first";
  if (other.number < chosen.number) return fmt::format("it would do, and is older than {}", chosen.number);
  if (other.origin == Origin::distro && chosen.origin == Origin::nvidia)
    return "it would do, and NVIDIA's repository comes before the distribution's archive";
  return "it would do, and these are not the modules that NVIDIA recommends for it";
}

// What is wrong with a driver that was preferred and passed over.
std::string passed_over(const Problem& problem, const DriverCandidate& candidate) {
  if (const auto rejection = driver_rejection(problem, candidate)) return say(problem, candidate, *rejection);
  return "no environment and toolkit of the goal go with it: " + why_no_wheels(problem, candidate);
}

bool same(const DriverCandidate& a, const DriverCandidate& b) {
  return a.origin == b.origin && a.number == b.number && a.flavour == b.flavour;
}

}  // namespace

Alternatives driver_alternatives(const Problem& problem, const Solution& solution) {
  const std::vector<DriverCandidate> all = driver_candidates(problem);
  const auto chosen =
      std::ranges::find_if(all, [&](const DriverCandidate& one) { return same(one, solution.driver); });
  Alternatives out;
  std::vector<int> told{solution.driver.number};
  const auto tell = [&](const DriverCandidate& one, std::string text) {
    const bool left = one.origin == Origin::left && solution.driver.origin != Origin::left;
    if (left || out.size() >= kMost || std::ranges::find(told, one.number) != told.end()) return;
    told.push_back(one.number);
    out.push_back(driver_alternative(one, std::move(text)));
  };
  // The best that was passed over, the next one that would do, then the others in the order of preference.
  for (auto at = all.begin(); at != chosen && out.empty(); ++at) tell(*at, passed_over(problem, *at));
  for (auto at = chosen; at != all.end(); ++at) {
    if (!driver_rejection(problem, *at)) tell(*at, behind(problem, solution.driver, *at));
  }
  for (auto at = all.begin(); at != chosen; ++at) tell(*at, passed_over(problem, *at));
  for (auto at = chosen; at != all.end(); ++at) {
    if (const auto rejection = driver_rejection(problem, *at)) tell(*at, say(problem, *at, *rejection));
  }
  return out;
}

Alternatives flavour_alternatives(const Problem& problem, const Solution& solution) {
  Alternatives out;
  if (!solution.driver.flavour) return out;
  DriverCandidate other = solution.driver;
  other.flavour =
      *solution.driver.flavour == facts::Flavour::open ? facts::Flavour::proprietary : facts::Flavour::open;
  const auto rejection = driver_rejection(problem, other);
  out.push_back(driver_alternative(
      other, rejection ? say(problem, other, *rejection) : behind(problem, solution.driver, other)));
  return out;
}

Alternatives source_alternatives(const Problem& problem, const Solution& solution) {
  Alternatives out;
  std::vector<Origin> told{solution.driver.origin, Origin::left};
  for (const DriverCandidate& one : driver_candidates(problem)) {
    if (std::ranges::find(told, one.origin) != told.end()) continue;
    const auto rejection = driver_rejection(problem, one);
    // The best of a place speaks for it; when none of it serves, the best one's reason does.
    told.push_back(one.origin);
    out.push_back(driver_alternative(
        one, rejection ? say(problem, one, *rejection) : behind(problem, solution.driver, one)));
  }
  return out;
}

Alternatives toolkit_alternatives(const Problem& problem, const Solution& solution) {
  const auto chosen = Version::parse(solution.toolkit.choice.version.value_or(""));
  const ToolkitNeed need = need_of(solution);
  const auto aimed = chosen ? chosen : toolkit_aim(problem, solution.driver, need.cuda);
  if (!aimed || !problem.has_gpus()) return {};
  // By how far they are from what was chosen, the newer of two first.
  std::vector<const catalog::Toolkit*> rows;
  for (const catalog::Toolkit& row : problem.catalog->toolkits) {
    if (!chosen || major_minor(row.version) != major_minor(*chosen)) rows.push_back(&row);
  }
  const auto distance = [&aimed](const catalog::Toolkit* row) {
    const int apart = (row->version.major() - aimed->major()) * 100 + row->version.minor() - aimed->minor();
    return std::pair(apart < 0 ? -apart : apart, apart < 0);
  };
  std::ranges::stable_sort(rows, {}, distance);
  Alternatives out;
  for (const catalog::Toolkit* row : rows) {
    if (out.size() >= kMost) break;
    std::string text = toolkit_objection(problem, solution.driver, *row);
    if (text.empty() && need.compiles && need.cuda->major() != row->version.major())
      text = fmt::format("PyTorch compiles extensions of a torch for CUDA {} with none of CUDA {}",
                         need.cuda->major(), row->version.major());
    if (text.empty())
      text = problem.toolkit != "auto"
                 ? fmt::format("it would do, and the goal asks for {}", problem.toolkit)
                 : "it would do, and what was chosen is nearer to what torch was built with";
    out.push_back({.what = fmt::format("CUDA toolkit {}", major_minor(row->version)),
                   .ruled_out = std::move(text),
                   .source = row->from.source,
                   .known = row->from.known});
  }
  return out;
}

Alternatives python_alternatives(const Problem& problem, const Solution& solution) {
  const PythonChoice& chosen = solution.python.choice;
  Alternatives out;
  if (solution.python.fallback)
    out.push_back({.what = "Python " + wanted_python(problem),
                   .ruled_out = "nothing here and no place that answers brings it",
                   .source = "this machine, and the places that answer",
                   .known = Known::tried});
  bool before = true;
  for (const PythonCandidate& one : python_candidates(problem)) {
    if (one.choice.version == chosen.version && one.choice.manager == chosen.manager) {
      before = false;
      continue;
    }
    if (out.size() >= kMost) break;
    std::string text = before         ? "no set of wheels for every environment has this Python"
                       : one.download ? "it would do, and would be a download from a place that was not asked"
                       : one.fallback
                           ? fmt::format("it would do, and {} is preferred", wanted_python(problem))
                           : fmt::format("it would do, and {} comes before it", chosen.manager);
    out.push_back({.what = fmt::format("Python {} with {}", one.choice.version, one.choice.manager),
                   .ruled_out = std::move(text),
                   .source = one.evidence,
                   .known = Known::read});
  }
  return out;
}

}  // namespace bringup::resolve
