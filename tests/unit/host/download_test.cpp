// SPDX-License-Identifier: Apache-2.0
// What keeps a download within bounds, whatever the server does.
#include <bringup/host/download.hpp>
#include <bringup/host/real.hpp>

#include <gmock/gmock.h>

#include <support/home.hpp>
#include <unistd.h>

namespace bringup::host {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

class Download : public testing_support::InAHome {
 protected:
  std::vector<std::string> argv(const std::string& url) const {
    return download_command(*real_view_below(home_), url).argv;
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

class FailingProgram : public Control {
 public:
  FailingProgram(const View& view, std::string says) : view_(view), says_(std::move(says)) {}
  const View& view() const override { return view_; }
  Result<Outcome> run(const Command&) override {
    return Outcome{.how = Exited{100}, .out = "", .err = says_};
  }
  Result<> remove_file(const std::string&, std::optional<Owner>) override { return ok; }
  Result<> write(const std::string&, std::string_view, std::uint32_t, std::optional<Owner>) override {
    return ok;
  }
  Result<> append(const std::string&, std::string_view) override { return ok; }
  Result<> move_file(const std::string&, const std::string&, std::optional<Owner>) override { return ok; }
  Result<> make_directory(const std::string&, std::uint32_t, std::optional<Owner>) override { return ok; }
  Result<> set_status(const std::string&, std::uint32_t, Owner) override { return ok; }
  Result<> remove_empty_directory(const std::string&, std::optional<Owner>) override { return ok; }
  Result<> remove_tree(const std::string&, std::optional<Owner>) override { return ok; }

 private:
  const View& view_;
  std::string says_;
};

TEST_F(Download, SaysTheCauseAndNotThatItFailed) {
  if (::geteuid() != 0) GTEST_SKIP() << "apt-helper is asked by root alone";
  file("usr/lib/apt/apt-helper", "");
  const auto view = real_view_below(home_);
  for (const std::string cause : {"E: Failed to fetch https://a/k  Could not connect to a:443", "E: short"}) {
    FailingProgram control(*view, cause + "\nE: Download Failed\n");
    const auto got = download(control, "https://a/k", std::nullopt);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().message(), "https://a/k: " + cause);
    EXPECT_EQ(got.error().code(), Errc::unreachable);
  }
}

}  // namespace
}  // namespace bringup::host
