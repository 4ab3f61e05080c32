// SPDX-License-Identifier: Apache-2.0
// Wrapping, columns and colour.
#include <bringup/base/text.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace bringup::report {
namespace {

constexpr std::size_t kLeastColumns = 40;  // below that a table is no longer one
constexpr std::size_t kGap = 2;            // between columns
constexpr std::size_t kAloneIndent = 4;    // of a path that is too long for its column
constexpr std::size_t kLeastWidth = 4;
constexpr std::size_t kLeastLast = 24;  // the last column is prose and wants some room

bool is_path(std::string_view word) {
  return word.find('/') != std::string_view::npos;
}

// Cuts a list of paths ("/a/bin:/b/bin") behind its colons; a URL's colon is none of those.
std::vector<std::string> parts_of_path(std::string_view word, std::size_t columns) {
  std::vector<std::string> out{""};
  std::size_t begin = 0;
  for (std::size_t at = 0; at < word.size(); ++at) {
    const std::string_view rest = word.substr(at + 1);
    const bool between = word[at] == ':' && rest.starts_with('/') && !rest.starts_with("//");
    if (!between && !rest.empty()) continue;
    const std::string_view part = word.substr(begin, at + 1 - begin);
    if (!out.back().empty() && base::display_width(out.back()) + base::display_width(part) > columns)
      out.emplace_back();
    out.back() += part;
    begin = at + 1;
  }
  return out;
}

// Bytes of the longest beginning that takes at most `columns`; at least one character.
std::size_t beginning(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  std::size_t used = 0;
  while (end < text.size()) {
    std::size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
    used += base::display_width(text.substr(end, next - end));
    if (end > 0 && used > columns) break;
    end = next;
  }
  return end;
}

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\x1b[32m";
    case Tone::caution:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::strong:
      return "\x1b[1m";
  }
  return "";
}

std::size_t widest_line(std::string_view text) {
  std::size_t widest = 0;
  for (const std::string_view line : base::lines(text)) widest = std::max(widest, base::display_width(line));
  return widest;
}

std::size_t widest_word(std::string_view text) {
  std::size_t widest = 0;
  for (const std::string_view word : base::words(text)) widest = std::max(widest, base::display_width(word));
  return widest;
}

// Takes columns away from the widest that has more than its floor until the sum fits, or none can give.
void narrow(std::vector<std::size_t>& widths, const std::vector<std::size_t>& floors, std::size_t most) {
  while (std::accumulate(widths.begin(), widths.end(), std::size_t{0}) > most) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] > floors[i] && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

// Widths of the columns but the last, narrowed until the last one has room: first between words, then through
// them.
std::vector<std::size_t> widths_of(std::span<const Row> rows, std::size_t room,
                                   std::span<const std::size_t> least) {
  std::size_t count = 0;
  for (const Row& row : rows) count = std::max(count, row.size());
  std::vector<std::size_t> widths(count, 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], widest_line(row[i].text));
  }
  for (std::size_t i = 0; i < std::min(count, least.size()); ++i) widths[i] = std::max(widths[i], least[i]);
  if (count < 2) return widths;
  const std::size_t last = std::min(widths.back(), kLeastLast);
  widths.pop_back();
  std::vector<std::size_t> floors(widths.size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < std::min(row.size(), floors.size()); ++i)
      floors[i] = std::max(floors[i], widest_word(row[i].text));
  }
  const std::size_t taken = last + widths.size() * kGap;
  const std::size_t most = room > taken ? room - taken : 0;
  narrow(widths, floors, most);
  narrow(widths, std::vector<std::size_t>(widths.size(), kLeastWidth), most);
  return widths;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out = base::harmless(text);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::vector<std::string> folded(std::string_view text, std::size_t columns) {
  std::vector<std::string> out;
  for (std::string& line : base::wrap(text, columns)) {
    if (base::display_width(line) <= columns) {
      out.push_back(std::move(line));
      continue;
    }
    if (is_path(line)) {
      for (std::string& part : parts_of_path(line, columns)) out.push_back(std::move(part));
      continue;
    }
    for (std::string_view rest = line; !rest.empty();) {
      const std::size_t length = beginning(rest, columns);
      out.emplace_back(rest.substr(0, length));
      rest.remove_prefix(length);
    }
  }
  return out;
}

