// SPDX-License-Identifier: Apache-2.0
// What curl is told for a hub, with curl's part played by the test: who sees the token, which redirects are
// followed.
#include <bringup/host/hub.hpp>
#include <bringup/host/real.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <support/faults.hpp>
#include <sys/resource.h>

namespace {

using namespace bringup;
using namespace bringup::host;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Hub kHub{.endpoint = "https://hub.example",
               .token = HubToken{.value = "hf_canary", .from = "HF_TOKEN"}};

// Answers by address; every address that is asked for and what curl was told is kept.
struct Web {
  std::map<std::string, std::string> answers;
  std::vector<Command> asked = {};

  Runner runner() {
    return [this](const Command& command) -> Result<Outcome> {
      asked.push_back(command);
      const std::size_t start = command.input.find('"') + 1;
      const std::string url = command.input.substr(start, command.input.find('"', start) - start);
      if (!answers.contains(url))
        return Outcome{.how = Exited{6}, .out = "", .err = "curl: (6) no such host"};
      return Outcome{.how = Exited{0}, .out = answers.at(url), .err = ""};
    };
  }
};
std::string moved(const std::string& to) {
  return "HTTP/2 302 \r\nlocation: " + to + "\r\n\r\nFound";
}

TEST(Hub, TheTokenGoesToTheHubsOwnOriginAlone) {
  struct Case {
    const char* endpoint;
    const char* url;
    bool may;
  };
  for (const Case& one : {Case{"https://hub.example", "https://hub.example/api", true},
                          Case{"https://hub.example", "https://HUB.example:443/api", true},
                          Case{"https://hub.example", "https://hub.example:8443/api", false},
                          Case{"https://hub.example", "https://hub.example.evil/api", false},
                          Case{"https://hub.example", "https://hub.example@evil/api", false},
                          Case{"https://hub.example", "https://cdn.hub.example/api", false},
                          Case{"https://hub.example", "http://hub.example/api", false},
                          Case{"http://hub.example", "http://hub.example/api", false},
                          Case{"http://127.0.0.1:80", "http://127.0.0.1/api", true},
                          Case{"http://127.evil.example", "http://127.evil.example/api", false},
                          Case{"http://localhost:99", "http://localhost:99/api", true},
                          Case{"http://localhost.evil", "http://localhost.evil/api", false},
                          Case{"http://[::1]:99", "http://[::1]:99/api", true}}) {
    const Hub hub{.endpoint = one.endpoint, .token = kHub.token};
    EXPECT_EQ(hub_may_see_token(hub, one.url), one.may) << one.endpoint << " " << one.url;
  }
  EXPECT_FALSE(hub_may_see_token({.endpoint = "https://hub.example"}, "https://hub.example/"));
}

TEST(Hub, RedirectsWithinItKeepTheTokenAndOthersLoseIt) {
  Web web{.answers = {{"https://hub.example/a", moved("/b")},
                      {"https://hub.example/b", moved("https://cdn.example/c?signature=s")},
                      {"https://cdn.example/c?signature=s",
                       "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain\r\n\r\nbody"}}};
  const auto answer = ask_hub(kHub, web.runner(), {.path = "/a"});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "body");
  EXPECT_EQ(answer->type, "text/plain");
  ASSERT_EQ(web.asked.size(), 3U);
  EXPECT_THAT(web.asked[0].input, HasSubstr("Bearer hf_canary"));
  EXPECT_THAT(web.asked[1].input, HasSubstr("Bearer hf_canary"));
  EXPECT_THAT(web.asked[2].input, Not(HasSubstr("hf_canary")));
  for (const Command& command : web.asked) {
    EXPECT_EQ(command.argv, (std::vector<std::string>{"/usr/bin/curl", "--disable", "--config", "-"}));
    EXPECT_THAT(command.input, AllOf(HasSubstr("proto = \"=https\""), Not(HasSubstr("\nlocation"))));
    EXPECT_TRUE(command.environment.empty());
  }
}

