// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/hands.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::apply {
namespace {

constexpr std::size_t kLastLines = 12;

// What tools write when something outside them is in the way, in the order in which it is looked for.
struct Trouble {
  std::string_view shown_by;  // lower-case
  Errc code;
  std::string_view meaning;
};
constexpr std::string_view kName = "the name of the server could not be resolved: is there a network?";
constexpr std::string_view kRefused = "the server could not be reached";
constexpr std::string_view kForbidden = "the server or a proxy refuses the request";
constexpr std::string_view kFull =
    "the disk is full, or has no inodes left ('df -h', 'df -i'): make room, then go on";
constexpr std::string_view kReadOnly = "the file system can only be read: mount it for writing, then go on";
constexpr std::string_view kBroken = "the disk gives errors: look at 'dmesg' before anything else";
constexpr std::string_view kBusy = "another package manager is at work: wait for its end";
constexpr std::string_view kTerms =
    "Anaconda's own channels want their terms accepted, which is not done for you: read them, 'conda tos "
    "accept', then 'bringup resume'; or leave out channels = \"defaults\"";
constexpr std::string_view kHash =
    "a file is not the one whose hash was written down: it was changed since, or the lock was";
constexpr std::string_view kSum =
    "a package is not the one that the signed index names: it was damaged or exchanged on the way, or the "
    "index is of another day";
constexpr std::array kTroubles{
    Trouble{"condatosnoninteractiveerror", Errc::refused, kTerms},
    Trouble{"condahttperror", Errc::unreachable, kRefused}, Trouble{"hash mismatch", Errc::failed, kHash},
    Trouble{"do not match the hashes", Errc::failed, kHash}, Trouble{"hash sum mismatch", Errc::failed, kSum},
    Trouble{"no space left on device", Errc::io, kFull}, Trouble{"disk quota exceeded", Errc::io, kFull},
    Trouble{"you don't have enough free space", Errc::io, kFull},
    Trouble{"read-only file system", Errc::io, kReadOnly}, Trouble{"input/output error", Errc::io, kBroken},
    Trouble{"temporary failure in name resolution", Errc::unreachable, kName},
    Trouble{"temporary failure resolving", Errc::unreachable, kName},
    Trouble{"name or service not known", Errc::unreachable, kName},
    Trouble{"could not resolve", Errc::unreachable, kName},
    Trouble{"failed to lookup address", Errc::unreachable, kName},
    Trouble{"dns error", Errc::unreachable, kName},
    Trouble{"connection refused", Errc::unreachable, kRefused},
    Trouble{"connection timed out", Errc::unreachable, kRefused},
    Trouble{"connect timeout", Errc::unreachable, kRefused},
    Trouble{"connecttimeouterror", Errc::unreachable, kRefused},
    Trouble{"read timed out", Errc::unreachable, kRefused},
    Trouble{"operation timed out", Errc::unreachable, kRefused},
    Trouble{"network is unreachable", Errc::unreachable, kRefused},
    Trouble{"no route to host", Errc::unreachable, kRefused},
    Trouble{"connection reset", Errc::unreachable, kRefused},
    Trouble{"could not connect to", Errc::unreachable, kRefused},
    Trouble{"403 forbidden", Errc::unreachable, kForbidden},
    Trouble{"403  forbidden", Errc::unreachable, kForbidden},
    Trouble{"403 client error", Errc::unreachable, kForbidden},
    Trouble{"407 proxy authentication", Errc::unreachable, kForbidden},
    Trouble{"tunnel connection failed", Errc::unreachable, kForbidden},
    // apt says so as well while it waits, hence last
    Trouble{"lock was locked by", Errc::busy,
            kBusy},  // dpkg: "another process", since 1.22 "<unknown> process"
    Trouble{"locked by another process", Errc::busy, kBusy}, Trouble{"could not get lock", Errc::busy, kBusy},
    Trouble{"unable to acquire the dpkg frontend lock", Errc::busy, kBusy}};

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

// The end, and which files apt could not fetch: it says much about each after its name.
std::string last_lines(std::string_view text) {
  const auto lines = base::lines(text);
  std::string out;
  for (std::size_t i = 0; i + kLastLines < lines.size(); ++i) {
    if (lines[i].starts_with("E: Failed to fetch")) out += "\n    " + base::harmless(lines[i]);
  }
  for (std::size_t i = lines.size() - std::min(lines.size(), kLastLines); i < lines.size(); ++i)
    out += "\n    " + base::harmless(lines[i]);
  return out;
}

}  // namespace

