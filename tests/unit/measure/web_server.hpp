// SPDX-License-Identifier: Apache-2.0
#pragma once
// A web server on the loopback address, in a process of its own. The last number of what is asked for is the
// status that it answers with:
// "/200", "http://x.test/404", "CONNECT h407.test:443"; "never" gets no answer, "cut" a closed connection,
// "junk" another language. It asks for the password "me:p@ss" where "secret" is in the question.

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bringup::testing_support {

class WebServer {
 public:
  WebServer() {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    usable_ = ::bind(listening_, generic, size) == 0 && ::listen(listening_, 16) == 0 &&
              ::getsockname(listening_, generic, &size) == 0;
    port_ = ntohs(address.sin_port);
    child_ = ::fork();
    if (child_ == 0) serve();
  }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;
  ~WebServer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(listening_);
  }
  bool usable() const { return usable_ && child_ > 0; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path) const { return "http://" + host() + "/" + path; }

  // A port of the loopback address at which nobody listens.
  static std::string closed_host() {
    WebServer gone;
    return gone.host();
  }

 private:
  [[noreturn]] void serve() const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGCHLD, SIG_IGN);
    for (;;) {
      const int one = ::accept(listening_, nullptr, nullptr);
      if (one >= 0 && ::fork() == 0) answer(one);
      ::close(one);
    }
  }
  [[noreturn]] static void answer(int to) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string question;
    std::array<char, 2048> buffer{};
    while (question.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(to, buffer.data(), buffer.size(), 0);
      if (got <= 0) ::_exit(0);
      question.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const std::string first = question.substr(0, question.find("\r\n"));
    const auto has = [](std::string_view text, std::string_view part) {
      return text.find(part) != std::string_view::npos;
    };
    while (has(first, "never")) ::pause();
    if (has(first, "cut")) ::_exit(0);
    std::string status = "400";
    for (const char* known : {"200", "204", "301", "304", "403", "404", "407", "500", "503"}) {
      if (has(first, known)) status = known;
    }
    if (has(first, "secret"))
      status = has(question, "Proxy-Authorization: Basic bWU6cEBzcw==\r\n") ? "200" : "407";
    const std::string text =
        has(first, "junk")
            ? "SSH-2.0-OpenSSH_9.2\r\n"
            : "HTTP/1.1 " + status + " Words\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    [[maybe_unused]] const ssize_t told = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(to, SHUT_WR);
    ::_exit(0);
  }

  int listening_ = -1;
  int port_ = 0;
  bool usable_ = false;
  pid_t child_ = -1;
};

}  // namespace bringup::testing_support
