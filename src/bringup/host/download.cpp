// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>

#include <fmt/format.h>

#include <unistd.h>

namespace bringup::host {
namespace {

constexpr auto kDeadline = std::chrono::minutes(5);

Error no(const std::string& url, const Outcome& outcome) {
  auto lines = base::lines(outcome.err);
  // apt-helper's last word is this one; the cause stands above it.
  std::erase(lines, "E: Download Failed");
  return {Errc::unreachable,
          fmt::format("{}: {}", url, lines.empty() ? describe(outcome) : base::harmless(lines.back()))};
}

// curl's and wget's answers come on standard output; nothing is left behind when they fail.
Result<std::string> by_pipe(Control& control, std::vector<std::string> argv, const std::string& url,
                            const std::optional<RunAs>& as) {
  Outcome outcome = TRY(control.run({.argv = std::move(argv), .deadline = kDeadline, .as = as}));
  if (!outcome.success()) return no(url, outcome);
  return std::move(outcome.out);
}

// apt brings a downloader with it, and every Debian and Ubuntu has apt; it writes files.
Result<std::string> by_apt_helper(Control& control, const std::string& url) {
  const std::string file = fmt::format("/var/cache/apt/archives/partial/bringup-{}", ::getpid());
  const Outcome outcome = TRY(
      control.run({.argv = {"/usr/lib/apt/apt-helper", "download-file", url, file}, .deadline = kDeadline}));
  auto bytes = outcome.success() ? control.view().read(file) : Result<std::string>(no(url, outcome));
  TRY(control.remove_file(file, std::nullopt));
  return bytes;
}

}  // namespace

std::vector<std::string> download_command(const View& view, const std::string& url) {
  const bool secure = url.starts_with("https://");
  const std::string protocols = secure ? "=https" : "=http,https";
  std::vector<std::string> argv;
  if (view.exists("/usr/bin/curl")) {
    argv = {"/usr/bin/curl",
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            "--proto",
            protocols,
            "--proto-redir",
            protocols,
            "--max-redirs",
            "5",
            "--retry",
            "3",
            "--connect-timeout",
            "20",
            "--speed-limit",
            "100",
            "--speed-time",
            "30",
            "--max-filesize",
            "67108864"};
  } else if (view.exists("/usr/bin/wget")) {
    argv = {"/usr/bin/wget", "--quiet",      "--output-document=-",
            "--tries=3",     "--timeout=30", "--max-redirect=5"};
    if (secure) argv.emplace_back("--https-only");
  } else {
    return argv;
  }
  argv.push_back(url);
  return argv;
}

Result<std::string> download(Control& control, const std::string& url, const std::optional<RunAs>& as) {
  const View& view = control.view();
  if (auto argv = download_command(view, url); !argv.empty())
    return by_pipe(control, std::move(argv), url, as);
  if (view.exists("/usr/lib/apt/apt-helper") && ::geteuid() == 0) return by_apt_helper(control, url);
  return Error(Errc::absent, fmt::format("{}: neither curl nor wget is here to download it with", url));
}

}  // namespace bringup::host
