// SPDX-License-Identifier: Apache-2.0
// What keeps a download within bounds, whatever the server does.
#include <bringup/host/download.hpp>
#include <bringup/host/real.hpp>

#include <gmock/gmock.h>

#include <support/home.hpp>

namespace bringup::host {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

class Download : public testing_support::InAHome {
 protected:
  std::vector<std::string> argv(const std::string& url) const {
    return download_command(*real_view_below(home_), url);
  }
};

TEST_F(Download, IsBoundedInSizeTimeAndRedirectsAndStaysEncrypted) {
  EXPECT_TRUE(argv("https://example.org/k").empty());
  file("usr/bin/wget", "");
  EXPECT_THAT(argv("https://example.org/k"),
              IsSupersetOf({"--https-only", "--timeout=30", "--tries=3", "--max-redirect=5"}));
  EXPECT_THAT(argv("http://example.org/k"), Not(Contains("--https-only")));
  file("usr/bin/curl", "");
  const auto words = argv("https://example.org/k");
  EXPECT_EQ(words.front(), "/usr/bin/curl");
  EXPECT_EQ(words.back(), "https://example.org/k");
  EXPECT_THAT(words, IsSupersetOf({"--fail", "--max-filesize", "67108864", "--speed-limit", "100",
                                   "--speed-time", "30", "--max-redirs", "5"}));
  const auto after = [&words](const std::string& word) {
    const auto at = std::find(words.begin(), words.end(), word);
    return at == words.end() || at + 1 == words.end() ? std::string() : *(at + 1);
  };
  EXPECT_EQ(after("--proto"), "=https");
  EXPECT_EQ(after("--proto-redir"), "=https") << "a login page over http would be followed";
  EXPECT_THAT(words, Not(Contains("--insecure")));
}

}  // namespace
}  // namespace bringup::host
