// SPDX-License-Identifier: Apache-2.0
#include <bringup/gpu/library.hpp>
#include <bringup/measure/ask.hpp>
#include <bringup/measure/measure.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web_server.hpp"
#include <memory>
#include <support/environment.hpp>

namespace bringup::measure {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
using testing_support::Variable;
using testing_support::WebServer;

enum class Way { curl, ourselves };

class Source : public testing::TestWithParam<Way> {
 protected:
  Source() {
    for (const char* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
      clean_.push_back(std::make_unique<Variable>(name, std::nullopt));
    }
  }
  void SetUp() override {
    if (GetParam() == Way::curl && !gpu::Library::open("libcurl.so.4"))
      GTEST_SKIP() << "libcurl is not installed";
    ASSERT_TRUE(server_.usable());
  }
  static Result<> ask(const std::string& url, std::chrono::milliseconds deadline = 5s) {
    return GetParam() == Way::curl ? ask_with_curl("libcurl.so.4", url, deadline)
                                   : ask_by_ourselves(url, deadline);
  }
  std::vector<std::unique_ptr<Variable>> clean_;
  WebServer server_;
};

TEST_P(Source, AnswersWithAStatusThatIsOne) {
  for (const char* path : {"200", "204", "301", "304"}) {
    const auto asked = ask(server_.url(path));
    EXPECT_TRUE(asked) << path << ": " << asked.error().message();
  }
}

TEST_P(Source, DoesNotAnswerWithARefusal) {
  for (const char* path : {"403", "404", "500", "503"}) {
    EXPECT_EQ(ask(server_.url(path)),
              Result<>(Error(Errc::unreachable, std::string("answered with HTTP status ") + path)));
  }
}

TEST_P(Source, BehindAProxyThatWantsAPassword) {
  const Variable proxy("http_proxy", "http://" + server_.host());
  EXPECT_EQ(ask("http://h407.test/"), Result<>(Error(Errc::unreachable, "the proxy wants a password (407)")));
  const Variable tls("https_proxy", "http://" + server_.host());
  EXPECT_EQ(ask("https://h407.test/"),
            Result<>(Error(Errc::unreachable, "the proxy wants a password (407)")));
}

TEST_P(Source, BehindAProxyThatForbids) {
  const Variable proxy("https_proxy", "http://" + server_.host());
  EXPECT_EQ(ask("https://h403.test/"), Result<>(Error(Errc::unreachable, "answered with HTTP status 403")));
}

TEST_P(Source, IsAskedThroughTheProxy) {
  const Variable proxy("http_proxy", server_.host());
  const auto asked = ask("http://name-that-only-the-proxy-knows.test/200");
  EXPECT_TRUE(asked) << asked.error().message();
}

TEST_P(Source, IsAskedWithTheProxysPassword) {
  const Variable proxy("http_proxy", "http://me:p%40ss@" + server_.host());
  const auto asked = ask("http://x.test/secret");
  EXPECT_TRUE(asked) << asked.error().message();
  const Variable wrong("http_proxy", "http://me:guess@" + server_.host());
  const auto refused = ask("http://x.test/secret");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "the proxy wants a password (407)");
}

TEST_P(Source, IsAskedDirectlyWhenItIsExcepted) {
  const Variable proxy("http_proxy", "http://" + WebServer::closed_host());
  EXPECT_FALSE(ask(server_.url("200")));
  const Variable except("no_proxy", "127.0.0.1");
  EXPECT_TRUE(ask(server_.url("200")));
}

TEST_P(Source, WhosePortIsClosedRefuses) {
  const auto asked = ask("http://" + WebServer::closed_host() + "/200");
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error(), Error(Errc::unreachable, "connection refused"));
}

TEST_P(Source, ThatNeverAnswersIsTooLate) {
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(server_.url("never"), 300ms), Result<>(Error(Errc::unreachable, "timed out after 0.3 s")));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
}

TEST_P(Source, ThatCutsOrTalksNonsenseDoesNotAnswer) {
  for (const char* path : {"cut", "junk"}) {
    const auto asked = ask(server_.url(path));
    ASSERT_FALSE(asked) << path;
    EXPECT_EQ(asked.error().code(), Errc::unreachable);
    EXPECT_NE(asked.error().message(), "");
  }
}

