// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a PTX kernel without branches on the CPU, one thread at a time: the few instructions that check.ptx
// has, by the PTX ISA manual. What it does not know it refuses, so that a changed kernel cannot pass unread.

#include <bringup/base/text.hpp>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::testing_support {

class Ptx {
 public:
  explicit Ptx(std::string_view text) {
    text.remove_prefix(text.find('{') + 1);
    std::string body;
    for (const std::string_view line : base::lines(text.substr(0, text.find('}')))) {
      body.append(line.substr(0, line.find("//"))).append(" ");
    }
    for (const std::string_view statement : base::split(body, ';')) {
      std::vector<std::string> words;
      for (const std::string_view word : base::words(statement)) {
        words.emplace_back(word.substr(0, word.find(',')));
      }
      if (!words.empty() && !words.front().starts_with(".reg")) code_.push_back(words);
    }
  }

  using Values = std::map<std::string, std::uint64_t>;

  // One thread, with parameters and special registers ("%tid.x") by name. Addresses are those of this
  // process.
  void run(const Values& given) const {
    Values registers(given);
    for (const auto& words : code_) {
      std::size_t at = 0;
      if (words[0].starts_with('@')) {
        at = 1;
        if (registers.at(words[0].substr(1)) == 0) continue;
      }
      if (words[at] == "ret") return;
      step(words, at, registers);
    }
    throw std::runtime_error("the kernel has no ret");
  }

 private:
  static std::uint64_t value(const std::string& word, const Values& registers) {
    if (word.starts_with('%')) return registers.at(word);
    if (const auto number = word.starts_with("0x") ? base::to_hex(word) : std::nullopt) return *number;
    return static_cast<std::uint64_t>(base::to_integer(word).value());
  }
  static std::string inside(const std::string& word) {
    return word.substr(1, word.size() - 2);
  }  // of [brackets]

  static void step(const std::vector<std::string>& words, std::size_t at, Values& r) {
    const std::string& name = words[at];
    const std::string& to = words.at(at + 1);
    if (name == "st.global.u32") {
      *reinterpret_cast<std::uint32_t*>(r.at(inside(to))) =
          static_cast<std::uint32_t>(value(words.at(at + 2), r));
      return;
    }
    if (name.starts_with("ld.param.u")) {
      r[to] = r.at(inside(words.at(at + 2)));
      return;
    }
    if (name == "ld.global.u32") {
      r[to] = *reinterpret_cast<const std::uint32_t*>(r.at(inside(words.at(at + 2))));
      return;
    }
    const std::uint64_t a = value(words.at(at + 2), r);
    if (name == "mov.u32" || name == "cvta.to.global.u64") {
      r[to] = a;
      return;
    }
    const std::uint64_t b = value(words.at(at + 3), r);
    if (name == "mul.wide.u32" || name == "add.u64")
      r[to] = name == "add.u64" ? a + b : a * b;
    else if (name == "setp.ge.u32")
      r[to] = a >= b ? 1 : 0;
    else if (name == "mul.lo.u32")
      r[to] = static_cast<std::uint32_t>(a * b);
    else if (name == "mad.lo.u32")
      r[to] = static_cast<std::uint32_t>(a * b + value(words.at(at + 4), r));
    else if (name == "shr.u32")
      r[to] = a >> b;
    else if (name == "xor.b32")
      r[to] = a ^ b;
    else
      throw std::runtime_error("an instruction that this does not know: " + name);
  }

  std::vector<std::vector<std::string>> code_;
};

}  // namespace bringup::testing_support
