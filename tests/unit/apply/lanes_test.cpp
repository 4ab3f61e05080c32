// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/journal.hpp>
#include <bringup/apply/lanes.hpp>
#include <bringup/base/digest.hpp>

#include "fake_machine.hpp"
#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace bringup::apply {
namespace {

using fake::step_of;
using namespace std::chrono_literals;

steps::Step file(std::string id, std::vector<std::string> needs = {}) {
  steps::Step step = step_of(id, steps::WriteFile{.path = "/etc/" + id, .text = id});
  step.needs = std::move(needs);
  return step;
}
steps::Step env(std::string id, std::vector<std::string> needs = {}) {
  steps::Step step =
      step_of(id, steps::CreateEnv{.path = "/e/" + id, .tool = "venv", .manager = "", .python = "3"});
  step.needs = std::move(needs);
  return step;
}
steps::Plan plan(std::vector<steps::Step> list) {
  return {.machine = "", .goal = "", .made_at = "", .user = {}, .steps = std::move(list)};
}

steps::Step driver(std::vector<std::string> needs = {}) {
  steps::Step step = step_of(
      "driver",
      steps::InstallPackages{
          .manager = "apt", .packages = {"nvidia-open"}, .dnf_module = "", .builds_for = {"6.1.0-25-amd64"}});
  step.needs = std::move(needs);
  return step;
}
steps::Step wheels(std::string id) {
  return step_of(id, steps::InstallWheels{.env = "/e/" + id, .packages = {"torch"}});
}

// What happened, in order: "+id" for a beginning, "-id" for an end.
class Story {
 public:
  void add(std::string what) {
    const std::lock_guard guard(mutex_);
    told_.push_back(std::move(what));
  }
  bool has(std::string_view what) const {
    const std::lock_guard guard(mutex_);
    return std::ranges::find(told_, what) != told_.end();
  }
  // For at most five seconds.
  bool comes(std::string_view what) const {
    for (int i = 0; i < 1000 && !has(what); ++i) std::this_thread::sleep_for(5ms);
    return has(what);
  }
  std::ptrdiff_t place(std::string_view what) const { return std::ranges::find(told_, what) - told_.begin(); }
  std::vector<std::string> all() const { return told_; }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
};

TEST(Lanes, BothGoOnAtTheSameTime) {
  const steps::Plan both = plan({file("driver"), env("dl")});
  Story story;
  const auto halt = side_by_side(both, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + both.steps[i].id);
    const bool met = story.comes(i == 0 ? "+dl" : "+driver");
    return met ? ok : Result<>(Error(Errc::failed, "was alone"));
  });
  EXPECT_FALSE(halt) << halt->why.message();
}

TEST(Lanes, KeepTheirOrderAndWaitForWhatAStepNeeds) {
  const steps::Plan mixed =
      plan({file("a"), env("b", {"a"}), file("c"), env("d"), file("e", {"d"}), env("f", {"c"})});
  Story story;
  const auto halt = side_by_side(mixed, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + mixed.steps[i].id);
    std::this_thread::sleep_for(2ms);
    story.add("-" + mixed.steps[i].id);
    return ok;
  });
  ASSERT_FALSE(halt);
  EXPECT_EQ(story.all().size(), 12U);
  for (const auto& [first, then] : std::vector<std::pair<const char*, const char*>>{
           {"-a", "+b"}, {"-a", "+c"}, {"-b", "+d"}, {"-d", "+e"}, {"-c", "+e"}, {"-c", "+f"}, {"-d", "+f"}})
    EXPECT_LT(story.place(first), story.place(then)) << first << " before " << then;
}

TEST(Lanes, AFailureLetsTheOtherEndItsStepAndBeginsNoMore) {
  const steps::Plan both = plan({file("driver"), file("toolkit"), env("dl"), env("more")});
  Story story;
  const auto halt = side_by_side(both, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + both.steps[i].id);
    if (both.steps[i].id == "dl") {
      EXPECT_TRUE(story.comes("+driver"));
      return Error(Errc::unreachable, "no index");
    }
    EXPECT_TRUE(story.comes("+dl"));
    std::this_thread::sleep_for(50ms);
    story.add("-" + both.steps[i].id);
    return ok;
  });
  ASSERT_TRUE(halt);
  EXPECT_EQ(halt->step, std::optional<std::size_t>(2));
  EXPECT_EQ(halt->why.code(), Errc::unreachable);
  EXPECT_TRUE(story.has("-driver"));
  EXPECT_FALSE(story.has("+toolkit"));
  EXPECT_FALSE(story.has("+more"));
}

TEST(Lanes, WhatWaitsForAStepThatFailsDoesNotWaitForEver) {
  const steps::Plan both = plan({file("python"), env("dl", {"python"})});
  Story story;
  const auto halt = side_by_side(both, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + both.steps[i].id);
    std::this_thread::sleep_for(20ms);
    return Error(Errc::failed, "no");
  });
  ASSERT_TRUE(halt);
  EXPECT_EQ(halt->step, std::optional<std::size_t>(0));
  EXPECT_EQ(story.all(), std::vector<std::string>{"+python"});
}

