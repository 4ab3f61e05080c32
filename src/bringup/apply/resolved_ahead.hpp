// SPDX-License-Identifier: Apache-2.0
#pragma once
// What uv resolves for environments that a plan makes, begun before their turn comes: while the sources are
// asked, a person reads the plan, and the environments are made. It changes nothing but uv's own cache.

#include <bringup/host/view.hpp>
#include <bringup/steps/step.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace bringup::apply {

// The question what exactly the step's packages are for this Python; uv answers with a pylock.toml.
host::Command resolving(const steps::InstallWheels& step, const std::string& python);
// Whether the step has the lines of a lock: "idna==3.20 --hash=sha256:..".
bool is_locked(const steps::InstallWheels& step);
// Where these packages come from, in uv's and pip's words: a directory of wheels is asked instead of any
// index.
void add_sources(const steps::InstallWheels& step, std::vector<std::string>& argv);

class ResolvedAhead {
 public:
  // Begins, for each environment that `plan` makes with a Python and fills with a uv that are here already.
  ResolvedAhead(const steps::Plan& plan, const host::View& view);
  // Stops what nobody waited for.
  ~ResolvedAhead();
  ResolvedAhead(const ResolvedAhead&) = delete;
  ResolvedAhead& operator=(const ResolvedAhead&) = delete;

  // What uv said for this very step, once; waits for it. nullopt: it was not asked, or did not answer well.
  std::optional<std::string> answer(const steps::InstallWheels& step);
  // Ends what is not answered yet.
  void stop();

 private:
  struct Question {
    steps::InstallWheels step;
    host::Command command;
    std::optional<std::string> answer = {};
    std::thread thread = {};
  };

  const host::View& view_;
  std::atomic<bool> unwanted_ = false;
  std::vector<std::unique_ptr<Question>> questions_;
};

}  // namespace bringup::apply