std::vector<std::string> missing_parents(const std::string& path, const host::View& view) {
  std::vector<std::string> missing;
  for (std::string parent = parent_of(path); parent != "/" && !view.exists(parent);
       parent = parent_of(parent))
    missing.push_back(parent);
  std::ranges::reverse(missing);
  return missing;
}

Result<> make_parents(const std::string& path, const Hands& hands) {
  for (const std::string& directory : missing_parents(path, hands.view))
    TRY(hands.control->make_directory(directory, 0755, hands.owner()));
  return ok;
}

Result<> remove_parents(const Json& made, const Hands& hands) {
  if (!made.is_array()) return ok;
  for (auto directory = made.rbegin(); directory != made.rend(); ++directory) {
    if (directory->is_string())
      TRY(hands.control->remove_empty_directory(directory->get<std::string>(), hands.owner()));
  }
  return ok;
}

Json bytes_to_json(std::string_view bytes) {
  Json text = std::string(bytes);
  // dump() is the judge of what is UTF-8: what it would replace goes as hexadecimal.
  const std::string strict = text.dump(-1, ' ', false, Json::error_handler_t::ignore);
  if (Json::parse(strict, nullptr, false) == text) return {{"text", std::string(bytes)}};
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return {{"hex", hex}};
}

std::string bytes_from_json(const Json& json) {
  if (json.is_object() && json.contains("text") && json["text"].is_string())
    return json["text"].get<std::string>();
  if (!json.is_object() || !json.contains("hex") || !json["hex"].is_string()) return "";
  const std::string hex = json["hex"].get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(base::to_hex(std::string_view(hex).substr(i, 2)).value_or(0));
  return bytes;
}

std::string without_secrets(std::string_view text) {
  std::string out(text);
  for (std::size_t at = out.find("://"); at != std::string::npos; at = out.find("://", at + 3)) {
    const std::size_t end = out.find_first_of("/ \t\n\"'", at + 3);
    const std::size_t sign = out.substr(0, end).rfind('@');
    if (sign != std::string::npos && sign > at) out.erase(at + 3, sign - at - 2);
  }
  return out;
}

Error trouble_of(const std::vector<std::string>& argv, const host::Outcome& outcome) {
  const std::string told =
      fmt::format("{} {}:{}", base::quoted(argv).substr(0, 200), host::describe(outcome),
                  last_lines(base::trim(outcome.err).empty() ? outcome.out : outcome.err));
  if (std::holds_alternative<host::TimedOut>(outcome.how)) return {Errc::timeout, without_secrets(told)};
  const std::string text = base::lower(outcome.err + "\n" + outcome.out);
  if (const auto certificate = host::about_certificate(text); !certificate.empty())
    return {Errc::unreachable, without_secrets(fmt::format("{}; {}", certificate, told))};
  const auto* trouble = std::ranges::find_if(
      kTroubles, [&text](const Trouble& one) { return base::contains(text, one.shown_by); });
  if (trouble == kTroubles.end()) return {Errc::failed, without_secrets(told)};
  return {trouble->code, without_secrets(fmt::format("{}; {}", trouble->meaning, told))};
}

Result<host::Outcome> run_heard(const Hands& hands, host::Command command) {
  command.on_output = hands.say;
  if (hands.say) command.asked_to_stop = [&hands] { hands.say("was asked to stop, and ends what it is at"); };
  return hands.control->run(command);
}

Result<host::Outcome> run_well(const Hands& hands, host::Command command) {
  command.as = hands.run_as();
  host::Outcome outcome = TRY(run_heard(hands, command));
  if (outcome.success()) return outcome;
  return trouble_of(command.argv, outcome);
}

}  // namespace bringup::apply
