// SPDX-License-Identifier: Apache-2.0
// Whom the program asks for software, and how often.
#include <bringup/base/text.hpp>
#include <bringup/gpu/library.hpp>
#include <bringup/measure/ask.hpp>

#include <gmock/gmock.h>

#include <support/environment.hpp>
#include <support/hub.hpp>

namespace {

using namespace bringup::testing_support;

using bringup::Errc;
using bringup::Error;
using bringup::Result;
using testing::HasSubstr;

// Whatever answers behind TLS will do as a place of software: it is asked whether it does.
class Sources : public WithAHub {
 protected:
  void SetUp() override {
    if (certificate_.empty()) certificate_ = "good.pem";
    WithAHub::SetUp();
  }
  static std::vector<std::pair<std::string, std::string>> trusting(
      std::vector<std::pair<std::string, std::string>> variables) {
    for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
      variables.emplace_back(name, BRINGUP_SOURCE_DIR "/tests/support/certificates/ca.pem");
    variables.emplace_back("no_proxy", "localhost");
    return variables;
  }
  // Of a goal whose PyPI is that owner's place, where PyTorch's index and the rest of the world are silent.
  Ran plan_with(const std::string& owner) const {
    file("bringup.toml", "driver = \"none\"\ntoolkit = \"none\"\n[mirrors]\nprofile = { pypi = \"" +
                             endpoint_ + "/api/models/" + owner + "/model\", pytorch = \"" + endpoint_ +
                             "/nothing/\" }\n[python]\nprefix = \"" + at("prefix") +
                             "\"\n[[env]]\nname = \"dl\"\npackages = [\"torch\"]\n");
    auto variables = trusting(surroundings());
    variables.emplace_back("https_proxy", "http://127.0.0.1:9");
    Ran ran = bringup_program({"plan", "--user-only", "--goal", at("bringup.toml")}, variables);
    EXPECT_THAT(ran.err, testing::Not(HasSubstr("bringup.toml:")));
    return ran;
  }
};

// The first plan rests on PyTorch's index, which is silent; the second one on PyPI alone, which was asked.
TEST_F(Sources, OneThatAnsweredIsNotAskedAgainBecauseAnotherIsSilent) {
  const Ran ran = plan_with("ok");
  if (ran.code != 0) GTEST_SKIP() << "no Python here to plan an environment for: " << ran.out << ran.err;
  EXPECT_EQ(asked({"/api/models/ok/model"}), 1) << log();
  EXPECT_THAT(ran.out, HasSubstr("the mirror of the goal for pytorch does not answer"));
}

TEST_F(Sources, AMirrorThatWasAskedForAndIsOnlyLateIsWaitedFor) {
  const Ran ran = plan_with("late");
  if (ran.code != 0 && plan_with("ok").code != 0) GTEST_SKIP() << "no Python here to plan an environment for";
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("comes by way of the mirror"));
  EXPECT_GT(asked({"/api/models/late/model"}), 1);
}

TEST_F(Sources, ModelsComeByAMirrorOfTheHubThatIsNotShownTheToken) {
  file("bringup.toml", "[mirrors]\nprofile = { huggingface = \"" + endpoint_ + "\" }\n");
  auto variables = trusting(surroundings(kGood));
  variables.front() = {"HF_ENDPOINT", ""};
  const Ran ran = bringup_program({"model", "get", "ok/model", "--to", at("m"), "--goal", at("bringup.toml"),
                                   "--state", at("state"), "--yes"},
                                  variables);
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(std::filesystem::exists(at("m/model.safetensors.index.json"))) << ran.out;
  EXPECT_GT(asked({"GET", "ok/model", "\"token\": null"}), 3) << log();
  EXPECT_THAT(log() + ran.out + ran.err, testing::Not(HasSubstr(kGood)));
}

// Without libcurl, as a minimal Debian is.
class ByOpenSsl : public Sources {
 protected:
  void SetUp() override {
    Sources::SetUp();
    if (!bringup::gpu::Library::open("libssl.so.3") && !bringup::gpu::Library::open("libssl.so.1.1"))
      GTEST_SKIP() << "no OpenSSL here";
  }
  Result<> ask(const std::string& path, const std::string& signer = "ca.pem") const {
    const Variable file("SSL_CERT_FILE", BRINGUP_SOURCE_DIR "/tests/support/certificates/" + signer);
    const Variable bundle("CURL_CA_BUNDLE", std::nullopt);
    const Variable except("no_proxy", "localhost");
    return bringup::measure::ask_by_ourselves(endpoint_ + path, std::chrono::seconds(5));
  }
};

TEST_F(ByOpenSsl, APlaceAnswersWithItsStatus) {
  const auto answered = ask("/api/models/ok/model");
  EXPECT_TRUE(answered) << answered.error().message();
  EXPECT_EQ(asked({"HEAD", "/api/models/ok/model"}), 1) << log();
  EXPECT_EQ(ask("/nothing/"), Result<>(Error(Errc::unreachable, "answered with HTTP status 404")));
}

TEST_F(ByOpenSsl, APlaceForWhichNobodyVouchesDoesNotAnswer) {
  const auto asked_it = ask("/api/models/ok/model", "another.pem");
  ASSERT_FALSE(asked_it);
  EXPECT_EQ(asked_it.error().code(), Errc::unreachable);
  EXPECT_THAT(asked_it.error().message(), HasSubstr("the certificate is not trusted: "));
  EXPECT_EQ(asked({"HEAD"}), 0) << "something was asked of a place that nobody vouches for";
}

class ByOpenSslOfAnother : public ByOpenSsl {
  void SetUp() override {
    certificate_ = "another.pem";
    ByOpenSsl::SetUp();
  }
};
TEST_F(ByOpenSslOfAnother, NameDoesNotAnswer) {
  const auto asked_it = ask("/api/models/ok/model");
  ASSERT_FALSE(asked_it);
  EXPECT_THAT(asked_it.error().message(), HasSubstr("the certificate is not trusted: "));
  EXPECT_THAT(bringup::base::lower(asked_it.error().message()), HasSubstr("mismatch"));
}

}  // namespace
