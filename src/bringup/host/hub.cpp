// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <poll.h>

namespace bringup::host {
namespace {

constexpr int kMostHops = 6;
constexpr auto kAskDeadline = std::chrono::minutes(2);
constexpr auto kLongestDownload = std::chrono::hours(24);
constexpr std::array kWaits{std::chrono::milliseconds(500), std::chrono::milliseconds(2000),
                            std::chrono::milliseconds(6000)};
constexpr std::int64_t kLongestWait = 60;  // seconds that a hub may ask for

bool is_secure(std::string_view url) {
  return url.starts_with("https://");
}

// "https://host:port" of an address, in one form.
std::string origin_of(std::string_view url) {
  const std::size_t start = url.find("://");
  if (start == std::string_view::npos) return "";
  std::string origin = base::lower(url.substr(0, url.find_first_of("/?#", start + 3)));
  const std::string_view usual = is_secure(origin) ? ":443" : ":80";
  if (origin.ends_with(usual)) origin.resize(origin.size() - usual.size());
  return origin;
}

// A number of 127.0.0.0/8, and not a name that begins like one.
bool is_loopback(std::string_view url) {
  const std::string origin = origin_of(url);
  const std::size_t start = origin.find("://");
  if (start == std::string::npos) return false;
  const std::string_view authority = std::string_view(origin).substr(start + 3);
  if (authority.starts_with("[::1]")) return true;
  const std::string_view name = authority.substr(0, authority.find(':'));
  return name == "localhost" ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos);
}

// A value in a file of curl's options.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"\n";
}

// An address that could end its line in curl's options, or is none, is not followed.
Result<std::string> joined(const std::string& from, std::string_view to) {
  const auto bad = [](char c) { return c <= ' ' || c == '\x7f' || c == '"' || c == '\\'; };
  const bool whole = to.starts_with("https://") || to.starts_with("http://");
  if (to.empty() || std::ranges::any_of(to, bad) || (!whole && !to.starts_with('/')) || to.starts_with("//"))
    return Error(Errc::unreachable, origin_of(from) + ": redirects to something that is no address");
  if (!whole) return origin_of(from) + std::string(to);
  if (is_secure(from) && !is_secure(to))
    return Error(Errc::unreachable,
                 fmt::format("{}: redirects from https to http, which is not followed", origin_of(from)));
  return std::string(to);
}

std::string common_options(const Hub& hub, std::string_view url) {
  const bool secure = is_secure(url);
  std::string text = "url = " + in_quotes(url) + "user-agent = \"bringup/" BRINGUP_VERSION "\"\n";
  text += fmt::format("proto = \"={0}\"\nproto-redir = \"={0}\"\n", secure ? "https" : "http,https");
  text += "connect-timeout = 20\nspeed-limit = 100\nspeed-time = 30\nshow-error\nsuppress-connect-headers\n";
  if (is_loopback(url)) text += "noproxy = \"*\"\n";
  if (hub_may_see_token(hub, url))
    text += "header = " + in_quotes("Authorization: Bearer " + hub.token->value);
  return text;
}

// The user's own ~/.curlrc is left out: it could say anything.
Command curl_with(std::string options, std::chrono::milliseconds deadline, std::uint64_t most) {
  return {.argv = {"/usr/bin/curl", "--disable", "--config", "-"},
          .deadline = deadline,
          .dies_with_us = true,
          .most_bytes = most,
          .input = std::move(options)};
}

int status_of(std::string_view head) {
  const auto words = base::words(head.substr(0, head.find('\r')));
  if (words.size() < 2 || !words[0].starts_with("HTTP/")) return 0;
  return static_cast<int>(base::to_integer(words[1]).value_or(0));
}

HubAnswer read_answer(std::string_view text) {
  std::size_t end = text.find("\r\n\r\n");
  while (end != std::string_view::npos && status_of(text) / 100 == 1) {  // "100 Continue" and its like
    text.remove_prefix(end + 4);
    end = text.find("\r\n\r\n");
  }
  HubAnswer answer{.status = status_of(text)};
  if (end != std::string_view::npos) answer.body = std::string(text.substr(end + 4));
  for (const std::string_view line : base::lines(text.substr(0, end))) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = base::lower(line.substr(0, colon));
    const std::string value(base::trim(line.substr(colon + 1)));
    if (name == "x-error-code") answer.error = value;
    if (name == "x-error-message") answer.message = value;
    if (name == "content-type") answer.type = base::lower(value);
    if (name == "retry-after") answer.wait = value;
    if (name == "location") answer.next = value;
    if (name == "content-length")
      answer.length =
          static_cast<std::uint64_t>(std::max<std::int64_t>(base::to_integer(value).value_or(0), 0));
  }
  return answer;
}

