// SPDX-License-Identifier: Apache-2.0
#pragma once
// Addresses of sources and of proxies, as far as asking needs them.

#include <bringup/base/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bringup::measure {

struct Url {
  bool tls = false;
  std::string user;  // "name:password" from in front of the host; never to be shown
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string path;  // with the query; "/" when there is none

  // "host:port", with brackets where they are needed.
  std::string authority() const;
};

// http and https only. The error never shows the text: it may hold a password.
Result<Url> parse_url(std::string_view text);

// The value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// The proxy that `environment` names for `url`, by the rules that curl follows: no HTTP_PROXY in capitals,
// no_proxy by host or domain. nullopt: to be asked directly. Errc::unsupported: a kind of proxy that only
// libcurl can talk to.
Result<std::optional<Url>> proxy_for(const Url& url, const Environment& environment);

std::string base64(std::string_view bytes);

}  // namespace bringup::measure
