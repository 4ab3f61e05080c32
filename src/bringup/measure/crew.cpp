// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/child_inside.hpp>
#include <bringup/measure/crew.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kGrace{2000};  // for a killed process to be gone; one stuck in a driver never is

bool send_line(int to, std::string text) {
  text += '\n';
  for (std::string_view left(text); !left.empty();) {
    const ssize_t wrote = ::send(to, left.data(), left.size(), MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// The child's life: it ends when its parent closes the line.
[[noreturn]] void serve(const std::function<Duty()>& begin, int line) {
  line = become_child(line);
  const Duty duty = begin();
  for (std::string heard;;) {
    pollfd waiting{.fd = line, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(duty.every.count()));
    if (ready == 0 && duty.idle) duty.idle();
    if (ready <= 0) continue;
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(line, buffer.data(), buffer.size());
    if (got <= 0) ::_exit(0);  // no destructors of vendor libraries: they are what hangs
    heard.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
      const std::string question = heard.substr(0, end);
      heard.erase(0, end + 1);
      if (!send_line(line, duty.answer(question))) ::_exit(0);
    }
  }
}

// How a child that closed its line has ended; nullopt while it has not.
std::optional<int> status_of(pid_t pid, milliseconds patience) {
  const auto until = Steady::now() + patience;
  for (int status = 0;;) {
    if (::waitpid(pid, &status, WNOHANG) == pid) return status;
    if (Steady::now() >= until) return std::nullopt;
    ::poll(nullptr, 0, 2);
  }
}

std::string end_words(std::optional<int> status) {
  if (!status) return "closed its line and did not end";
  if (WIFSIGNALED(*status)) return fmt::format("died of {}", signal_words(WTERMSIG(*status)));
  return fmt::format("exited with {}", WEXITSTATUS(*status));
}

}  // namespace

Crew::~Crew() {
  dismiss();
}

int Crew::hire(std::string name, const std::function<Duty()>& begin) {
  Member member{.name = std::move(name), .line = {}, .heard = {}, .end = {}};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0) {
    member.line = host::Fd(ends[0]);
    const host::Fd theirs(ends[1]);
    member.pid = ::fork();
    if (member.pid == 0) serve(begin, theirs.get());
  }
  if (member.pid < 0) {
    member.line.reset();
    member.end = Error(Errc::io, "no child process could be made");
  }
  members_.push_back(std::move(member));
  return static_cast<int>(members_.size()) - 1;
}

void Crew::lose(Member& member, Error why) {
  member.line.reset();
  member.end = std::move(why);
}

void Crew::hear(Member& member, const std::string& doing) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(member.line.get(), buffer.data(), buffer.size());
  if (got > 0) member.heard.append(buffer.data(), static_cast<std::size_t>(got));
  if (got > 0 || (got < 0 && errno == EINTR)) return;
  const auto status = status_of(member.pid, kGrace);
  if (status) member.pid = -1;
  lose(member, Error(Errc::failed,
                     fmt::format("the process for {} {} while {}", member.name, end_words(status), doing)));
}

std::vector<Result<std::string>> Crew::ask(const std::vector<Question>& questions, const std::string& doing,
                                           milliseconds deadline) {
  const auto until = Steady::now() + deadline;
  for (const Question& question : questions) {
    Member& member = members_[static_cast<std::size_t>(question.member)];
    if (!member.end && !send_line(member.line.get(), question.text)) hear(member, doing);
  }
  const auto waits = [this](const Question& question) {
    const Member& member = members_[static_cast<std::size_t>(question.member)];
    return !member.end && member.heard.find('\n') == std::string::npos;
  };
  while (std::ranges::any_of(questions, waits)) {
    const auto left = std::chrono::ceil<milliseconds>(until - Steady::now()).count();
    if (left <= 0 || host::interrupted()) break;
    std::vector<pollfd> waiting;
    std::vector<Member*> whom;
    for (const Question& question : questions) {
      if (!waits(question)) continue;
      whom.push_back(&members_[static_cast<std::size_t>(question.member)]);
      waiting.push_back({.fd = whom.back()->line.get(), .events = POLLIN, .revents = 0});
    }
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<std::int64_t>(left, 100))) <= 0)
      continue;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0 && !whom[i]->end) hear(*whom[i], doing);
    }
  }
  std::vector<Result<std::string>> answers;
  for (const Question& question : questions) {
    Member& member = members_[static_cast<std::size_t>(question.member)];
    if (waits(question)) {
      const std::string time = base::human_seconds(static_cast<double>(deadline.count()) / 1000.0);
      ::kill(member.pid, SIGKILL);
      lose(member,
           host::interrupted()
               ? Error(Errc::cancelled, "stopped at your word")
               : Error(Errc::timeout, fmt::format("the process for {} did not answer within {} while {}",
                                                  member.name, time, doing)));
    }
    const std::size_t end = member.heard.find('\n');
    if (end == std::string::npos) {
      answers.emplace_back(*member.end);
    } else {
      answers.emplace_back(member.heard.substr(0, end));
      member.heard.erase(0, end + 1);
    }
  }
  return answers;
}

pid_t Crew::process(int member) const {
  return members_[static_cast<std::size_t>(member)].pid;
}
bool Crew::gone(int member) const {
  return members_[static_cast<std::size_t>(member)].end.has_value();
}

void Crew::let_go(int member) {
  lose(members_[static_cast<std::size_t>(member)], Error(Errc::stale, "its work was done"));
}

void Crew::dismiss() {
  for (Member& member : members_) member.line.reset();
  const auto collect = [this](milliseconds patience) {
    const auto until = Steady::now() + patience;
    for (;; ::poll(nullptr, 0, 2)) {
      bool all = true;
      for (Member& member : members_) {
        if (member.pid > 0 && ::waitpid(member.pid, nullptr, WNOHANG) == member.pid) member.pid = -1;
        all = all && member.pid < 0;
      }
      if (all || Steady::now() >= until) return all;
    }
  };
  if (collect(kGrace)) return;
  for (const Member& member : members_) {
    if (member.pid > 0) ::kill(member.pid, SIGKILL);
  }
  collect(kGrace);
}

}  // namespace bringup::measure