// One question, one answer; what the hub says is never allowed to show the token.
Result<HubAnswer> ask_once(const Hub& hub, const Runner& run, const std::string& url,
                           const HubRequest& request) {
  std::string options = common_options(hub, url) + "silent\ninclude\n";
  options += fmt::format("max-filesize = {}\n", kLargestDownload);
  if (request.head) options += "head\n";
  if (!request.range.empty()) options += fmt::format("range = \"{}\"\n", request.range);
  const Outcome outcome = TRY(run(curl_with(std::move(options), kAskDeadline, kLargestDownload)));
  if (!outcome.success()) return curl_trouble(url, outcome);
  HubAnswer answer = read_answer(outcome.out);
  if (hub.token && base::contains(answer.message, hub.token->value)) answer.message.clear();
  answer.at = url;
  return answer;
}

bool passes_by(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

Result<HubAnswer> ask_patiently(const Hub& hub, const Runner& run, const std::string& url,
                                const HubRequest& request) {
  for (const auto usual : kWaits) {
    auto answer = ask_once(hub, run, url, request);
    if (!answer || !passes_by(answer->status)) return answer;
    auto wait = usual;
    if (const auto seconds = base::to_integer(answer->wait); seconds && *seconds > 0)
      wait = std::chrono::seconds(std::min(*seconds, kLongestWait));
    if (!pause(wait)) return Error(Errc::cancelled, "stopped while waiting for the hub");
  }
  return ask_once(hub, run, url, request);
}

}  // namespace

bool hub_may_see_token(const Hub& hub, std::string_view url) {
  return hub.token && origin_of(url) == origin_of(hub.endpoint) && (is_secure(url) || is_loopback(url));
}

bool pause(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!interrupted() && std::chrono::steady_clock::now() < until) ::poll(nullptr, 0, 50);
  return !interrupted();
}

std::string url_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Error curl_trouble(std::string_view url, const Outcome& outcome) {
  const std::string words = why_not_downloaded(outcome);
  const auto* exited = std::get_if<Exited>(&outcome.how);
  constexpr int kWriting = 23;
  if (exited != nullptr && exited->code == kWriting)
    return {Errc::io, "writing failed: " + words + "; is the disk full?"};
  if (came_too_much(outcome))
    return {Errc::unreachable, fmt::format("{}: {}", base::harmless(origin_of(url)), words)};
  std::string_view hint = about_certificate(outcome.err);
  if (hint.empty()) hint = "is there a network, and a proxy that must be named in https_proxy?";
  return {Errc::unreachable, fmt::format("{}: {}; {}", base::harmless(origin_of(url)), words, hint)};
}

Result<HubAnswer> ask_hub(const Hub& hub, const Runner& run, const HubRequest& request) {
  std::string url = hub.endpoint + request.path;
  for (int hop = 0; hop < kMostHops; ++hop) {
    HubAnswer answer = TRY(ask_patiently(hub, run, url, request));
    if (answer.status < 300 || answer.status >= 400 || answer.next.empty()) return answer;
    url = TRY(joined(url, answer.next));
    answer.next = url;
    if (request.head && origin_of(url) != origin_of(hub.endpoint)) {
      answer.at = url;
      return answer;
    }
  }
  return Error(Errc::unreachable, origin_of(url) + ": redirects in a circle");
}

Command hub_download(const Hub& hub, const std::string& url, const std::string& part, std::uint64_t from,
                     std::uint64_t size) {
  std::string options = common_options(hub, url) + "fail\noutput = " + in_quotes(part);
  options += fmt::format("continue-at = {}\nmax-filesize = {}\nwrite-out = \"%{{http_code}}\"\n", from, size);
  // A head has led to where the hub itself ends; from elsewhere on no token goes along.
  if (!hub_may_see_token(hub, url)) options += "location\nmax-redirs = 5\n";
  return curl_with(std::move(options), kLongestDownload, size);
}

}  // namespace bringup::host
