// SPDX-License-Identifier: Apache-2.0
// Which hub, whose token, and what a hub's refusal means for the person in front of it.
#include <bringup/base/text.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sys/resource.h>

namespace bringup::host {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : std::string(base::trim(value));
}

std::string hub_home(std::string_view home) {
  if (std::string own = variable("HF_HOME"); !own.empty()) return own;
  const std::string cache = variable("XDG_CACHE_HOME");
  return (cache.starts_with('/') ? cache : std::string(home) + "/.cache") + "/huggingface";
}

Result<std::optional<HubToken>> checked(std::string_view text, std::string from) {
  const std::string value(base::trim(text));
  constexpr std::size_t kMost = 4096;
  const auto odd = [](char c) { return c <= ' ' || c >= '\x7f' || c == '"' || c == '\\'; };
  if (value.empty()) return std::optional<HubToken>();
  if (value.size() > kMost || std::ranges::any_of(value, odd))
    return Error(Errc::malformed, from + ": holds no token: expected one word like hf_...");
  const rlimit none{};
  (void)::setrlimit(RLIMIT_CORE, &none);  // from now on it is in this process's memory
  return std::optional(HubToken{value, std::move(from)});
}

Error not_allowed(const Hub& hub, std::string_view what, const HubAnswer& answer) {
  const std::string page = fmt::format("{}/{}", hub.endpoint, what);
  const std::string make = fmt::format(
      "make one at {}/settings/tokens and set HF_TOKEN, or write it to ~/.cache/huggingface/token",
      hub.endpoint);
  if (!hub.token && answer.error == "GatedRepo")
    return {Errc::denied,
            fmt::format("{}: has a licence that must be accepted (401): open {}, accept it, then say "
                        "who you are with a token: {}",
                        what, page, make)};
  if (!hub.token)
    return {Errc::denied,
            fmt::format("{}: the hub shows it to nobody without a token (401): it is private, or "
                        "there is none of that name. For a token: {}",
                        what, make)};
  if (!hub_may_see_token(hub, hub.endpoint))
    return {Errc::denied,
            fmt::format("{}: the hub wants a token (401); that of {} was not sent, because {} is "
                        "neither https nor this machine",
                        what, hub.token->from, hub.endpoint)};
  if (answer.error == "RepoNotFound")
    return {Errc::denied,
            fmt::format("{}: the hub does not show it to the token of {} (401): it is private, or there "
                        "is none of that name",
                        what, hub.token->from)};
  return {Errc::denied,
          fmt::format(
              "{}: the hub does not take the token of {} (401): wrong, expired or revoked. For another: {}",
              what, hub.token->from, make)};
}

}  // namespace

Result<std::string> hub_endpoint(std::string_view usual) {
  std::string endpoint = variable("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = std::string(usual);
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const auto odd = [](char c) { return c <= ' ' || c >= '\x7f' || c == '"' || c == '\\' || c == '@'; };
  const bool address = endpoint.starts_with("https://") || endpoint.starts_with("http://");
  if (address && !std::ranges::any_of(endpoint, odd) && endpoint.find_first_of("?#") == std::string::npos)
    return endpoint;
  return Error(Errc::usage,
               "HF_ENDPOINT: expected an address like https://hub.example.org, without a name or password");
}

Result<std::optional<HubToken>> hub_token(const View& view, std::string_view home) {
  if (const std::string value = variable("HF_TOKEN"); !value.empty()) return checked(value, "HF_TOKEN");
  std::string path = variable("HF_TOKEN_PATH");
  if (path.empty()) path = hub_home(home) + "/token";
  if (!path.starts_with('/')) return Error(Errc::usage, "HF_TOKEN_PATH, HF_HOME: expected a path from /");
  const auto text = view.read(path);
  if (!text && text.error().code() == Errc::absent) return std::optional<HubToken>();
  return checked(TRY(text), path);
}

std::optional<Error> hub_trouble(const Hub& hub, std::string_view what, const HubAnswer& answer) {
  const int status = answer.status;
  if (status >= 200 && status < 400) return std::nullopt;
  const std::string told = answer.message.empty() ? "" : "; it says: " + base::harmless(answer.message);
  if (status == 401) return not_allowed(hub, what, answer);
  if (status == 403)
    return Error(
        Errc::denied,
        fmt::format("{0}: the hub does not give it to this token (403): open {1}/{0}, accept the licence "
                    "there, and let the token read gated repositories{2}",
                    what, hub.endpoint, told));
  if (status == 404 && answer.error == "RevisionNotFound")
    return Error(Errc::absent, fmt::format("{}: has no such revision", what));
  if (status == 404)
    return Error(Errc::absent, fmt::format("{}: {} has no such model or file (404)", what, hub.endpoint));
  if (status == 407)
    return Error(Errc::unreachable, "the proxy wants a name and password (407): put them into https_proxy");
  return Error(Errc::unreachable,
               fmt::format("{}: {} answers with status {}{}", what, hub.endpoint, status, told));
}

}  // namespace bringup::host
