// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/measure/url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::measure {
namespace {

// Whether no_proxy names `host`: itself, a domain above it ("example.org", ".example.org"), or "*".
bool excepted(std::string_view host, std::string_view no_proxy) {
  const auto parts = base::split(no_proxy, ',');
  return std::ranges::any_of(parts, [host](std::string_view part) {
    part = base::trim(part);
    if (part == "*") return true;
    if (part.starts_with('.')) part.remove_prefix(1);
    if (part.empty() || !host.ends_with(part)) return false;
    return host.size() == part.size() || host[host.size() - part.size() - 1] == '.';
  });
}

// "%40" is '@': what may not stand in an address is written so.
std::string decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool coded = text.size() > 2 && text.front() == '%';
    const auto byte = coded ? base::to_hex(text.substr(1, 2)) : std::nullopt;
    out += byte ? static_cast<char>(*byte) : text.front();
    text.remove_prefix(byte ? 3 : 1);
  }
  return out;
}

}  // namespace

std::string Url::authority() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", host, brackets ? "]" : "", port);
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("https://"))
    url.tls = true;
  else if (!text.starts_with("http://"))
    return Error(Errc::malformed, "the address is neither http nor https");
  text.remove_prefix(url.tls ? 8 : 7);
  const std::size_t end = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, end);
  const std::string_view path = end == std::string_view::npos ? "" : text.substr(end, text.find('#') - end);
  url.path = fmt::format("{}{}", path.starts_with('/') ? "" : "/", path);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user = decoded(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  if (authority.starts_with('[') && bracket == std::string_view::npos) {
    return Error(Errc::malformed, "the address has a '[' without its ']'");
  }
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  url.host = std::string(bracket == std::string_view::npos ? authority.substr(0, colon)
                                                           : authority.substr(1, bracket - 1));
  url.port = colon == std::string_view::npos ? "" : std::string(authority.substr(colon + 1));
  if (url.port.empty()) url.port = url.tls ? "443" : "80";
  const auto number = base::to_integer(url.port);
  if (url.host.empty() || !number || *number < 1 || *number > 65535) {
    return Error(Errc::malformed, "the address has no host, or a port that is none");
  }
  return url;
}

Result<std::optional<Url>> proxy_for(const Url& url, const Environment& environment) {
  const auto first = [&environment](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names) {
      if (const auto value = environment(name); value && !value->empty()) return *value;
    }
    return "";
  };
  if (excepted(base::lower(url.host), base::lower(first({"no_proxy", "NO_PROXY"})))) {
    return std::optional<Url>{};
  }
  // HTTP_PROXY in capitals is left out, because a web server puts a request's header "Proxy:" there.
  const std::string text = url.tls ? first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                                   : first({"http_proxy", "all_proxy", "ALL_PROXY"});
  if (text.empty()) return std::optional<Url>{};
  auto proxy = parse_url(base::contains(text, "://") ? text : "http://" + text);
  if (!proxy || proxy->tls) {
    return Error(
        Errc::unsupported,
        "the proxy of the environment is not a plain http:// one, and libcurl, which could talk to it, is "
        "not installed");
  }
  return std::optional<Url>{std::move(proxy).take()};
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::array<unsigned, 3> three{};
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < here; ++k) three[k] = static_cast<unsigned char>(bytes[i + k]);
    const unsigned all = three[0] << 16U | three[1] << 8U | three[2];
    for (unsigned k = 0; k < 4; ++k) out += k <= here ? kDigits[all >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

}  // namespace bringup::measure
