// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/crew.hpp>
#include <bringup/measure/rounds.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>
#include <unistd.h>

namespace bringup::measure {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Counts its questions, and does what some of them say.
Duty counting() {
  return {.answer = [count = 0](const std::string& question) mutable -> std::string {
    if (question == "hang") ::pause();
    if (question == "die") ::raise(SIGKILL);
    if (question == "leave") ::_exit(3);
    if (question == "long") return std::string(300'000, 'x');
    return question + " " + std::to_string(++count);
  }};
}

TEST(Crew, RemembersFromOneQuestionToTheNext) {
  Crew crew;
  const int one = crew.hire("one", counting);
  const int other = crew.hire("other", counting);
  crew.ask({{one, "a"}}, "asking", 10s);
  const auto answers = crew.ask({{other, "b"}, {one, "c"}}, "asking", 10s);
  EXPECT_EQ(*answers[0], "b 1");
  EXPECT_EQ(*answers[1], "c 2");
  EXPECT_EQ(crew.ask({{one, "long"}}, "asking", 10s)[0]->size(), 300'000U);
}

TEST(Crew, NamesWhoHangsAndLosesNobodyElse) {
  Crew crew;
  const int one = crew.hire("GPU 0", counting);
  const int other = crew.hire("GPU 1", counting);
  const auto answers = crew.ask({{one, "hang"}, {other, "b"}}, "measuring", 300ms);
  EXPECT_EQ(answers[0].error(),
            Error(Errc::timeout, "the process for GPU 0 did not answer within 0.3 s while measuring"));
  EXPECT_EQ(*answers[1], "b 1");
  EXPECT_TRUE(crew.gone(one));
  EXPECT_FALSE(crew.gone(other));
  EXPECT_EQ(crew.ask({{one, "a"}}, "asking again", 10s)[0].error(), answers[0].error());
  EXPECT_EQ(*crew.ask({{other, "c"}}, "asking again", 10s)[0], "c 2");
}

TEST(Crew, TellsOfWhatAMemberDied) {
  Crew crew;
  const int one = crew.hire("GPU 0", counting);
  const int other = crew.hire("GPU 1", counting);
  const auto answers = crew.ask({{one, "die"}, {other, "leave"}}, "measuring", 10s);
  EXPECT_EQ(answers[0].error(),
            Error(Errc::failed, "the process for GPU 0 died of signal 9 (SIGKILL) while measuring"));
  EXPECT_EQ(answers[1].error(), Error(Errc::failed, "the process for GPU 1 exited with 3 while measuring"));
}

TEST(Crew, KillsAStoppedMemberAtTheDeadline) {
  Crew crew;
  const int one = crew.hire("GPU 0", counting);
  ASSERT_TRUE(crew.ask({{one, "a"}}, "asking", 10s)[0]);
  ASSERT_EQ(::kill(crew.process(one), SIGSTOP), 0);
  EXPECT_EQ(crew.ask({{one, "b"}}, "asking", 200ms)[0].error().code(), Errc::timeout);
}

TEST(Crew, LeavesNobodyBehind) {
  pid_t pid = 0;
  {
    Crew crew;
    pid = crew.process(crew.hire("one", counting));
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0) << "the child is still there";
}

TEST(Crew, WorksBetweenQuestions) {
  Crew crew;
  const int one = crew.hire("watcher", [] {
    const auto looks = std::make_shared<int>(0);
    return Duty{.answer = [looks](const std::string&) { return std::to_string(*looks); },
                .idle = [looks] { ++*looks; },
                .every = 1ms};
  });
  for (int tries = 0; tries < 1000; ++tries) {
    if (*crew.ask({{one, "how many"}}, "asking", 10s)[0] != "0") return;
    ::usleep(5000);
  }
  FAIL() << "it never looked";
}

class Rounds : public testing::TestWithParam<int> {};
TEST_P(Rounds, LetEverybodyMeetEverybodyOnceAndNobodyTwiceAtATime) {
  const int count = GetParam();
  std::set<std::pair<int, int>> met;
  for (const auto& round : rounds_of(count)) {
    std::set<int> busy;
    for (const auto& [a, b] : round) {
      EXPECT_TRUE(a >= 0 && a < b && b < count);
      EXPECT_TRUE(busy.insert(a).second && busy.insert(b).second);
      EXPECT_TRUE(met.insert({a, b}).second);
    }
  }
  EXPECT_EQ(static_cast<int>(met.size()), count * (count - 1) / 2);
  EXPECT_LE(static_cast<int>(rounds_of(count).size()), count);
}
INSTANTIATE_TEST_SUITE_P(Counts, Rounds, testing::Values(1, 2, 3, 4, 5, 7, 8, 16));

}  // namespace
}  // namespace bringup::measure
