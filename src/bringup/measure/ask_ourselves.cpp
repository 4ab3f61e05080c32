// SPDX-License-Identifier: Apache-2.0
// For machines without libcurl: a minimal image has apt or dnf, which bring their own, and nothing else.
#include <bringup/base/text.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/measure/ask.hpp>
#include <bringup/measure/ask_tls.hpp>
#include <bringup/measure/status.hpp>
#include <bringup/measure/url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

namespace bringup::measure {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongestHead = 16384;

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

// What has come over the plain connection, waited for; "" at the end.
Result<std::string> receive(const host::Fd& fd, const Deadline& deadline) {
  for (std::array<char, 1024> buffer{};;) {
    TRY(wait_for(fd.get(), false, deadline));
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got >= 0) return std::string(buffer.data(), static_cast<std::size_t>(got));
    if (errno != EINTR && errno != EAGAIN) return Error(Errc::unreachable, base::lower(std::strerror(errno)));
  }
}

Result<> send(const host::Fd& fd, const std::string& text) {
  if (::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()))
    return ok;
  return Error(Errc::unreachable, "the connection was closed before the question");
}

// The status in "HTTP/1.1 200 OK", out of all that comes before the answer's body.
Result<long> read_status(const std::function<Result<std::string>()>& receive) {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos && text.size() < kLongestHead) {
    const std::string more = TRY(receive());
    if (more.empty()) break;
    text += more;
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

std::string with_head(const std::string& question, const Url& url) {
  return fmt::format("{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bringup/{}\r\n", question, url.authority(),
                     BRINGUP_VERSION);
}

std::string login(const std::optional<Url>& proxy) {
  return proxy && !proxy->user.empty() ? fmt::format("Proxy-Authorization: Basic {}\r\n", base64(proxy->user))
                                       : "";
}

Result<> ask_plainly(const host::Fd& fd, const Url& url, const std::optional<Url>& proxy,
                     const Deadline& deadline) {
  const std::string where = proxy ? "http://" + url.authority() + url.path : url.path;
  TRY(send(fd, with_head("HEAD " + where, url) + "Connection: close\r\n" + login(proxy) + "\r\n"));
  return judge_status(TRY(read_status([&] { return receive(fd, deadline); })));
}

// Without OpenSSL the connection alone is tried, or the proxy's consent to it.
Result<> ask_by_tls(const host::Fd& fd, const Url& url, const std::optional<Url>& proxy,
                    const Deadline& deadline) {
  if (proxy) {
    TRY(send(fd, with_head("CONNECT " + url.authority(), url) + login(proxy) + "\r\n"));
    TRY(judge_status(TRY(read_status([&] { return receive(fd, deadline); }))));
  }
  const auto tls = Tls::over(fd.get(), url.host, deadline);
  if (!tls) return tls.error().code() == Errc::absent ? ok : Result<>(tls.error());
  TRY(tls->send(with_head("HEAD " + url.path, url) + "Connection: close\r\n\r\n"));
  return judge_status(TRY(read_status([&tls] { return tls->receive(); })));
}

}  // namespace

Result<> ask_by_ourselves(const std::string& address, milliseconds whole) {
  const Deadline deadline(whole);
  const Url url = TRY(parse_url(address));
  const std::optional<Url> proxy = TRY(proxy_for(url, environment));
  auto connected = connect_to(proxy ? *proxy : url, deadline);
  if (!connected) return proxy ? std::move(connected).error().within("the proxy") : connected.error();
  return url.tls ? ask_by_tls(*connected, url, proxy, deadline)
                 : ask_plainly(*connected, url, proxy, deadline);
}

}  // namespace bringup::measure
