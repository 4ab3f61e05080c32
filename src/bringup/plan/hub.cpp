// SPDX-License-Identifier: Apache-2.0
#include <bringup/plan/builder.hpp>
#include <bringup/plan/hub.hpp>

#include <algorithm>

namespace bringup::plan {
namespace {

constexpr std::string_view kStep = "hub-packages";

}  // namespace

void add_hub_packages(const facts::Machine& machine, steps::Plan& plan) {
  steps::InstallPackages packages{.manager = manager_of(machine),
                                  .packages = {"curl", "ca-certificates"},
                                  .dnf_module = "",
                                  .builds_for = {}};
  steps::Step step{.id = std::string(kStep),
                   .kind = {},
                   .why = "curl asks the hub for the goal's models, and fetches them",
                   .changes = "curl, ca-certificates and what they need",
                   .needs = {}};
  // Where a mirror of the archive is asked, the file that names it stands before.
  auto place = plan.steps.begin();
  const auto mirror = std::ranges::find(plan.steps, "archive-mirror", &steps::Step::id);
  if (mirror != plan.steps.end()) {
    packages.sources = std::get<steps::WriteFile>(mirror->kind).path;
    step.needs.push_back(mirror->id);
    place = mirror + 1;
  }
  step.kind = std::move(packages);
  plan.steps.insert(place, std::move(step));
}

AroundTheHub around_the_hub(const steps::Plan& plan) {
  AroundTheHub out{.before = plan, .after = plan};
  const auto found = std::ranges::find(plan.steps, kStep, &steps::Step::id);
  const auto end = found == plan.steps.end() ? plan.steps.begin() : found + 1;
  out.before.steps.assign(plan.steps.begin(), end);
  out.after.steps.assign(end, plan.steps.end());
  for (steps::Step& step : out.after.steps) {
    std::erase_if(step.needs, [&out](const std::string& need) {
      return std::ranges::find(out.before.steps, need, &steps::Step::id) != out.before.steps.end();
    });
  }
  return out;
}

}  // namespace bringup::plan
