// SPDX-License-Identifier: Apache-2.0
// Stacks as goals, what their helpers are asked and tell, and the data that is checked before.
#include <bringup/stacks/stack.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace {

using namespace bringup;
using namespace bringup::stacks;
using testing::Contains;
using testing::HasSubstr;

const catalog::Stack& trl() {
  return *find_stack("trl", catalog::built_in()).value_or(nullptr);
}

TEST(Stacks, AreFoundByNameAndTheNearestIsNamed) {
  ASSERT_TRUE(find_stack("torchtune", catalog::built_in()));
  const auto wrong = find_stack("torchtun", catalog::built_in());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), Errc::usage);
  EXPECT_THAT(wrong.error().message(), HasSubstr("did you mean 'torchtune'?"));
  EXPECT_THAT(wrong.error().message(), HasSubstr("trl"));
}

TEST(Stacks, BecomeAGoalWithOneEnvironment) {
  goal::Goal mine;
  mine.driver = "580";
  mine.envs.push_back({.name = "other", .packages = {"numpy"}});
  const goal::Goal goal = goal_of(mine, trl(), "2.11.0");
  EXPECT_EQ(goal.driver, "580");
  EXPECT_EQ(goal.toolkit, "none");
  ASSERT_EQ(goal.envs.size(), 1U);
  EXPECT_EQ(goal.envs[0].name, "stack-trl");
  EXPECT_THAT(goal.envs[0].packages, Contains("torch==2.11.0"));
  EXPECT_THAT(goal_of(mine, trl(), "").envs[0].packages, Contains("torch"));
  mine.toolkit = "13.0";
  EXPECT_EQ(goal_of(mine, trl(), "").toolkit, "13.0");
}

TEST(Stacks, EachHasAHelperThatFitsOnACommandLine) {
  constexpr std::size_t kMostOfAWord = 131071;  // Linux: MAX_ARG_STRLEN
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    const std::string helper = helper_of(stack);
    EXPECT_THAT(helper, HasSubstr("def tell(")) << stack.name;
    EXPECT_THAT(helper, HasSubstr("\nrun(train_" + stack.name + ")")) << stack.name;
    EXPECT_LT(helper.size(), kMostOfAWord) << stack.name;
  }
  catalog::Stack unknown;
  unknown.name = "unknown";
  EXPECT_EQ(helper_of(unknown), "");
}

TEST(Stacks, AreAskedInJson) {
  const auto json = nlohmann::json::parse(
      ask_json({.method = "lora", .model = "/a \"b\"", .output = "/o", .steps = 3, .resume = true}));
  EXPECT_EQ(json["model"], "/a \"b\"");
  EXPECT_EQ(json["steps"], 3);
  EXPECT_EQ(json["resume"], true);
  EXPECT_EQ(json["smoke"], false);
}

TEST(StackRuns, TellTheirSteps) {
  RunTold told;
  for (const char* line :
       {R"({"event": "begin", "torch": "2.11.0+cu130", "processes": 2, "gpus": ["A", "B"]})",
        R"({"event": "step", "step": 1, "of": 9, "loss": 7.5, "seconds": 2.0, "tokens_per_second": 10.0})",
        R"({"event": "step", "step": 2, "of": 9, "loss": 6, "seconds": 1.0, "tokens_per_second": null})",
        R"({"event": "memory", "gpu": 1, "peak_bytes": 1024})",
        R"({"event": "checkpoint", "path": "/o/checkpoint-9"})", R"({"event": "end"})"})
    EXPECT_TRUE(take_line(line, told)) << line;
  EXPECT_EQ(told.torch, "2.11.0+cu130");
  EXPECT_EQ(told.gpus.size(), 2U);
  ASSERT_EQ(told.steps.size(), 2U);
  EXPECT_EQ(told.steps[1].loss, 6.0);
  EXPECT_EQ(throughput(told), std::optional(10.0));
  ASSERT_EQ(told.peaks.size(), 1U);
  EXPECT_EQ(told.peaks[0].second, 1024U);
  EXPECT_TRUE(told.ended);
}

