// SPDX-License-Identifier: Apache-2.0
// The second opinion, about companions: releases that work beside a torch and beside each other.
#include <fmt/format.h>

#include "unit/resolve/judge.hpp"
#include <algorithm>

namespace bringup::testing_support {
namespace {

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

const resolve::WheelChoice* wheel_of(const resolve::EnvChoice& env, std::string_view name) {
  const auto at = std::ranges::find(env.packages, name, &resolve::WheelChoice::name);
  return at == env.packages.end() ? nullptr : &*at;
}

bool stands_against(const goal::EnvGoal& env, const catalog::Companion& row, const std::string& torch) {
  if (holds(row.breaks_with, torch)) return true;
  for (const std::string& text : row.refuses) {
    const catalog::Requirement refused = catalog::requirement_of(text);
    for (const std::string& other : env.packages) {
      if (name_part(other) == refused.package &&
          (refused.relation.empty() || catalog::speaks_of(refused, pin_part(other))))
        return true;
    }
  }
  return false;
}

// Another companion that is wished for asks for just this release.
bool demanded(const Asked& asked, const goal::EnvGoal& wanted, const resolve::EnvChoice& env,
              const resolve::WheelChoice& chosen) {
  return std::ranges::any_of(asked.catalog.companions, [&](const catalog::Companion& row) {
    const bool wished = std::ranges::any_of(
        wanted.packages, [&](const std::string& package) { return name_part(package) == row.package; });
    const resolve::WheelChoice* other = wheel_of(env, row.package);
    return wished && other != nullptr && (other->version == row.version || other->version.empty()) &&
           holds(row.also, chosen.name + "==" + chosen.version);
  });
}

// What a release needs beside it is there, in its version unless the goal says another.
bool has(const goal::EnvGoal& wanted, const resolve::EnvChoice& env, const catalog::Requirement& needed) {
  const resolve::WheelChoice* there = wheel_of(env, needed.package);
  const bool pinned = std::ranges::any_of(wanted.packages, [&](const std::string& package) {
    return name_part(package) == needed.package && !pin_part(package).empty();
  });
  return there != nullptr && (pinned || needed.relation != "==" || there->version == needed.version);
}

}  // namespace

std::string name_part(const std::string& package) {
  return package.substr(0, package.find("=="));
}
std::string pin_part(const std::string& package) {
  const std::size_t at = package.find("==");
  return at == std::string::npos ? "" : package.substr(at + 2);
}

Companionship companionship(const Asked& asked, const goal::EnvGoal& env, const std::string& package,
                            const std::string& torch) {
  Companionship out;
  for (const catalog::Companion& row : asked.catalog.companions) {
    const std::string pin = pin_part(package);
    if (row.package != name_part(package) || (!pin.empty() && pin != row.version)) continue;
    out.spoken_of = true;
    if (stands_against(env, row, torch)) continue;
    out.any = true;
    out.seen = out.seen || holds(row.works_with, torch);
  }
  return out;
}

bool unseen(const Asked& asked, const goal::EnvGoal& env, const std::string& torch) {
  return std::ranges::any_of(env.packages, [&](const std::string& package) {
    const Companionship one = companionship(asked, env, package, torch);
    return one.any && !one.seen;
  });
}

std::vector<std::string> broken_companions(const Asked& asked, const goal::EnvGoal& wanted,
                                           const resolve::EnvChoice& env, const std::string& torch) {
  std::vector<std::string> out;
  for (const std::string& package : wanted.packages) {
    const Companionship known = companionship(asked, wanted, package, torch);
    const resolve::WheelChoice* chosen = wheel_of(env, name_part(package));
    if (!known.any || chosen == nullptr) continue;
    if (known.seen && chosen->version.empty()) out.push_back(package + " without the release that was tried");
    for (const catalog::Companion& row : asked.catalog.companions) {
      if (row.package != chosen->name || row.version != chosen->version) continue;
      const std::string name = fmt::format("{} {}", row.package, row.version);
      const bool asked_for = demanded(asked, wanted, env, *chosen);
      if (stands_against(wanted, row, torch)) out.push_back(name + " does not work here");
      if (known.seen && !holds(row.works_with, torch) && !asked_for)
        out.push_back(fmt::format("{} was not tried with torch {}", name, torch));
      for (const std::string& text : row.also) {
        if (!has(wanted, env, catalog::requirement_of(text))) out.push_back(name + " without " + text);
      }
    }
  }
  return out;
}

}  // namespace bringup::testing_support
