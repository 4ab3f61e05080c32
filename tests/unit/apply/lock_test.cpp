// SPDX-License-Identifier: Apache-2.0
// Environments with locks, over fake uv and pip.
#include <bringup/apply/apply.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/apply/resolved_ahead.hpp>
#include <bringup/steps/lock.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"
#include <support/environment.hpp>

namespace bringup::apply {
namespace {

using fake::put;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kLock = "/env/dl/pylock.toml";

struct LockTest : testing::Test {
  fake::Machine machine;
  steps::PlanUser user = machine.user();
  Json before;
  LockTest() {
    put(machine.world.at("/usr/bin/python3"), "", fake::fs::perms(0755));
    put(machine.world.at("/opt/uv"), "", fake::fs::perms(0755));
    machine.world.index["numpy"] = {.version = "2.3", .files = {{"numpy/core.py", ""}}};
    machine.world.index["torch"] = {.version = "2.10.0",
                                    .needs = {"numpy"},
                                    .files = {{"torch/version.py", "__version__ = '2.10.0+cu128'\n"}}};
    make_env();
  }
  void make_env() {
    fake::fs::remove_all(machine.world.at("/env/dl"));
    EXPECT_TRUE(fake::make_venv(machine.world, "/env/dl", false).success());
  }
  Hands hands() {
    return {.view = machine.view(),
            .control = &machine,
            .user = user,
            .as_user = true,
            .before = &before,
            .say = {}};
  }
  Result<> done(const steps::InstallWheels& step) {
    before = remember(step, hands()).value_or(Json::object());
    return perform(step, hands());
  }
  static steps::InstallWheels wheels(const std::string& tool) {
    return {.env = "/env/dl",
            .tool = tool,
            .manager = tool == "uv" ? "/opt/uv" : "",
            .packages = {"torch==2.10.0"},
            .index_url = "https://somebody:secret@example.org/whl",
            .variant = "cu128"};
  }
  std::string text() { return fake::slurp(machine.world.at(kLock)); }
  std::vector<std::string> lines() { return steps::requirements(*steps::parse_lock(text(), "lock")); }
};

TEST_F(LockTest, WhatIsInstalledIsWrittenDownWithItsHashes) {
  const steps::InstallWheels step = wheels("uv");
  const auto performed = done(step);
  ASSERT_TRUE(performed) << performed.error().message();
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  const auto lock = steps::parse_lock(text(), "lock");
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_EQ(lock->python, "3.11");
  EXPECT_EQ(lock->variant, "cu128");
  EXPECT_EQ(lock->asked, step.packages);
  ASSERT_NE(steps::find_package(*lock, "numpy"), nullptr);
  EXPECT_EQ(steps::find_package(*lock, "numpy")->files.at(0).sha256, fake::wheel_hash("numpy", "2.3"));
  EXPECT_THAT(text(), Not(HasSubstr("secret")));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(machine.view().exists(kLock));
}

TEST_F(LockTest, WhatUvHasInItsCacheIsInstalledWithoutAskingAgain) {
  const auto installs = [this] {
    std::vector<std::string> out;
    std::ranges::copy_if(machine.world.ran, std::back_inserter(out),
                         [](const std::string& line) { return base::contains(line, "pip install"); });
    return out;
  };
  ASSERT_TRUE(done(wheels("uv")));
  ASSERT_EQ(installs().size(), 2U);  // the cache has it not
  EXPECT_THAT(installs()[0], HasSubstr("--offline"));
  EXPECT_THAT(installs()[1], Not(HasSubstr("--offline")));
  make_env();
  machine.world.cached = true;
  ASSERT_TRUE(done(wheels("uv")));
  ASSERT_EQ(installs().size(), 3U);
  EXPECT_THAT(installs()[2], testing::AllOf(HasSubstr("--offline"), HasSubstr("--require-hashes")));
  EXPECT_EQ(packages_in("/env/dl", machine.view())->at("numpy"), "2.3");
}

struct ResolvedAheadTest : LockTest {
  steps::InstallWheels step = wheels("uv");
  static constexpr const char* kEnv = "/env/dl";
  // The environment and its packages, as a plan has them.
  steps::Plan plan(const std::string& python = "/usr/bin/python3", const std::string& tool = "uv") {
    return fake::plan_of(
        machine,
        {fake::step_of("env-dl",
                       steps::CreateEnv{.path = kEnv, .tool = tool, .manager = "/opt/uv", .python = python}),
         fake::step_of("wheels-dl", step)});
  }
  std::vector<std::string> questions() {
    std::vector<std::string> out;
    for (const auto* lines : {&machine.world.asked, &machine.world.ran})
      std::ranges::copy_if(*lines, std::back_inserter(out),
                           [](const std::string& line) { return base::contains(line, "pip compile"); });
    return out;
  }
  Result<> done_with(ResolvedAhead& ahead) {
    before = remember(step, hands()).value_or(Json::object());
    Hands knowing = hands();
    knowing.resolved = &ahead;
    return perform(step, knowing);
  }
};

TEST_F(ResolvedAheadTest, IsWhatIsInstalledAndUvIsNotAskedAgain) {
  ResolvedAhead ahead(plan(), machine.view());
  ahead.stop();
  ASSERT_EQ(questions().size(), 1U);
  EXPECT_THAT(questions()[0], HasSubstr("--python /usr/bin/python3 --index-url"));
  const auto performed = done_with(ahead);
  ASSERT_TRUE(performed) << performed.error().message();
  EXPECT_EQ(questions().size(), 1U);
  EXPECT_EQ(packages_in(kEnv, machine.view())->at("numpy"), "2.3");
  EXPECT_THAT(text(), HasSubstr(fake::wheel_hash("numpy", "2.3")));
  EXPECT_EQ(ahead.answer(step), std::nullopt) << "an answer is taken once";
}

TEST_F(ResolvedAheadTest, ThatFailedIsAskedAgainInItsTurn) {
  machine.world.failure = "error: the index does not answer";
  ResolvedAhead ahead(plan(), machine.view());
  ahead.stop();
  machine.world.failure.clear();
  ASSERT_TRUE(done_with(ahead));
  EXPECT_EQ(questions().size(), 2U);
  EXPECT_EQ(packages_in(kEnv, machine.view())->at("numpy"), "2.3");
}

TEST_F(ResolvedAheadTest, IsForThatVeryStepAlone) {
  ResolvedAhead ahead(plan(), machine.view());
  ahead.stop();
  step.packages = {"numpy"};
  step.variant.clear();
  ASSERT_TRUE(done_with(ahead));
  EXPECT_EQ(questions().size(), 2U);
  EXPECT_FALSE(packages_in(kEnv, machine.view())->contains("torch"));
}

TEST_F(ResolvedAheadTest, IsNotBegunWhereSomethingOfItIsNotHere) {
  const auto asks = [this](const steps::Plan& one) {
    machine.world.asked.clear();
    ResolvedAhead(one, machine.view()).stop();
    return !questions().empty();
  };
  EXPECT_TRUE(asks(plan()));
  EXPECT_FALSE(asks(plan("/opt/miniconda3/bin/python"))) << "there is no such Python yet";
  EXPECT_FALSE(asks(plan("3.11", "conda"))) << "conda brings its own";
  steps::Plan filled = plan();
  filled.steps.erase(filled.steps.begin());
  EXPECT_FALSE(asks(filled)) << "what is in an environment already decides, too";
  step.packages = {"numpy==2.3 --hash=sha256:" + fake::wheel_hash("numpy", "2.3")};
  EXPECT_FALSE(asks(plan())) << "a lock is resolved already";
  step = wheels("pip");
  EXPECT_FALSE(asks(plan()));
  step = wheels("uv");
  step.manager = "/opt/other/uv";
  EXPECT_FALSE(asks(plan()));
}

// The place itself says what the files are, the mirror brings them; one that gives others is left, aloud.
TEST_F(LockTest, AMirrorThatGivesAnotherFileIsLeftForTheNext) {
  steps::InstallWheels step = wheels("uv");
  step.index_url = "https://mirror.example/simple/";
  step.asks = "https://pypi.example/simple/";
  step.others = {"https://second.example/simple/", "https://pypi.example/simple/"};
  std::vector<std::string> told;
  const testing_support::Variable usual("UV_HTTP_TIMEOUT", std::nullopt);
  const auto performed = [&] {
    told.clear();
    machine.world.ran.clear();
    make_env();
    before = remember(step, hands()).value_or(Json::object());
    Hands telling = hands();
    telling.say = [&told](std::string_view line) {
      if (line.starts_with(kAloud)) told.emplace_back(line);
    };
    return perform(step, telling);
  };
  ASSERT_TRUE(performed());
  EXPECT_TRUE(told.empty());
  for (const std::string& line : machine.world.ran) {
    const bool asks = base::contains(line, "pip compile");
    const bool installs = base::contains(line, "pip install");
    EXPECT_TRUE(!asks || base::contains(line, "https://pypi.example/simple/")) << line;
    EXPECT_TRUE(!installs || base::contains(line, "https://mirror.example/simple/")) << line;
  }
  machine.world.liars = {{step.index_url, "error: Hash mismatch for `numpy==2.3`"}};
  ASSERT_TRUE(performed());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], testing::AllOf(HasSubstr("mirror.example gave a file that does not have its hash"),
                                      HasSubstr("second.example is asked instead")));
  EXPECT_THAT(machine.world.ran.back(), HasSubstr("https://second.example/simple/"));
  EXPECT_TRUE(machine.world.environment.contains("UV_HTTP_TIMEOUT")) << "another one is to be asked after it";
  {
    const testing_support::Variable own("UV_HTTP_TIMEOUT", "300");
    ASSERT_TRUE(performed());
    EXPECT_FALSE(machine.world.environment.contains("UV_HTTP_TIMEOUT")) << "the user's own counts";
  }
  machine.world.liars[step.others[0]] = "error: Because there is no version of numpy==2.3";
  ASSERT_TRUE(performed());
  EXPECT_EQ(told.size(), 2U);
  EXPECT_THAT(machine.world.ran.back(), HasSubstr("https://pypi.example/simple/"));
  EXPECT_FALSE(machine.world.environment.contains("UV_HTTP_TIMEOUT")) << "there is no other after it";
  machine.world.liars[step.others[1]] = "error: Hash mismatch for `numpy==2.3`";
  const auto refused = performed();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("Hash mismatch"));
  EXPECT_FALSE(machine.view().exists(kLock));
}