TEST(StackRuns, AreNotMisledByOtherLines) {
  RunTold told;
  for (const char* line : {"", "step 1", "{\"event\"", "{\"event\": 3}", "[\"event\"]",
                           "{\"event\": \"stop\"}", "{\"event\": \"step\", \"loss\": NaN}", "{\"loss\": 3}"})
    EXPECT_FALSE(take_line(line, told)) << line;
  EXPECT_TRUE(told.steps.empty());
  EXPECT_FALSE(told.ended);
  // a loss that is no number is one that fails, and other types are as if nothing was said
  EXPECT_TRUE(take_line(R"({"event": "step", "step": "x", "of": [], "loss": null})", told));
  EXPECT_TRUE(std::isinf(told.steps.at(0).loss));
  EXPECT_TRUE(take_line(R"({"event": "begin", "gpus": [3, "A"], "processes": 1e400})", told) ||
              told.gpus.empty());
  EXPECT_TRUE(take_line(R"({"event": "memory", "peak_bytes": -1})", told));
  EXPECT_TRUE(told.peaks.empty());
}

std::vector<RunStep> losses(const std::vector<double>& values) {
  std::vector<RunStep> steps;
  for (const double loss : values) steps.push_back({.loss = loss});
  return steps;
}

TEST(StackRuns, FallByTheMeanOfThree) {
  EXPECT_TRUE(loss_fell(losses({7, 6, 5, 4, 3, 2})));
  EXPECT_FALSE(loss_fell(losses({7, 6, 5, 7, 6, 5})));
  EXPECT_FALSE(loss_fell(losses({7, 1})));  // too few to tell
  EXPECT_FALSE(loss_fell({}));
  EXPECT_FALSE(loss_fell(losses({7, 6, 5, 4, INFINITY, 2})));
  EXPECT_FALSE(loss_fell(losses({INFINITY, 6, 5, 4, 3, 2})));
}

TEST(StackRuns, LeaveTheFirstStepsOutOfTheirSpeed) {
  RunTold told;
  EXPECT_EQ(throughput(told), std::nullopt);
  for (const double speed : {1.0, 1.0, 90.0, 110.0, 100.0})
    told.steps.push_back({.seconds = 1, .tokens_per_second = speed});
  EXPECT_DOUBLE_EQ(throughput(told).value_or(0), 100.0);
}

TEST(StackData, IsTakenWithAndWithoutInput) {
  DataCheck check;
  for (const char* line : {R"({"instruction": "a", "input": "", "output": "b"})",
                           R"({"instruction": "a", "output": "b", "more": 3})", "", "  ",
                           R"({"instruction": "a", "input": null, "output": "b"})"})
    EXPECT_TRUE(check.take(line)) << line;
  EXPECT_EQ(check.rows(), 3);
}

TEST(StackData, NamesTheBadLine) {
  struct Case {
    const char* line;
    const char* error;
  };
  for (const auto& [line, error] :
       {Case{"no", "is no JSON"},
        {"[1]", "is no object"},
        {R"({"output": "b"})", "instruction is missing"},
        {R"({"instruction": "a"})", "output is missing"},
        {R"({"instruction": 3, "output": "b"})", "instruction is no text"},
        {R"({"instruction": " ", "output": "b"})", "instruction is empty"},
        {R"({"instruction": "a", "output": ""})", "output is empty"},
        {R"({"instruction": "a", "input": [], "output": "b"})", "input is no text"},
        {"{\"instruction\": \"\xff\", \"output\": \"b\"}", "is no JSON"},
        {R"({"instruction": "a", "output": "b"} x)", "is no JSON"}}) {
    DataCheck check;
    ASSERT_TRUE(check.take(R"({"instruction": "a", "output": "b"})"));
    const auto taken = check.take(line);
    ASSERT_FALSE(taken) << line;
    EXPECT_EQ(taken.error().code(), Errc::malformed);
    EXPECT_THAT(taken.error().message(), HasSubstr(std::string("line 2: ") + error));
    EXPECT_EQ(check.rows(), 1);
  }
}

}  // namespace
