// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/sources.hpp>
#include <bringup/measure/measure.hpp>
#include <bringup/plan/sources.hpp>
#include <bringup/resolve/conda.hpp>
#include <bringup/resolve/mirrors.hpp>

#include <algorithm>

namespace bringup::cli {
namespace {

// Where NVIDIA's repository is set up already, the system's own sources are asked as they are.
std::vector<facts::Source> mirrors_for(const facts::Machine& machine, const goal::Goal& goal) {
  auto mirrors = resolve::mirrors_of(machine.sources, goal, catalog::built_in());
  if (plan::has_vendor_source(machine, catalog::built_in()))
    std::erase_if(mirrors, [](const facts::Source& one) { return one.name == "distro"; });
  return mirrors;
}

// Of wheels by a mirror the place itself says what they are, before the mirror alone is believed.
bool says_hashes(const facts::Source& place, const std::vector<facts::Source>& mirrors) {
  return (place.name == "pypi" || place.name == "pytorch") &&
         std::ranges::any_of(mirrors, [&place](const facts::Source& one) {
           return one.name == place.name && !one.links && (one.answered_seconds || measure::is_late(one));
         });
}

// What is only late is waited for where it matters: a place whose hashes count, and a mirror that was asked
// for by name.
void wait_for_late(std::vector<facts::Source>& places, std::vector<facts::Source>& mirrors, bool fastest) {
  std::vector<facts::Source*> late;
  for (facts::Source& place : places) {
    if (measure::is_late(place) && says_hashes(place, mirrors)) late.push_back(&place);
  }
  for (facts::Source& mirror : mirrors) {
    if (measure::is_late(mirror) && !fastest) late.push_back(&mirror);
  }
  if (late.empty()) return;
  facts::Machine asked;
  for (const facts::Source* one : late) asked.sources.push_back(*one);
  ask_sources(asked, kLongPatience);
  for (std::size_t i = 0; i < late.size(); ++i) *late[i] = asked.sources[i];
}

}  // namespace

std::vector<std::string> ask_with_mirrors(facts::Machine& machine, const goal::Goal& goal,
                                          std::chrono::milliseconds patience,
                                          const std::function<void()>& meanwhile) {
  const std::size_t count = machine.sources.size();
  const auto allowed = mirrors_for(machine, goal);
  machine.sources.insert(machine.sources.end(), allowed.begin(), allowed.end());
  // What has to ask twice begins nothing: a process is not forked beside another thread.
  ask_sources(machine, patience, allowed.empty() ? meanwhile : nullptr);
  const auto first = machine.sources.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<facts::Source> places(machine.sources.begin(), first);
  std::vector<facts::Source> mirrors(first, machine.sources.end());
  std::vector<std::string> late;
  for (const facts::Source& source : machine.sources) {
    if (measure::is_late(source)) late.push_back(source.name);
  }
  wait_for_late(places, mirrors, goal.mirrors == "auto");
  machine.sources = resolve::settled(std::move(places), mirrors, goal);
  const auto silent = resolve::silent_mirrors(machine.sources, mirrors, goal);
  machine.sources.insert(machine.sources.end(), silent.begin(), silent.end());
  return late;
}

void add_conda_sources(Looked& looked, const goal::Goal& goal) {
  for (facts::Source& source : resolve::conda_sources(looked.machine, goal, catalog::built_in())) {
    auto& sources = looked.machine.sources;
    const auto named = std::ranges::find(sources, source.name, &facts::Source::name);
    if (named == sources.end())
      sources.push_back(std::move(source));
    else
      named->url = std::move(source.url);
  }
}

void take_mirrors(facts::Machine& machine, const goal::Goal& goal) {
  auto mirrors = mirrors_for(machine, goal);
  for (facts::Source& mirror : mirrors)
    mirror.answered_seconds =
        std::ranges::find(machine.sources, mirror.name, &facts::Source::name)->answered_seconds;
  machine.sources = resolve::settled(std::move(machine.sources), mirrors, goal);
}

}  // namespace bringup::cli
