// SPDX-License-Identifier: Apache-2.0
// Whom the program asks for software, and how often.
#include <gmock/gmock.h>

#include <support/hub.hpp>

namespace {

using namespace bringup::testing_support;

// Whatever answers behind TLS will do as a place of software: it is asked whether it does.
class Sources : public WithAHub {
 protected:
  void SetUp() override {
    certificate_ = "good.pem";
    WithAHub::SetUp();
  }
};

// The first plan rests on PyTorch's index, which is silent; the second one on PyPI alone, which was asked.
TEST_F(Sources, OneThatAnsweredIsNotAskedAgainBecauseAnotherIsSilent) {
  file("bringup.toml", "driver = \"none\"\ntoolkit = \"none\"\n[mirrors]\nprofile = { pypi = \"" + endpoint_ +
                           "/api/models/ok/model\", pytorch = \"" + endpoint_ +
                           "/nothing/\" }\n[python]\nprefix = \"" + at("prefix") +
                           "\"\n[[env]]\nname = \"dl\"\npackages = [\"torch\"]\n");
  auto variables = surroundings();
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
    variables.emplace_back(name, BRINGUP_SOURCE_DIR "/tests/support/certificates/ca.pem");
  variables.emplace_back("no_proxy", "localhost");
  const Ran ran = bringup_program({"plan", "--user-only", "--goal", at("bringup.toml")}, variables);
  ASSERT_THAT(ran.err, testing::Not(testing::HasSubstr("bringup.toml:")));
  if (ran.code != 0) GTEST_SKIP() << "no Python here to plan an environment for: " << ran.out << ran.err;
  EXPECT_EQ(asked({"/api/models/ok/model"}), 1) << log();
}

}  // namespace
