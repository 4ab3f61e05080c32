// SPDX-License-Identifier: Apache-2.0
// The kind of step that has systemd start a service. What is so is read from its files: links below the
// targets that want it, and the processes of its control group.
#include <bringup/apply/hands.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

constexpr std::string_view kUnits = "/etc/systemd/system";
constexpr auto kServiceDeadline =
    std::chrono::minutes(3);  // Fabric Manager trains links before it says that it runs

Result<bool> is_enabled(const std::string& service, const host::View& view) {
  const auto targets = view.list(kUnits);
  if (!targets && targets.error().code() == Errc::absent) return false;
  if (!targets) return targets.error();
  return std::ranges::any_of(*targets, [&](const std::string& target) {
    const std::string link = fmt::format("{}/{}/{}.service", kUnits, target, service);
    return target.ends_with(".wants") && (view.exists(link) || view.link(link));
  });
}

bool is_running(const std::string& service, const host::View& view) {
  static constexpr std::array<std::string_view, 2> kGroups{"/sys/fs/cgroup", "/sys/fs/cgroup/systemd"};
  return std::ranges::any_of(kGroups, [&](std::string_view group) {
    const auto processes = view.read(fmt::format("{}/system.slice/{}.service/cgroup.procs", group, service));
    return processes && !base::trim(*processes).empty();
  });
}

Result<> systemctl(const char* verb, const std::string& service, const Hands& hands) {
  TRY(run_well(hands, {.argv = {"systemctl", verb, service + ".service"},
                       .deadline = kServiceDeadline,
                       .finish_when_interrupted = true}));
  return ok;
}

}  // namespace

Result<bool> holds(const steps::EnableService& step, const Hands& hands) {
  if (!TRY(is_enabled(step.service, hands.view))) return false;
  return !step.now || is_running(step.service, hands.view);
}
Result<Json> remember(const steps::EnableService& step, const Hands& hands) {
  return Json{{"enabled", TRY(is_enabled(step.service, hands.view))},
              {"running", is_running(step.service, hands.view)}};
}
Result<> perform(const steps::EnableService& step, const Hands& hands) {
  TRY(systemctl("enable", step.service, hands));
  if (step.now) TRY(systemctl("restart", step.service, hands));
  return ok;
}
Result<> undo(const steps::EnableService& step, const Json& before, const Hands& hands) {
  if (step.now && !before.value("running", true) && is_running(step.service, hands.view))
    TRY(systemctl("stop", step.service, hands));
  if (!before.value("enabled", true) && TRY(is_enabled(step.service, hands.view)))
    TRY(systemctl("disable", step.service, hands));
  return ok;
}

}  // namespace bringup::apply
