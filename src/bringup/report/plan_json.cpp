// SPDX-License-Identifier: Apache-2.0
// The choice and its steps as one document.
#include <bringup/report/document.hpp>
#include <bringup/report/report.hpp>

namespace bringup::report {
namespace {

ordered_json driver_json(const resolve::DriverChoice& driver) {
  ordered_json flavour;
  if (driver.flavour) flavour = *driver.flavour == facts::Flavour::open ? "open" : "proprietary";
  return {{"action", resolve::action_name(driver.action)},
          {"branch", value_or_null(driver.branch)},
          {"version", value_or_null(driver.version)},
          {"flavour", std::move(flavour)},
          {"source", value_or_null(driver.source)}};
}

ordered_json environments_json(const std::vector<resolve::EnvChoice>& envs) {
  ordered_json json = ordered_json::array();
  for (const resolve::EnvChoice& env : envs) {
    ordered_json packages = ordered_json::array();
    for (const resolve::WheelChoice& wheel : env.packages)
      packages.push_back({{"name", wheel.name},
                          {"version", text_or_null(wheel.version)},
                          {"variant", value_or_null(wheel.variant)},
                          {"index", value_or_null(wheel.index)}});
    json.push_back({{"name", env.name}, {"packages", std::move(packages)}});
  }
  return json;
}

ordered_json choice_json(const resolve::Choice& choice) {
  return {
      {"driver", driver_json(choice.driver)},
      {"toolkit",
       {{"action", resolve::action_name(choice.toolkit.action)},
        {"version", value_or_null(choice.toolkit.version)},
        {"source", value_or_null(choice.toolkit.source)}}},
      {"python",
       {{"manager", text_or_null(choice.python.manager)}, {"version", text_or_null(choice.python.version)}}},
      {"environments", environments_json(choice.envs)}};
}

ordered_json conflict_json(const resolve::Conflict& conflict) {
  ordered_json set = ordered_json::array();
  for (const resolve::ConflictMember& member : conflict.set)
    set.push_back({{"what", member.what}, {"why", member.why}});
  return {{"set", std::move(set)}, {"could_change", conflict.could_change}};
}

ordered_json reasons_json(const std::vector<resolve::Reason>& reasons) {
  ordered_json json = ordered_json::array();
  for (const resolve::Reason& reason : reasons)
    json.push_back({{"about", reason.about},
                    {"text", reason.text},
                    {"source", text_or_null(reason.source)},
                    {"known", catalog::known_name(reason.known)}});
  return json;
}

}  // namespace

std::string plan_json(const resolve::Resolution& resolution, const steps::Plan& plan,
                      std::span<const goal::ModelGoal> models) {
  const auto* choice = std::get_if<resolve::Choice>(&resolution);
  ordered_json json = {{"schema", "bringup.plan/1"}, {"choice", nullptr}, {"conflict", nullptr}};
  if (choice != nullptr) {
    json["choice"] = choice_json(*choice);
    json["reasons"] = reasons_json(choice->reasons);
  } else {
    const auto& conflict = std::get<resolve::Conflict>(resolution);
    json["conflict"] = conflict_json(conflict);
    json["reasons"] = reasons_json(conflict.reasons);
  }
  json["notices"] = ordered_json::array();
  if (choice != nullptr) {
    for (const resolve::Notice& notice : choice->notices)
      json["notices"].push_back({{"id", notice.id}, {"text", notice.text}});
  }
  json["steps"] = ordered_json::array();
  for (const steps::Step& step : plan.steps) json["steps"].push_back(step_json(step));
  json["models"] = ordered_json::array();
  for (const goal::ModelGoal& model : models)
    json["models"].push_back(
        {{"repository", model.name}, {"layout", text_or_null(model.layout)}, {"directory", model.directory}});
  return written(json);
}

}  // namespace bringup::report
