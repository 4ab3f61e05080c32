// SPDX-License-Identifier: Apache-2.0
// model plan REPO as a person types it, against a hub on loopback that is in order, guarded or broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <support/hub.hpp>

namespace {

using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ModelOnAHub : public WithAHub {
 protected:
  Ran plan(const std::string& repo, const std::string& token = "", std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"model", "plan", repo, "--for", "1x RTX 4090"});
    return bringup_program(more, surroundings(token));
  }
};

TEST_F(ModelOnAHub, IsToldBeforeItsWeightsMove) {
  const Ran ran = plan("ok/model", "", {"--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << ran.out;
  EXPECT_EQ(document["parameters"], 750000);
  EXPECT_EQ(document["memory"].size(), 12U);
  EXPECT_EQ(document["files"].size(), 10U);
  EXPECT_EQ(document["commit"], "0123456789abcdef0123456789abcdef01234567");
  EXPECT_EQ(document["readable"], true);
  EXPECT_TRUE(document["directory"].is_null());
  EXPECT_GT(document["disk_free_bytes"], 0);
  EXPECT_THAT(ran.out, AllOf(Not(HasSubstr("onnx")), Not(HasSubstr("pytorch_model.bin"))));
  // headers alone
  EXPECT_EQ(asked({"Store", "GET"}), asked({"Store", "bytes=0-131071"}));
  EXPECT_EQ(asked({"Store", "HEAD"}), 0);
}

TEST_F(ModelOnAHub, OnlyNamesALayout) {
  const auto count = [this](const std::string& layout) {
    const auto document =
        nlohmann::json::parse(plan("ok/model", "", {"--json", "--only", layout}).out, nullptr, false);
    return document.is_object() ? document["files"].size() : 0;
  };
  EXPECT_EQ(count("original"), 3U);
  EXPECT_EQ(count("safetensors"), 7U);
  EXPECT_EQ(plan("ok/model", "", {"--only", "gguf"}).code, 64);
}

TEST_F(ModelOnAHub, WithALicenceSaysWhatIsMissing) {
  const Ran nobody = plan("gated/model");
  EXPECT_EQ(nobody.code, 77);
  EXPECT_THAT(nobody.err, AllOf(HasSubstr("open " + endpoint_ + "/gated/model"), HasSubstr("HF_TOKEN")));
  EXPECT_THAT(nobody.out, HasSubstr("10 files, 1.8 MiB"));  // what everybody may know
  const Ran other = plan("gated/model", kOther);
  EXPECT_EQ(other.code, 77);
  EXPECT_THAT(other.err, AllOf(HasSubstr("accept the licence"), HasSubstr("(403)")));
  const Ran wrong = plan("gated/model", "hf_wrong0canary");
  EXPECT_EQ(wrong.code, 77);
  EXPECT_THAT(wrong.err, HasSubstr("does not take the token of HF_TOKEN (401)"));
  const Ran good = plan("gated/model", kGood);
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("must be accepted"));
}

// A port of this machine where nobody listens plays the mirror: nothing else is asked in its place.
TEST_F(ModelOnAHub, IsAskedByTheMirrorOfTheGoalWithoutTheToken) {
  const std::string goal =
      file("mirror.toml", "[mirrors]\nprofile = { huggingface = \"https://127.0.0.1:9/hf/\" }\n");
  const std::vector<std::string> words{"model", "plan", "ok/model", "--goal", goal};
  const Ran ran =
      bringup_program(words, {{"HF_ENDPOINT", ""}, {"HF_TOKEN", kGood}, {"HOME", home_.string()}});
  EXPECT_EQ(ran.code, 69) << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("by way of the mirror of the goal (https://127.0.0.1:9/hf)"),
                             HasSubstr("not shown your token"), Not(HasSubstr("huggingface.co"))));
  EXPECT_EQ(bringup_program(words, surroundings()).code, 0) << "HF_ENDPOINT comes first";
  EXPECT_GT(asked({"ok/model"}), 0);
}

TEST_F(ModelOnAHub, TakesTheTokenFromItsFiles) {
  file("hf/token", std::string(kGood) + "\n");
  const Ran ran = plan("gated/model");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(at("hf/token")));
  file("hf/token", "two words\n");
  const Ran odd = plan("gated/model");
  EXPECT_EQ(odd.code, 1);
  EXPECT_THAT(odd.err, AllOf(HasSubstr("holds no token"), Not(HasSubstr("two words"))));
}

TEST_F(ModelOnAHub, NeverShowsTheTokenAndGivesItToTheHubAlone) {
  for (const char* owner : {"gated/model", "echo/model", "ok/model", "moved/model"}) {
    for (const char* token : {kGood, kOther}) {
      const Ran ran = plan(owner, token, {"--json", "--verbose"});
      EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("canary"))) << owner;
    }
  }
  EXPECT_GT(asked({"\"Hub\"", "canary"}), 0);
  EXPECT_GT(asked({"\"Store\""}), 0);
  EXPECT_EQ(asked({"\"Store\"", "canary"}), 0);
}

struct Case {
  const char* repo;
  int code;
  const char* words;
};

TEST_F(ModelOnAHub, ThatIsBrokenIsToldApart) {
  for (const Case& one :
       {Case{"page/model", 69, "answers with a web page"}, Case{"circle/model", 69, "in a circle"},
        Case{"evil/model", 1, "'../x', which must not be made"},
        Case{"nobody/model", 77, "there is none of that name"}, Case{"ok/model@nope", 1, "no such revision"},
        Case{"a b/c", 1, "no name of a repository"}}) {
    const Ran ran = plan(one.repo);
    EXPECT_EQ(ran.code, one.code) << one.repo;
    EXPECT_THAT(ran.err, HasSubstr(one.words));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(ModelOnAHub, IsAskedAgainAfterItsOwnError) {
  EXPECT_EQ(plan("flaky/model").code, 0);
  EXPECT_EQ(asked({"/api/models/flaky"}), 2);
  EXPECT_EQ(plan("moved/model").code, 0);
}

TEST_F(ModelOnAHub, ThatCannotBeReachedIsSaidSo) {
  endpoint_ = "http://127.0.0.1:1";
  const Ran ran = plan("ok/model");
  EXPECT_EQ(ran.code, 69);
  EXPECT_THAT(ran.err, HasSubstr("127.0.0.1:1"));
  endpoint_ = "ftp://127.0.0.1";
  EXPECT_EQ(plan("ok/model").code, 64);
  endpoint_ = "https://me:secret@127.0.0.1";
  EXPECT_THAT(plan("ok/model").err, Not(HasSubstr("secret")));
}

TEST_F(ModelOnAHub, OfAFamilyThatIsNotKnownTellsItsFiles) {
  const Ran ran = plan("strange/model");
  EXPECT_EQ(ran.code, 7);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("10 files"), HasSubstr("mamba9")));
}

TEST_F(ModelOnAHub, TooLargeForTheDiskIsSaidSo) {
  EXPECT_THAT(plan("vast/model").out,
              testing::AnyOf(HasSubstr("not enough"), HasSubstr("not\n            enough")));
}

}  // namespace
