// SPDX-License-Identifier: Apache-2.0
// What was proven, for people and for programs.
#include <bringup/base/text.hpp>
#include <bringup/report/document.hpp>
#include <bringup/report/figure.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/words.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

constexpr std::array<std::size_t, 1> kOutcomeWidth{12};  // "not measured", "inconclusive"
constexpr std::size_t kManyGpus = 4;  // from here on, GPUs that all passed are told together

using Verdicts = std::vector<const facts::Verdict*>;

// Verdicts about the same GPUs stand together, and so do those about environments.
struct Group {
  std::string title;
  std::vector<std::string> gpus;
  Verdicts verdicts;
};

std::string numbers_of(const facts::Verdict& verdict) {
  std::string words;
  if (verdict.measured) words = human(verdict.measured->value, verdict.measured->unit);
  if (!verdict.expected) return words;
  const facts::Expectation& expected = *verdict.expected;
  if (verdict.measured && verdict.measured->value == expected.value &&
      verdict.measured->unit == expected.unit)
    return words + ", as expected";
  words += fmt::format("{}expected {}", words.empty() ? "" : ", ", human(expected.value, expected.unit));
  // Where an expectation comes from is of interest when it was not met.
  if (verdict.outcome != facts::Outcome::pass && !expected.source.empty())
    words += fmt::format(" ({})", plain(expected.source));
  return words;
}

Row row_of(const facts::Verdict& verdict) {
  const std::string_view why = reason_of(verdict);
  // That an import was one import says nothing that its version does not.
  const bool telling = !(verdict.measured && verdict.measured->unit == "imports" && !why.empty());
  std::string words = telling ? numbers_of(verdict) : "";
  if (!why.empty()) words += (words.empty() ? "" : "; ") + plain(why);
  return {outcome_cell(verdict.outcome), {plain(verdict.check)}, {std::move(words)}};
}

std::string title_of(const facts::Verdict& verdict) {
  if (const std::string_view env = environment_of(verdict); !env.empty()) return "Environment " + plain(env);
  if (verdict.check.starts_with("env-")) return "Environments";
  if (verdict.gpus.empty()) return "Machine";
  if (verdict.gpus.size() == 1) return "GPU " + plain(verdict.gpus[0]);
  return fmt::format("{} GPUs", verdict.gpus.size());
}

std::vector<Group> groups_of(std::span<const facts::Verdict> verdicts) {
  std::vector<Group> groups;
  for (const facts::Verdict& verdict : verdicts) {
    const std::string title = title_of(verdict);
    auto at = std::ranges::find(groups, title, &Group::title);
    if (at == groups.end())
      at = groups.insert(groups.end(), {.title = title, .gpus = verdict.gpus, .verdicts = {}});
    at->verdicts.push_back(&verdict);
  }
  return groups;
}

bool all_passed(const Group& group) {
  return group.title.starts_with("GPU ") &&
         std::ranges::all_of(group.verdicts, [](const facts::Verdict* verdict) {
           return verdict->outcome == facts::Outcome::pass && verdict->measured;
         });
}

bool same_checks(const Group& a, const Group& b) {
  return std::ranges::equal(a.verdicts, b.verdicts, [](const facts::Verdict* x, const facts::Verdict* y) {
    return x->check == y->check && x->why == y->why && x->expected == y->expected &&
           x->measured->unit == y->measured->unit;
  });
}

// One block for GPUs that passed the same checks: each measured value as its range.
void print_together(Page& page, const std::vector<const Group*>& groups) {
  std::vector<std::string> gpus;
  gpus.reserve(groups.size());
  for (const Group* group : groups) gpus.push_back(plain(group->gpus[0]));
  page.heading(fmt::format("{} GPUs, each", groups.size()));
  page.paragraph({base::join(gpus, ", "), Tone::dim}, 2);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < groups[0]->verdicts.size(); ++i) {
    const facts::Verdict& first = *groups[0]->verdicts[i];
    double least = first.measured->value;
    double most = least;
    for (const Group* group : groups) {
      least = std::min(least, group->verdicts[i]->measured->value);
      most = std::max(most, group->verdicts[i]->measured->value);
    }
    Row row = row_of(first);
    const std::string of_first = human(first.measured->value, first.measured->unit);
    if (least != most && row[2].text.starts_with(of_first))
      row[2].text.replace(
          0, of_first.size(),
          fmt::format("{} to {}", human(least, first.measured->unit), human(most, first.measured->unit)));
    rows.push_back(std::move(row));
  }
  page.table(rows, 2, kOutcomeWidth);
}

