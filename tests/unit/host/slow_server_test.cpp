// SPDX-License-Identifier: Apache-2.0
// Servers that are slow, silent or without end, on loopback, and the programs that really ask them.
#include <bringup/host/download.hpp>
#include <bringup/host/hub.hpp>
#include <bringup/host/real.hpp>

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <support/home.hpp>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace bringup::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Milliseconds = std::chrono::milliseconds;

// Answers one connection after another, by the path that is asked for: /endless never comes to its end,
// /plain neither and says nothing of a length, /trickle gives 20 bytes a second, /silent takes the question
// and says nothing.
class Server {
 public:
  Server() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* general = reinterpret_cast<sockaddr*>(&address);
    const bool ready = ::bind(listening_, general, size) == 0 && ::listen(listening_, 8) == 0 &&
                       ::getsockname(listening_, general, &size) == 0;
    if (!ready) return;
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    ::close(listening_);
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int asked() const { return asked_; }

 private:
  void serve() {
    while (!over_) {
      pollfd waiting{listening_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int one = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (one < 0) continue;
      answer(one);
      ::close(one);
    }
  }
  void answer(int one) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(one, buffer.data(), buffer.size());
    if (got <= 0) return;
    ++asked_;
    const std::string question(buffer.data(), static_cast<std::size_t>(got));
    const std::string path = question.substr(4, question.find(' ', 4) - 4);
    if (path == "/silent") {
      wait_until_left(one);
      return;
    }
    const bool chunked = path == "/endless";
    const bool slowly = path == "/trickle";
    std::string piece = slowly ? "x" : std::string(65536, 'x');
    if (chunked) piece = "10000\r\n" + piece + "\r\n";
    bool there = send(one, chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   : "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (there && !over_) {
      there = send(one, piece);
      if (slowly) ::poll(nullptr, 0, 50);
    }
  }
  static bool send(int to, std::string_view text) {
    while (!text.empty()) {
      const ssize_t went = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
      if (went <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(went));
    }
    return true;
  }
  void wait_until_left(int one) const {
    pollfd waiting{one, POLLIN, 0};
    while (!over_ && ::poll(&waiting, 1, 20) == 0) {
    }
  }

  int listening_;
  int port_ = 0;
  std::atomic<bool> over_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

// The machine's own program for downloads, with a second where people wait for half a minute.
class SlowServer : public testing_support::InAHome {
 protected:
  void SetUp() override {
    InAHome::SetUp();
    if (::access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/curl here";
  }
  Command by_curl(const std::string& path) const {
    Command command = download_command(*real_view(), server_.url(path));
    set(command.argv, "--speed-time", "1");
    set(command.argv, "--retry", "0");
    return command;
  }
  static void set(std::vector<std::string>& argv, const std::string& option, const std::string& value) {
    const auto at = std::ranges::find(argv, option);
    ASSERT_LT(at + 1, argv.end()) << option;
    *(at + 1) = value;
  }
  static Result<Outcome> impatient(const Command& asked) {
    Command command = asked;
    const std::string usual = "speed-time = 30\n";
    const std::size_t at = command.input.find(usual);
    EXPECT_NE(at, std::string::npos);
    if (at != std::string::npos) command.input.replace(at, usual.size(), "speed-time = 1\n");
    return run(command);
  }

  Server server_;
};

TEST_F(SlowServer, IsLeft) {
  for (const char* path : {"/trickle", "/silent"}) {
    const auto outcome = run(by_curl(path));
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_FALSE(outcome->success()) << path;
    EXPECT_THAT(why_not_downloaded(*outcome), AllOf(HasSubstr("curl: (28)"), HasSubstr("too slow"))) << path;
  }
  EXPECT_EQ(server_.asked(), 2);
}

TEST_F(SlowServer, ThatNeverEndsIsLeftWhenTooMuchHasCome) {
  for (const char* path : {"/endless", "/plain"}) {
    const auto outcome = run(by_curl(path));
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_FALSE(outcome->success()) << path;
    EXPECT_TRUE(came_too_much(*outcome)) << path << ": " << describe(*outcome);
    EXPECT_THAT(why_not_downloaded(*outcome), HasSubstr("more came than was expected"));
    EXPECT_LE(outcome->out.size(), kLargestDownload);
  }
}

TEST_F(SlowServer, OfModelsIsLeftAndNamed) {
  for (const char* path : {"/trickle", "/silent"}) {
    const auto answer = ask_hub({.endpoint = server_.url("")}, impatient, {.path = path});
    ASSERT_FALSE(answer) << path;
    EXPECT_EQ(answer.error().code(), Errc::unreachable);
    EXPECT_THAT(answer.error().message(), AllOf(HasSubstr(server_.url("")), HasSubstr("too slow")));
  }
  const auto answer = ask_hub({.endpoint = server_.url("")}, impatient, {.path = "/endless"});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("more came than was expected"));
}

TEST_F(SlowServer, NeverFillsADiskWithMoreThanTheFileHas) {
  for (const char* path : {"/endless", "/plain"}) {
    const auto outcome = run(hub_download({.endpoint = ""}, server_.url(path), at("part"), 0, 100'000));
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_TRUE(came_too_much(*outcome)) << path << ": " << describe(*outcome) << " " << outcome->err;
    EXPECT_EQ(std::filesystem::file_size(at("part")), 100'000U);
    EXPECT_THAT(curl_trouble(server_.url(path), *outcome).message(), HasSubstr("more came"));
    std::filesystem::remove(at("part"));
  }
}

}  // namespace
}  // namespace bringup::host
