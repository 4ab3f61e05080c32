// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/diagnose/messages.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::diagnose {
namespace {

using catalog::Capture;
using catalog::Messages;

constexpr std::size_t kLine = 4096;  // bytes of a line that count
constexpr std::size_t kShown = 400;  // of those that are kept to be shown
constexpr std::size_t kAddresses = 16;
constexpr std::size_t kSpeaksForItself = 30;  // characters of a code's message that need no name beside it
constexpr std::size_t kNamed = 10000;         // an Xid's number in its line outweighs the words behind it
// Beginnings of names of codes; each is looked up as a whole word.
constexpr std::array<std::string_view, 3> kNames{"cudaerror", "cuda_error_", "nvml_error_"};

std::vector<std::string> needles_of(const Messages& messages) {
  std::vector<std::string> out;
  for (const auto& one : messages.signatures) out.emplace_back(one.pattern.longest_literal());
  for (const auto& code : messages.codes)  // NCCL's names share no beginning that is theirs alone
    out.push_back(base::lower(code.api == catalog::Api::nccl ? code.names[0] : code.message));
  for (const std::string_view name : kNames) out.emplace_back(name);
  return out;
}

// Escape sequences out; what is left of broken ones is harmless.
std::string without_colours(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\x1b') {
      out += line[i];
      continue;
    }
    if (i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) ++i;
    }
  }
  return out;
}

struct Candidate {
  Subject subject;
  std::size_t weight = 0;  // the most specific wins
  std::vector<Capture> captures;
};

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (catalog::folded(c) >= 'a' && catalog::folded(c) <= 'z') || c == '_';
}

// The code whose message the text begins with; the longest of several.
const catalog::Code* code_by_message(const Messages& messages, catalog::Api api, std::string_view text) {
  while (text.starts_with('\'') || text.starts_with('"') || text.starts_with(' ')) text.remove_prefix(1);
  const catalog::Code* best = nullptr;
  for (const catalog::Code& code : messages.codes) {
    if (code.api != api || code.message.empty()) continue;
    if (catalog::find_folded(text.substr(0, code.message.size()), base::lower(code.message)) != 0) continue;
    if (best == nullptr || best->message.size() < code.message.size()) best = &code;
  }
  return best;
}

// A signature whose hole leads to a row of another table becomes that row.
void follow(const Messages& messages, Candidate& candidate, const catalog::Signature& one) {
  if (!one.show.starts_with('=') || candidate.captures.empty()) return;
  const std::string_view last = candidate.captures.back().text;
  if (one.show == "=xid") {
    if (const auto* xid = messages.xid(base::to_integer(last).value_or(-1)); xid != nullptr)
      candidate.subject = xid;
    candidate.weight += kNamed;
    return;
  }
  const auto api = one.show == "=nvml" ? catalog::Api::nvml : catalog::Api::cuda;
  const catalog::Code* code = code_by_message(messages, api, last);
  if (code == nullptr) return;
  candidate.subject = code;
  candidate.weight += code->message.size();
}

std::optional<Candidate> as_message(const Messages& messages, std::string_view line, std::size_t index) {
  const catalog::Signature& one = messages.signatures[index];
  auto captures = one.pattern.match(line);
  if (!captures) return std::nullopt;
  Candidate out{.subject = &one, .weight = one.pattern.literal_size(), .captures = *std::move(captures)};
  follow(messages, out, one);
  return out;
}

// A code by its words: long ones anywhere, short ones alone or beside the name of their library.
std::optional<Candidate> as_code(std::string_view line, const catalog::Code& code) {
  const std::string& words = code.api == catalog::Api::nccl ? code.names[0] : code.message;
  if (words.empty() || catalog::find_folded(line, base::lower(words)) == std::string_view::npos)
    return std::nullopt;
  const bool named =
      catalog::find_folded(line, base::lower(catalog::api_name(code.api))) != std::string_view::npos;
  if (words.size() < kSpeaksForItself && !named && base::trim(line).size() != words.size())
    return std::nullopt;
  return Candidate{.subject = &code, .weight = words.size(), .captures = {}};
}

// A code by its name, wherever it stands as a word.
std::optional<Candidate> as_name(const Messages& messages, std::string_view line, std::string_view begin) {
  for (std::size_t at = catalog::find_folded(line, begin), tries = 0;
       at != std::string_view::npos && tries < 8; at = catalog::find_folded(line, begin, at + 1), ++tries) {
    std::size_t end = at;
    while (end < line.size() && is_word(line[end])) ++end;
    if (const auto* code = messages.code(line.substr(at, end - at)); code != nullptr)
      return Candidate{.subject = code, .weight = end - at, .captures = {}};
  }
  return std::nullopt;
}

