// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/python_env.hpp>
#include <bringup/apply/resolved_ahead.hpp>
#include <bringup/base/text.hpp>

#include <algorithm>
#include <utility>

namespace bringup::apply {
namespace {

// The Python of the environment that the step fills, where `plan` makes it with one that is here already.
std::string python_for(const steps::InstallWheels& step, const steps::Plan& plan, const host::View& view) {
  for (const steps::Step& one : plan.steps) {
    const auto* env = std::get_if<steps::CreateEnv>(&one.kind);
    if (env != nullptr && env->path == step.env && env->tool != "conda" && env->python.starts_with('/') &&
        is_program(env->python, view))
      return env->python;
  }
  return "";
}

}  // namespace

bool is_locked(const steps::InstallWheels& step) {
  return std::ranges::any_of(step.packages,
                             [](const std::string& one) { return base::contains(one, " --hash="); });
}

void add_sources(const steps::InstallWheels& step, std::vector<std::string>& argv) {
  if (step.index_url.starts_with('/')) {
    argv.insert(argv.end(), {"--no-index", "--find-links", step.index_url});
    return;
  }
  if (!step.index_url.empty()) argv.insert(argv.end(), {"--index-url", step.index_url});
  if (!step.find_links.empty()) argv.insert(argv.end(), {"--find-links", step.find_links});
}

host::Command resolving(const steps::InstallWheels& step, const std::string& python) {
  std::vector<std::string> argv{step.manager,  "pip",     "compile",     "-",        "--format",
                                "pylock.toml", "--quiet", "--no-header", "--python", python};
  steps::InstallWheels asked = step;
  if (!step.asks.empty()) {
    asked.index_url = step.asks;
    asked.find_links.clear();
  }
  add_sources(asked, argv);
  return {.argv = std::move(argv),
          .deadline = kWheelsDeadline,
          .input = base::join(step.packages, "\n") + "\n",
          .on_output = {}};
}

ResolvedAhead::ResolvedAhead(const steps::Plan& plan, const host::View& view) : view_(view) {
  for (const steps::Step& step : plan.steps) {
    const auto* wheels = std::get_if<steps::InstallWheels>(&step.kind);
    if (wheels == nullptr || wheels->tool != "uv" || is_locked(*wheels) || !is_program(wheels->manager, view))
      continue;
    const std::string python = python_for(*wheels, plan, view);
    if (python.empty()) continue;
    auto question =
        std::make_unique<Question>(Question{.step = *wheels, .command = resolving(*wheels, python)});
    question->command.no_longer = &unwanted_;
    if (step.as_user)
      question->command.as = host::RunAs{
          .uid = plan.user.uid, .gid = plan.user.gid, .name = plan.user.name, .home = plan.user.home};
    questions_.push_back(std::move(question));
  }
  for (const auto& question : questions_) {
    question->thread = std::thread([this, one = question.get()] {
      const auto outcome = view_.ask(one->command);
      if (outcome && outcome->success()) one->answer = outcome->out;
    });
  }
}

ResolvedAhead::~ResolvedAhead() {
  stop();
}

void ResolvedAhead::stop() {
  unwanted_ = true;
  for (const auto& question : questions_) {
    if (question->thread.joinable()) question->thread.join();
  }
}

std::optional<std::string> ResolvedAhead::answer(const steps::InstallWheels& step) {
  const auto at = std::ranges::find_if(
      questions_, [&step](const std::unique_ptr<Question>& one) { return one->step == step; });
  if (at == questions_.end()) return std::nullopt;
  if ((*at)->thread.joinable()) (*at)->thread.join();
  return std::exchange((*at)->answer, std::nullopt);
}

}  // namespace bringup::apply
