// SPDX-License-Identifier: Apache-2.0
// A plan as a file: what is written is what is read, and what no plan is is refused by name.
#include <bringup/steps/step.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <variant>

namespace bringup::steps {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

// A step of each kind, each field with a value of its own.
Plan whole() {
  Plan plan{.machine = "m1",
            .goal = "g1",
            .made_at = "2026-11-23T10:00:00Z",
            .user = {.name = "ada", .home = "/home/ada", .uid = 1000, .gid = 1001},
            .steps = {}};
  plan.steps = {
      {.id = "file",
       .kind = WriteFile{.path = "/etc/x", .text = "a\nb \"c\"\n", .mode = 0600},
       .why = "because",
       .changes = "one file"},
      {.id = "block",
       .kind = EditBlock{.path = "/home/ada/.bashrc", .name = "cuda", .text = "PATH=x\n"},
       .why = "shell",
       .changes = "one block",
       .needs = {"file"},
       .as_user = true},
      {.id = "key",
       .kind = FetchFile{.url = "https://example.org/k",
                         .path = "/k",
                         .sha256 = "",
                         .fingerprint = "AB",
                         .mode = 0644}},
      {.id = "packages",
       .kind = InstallPackages{.manager = "dnf",
                               .packages = {"a", "b=1"},
                               .dnf_module = "m:1",
                               .builds_for = {"6.1"},
                               .sources = "/s"},
       .needs = {"file", "key"}},
      {.id = "hold", .kind = HoldPackages{.manager = "apt", .packages = {"linux-image-amd64"}}},
      {.id = "enrol", .kind = EnrolKey{.certificates = {"/a.der", "/b.pub"}}},
      {.id = "local",
       .kind = InstallFromRepositoryFile{.path = "/root/cuda-repo.deb",
                                         .sha256 = std::string(64, 'a'),
                                         .packages = {"cuda-toolkit-13-0"}}},
      {.id = "load", .kind = LoadModule{.module = "nvidia"}},
      {.id = "fabric", .kind = EnableService{.service = "nvidia-fabricmanager", .now = true}},
      {.id = "uv", .kind = InstallUv{.path = "/p/uv", .python = "/usr/bin/python3", .version = "0.13.8"}},
      {.id = "env",
       .kind = CreateEnv{.path = "/p/dl", .tool = "uv", .manager = "/p/uv/bin/uv", .python = "3.11"}},
      {.id = "conda",
       .kind = InstallConda{.path = "/p/miniconda3",
                            .url = "https://example.org/Miniconda3.sh",
                            .sha256 = std::string(64, 'b'),
                            .size = 163'179'296,
                            .config = "channels:\n  - conda-forge\n"},
       .as_user = true},
      {.id = "wheels",
       .kind = InstallWheels{.env = "/p/dl",
                             .tool = "uv",
                             .manager = "/p/uv/bin/uv",
                             .packages = {"torch==2.14.1"},
                             .index_url = "https://example.org/whl/cu130",
                             .asks = "https://example.com/whl/cu130",
                             .others = {"https://example.net/whl/cu130"},
                             .variant = "cu130"},
       .needs = {"env"},
       .as_user = true},
      {.id = "model",
       .kind = FetchModelFile{.endpoint = "https://hub.example",
                              .repo = "o/m",
                              .commit = "c1",
                              .file = "original/params.json",
                              .directory = "/home/ada/m",
                              .size = 5'000'000'000,
                              .sha256 = "ab",
                              .git_sha = "cd"},
       .as_user = true},
      {.id = "extension",
       .kind = BuildExtension{.env = "/p/dl",
                              .module = "exllamav2_ext",
                              .imports = "exllamav2.ext",
                              .torch = "2.11.0",
                              .cuda_home = "/usr/local/cuda-13.0",
                              .compiler = "/usr/bin/g++-12",
                              .architectures = {"8.6", "9.0"},
                              .jobs = 3},
       .needs = {"wheels"},
       .as_user = true},
  };
  return plan;
}

TEST(PlanFile, ComesBackAsItWas) {
  ASSERT_EQ(whole().steps.size(), std::variant_size_v<Kind>) << "a kind is missing here";
  const auto back = parse_plan(to_json(whole()));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, whole());
}

TEST(PlanFile, OfNothingToDoIsAPlanToo) {
  Plan plan = whole();
  plan.steps.clear();
  const auto back = parse_plan(to_json(plan));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->steps.empty());
}

TEST(PlanFile, EachStepComesBackByItself) {
  for (const Step& step : whole().steps) {
    const auto back = parse_step(to_json(step));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, step);
  }
}

std::string refusal(const std::function<void(ordered_json&)>& damage) {
  ordered_json json = ordered_json::parse(to_json(whole()));
  damage(json);
  const auto back = parse_plan(json.dump());
  if (back) return "accepted";
  EXPECT_EQ(back.error().code(), Errc::malformed);
  return back.error().message();
}

TEST(PlanFile, RefusesAKindThatItDoesNotKnow) {
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["kind"] = "remove-everything"; }),
              HasSubstr("step 'file': unknown kind 'remove-everything'"));
}

