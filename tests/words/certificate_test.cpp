// SPDX-License-Identifier: Apache-2.0
// A hub behind TLS whose certificate is in order, has expired, is another host's, or is signed by nobody that
// is trusted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/hub.hpp>

namespace {

using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Certificate {
  const char* file;
  bool trusted;      // its signer is in SSL_CERT_FILE
  const char* said;  // nullptr: it is accepted
};

class HubBehindTls : public WithAHub, public testing::WithParamInterface<Certificate> {
 protected:
  void SetUp() override {
    certificate_ = GetParam().file;
    WithAHub::SetUp();
  }
};

TEST_P(HubBehindTls, IsReadOrTheCertificateIsNamed) {
  auto variables = surroundings();
  const std::string signer = GetParam().trusted ? "ca.pem" : "another.pem";
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"})
    variables.emplace_back(name, BRINGUP_SOURCE_DIR "/tests/support/certificates/" + signer);
  const Ran ran = bringup_program({"model", "plan", "ok/model", "--for", "1x RTX 4090"}, variables);
  if (GetParam().said == nullptr) {
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("10 files, 1.8 MiB"));
    return;
  }
  EXPECT_EQ(ran.code, 69) << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr(GetParam().said), HasSubstr("certificate")));
  EXPECT_THAT(ran.err, Not(HasSubstr("web page")));  // curl's own advice
  EXPECT_EQ(asked({"GET"}), 0) << "something was asked of a hub that nobody vouches for";
}

INSTANTIATE_TEST_SUITE_P(Certificates, HubBehindTls,
                         testing::Values(Certificate{"good.pem", true, nullptr},
                                         Certificate{"good.pem", false, "SSL_CERT_FILE"},
                                         Certificate{"expired.pem", true, "expired"},
                                         Certificate{"another.pem", true, "another host"},
                                         Certificate{"foreign.pem", true, "SSL_CERT_FILE"}),
                         [](const auto& one) {
                           const std::string file = one.param.file;
                           return file.substr(0, file.find('.')) +
                                  (one.param.trusted ? "" : "_signer_unknown");
                         });

}  // namespace
