// SPDX-License-Identifier: Apache-2.0
// For machines without libcurl: a minimal image has apt or dnf, which bring their own, and nothing else.
#include <bringup/base/text.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/measure/ask.hpp>
#include <bringup/measure/status.hpp>
#include <bringup/measure/url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long is left, in the form that poll wants.
class Deadline {
 public:
  explicit Deadline(milliseconds whole) : whole_(whole), until_(Steady::now() + whole) {}
  int left() const {
    const auto left = std::chrono::ceil<milliseconds>(until_ - Steady::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }
  Error passed() const { return {Errc::unreachable, too_late(whole_)}; }

 private:
  milliseconds whole_;
  Steady::time_point until_;
};

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> resolve(const Url& to) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found);
  if (code == EAI_MEMORY || code == EAI_SYSTEM) return Error(Errc::unreachable, ::gai_strerror(code));
  if (code != 0) return Error(Errc::unreachable, "the name does not resolve");
  return Addresses(found, &::freeaddrinfo);
}

int error_of(const host::Fd& fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// All addresses at once: one that is dead (IPv6 without a route, often) must not eat the time of the others.
Result<host::Fd> connect_to(const Url& to, const Deadline& deadline) {
  const Addresses addresses = TRY(resolve(to));
  std::vector<host::Fd> sockets;
  int why = 0;
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    host::Fd fd(::socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, one->ai_protocol));
    const bool begun =
        fd && (::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0 || errno == EINPROGRESS);
    if (begun)
      sockets.push_back(std::move(fd));
    else
      why = errno;
  }
  while (!sockets.empty()) {
    std::vector<pollfd> waiting;
    for (const host::Fd& fd : sockets) waiting.push_back({.fd = fd.get(), .events = POLLOUT, .revents = 0});
    const int ready = ::poll(waiting.data(), waiting.size(), deadline.left());
    if (ready == 0) return deadline.passed();
    for (std::size_t i = sockets.size(); ready > 0 && i-- > 0;) {
      if (waiting[i].revents == 0) continue;
      const int error = error_of(sockets[i]);
      if (error == 0) return std::move(sockets[i]);
      why = error;
      sockets.erase(sockets.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return Error(Errc::unreachable, base::lower(std::strerror(why)));
}

// The status in "HTTP/1.1 200 OK".
Result<long> read_status(const host::Fd& fd, const Deadline& deadline) {
  std::string text;
  while (text.find('\n') == std::string::npos && text.size() < 4096) {
    pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, deadline.left()) == 0) return deadline.passed();
    std::array<char, 1024> buffer{};
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Error(Errc::unreachable, base::lower(std::strerror(errno)));
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (text.empty()) return Error(Errc::unreachable, "the connection was closed without an answer");
  const auto first = base::words(std::string_view(text).substr(0, text.find_first_of("\r\n")));
  const auto status =
      first.size() > 1 && first[0].starts_with("HTTP/") ? base::to_integer(first[1]) : std::nullopt;
  if (!status) return Error(Errc::unreachable, "what answers there does not speak HTTP");
  return static_cast<long>(*status);
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// To the server itself, or to the proxy: CONNECT for HTTPS, the whole address for HTTP.
std::string request(const Url& url, const std::optional<Url>& proxy) {
  std::string text;
  if (url.tls)
    text = fmt::format("CONNECT {} HTTP/1.1\r\n", url.authority());
  else
    text = fmt::format("HEAD {}{} HTTP/1.1\r\n", proxy ? "http://" + url.authority() : "", url.path);
  text += fmt::format("Host: {}\r\nUser-Agent: bringup/{}\r\nConnection: close\r\n", url.authority(),
                      BRINGUP_VERSION);
  if (proxy && !proxy->user.empty())
    text += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(proxy->user));
  return text + "\r\n";
}

}  // namespace

Result<> ask_by_ourselves(const std::string& address, milliseconds whole) {
  const Deadline deadline(whole);
  const Url url = TRY(parse_url(address));
  const std::optional<Url> proxy = TRY(proxy_for(url, environment));
  auto connected = connect_to(proxy ? *proxy : url, deadline);
  if (!connected) return proxy ? std::move(connected).error().within("the proxy") : connected.error();
  if (url.tls && !proxy) return ok;
  const std::string text = request(url, proxy);
  if (::send(connected->get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
    return Error(Errc::unreachable, "the connection was closed before the question");
  }
  return judge_status(TRY(read_status(*connected, deadline)));
}

}  // namespace bringup::measure