TEST(PlanFile, RefusesEveryMissingKey) {
  const ordered_json json = ordered_json::parse(to_json(whole()));
  for (const auto& [key, value] : json.items())
    EXPECT_NE(refusal([&key = key](auto& damaged) { damaged.erase(key); }), "accepted") << key;
  for (const auto& [key, value] : json["user"].items())
    EXPECT_THAT(refusal([&key = key](auto& damaged) { damaged["user"].erase(key); }), HasSubstr(key));
  for (std::size_t i = 0; i < json["steps"].size(); ++i) {
    for (const auto& [key, value] : json["steps"][i].items())
      EXPECT_THAT(refusal([i, &key = key](auto& damaged) { damaged["steps"][i].erase(key); }),
                  HasSubstr(key));
    for (const auto& [key, value] : json["steps"][i]["do"].items()) {
      const bool added = key == "find_links" || key == "plugin" || key == "sources" || key == "channel" ||
                         key == "asks" || key == "others" ||
                         (key == "index_url" && json["steps"][i]["kind"] == "install-uv");
      if (added) continue;
      EXPECT_THAT(refusal([i, &key = key](auto& damaged) { damaged["steps"][i]["do"].erase(key); }),
                  HasSubstr(key + " is missing"));
    }
  }
}

// Journals of earlier versions must still be read.
TEST(PlanFile, ReadsStepsWithoutTheKeysThatWereAddedLater) {
  ordered_json json = ordered_json::parse(to_json(whole()));
  std::size_t without = 0;
  for (ordered_json& step : json["steps"]) {
    without += step["do"].erase("find_links");
    without += step["do"].erase("plugin");
    without += step["do"].erase("sources");
    without += step["do"].erase("channel");
    if (step["kind"] == "install-uv") without += step["do"].erase("index_url");
  }
  EXPECT_EQ(without, 5U);
  const auto plan = parse_plan(json.dump());
  ASSERT_TRUE(plan) << plan.error().message();
  Plan as_before = whole();
  for (Step& step : as_before.steps) {
    if (auto* packages = std::get_if<InstallPackages>(&step.kind)) packages->sources.clear();
  }
  EXPECT_EQ(*plan, as_before);
}

TEST(PlanFile, RefusesValuesOfAnotherType) {
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["do"]["path"] = 7; }),
              HasSubstr("step 'file': path is not of the expected type"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["do"]["mode"] = 99999; }),
              HasSubstr("is no file mode"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["do"]["mode"] = -1; }), HasSubstr("is no file mode"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][3]["do"]["packages"][0] = 1; }),
              HasSubstr("packages holds something that is not a text"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][1]["as_user"] = "yes"; }), HasSubstr("as_user"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"] = "none"; }), HasSubstr("steps"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0] = "none"; }), HasSubstr("is missing"));
  EXPECT_THAT(refusal([](auto& json) { json["user"] = ordered_json::array(); }), HasSubstr("user"));
}

TEST(PlanFile, RefusesNeedsThatPointForward) {
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["needs"] = {"wheels"}; }),
              HasSubstr("step 'file' needs 'wheels', which does not come before it"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][0]["needs"] = {"file"}; }), HasSubstr("needs 'file'"));
  EXPECT_THAT(refusal([](auto& json) { json["steps"][8]["needs"] = {"nobody"}; }),
              HasSubstr("needs 'nobody'"));
}

TEST(PlanFile, RefusesRepeatedIds) {
  EXPECT_THAT(refusal([](auto& json) { json["steps"][4]["id"] = "file"; }),
              HasSubstr("two steps are called 'file'"));
}

TEST(PlanFile, RefusesAFileFromTheNetworkThatNothingChecks) {
  EXPECT_THAT(refusal([](auto& json) { json["steps"][2]["do"]["fingerprint"] = ""; }),
              HasSubstr("no hash or fingerprint"));
}

TEST(PlanFile, RefusesOtherDocuments) {
  for (const char* text : {"", "[]", "null", "{", "{}", "plan", R"({"schema": "bringup.plan-file/2"})"})
    EXPECT_FALSE(parse_plan(text)) << text;
  EXPECT_THAT(refusal([](auto& json) { json["schema"] = "bringup.plan-file/2"; }),
              HasSubstr("schema 'bringup.plan-file/2', expected 'bringup.plan-file/1'"));
}

TEST(PlanFile, EveryCutOfItIsRefused) {
  const std::string text = to_json(whole());
  for (std::size_t size = 0; size < text.size(); size += 7) EXPECT_FALSE(parse_plan(text.substr(0, size)));
}

TEST(PlanFile, BytesThatAreNoUtf8DoNotStopIt) {
  Plan plan = whole();
  plan.steps[0].why = "bad \xff byte";
  EXPECT_TRUE(parse_plan(to_json(plan)));
}

TEST(Target, IsWhatAStepActsOn) {
  const Plan plan = whole();
  EXPECT_EQ(target(plan.steps[0].kind), "/etc/x");
  EXPECT_EQ(target(plan.steps[3].kind), "a b=1");
  EXPECT_EQ(target(plan.steps[5].kind), "/a.der or /b.pub");
  EXPECT_EQ(target(plan.steps[6].kind), "cuda-toolkit-13-0");
  EXPECT_EQ(target(plan.steps[7].kind), "nvidia");
  EXPECT_EQ(target(plan.steps[8].kind), "nvidia-fabricmanager");
  EXPECT_EQ(kind_name(plan.steps[8].kind), "enable-service");
  EXPECT_EQ(target(plan.steps[11].kind), "/p/miniconda3");
  EXPECT_EQ(kind_name(plan.steps[12].kind), "install-wheels");
}

}  // namespace
}  // namespace bringup::steps
