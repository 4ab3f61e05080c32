// SPDX-License-Identifier: Apache-2.0
// A run as a whole: what is refused before anything is done, what a failure leaves, what undo keeps.
#include <bringup/apply/journal.hpp>
#include <bringup/host/lock.hpp>

#include "fake_machine.hpp"
#include <sys/stat.h>
#include <tuple>

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::plan_of;
using fake::put;
using fake::Silent;
using fake::slurp;
using fake::step_of;

steps::Step file(const std::string& id, const std::string& text) {
  return step_of(id, steps::WriteFile{.path = "/etc/" + id, .text = text});
}

struct RunTest : testing::Test {
  Machine machine;
  Silent silent;
  Result<apply::Run> go(const steps::Plan& plan) {
    return apply(plan, machine, fake::kClock, machine.settings(), silent);
  }
  Result<apply::Run> go_on() { return resume(machine, fake::kClock, machine.settings(), silent); }
  Result<apply::Run> go_back(std::string_view id = "") {
    return undo(id, machine, fake::kClock, machine.settings(), silent);
  }
  std::vector<apply::Run> runs() { return history(machine.view(), machine.settings()).value_or({}); }
  std::string journal_of(const std::string& id) {
    return slurp(machine.settings().state_directory + "/runs/" + id + "/journal");
  }
};

TEST_F(RunTest, AnEmptyPlanMakesNoRun) {
  const auto run = go(plan_of(machine, {}));
  ASSERT_TRUE(run);
  EXPECT_EQ(run->state, "done");
  EXPECT_FALSE(fake::fs::exists(machine.settings().state_directory));
}

TEST_F(RunTest, WithoutRootNothingIsDoneWhenOneStepNeedsIt) {
  Settings settings = machine.settings();
  settings.root = false;
  const auto before = machine.tree();
  const auto plan = plan_of(
      machine, {step_of("mine", steps::WriteFile{.path = "/home/x", .text = "x"}, true), file("roots", "y")});
  const auto run = apply(plan, machine, fake::kClock, settings, silent);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::denied);
  EXPECT_NE(run.error().message().find("roots"), std::string::npos);
  EXPECT_EQ(machine.tree(), before);
  EXPECT_FALSE(fake::fs::exists(settings.state_directory));
}

TEST_F(RunTest, ASecondBringupWaitsForNobody) {
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1")})));
  const auto held = host::Lock::take(machine.settings().state_directory + "/lock");
  ASSERT_TRUE(held);
  const auto before = machine.tree();
  EXPECT_EQ(go(plan_of(machine, {file("b", "1")})).error().code(), Errc::busy);
  EXPECT_EQ(go_back().error().code(), Errc::busy);
  EXPECT_EQ(machine.tree(), before);
  EXPECT_EQ(runs().size(), 1U);
}

TEST_F(RunTest, ARunUnderWayIsToldAsRunning) {
  ASSERT_FALSE(go(plan_of(machine, {step_of("x", steps::LoadModule{.module = "nvidia"})})));
  std::string bytes = journal_of(runs().at(0).id);
  bytes.resize(decode_journal(bytes.substr(0, bytes.find("\"record\":\"failed\"") - 1)).whole);
  put(machine.settings().state_directory + "/runs/" + runs().at(0).id + "/journal", bytes);
  EXPECT_EQ(runs().at(0).state, "interrupted");
  const auto held = host::Lock::take(machine.settings().state_directory + "/lock");
  EXPECT_EQ(runs().at(0).state, "running");
}

