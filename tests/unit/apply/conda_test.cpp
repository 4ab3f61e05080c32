// SPDX-License-Identifier: Apache-2.0
// A conda by its installer, and environments that it makes, over fake programs.
#include <bringup/apply/conda.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/base/digest.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"
#include <thread>

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::put;
using fake::slurp;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPrefix = "/home/somebody/miniconda3";
constexpr const char* kUrl = "https://conda.example/Miniconda3.sh";
constexpr const char* kList = "/home/somebody/.conda/environments.txt";
constexpr const char* kConfig = "channels:\n  - conda-forge\n";

struct CondaTest : testing::Test {
  Machine machine;
  steps::PlanUser user = machine.user();
  bool again = false;
  Json before;
  steps::InstallConda conda{.path = kPrefix,
                            .url = kUrl,
                            .sha256 = base::sha256_hex(fake::kCondaInstaller),
                            .size = fake::kCondaInstaller.size(),
                            .config = kConfig};
  const steps::CreateEnv env{.path = "/home/somebody/miniconda3/envs/dl",
                             .tool = "conda",
                             .manager = "/home/somebody/miniconda3/bin/conda",
                             .python = "3.11",
                             .channel = "conda-forge"};
  CondaTest() {
    put(machine.world.at("/usr/bin/curl"), "", fake::fs::perms(0755));
    fake::fs::create_directories(machine.world.at("/home/somebody"));
    machine.world.web[kUrl] = std::string(fake::kCondaInstaller);
  }
  Hands hands() {
    return {.view = machine.view(),
            .control = &machine,
            .user = user,
            .as_user = true,
            .again = again,
            .before = &before,
            .say = {}};
  }
  template <typename S>
  Json done(const S& step) {
    before = remember(step, hands()).value_or("refused");
    const auto performed = perform(step, hands());
    EXPECT_TRUE(performed) << performed.error().message();
    EXPECT_TRUE(holds(step, hands()).value_or(false));
    return before;
  }
  bool installer_ran() const {
    return std::ranges::any_of(machine.world.ran,
                               [](const std::string& one) { return one.starts_with("/bin/bash "); });
  }
  std::vector<std::string> in_home() { return machine.view().list("/home/somebody").value_or({}); }
};