TEST_P(Source, WhoseNameDoesNotResolveSaysSo) {
  const auto asked = ask("http://no-such-name.invalid/", 5s);
  ASSERT_FALSE(asked);
  // a machine without a name server answers late instead of no
  EXPECT_THAT(asked.error().message(),
              AnyOf(HasSubstr("the name does not resolve"), HasSubstr("timed out"), HasSubstr("failure")));
}

INSTANTIATE_TEST_SUITE_P(Ways, Source, testing::Values(Way::curl, Way::ourselves),
                         [](const auto& tested) { return tested.param == Way::curl ? "curl" : "ourselves"; });

class OurOwnWay : public Source {};
TEST_P(OurOwnWay, NamesWhatItCannotDo) {
  EXPECT_EQ(ask_with_curl("libcurl-of-nobody.so.4", server_.url("200"), 1s).error().code(), Errc::absent);
  EXPECT_EQ(ask("gopher://x/").error().code(), Errc::malformed);
  const auto tls = ask("https://" + server_.host() + "/");
  const bool openssl = gpu::Library::open("libssl.so.3") || gpu::Library::open("libssl.so.1.1");
  EXPECT_EQ(static_cast<bool>(tls), !openssl) << "without OpenSSL only the connection is tried";
  const auto junk = ask(server_.url("junk"));
  EXPECT_EQ(junk.error().message(), "what answers there does not speak HTTP");
  EXPECT_EQ(ask(server_.url("cut")).error().message(), "the connection was closed without an answer");
}
INSTANTIATE_TEST_SUITE_P(Ways, OurOwnWay, testing::Values(Way::ourselves));

class Curl : public Source {};
TEST_P(Curl, NamesAServerThatSpeaksNoTls) {
  const auto asked = ask("https://" + server_.host() + "/");
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), Errc::unreachable);
  EXPECT_NE(asked.error().message(), "");
}
TEST_P(Curl, NamesACertificateFileThatIsNotThere) {
  const Variable file("CURL_CA_BUNDLE", "/no/such/file.pem");
  const Variable other("SSL_CERT_FILE", std::nullopt);
  const auto asked = ask("https://" + server_.host() + "/");
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error().message(),
              AnyOf(HasSubstr("certificate is not trusted: "), HasSubstr("TLS"), HasSubstr("SSL")));
}
INSTANTIATE_TEST_SUITE_P(Ways, Curl, testing::Values(Way::curl));

class Sources : public Source {};
TEST_P(Sources, AreAskedAllAtOnceAndTheDeadOnesTakeNoOtherWithThem) {
  std::vector<facts::Source> asked{{.name = "dead", .url = server_.url("never")},
                                   {.name = "here", .url = server_.url("200")},
                                   {.name = "refuses", .url = server_.url("503")},
                                   {.name = "dead too", .url = server_.url("never")}};
  const auto began = std::chrono::steady_clock::now();
  const auto answered = ask_sources(asked, 700ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1400ms);
  ASSERT_EQ(answered.size(), 4U);
  EXPECT_EQ(answered[0].name, "dead");
  EXPECT_EQ(answered[0].answered_seconds,
            facts::Reading<double>(Error(Errc::unreachable, "timed out after 0.7 s")));
  ASSERT_TRUE(answered[1].answered_seconds) << answered[1].answered_seconds.error().message();
  EXPECT_GT(*answered[1].answered_seconds, 0);
  EXPECT_LT(*answered[1].answered_seconds, 0.7);
  EXPECT_EQ(answered[1].url, server_.url("200"));
  EXPECT_EQ(answered[2].answered_seconds,
            facts::Reading<double>(Error(Errc::unreachable, "answered with HTTP status 503")));
  EXPECT_FALSE(answered[3].answered_seconds);
}
INSTANTIATE_TEST_SUITE_P(Ways, Sources, testing::Values(Way::ourselves));

TEST(Sources, OfWhichThereAreNoneAreNone) {
  EXPECT_TRUE(ask_sources({}, 1s).empty());
}

}  // namespace
}  // namespace bringup::measure
