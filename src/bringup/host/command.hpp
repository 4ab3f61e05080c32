// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program to run, and how it ended. argv, never a shell; a deadline, always.

#include <bringup/base/result.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bringup::host {

// Whom a program runs as, when not as this process.
struct RunAs {
  int uid = 0;
  int gid = 0;
  std::string name;
  std::string home;
};

struct Command {
  std::vector<std::string> argv;  // argv[0] is absolute, or a plain name looked up in kSystemPath
  std::chrono::milliseconds deadline{30'000};
  std::vector<std::pair<std::string, std::string>> environment;  // added to the clean environment
  std::optional<RunAs> as;
  // Package managers are not killed by one Ctrl-C: half a transaction is worse than a late stop. By the third
  // (insisted()) they are.
  bool finish_when_interrupted = false;
  std::function<void()> asked_to_stop;  // called once, when it goes on though interrupted(); may be empty
  bool dies_with_us = false;  // it is killed when this process is: two programs must not write one file
  bool gives_way = false;     // runs at the lowest priority, in what others leave of the processors
  // More than this to its standard output, or into any one file, ends it (TooMuch).
  std::optional<std::uint64_t> most_bytes;
  const std::atomic<bool>* no_longer = nullptr;     // stopped (Errc::cancelled) as soon as this is true
  std::string input;                                // given on standard input; empty: /dev/null
  std::function<void(std::string_view)> on_output;  // sees out and err as they come (progress); may be empty
};

struct Exited {
  int code = 0;
  bool operator==(const Exited&) const = default;
};
struct Killed {
  int signal = 0;
  bool operator==(const Killed&) const = default;
};
struct TimedOut {
  bool operator==(const TimedOut&) const = default;
};

// It wrote more than Command::most_bytes.
struct TooMuch {
  bool operator==(const TooMuch&) const = default;
};
using Ending = std::variant<Exited, Killed, TimedOut, TooMuch>;

struct Outcome {
  Ending how;
  std::string out;  // at most 64 MiB of each is kept
  std::string err;

  bool success() const {
    const Exited* exited = std::get_if<Exited>(&how);
    return exited != nullptr && exited->code == 0;
  }
  bool operator==(const Outcome&) const = default;
};

// "exited with 100", "was killed by signal 9", "did not end within its deadline", "wrote more
// than was expected of it".
std::string describe(const Outcome& outcome);

inline constexpr std::string_view kSystemPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Runs `command` to its end in a session of its own, which has no terminal, with a clean environment (an
// allow-list of what passes: proxies, CA files, locale, package managers' own settings; see
// clean_environment) and leaves no core file; at the deadline the whole group is killed. An Error means that
// it could not be started (Errc::absent: no such program).
Result<Outcome> run(const Command& command);

// The environment that children get, made from this process's own ("NAME=value" each) through the allow-list.
std::vector<std::string> clean_environment(const char* const* environ_block);

// Set by the signal handler of main; long waits in run() end with Errc::cancelled once it is true.
bool interrupted();
// The third time: what is at work is ended in the middle.
bool insisted();
void note_interrupt();

}  // namespace bringup::host
