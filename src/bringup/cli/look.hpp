// SPDX-License-Identifier: Apache-2.0
#pragma once
// From options to a Machine: this one, a recorded one, or one that is described.

#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/goal/goal.hpp>
#include <bringup/probe/probe.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace bringup::cli {

struct Depth {
  bool nvml = true;      // read NVML, in a child
  bool sources = false;  // ask which software sources answer
  bool cuda = false;     // count through CUDA, in a child
  bool pytorch = false;  // count through PyTorch, in the environments that have it
};

// What was looked at, and through which door.
struct Looked {
  facts::Machine machine;
  std::string
      today;  // "2026-11-23"; of a recording the day when it was made, so that it is judged as it was then
  const host::View* view = nullptr;
  std::unique_ptr<host::View> recording;  // owns the view when it is a recording
  bool here =
      false;  // this machine, with its own GPUs or with those of --for; not a recorded or described one
  bool asked = false;  // which of its sources answer is settled, mirrors and all
};

Result<Looked> look(const Options& options, const Doors& doors, Depth depth);

// What would be asked for software: the vendor's repository for this system, its archive, and the indexes.
std::vector<facts::Source> sources_for(const facts::Machine& machine);
// For how long a source is asked; and where what follows would be worse than waiting: a line over which a
// handshake takes seconds is not rare.
inline constexpr std::chrono::milliseconds kUsualPatience{1500};
inline constexpr std::chrono::milliseconds kLongPatience{8000};

// Asks which of the machine's sources answer; takes as long as the slowest, at most `patience`. `meanwhile`
// is called once, while they are asked.
void ask_sources(facts::Machine& machine, std::chrono::milliseconds patience = kUsualPatience,
                 const std::function<void()>& meanwhile = {});

// The file of --goal, ./bringup.toml or /etc/bringup/bringup.toml; nothing when there is none of them.
struct GoalFile {
  std::string name;
  std::string text;
};
Result<std::optional<GoalFile>> goal_file(const Options& options, const host::View& view);

// What that file wants, or the default.
Result<goal::Goal> read_goal(const Options& options, const host::View& view);

// A path as seen from where the program was called.
std::string absolute(const std::string& path);

// What a probe of this machine needs beside its files; NVML is read in a child, unless other GPUs are the
// question.
probe::Options options_here(bool ask_nvml);

// For whom: the caller of sudo, else the user of this process.
facts::User current_user();

}  // namespace bringup::cli
