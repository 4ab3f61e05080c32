// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/pattern.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bringup::catalog {
namespace {

constexpr std::array<std::pair<std::string_view, Hole>, 8> kHoles{{{"int", Hole::integer},
                                                                   {"hex", Hole::hex},
                                                                   {"version", Hole::version},
                                                                   {"pci", Hole::pci},
                                                                   {"path", Hole::path},
                                                                   {"word", Hole::word},
                                                                   {"any", Hole::any},
                                                                   {"rest", Hole::rest}}};
constexpr std::size_t kLeastLiteral = 12;  // of one literal and the others together,
constexpr std::size_t kLeastOfTwo = 8;     // or of two
constexpr int kStarts = 16;                // places in a line where a pattern is tried

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (folded(c) >= 'a' && folded(c) <= 'f');
}
bool is_letter(char c) {
  return folded(c) >= 'a' && folded(c) <= 'z';
}

bool takes(Hole hole, char c) {
  switch (hole) {
    case Hole::integer:
      return is_digit(c);
    case Hole::hex:
      return is_hex(c) || c == 'x' || c == 'X';
    case Hole::version:
      return is_digit(c) || is_letter(c) || c == '.' || c == '+' || c == '-' || c == '~';
    case Hole::pci:
      return is_hex(c) || c == ':' || c == '.';
    case Hole::path:
      return c > ' ' && c != '"' && c != '\'' && c != '`';
    case Hole::word:
      return is_digit(c) || is_letter(c) || c == '.' || c == '_' || c == '+' || c == '-';
    case Hole::any:
    case Hole::rest:
      return true;
  }
  return false;
}

std::size_t run_end(Hole hole, std::string_view line, std::size_t at) {
  while (at < line.size() && takes(hole, line[at])) ++at;
  return at;
}

bool ends_sentence(char c) {
  return c == '.' || c == ',' || c == ':' || c == ';' || c == ')';
}

// "0000:06:00", "0000:06:00.0", "06:00.0".
bool is_pci(std::string_view text) {
  const auto parts = base::split(text, ':');
  if (parts.size() != 2 && parts.size() != 3) return false;
  const bool all = std::ranges::all_of(parts, [](std::string_view part) { return part.size() >= 2; });
  return all && is_hex(parts.back()[0]) && is_hex(parts.back()[1]);
}

bool fits(Hole hole, std::string_view taken) {
  if (hole == Hole::any || hole == Hole::rest) return true;
  if (taken.empty()) return false;
  if (hole == Hole::version) return is_digit(taken[0]);
  if (hole == Hole::hex) return base::to_hex(taken).has_value() || taken.size() > 16;
  return hole != Hole::pci || is_pci(taken);
}

}  // namespace

char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t find_folded(std::string_view text, std::string_view lower, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const auto at = std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), lower.begin(),
                              lower.end(), [](char a, char b) { return folded(a) == b; });
  return at == text.end() && !lower.empty() ? std::string_view::npos
                                            : static_cast<std::size_t>(at - text.begin());
}

std::string_view hole_name(Hole hole) {
  const auto* at = std::ranges::find(kHoles, hole, &decltype(kHoles)::value_type::second);
  return at == kHoles.end() ? std::string_view{} : at->first;
}

Result<> Pattern::add_hole(std::string_view name) {
  const auto* hole = std::ranges::find(kHoles, name, &decltype(kHoles)::value_type::first);
  if (hole == kHoles.end())
    return Error(Errc::malformed, fmt::format("unknown hole {{{}}}: expected int, hex, version, pci, path, "
                                              "word, any or rest",
                                              name));
  parts_.push_back({.literal = "", .hole = hole->second});
  return ok;
}

Result<Pattern> Pattern::parse(std::string_view text) {
  Pattern pattern;
  pattern.text_ = std::string(text);
  if (text.starts_with('^')) {
    pattern.at_start_ = true;
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    if (open > 0) {
      pattern.parts_.push_back({.literal = base::lower(text.substr(0, open)), .hole = Hole::any});
      text.remove_prefix(open);
      continue;
    }
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) return Error(Errc::malformed, "a hole has no closing brace");
    TRY(pattern.add_hole(text.substr(1, close - 1)));
    text.remove_prefix(close + 1);
  }
  TRY(pattern.check());
  return pattern;
}

Result<> Pattern::check() const {
  std::size_t literals = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const bool hole = parts_[i].literal.empty();
    literals += hole ? 0 : 1;
    if (hole && i == 0) return Error(Errc::malformed, "a pattern begins with literal text");
    if (hole && parts_[i - 1].literal.empty())
      return Error(Errc::malformed, "two holes need literal text between them");
    if (hole && parts_[i].hole == Hole::rest && i + 1 != parts_.size())
      return Error(Errc::malformed, "{rest} stands at the end only");
  }
  const std::size_t size = literal_size();
  if (size < kLeastLiteral && !(literals >= 2 && size >= kLeastOfTwo))
    return Error(Errc::malformed,
                 fmt::format("{} characters of literal text say too little: expected {}, or {} in two pieces",
                             size, kLeastLiteral, kLeastOfTwo));
  return ok;
}

bool Pattern::match_at(std::string_view line, std::size_t at, std::vector<Capture>& captures) const {
  captures.clear();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (!part.literal.empty()) {  // behind a hole it stands here: the hole ended at it
      const std::string_view there = line.substr(std::min(at, line.size()), part.literal.size());
      if (find_folded(there, part.literal) != 0) return false;
      at += part.literal.size();
      continue;
    }
    const std::size_t run = run_end(part.hole, line, at);
    std::size_t end = run;
    if (i + 1 < parts_.size()) {
      const std::string& next = parts_[i + 1].literal;
      const std::string_view upto = line.substr(0, std::min(line.size(), run + next.size()));
      end = find_folded(upto, next, at + (part.hole == Hole::any ? 0 : 1));
      if (end == std::string_view::npos) return false;
    } else if (part.hole != Hole::rest) {
      while (end > at && ends_sentence(line[end - 1])) --end;
    }
    const std::string_view taken = line.substr(at, end - at);
    if (!fits(part.hole, taken)) return false;
    captures.push_back({part.hole, taken});
    at = end;
  }
  return true;
}

std::optional<std::vector<Capture>> Pattern::match(std::string_view line) const {
  std::vector<Capture> captures;
  if (at_start_) {
    if (match_at(line, 0, captures)) return captures;
    return std::nullopt;
  }
  std::size_t at = find_folded(line, parts_[0].literal);
  for (int i = 0; i < kStarts && at != std::string_view::npos; ++i) {
    if (match_at(line, at, captures)) return captures;
    at = find_folded(line, parts_[0].literal, at + 1);
  }
  return std::nullopt;
}

std::size_t Pattern::literal_size() const {
  std::size_t size = 0;
  for (const Part& part : parts_) size += part.literal.size();
  return size;
}

std::size_t Pattern::holes() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(parts_, [](const Part& part) { return part.literal.empty(); }));
}

std::string_view Pattern::longest_literal() const {
  const auto longest =
      std::ranges::max_element(parts_, {}, [](const Part& part) { return part.literal.size(); });
  return longest == parts_.end() ? std::string_view{} : std::string_view(longest->literal);
}

}  // namespace bringup::catalog