Page::Page(const Style& style) : columns_(std::max(style.columns, kLeastColumns)), colour_(style.colour) {}

std::string Page::painted(const std::string& text, Tone tone) const {
  const std::string_view code = code_of(tone);
  return !colour_ || code.empty() ? text : fmt::format("{}{}\x1b[0m", code, text);
}

void Page::blank() {
  if (!text_.empty() && !text_.ends_with("\n\n")) text_ += '\n';
}

void Page::heading(std::string_view title) {
  blank();
  paragraph({std::string(title), Tone::strong});
}

void Page::paragraph(const Cell& cell, std::size_t indent) {
  row({cell}, indent);
}

void Page::drawn(const Row& pieces) {
  std::string line;
  std::size_t left = columns_;
  std::size_t blanks = 0;  // written when something follows them
  for (const Cell& piece : pieces) {
    std::string text = plain(piece.text);
    if (base::display_width(text) + blanks > left) text = base::fit(text, left - std::min(left, blanks));
    const std::size_t end = text.find_last_not_of(' ') + 1;
    if (end == 0 || left <= blanks) {
      blanks += text.size();
      continue;
    }
    line += std::string(blanks, ' ') + painted(text.substr(0, end), piece.tone);
    left -= std::min(left, blanks + base::display_width(text.substr(0, end)));
    blanks = text.size() - end;
  }
  text_ += line + '\n';
}

void Page::row(const Row& cells, std::size_t indent, std::span<const std::size_t> least) {
  table({&cells, 1}, indent, least);
}

void Page::table(std::span<const Row> rows, std::size_t indent, std::span<const std::size_t> least) {
  std::vector<Row> safe(rows.begin(), rows.end());
  for (Row& row : safe) {
    for (Cell& cell : row) cell.text = base::harmless(cell.text);
  }
  const auto widths = widths_of(safe, columns_ - std::min(indent, columns_ / 2), least);
  for (const Row& row : safe) print_row(row, widths, indent);
}

void Page::print_row(const Row& cells, std::span<const std::size_t> widths, std::size_t indent) {
  std::vector<std::size_t> starts;
  std::vector<std::vector<std::string>> lines;
  std::size_t at = indent;
  std::size_t height = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool last = i + 1 == cells.size();
    const std::size_t room = last ? columns_ - std::min(at, columns_ - 8) : widths[i];
    starts.push_back(at);
    lines.push_back(folded(cells[i].text, room));
    height = std::max(height, lines.back().size());
    at += room + kGap;
  }
  for (std::size_t y = 0; y < height; ++y) {
    Row pieces;
    for (std::size_t i = 0; i < cells.size(); ++i)
      pieces.push_back({y < lines[i].size() ? lines[i][y] : "", cells[i].tone});
    print_line(pieces, starts);
  }
}

// A piece that does not fit in what is left of the line, or into its own column, is a path: it gets a line to
// itself, and begins further left when it must.
void Page::print_line(std::span<const Cell> pieces, std::span<const std::size_t> starts) {
  std::string line;
  std::size_t at = 0;
  const auto end_line = [&] {
    if (at > 0) text_ += line + '\n';
    line.clear();
    at = 0;
  };
  bool any = false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string& text = pieces[i].text;
    if (text.empty()) continue;
    any = true;
    const std::size_t width = base::display_width(text);
    const std::size_t end = i + 1 < pieces.size() ? starts[i + 1] - kGap : columns_;
    const bool alone = starts[i] + width > end;
    if (alone) end_line();
    const bool fits = starts[i] + width <= columns_;
    const std::size_t start =
        fits ? starts[i] : std::min({starts[i], kAloneIndent, columns_ - std::min(columns_, width)});
    line.append(start - at, ' ');
    line += painted(text, pieces[i].tone);
    at = start + width;
    if (alone) end_line();
  }
  if (any)
    end_line();
  else
    text_ += '\n';
}

}  // namespace bringup::report
