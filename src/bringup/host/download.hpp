// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small file from the network, through the program for it that the machine has.

#include <bringup/host/control.hpp>

namespace bringup::host {

inline constexpr std::uint64_t kLargestDownload = 64U << 20U;  // bytes

// The command that writes what is at `url` (at most 64 MiB) to its standard output, by curl or wget; no
// words: neither is here. https never becomes http on the way. The address stands in the process list.
Command download_command(const View& view, const std::string& url);

// The bytes at `url` (at most 64 MiB), by curl, wget or apt's own helper, whichever is here. https never
// becomes http on the way. Errc::unreachable says what was in the way: the name, the connection, the
// certificate, the proxy, the status.
Result<std::string> download(Control& control, const std::string& url, const std::optional<RunAs>& as);

// What came was more than was asked for: curl says so when the server had said so, and was ended otherwise.
bool came_too_much(const Outcome& outcome);

// What curl, wget or apt's helper says was in the way, in one harmless line.
std::string why_not_downloaded(const Outcome& outcome);

// What it means that any of the tools (curl, wget, apt, uv, pip, git) refused a server's certificate, by what
// it wrote; "" when it wrote nothing of that kind.
std::string_view about_certificate(std::string_view said);

}  // namespace bringup::host