TEST_F(LockTest, WhatIsAddedToAnEnvironmentLeavesItsLock) {
  ASSERT_TRUE(done(wheels("uv")));
  const std::string old = text();
  machine.world.index["pandas"] = {.version = "3.0"};
  steps::InstallWheels more = wheels("uv");
  more.packages = {"pandas"};
  more.variant = "";
  ASSERT_TRUE(done(more));
  EXPECT_EQ(text(), old);
}

TEST_F(LockTest, ALockIsFollowedThoughTheIndexHasNewer) {
  ASSERT_TRUE(done(wheels("uv")));
  const std::vector<std::string> locked = lines();
  machine.world.index["numpy"].version = "2.4";
  for (const char* tool : {"uv", "pip"}) {
    make_env();
    steps::InstallWheels step = wheels(tool);
    step.packages = locked;
    EXPECT_FALSE(holds(step, hands()).value_or(true));
    const auto performed = done(step);
    ASSERT_TRUE(performed) << performed.error().message();
    EXPECT_EQ(packages_in("/env/dl", machine.view())->at("numpy"), "2.3");
    EXPECT_TRUE(holds(step, hands()).value_or(false));
    EXPECT_FALSE(machine.view().exists("/env/dl/bringup-requirements.txt"));
    EXPECT_THAT(machine.world.ran.back(), HasSubstr("--no-deps --require-hashes"));
  }
}