void print_groups(Page& page, const std::vector<Group>& groups) {
  std::vector<const Group*> together;
  const auto first = std::ranges::find_if(groups, all_passed);
  for (const Group& group : groups) {
    if (all_passed(group) && same_checks(group, *first)) together.push_back(&group);
  }
  if (together.size() < kManyGpus) together.clear();
  for (const Group& group : groups) {
    if (std::ranges::find(together, &group) != together.end()) {
      if (&group == together.front()) print_together(page, together);
      continue;
    }
    page.heading(group.title);
    std::vector<Row> rows;
    for (const facts::Verdict* verdict : group.verdicts) rows.push_back(row_of(*verdict));
    page.table(rows, 2, kOutcomeWidth);
  }
}

std::string tally(std::span<const facts::Verdict> verdicts) {
  const std::vector<std::string> gpus = judged_gpus(verdicts);
  const auto sound =
      std::ranges::count_if(gpus, [verdicts](const std::string& gpu) { return proven(gpu, verdicts); });
  const bool nothing = std::ranges::none_of(
      verdicts, [](const facts::Verdict& verdict) { return verdict.measured.has_value(); });
  if (!gpus.empty())
    return fmt::format("{} of {} GPUs proven{}", sound, gpus.size(),
                       nothing ? ": nothing could be measured" : "");
  const auto passed = std::ranges::count_if(verdicts, [](const facts::Verdict& verdict) {
    return verdict.outcome == facts::Outcome::pass && verdict.measured;
  });
  if (passed == 0) return "0 of 0 GPUs: nothing could be measured";
  return fmt::format("0 of 0 GPUs: none to measure; {} passed",
                     counted(static_cast<std::size_t>(passed), "other check"));
}

}  // namespace

Cell outcome_cell(facts::Outcome outcome) {
  const auto tone = [outcome] {
    switch (outcome) {
      case facts::Outcome::pass:
        return Tone::good;
      case facts::Outcome::info:
        return Tone::dim;
      case facts::Outcome::fail:
        return Tone::bad;
      case facts::Outcome::warn:
      case facts::Outcome::inconclusive:
      case facts::Outcome::not_measured:
        return Tone::caution;
    }
    return Tone::plain;
  };
  return {std::string(diagnose::outcome_name(outcome)), tone()};
}

ordered_json quantity_or_null(const std::optional<facts::Quantity>& quantity) {
  if (!quantity) return nullptr;
  return {{"value", quantity->value}, {"unit", quantity->unit}, {"spread", value_or_null(quantity->spread)}};
}

std::string verify_text(std::span<const facts::Verdict> verdicts, facts::Outcome overall,
                        double elapsed_seconds, const Style& style) {
  Page page(style);
  print_groups(page, groups_of(verdicts));
  page.blank();
  page.paragraph({fmt::format("{}; overall {}, {}", tally(verdicts), diagnose::outcome_name(overall),
                              base::human_seconds(elapsed_seconds)),
                  outcome_cell(overall).tone});
  return std::move(page).take();
}

std::string verify_json(std::span<const facts::Verdict> verdicts, facts::Outcome overall,
                        double elapsed_seconds) {
  ordered_json json = {{"schema", "bringup.verify/1"},
                       {"overall", diagnose::outcome_name(overall)},
                       {"verdicts", ordered_json::array()}};
  for (const facts::Verdict& verdict : verdicts) {
    ordered_json expected;
    if (verdict.expected)
      expected = {{"value", verdict.expected->value},
                  {"unit", verdict.expected->unit},
                  {"source", text_or_null(verdict.expected->source)}};
    json["verdicts"].push_back({{"check", verdict.check},
                                {"gpus", verdict.gpus},
                                {"environment", text_or_null(environment_of(verdict))},
                                {"verdict", diagnose::outcome_name(verdict.outcome)},
                                {"measured", quantity_or_null(verdict.measured)},
                                {"expected", std::move(expected)},
                                {"why", text_or_null(verdict.why)}});
  }
  json["elapsed_seconds"] = elapsed_seconds;
  return written(json);
}

}  // namespace bringup::report
