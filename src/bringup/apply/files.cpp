// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/hands.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::size_t kLastLines = 12;

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

std::string last_lines(std::string_view text) {
  const auto lines = base::lines(text);
  std::string out;
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

Result<host::Outcome> run_well(const Hands& hands, host::Command command) {
  command.as = hands.run_as();
  command.on_output = hands.say;
  const std::string name = base::quoted(command.argv);
  host::Outcome outcome = TRY(hands.control->run(command));
  if (outcome.success()) return outcome;
  const Errc code = std::holds_alternative<host::TimedOut>(outcome.how) ? Errc::timeout : Errc::failed;
  return Error(code,
               without_secrets(fmt::format("{} {}:{}", name.substr(0, 200), host::describe(outcome),
                                           last_lines(outcome.err.empty() ? outcome.out : outcome.err))));
}

}  // namespace bringup::apply
