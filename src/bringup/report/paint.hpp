// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lays text out: wrapped to a width, in aligned columns, with colour when it is wanted. Whatever it is given
// is made harmless first.

#include <bringup/report/report.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::report {

// What a piece of text means; its words say the same, the colour only repeats it.
enum class Tone { plain, good, caution, bad, dim, strong };

// A piece of text; a line end in it begins a new line of the same cell.
struct Cell {
  std::string text;
  Tone tone = Tone::plain;
};
using Row = std::vector<Cell>;

// Text from outside as one harmless line.
std::string plain(std::string_view text);

// "1 GPU", "2 GPUs".
std::string counted(std::size_t count, std::string_view noun);

// Lines of at most `columns`; a word that is longer is cut, but a path, which somebody will want to copy, is
// kept whole.
std::vector<std::string> folded(std::string_view text, std::size_t columns);

class Page {
 public:
  explicit Page(const Style& style);

  std::size_t columns() const { return columns_; }

  void blank();  // one empty line; never two, and none at the top
  void heading(std::string_view title);
  void paragraph(const Cell& cell, std::size_t indent = 0);
  // Cells below each other are aligned; each wraps within its column. `least` are widths that the columns
  // have at least, so that several tables line up.
  void table(std::span<const Row> rows, std::size_t indent = 2, std::span<const std::size_t> least = {});
  // One line of these pieces side by side, their blanks kept, cut at the width: of a drawing.
  void drawn(const Row& pieces);
  void row(const Row& cells, std::size_t indent, std::span<const std::size_t> least = {});

  std::string take() && { return std::move(text_); }

 private:
  void print_row(const Row& cells, std::span<const std::size_t> widths, std::size_t indent);
  void print_line(std::span<const Cell> pieces, std::span<const std::size_t> starts);
  std::string painted(const std::string& text, Tone tone) const;

  std::size_t columns_;
  bool colour_;
  std::string text_;
};

}  // namespace bringup::report
