// SPDX-License-Identifier: Apache-2.0
// Programs as they are really run: what they are given, what they cannot reach, how they end.
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <support/environment.hpp>
#include <support/faults.hpp>
#include <support/home.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

namespace bringup::host {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Result<Outcome> shell(const std::string& text,
                      std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
  return run({.argv = {"/bin/sh", "-c", text}, .deadline = deadline});
}

using Children = testing_support::InAHome;

TEST_F(Children, GetNothingThatNamesAProgramOrALibrary) {
  constexpr std::array kHostile{"LD_PRELOAD",
                                "LD_LIBRARY_PATH",
                                "LD_AUDIT",
                                "GCONV_PATH",
                                "PYTHONPATH",
                                "PYTHONHOME",
                                "PYTHONSTARTUP",
                                "PYTHONUSERBASE",
                                "BASH_ENV",
                                "ENV",
                                "IFS",
                                "CDPATH",
                                "PERL5LIB",
                                "PERL5OPT",
                                "RUBYOPT",
                                "NODE_OPTIONS",
                                "GIT_SSH_COMMAND",
                                "PAGER",
                                "EDITOR",
                                "APT_CONFIG",
                                "DPKG_ROOT",
                                "CC",
                                "CFLAGS",
                                "MAKEFLAGS",
                                "DEBIAN_FRONTEND",
                                "UV_PYTHON",
                                "PIP_TARGET",
                                "PIP_PREFIX",
                                "TMPDIR",
                                "HF_TOKEN",
                                "SUDO_COMMAND",
                                "CANARY"};
  std::vector<std::string> given{"PATH=/home/evil/bin", "HTTPS_PROXY=http://proxy:1"};
  for (const char* name : kHostile) given.push_back(std::string(name) + "=/home/evil/x");
  std::vector<const char*> block;
  for (const std::string& entry : given) block.push_back(entry.c_str());
  block.push_back(nullptr);
  const std::vector<std::string> clean = clean_environment(block.data());
  EXPECT_THAT(clean, Contains("HTTPS_PROXY=http://proxy:1"));
  EXPECT_THAT(clean, Contains("DEBIAN_FRONTEND=noninteractive"));
  for (const std::string& entry : clean) EXPECT_THAT(entry, Not(HasSubstr("evil")));
}

// The same of a program that is run: what stands in this process's own environment does not reach it.
TEST_F(Children, AreGivenThatAloneWhateverTheCallerHas) {
  const std::string said = testing_support::in_a_child([] {
    ::setenv("PYTHONPATH", "/home/evil", 1);
    ::setenv("BASH_ENV", "/home/evil", 1);
    ::setenv("PATH", "/home/evil", 1);
    const auto outcome = run({.argv = {"env"}});
    return outcome ? outcome->out : outcome.error().message();
  });
  EXPECT_THAT(said, HasSubstr("PATH=" + std::string(kSystemPath) + "\n"));
  EXPECT_THAT(said, Not(HasSubstr("evil")));
}

TEST_F(Children, OfAPlainNameAreNotFoundWhereTheCallerStandsOrLooks) {
  const std::string planted = file("bin/bringup-planted", "#!/bin/sh\necho planted\n");
  ::chmod(planted.c_str(), 0755);
  const std::string said = testing_support::in_a_child([this] {
    ::setenv("PATH", at("bin").c_str(), 1);
    if (::chdir(at("bin").c_str()) != 0) return std::string("no directory");
    const auto outcome = run({.argv = {"bringup-planted"}});
    return outcome ? outcome->out : std::string(outcome.error().code() == Errc::absent ? "" : "other");
  });
  EXPECT_EQ(said, "");
  EXPECT_EQ(run({.argv = {planted}})->out, "planted\n");
}

TEST_F(Children, CannotAskAtTheTerminalOfTheirCaller) {
  const testing_support::Terminal terminal = testing_support::new_terminal();
  if (terminal.name.empty()) GTEST_SKIP() << "no terminals can be made here";
  const std::string said = testing_support::in_a_child([&terminal]() -> std::string {
    const int result = ::dup(2);
    if (!testing_support::sit_at(terminal)) return "no terminal";
    const int own = ::open("/dev/tty", O_RDWR);
    ::dup2(result, 2);
    if (own < 0) return "the caller has no terminal itself";
    const auto asked = shell("read answer </dev/tty && echo got it");
    if (!asked) return asked.error().message();
    if (asked->success()) return "it could ask";
    return std::holds_alternative<Exited>(asked->how) ? "" : describe(*asked);
  });
  ::close(terminal.own);
  EXPECT_EQ(said, "");
}

TEST_F(Children, ThatReadTheirInputFindItsEnd) {
  const auto outcome = shell("read answer; echo \"ended $?\"");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->out, "ended 1\n");
}

