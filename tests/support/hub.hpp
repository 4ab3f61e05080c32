// SPDX-License-Identifier: Apache-2.0
#pragma once
// A test with a hub of its own on loopback (hub.py), and a home in which no token lies.

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <support/home.hpp>
#include <support/program.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace bringup::testing_support {

class WithAHub : public InAHome {
 protected:
  // As hub.py has them.
  static constexpr const char* kGood = "hf_good0canary";
  static constexpr const char* kOther = "hf_other0canary";

  void SetUp() override {
    InAHome::SetUp();
    if (::access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/curl here";
    const auto python = host::run({.argv = {"python3", "--version"}});
    if (!python) GTEST_SKIP() << "no python3 here: " << python.error().message();
    start();
    ASSERT_FALSE(endpoint_.empty()) << "hub.py did not begin";
  }
  void TearDown() override {
    if (input_ >= 0) ::close(input_);  // which ends it
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    InAHome::TearDown();
  }
  std::vector<std::pair<std::string, std::string>> surroundings(const std::string& token = "") const {
    std::vector<std::pair<std::string, std::string>> all{
        {"HF_ENDPOINT", endpoint_}, {"HF_HOME", at("hf")}, {"HOME", home_.string()}};
    if (!token.empty()) all.emplace_back("HF_TOKEN", token);
    return all;
  }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(at("hub.log")).rdbuf();
    return text.str();
  }
  // Lines of the log that have all of these words.
  int asked(const std::vector<std::string>& words) const {
    std::istringstream lines(log());
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
      bool all = true;
      for (const std::string& word : words) all = all && line.find(word) != std::string::npos;
      count += all ? 1 : 0;
    }
    return count;
  }

  std::string endpoint_;
  // A file beside certificates/make.py, with which the hub speaks TLS; "": it does not.
  std::string certificate_;

 private:
  void start() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    ASSERT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    const std::string script = BRINGUP_SOURCE_DIR "/tests/support/hub.py";
    const std::string log_path = at("hub.log");
    const std::string certificate = BRINGUP_SOURCE_DIR "/tests/support/certificates/" + certificate_;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execlp("python3", "python3", script.c_str(), log_path.c_str(),
               certificate_.empty() ? nullptr : certificate.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != ' ';) line += c;
    ::close(out[0]);
    if (!line.empty()) endpoint_ = (certificate_.empty() ? "http://127.0.0.1:" : "https://localhost:") + line;
  }

  pid_t pid_ = -1;
  int input_ = -1;
};

}  // namespace bringup::testing_support
