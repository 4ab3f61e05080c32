// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/lanes.hpp>
#include <bringup/host/command.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>

namespace bringup::apply {
namespace {

bool writes_much(const steps::Kind& kind) {
  const auto* env = std::get_if<steps::CreateEnv>(&kind);
  return std::holds_alternative<steps::InstallWheels>(kind) ||
         std::holds_alternative<steps::FetchModelFile>(kind) ||
         std::holds_alternative<steps::InstallConda>(kind) || (env != nullptr && env->tool == "conda");
}

class Lanes {
 public:
  Lanes(const steps::Plan& plan, const Work& work)
      : plan_(plan), work_(work), over_(plan.steps.size()), leaves_the_disk_(plan.steps.size()) {}

  bool has(Lane lane) const {
    return std::ranges::any_of(plan_.steps,
                               [lane](const steps::Step& step) { return lane_of(step.kind) == lane; });
  }

  void walk(Lane lane) {
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      if (lane_of(plan_.steps[i].kind) != lane) continue;
      if (!may_begin(i)) return;
      try {
        note(i, work_(i, [this, i] { leave_the_disk(i); }));
      } catch (...) {
        const std::lock_guard guard(mutex_);
        if (!thrown_) thrown_ = std::current_exception();
        tell();
        return;
      }
    }
  }

  std::optional<Halt> outcome() {
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(halt_);
  }

 private:
  // Waits for what the step needs. False when nothing may begin any more.
  bool may_begin(std::size_t index) {
    for (;;) {
      const unsigned seen = moved_;
      {
        const std::lock_guard guard(mutex_);
        if (!halt_ && !thrown_ && host::interrupted())
          halt_ = {.step = {}, .why = {Errc::cancelled, "stopped between two steps"}};
        if (halt_ || thrown_) return false;
        if (ready(index) && !disk_is_taken(index)) return true;
      }
      moved_.wait(seen);
    }
  }
  void tell() {
    ++moved_;
    moved_.notify_all();
  }
  bool ready(std::size_t index) const {
    return std::ranges::all_of(plan_.steps[index].needs, [this](const std::string& id) {
      const auto at = std::ranges::find(plan_.steps, id, &steps::Step::id);
      return at == plan_.steps.end() || over_[static_cast<std::size_t>(at - plan_.steps.begin())];
    });
  }
  void leave_the_disk(std::size_t index) {
    const std::lock_guard guard(mutex_);
    if (leaves_the_disk_[index]) return;
    leaves_the_disk_[index] = true;
    tell();
  }
  // A machine's step that waits for an environment itself is not waited for.
  bool disk_is_taken(std::size_t index) const {
    if (!writes_much(plan_.steps[index].kind)) return false;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      if (lane_of(plan_.steps[i].kind) != Lane::machine || over_[i]) continue;
      if (!ready(i) && needs_an_environment(i)) return false;
      if (builds_a_module(plan_.steps[i].kind)) return !leaves_the_disk_[i];
    }
    return false;
  }
  bool needs_an_environment(std::size_t index) const {
    return std::ranges::any_of(plan_.steps[index].needs, [this](const std::string& id) {
      const auto at = std::ranges::find(plan_.steps, id, &steps::Step::id);
      return at != plan_.steps.end() && lane_of(at->kind) == Lane::environment;
    });
  }
  void note(std::size_t index, const Result<>& how) {
    const std::lock_guard guard(mutex_);
    if (how)
      over_[index] = true;
    else if (!halt_)
      halt_ = {.step = index, .why = how.error()};
    tell();
  }

  const steps::Plan& plan_;
  const Work& work_;
  std::mutex mutex_;
  std::atomic<unsigned> moved_ = 0;  // waited for as such: condition_variable::wait needs g++ 12's library
  std::vector<bool> over_;
  std::vector<bool> leaves_the_disk_;
  std::optional<Halt> halt_;
  std::exception_ptr thrown_;
};

}  // namespace

bool builds_a_module(const steps::Kind& kind) {
  const auto* packages = std::get_if<steps::InstallPackages>(&kind);
  return packages != nullptr && packages->manager == "apt" && !packages->builds_for.empty();
}

Lane lane_of(const steps::Kind& kind) {
  return std::visit(
      [](const auto& step) {
        using Step = std::remove_cvref_t<decltype(step)>;
        const bool environment =
            std::is_same_v<Step, steps::InstallUv> || std::is_same_v<Step, steps::InstallConda> ||
            std::is_same_v<Step, steps::CreateEnv> || std::is_same_v<Step, steps::InstallWheels> ||
            std::is_same_v<Step, steps::FetchModelFile> || std::is_same_v<Step, steps::BuildExtension>;
        return environment ? Lane::environment : Lane::machine;
      },
      kind);
}

std::optional<Halt> side_by_side(const steps::Plan& plan, const Work& work) {
  Lanes lanes(plan, work);
  if (!lanes.has(Lane::machine) || !lanes.has(Lane::environment)) {
    lanes.walk(Lane::machine);
    lanes.walk(Lane::environment);
    return lanes.outcome();
  }
  std::thread beside([&lanes] { lanes.walk(Lane::environment); });
  lanes.walk(Lane::machine);
  beside.join();
  return lanes.outcome();
}

}  // namespace bringup::apply
