// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/child.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace bringup::measure {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Steady = std::chrono::steady_clock;

std::string hang() {
  for (;;) ::pause();
}

TEST(Children, HandTheirTextsOverInOrder) {
  const auto results = in_children({[] { return std::string("one"); }, [] { return std::string(); },
                                    [] { return std::string(300'000, 'x'); }},
                                   10s);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(*results[0], "one");
  EXPECT_EQ(*results[1], "");
  EXPECT_EQ(*results[2], std::string(300'000, 'x'));  // more than a pipe holds
}

TEST(Children, LeaveTimeForSomethingElse) {
  int calls = 0;
  std::thread beside;
  const auto results = in_children({[] {
                                     ::usleep(50'000);
                                     return std::string("done");
                                   }},
                                   10s, [&] {
                                     ++calls;
                                     beside = std::thread([] { ::usleep(100'000); });
                                   });
  EXPECT_EQ(*results[0], "done");
  EXPECT_EQ(calls, 1);
  ASSERT_TRUE(beside.joinable());
  beside.join();
}

TEST(Children, OfNoWorkAreNone) {
  EXPECT_TRUE(in_children({}, 10s).empty());
}

TEST(Children, ThatHangAreKilledAndTakeNoOtherWithThem) {
  const auto began = Steady::now();
  const auto results = in_children({hang, [] { return std::string("here"); }, hang}, 300ms);
  EXPECT_LT(Steady::now() - began, 1500ms);
  EXPECT_EQ(results[0].error(), Error(Errc::timeout, "did not answer within 0.3 s"));
  EXPECT_EQ(*results[1], "here");
  EXPECT_EQ(results[2].error().code(), Errc::timeout);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left over";
}

TEST(Children, RunSideBySide) {
  const Work nap = [] {
    ::usleep(300'000);
    return std::string("awake");
  };
  const auto began = Steady::now();
  const auto results = in_children({nap, nap, nap, nap}, 10s);
  EXPECT_LT(Steady::now() - began, 900ms);
  for (const auto& result : results) EXPECT_EQ(*result, "awake");
}

TEST(Children, ThatDieAreAnErrorWithTheSignalsName) {
  const auto results = in_children({[] {
                                      (void)std::signal(SIGSEGV, SIG_DFL);
                                      (void)::raise(SIGSEGV);
                                      return std::string("never");
                                    },
                                    []() -> std::string { ::_exit(3); }},
                                   10s);
  EXPECT_EQ(results[0].error(), Error(Errc::failed, "the child process died of signal 11 (SIGSEGV)"));
  EXPECT_EQ(results[1].error(), Error(Errc::failed, "the child process exited with 3"));
}

TEST(Children, SayNothingOnOurTerminal) {
  testing::internal::CaptureStdout();
  const auto results = in_children({[] {
                                     [[maybe_unused]] const ssize_t told = ::write(1, "noise\n", 6);
                                     return std::string("quiet");
                                   }},
                                   10s);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(*results[0], "quiet");
}

TEST(Children, HaveNoneOfOurFilesOpen) {
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto results =
      in_children({[file] { return std::string(::fcntl(file, F_GETFD) < 0 ? "closed" : "open"); }}, 10s);
  ::close(file);
  EXPECT_EQ(*results[0], "closed");
}

// A process that is traced by another cannot be reaped by its parent until the tracer lets go: that looks
// like one that is stuck in a driver, killed and yet not gone.
TEST(Children, ThatCannotBeKilledAreGivenUp) {
  const auto began = Steady::now();
  const auto results = in_children({[] {
                                     const pid_t traced = ::getpid();
                                     if (::fork() == 0) {
                                       if (::ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0)
                                         ::usleep(3'500'000);
                                       else
                                         ::kill(traced, SIGUSR1);
                                       ::_exit(0);
                                     }
                                     return hang();
                                   }},
                                   300ms);
  const auto took = Steady::now() - began;
  if (results[0].error().code() == Errc::failed) GTEST_SKIP() << "no process may trace another here";
  EXPECT_EQ(results[0].error().code(), Errc::timeout);
  EXPECT_THAT(results[0].error().message(), HasSubstr("cannot be killed"));
  EXPECT_GT(took, 2s);
  EXPECT_LT(took, 3200ms);
  EXPECT_GT(::waitpid(-1, nullptr, 0), 0);  // the tracer has let go
}

}  // namespace
}  // namespace bringup::measure
