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

const catalog::Stack& exllamav2() {
  return *find_stack("exllamav2", catalog::built_in()).value_or(nullptr);
}

TEST(Stacks, ThatCompileWantAToolkitAndAnEnvironmentOfTheirOwn) {
  const goal::Goal goal = goal_of({}, exllamav2(), "2.11.0");
  EXPECT_EQ(goal.toolkit, "auto");
  ASSERT_TRUE(goal.envs[0].extension);
  EXPECT_EQ(goal.envs[0].extension->module, "exllamav2_ext");
  EXPECT_EQ(goal.envs[0].extension->imports, "exllamav2.ext");
  EXPECT_TRUE(goal.envs[0].own);
  EXPECT_FALSE(goal_of({}, trl(), "").envs[0].extension);
}

facts::Machine machine_with(std::string_view compute) {
  facts::Machine machine;
  if (!compute.empty())
    machine.pci.push_back({.address = "0000:01:00.0",
                           .kind = facts::PciKind::gpu,
                           .name = "Card",
                           .compute_capability = std::string(compute)});
  return machine;
}

TEST(Stacks, AreRefusedForGpusThatTheyCannotUse) {
  EXPECT_TRUE(check_gpus(exllamav2(), machine_with("6.1")));
  const auto old = check_gpus(exllamav2(), machine_with("5.2"));
  ASSERT_FALSE(old);
  EXPECT_THAT(old.error().message(),
              HasSubstr("compute capability 6.0 on, and Card at 0000:01:00.0 has 5.2"));
  const auto none = check_gpus(exllamav2(), machine_with(""));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("there is none on the PCI bus"));
  EXPECT_TRUE(check_gpus(trl(), machine_with("")));
  EXPECT_TRUE(check_gpus(exllamav2(), machine_with("?"))) << "what is not known is the resolver's to refuse";
}

TEST(Stacks, OfAGoalBecomeEnvironmentsBesideItsOwn) {
  goal::Goal goal;
  EXPECT_EQ(with_stacks(goal, catalog::built_in())->size(), 1U);
  goal.stacks = {{.name = "trl", .model = "", .where = "g:3"},
                 {.name = "exllamav2", .model = "", .where = "g:5"}};
  const auto goals = with_stacks(goal, catalog::built_in());
  ASSERT_TRUE(goals) << goals.error().message();
  ASSERT_EQ(goals->size(), 2U) << "the torch that was tried, then any";
  ASSERT_EQ(goals->front().envs.size(), 3U);
  EXPECT_EQ(goals->front().envs[0].name, "dl");
  EXPECT_EQ(goals->front().envs[1].name, "stack-trl");
  EXPECT_THAT(goals->front().envs[2].packages, Contains("torch==2.11.0"));
  EXPECT_THAT(goals->back().envs[2].packages, Contains("torch"));
  goal.stacks[1].name = "exllamav4";
  const auto unknown = with_stacks(goal, catalog::built_in());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("g:5: unknown stack 'exllamav4'"));
  goal.stacks.resize(1);
  goal.envs[0].name = "stack-trl";
  EXPECT_THAT(with_stacks(goal, catalog::built_in()).error().message(), HasSubstr("give it another name"));
}

TEST(Stacks, EachHasAHelperThatFitsOnACommandLine) {
  constexpr std::size_t kMostOfAWord = 131071;  // Linux: MAX_ARG_STRLEN
  for (const catalog::Stack& stack : catalog::built_in().stacks) {
    const std::string helper = helper_of(stack);
    EXPECT_THAT(helper, HasSubstr("def tell(")) << stack.name;
    EXPECT_THAT(helper, HasSubstr("\nrun(" + stack.use.substr(0, 8) + "_" + stack.name + ")")) << stack.name;
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

TEST(StackRuns, TellWhatIsGenerated) {
  const auto json = nlohmann::json::parse(
      ask_json({.model = "/m", .prompt = "Once \"upon\"\n", .tokens = 20, .context = 100, .smoke = false}));
  EXPECT_EQ(json["method"], "generate");
  EXPECT_EQ(json["prompt"], "Once \"upon\"\n");
  RunTold told;
  for (const char* line :
       {R"({"event": "text", "text": " a"})", R"({"event": "text", "text": " time"})",
        R"({"event": "generated", "prompt_tokens": 5, "tokens": 21, "prompt_seconds": 0.5, "seconds": 2.0})"})
    EXPECT_TRUE(take_line(line, told)) << line;
  EXPECT_EQ(told.text, " a time");
  ASSERT_TRUE(told.generated);
  EXPECT_EQ(told.generated->prompt_tokens, 5);
  EXPECT_EQ(tokens_per_second(*told.generated), 10.0) << "the first belongs to the prompt";
  EXPECT_FALSE(tokens_per_second({.tokens = 1, .seconds = 1}));
  EXPECT_FALSE(tokens_per_second({.tokens = 9, .seconds = 0}));
}

TEST(StackRuns, PrintNothingThatMovesATerminal) {
  EXPECT_EQ(printable("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(printable("\x1b[31mred\x07\r\x7f"), "[31mred");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \xc2\xa0 \xc3\x9f \xe4\xbd\xa0"),
            "31m \xc2\xa0 \xc3\x9f \xe4\xbd\xa0");
  EXPECT_EQ(printable("\xc2"), "\xc2");
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
  EXPECT_EQ(told.peaks[0].reserved_bytes, 1024U);
  EXPECT_EQ(told.peaks[0].allocated_bytes, 0U);
  ASSERT_TRUE(take_line(R"({"event": "memory", "gpu": 1, "peak_bytes": 9, "allocated_bytes": 7})", told));
  EXPECT_EQ(told.peaks[1].gpu, 1);
  EXPECT_EQ(told.peaks[1].allocated_bytes, 7U);
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