std::optional<Candidate> candidate(const Messages& messages, std::string_view line, std::size_t index) {
  if (index < messages.signatures.size()) return as_message(messages, line, index);
  index -= messages.signatures.size();
  if (index < messages.codes.size()) return as_code(line, messages.codes[index]);
  return as_name(messages, line, kNames.at(index - messages.codes.size()));
}

Recognised asked_for(const Subject& subject) {
  return {.subject = subject, .line = "", .first_line = 0, .count = 0, .holes = {}, .pci = {}};
}

// "xid 79" -> {"xid", 79}; "79" -> {"", 79}.
std::optional<std::pair<std::string, std::int64_t>> asked_number(std::string_view words) {
  const auto parts = base::words(words);
  if (parts.empty() || parts.size() > 2) return std::nullopt;
  const auto number = base::to_integer(parts.back());
  if (!number) return std::nullopt;
  const std::string whose = parts.size() == 2 ? base::lower(parts[0]) : "";
  constexpr std::array<std::string_view, 5> kWhose{"", "xid", "cuda", "nvml", "nccl"};
  if (std::ranges::find(kWhose, std::string_view(whose)) == kWhose.end()) return std::nullopt;
  return std::pair(whose, *number);
}

}  // namespace

bool is_number(std::string_view words) {
  return asked_number(words).has_value();
}

std::vector<Recognised> by_name(const Messages& messages, std::string_view words) {
  std::vector<Recognised> out;
  if (const auto asked = asked_number(words)) {
    const auto& [whose, number] = *asked;
    const auto* xid = messages.xid(number);
    if (xid != nullptr && (whose.empty() || whose == "xid")) out.push_back(asked_for(xid));
    for (const catalog::Code* code : messages.codes_of(number)) {
      if (whose.empty() || whose == base::lower(catalog::api_name(code->api))) out.push_back(asked_for(code));
    }
    return out;
  }
  const std::string_view name = base::trim(words);
  if (const auto* code = messages.code(name); code != nullptr) out.push_back(asked_for(code));
  const auto one = std::ranges::find(messages.signatures, name, &catalog::Signature::id);
  if (one != messages.signatures.end()) out.push_back(asked_for(&*one));
  return out;
}

MessageIndex::MessageIndex(const Messages& rows) : messages(rows), needles(needles_of(rows)) {}

void LogReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find_first_of("\n\r");
    const std::string_view part = bytes.substr(0, end);
    any_ = any_ || !part.empty();
    if (line_.size() < kLine) line_ += part.substr(0, kLine - line_.size());
    if (end == std::string_view::npos) return;
    take_line();
    if (bytes[end] == '\n') {
      ++lines_;
      any_ = false;
    }
    bytes.remove_prefix(end + 1);
  }
}

void LogReader::take_line() {
  if (!line_.empty()) {
    if (line_.find('\x1b') != std::string::npos) line_ = without_colours(line_);
    std::optional<Candidate> best;
    for (const std::size_t needle : index_.needles.in(line_)) {
      auto one = candidate(index_.messages, line_, needle);
      if (one && (!best || best->weight < one->weight)) best = std::move(one);
    }
    if (best) add(best->subject, best->captures);
  }
  line_.clear();
}

void LogReader::add(const Subject& subject, const std::vector<Capture>& captures) {
  auto at = std::ranges::find(found_, subject, &Recognised::subject);
  if (at == found_.end()) {
    found_.push_back({.subject = subject,
                      .line = std::string(base::trim(line_).substr(0, kShown)),
                      .first_line = lines_ + 1,
                      .count = 0,
                      .holes = {},
                      .pci = {}});
    at = found_.end() - 1;
    for (const Capture& one : captures) at->holes.emplace_back(one.text.substr(0, kShown));
  }
  ++at->count;
  for (const Capture& one : captures) {
    const std::string address = base::lower(one.text);
    if (one.hole == catalog::Hole::pci && at->pci.size() < kAddresses &&
        std::ranges::find(at->pci, address) == at->pci.end())
      at->pci.push_back(address);
  }
}

std::vector<Recognised> LogReader::finish() {
  take_line();
  if (any_) ++lines_;
  any_ = false;
  return std::exchange(found_, {});
}

}  // namespace bringup::diagnose
