// SPDX-License-Identifier: Apache-2.0
// A document of `verify --json`, read again. It may come from anywhere: every field is looked at before it is
// used.
#include <bringup/base/text.hpp>
#include <bringup/report/compare.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/paint.hpp>

#include <fmt/format.h>

#include <array>

namespace bringup::report {
namespace {

using nlohmann::json;

constexpr std::string_view kSchema = "bringup.verify/1";

Error unfit(std::string_view where, std::string_view wanted, std::string_view found) {
  return {Errc::malformed,
          fmt::format("{}: expected {}, found {}; give a file that 'bringup verify --json' wrote", where,
                      wanted, found)};
}

// nullptr when there is no such key, or it is null.
const json* member(const json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

Result<std::string> text_of(const json& object, const char* key, const std::string& where) {
  const json* value = member(object, key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return unfit(where + "." + key, "text", value->type_name());
  return value->get<std::string>();
}

Result<double> number_of(const json& object, const char* key, const std::string& where) {
  const json* value = member(object, key);
  if (value == nullptr || !value->is_number())
    return unfit(where + "." + key, "a number", value == nullptr ? "none" : value->type_name());
  return value->get<double>();
}

Result<facts::Outcome> outcome_of(const json& object, const char* key, const std::string& where) {
  using facts::Outcome;
  const std::string word = TRY(text_of(object, key, where));
  for (const Outcome one : {Outcome::pass, Outcome::info, Outcome::warn, Outcome::fail, Outcome::inconclusive,
                            Outcome::not_measured}) {
    if (word == diagnose::outcome_name(one)) return one;
  }
  return unfit(where + "." + key, "a verdict ('pass', 'warn', ...)", fmt::format("'{}'", plain(word)));
}

Result<facts::Quantity> quantity_of(const json& value, const std::string& where) {
  if (!value.is_object()) return unfit(where, "an object", value.type_name());
  facts::Quantity quantity;
  quantity.value = TRY(number_of(value, "value", where));
  quantity.unit = TRY(text_of(value, "unit", where));
  if (member(value, "spread") != nullptr) quantity.spread = TRY(number_of(value, "spread", where));
  return quantity;
}

Result<facts::Verdict> verdict_of(const json& value, const std::string& where) {
  if (!value.is_object()) return unfit(where, "an object", value.type_name());
  facts::Verdict verdict;
  verdict.check = TRY(text_of(value, "check", where));
  if (verdict.check.empty()) return unfit(where + ".check", "the name of a check", "none");
  const json* gpus = member(value, "gpus");
  if (gpus == nullptr || !gpus->is_array()) return unfit(where + ".gpus", "a list", "none");
  for (const json& gpu : *gpus) {
    if (!gpu.is_string()) return unfit(where + ".gpus", "addresses", gpu.type_name());
    verdict.gpus.push_back(gpu.get<std::string>());
  }
  verdict.outcome = TRY(outcome_of(value, "verdict", where));
  if (const json* measured = member(value, "measured"))
    verdict.measured = TRY(quantity_of(*measured, where + ".measured"));
  if (const json* expected = member(value, "expected")) {
    const facts::Quantity quantity = TRY(quantity_of(*expected, where + ".expected"));
    verdict.expected = facts::Expectation{.value = quantity.value,
                                          .unit = quantity.unit,
                                          .source = TRY(text_of(*expected, "source", where + ".expected"))};
  }
  verdict.why = TRY(text_of(value, "why", where));
  verdict.env = TRY(text_of(value, "environment", where));
  return verdict;
}

}  // namespace

Result<VerifyDocument> read_verify_json(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return unfit("the file", "one JSON document", "none that is whole");
  if (!document.is_object()) return unfit("the file", "an object", document.type_name());
  const std::string schema = TRY(text_of(document, "schema", "the file"));
  if (schema != kSchema)
    return unfit("schema", fmt::format("'{}'", kSchema),
                 schema.empty() ? std::string("none") : fmt::format("'{}'", plain(schema)));
  VerifyDocument out;
  out.overall = TRY(outcome_of(document, "overall", "the file"));
  out.elapsed_seconds = TRY(number_of(document, "elapsed_seconds", "the file"));
  const json* verdicts = member(document, "verdicts");
  if (verdicts == nullptr || !verdicts->is_array()) return unfit("verdicts", "a list", "none");
  for (std::size_t i = 0; i < verdicts->size(); ++i)
    out.verdicts.push_back(TRY(verdict_of((*verdicts)[i], fmt::format("verdicts[{}]", i))));
  return out;
}

}  // namespace bringup::report
