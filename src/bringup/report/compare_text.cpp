// SPDX-License-Identifier: Apache-2.0
// A comparison of two proofs, for people and for programs.
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/words.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

std::string about(const CheckKey& key) {
  std::string words = plain(key.check);
  if (key.number > 1) words += fmt::format(" #{}", key.number);
  if (!key.gpus.empty()) words += " of " + plain(base::join(key.gpus, " to "));
  if (!key.environment.empty()) words += " in " + plain(key.environment);
  return words;
}

std::string percent(double part) {
  const double hundredth = part * 100;
  return fmt::format("{:.{}f} %", hundredth, hundredth < 9.95 && hundredth > -9.95 ? 1 : 0);
}

std::string figures_of(const Change& change) {
  const auto shown = [](const std::optional<facts::Quantity>& one) {
    return one ? human(one->value, one->unit) : std::string("not measured");
  };
  std::string words = shown(change.before) + " -> " + shown(change.after);
  if (change.change)
    words += fmt::format(" ({}{}; noise is up to {})", *change.change > 0 ? "+" : "", percent(*change.change),
                         percent(change.noise));
  return words;
}

std::string verdicts_of(const Change& change) {
  return fmt::format("{} -> {}", diagnose::outcome_name(change.verdict_before),
                     diagnose::outcome_name(change.verdict_after));
}

Row row_of(const Change& change, const Cell& word) {
  std::string words = change.before || change.after ? figures_of(change) : verdicts_of(change);
  if (change.verdict_before != change.verdict_after && (change.before || change.after))
    words += "; " + verdicts_of(change);
  if (!change.note.empty()) words += "; " + plain(change.note);
  return {word, {about(change.key) + ": " + words}};
}

// The word of a change, or nothing for one that is not worth a line.
std::optional<Cell> word_of(const Change& change) {
  const bool rate = change.before && (change.before->unit == "s" || change.before->unit.ends_with("/s"));
  switch (change.trend) {
    case Trend::worse:
      return Cell{rate ? "slower" : "less", Tone::bad};
    case Trend::lost:
      return Cell{"lost", Tone::bad};
    case Trend::better:
    case Trend::gained:
    case Trend::unmatched:
    case Trend::same:
      break;
  }
  if (change.verdict_worse) return Cell{"worse", Tone::bad};
  if (change.trend == Trend::better) return Cell{rate ? "faster" : "more", Tone::good};
  if (change.trend == Trend::gained) return Cell{"measured", Tone::good};
  if (change.trend == Trend::unmatched) return Cell{"other unit", Tone::caution};
  if (change.verdict_before != change.verdict_after) return Cell{"changed", Tone::plain};
  return std::nullopt;
}

ordered_json key_json(const CheckKey& key) {
  return {{"check", key.check},
          {"gpus", key.gpus},
          {"environment", text_or_null(key.environment)},
          {"number", key.number}};
}

ordered_json change_json(const Change& change) {
  ordered_json json = key_json(change.key);
  json["trend"] = trend_name(change.trend);
  json["before"] = quantity_or_null(change.before);
  json["after"] = quantity_or_null(change.after);
  json["change"] = value_or_null(change.change);
  json["noise"] = change.noise;
  json["verdict_before"] = diagnose::outcome_name(change.verdict_before);
  json["verdict_after"] = diagnose::outcome_name(change.verdict_after);
  json["verdict_worse"] = change.verdict_worse;
  json["note"] = text_or_null(change.note);
  return json;
}

std::string summary_of(const Comparison& comparison, std::size_t unchanged) {
  const auto worse = std::ranges::count_if(comparison.changes, [](const Change& change) {
    return change.trend == Trend::worse || change.trend == Trend::lost || change.verdict_worse;
  });
  return fmt::format(
      "{}; {}, {} as before; overall {} -> {}",
      comparison.worse ? "worse than before" : "no worse than before",
      worse == 0 ? "no check got worse" : counted(static_cast<std::size_t>(worse), "check") + " got worse",
      unchanged, diagnose::outcome_name(comparison.overall_before),
      diagnose::outcome_name(comparison.overall_after));
}

}  // namespace

std::string compare_text(const Comparison& comparison, const Style& style) {
  Page page(style);
  std::vector<Row> worse;
  std::vector<Row> rest;
  std::size_t unchanged = 0;
  for (const Change& change : comparison.changes) {
    const auto word = word_of(change);
    if (!word) {
      ++unchanged;
      continue;
    }
    (word->tone == Tone::bad ? worse : rest).push_back(row_of(change, *word));
  }
  for (const Gone& one : comparison.gone)
    (one.measured ? worse : rest).push_back({{"gone", Tone::caution}, {about(one.key)}});
  for (const CheckKey& key : comparison.added) rest.push_back({{"new", Tone::plain}, {about(key)}});
  constexpr std::array<std::size_t, 1> kWord{8};
  for (const auto& [title, rows] :
       {std::pair{"Worse than before", &worse}, std::pair{"Otherwise different", &rest}}) {
    if (rows->empty()) continue;
    page.heading(title);
    page.table(*rows, 2, kWord);
  }
  page.blank();
  page.paragraph({summary_of(comparison, unchanged), comparison.worse ? Tone::bad : Tone::good});
  return std::move(page).take();
}

std::string compare_json(const Comparison& comparison) {
  ordered_json json = {{"schema", "bringup.compare/1"},
                       {"worse", comparison.worse},
                       {"overall_before", diagnose::outcome_name(comparison.overall_before)},
                       {"overall_after", diagnose::outcome_name(comparison.overall_after)},
                       {"changes", ordered_json::array()},
                       {"gone", ordered_json::array()},
                       {"added", ordered_json::array()}};
  for (const Change& change : comparison.changes) json["changes"].push_back(change_json(change));
  for (const Gone& one : comparison.gone) {
    json["gone"].push_back(key_json(one.key));
    json["gone"].back()["measured"] = one.measured;
  }
  for (const CheckKey& key : comparison.added) json["added"].push_back(key_json(key));
  return written(json);
}

}  // namespace bringup::report
