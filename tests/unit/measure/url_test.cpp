// SPDX-License-Identifier: Apache-2.0
#include <bringup/measure/url.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace bringup::measure {
namespace {

using testing::HasSubstr;
using testing::Not;

struct UrlCase {
  const char* text;
  bool tls;
  const char* user;
  const char* host;
  const char* port;
  const char* path;
  const char* authority;
};
class Urls : public testing::TestWithParam<UrlCase> {};
TEST_P(Urls, AreTakenApart) {
  const UrlCase& wanted = GetParam();
  const auto url = parse_url(wanted.text);
  ASSERT_TRUE(url) << url.error().message();
  EXPECT_EQ(url->tls, wanted.tls);
  EXPECT_EQ(url->user, wanted.user);
  EXPECT_EQ(url->host, wanted.host);
  EXPECT_EQ(url->port, wanted.port);
  EXPECT_EQ(url->path, wanted.path);
  EXPECT_EQ(url->authority(), wanted.authority);
}
INSTANTIATE_TEST_SUITE_P(
    Forms, Urls,
    testing::Values(
        UrlCase{"http://a.org", false, "", "a.org", "80", "/", "a.org:80"},
        UrlCase{"https://a.org/", true, "", "a.org", "443", "/", "a.org:443"},
        UrlCase{"https://a.org:8443/x/y?z=1#part", true, "", "a.org", "8443", "/x/y?z=1", "a.org:8443"},
        UrlCase{"http://a.org?q", false, "", "a.org", "80", "/?q", "a.org:80"},
        UrlCase{"http://a.org#part", false, "", "a.org", "80", "/", "a.org:80"},
        UrlCase{"http://me:p%40ss@a.org:3128", false, "me:p@ss", "a.org", "3128", "/", "a.org:3128"},
        UrlCase{"http://me:p@ss@a.org", false, "me:p@ss", "a.org", "80", "/", "a.org:80"},
        UrlCase{"http://50%:%zz%4@a.org", false, "50%:%zz%4", "a.org", "80", "/", "a.org:80"},
        UrlCase{"http://[::1]/x", false, "", "::1", "80", "/x", "[::1]:80"},
        UrlCase{"http://[fe80::2]:81", false, "", "fe80::2", "81", "/", "[fe80::2]:81"},
        UrlCase{"http://a.org:/x", false, "", "a.org", "80", "/x", "a.org:80"}));

class BadUrls : public testing::TestWithParam<const char*> {};
TEST_P(BadUrls, AreRefusedWithoutBeingShown) {
  const auto url = parse_url(GetParam());
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code(), Errc::malformed);
  EXPECT_THAT(url.error().message(), Not(HasSubstr("secret")));
}
INSTANTIATE_TEST_SUITE_P(Forms, BadUrls,
                         testing::Values("", "a.org", "ftp://a.org/", "socks5://me:secret@a.org:1080",
                                         "http://", "http:///x", "http://me:secret@", "http://a.org:0",
                                         "http://a.org:65536", "http://a.org:x", "http://[::1",
                                         "http://a.org:-1", "HTTP//secret"));

struct ProxyCase {
  const char* name;
  const char* url;
  std::map<std::string, std::string> environment;
  const char* proxy;  // its authority; "" for none
};
class Proxies : public testing::TestWithParam<ProxyCase> {};
TEST_P(Proxies, AreChosenAsCurlDoes) {
  const auto proxy =
      proxy_for(*parse_url(GetParam().url), [](const char* name) -> std::optional<std::string> {
        const auto found = GetParam().environment.find(name);
        return found == GetParam().environment.end() ? std::nullopt
                                                     : std::optional<std::string>(found->second);
      });
  ASSERT_TRUE(proxy) << proxy.error().message();
  EXPECT_EQ(*proxy ? (*proxy)->authority() : "", GetParam().proxy);
}
INSTANTIATE_TEST_SUITE_P(
    Environments, Proxies,
    testing::Values(
        ProxyCase{"none", "https://a.org/", {}, ""},
        ProxyCase{
            "https", "https://a.org/", {{"https_proxy", "http://p:3128"}, {"http_proxy", "q:1"}}, "p:3128"},
        ProxyCase{"http", "http://a.org/", {{"https_proxy", "http://p:3128"}, {"http_proxy", "q:1"}}, "q:1"},
        ProxyCase{"capitals", "https://a.org/", {{"HTTPS_PROXY", "http://p:3128/"}}, "p:3128"},
        ProxyCase{"never_http_in_capitals", "http://a.org/", {{"HTTP_PROXY", "http://p:3128/"}}, ""},
        ProxyCase{"all", "http://a.org/", {{"ALL_PROXY", "p"}}, "p:80"},
        ProxyCase{"empty", "https://a.org/", {{"https_proxy", ""}, {"HTTPS_PROXY", "p:3"}}, "p:3"},
        ProxyCase{
            "no_proxy_host", "https://a.org/", {{"https_proxy", "p:3"}, {"no_proxy", "b.org, A.ORG"}}, ""},
        ProxyCase{
            "no_proxy_domain", "https://x.a.org/", {{"https_proxy", "p:3"}, {"NO_PROXY", ".a.org"}}, ""},
        ProxyCase{
            "no_proxy_other", "https://xa.org/", {{"https_proxy", "p:3"}, {"no_proxy", "a.org,,"}}, "p:3"},
        ProxyCase{"no_proxy_all", "https://a.org/", {{"https_proxy", "p:3"}, {"no_proxy", "*"}}, ""}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Proxies, OfOtherKindsNeedLibcurlAndAreNotShown) {
  for (const char* text : {"socks5://me:secret@p:1080", "https://me:secret@p:443", "http://me:secret@"}) {
    const auto proxy = proxy_for(*parse_url("https://a.org"),
                                 [text](const char*) { return std::optional<std::string>(text); });
    ASSERT_FALSE(proxy) << text;
    EXPECT_EQ(proxy.error().code(), Errc::unsupported);
    EXPECT_THAT(proxy.error().message(), Not(HasSubstr("secret")));
  }
}

TEST(Base64, IsThatOfRfc4648) {
  const std::map<std::string, std::string> cases{{"", ""},
                                                 {"f", "Zg=="},
                                                 {"fo", "Zm8="},
                                                 {"foo", "Zm9v"},
                                                 {"foob", "Zm9vYg=="},
                                                 {"fooba", "Zm9vYmE="},
                                                 {"foobar", "Zm9vYmFy"},
                                                 {"\xFF\xFE\xFD", "//79"}};
  for (const auto& [plain, coded] : cases) EXPECT_EQ(base64(plain), coded);
}

}  // namespace
}  // namespace bringup::measure
