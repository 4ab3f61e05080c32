// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/catalog/row.hpp>

#include <array>
#include <bit>

namespace bringup::catalog {
namespace {

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
constexpr std::size_t kMostKeys = 64;

// The digits of `text` as a number between the two; false for anything else.
bool is_number(std::string_view text, int least, int most) {
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + (c - '0');
  }
  return number >= least && number <= most;
}

}  // namespace

bool is_date(std::string_view text) {
  if (text.size() != 7 && text.size() != 10) return false;
  if (text[4] != '-' || !is_number(text.substr(0, 4), 2000, 2099) || !is_number(text.substr(5, 2), 1, 12))
    return false;
  return text.size() == 7 || (text[7] == '-' && is_number(text.substr(8), 1, 31));
}

Error Row::bad(std::string_view what) const {
  return {Errc::malformed, fmt::format("{}:{}: {}", file_, line_, what)};
}

std::size_t Row::place_of(std::string_view key) const {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const std::size_t at = next_ + i < cells_.size() ? next_ + i : next_ + i - cells_.size();
    if (cells_[at].key == key) return at;
  }
  return kNowhere;
}

bool Row::has(std::string_view key) const {
  return place_of(key) != kNowhere;
}

const Cell* Row::take(std::string_view key) {
  const std::size_t at = place_of(key);
  if (at == kNowhere) return nullptr;
  if (at < kMostKeys) taken_ |= std::uint64_t{1} << at;
  next_ = at + 1 < cells_.size() ? at + 1 : 0;
  return &cells_[at];
}

Result<std::string_view> Row::view(std::string_view key) {
  const Cell* cell = take(key);
  if (cell == nullptr) return bad(fmt::format("{} is missing", key));
  if (cell->kind != Cell::Kind::text) return bad(fmt::format("{} is not a text", key));
  return cell->text;
}

Result<std::string> Row::text(std::string_view key) {
  return std::string(TRY(view(key)));
}

Result<std::string> Row::text_or(std::string_view key, std::string other) {
  return has(key) ? text(key) : Result<std::string>(std::move(other));
}

Result<int> Row::number(std::string_view key, int least, int most) {
  const Cell* cell = take(key);
  if (cell == nullptr || cell->kind != Cell::Kind::number)
    return bad(fmt::format("{} is missing or not a whole number", key));
  if (cell->number < least || cell->number > most)
    return bad(fmt::format("{} = {} is not between {} and {}", key, cell->number, least, most));
  return static_cast<int>(cell->number);
}

Result<bool> Row::flag_or(std::string_view key, bool other) {
  const Cell* cell = take(key);
  if (cell == nullptr) return other;
  if (cell->kind != Cell::Kind::flag) return bad(fmt::format("{} is not true or false", key));
  return cell->number != 0;
}

Result<Version> Row::version(std::string_view key, int most_major) {
  const std::string_view words = TRY(view(key));
  auto version = Version::parse(words);
  if (!version || version->parts.size() < 2 || version->major() > most_major)
    return bad(fmt::format("{} = \"{}\" is no version of this kind", key, base::harmless(words)));
  return *std::move(version);
}

Result<ComputeCapability> Row::compute(std::string_view key) {
  const std::string_view words = TRY(view(key));
  const auto value = ComputeCapability::parse(words);
  if (!value) return bad(fmt::format("{} = \"{}\" is no compute capability", key, base::harmless(words)));
  return *value;
}

Result<Architecture> Row::architecture(std::string_view key) {
  const std::string_view words = TRY(view(key));
  const auto value = parse_architecture(words);
  if (!value) return bad(fmt::format("{} = \"{}\" is no architecture", key, base::harmless(words)));
  return *value;
}

Result<const Cell*> Row::list(std::string_view key, bool needed) {
  const Cell* cell = take(key);
  if (cell == nullptr && !needed) return static_cast<const Cell*>(nullptr);
  if (cell == nullptr) return bad(fmt::format("{} is missing or not a list", key));
  if (cell->kind != Cell::Kind::texts) return bad(fmt::format("{} is not a list of texts", key));
  return cell;
}

Result<std::vector<std::string>> Row::texts(std::string_view key, bool needed) {
  std::vector<std::string> out;
  if (const Cell* cell = TRY(list(key, needed))) {
    const auto texts = rows_.texts_of(*cell);
    out.assign(texts.begin(), texts.end());
  }
  return out;
}

Result<std::vector<ComputeCapability>> Row::computes(std::string_view key) {
  std::vector<ComputeCapability> out;
  const Cell* cell = TRY(list(key, false));
  if (cell == nullptr) return out;
  out.reserve(cell->count);
  for (const std::string_view word : rows_.texts_of(*cell)) {
    const auto compute = ComputeCapability::parse(word);
    if (!compute)
      return bad(fmt::format("{} holds '{}', which is no compute capability", key, base::harmless(word)));
    out.push_back(*compute);
  }
  return out;
}

Result<Provenance> Row::provenance() {
  const std::string_view source = TRY(view("source"));
  const std::string_view as_of = TRY(view("as_of"));
  auto known = parse_known(TRY(view("known")));
  if (!known) return bad(known.error().message());
  if (source.empty()) return bad("source is empty");
  if (as_of.size() != 10 || !is_date(as_of))
    return bad(fmt::format("as_of = \"{}\" is no date", base::harmless(as_of)));
  return Provenance{.source = std::string(source), .as_of = std::string(as_of), .known = *known};
}

Result<std::string> Row::date(std::string_view key) {
  const std::string_view words = TRY(view(key));
  if (!is_date(words))
    return bad(fmt::format("{} = \"{}\" is neither a day nor a month", key, base::harmless(words)));
  return std::string(words);
}

Result<> Row::end() const {
  const auto at = static_cast<std::size_t>(std::countr_one(taken_));
  if (at >= cells_.size()) return ok;
  const Cell& cell = cells_[at];
  return Error(Errc::malformed,
               fmt::format("{}:{}: unknown key '{}'", file_, cell.line, base::harmless(cell.key)));
}

Result<> check_entry(const Rows::Entry& entry, std::string_view file,
                     std::initializer_list<std::string_view> names) {
  if (std::ranges::find(names, entry.table) == names.end() || entry.kind == Rows::Entry::Kind::no_list)
    return Error(Errc::malformed,
                 fmt::format("{}:{}: unknown table '{}'", file, entry.line, base::harmless(entry.table)));
  if (entry.kind == Rows::Entry::Kind::no_table)
    return Error(Errc::malformed, fmt::format("{}:{}: '{}' is not a table", file, entry.line, entry.table));
  return ok;
}

}  // namespace bringup::catalog