TEST_F(RunTest, AFailedStepEndsTheRunAndResumeGoesOnFromIt) {
  const auto plan = plan_of(machine, {file("a", "1"),
                                      step_of("key", steps::FetchFile{.url = "https://example.org/key",
                                                                      .path = "/etc/key",
                                                                      .sha256 = std::string(64, '0'),
                                                                      .fingerprint = ""}),
                                      file("b", "2")});
  put(machine.world.at("/usr/bin/curl"), "", fake::fs::perms(0755));
  machine.world.web["https://example.org/key"] = "<html>log in</html>";
  const auto run = go(plan);
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message().find("step key: https://example.org/key: sha256 is"), std::string::npos);
  EXPECT_NE(run.error().message().find("an HTML page"), std::string::npos);
  EXPECT_FALSE(machine.view().exists("/etc/key"));
  EXPECT_FALSE(machine.view().exists("/etc/b"));
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs()[0].state, "failed");
  EXPECT_EQ(runs()[0].failed_step, "key");
  EXPECT_EQ(runs()[0].done, std::vector<std::string>{"a"});
  EXPECT_FALSE(go_on());
  machine.world.web["https://example.org/key"] = "";  // sha256 of "" is not that either
  EXPECT_FALSE(go_on());
  ASSERT_TRUE(go_back());
  EXPECT_FALSE(machine.view().exists("/etc/a"));
  EXPECT_EQ(runs()[0].state, "undone");
  EXPECT_TRUE(runs()[0].done.empty());
  EXPECT_EQ(go_on().error().code(), Errc::absent);
}

TEST_F(RunTest, WhatHeldAlreadyIsNotTakenBack) {
  put(machine.world.at("/etc/a"), "1");
  const auto run = go(plan_of(machine, {file("a", "1"), file("b", "2")}));
  ASSERT_TRUE(run);
  EXPECT_EQ(silent.ended, (std::vector<std::string>{"a was done", "b done"}));
  EXPECT_EQ(run->done, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(go_back());
  EXPECT_EQ(slurp(machine.world.at("/etc/a")), "1");
  EXPECT_FALSE(machine.view().exists("/etc/b"));
}

TEST_F(RunTest, UndoKeepsWhatSomebodyEditedAndTakesBackTheRest) {
  put(machine.world.at("/etc/b"), "old");
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1"), file("b", "2"), file("c", "3")})));
  put(machine.world.at("/etc/b"), "2 and more");
  const auto undone = go_back();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->state, "undone");
  EXPECT_EQ(undone->failed_step, "b");
  EXPECT_NE(undone->message.find("somebody edited it"), std::string::npos);
  EXPECT_EQ(undone->done, std::vector<std::string>{"b"});
  EXPECT_EQ(slurp(machine.world.at("/etc/b")), "2 and more");
  EXPECT_FALSE(machine.view().exists("/etc/a"));
  EXPECT_FALSE(machine.view().exists("/etc/c"));
  // by its name it can be tried again
  EXPECT_EQ(go_back().error().code(), Errc::absent);
  put(machine.world.at("/etc/b"), "2");
  ASSERT_TRUE(go_back(undone->id));
  EXPECT_EQ(slurp(machine.world.at("/etc/b")), "old");
  EXPECT_EQ(go_back(undone->id).error().code(), Errc::absent);
}

TEST_F(RunTest, RunsAreTakenBackNewestFirstThoughTheClockStandsStill) {
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1")})));
  ASSERT_TRUE(go(plan_of(machine, {file("a", "2")})));
  ASSERT_TRUE(go(plan_of(machine, {file("a", "3")})));
  ASSERT_EQ(runs().size(), 3U);
  EXPECT_GT(runs()[0].id, runs()[1].id);
  EXPECT_EQ(runs()[0].id.substr(0, 17), "20261123T201504Z-");
  ASSERT_TRUE(go_back());
  EXPECT_EQ(slurp(machine.world.at("/etc/a")), "2");
  ASSERT_TRUE(go_back());
  ASSERT_TRUE(go_back());
  EXPECT_FALSE(machine.view().exists("/etc/a"));
  EXPECT_EQ(go_back().error().code(), Errc::absent);
  EXPECT_EQ(go_back("20200101T000000Z-0000").error().code(), Errc::absent);
}

