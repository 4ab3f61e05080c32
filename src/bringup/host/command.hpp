// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program to run, and how it ended. argv, never a shell; a deadline, always.

#include <bringup/base/result.hpp>

#include <atomic>
#include <chrono>
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
  bool finish_when_interrupted =
      false;  // package managers are not killed by Ctrl-C: half a transaction is worse than a late stop
  bool dies_with_us = false;  // it is killed when this process is: two programs must not write one file
  bool gives_way = false;     // runs at the lowest priority, in what others leave of the processors
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

struct Outcome {
  std::variant<Exited, Killed, TimedOut> how;
  std::string out;  // at most 64 MiB of each is kept
  std::string err;

  bool success() const {
    const Exited* exited = std::get_if<Exited>(&how);
    return exited != nullptr && exited->code == 0;
  }
  bool operator==(const Outcome&) const = default;
};

// "exited with 100", "was killed by signal 9", "did not end within its deadline".
std::string describe(const Outcome& outcome);

inline constexpr std::string_view kSystemPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Runs `command` to its end in a session of its own, which has no terminal, with a clean environment (an
// allow-list of what passes: proxies, CA files, locale, package managers' own settings; see
// clean_environment); at the deadline the whole group is killed. An Error means that it could not be started
// (Errc::absent: no such program).
Result<Outcome> run(const Command& command);

// The environment that children get, made from this process's own ("NAME=value" each) through the allow-list.
std::vector<std::string> clean_environment(const char* const* environ_block);

// Set by the signal handler of main; long waits in run() end with Errc::cancelled once it is true.
bool interrupted();
void note_interrupt();

}  // namespace bringup::host