TEST_F(CondaTest, ComesWithItsConfigurationAndGoesWithoutATrace) {
  const auto tree = machine.tree();
  EXPECT_FALSE(holds(conda, hands()).value_or(true));
  const Json was = done(conda);
  EXPECT_THAT(machine.world.ran.back(), HasSubstr(" -b -p /home/somebody/miniconda3"));
  EXPECT_EQ(slurp(machine.world.at(std::string(kPrefix) + "/.condarc")), kConfig);
  EXPECT_EQ(in_home(), (std::vector<std::string>{".conda", "miniconda3"})) << "the installer is not kept";
  put(machine.world.at("/home/somebody/.conda/aau_token"), "who");
  ASSERT_TRUE(undo(conda, was, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(CondaTest, OthersStayInTheListOfCondas) {
  put(machine.world.at(kList), "/opt/conda\n/home/somebody/miniconda3x\n");
  const auto tree = machine.tree();
  const Json was = done(conda);
  EXPECT_EQ(slurp(machine.world.at(kList)),
            "/opt/conda\n/home/somebody/miniconda3x\n/home/somebody/miniconda3\n");
  const Json of_env = done(env);
  ASSERT_TRUE(undo(env, of_env, hands()));
  ASSERT_TRUE(undo(conda, was, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(CondaTest, AnInstallerWithAnotherHashIsNeitherRunNorKept) {
  for (const std::string wrong :
       {"#!/bin/sh\n# an installer of cond4\n", "#!/bin/sh\nshort\n", "<!doctype html><html>log in</html>"}) {
    machine.world.web[kUrl] = wrong;
    before = *remember(conda, hands());
    const auto performed = perform(conda, hands());
    ASSERT_FALSE(performed);
    EXPECT_EQ(performed.error().code(), Errc::failed);
    EXPECT_THAT(performed.error().message(), HasSubstr("should be " + conda.sha256));
    EXPECT_EQ(base::contains(performed.error().message(), "a web page"), wrong.starts_with("<")) << wrong;
    EXPECT_FALSE(installer_ran());
    EXPECT_TRUE(in_home().empty());
  }
}

TEST_F(CondaTest, ALineThatBreaksIsGoneOnWith) {
  machine.world.store_gives = 10;
  done(conda);
  EXPECT_EQ(std::ranges::count_if(machine.world.ran,
                                  [](const std::string& one) { return one.starts_with("/usr/bin/curl"); }),
            4);
}

TEST_F(CondaTest, ASpoiledPartOfAnEarlierAttemptIsFetchedAnewOnce) {
  const std::string part = "/home/somebody/.miniconda3-" + conda.sha256.substr(0, 12) + ".sh";
  put(machine.world.at(part), "#!/bin/sh\n# an");
  again = true;
  put(machine.world.at(part), "spoiled");
  ASSERT_TRUE(perform(conda, hands()));
  put(machine.world.at(part), std::string(fake::kCondaInstaller));
  machine.world.web.clear();
  ASSERT_TRUE(perform(conda, hands())) << "what is whole is not fetched again";
}

TEST_F(CondaTest, ASilentServerSaysWhatWasAskedFor) {
  machine.world.web.clear();
  before = *remember(conda, hands());
  const auto performed = perform(conda, hands());
  EXPECT_EQ(performed.error().code(), Errc::unreachable);
  EXPECT_THAT(performed.error().message(), HasSubstr(kUrl));
}

TEST_F(CondaTest, WithoutRoomNothingIsFetched) {
  conda.size = 163'179'296;
  machine.world.disks[kPrefix] = {.free_bytes = 500'000'000, .total_bytes = 1'000'000'000};
  before = *remember(conda, hands());
  const auto performed = perform(conda, hands());
  EXPECT_EQ(performed.error().code(), Errc::io);
  EXPECT_THAT(performed.error().message(), HasSubstr("nothing was fetched"));
  EXPECT_TRUE(machine.world.ran.empty());
}

TEST_F(CondaTest, WhatStandsAtItsPlaceIsNeitherUsedNorRemoved) {
  put(machine.world.at(std::string(kPrefix) + "/thesis.tex"), "years of work");
  EXPECT_EQ(remember(conda, hands()).error().code(), Errc::refused);
  conda.path = "/home/somebody/my conda";
  const auto blank = remember(conda, hands());
  EXPECT_EQ(blank.error().code(), Errc::refused);
  EXPECT_THAT(blank.error().message(), HasSubstr("no path with a blank"));
}

TEST_F(CondaTest, AnEmptyDirectoryIsUsedAndComesBackEmpty) {
  fake::fs::create_directories(machine.world.at(kPrefix));
  fake::fs::permissions(machine.world.at(kPrefix), fake::fs::perms(0750));
  const auto tree = machine.tree();
  const Json was = done(conda);
  ASSERT_TRUE(undo(conda, was, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(CondaTest, AHalfMadeOneIsMadeAnewAndAWholeOneIsNot) {
  put(machine.world.at(std::string(kPrefix) + "/conda-meta/history"), "half");
  put(machine.world.at(std::string(kPrefix) + "/bin/conda"), "", fake::fs::perms(0755));
  put(machine.world.at(std::string(kPrefix) + "/half"), "half");
  again = true;
  EXPECT_FALSE(holds(conda, hands()).value_or(true));
  ASSERT_TRUE(perform(conda, hands()));
  EXPECT_FALSE(machine.view().exists(std::string(kPrefix) + "/half"));
  EXPECT_TRUE(holds(conda, hands()).value_or(false)) << "its configuration is the last that is written";
}

TEST_F(CondaTest, WaitsForWhatAnEarlierAttemptLeftRunning) {
  using std::string_literals::operator""s;
  put(machine.world.at("/proc/77/cmdline"), "/home/somebody/miniconda3/_conda\0constructor\0"s);
  put(machine.world.at("/proc/78/cmdline"), "vi\0/home/somebody/miniconda3x\0"s);
  std::thread ends([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    fake::fs::remove_all(machine.world.at("/proc/77"));
  });
  std::vector<std::string> told;
  Hands waiting = hands();
  waiting.say = [&told](std::string_view line) { told.emplace_back(line); };
  EXPECT_TRUE(wait_for_others(kPrefix, waiting));
  ends.join();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], HasSubstr("process 77"));
}

TEST_F(CondaTest, MakesEnvironmentsFromTheOneChannel) {
  done(conda);
  const auto tree = machine.tree();
  const Json was = done(env);
  EXPECT_EQ(machine.world.ran.back(),
            "/home/somebody/miniconda3/bin/conda create --yes --quiet --prefix "
            "/home/somebody/miniconda3/envs/dl --override-channels --channel conda-forge python=3.11 pip");
  ASSERT_TRUE(undo(env, was, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  steps::CreateEnv own = env;
  own.channel.clear();
  done(own);
  EXPECT_THAT(machine.world.ran.back(), Not(HasSubstr("--override-channels"))) << "as it is configured";
}

// A machine on which a run may die, and the plan of a conda and an environment of its.
struct Mortal {
  Machine machine;
  fake::Silent silent;
  steps::Plan plan;
  Mortal(const steps::InstallConda& conda, const steps::CreateEnv& env) {
    put(machine.world.at("/usr/bin/curl"), "", fake::fs::perms(0755));
    put(machine.world.at(kList), "/opt/others\n");
    machine.world.web[kUrl] = std::string(fake::kCondaInstaller);
    plan = fake::plan_of(machine, {fake::step_of("conda", conda, true), fake::step_of("env", env, true)});
  }
  Result<Run> up() { return apply(plan, machine, fake::kClock, machine.settings(), silent); }
  // Goes on, or begins anew where the run had not begun.
  Result<Run> go_on() {
    const auto runs = history(machine.view(), machine.settings());
    if (runs && !runs->empty() && runs->front().state == "done") return runs->front();
    return runs && !runs->empty() ? resume(machine, fake::kClock, machine.settings(), silent) : up();
  }
  Result<Run> back() { return undo("", machine, fake::kClock, machine.settings(), silent); }
};

template <typename F>
bool dies(F&& run) {
  try {
    const auto how = run();
    EXPECT_TRUE(how) << how.error().message();
    return false;
  } catch (const fake::Died&) {
    return true;
  }
}

TEST_F(CondaTest, ARunThatDiedAnywhereIsFinishedOrTakenBack) {
  Mortal peace(conda, env);
  const auto original = peace.machine.tree();
  peace.machine.die_at(0, fake::When::before);
  ASSERT_TRUE(peace.up());
  const std::size_t calls = peace.machine.calls();
  const auto whole = peace.machine.tree();
  for (std::size_t n = 1; n <= calls; ++n) {
    for (const fake::When when : {fake::When::before, fake::When::middle, fake::When::after}) {
      for (const bool finishes : {true, false}) {
        SCOPED_TRACE(testing::Message() << "change " << n << ", moment " << static_cast<int>(when));
        Mortal one(conda, env);
        one.machine.die_at(n, when);
        EXPECT_TRUE(dies([&] { return one.up(); }));
        one.machine.die_at(0, when);
        if (finishes) {
          const auto run = one.go_on();
          ASSERT_TRUE(run) << run.error().message();
          ASSERT_EQ(fake::difference(one.machine.tree(), whole), "");
        }
        const auto undone = one.back();
        ASSERT_TRUE(undone || undone.error().code() == Errc::absent) << undone.error().message();
        ASSERT_EQ(fake::difference(one.machine.tree(), original), "");
      }
    }
  }
}

TEST_F(CondaTest, FillsItsEnvironmentsByUvWithALock) {
  done(conda);
  done(env);
  machine.world.index["numpy"] = {.version = "2.3", .files = {{"numpy/core.py", ""}}};
  put(machine.world.at("/uv/bin/uv"), "uv", fake::fs::perms(0755));
  const steps::InstallWheels wheels{.env = env.path,
                                    .tool = "uv",
                                    .manager = "/uv/bin/uv",
                                    .packages = {"numpy"},
                                    .index_url = "",
                                    .variant = ""};
  done(wheels);
  EXPECT_THAT(slurp(machine.world.at(env.path + "/pylock.toml")), HasSubstr("name = \"numpy\""));
}

TEST_F(CondaTest, WithEnvironmentsOfTheUsersStays) {
  const Json was = done(conda);
  put(machine.world.at(std::string(kPrefix) + "/envs/mine/conda-meta/history"), "");
  const auto tree = machine.tree();
  const auto undone = undo(conda, was, hands());
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code(), Errc::refused);
  EXPECT_THAT(undone.error().message(), HasSubstr("another environment in it, mine"));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(CondaTest, TermsAreNotAcceptedForAnybody) {
  done(conda);
  machine.world.failure = "CondaToSNonInteractiveError: Terms of Service have not been accepted";
  before = *remember(env, hands());
  const auto performed = perform(env, hands());
  EXPECT_EQ(performed.error().code(), Errc::refused);
  EXPECT_THAT(performed.error().message(), HasSubstr("'conda tos accept'"));
}

}  // namespace
}  // namespace bringup::apply
