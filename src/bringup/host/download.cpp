// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace bringup::host {
namespace {

constexpr auto kDeadline = std::chrono::minutes(5);

Error no(const std::string& url, const Outcome& outcome) {
  const std::string_view certificate = about_certificate(outcome.err);
  return {Errc::unreachable, fmt::format("{}: {}{}{}", url, why_not_downloaded(outcome),
                                         certificate.empty() ? "" : "; ", certificate)};
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [text](std::string_view one) { return base::contains(text, one); });
}

// curl's and wget's answers come on standard output; nothing is left behind when they fail.
Result<std::string> by_pipe(Control& control, Command command, const std::string& url,
                            const std::optional<RunAs>& as) {
  command.as = as;
  Outcome outcome = TRY(control.run(command));
  if (!outcome.success()) return no(url, outcome);
  return std::move(outcome.out);
}

// apt brings a downloader with it, and every Debian and Ubuntu has apt; it writes files.
Result<std::string> by_apt_helper(Control& control, const std::string& url) {
  const std::string file = fmt::format("/var/cache/apt/archives/partial/bringup-{}", ::getpid());
  const Outcome outcome = TRY(control.run({.argv = {"/usr/lib/apt/apt-helper", "download-file", url, file},
                                           .deadline = kDeadline,
                                           .most_bytes = kLargestDownload}));
  auto bytes = outcome.success() ? control.view().read(file) : Result<std::string>(no(url, outcome));
  TRY(control.remove_file(file, std::nullopt));
  return bytes;
}

}  // namespace

bool came_too_much(const Outcome& outcome) {
  constexpr int kFilesize = 63;
  const auto* exited = std::get_if<Exited>(&outcome.how);
  return std::holds_alternative<TooMuch>(outcome.how) || (exited != nullptr && exited->code == kFilesize);
}

std::string why_not_downloaded(const Outcome& outcome) {
  if (came_too_much(outcome)) return "more came than was expected, so it was ended";
  auto lines = base::lines(outcome.err);
  // curl goes on with advice, and apt-helper's last word is this one; the cause stands above.
  const auto curls =
      std::ranges::find_if(lines, [](std::string_view line) { return line.starts_with("curl: ("); });
  if (curls != lines.end()) return base::harmless(*curls);
  std::erase(lines, "E: Download Failed");
  return lines.empty() ? describe(outcome) : base::harmless(lines.back());
}

// The words of OpenSSL (curl, wget, pip), GnuTLS (apt, Debian's wget) and rustls (uv).
std::string_view about_certificate(std::string_view said) {
  const std::string text = base::lower(said);
  if (!has_any(text,
               {"ssl certificate", "certificate verify failed", "certificate_verify_failed",
                "invalid peer certificate", "certificate verification failed", "certificate subject name",
                "error in the certificate", "'s certificate, issued by", "the certificate of"}))
    return "";
  if (has_any(text, {"not yet valid", "notvalidyet", "not valid yet", "not yet activated"}))
    return "the server's certificate is not valid yet, or this machine's clock is wrong ('date' shows it)";
  if (base::contains(text, "expired"))
    return "the server's certificate has expired, or this machine's clock is wrong ('date' shows it)";
  if (has_any(text, {"subject name", "notvalidforname", "not valid for name", "does not match",
                     "hostname mismatch", "doesn't match"}))
    return "another host answers under this name: a network that wants a login first, or a proxy";
  return "nobody whom this machine trusts signed the server's certificate: the CA of a proxy that opens TLS "
         "belongs into the system's store, or SSL_CERT_FILE names it (for curl CURL_CA_BUNDLE)";
}

Command download_command(const View& view, const std::string& url) {
  const bool secure = url.starts_with("https://");
  const std::string protocols = secure ? "=https" : "=http,https";
  Command command{.deadline = kDeadline, .most_bytes = kLargestDownload};
  std::vector<std::string>& argv = command.argv;
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
            std::to_string(kLargestDownload)};
  } else if (view.exists("/usr/bin/wget")) {
    argv = {"/usr/bin/wget", "--quiet",      "--output-document=-",
            "--tries=3",     "--timeout=30", "--max-redirect=5"};
    if (secure) argv.emplace_back("--https-only");
  } else {
    return command;
  }
  argv.push_back(url);
  return command;
}

Result<std::string> download(Control& control, const std::string& url, const std::optional<RunAs>& as) {
  const View& view = control.view();
  if (Command command = download_command(view, url); !command.argv.empty())
    return by_pipe(control, std::move(command), url, as);
  if (view.exists("/usr/lib/apt/apt-helper") && ::geteuid() == 0) return by_apt_helper(control, url);
  return Error(Errc::absent, fmt::format("{}: neither curl nor wget is here to download it with", url));
}

}  // namespace bringup::host
