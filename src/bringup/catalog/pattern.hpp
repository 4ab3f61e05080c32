// SPDX-License-Identifier: Apache-2.0
#pragma once
// The form of a message: literal text and typed holes. "no kernel image of {version} at {path}".

#include <bringup/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::catalog {

// What a hole takes: decimal digits; hexadecimal ones, with 0x or not; numbers with dots and what is glued to
// them; an address on the PCI bus; a run without blanks and quotes; a run of letters, digits and ._+-;
// anything, nothing as well, up to the literal that follows; the rest of the line.
enum class Hole { integer, hex, version, pci, path, word, any, rest };
std::string_view hole_name(Hole hole);  // "int", as it is written between braces

struct Capture {
  Hole hole = Hole::any;
  std::string_view text;  // of the line that was matched
  bool operator==(const Capture&) const = default;
};

class Pattern {
 public:
  // "^" in front binds it to the start of a line. The error says what is wrong: an unknown hole, two holes
  // side by side, a hole in front, {rest} before the end, too little literal text to mean anything.
  static Result<Pattern> parse(std::string_view text);

  // What its holes took where it first fits into the line; nullopt: it does not. Upper and lower case are
  // one. A hole ends where the literal behind it first stands and is never tried longer, so that the time is
  // that of reading the line, whatever stands in it.
  std::optional<std::vector<Capture>> match(std::string_view line) const;

  std::size_t literal_size() const;  // characters that are not holes: how specific it is
  std::size_t holes() const;
  std::string_view longest_literal() const;  // in lower case; stands in every line that matches
  const std::string& text() const { return text_; }

 private:
  struct Part {
    std::string literal;  // in lower case; "" for a hole
    Hole hole = Hole::any;
  };
  Result<> check() const;
  Result<> add_hole(std::string_view name);
  bool match_at(std::string_view line, std::size_t at, std::vector<Capture>& captures) const;

  std::string text_;
  bool at_start_ = false;
  std::vector<Part> parts_;
};

// Letters in lower case, in ASCII only.
char folded(char c);
// Where `lower`, which is in lower case, stands in the text whatever the text's case; npos: nowhere.
std::size_t find_folded(std::string_view text, std::string_view lower, std::size_t from = 0);

}  // namespace bringup::catalog
