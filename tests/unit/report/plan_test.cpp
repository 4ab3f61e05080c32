// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <unit/report/values.hpp>

namespace {

using namespace bringup;
using namespace bringup::report_testing;
using nlohmann::json;
using resolve::Action;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const report::Style kWide{.columns = 80, .colour = false};

resolve::Choice choice() {
  return {
      .driver = {.action = Action::install,
                 .branch = 580,
                 .version = std::nullopt,
                 .flavour = facts::Flavour::open,
                 .source = "nvidia",
                 .packages = {},
                 .headers = {},
                 .kernels = {"6.1.0-25-amd64"},
                 .dnf_module = "",
                 .hold = {}},
      .toolkit = {.action = Action::keep, .version = "13.0", .source = "keep", .packages = {}, .bin = ""},
      .python = {.manager = "uv",
                 .manager_path = "",
                 .version = "3.11",
                 .interpreter = "/usr/bin/python3.11",
                 .packages = {}},
      .envs = {{.name = "dl",
                .path = "/home/ana/dl",
                .action = Action::install,
                .packages = {{.name = "torch", .version = "2.14.1", .variant = "cu130", .index = "pytorch"},
                             {.name = "numpy", .version = "", .variant = std::nullopt, .index = "pypi"}}}},
      .reasons = {{.about = "driver",
                   .text = "branch 580 is the newest supported one that serves every GPU",
                   .source = "a"},
                  {.about = "source:nvidia", .text = "NVIDIA's repository answers", .source = "b"},
                  {.about = "torch",
                   .text = "torch 2.14.1 is the newest set",
                   .source = "c",
                   .known = catalog::Known::inferred},
                  {.about = "weather", .text = "it rains", .source = "d"}},
      .notices = {{.id = "secure-boot", .text = "Secure Boot is on"}}};
}

steps::Plan two_steps() {
  return {
      .steps = {
          {.id = "driver-packages",
           .kind = steps::InstallPackages{.manager = "apt",
                                          .packages = {"linux-headers-6.1.0-25-amd64", "nvidia-open-580"}},
           .why = "NVIDIA's driver branch 580",
           .changes = "2 packages and what they need; no kernel, nothing removed",
           .needs = {},
           .as_user = false},
          {.id = "wheels-dl",
           .kind = steps::InstallWheels{.env = "/home/ana/dl", .tool = "uv", .packages = {"torch==2.14.1"}},
           .why = "PyTorch",
           .changes = "1 package",
           .needs = {"driver-packages"},
           .as_user = true}}};
}

resolve::Conflict conflict() {
  return {
      .set = {{.what = "GPU 0000:01:00.0 Tesla V100 (7.0)", .why = "no driver after branch 580 serves Volta"},
              {.what = "driver branch 590", .why = "the goal asks for it"}},
      .could_change = {"ask for driver branch 580"},
      .reasons = {}};
}

TEST(PlanText, ShowsTheChoiceThenNoticesThenSteps) {
  EXPECT_EQ(report::plan_text(choice(), two_steps(), kWide), R"(  what           chosen                from

  driver         install branch 580    NVIDIA
  because        branch 580 is the newest supported one that serves every GPU
                 NVIDIA's repository answers

  kernel module  open                  with the driver
                 for 6.1.0-25-amd64

  CUDA toolkit   keep 13.0             here already

  Python         3.11 with uv          /usr/bin/python3.11

  wheels of dl   install 2 packages    PyTorch index
                 torch 2.14.1 (cu130)  PyPI
                 numpy
  because        torch 2.14.1 is the newest set (inferred, not tried)

  weather: it rains

Notices
  note  Secure Boot is on (secure-boot)

2 steps: 1 as root, 1 as you
  1  install packages with apt, as root
     linux-headers-6.1.0-25-amd64 nvidia-open-580
     why      NVIDIA's driver branch 580
     changes  2 packages and what they need; no kernel, nothing removed

  2  install wheels with uv into /home/ana/dl, as you
     torch==2.14.1
     why      PyTorch
     changes  1 package
)");
}

TEST(PlanText, ShowsTheSameInSixtyColumns) {
  EXPECT_EQ(report::plan_text(choice(), two_steps(), {.columns = 60, .colour = false}),
            R"(  what           chosen                from

  driver         install branch 580    NVIDIA
  because        branch 580 is the newest supported one that
                 serves every GPU
                 NVIDIA's repository answers

  kernel module  open                  with the driver
                 for 6.1.0-25-amd64

  CUDA toolkit   keep 13.0             here already

  Python         3.11 with uv          /usr/bin/python3.11

  wheels of dl   install 2 packages    PyTorch index
                 torch 2.14.1 (cu130)  PyPI
                 numpy
  because        torch 2.14.1 is the newest set (inferred,
                 not tried)

  weather: it rains

Notices
  note  Secure Boot is on (secure-boot)

2 steps: 1 as root, 1 as you
  1  install packages with apt, as root
     linux-headers-6.1.0-25-amd64 nvidia-open-580
     why      NVIDIA's driver branch 580
     changes  2 packages and what they need; no kernel,
              nothing removed

  2  install wheels with uv into /home/ana/dl, as you
     torch==2.14.1
     why      PyTorch
     changes  1 package
)");
}

TEST(PlanText, SaysWhenThereIsNothingToDo) {
  const std::string text = report::plan_text(choice(), {}, kWide);
  EXPECT_TRUE(text.ends_with("\n\nNothing to do\n")) << text;
}

TEST(PlanText, ModelsComeAfterTheSteps) {
  const std::vector<goal::ModelGoal> models{
      {.name = "org/first", .layout = "original", .directory = "/m/first", .where = ""},
      {.name = "org/second", .layout = "", .directory = "/m/second", .where = ""}};
  const std::string text = report::plan_text(choice(), two_steps(), kWide, models);
  EXPECT_TRUE(
      text.ends_with("\n\nThen 2 models, each as a run of its own\n  org/first, its original files\n"
                     "    /m/first\n  org/second\n    /m/second\n"))
      << text;
}

TEST(PlanText, AConflictIsAsSetWithWhatCouldBeChanged) {
  EXPECT_EQ(report::plan_text(conflict(), {}, kWide), R"(There is no choice: these cannot all be true

  GPU 0000:01:00.0 Tesla V100 (7.0)
    no driver after branch 580 serves Volta

  driver branch 590
    the goal asks for it

What could be changed
  -  ask for driver branch 580
)");
}

TEST(PlanText, TellsEveryReasonOnce) {
  const std::string text = report::plan_text(choice(), {}, kWide);
  for (const resolve::Reason& reason : choice().reasons) {
    const std::size_t at = text.find(reason.text);
    ASSERT_NE(at, std::string::npos) << reason.text;
    EXPECT_EQ(text.find(reason.text, at + 1), std::string::npos) << reason.text;
  }
}

TEST(PlanText, EachEnvironmentHasItsOwnReason) {
  resolve::Choice two = choice();
  two.envs.push_back(two.envs[0]);
  two.envs[1].name = "old";
  two.reasons = {{.about = "torch", .text = "the first reason", .source = ""},
                 {.about = "torch", .text = "the second reason", .source = ""}};
  const std::string text = report::plan_text(two, {}, kWide);
  EXPECT_LT(text.find("the first reason"), text.find("wheels of old"));
  EXPECT_GT(text.find("the second reason"), text.find("wheels of old"));
}

TEST(PlanText, NoDriverIsSaidWithoutARowForItsModule) {
  resolve::Choice none = choice();
  none.driver = {};
  const std::string text = report::plan_text(none, {}, kWide);
  EXPECT_THAT(text, HasSubstr("  driver         none"));
  EXPECT_THAT(text, Not(HasSubstr("kernel module")));
}

TEST(PlanText, EveryKindOfStepSaysWhatItDoesAndToWhat) {
  const std::string text = report::plan_text(choice(), {.steps = every_kind_of_step("thing")}, kWide);
  for (const char* what :
       {"write a file, as you", "edit the block 'thing' of a file, as you", "download thing, as you",
        "install packages with thing, as you", "hold packages with thing, as you",
        "load a kernel module, as you", "start a service, now and at each boot, as you",
        "download and run thing, as you", "install uv, as you",
        "create a Python environment with thing, as you", "install wheels with thing into thing, as you",
        "download a file of thing, as you", "ask Secure Boot to trust a key, as you",
        "install packages out of the repository in thing, as you"})
    EXPECT_THAT(text, HasSubstr(what));
  EXPECT_THAT(text, HasSubstr("14 steps: 0 as root, 14 as you\n"));
}

TEST(PlanJson, HasTheChoiceAsOtherProgramsReadIt) {
  const std::string text = report::plan_json(choice(), two_steps());
  EXPECT_THAT(text, StartsWith("{\n  \"schema\": \"bringup.plan/1\",\n"));
  const json document = json::parse(text);
  const json expected = {
      {"driver",
       {{"action", "install"},
        {"branch", 580},
        {"version", nullptr},
        {"flavour", "open"},
        {"source", "nvidia"}}},
      {"toolkit", {{"action", "keep"}, {"version", "13.0"}, {"source", "keep"}}},
      {"python", {{"manager", "uv"}, {"version", "3.11"}}},
      {"environments",
       {{{"name", "dl"},
         {"packages",
          {{{"name", "torch"}, {"version", "2.14.1"}, {"variant", "cu130"}, {"index", "pytorch"}},
           {{"name", "numpy"}, {"version", nullptr}, {"variant", nullptr}, {"index", "pypi"}}}}}}}};
  EXPECT_EQ(document["choice"], expected);
  EXPECT_TRUE(document["conflict"].is_null());
  EXPECT_EQ(document["reasons"][0],
            json({{"about", "driver"},
                  {"text", "branch 580 is the newest supported one that serves every GPU"},
                  {"source", "a"},
                  {"known", "read"}}));
  EXPECT_EQ(document["notices"], json::array({{{"id", "secure-boot"}, {"text", "Secure Boot is on"}}}));
  EXPECT_EQ(document["steps"][1], json({{"id", "wheels-dl"},
                                        {"kind", "install-wheels"},
                                        {"target", "torch==2.14.1"},
                                        {"why", "PyTorch"},
                                        {"changes", "1 package"},
                                        {"needs", {"driver-packages"}},
                                        {"as_user", true}}));
}

TEST(PlanJson, AChoiceOfNothingHasEveryKey) {
  const json document = json::parse(report::plan_json(resolve::Choice{}, {}));
  const json nothing = {{"driver",
                         {{"action", "none"},
                          {"branch", nullptr},
                          {"version", nullptr},
                          {"flavour", nullptr},
                          {"source", nullptr}}},
                        {"toolkit", {{"action", "none"}, {"version", nullptr}, {"source", nullptr}}},
                        {"python", {{"manager", nullptr}, {"version", nullptr}}},
                        {"environments", json::array()}};
  EXPECT_EQ(document["choice"], nothing);
  for (const char* list : {"reasons", "notices", "steps", "models"})
    EXPECT_EQ(document[list], json::array()) << list;
}

TEST(PlanJson, AConflictHasNoChoice) {
  const json document = json::parse(report::plan_json(conflict(), {}));
  EXPECT_TRUE(document["choice"].is_null());
  const json expected = {
      {"set",
       {{{"what", "GPU 0000:01:00.0 Tesla V100 (7.0)"}, {"why", "no driver after branch 580 serves Volta"}},
        {{"what", "driver branch 590"}, {"why", "the goal asks for it"}}}},
      {"could_change", {"ask for driver branch 580"}}};
  EXPECT_EQ(document["conflict"], expected);
  EXPECT_EQ(document["steps"], json::array());
}

}  // namespace
