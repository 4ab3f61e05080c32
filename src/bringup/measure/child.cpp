// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/child_inside.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// For a killed process to be gone; one that is stuck inside the driver never is.
constexpr milliseconds kGrace{2000};

struct Child {
  pid_t pid = -1;
  host::Fd from;
  std::string text;
  bool late = false;          // had not answered at the deadline
  std::optional<int> status;  // once it is gone
};

[[noreturn]] void work_and_leave(const Work& work, int to) {
  to = become_child(to);
  const std::string text = work();
  std::string_view left(text);
  while (!left.empty()) {
    const ssize_t wrote = ::write(to, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) ::_exit(1);
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  ::_exit(0);  // no destructors of vendor libraries: they are what hangs
}

Child start(const Work& work) {
  Child child;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return child;
  child.from = host::Fd(ends[0]);
  const host::Fd to(ends[1]);
  child.pid = ::fork();
  if (child.pid == 0) work_and_leave(work, to.get());
  if (child.pid < 0) child.from.reset();
  return child;
}

// Reads what has come from all children; false when every pipe is closed.
bool read_some(std::vector<Child>& children, int wait_ms) {
  std::vector<pollfd> waiting;
  for (const Child& child : children) {
    waiting.push_back({.fd = child.from.get(), .events = POLLIN, .revents = 0});
  }
  if (std::ranges::none_of(waiting, [](const pollfd& one) { return one.fd >= 0; })) return false;
  if (::poll(waiting.data(), waiting.size(), wait_ms) <= 0) return true;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (waiting[i].revents == 0) continue;
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(children[i].from.get(), buffer.data(), buffer.size());
    if (got > 0) children[i].text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) children[i].from.reset();
  }
  return true;
}

// Whether every child is gone; takes note of how those ended that are.
bool all_gone(std::vector<Child>& children) {
  bool gone = true;
  for (Child& child : children) {
    if (child.pid < 0 || child.status) continue;
    int status = 0;
    if (::waitpid(child.pid, &status, WNOHANG) == child.pid)
      child.status = status;
    else
      gone = false;
  }
  return gone;
}

// Kills those that have not answered, and waits for all of them together.
void end_all(std::vector<Child>& children) {
  for (Child& child : children) {
    child.late = static_cast<bool>(child.from);
    if (child.late) ::kill(child.pid, SIGKILL);
  }
  for (const auto until = Steady::now() + kGrace; !all_gone(children) && Steady::now() < until;) {
    ::poll(nullptr, 0, 2);
  }
}

Result<std::string> result_of(Child& child, milliseconds deadline) {
  if (child.pid < 0) return Error(Errc::io, "no child process could be made");
  const bool stopped = host::interrupted() && (child.late || !child.status || WIFSIGNALED(*child.status));
  if (stopped) return Error(Errc::cancelled, "stopped at your word");
  const std::string time = base::human_seconds(static_cast<double>(deadline.count()) / 1000.0);
  if (!child.status) {
    return Error(Errc::timeout,
                 fmt::format("did not answer within {}, and its process {} cannot be killed: it is stuck in "
                             "the driver until the next boot",
                             time, child.pid));
  }
  if (child.late) return Error(Errc::timeout, fmt::format("did not answer within {}", time));
  if (WIFSIGNALED(*child.status)) {
    return Error(Errc::failed,
                 fmt::format("the child process died of {}", signal_words(WTERMSIG(*child.status))));
  }
  if (WEXITSTATUS(*child.status) != 0) {
    return Error(Errc::failed, fmt::format("the child process exited with {}", WEXITSTATUS(*child.status)));
  }
  return std::move(child.text);
}

}  // namespace

std::string signal_words(int signal) {
  constexpr std::array<std::pair<int, const char*>, 9> kNames{{{SIGHUP, "SIGHUP"},
                                                               {SIGINT, "SIGINT"},
                                                               {SIGILL, "SIGILL"},
                                                               {SIGABRT, "SIGABRT"},
                                                               {SIGBUS, "SIGBUS"},
                                                               {SIGFPE, "SIGFPE"},
                                                               {SIGKILL, "SIGKILL"},
                                                               {SIGSEGV, "SIGSEGV"},
                                                               {SIGTERM, "SIGTERM"}}};
  for (const auto& [number, name] : kNames) {
    if (number == signal) return fmt::format("signal {} ({})", signal, name);
  }
  return fmt::format("signal {}", signal);
}

std::vector<Result<std::string>> in_children(const std::vector<Work>& works, milliseconds deadline,
                                             const std::function<void()>& meanwhile) {
  const auto until = Steady::now() + deadline;
  std::vector<Child> children;
  for (const Work& work : works) children.push_back(start(work));
  if (meanwhile) meanwhile();
  while (!host::interrupted()) {
    const auto left = std::chrono::ceil<milliseconds>(until - Steady::now()).count();
    if (left <= 0 || !read_some(children, static_cast<int>(std::min<std::int64_t>(left, 100)))) break;
  }
  end_all(children);
  std::vector<Result<std::string>> results;
  for (Child& child : children) results.push_back(result_of(child, deadline));
  return results;
}

}  // namespace bringup::measure