TEST_F(LockTest, AnotherHashIsRefused) {
  ASSERT_TRUE(done(wheels("uv")));
  std::vector<std::string> locked = lines();
  locked.at(0).replace(locked.at(0).size() - 64, 64, std::string(64, '0'));
  for (const char* tool : {"uv", "pip"}) {
    make_env();
    steps::InstallWheels step = wheels(tool);
    step.packages = locked;
    const auto performed = done(step);
    ASSERT_FALSE(performed);
    EXPECT_THAT(performed.error().message(), HasSubstr("whose hash was written down"));
    EXPECT_FALSE(machine.view().exists("/env/dl/bringup-requirements.txt"));
  }
}

TEST_F(LockTest, ADirectoryOfWheelsIsAskedInsteadOfAnyIndex) {
  steps::InstallWheels step = wheels("uv");
  step.index_url = "/mnt/wheels";
  ASSERT_TRUE(done(step));
  std::size_t asked = 0;
  for (const std::string& line : machine.world.ran) {
    if (!base::contains(line, "/opt/uv pip")) continue;
    ++asked;
    EXPECT_THAT(line, HasSubstr("--no-index --find-links /mnt/wheels"));
    EXPECT_THAT(line, Not(HasSubstr("--index-url")));
  }
  EXPECT_EQ(asked, 2U);
}

}  // namespace
}  // namespace bringup::apply
