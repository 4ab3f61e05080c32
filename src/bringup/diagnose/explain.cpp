// SPDX-License-Identifier: Apache-2.0
// One recognised thing in words, and the nearest message when none was recognised.
#include <bringup/base/overloaded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/diagnose/messages.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace bringup::diagnose {
namespace {

// {1} and so on become what the first line has there.
std::string filled_in(std::string_view text, const std::vector<std::string>& holes) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool place = text[i] == '{' && i + 2 < text.size() && text[i + 2] == '}' && text[i + 1] >= '1';
    if (!place) {
      out += text[i];
      continue;
    }
    const auto which = static_cast<std::size_t>(text[i + 1] - '1');
    const bool known = which < holes.size() && !base::trim(holes[which]).empty();
    out += known ? base::harmless(base::trim(holes[which])) : std::string("...");
    i += 2;
  }
  return out;
}

struct Teller {
  const std::vector<std::string>& holes;

  Explanation operator()(const catalog::Xid* xid) const {
    return {.what = {},
            .kind = "xid",
            .id = std::to_string(xid->number),
            .title = fmt::format("Xid {}{}{}", xid->number, xid->name.empty() ? "" : ", ", xid->name),
            .blame = std::string(catalog::blame_name(xid->blame)),
            .cause = xid->cause,
            .here = {},
            .todo = xid->todo,
            .rule = xid->rule,
            .from = xid->from};
  }
  Explanation operator()(const catalog::Code* code) const {
    std::string title =
        fmt::format("{} {}, {}", catalog::api_name(code->api), code->number, base::join(code->names, " or "));
    return {.what = {},
            .kind = base::lower(catalog::api_name(code->api)),
            .id = std::to_string(code->number),
            .title = std::move(title),
            .blame = "",
            .cause = code->cause,
            .here = {},
            .todo = code->todo,
            .rule = code->rule,
            .from = code->from};
  }
  Explanation operator()(const catalog::Signature* one) const {
    return {.what = {},
            .kind = "message",
            .id = one->id,
            .title = one->id,
            .blame = "",
            .cause = filled_in(one->cause, holes),
            .here = {},
            .todo = filled_in(one->todo, holes),
            .rule = one->rule,
            .from = one->from};
  }
};

std::string_view show_of(const Subject& subject) {
  return std::visit(base::overloaded{
                        [](const catalog::Xid*) { return std::string_view{}; },
                        [](const auto* one) { return std::string_view(one->show); },
                    },
                    subject);
}

// Words of four characters and more, in lower case, each once.
std::set<std::string, std::less<>> words_of(std::string_view text) {
  std::set<std::string, std::less<>> out;
  std::string word;
  for (const char c : base::lower(text.substr(0, 4096)) + " ") {
    const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (part) word += c;
    if (part) continue;
    if (word.size() >= 4) out.insert(word);
    word.clear();
  }
  return out;
}

std::string without_holes(std::string_view pattern) {
  std::string out;
  bool hole = false;
  for (const char c : pattern) {
    if (c == '{') hole = true;
    if (!hole) out += c;
    if (c == '}') {
      hole = false;
      out += ' ';
    }
  }
  return out;
}

}  // namespace

Explanation explain(const Recognised& what, const Patient* patient) {
  Explanation out = std::visit(Teller{what.holes}, what.subject);
  out.what = what;
  if (patient != nullptr) out.here = meaning_here(what, show_of(what.subject), out.rule, *patient);
  return out;
}

const catalog::Signature* nearest_message(const catalog::Messages& messages, std::string_view text) {
  const auto asked = words_of(text);
  const catalog::Signature* best = nullptr;
  double most = 0.5;  // at least half of the words of the one that has fewer
  for (const catalog::Signature& one : messages.signatures) {
    const auto own = words_of(without_holes(one.pattern.text()));
    const auto shared = static_cast<double>(
        std::ranges::count_if(own, [&asked](const std::string& word) { return asked.contains(word); }));
    if (shared < 2) continue;
    const double part = shared / static_cast<double>(own.size()) +
                        shared / static_cast<double>(asked.size()) / 10 + shared / 1000;
    if (part > most) {
      most = part;
      best = &one;
    }
  }
  return best;
}

}  // namespace bringup::diagnose
