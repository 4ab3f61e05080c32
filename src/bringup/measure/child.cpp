// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/child.hpp>

#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/host/fd.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;

struct Child {
  pid_t pid = -1;
  host::Fd from;
  std::string text;
};

[[noreturn]] void work_and_leave(const Work& work, int to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What vendor libraries print is not ours to show.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
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
  return child;
}

// Reads what has come from all children; false when every pipe is closed.
bool read_some(std::vector<Child>& children, int wait_ms) {
  std::vector<pollfd> waiting;
  for (const Child& child : children) waiting.push_back({.fd = child.from.get(), .events = POLLIN, .revents = 0});
  if (std::ranges::none_of(waiting, [](const pollfd& one) { return one.fd >= 0; })) return false;
  ::poll(waiting.data(), waiting.size(), wait_ms);
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (waiting[i].revents == 0) continue;
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(children[i].from.get(), buffer.data(), buffer.size());
    if (got > 0) children[i].text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) children[i].from.reset();
  }
  return true;
}

Result<std::string> finish(Child& child, std::chrono::milliseconds deadline) {
  if (child.pid < 0) return Error(Errc::io, "no child process could be made");
  const bool late = static_cast<bool>(child.from);
  if (late) ::kill(child.pid, SIGKILL);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {}
  if (late && host::interrupted()) return Error(Errc::cancelled, "stopped at your word");
  if (late) return Error(Errc::timeout, fmt::format("did not answer within {}", base::human_seconds(static_cast<double>(deadline.count()) / 1000.0)));
  if (WIFSIGNALED(status)) return Error(Errc::failed, fmt::format("the child process died of signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status))));
  if (WEXITSTATUS(status) != 0) return Error(Errc::failed, fmt::format("the child process exited with {}", WEXITSTATUS(status)));
  return std::move(child.text);
}

}  // namespace

std::vector<Result<std::string>> in_children(const std::vector<Work>& works, std::chrono::milliseconds deadline) {
  std::vector<Child> children;
  for (const Work& work : works) children.push_back(start(work));
  const auto until = Steady::now() + deadline;
  while (!host::interrupted()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
    if (left <= 0 || !read_some(children, static_cast<int>(std::min<std::int64_t>(left, 100)))) break;
  }
  std::vector<Result<std::string>> results;
  for (Child& child : children) results.push_back(finish(child, deadline));
  return results;
}

}  // namespace bringup::measure
