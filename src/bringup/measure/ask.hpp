// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asking one source whether it answers, in this process: for the children of ask_sources and for tests.

#include <bringup/base/result.hpp>

#include <chrono>
#include <string>

namespace bringup::measure {

// An answer is HTTP status 200..399. Every other end is Errc::unreachable with its reason, which never holds
// a password.

// Through libcurl; Errc::absent when `library` is not there. Proxies and CA files come from the environment.
Result<> ask_with_curl(const std::string& library, const std::string& url,
                       std::chrono::milliseconds deadline);

// By a connection of our own, with the system's OpenSSL for HTTPS. Without one only the connection is tried,
// or the proxy's consent to it.
Result<> ask_by_ourselves(const std::string& url, std::chrono::milliseconds deadline);

}  // namespace bringup::measure
