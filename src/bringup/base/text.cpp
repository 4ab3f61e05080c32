// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

namespace bringup::base {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

struct Decoded {
  char32_t point = 0;
  std::size_t length = 0;  // 0: the bytes here are not UTF-8
};

Decoded decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  char32_t point = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) return {};
    point = (point << 6U) | (next & 0x3FU);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast.at(length) || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return {};
  return {point, length};
}

// Wide and zero-width ranges that occur in names and translations (Unicode East Asian Width, W and F).
std::size_t columns_of(char32_t point) {
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return 0;
  if ((point >= 0x300 && point <= 0x36F) || point == 0x200B || (point >= 0xFE00 && point <= 0xFE0F)) return 0;
  const bool wide = (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
                    (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
                    (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
                    (point >= 0xFFE0 && point <= 0xFFE6) || (point >= 0x1F300 && point <= 0x1FAFF) ||
                    (point >= 0x20000 && point <= 0x3FFFD);
  return wide ? 2 : 1;
}

// How many characters in front are ASCII that is shown as it stands, one column each.
std::size_t plain_beginning(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= ' ' && text[count] <= '~') ++count;
  return count;
}

// Letters to add, leave out or change, or neighbours to swap, until one is the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);  // the row above the last one
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last.back();
}

std::size_t common_beginning(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  while (count < std::min(a.size(), b.size()) && a[count] == b[count]) ++count;
  return count;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && is_blank(text[at])) ++at;
    std::size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    if (end > at) found.push_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

std::vector<std::string_view> lines(std::string_view text) {
  if (text.empty()) return {};
  if (text.back() == '\n') text.remove_suffix(1);
  auto found = split(text, '\n');
  for (auto& line : found) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  }
  return found;
}

std::string join(std::span<const std::string> parts, std::string_view between) {
  return fmt::format("{}", fmt::join(parts, between));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Without from_chars: tables and sysfs are full of hexadecimal numbers, and all of them are short.
std::optional<std::uint64_t> to_hex(std::string_view text) {
  if (text.size() > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) text.remove_prefix(2);
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 || value >> 60U != 0) return std::nullopt;
    value = value << 4U | static_cast<std::uint64_t>(digit);
  }
  return value;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string wanted = lower(word);
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(wanted.size() / 3, 1) + 1;
  std::size_t beginning = 0;
  for (const std::string& candidate : candidates) {
    // As many steps at least as one is longer: a hostile word of megabytes is not compared at all.
    const std::size_t longer = std::max(wanted.size(), candidate.size());
    const std::size_t gap = longer - std::min(wanted.size(), candidate.size());
    if (gap > least || (gap == least && !best)) continue;
    const std::string other = lower(candidate);
    const std::size_t steps = distance(wanted, other);
    // Of two that are as near, the one that begins more alike: words are mistyped at their ends.
    const std::size_t alike = common_beginning(wanted, other);
    if (steps < least || (best && steps == least && alike > beginning)) {
      least = steps;
      beginning = alike;
      best = candidate;
    }
  }
  return best;
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = plain_beginning(text);  // mostly all of it
  text.remove_prefix(columns);
  while (!text.empty()) {
    const Decoded next = decode(text);
    columns += next.length == 0 ? 1 : columns_of(next.point);
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return columns;
}

std::string pad(std::string_view text, std::size_t columns) {
  const std::size_t width = display_width(text);
  std::string out(text);
  if (width < columns) out.append(columns - width, ' ');
  return out;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return pad(text, columns);
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    const std::size_t wide = next.length == 0 ? 1 : columns_of(next.point);
    if (used + wide + 1 > columns) break;
    used += wide;
    const std::size_t length = std::max<std::size_t>(next.length, 1);
    out.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pad(out + "…", columns);
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> out;
  for (const std::string_view paragraph : lines(text)) {
    std::string line;
    std::size_t used = 0;
    for (const std::string_view word : words(paragraph)) {
      const std::size_t width = display_width(word);
      if (!line.empty() && used + 1 + width > columns) {
        out.push_back(std::exchange(line, ""));
        used = 0;
      }
      if (!line.empty()) {
        line += ' ';
        ++used;
      }
      line += word;
      used += width;
    }
    out.push_back(std::move(line));
  }
  return out;
}

std::string harmless(std::string_view text) {
  std::string out(text.substr(0, plain_beginning(text)));
  text.remove_prefix(out.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    const bool control = next.length == 1 && (next.point < 0x20 || next.point == 0x7F);
    const bool c1 = next.length == 2 && next.point >= 0x80 && next.point < 0xA0;
    // Overrides of the writing direction can make a line read as something else than it is.
    const bool bidi =
        (next.point >= 0x202A && next.point <= 0x202E) || (next.point >= 0x2066 && next.point <= 0x2069);
    const std::size_t length = std::max<std::size_t>(next.length, 1);
    if (next.point == '\t' && next.length == 1) {
      out += ' ';
    } else if (next.length == 0 || (control && next.point != '\n') || c1 || bidi) {
      for (const char c : text.substr(0, length))
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  if (unit == 0 || value >= 99.95) return fmt::format("{:.0f} {}", value, kUnits.at(unit));
  const std::string text = fmt::format("{:.1f}", value);
  return fmt::format("{} {}", text.ends_with(".0") ? text.substr(0, text.size() - 2) : text, kUnits.at(unit));
}

std::string human_seconds(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  const std::int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string quoted(std::span<const std::string> argv) {
  std::string out;
  for (const std::string& word : argv) {
    if (!out.empty()) out += ' ';
    const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("@%+=:,./_-").find(c) != std::string_view::npos;
    });
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

}  // namespace bringup::base
