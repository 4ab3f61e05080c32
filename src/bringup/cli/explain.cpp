// SPDX-License-Identifier: Apache-2.0
// explain: a rule's id, a number, a name, a message, or a log on standard input.
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/exit.hpp>
#include <bringup/cli/look.hpp>
#include <bringup/report/explain.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace bringup::cli {
namespace {

using diagnose::LogReader;

Result<int> list_rules(const Options& options, bool whole) {
  if (options.json)
    return Error(Errc::usage,
                 "explain what? a rule, a number, a name, a message, or a log on standard input");
  TRY(print(report::rules_text(whole, output_style(options))));
  return exit_ok;
}

Result<> read_log(LogReader& reader) {
  std::vector<char> buffer(std::size_t{64} * 1024);
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(Errc::io, fmt::format("standard input: {}", std::strerror(errno)));
    if (got == 0) return ok;
    reader.feed({buffer.data(), static_cast<std::size_t>(got)});
  }
}

// What was looked at for it, which lives as long as the patient.
struct Seen {
  Result<Looked> looked = Error(Errc::absent, "not looked at");
  goal::Goal goal = {};
};

void tell(const Options& options, const Doors& doors, const std::vector<diagnose::Recognised>& what,
          report::Explained& explained) {
  Seen seen;
  seen.looked = look(options, doors, {.sources = false, .cuda = false, .pytorch = false});
  if (auto goal = read_goal(options, doors.view)) seen.goal = *std::move(goal);
  if (!seen.looked) explained.not_looked = seen.looked.error().message();
  for (const diagnose::Recognised& one : what) {
    if (!seen.looked) {
      explained.known.push_back(diagnose::explain(one, nullptr));
      continue;
    }
    const diagnose::Patient patient{.machine = seen.looked->machine,
                                    .goal = seen.goal,
                                    .catalog = catalog::built_in(),
                                    .today = seen.looked->today};
    explained.known.push_back(diagnose::explain(one, &patient));
  }
}

Result<int> end(const Options& options, const report::Explained& explained) {
  TRY(print(options.json ? report::explain_json(explained)
                         : report::explain_text(explained, output_style(options))));
  return explained.known.empty() && explained.rule == nullptr ? exit_failed : exit_ok;
}

// A word that is nearly a rule's id or a code's name.
Result<> check_word(const std::string& word) {
  std::vector<std::string> names;
  for (const diagnose::Rule& rule : diagnose::rules()) names.emplace_back(rule.id);
  for (const catalog::Code& code : catalog::messages().codes)
    names.insert(names.end(), code.names.begin(), code.names.end());
  for (const catalog::Signature& one : catalog::messages().signatures) names.push_back(one.id);
  if (word.size() > 80 || base::words(word).size() != 1) return ok;
  const auto near = base::nearest(word, names);
  if (!near) return ok;
  return Error(Errc::usage,
               fmt::format("'{}' is neither a rule, a code's name nor a message that is known here "
                           "(did you mean '{}'?); 'bringup explain' lists the rules",
                           base::harmless(word), *near));
}

Result<int> explain_words(const Options& options, const Doors& doors) {
  const std::string words = base::join(options.words, " ");
  if (words == "rules") return list_rules(options, true);
  report::Explained explained;
  const auto rule = std::ranges::find(diagnose::rules(), words, &diagnose::Rule::id);
  if (rule != diagnose::rules().end()) {
    explained.rule = &*rule;
    return end(options, explained);
  }
  const catalog::Messages& messages = catalog::messages();
  auto what = diagnose::by_name(messages, words);
  if (what.empty() && diagnose::is_number(words) && !options.json)
    return Error(
        Errc::failed,
        fmt::format(
            "no Xid and no code of CUDA, NVML or NCCL with this number is known here: {} (Xids go up to {})",
            base::harmless(words), messages.xids.back().number));
  if (what.empty() && !diagnose::is_number(words)) {
    const diagnose::MessageIndex index(messages);
    LogReader reader(index);
    reader.feed(words);
    what = reader.finish();
    explained.lines = reader.lines();
  }
  if (what.empty()) TRY(check_word(words));
  if (what.empty()) {
    if (const auto* near = diagnose::nearest_message(messages, words); near != nullptr)
      explained.guess = diagnose::explain({.subject = near}, nullptr);
    return end(options, explained);
  }
  tell(options, doors, what, explained);
  return end(options, explained);
}

Result<int> explain_input(const Options& options, const Doors& doors, bool asked) {
  report::Explained explained;
  const diagnose::MessageIndex index(catalog::messages());
  LogReader reader(index);
  TRY(read_log(reader));
  const auto what = reader.finish();
  explained.lines = reader.lines();
  if (explained.lines == 0 && !asked) return list_rules(options, false);
  if (explained.lines == 0)
    return Error(Errc::failed, "nothing came on standard input: expected a log or a message");
  if (!what.empty()) tell(options, doors, what, explained);
  return end(options, explained);
}

}  // namespace

Result<int> run_explain(const Options& options, const Doors& doors) {
  const bool dash = options.words.size() == 1 && options.words[0] == "-";
  if (dash || (options.words.empty() && ::isatty(STDIN_FILENO) != 1))
    return explain_input(options, doors, dash);
  return options.words.empty() ? list_rules(options, false) : explain_words(options, doors);
}

}  // namespace bringup::cli