TEST(Hub, AHeadStopsWhereTheHubEnds) {
  Web web{.answers = {{"https://hub.example/a", moved("https://cdn.example/c?signature=s")}}};
  const auto answer = ask_hub(kHub, web.runner(), {.path = "/a", .head = true});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->at, "https://cdn.example/c?signature=s");
  EXPECT_EQ(web.asked.size(), 1U);
  EXPECT_THAT(
      hub_download(kHub, answer->at, "/d/part", 5, 10).input,
      AllOf(HasSubstr("continue-at = 5"), HasSubstr("max-filesize = 10"), Not(HasSubstr("hf_canary"))));
}

TEST(Hub, DoesNotFollowWhatIsNoAddressOrLessSafe) {
  for (const char* to : {"http://hub.example/b", "//evil.example/b", "ftp://evil/",
                         "https://evil/\"\nurl = \"x", "b", "https://evil/a b"}) {
    Web web{.answers = {{"https://hub.example/a", moved(to)}}};
    const auto answer = ask_hub(kHub, web.runner(), {.path = "/a"});
    ASSERT_FALSE(answer) << to;
    EXPECT_EQ(answer.error().code(), Errc::unreachable);
    EXPECT_EQ(web.asked.size(), 1U);
  }
}

TEST(Hub, QuotesAPathThatWouldEndItsLine) {
  const Command command = hub_download(kHub, "https://cdn.example/c", R"(/d/a"b\c)", 0, 1);
  EXPECT_THAT(command.input, HasSubstr(R"(output = "/d/a\"b\\c")"));
  EXPECT_EQ(url_part("a b/\xc3\xa9%\"\n.bin"), "a%20b/%C3%A9%25%22%0A.bin");
}

TEST(Hub, ItsRefusalsMeanDifferentThings) {
  const Hub nobody{.endpoint = "https://hub.example"};
  const auto words = [](const Hub& hub, int status, const char* error) {
    const auto trouble = hub_trouble(hub, "o/m", {.status = status, .error = error});
    return trouble ? trouble->message() : "";
  };
  EXPECT_EQ(words(kHub, 200, ""), "");
  EXPECT_EQ(words(kHub, 302, ""), "");
  EXPECT_THAT(words(nobody, 401, "GatedRepo"), HasSubstr("https://hub.example/o/m, accept it"));
  EXPECT_THAT(words(nobody, 401, "RepoNotFound"), HasSubstr("private, or there is none"));
  EXPECT_THAT(words(kHub, 401, ""), HasSubstr("wrong, expired or revoked"));
  EXPECT_THAT(words(kHub, 401, "RepoNotFound"), HasSubstr("does not show it to the token"));
  EXPECT_THAT(words(kHub, 403, "GatedRepo"), HasSubstr("accept the licence"));
  EXPECT_THAT(words(kHub, 404, "RevisionNotFound"), HasSubstr("no such revision"));
  EXPECT_THAT(words({.endpoint = "http://hub.example", .token = kHub.token}, 401, ""),
              HasSubstr("was not sent"));
  EXPECT_THAT(words(kHub, 407, ""), HasSubstr("https_proxy"));
  EXPECT_EQ(hub_trouble(kHub, "o/m", {.status = 502})->code(), Errc::unreachable);
}

TEST(Hub, AProcessThatHoldsATokenLeavesNoCoreFile) {
  const std::string said = testing_support::in_a_child([]() -> std::string {
    ::setenv("HF_TOKEN", "hf_canary", 1);
    rlimit now{};
    if (::getrlimit(RLIMIT_CORE, &now) != 0) return "no limits here";
    now.rlim_cur = now.rlim_max;
    (void)::setrlimit(RLIMIT_CORE, &now);
    const auto token = hub_token(*real_view(), "/nowhere");
    if (!token || !*token) return "no token was found";
    (void)::getrlimit(RLIMIT_CORE, &now);
    return now.rlim_cur == 0 ? "" : "a core file could be left";
  });
  EXPECT_EQ(said, "");
}

TEST(Hub, APageBeforeTheAnswerIsPassed) {
  Web web{
      .answers = {
          {"https://hub.example/a",
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nX-Error-Code: EntryNotFound\r\n\r\n"}}};
  const auto answer = ask_hub(kHub, web.runner(), {.path = "/a"});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->error, "EntryNotFound");
}

}  // namespace
