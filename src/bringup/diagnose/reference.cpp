// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/embedded.hpp>
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/diagnose/reference.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace bringup::diagnose {
namespace {

using base::Toml;

constexpr std::array kTypes{"bf16", "fp16", "tf32", "fp32", "fp8", "int8"};
constexpr std::array<std::string_view, 3> kKnown{"tried", "read", "inferred"};

// One row, read key by key; what nobody asked for is refused at the end.
class Row {
 public:
  Row(const Toml& toml, std::string_view file) : toml_(toml), file_(file) {}

  Error bad(std::string_view what) const {
    return {Errc::malformed, fmt::format("{}:{}: {}", file_, toml_.line, what)};
  }
  Result<std::string> text(std::string_view key) {
    const Toml* value = take(key);
    if (value == nullptr || value->text() == nullptr)
      return bad(fmt::format("{} is missing or no text", key));
    return *value->text();
  }
  Result<double> part(std::string_view key) {
    const Toml* value = take(key);
    const auto* number = value == nullptr ? nullptr : std::get_if<double>(&value->value);
    if (number == nullptr || !(*number > 0) || *number >= 1)
      return bad(fmt::format("{} is missing or not between 0 and 1", key));
    return *number;
  }
  Result<int> count(std::string_view key) {
    constexpr int kMost = 65536;
    const Toml* value = take(key);
    if (value == nullptr || value->integer() == nullptr || *value->integer() < 0 || *value->integer() > kMost)
      return bad(fmt::format("{} is missing or not a number from 0 to {}", key, kMost));
    return static_cast<int>(*value->integer());
  }
  Result<bool> flag(std::string_view key) {
    const Toml* value = take(key);
    if (value == nullptr || value->boolean() == nullptr)
      return bad(fmt::format("{} is missing or not true or false", key));
    return *value->boolean();
  }
  // Where it is from; and that nothing is left over.
  Result<std::string> source() {
    const std::string from = TRY(text("source"));
    const std::string as_of = TRY(text("as_of"));
    const std::string known = TRY(text("known"));
    if (as_of.size() != 10) return bad("as_of is no date");
    if (std::ranges::find(kKnown, known) == kKnown.end())
      return bad("known is none of tried, read, inferred");
    for (const auto& [key, value] : *toml_.table()) {
      if (std::ranges::find(taken_, key) == taken_.end()) return bad(key + " is not known here");
    }
    return fmt::format("{} ({}, {})", from, known, as_of);
  }

 private:
  const Toml* take(std::string_view key) {
    taken_.emplace_back(key);
    return toml_.find(key);
  }
  const Toml& toml_;
  std::string_view file_;
  std::vector<std::string> taken_;
};

Result<Factor> factor_of(Row row) {
  Factor factor{.figure = TRY(row.text("figure")), .by = TRY(row.text("by")), .source = ""};
  factor.expected = TRY(row.part("expected"));
  factor.warn = TRY(row.part("warn"));
  factor.fail = TRY(row.part("fail"));
  factor.source = TRY(row.source());
  if (!(factor.fail < factor.warn && factor.warn < factor.expected))
    return row.bad("not in order: fail < warn < expected");
  return factor;
}

Result<SiblingLimit> sibling_of(Row row) {
  SiblingLimit limit{.figure = TRY(row.text("figure")), .source = ""};
  limit.warn = TRY(row.part("warn"));
  limit.fail = TRY(row.part("fail"));
  limit.source = TRY(row.source());
  if (!(limit.warn < limit.fail)) return row.bad("not in order: warn < fail");
  return limit;
}

Result<OperationsRow> operations_of(Row row) {
  OperationsRow operations{.capability = TRY(row.text("capability")), .geforce = TRY(row.flag("geforce"))};
  for (const char* type : kTypes) operations.per_clock[type] = TRY(row.count(type));
  operations.source = TRY(row.source());
  return operations;
}

template <typename T, typename F>
Result<std::vector<T>> rows_of(const Toml& toml, std::string_view table, std::string_view file, F&& read) {
  const Toml* rows = toml.find(table);
  if (rows == nullptr || rows->array() == nullptr)
    return Error(Errc::malformed, fmt::format("{}: has no [[{}]]", file, table));
  std::vector<T> out;
  for (const Toml& one : *rows->array()) {
    if (one.table() == nullptr)
      return Error(Errc::malformed, fmt::format("{}:{}: {} is no table", file, one.line, table));
    out.push_back(TRY(read(Row(one, file))));
  }
  return out;
}

template <typename T, typename K>
Result<> each_once(const std::vector<T>& rows, std::string_view file, K&& key) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (key(rows[i]) == key(rows[k]))
        return Error(Errc::malformed, fmt::format("{}: {} is there twice", file, key(rows[i])));
    }
  }
  return ok;
}

}  // namespace

Result<Reference> parse_reference(std::string_view text, std::string_view name) {
  const Toml toml = TRY(base::parse_toml(text, name));
  Reference made{.factors = TRY(rows_of<Factor>(toml, "factor", name, factor_of)),
                 .siblings = TRY(rows_of<SiblingLimit>(toml, "sibling", name, sibling_of)),
                 .operations = TRY(rows_of<OperationsRow>(toml, "operations", name, operations_of))};
  TRY(each_once(made.factors, name, [](const Factor& row) { return row.figure + " by '" + row.by + "'"; }));
  TRY(each_once(made.siblings, name, [](const SiblingLimit& row) { return row.figure; }));
  TRY(each_once(made.operations, name,
                [](const OperationsRow& row) { return row.capability + (row.geforce ? " GeForce" : ""); }));
  return made;
}

const Reference& reference() {
  static const Reference made = [] {
    Reference all;
    for (const base::EmbeddedFile& file : embedded_reference_rows()) {
      auto one = parse_reference(file.text, file.name);
      if (one)
        all = std::move(*one);  // a test parses the same file: that it can be read is known at build time
    }
    return all;
  }();
  return made;
}

const Factor* Reference::factor(std::string_view figure, std::string_view by) const {
  const auto found = std::ranges::find_if(
      factors, [&](const Factor& row) { return row.figure == figure && (row.by.empty() || row.by == by); });
  return found == factors.end() ? nullptr : &*found;
}

const SiblingLimit* Reference::sibling(std::string_view figure) const {
  const auto found = std::ranges::find(siblings, figure, &SiblingLimit::figure);
  return found == siblings.end() ? nullptr : &*found;
}

const OperationsRow* Reference::row(std::string_view capability, bool geforce) const {
  const std::string_view major = capability.substr(0, capability.find('.'));
  const OperationsRow* best = nullptr;
  for (const OperationsRow& row : operations) {
    const std::string_view own = std::string_view(row.capability).substr(0, row.capability.find('.'));
    if (own != major || row.capability > capability) continue;
    const bool fits = row.geforce == geforce;
    if (best == nullptr || row.capability > best->capability || (row.capability == best->capability && fits))
      best = &row;
  }
  return best;
}

}  // namespace bringup::diagnose
