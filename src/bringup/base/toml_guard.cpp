// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/toml_guard.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace bringup::base {
namespace {

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // a byte order mark, which toml++ takes off by itself
  }

  // The place of the first character that must not be there; npos when there is none.
  std::size_t first_bad() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (beyond_ascii(c)) return at_;
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if ((c == '"' || c == '\'') && !in_word_) {
        if (!skip_string(c)) return at_;
      } else {
        step(c);
        ++at_;
      }
    }
    return std::string_view::npos;
  }

 private:
  static bool beyond_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }

  // A string begins where a word does. Quotes inside of one belong to a damaged value, which toml++ reads on,
  // up to its end, as if there were no string.
  void step(char c) {
    const bool opens = (c == '[' || c == '{') && !in_word_;
    const bool closes = c == ']' || c == '}';
    const bool assigns = c == '=' && !in_value_;
    if (opens) open_ += c;
    if (closes && !open_.empty()) open_.pop_back();
    const bool in_list = !open_.empty() && open_.back() == '[';
    if (assigns || closes) in_value_ = true;
    if (c == ',' || (opens && c == '{')) in_value_ = in_list;
    if (c == '\n') in_value_ = in_list && in_value_;
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    in_word_ = !opens && !closes && !assigns && c != ',' && !blank;
  }

  // False: at_ is on a character behind a backslash, or one that continues a line of a text of several lines:
  // there toml++ looks for blanks.
  bool skip_string(char quote) {
    const std::string three(3, quote);
    const bool several_lines = text_.substr(at_).starts_with(three);
    const std::string_view end =
        several_lines ? std::string_view(three) : std::string_view(three).substr(0, 1);
    at_ += end.size();
    while (at_ < text_.size() && !text_.substr(at_).starts_with(end)) {
      if (!several_lines && text_[at_] == '\n') return true;  // not closed: toml++ says so
      if (quote == '"' && text_[at_] == '\\') {
        ++at_;
        if (at_ < text_.size() && beyond_ascii(text_[at_])) return false;  // no escape, and no blank
        const std::size_t next = text_.find_first_not_of(" \t\r\n", at_);
        if (several_lines && next != at_ && next != std::string_view::npos) {
          at_ = next;
          if (beyond_ascii(text_[at_])) return false;
          continue;
        }
      }
      ++at_;
    }
    at_ = std::min(at_ + end.size(), text_.size());
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_word_ = false;   // of a key, or of a value that is no string
  bool in_value_ = false;  // behind the '=' of a line, or in a list
  std::string open_;       // the brackets around
};

}  // namespace

Result<> ascii_outside_strings(std::string_view text, std::string_view name) {
  const std::size_t at = Scan(text).first_bad();
  if (at == std::string_view::npos) return ok;
  return Error(
      Errc::malformed,
      fmt::format("{}:{}: a character beyond ASCII outside of quotes: put texts into \"...\"", name,
                  1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n')));
}

}  // namespace bringup::base