TEST(Lanes, AnExceptionIsThrownWhenBothHaveEnded) {
  for (const std::size_t thrower : {0U, 1U}) {
    const steps::Plan both = plan({file("driver"), env("dl"), file("toolkit")});
    std::atomic<int> ended = 0;
    EXPECT_THROW(side_by_side(both,
                              [&](std::size_t i, const auto&) -> Result<> {
                                if (i == thrower) throw std::runtime_error("died");
                                std::this_thread::sleep_for(20ms);
                                ++ended;
                                return ok;
                              }),
                 std::runtime_error);
    EXPECT_LE(ended, thrower == 0 ? 1 : 2);
  }
}

TEST(Lanes, WheelsWaitUntilTheDriversPackagesAreUnpackedAndNotUntilItIsBuilt) {
  const steps::Plan both = plan({file("before"), driver(), env("dl"), wheels("torch")});
  Story story;
  const auto halt = side_by_side(both, [&](std::size_t i, const auto& disk_is_free) -> Result<> {
    story.add("+" + both.steps[i].id);
    EXPECT_TRUE(both.steps[i].id != "before" || story.comes("+dl")) << "an empty environment writes little";
    if (both.steps[i].id != "driver") return ok;
    std::this_thread::sleep_for(50ms);
    EXPECT_FALSE(story.has("+torch"));
    disk_is_free();
    disk_is_free();
    EXPECT_TRUE(story.comes("+torch"));
    return ok;
  });
  EXPECT_FALSE(halt);
}

TEST(Lanes, WheelsBeginWhenTheDriverIsOverAndHasToldNothing) {
  const steps::Plan both = plan({driver(), wheels("torch"), file("toolkit")});
  Story story;
  const auto halt = side_by_side(both, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + both.steps[i].id);
    EXPECT_TRUE(i != 2 || story.comes("+torch")) << "other packages are not waited for";
    if (i == 0) std::this_thread::sleep_for(20ms);
    story.add("-" + both.steps[i].id);
    return ok;
  });
  EXPECT_FALSE(halt);
  EXPECT_LT(story.place("-driver"), story.place("+torch"));
}

TEST(Lanes, ADriverThatWaitsForAnEnvironmentIsNotWaitedFor) {
  const steps::Plan both = plan({driver({"torch"}), wheels("torch")});
  Story story;
  EXPECT_FALSE(side_by_side(both, [&](std::size_t i, const auto&) -> Result<> {
    story.add("+" + both.steps[i].id);
    return ok;
  }));
  EXPECT_EQ(story.all(), (std::vector<std::string>{"+torch", "+driver"}));
}

TEST(Lanes, OneLaneAloneStaysInItsThread) {
  const auto here = std::this_thread::get_id();
  const steps::Plan files = plan({file("a"), file("b")});
  const auto halt = side_by_side(files, [&](std::size_t, const auto&) -> Result<> {
    return std::this_thread::get_id() == here ? ok : Result<>(Error(Errc::failed, "another thread"));
  });
  EXPECT_FALSE(halt);
}

// The environment's directory was there when the file's step, later begun and earlier in the plan, looked.
TEST(Lanes, TakingBackGoesByWhatWasBegunLast) {
  fake::Machine machine;
  fake::Silent silent;
  fake::fs::create_directories(machine.world.at("/srv"));
  machine.world.web["https://hub.example/o/m/resolve/c1/w"] = "w";
  const auto before = machine.tree();
  const steps::Plan both =
      fake::plan_of(machine, {step_of("file", steps::WriteFile{.path = "/srv/shared/file", .text = "t"}),
                              step_of("model", steps::FetchModelFile{.endpoint = "https://hub.example",
                                                                     .repo = "o/m",
                                                                     .commit = "c1",
                                                                     .file = "w",
                                                                     .directory = "/srv/shared/m",
                                                                     .size = 1,
                                                                     .sha256 = base::sha256_hex("w"),
                                                                     .git_sha = ""})});
  // The model's step alone first, as its own lane would when it is quicker.
  steps::Plan model = both;
  model.steps.erase(model.steps.begin());
  ASSERT_TRUE(apply(model, machine, fake::kClock, machine.settings(), silent));
  const auto runs = history(machine.view(), machine.settings());
  ASSERT_TRUE(runs);
  const std::string journal = machine.settings().state_directory + "/runs/" + runs->at(0).id + "/journal";
  // The same journal with both steps in its plan, the other one done after it.
  Decoded records = decode_journal(fake::slurp(journal));
  ASSERT_TRUE(records.records.size() >= 4U);
  records.records[0]["plan"] = Json::parse(steps::to_json(both));
  std::string bytes;
  for (std::size_t i = 0; i + 1 < records.records.size(); ++i) bytes += encode_record(records.records[i]);
  fake::put(journal, bytes);
  ASSERT_TRUE(resume(machine, fake::kClock, machine.settings(), silent));
  silent.ended.clear();
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), silent));
  EXPECT_EQ(silent.ended, (std::vector<std::string>{"file done", "model done"}));
  EXPECT_EQ(fake::difference(machine.tree(), before), "");
}

}  // namespace
}  // namespace bringup::apply