TEST_F(Children, ThatHangAreEndedWithAllThatTheyStarted) {
  const auto outcome = shell("sleep 1000 & echo $!; wait", std::chrono::milliseconds(300));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->how, Ending(TimedOut{}));
  EXPECT_THAT(describe(*outcome), HasSubstr("within its deadline"));
  const auto pid = base::to_integer(base::trim(outcome->out));
  ASSERT_TRUE(pid) << outcome->out;
  const std::string state = "/proc/" + std::to_string(*pid) + "/stat";
  std::string text;
  for (int tries = 0; tries < 200; ++tries) {  // its new parent has it reaped
    std::ifstream in(state);
    if (!std::getline(in, text) || text.find(") Z") != std::string::npos) return;
    ::usleep(10'000);
  }
  FAIL() << "what it had started lives on: " << text;
}

// In a process of its own, because the word stands for the rest of it.
TEST_F(Children, OfPackageManagersGoOnAtOneWordAndAreEndedAtTheThird) {
  const std::string said = testing_support::in_a_child([] {
    int told = 0;
    std::string heard;
    // "first" comes when one word was given and its script goes on all the same.
    const auto outcome = run({.argv = {"/bin/sh", "-c", "echo began; sleep 0.4; echo first; sleep 1000"},
                              .deadline = std::chrono::seconds(60),
                              .finish_when_interrupted = true,
                              .asked_to_stop = [&told] { ++told; },
                              .on_output =
                                  [&heard](std::string_view line) {
                                    heard += line;
                                    const int words = line == "began" ? 1 : 2;
                                    for (int i = 0; i < words; ++i) note_interrupt();
                                  }});
    if (outcome || outcome.error().code() != Errc::cancelled) return std::string("was not ended by a word");
    return heard + ", told " + std::to_string(told);
  });
  EXPECT_EQ(said, "beganfirst, told 1");
}

TEST_F(Children, ThatWriteTooMuchAreEnded) {
  const std::string path = at("grows");
  for (const std::string& text : {std::string("yes"), "yes >" + path}) {
    const auto outcome = run({.argv = {"/bin/sh", "-c", "exec " + text}, .most_bytes = 1'000'000});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->how, Ending(TooMuch{})) << text << ": " << describe(*outcome);
  }
  EXPECT_EQ(std::filesystem::file_size(path), 1'000'000U);
  const auto enough = run({.argv = {"/bin/sh", "-c", "yes | head -c 1000000"}, .most_bytes = 1'000'000});
  ASSERT_TRUE(enough);
  EXPECT_TRUE(enough->success());
}

TEST_F(Children, LeaveNoCoreFilesInWhichATokenCouldBe) {
  const std::string said = testing_support::in_a_child([] {
    const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_CORE, &all);
    const auto outcome = shell("ulimit -c");
    return outcome ? outcome->out : outcome.error().message();
  });
  EXPECT_EQ(said, "0\n");
}

TEST_F(Children, ThatAreKilledAreToldWithTheSignal) {
  const auto outcome = shell("kill -KILL $$");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(describe(*outcome), "was killed by signal 9");
}

}  // namespace
}  // namespace bringup::host
