// SPDX-License-Identifier: Apache-2.0
// How a row of the table becomes a question, and how an answer is held against it.
#include "unit/resolve/row.hpp"

#include <bringup/base/text.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <variant>

namespace bringup::testing_support {
namespace {

std::string flavour_text(const resolve::DriverChoice& driver) {
  if (!driver.flavour) return "-";
  return *driver.flavour == facts::Flavour::open ? "open" : "proprietary";
}

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view part : base::split(text, '|')) out.emplace_back(base::trim(part));
  return out;
}

std::string conflict_difference(const resolve::Resolution& resolution, std::string_view words) {
  const auto* conflict = std::get_if<resolve::Conflict>(&resolution);
  if (conflict == nullptr) return "expected a conflict, and here is a choice";
  const std::vector<std::string> wanted = parts_of(words);
  const std::vector<std::string> members = told(resolution);
  if (wanted.size() != members.size())
    return fmt::format("expected {} members of the set, found {}", wanted.size(), members.size());
  for (const std::string& word : wanted) {
    bool found = false;
    for (const std::string& member : members) found = found || base::contains(member, word);
    if (!found) return fmt::format("no member says '{}'", word);
  }
  return "";
}

}  // namespace

facts::Machine machine_of(const Row& row) {
  std::string gpus;
  if (!row.gpus.empty()) gpus = fmt::format("\"{}\"", row.gpus);
  std::string text = fmt::format("gpus = [{}]\nos = \"{}\"\n{}\n", gpus, row.os, row.more);
  if (row.reachable != "all") {
    std::string names;
    for (const std::string_view name : base::words(row.reachable))
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", name);
    text += fmt::format("reachable = [{}]\n", names);
  }
  auto machine = goal::parse_hardware(text, row.name, catalog::built_in());
  if (!machine) throw std::runtime_error(machine.error().message());
  return std::move(machine).take();
}

goal::Goal goal_of(const std::string& text) {
  const std::string option = "--user-only\n";
  const bool user_only = text.starts_with(option);
  std::string_view rest = std::string_view(text).substr(user_only ? option.size() : 0);
  std::vector<std::string_view> compiling;
  const std::string_view compiles = "--compiles ";
  while (rest.starts_with(compiles)) {
    const std::size_t end = rest.find('\n');
    compiling.push_back(rest.substr(compiles.size(), end - compiles.size()));
    rest.remove_prefix(end + 1);
  }
  auto goal = goal::parse_goal(rest, "goal");
  if (!goal) throw std::runtime_error(goal.error().message());
  goal->user_only = user_only;
  for (goal::EnvGoal& env : goal->envs) {
    if (std::ranges::find(compiling, env.name) != compiling.end())
      env.extension = goal::ExtensionGoal{.module = env.name + "_ext", .imports = env.name + ".ext"};
    if (env.extension && env.name == "other") env.extension->min_cuda = base::Version::parse("12.4");
  }
  return std::move(goal).take();
}

std::vector<std::string> told(const resolve::Resolution& resolution) {
  std::vector<std::string> out;
  if (const auto* conflict = std::get_if<resolve::Conflict>(&resolution)) {
    for (const resolve::ConflictMember& member : conflict->set)
      out.push_back(fmt::format("{}: {}", member.what, member.why));
    return out;
  }
  const auto& choice = std::get<resolve::Choice>(resolution);
  const resolve::DriverChoice& driver = choice.driver;
  if (driver.action == resolve::Action::none)
    out.emplace_back("driver none");
  else
    out.push_back(fmt::format("driver {} {} {} {}", resolve::action_name(driver.action),
                              driver.branch.value_or(0), flavour_text(driver), driver.source.value_or("-")));
  const resolve::ToolkitChoice& toolkit = choice.toolkit;
  if (toolkit.action == resolve::Action::none)
    out.emplace_back("toolkit none");
  else
    out.push_back(fmt::format("toolkit {} {} {}", resolve::action_name(toolkit.action),
                              toolkit.version.value_or("-"), toolkit.source.value_or("-")));
  out.push_back(fmt::format("python {} {}", choice.python.manager, choice.python.version));
  for (const resolve::EnvChoice& env : choice.envs) {
    out.push_back(fmt::format("env {} {} {}", env.name, resolve::action_name(env.action), env.path));
    for (const resolve::WheelChoice& wheel : env.packages)
      out.push_back(fmt::format("{} {}{} {}", wheel.name, wheel.version,
                                wheel.variant ? "+" + *wheel.variant : "", wheel.index.value_or("-")));
  }
  for (const resolve::Notice& notice : choice.notices)
    out.push_back(fmt::format("notice {}: {}", notice.id, notice.text));
  return out;
}

std::string difference(const resolve::Resolution& resolution, const std::string& expected) {
  constexpr std::string_view kConflict = "conflict:";
  if (expected.starts_with(kConflict))
    return conflict_difference(resolution, std::string_view(expected).substr(kConflict.size()));
  if (!std::holds_alternative<resolve::Choice>(resolution))
    return "expected a choice, and here is a conflict";
  const std::vector<std::string> there = told(resolution);
  constexpr std::string_view kWithout = "without ";
  for (std::string part : parts_of(expected)) {
    const bool unwanted = part.starts_with(kWithout);
    if (unwanted) part.erase(0, kWithout.size());
    bool found = false;
    for (const std::string& one : there)
      found = found || one == part || one.starts_with(part + " ") || one.starts_with(part + ":");
    if (found == unwanted) return fmt::format("{} says '{}'", found ? "something" : "nothing", part);
  }
  return "";
}

}  // namespace bringup::testing_support
