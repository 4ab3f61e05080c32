// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/gpu/library.hpp>
#include <bringup/host/fd.hpp>
#include <bringup/measure/child.hpp>
#include <bringup/measure/measure.hpp>

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace bringup::measure {
namespace {

using Steady = std::chrono::steady_clock;

struct Url {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;
};

Result<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("https://")) url.tls = true;
  else if (!text.starts_with("http://")) return Error(Errc::malformed, fmt::format("{}: neither http nor https", text));
  text.remove_prefix(url.tls ? 8 : 7);
  const std::size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  url.path = slash == std::string_view::npos ? "/" : std::string(text.substr(slash));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const std::size_t colon = authority.rfind(':');
  url.host = std::string(authority.substr(0, colon));
  url.port = colon == std::string_view::npos ? (url.tls ? "443" : "80") : std::string(authority.substr(colon + 1));
  return url;
}

// 200..399 is an answer; everything else says what it was.
Result<> judge_status(long status) {
  if (status >= 200 && status < 400) return ok;
  if (status == 407) return Error(Errc::unreachable, "the proxy wants a password (407)");
  return Error(Errc::unreachable, fmt::format("HTTP status {}", status));
}

// libcurl's public interface, as far as it is used here; option numbers are part of its ABI.
Result<> ask_with_curl(const gpu::Library& library, const std::string& url, Milliseconds deadline) {
  constexpr int kUrl = 10002, kNoBody = 44, kNoSignal = 99, kTimeoutMs = 155, kErrorBuffer = 10010, kUserAgent = 10018, kCaInfo = 10065;
  constexpr int kResponseCode = 0x200000 + 2;
  void* (*make)() = nullptr;
  int (*set)(void*, int, ...) = nullptr;
  int (*perform)(void*) = nullptr;
  int (*get)(void*, int, ...) = nullptr;
  const char* (*words)(int) = nullptr;
  TRY(library.bind(make, "curl_easy_init"));
  TRY(library.bind(set, "curl_easy_setopt"));
  TRY(library.bind(perform, "curl_easy_perform"));
  TRY(library.bind(get, "curl_easy_getinfo"));
  TRY(library.bind(words, "curl_easy_strerror"));
  void* handle = make();
  if (handle == nullptr) return Error(Errc::unsupported, "libcurl could not be started");
  std::array<char, 256> why{};
  set(handle, kUrl, url.c_str());
  set(handle, kNoBody, 1L);
  set(handle, kNoSignal, 1L);
  set(handle, kTimeoutMs, static_cast<long>(deadline.count()));
  set(handle, kErrorBuffer, why.data());
  set(handle, kUserAgent, "bringup");
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (const char* file = std::getenv(name)) set(handle, kCaInfo, file);
  }
  if (const int code = perform(handle); code != 0)
    return Error(Errc::unreachable, why[0] != '\0' ? std::string(why.data()) : std::string(words(code)));
  long status = 0;
  get(handle, kResponseCode, &status);
  return judge_status(status);  // the process ends here: nothing is cleaned up
}

Result<host::Fd> connect_to(const std::string& name, const std::string& port, Milliseconds deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(name.c_str(), port.c_str(), &hints, &found); code != 0)
    return Error(Errc::unreachable, fmt::format("the name {} does not resolve: {}", name, ::gai_strerror(code)));
  Error why(Errc::unreachable, "no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    host::Fd fd(::socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, one->ai_protocol));
    int error = 0;
    socklen_t size = sizeof error;
    if (::connect(fd.get(), one->ai_addr, one->ai_addrlen) != 0 && errno != EINPROGRESS) error = errno;
    pollfd waiting{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    if (error == 0 && ::poll(&waiting, 1, static_cast<int>(deadline.count())) <= 0) error = ETIMEDOUT;
    if (error == 0) ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      ::freeaddrinfo(found);
      return fd;
    }
    why = Error(Errc::unreachable, fmt::format("{}:{}: {}", name, port, std::strerror(error)));
  }
  ::freeaddrinfo(found);
  return why;
}

// The status in "HTTP/1.1 200 OK".
Result<long> read_status(const host::Fd& fd, Milliseconds deadline) {
  std::string text;
  while (text.find("\r\n") == std::string::npos && text.size() < 4096) {
    pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, static_cast<int>(deadline.count())) <= 0) return Error(Errc::unreachable, "connected, and then no answer");
    std::array<char, 1024> buffer{};
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return Error(Errc::unreachable, "connected, and then cut off");
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const auto words = base::words(text);
  const auto status = words.size() > 1 && words[0].starts_with("HTTP/") ? base::to_integer(words[1]) : std::nullopt;
  if (!status) return Error(Errc::unreachable, "what answers there does not speak HTTP");
  return static_cast<long>(*status);
}

const char* proxy_for(const Url& url) {
  for (const char* name : url.tls ? std::array{"https_proxy", "HTTPS_PROXY"} : std::array{"http_proxy", "http_proxy"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

// Without libcurl: speaks HTTP where it is plain; of TLS only the connection can be tried, or the proxy's consent to it.
Result<> ask_by_ourselves(const std::string& text, Milliseconds deadline) {
  const Url url = TRY(parse_url(text));
  const char* proxy = proxy_for(url);
  const Url to = proxy == nullptr ? url : TRY(parse_url(base::contains(proxy, "://") ? std::string(proxy) : std::string("http://") + proxy));
  const host::Fd fd = TRY(connect_to(to.host, to.port, deadline));
  if (url.tls && proxy == nullptr) return ok;
  const std::string request =
      url.tls ? fmt::format("CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n", url.host, url.port)
              : fmt::format("HEAD {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bringup\r\nConnection: close\r\n\r\n", proxy == nullptr ? url.path : text, url.host);
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return Error(Errc::unreachable, std::strerror(errno));
  return judge_status(TRY(read_status(fd, deadline)));
}

Result<> ask(const std::string& url, Milliseconds deadline) {
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
    if (const auto curl = gpu::Library::open(name)) return ask_with_curl(*curl, url, deadline);
  }
  return ask_by_ourselves(url, deadline);
}

// "ok 0.153" or the reason why not.
std::string answer(const std::string& url, Milliseconds deadline) {
  const auto began = Steady::now();
  const auto answered = ask(url, deadline);
  if (!answered) return answered.error().message();
  return fmt::format("ok {}", std::chrono::duration<double>(Steady::now() - began).count());
}

facts::Reading<double> seconds_in(const Result<std::string>& text) {
  if (!text) return Error(Errc::unreachable, text.error().message());
  double seconds = 0;
  if (!text->starts_with("ok ")) return Error(Errc::unreachable, *text);
  std::from_chars(text->data() + 3, text->data() + text->size(), seconds);
  return seconds;
}

}  // namespace

std::vector<facts::Source> ask_sources(std::vector<facts::Source> sources, Milliseconds deadline) {
  std::vector<Work> works;
  for (const facts::Source& source : sources) works.emplace_back([&source, deadline] { return answer(source.url, deadline); });
  const auto answers = in_children(works, deadline + Milliseconds(50));
  for (std::size_t i = 0; i < sources.size(); ++i) sources[i].answered_seconds = seconds_in(answers[i]);
  return sources;
}

}  // namespace bringup::measure
