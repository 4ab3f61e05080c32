// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/pattern.hpp>
#include <bringup/diagnose/needles.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

constexpr std::size_t kBeginning = 14;  // characters of a text that are looked for

}  // namespace

Needles::Needles(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    for (const char c : std::string_view(text).substr(0, kBeginning)) {
      auto& symbol = symbol_.at(static_cast<unsigned char>(c));
      if (symbol == 0) symbol = static_cast<std::uint8_t>(symbols_++);
    }
  }
  for (unsigned char c = 'A'; c <= 'Z'; ++c) symbol_.at(c) = symbol_.at(c + ('a' - 'A'));
  states_.emplace_back();
  next_.assign(symbols_, 0);
  for (std::size_t i = 0; i < texts.size(); ++i)
    insert(std::string_view(texts[i]).substr(0, kBeginning), static_cast<std::uint16_t>(i));
  link();
}

void Needles::insert(std::string_view text, std::uint16_t index) {
  std::size_t state = 0;
  for (const char c : text) {
    const std::size_t symbol = symbol_.at(static_cast<unsigned char>(c));
    if (next(state, symbol) == 0) {
      next(state, symbol) = static_cast<std::uint16_t>(states_.size());
      states_.emplace_back();
      next_.resize(next_.size() + symbols_, 0);
    }
    state = next(state, symbol);
  }
  states_[state].texts.push_back(index);
}

// Breadth first, so that what is shorter is linked already; a missing way becomes that of `fail`.
void Needles::link() {
  std::vector<std::uint16_t> queue;
  for (std::size_t symbol = 0; symbol < symbols_; ++symbol) {
    if (next(0, symbol) != 0) queue.push_back(next(0, symbol));
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::size_t state = queue[i];
    const std::size_t fail = states_[state].fail;
    states_[state].found =
        states_[fail].texts.empty() ? states_[fail].found : static_cast<std::uint16_t>(fail);
    for (std::size_t symbol = 0; symbol < symbols_; ++symbol) {
      std::uint16_t& to = next(state, symbol);
      if (to == 0) {
        to = next(fail, symbol);
      } else {
        states_[to].fail = next(fail, symbol);
        queue.push_back(to);
      }
    }
  }
}

std::vector<std::size_t> Needles::in(std::string_view line) const {
  std::vector<std::size_t> out;
  std::size_t state = 0;
  for (const char c : line) {
    state = next_[state * symbols_ + symbol_.at(static_cast<unsigned char>(c))];
    std::size_t end = states_[state].texts.empty() ? states_[state].found : state;
    for (; end != 0; end = states_[end].found)
      out.insert(out.end(), states_[end].texts.begin(), states_[end].texts.end());
    if (out.size() > 4096) break;  // a line that repeats them says no more
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace bringup::diagnose
