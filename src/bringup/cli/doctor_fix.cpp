// SPDX-License-Identifier: Apache-2.0
// doctor --fix: what is safe of the fixes, as a run of its own; then judged again.
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/cli/change.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/doctor.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/diagnose/mend.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/plan/plan.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace bringup::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kColumns = 78;
constexpr std::size_t kIndent = 4;

std::string_view became_name(diagnose::Became became) {
  constexpr std::array<std::string_view, 3> kNames{"gone", "stays", "unseen"};
  return kNames.at(static_cast<std::size_t>(became));
}

std::string paragraph(const std::string& text) {
  std::string out;
  for (const std::string& line : base::wrap(base::harmless(text), kColumns - kIndent))
    out += std::string(kIndent, ' ') + line + "\n";
  return out;
}

// Findings that nothing here mends, each rule once.
std::vector<std::string> left_of(const diagnose::Diagnosis& diagnosis, const diagnose::Mending& mending) {
  std::vector<std::string> out;
  for (const diagnose::Finding& finding : diagnosis.findings) {
    if (std::ranges::find(mending.rules, finding.id) == mending.rules.end() &&
        std::ranges::find(out, finding.id) == out.end())
      out.push_back(finding.id);
  }
  return out;
}

std::string left_text(const std::vector<std::string>& left) {
  if (left.empty()) return "";
  return "left for you ('bringup doctor RULE' tells what to do):\n" + paragraph(base::join(left, ", "));
}

std::string intent_text(const Examined& examined, const diagnose::Mending& mending) {
  std::string text;
  if (examined.diagnosis.findings.empty()) text = "nothing to fix\n";
  if (!examined.diagnosis.findings.empty() && mending.steps.empty())
    text = "nothing here has a fix that is safe to do by itself\n";
  for (const steps::Step& step : mending.steps) {
    text += fmt::format("{}: {}\n", step.id, base::harmless(step.changes));
    text += paragraph(steps::target(step.kind));
    text += paragraph(step.why);
  }
  return text + left_text(left_of(examined.diagnosis, mending));
}

struct Outcome {
  std::string run;  // "" when nothing was done
  std::vector<diagnose::Mended> mended;
  std::vector<std::string> came_up;
  diagnose::Diagnosis after;
};

std::string outcome_text(const Outcome& outcome, const diagnose::Mending& mending) {
  std::string text;
  for (const diagnose::Mended& one : outcome.mended) {
    text += fmt::format("{:<6} {}\n", became_name(one.became), one.rule);
    if (!one.why.empty()) text += paragraph(one.why);
  }
  for (const std::string& rule : outcome.came_up) text += fmt::format("new    {}\n", rule);
  return text + left_text(left_of(outcome.after, mending));
}

std::string outcome_json(const Outcome& outcome, const diagnose::Mending& mending) {
  ordered_json json = {{"schema", "bringup.doctor-fix/1"},
                       {"run", outcome.run.empty() ? ordered_json(nullptr) : ordered_json(outcome.run)},
                       {"steps", ordered_json::array()},
                       {"mended", ordered_json::array()},
                       {"came_up", outcome.came_up},
                       {"left", left_of(outcome.after, mending)}};
  for (const steps::Step& step : mending.steps)
    json["steps"].push_back({{"id", step.id},
                             {"kind", steps::kind_name(step.kind)},
                             {"target", steps::target(step.kind)},
                             {"why", step.why},
                             {"changes", step.changes}});
  for (const diagnose::Mended& one : outcome.mended)
    json["mended"].push_back({{"rule", one.rule},
                              {"became", became_name(one.became)},
                              {"why", one.why.empty() ? ordered_json(nullptr) : ordered_json(one.why)}});
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

steps::Plan plan_of(const Examined& examined, const diagnose::Mending& mending, const host::Clock& clock) {
  const facts::User& user = examined.looked.machine.user;
  return {.machine = plan::machine_digest(examined.looked.machine),
          .goal = base::sha256_hex(goal::canonical(examined.goal)),
          .made_at = host::iso_time(clock.now()),
          .user = {.name = user.name, .home = user.home, .uid = user.uid, .gid = user.gid},
          .steps = mending.steps};
}

}  // namespace

Result<int> fix_findings(const Options& options, const Doors& doors) {
  const Examined before = TRY(examine(options, doors, {.cuda = true}));
  const diagnose::Mending mending = diagnose::mending(before.diagnosis);
  Outcome outcome{.run = "", .mended = {}, .came_up = {}, .after = before.diagnosis};
  if (!options.json) TRY(print(intent_text(before, mending)));
  if (mending.steps.empty() || options.dry_run) {
    if (options.json) TRY(print(outcome_json(outcome, mending)));
    return doctor_exit(before.diagnosis);
  }
  const steps::Plan plan = plan_of(before, mending, doors.clock);
  const int performed = TRY(perform(options, doors, current_user(), plan));
  if (performed != exit_ok) return performed;
  const auto runs = apply::history(doors.view, settings_of(options, current_user()));
  if (runs && !runs->empty()) outcome.run = runs->front().id;
  outcome.after = TRY(examine(options, doors, {.cuda = true})).diagnosis;
  outcome.mended = diagnose::mended(mending, outcome.after);
  outcome.came_up = diagnose::came_up(before.diagnosis, outcome.after);
  TRY(print(options.json ? outcome_json(outcome, mending) : outcome_text(outcome, mending)));
  say(options, fmt::format("'bringup undo {}' takes it back", outcome.run));
  return doctor_exit(outcome.after);
}

}  // namespace bringup::cli