TEST_F(RunTest, AFullDiskLosesNothing) {
  for (std::size_t at = 1;; ++at) {
    Machine full;
    const auto plan = plan_of(full, {file("a", "1"), file("b", "2")});
    const auto before = full.tree();
    full.disk_full_at(at);
    const auto run = apply(plan, full, fake::kClock, full.settings(), silent);
    if (run) {
      EXPECT_EQ(at, 7U);  // begin, two steps begun and done, the end
      break;
    }
    EXPECT_EQ(run.error().code(), Errc::io) << at;
    EXPECT_NE(run.error().message().find("No space left"), std::string::npos);
    full.disk_full_at(0);
    const auto again = at == 1 ? apply(plan, full, fake::kClock, full.settings(), silent)
                               : resume(full, fake::kClock, full.settings(), silent);
    ASSERT_TRUE(again) << at << again.error().message();
    EXPECT_EQ(slurp(full.world.at("/etc/b")), "2");
    ASSERT_TRUE(undo("", full, fake::kClock, full.settings(), silent));
    EXPECT_EQ(full.tree(), before);
  }
}

TEST_F(RunTest, StopsBetweenStepsAtTheUsersWord) {
  // in a process of its own, because the word stands for the rest of it
  EXPECT_EXIT(
      {
        class Interrupting final : public Observer {
         public:
          void step_begins(const steps::Step& /*step*/, std::size_t /*n*/, std::size_t /*of*/) override {}
          void step_says(const steps::Step& /*step*/, std::string_view /*line*/) override {}
          void step_ends(const steps::Step& /*step*/, const Result<>& /*how*/, double /*s*/,
                         bool /*was*/) override {
            host::note_interrupt();
          }
        } observer;
        const auto run = apply(plan_of(machine, {file("a", "1"), file("b", "2")}), machine, fake::kClock,
                               machine.settings(), observer);
        const bool right = !run && run.error().code() == Errc::cancelled && machine.view().exists("/etc/a") &&
                           !machine.view().exists("/etc/b") && runs().at(0).state == "interrupted" &&
                           runs().at(0).done == std::vector<std::string>{"a"};
        std::_Exit(right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(RunTest, AnExceptionEndsItAsADeathWouldAndLetsGoOfTheLock) {
  class Throwing final : public Observer {
   public:
    void step_begins(const steps::Step& /*step*/, std::size_t /*n*/, std::size_t /*of*/) override {}
    void step_says(const steps::Step& /*step*/, std::string_view /*line*/) override {}
    void step_ends(const steps::Step& /*step*/, const Result<>& /*how*/, double /*s*/,
                   bool /*was*/) override {
      throw std::runtime_error("a mistake of ours");
    }
  } observer;
  const auto before = machine.tree();
  EXPECT_THROW(std::ignore = apply(plan_of(machine, {file("a", "1"), file("b", "2")}), machine, fake::kClock,
                                   machine.settings(), observer),
               std::runtime_error);
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs()[0].state, "interrupted");
  EXPECT_EQ(runs()[0].done, std::vector<std::string>{"a"});
  ASSERT_TRUE(go_on());
  EXPECT_EQ(slurp(machine.world.at("/etc/b")), "2");
  ASSERT_TRUE(go_back());
  EXPECT_EQ(fake::difference(machine.tree(), before), "");
}

TEST_F(RunTest, AClockThatWasSetBackDoesNotChangeWhatComesAfterWhat) {
  class SetBack final : public host::Clock {
   public:
    std::chrono::system_clock::time_point now() const override {
      return fake::kClock.now() - std::chrono::hours(24 * 365);
    }
    std::chrono::steady_clock::time_point steady() const override { return {}; }
  } const earlier;
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1")})));
  ASSERT_TRUE(apply(plan_of(machine, {file("a", "2")}), machine, earlier, machine.settings(), silent));
  ASSERT_EQ(runs().size(), 2U);
  EXPECT_GT(runs()[0].id, runs()[1].id);
  EXPECT_TRUE(runs()[0].began_at.starts_with("2025")) << runs()[0].began_at;
  ASSERT_TRUE(undo("", machine, earlier, machine.settings(), silent));
  EXPECT_EQ(slurp(machine.world.at("/etc/a")), "1");
}

TEST_F(RunTest, TheJournalIsForItsOwnerAloneAndHoldsNoPasswords) {
  const std::string secret = "https://name:CANARY@example.org/whl";
  put(machine.world.at("/home/somebody/env/bin/python"), "", fake::fs::perms(0755));
  fake::fs::create_directories(machine.world.at("/home/somebody/env/lib/python3.11/site-packages"));
  machine.world.index["torch"] = {.version = "2"};
  machine.world.failure = "cannot reach " + secret + ": Connection refused";
  const auto run = go(plan_of(machine, {step_of("wheels",
                                                steps::InstallWheels{.env = "/home/somebody/env",
                                                                     .tool = "pip",
                                                                     .manager = "",
                                                                     .packages = {"torch==2"},
                                                                     .index_url = secret,
                                                                     .variant = ""},
                                                true)}));
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::unreachable);
  EXPECT_EQ(run.error().message().find("CANARY"), std::string::npos) << run.error().message();
  EXPECT_NE(machine.world.ran.at(0).find("CANARY"), std::string::npos);
  const std::string bytes = journal_of(runs().at(0).id);
  EXPECT_NE(bytes.find("https://example.org/whl"), std::string::npos);
  EXPECT_EQ(bytes.find("CANARY"), std::string::npos);
  struct stat info {};
  const std::string state = machine.settings().state_directory;
  for (const std::string& directory : {state, state + "/runs", state + "/runs/" + runs().at(0).id}) {
    ASSERT_EQ(::stat(directory.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0700U) << directory;
  }
  ASSERT_EQ(::stat((state + "/runs/" + runs().at(0).id + "/journal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(RunTest, AJournalThatOthersCouldHaveWrittenIsNotTrusted) {
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1")})));
  fake::fs::permissions(machine.settings().state_directory, fake::fs::perms(0777));
  EXPECT_EQ(go_back().error().code(), Errc::refused);
  EXPECT_TRUE(machine.view().exists("/etc/a"));
}

TEST_F(RunTest, ADamagedJournalChangesNothing) {
  ASSERT_TRUE(go(plan_of(machine, {file("a", "1"), file("b", "2")})));
  const std::string id = runs().at(0).id;
  std::string bytes = journal_of(id);
  bytes[bytes.find("\"done\"")] = '?';
  put(machine.settings().state_directory + "/runs/" + id + "/journal", bytes);
  const auto before = machine.tree();
  EXPECT_EQ(go_back().error().code(), Errc::malformed);
  EXPECT_EQ(go_on().error().code(), Errc::malformed);
  EXPECT_EQ(machine.tree(), before);
  EXPECT_NE(runs().at(0).message.find("damaged"), std::string::npos);
}

TEST_F(RunTest, HalfDoneWorkIsTakenOverByTheNextRunWithWhatWasThereBefore) {
  put(machine.world.at("/usr/bin/python3"), "", fake::fs::perms(0755));
  const auto env =
      step_of("env",
              steps::CreateEnv{
                  .path = "/home/somebody/dl", .tool = "venv", .manager = "", .python = "/usr/bin/python3"},
              true);
  const auto before = machine.tree();
  machine.die_at(0, fake::When::before);
  machine.die_at(8, fake::When::middle);
  EXPECT_THROW(std::ignore = go(plan_of(machine, {env})), fake::Died);
  ASSERT_TRUE(machine.view().exists("/home/somebody/dl/pyvenv.cfg"));
  machine.die_at(0, fake::When::before);
  const auto run = go(plan_of(machine, {file("a", "1"), env}));
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(runs().size(), 2U);
  ASSERT_TRUE(go_back());
  EXPECT_EQ(fake::difference(machine.tree(), before), "");
  EXPECT_EQ(go_back().error().code(), Errc::absent);
}

TEST_F(RunTest, PendingNamesWhatDoesNotHoldNow) {
  const auto plan = plan_of(machine, {file("a", "1"), file("b", "2")});
  ASSERT_TRUE(go(plan));
  EXPECT_TRUE(pending(plan, machine.view()).value_or({"?"}).empty());
  put(machine.world.at("/etc/b"), "drifted");
  EXPECT_EQ(pending(plan, machine.view()).value_or({}), std::vector<std::string>{"b"});
}

TEST_F(RunTest, APlanWhoseNeedsComeLaterIsRefused) {
  auto first = file("a", "1");
  first.needs = {"b"};
  EXPECT_EQ(go(plan_of(machine, {first, file("b", "2")})).error().code(), Errc::malformed);
  EXPECT_EQ(go(plan_of(machine, {file("c", "\xff")})).error().code(), Errc::malformed);
  EXPECT_FALSE(machine.view().exists("/etc/b"));
}

TEST_F(RunTest, ALockBesideTheGoalGoesWithItsEnvironmentUnlessSomebodyChangedIt) {
  const auto wheels = step_of(
      "wheels",
      steps::InstallWheels{
          .env = "/e/dl", .tool = "uv", .manager = "/u", .packages = {}, .index_url = "", .variant = ""});
  fake::fs::create_directories(machine.settings().state_directory);
  for (const char* name : {"dl", "own", "changed"}) {
    const std::string env = std::string("/e/") + (std::string_view(name) == "own" ? "own" : "dl");
    ASSERT_TRUE(
        keep_lock(machine, machine.settings(), env, std::string("/etc/pylock.") + name, name, std::nullopt));
  }
  put(machine.world.at("/etc/pylock.changed"), "by hand");
  ASSERT_TRUE(take_locks_back(machine, machine.settings(), plan_of(machine, {wheels})));
  EXPECT_FALSE(machine.view().exists("/etc/pylock.dl"));
  EXPECT_EQ(slurp(machine.world.at("/etc/pylock.changed")), "by hand");
  EXPECT_EQ(slurp(machine.world.at("/etc/pylock.own")), "own") << "another environment's";
  ASSERT_TRUE(take_locks_back(machine, machine.settings(), plan_of(machine, {wheels})));
  EXPECT_TRUE(machine.view().exists("/etc/pylock.own"));
}

TEST_F(RunTest, KeepingALockMayDieAnywhereAndUndoTakesItBack) {
  const auto plan = plan_of(machine, {step_of("wheels", steps::InstallWheels{.env = "/e/dl",
                                                                             .tool = "uv",
                                                                             .manager = "/u",
                                                                             .packages = {},
                                                                             .index_url = "",
                                                                             .variant = ""})});
  fake::fs::create_directories(machine.settings().state_directory);
  const auto before = machine.tree();
  const auto keep = [this] {
    return keep_lock(machine, machine.settings(), "/e/dl", "/etc/pylock.dl.toml", "the lock", std::nullopt);
  };
  const auto dies = [this](const auto& change, std::size_t at, fake::When when) {
    machine.die_at(at, when);
    bool died = false;
    try {
      EXPECT_TRUE(change());
    } catch (const fake::Died&) {
      died = true;
    }
    machine.die_at(0, when);
    return died;
  };
  const auto take_back = [&] { return take_locks_back(machine, machine.settings(), plan); };
  for (const fake::When when : {fake::When::before, fake::When::middle, fake::When::after}) {
    for (std::size_t at = 1; dies(keep, at, when); ++at) {
      if (!machine.view().exists("/etc/pylock.dl.toml")) {
        ASSERT_TRUE(keep());
      }
      EXPECT_EQ(slurp(machine.world.at("/etc/pylock.dl.toml")), "the lock");
      for (std::size_t back = 1; dies(take_back, back, when); ++back) ASSERT_LT(back, 9U);
      EXPECT_EQ(fake::difference(machine.tree(), before), "") << at;
      ASSERT_LT(at, 9U);
    }
    ASSERT_TRUE(take_back());
  }
}

TEST(StateDirectory, IsTheSystemsForRootAndTheUsersOtherwise) {
  EXPECT_EQ(default_state_directory(true, "/root", "/x"), "/var/lib/bringup");
  EXPECT_EQ(default_state_directory(false, "/home/a", ""), "/home/a/.local/state/bringup");
  EXPECT_EQ(default_state_directory(false, "/home/a", "relative"), "/home/a/.local/state/bringup");
  EXPECT_EQ(default_state_directory(false, "/home/a", "/s"), "/s/bringup");
}

}  // namespace
}  // namespace bringup::apply
