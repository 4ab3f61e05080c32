// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which of many short texts stand in a line, in one pass over it (Aho and Corasick's automaton).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::diagnose {

class Needles {
 public:
  // Texts in lower case; of longer ones only the beginning is looked for.
  explicit Needles(const std::vector<std::string>& texts);

  // Indexes of those whose beginning stands in the line whatever its case, each once, in order.
  std::vector<std::size_t> in(std::string_view line) const;

 private:
  struct State {
    std::uint16_t fail = 0;   // the longest end of this one that is a beginning too
    std::uint16_t found = 0;  // the nearest state on the way of `fail` that ends a text; 0: none
    std::vector<std::uint16_t> texts = {};  // those that end here
  };
  std::uint16_t& next(std::size_t state, std::size_t symbol) { return next_[state * symbols_ + symbol]; }
  void insert(std::string_view text, std::uint16_t index);
  void link();

  std::array<std::uint8_t, 256> symbol_{};  // of a byte; 0: in no text
  std::size_t symbols_ = 1;
  std::vector<std::uint16_t> next_;
  std::vector<State> states_;
};

}  // namespace bringup::diagnose
