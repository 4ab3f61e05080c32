// SPDX-License-Identifier: Apache-2.0
// doctor --watch: findings as they come and go, a line each; on a terminal with a line below that tells of
// the watch.
#include <bringup/base/text.hpp>
#include <bringup/cli/console.hpp>
#include <bringup/cli/doctor.hpp>
#include <bringup/host/command.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <poll.h>

namespace bringup::cli {
namespace {

constexpr int kMostSeconds = 24 * 3600;
constexpr int kTick = 200;  // milliseconds between two looks at whether somebody interrupts

std::string key_of(const diagnose::Finding& finding) {
  return finding.id + " " + base::join(finding.gpus, " ");
}

bool has(const diagnose::Diagnosis& diagnosis, const std::string& key) {
  return std::ranges::find(diagnosis.findings, key, key_of) != diagnosis.findings.end();
}

std::string about(const diagnose::Finding& finding) {
  return finding.gpus.empty() ? finding.id
                              : fmt::format("{} ({})", finding.id, base::join(finding.gpus, ", "));
}

// "21:14:05Z" for somebody who sits before it, the whole time for a file.
std::string time_of(const Doors& doors, bool terminal) {
  const std::string whole = host::iso_time(doors.clock.now());
  return terminal && whole.size() > 11 ? whole.substr(11) : whole;
}

Result<> tell(const std::vector<std::string>& lines, const std::string& time, std::size_t columns) {
  if (columns > 0) draw("\r\x1b[K");
  for (const std::string& line : lines) {
    for (const std::string& part : folded(base::harmless(time + "  " + line), time.size() + 10, columns))
      TRY(print(part + "\n"));
  }
  return ok;
}

void wait(int seconds, const std::string& time, std::size_t findings, std::size_t columns) {
  for (int left = seconds * 1000; left > 0 && !host::interrupted(); left -= kTick) {
    if (columns > 0 && left % 1000 == 0)
      draw("\r\x1b[K" + base::fit(fmt::format("{}  {} found; looks again in {} s; Ctrl-C ends", time,
                                              findings, left / 1000),
                                  columns - 1));
    static_cast<void>(::poll(nullptr, 0, std::min(left, kTick)));
  }
}

}  // namespace

Result<Watching> watching_of(const std::vector<std::string>& words) {
  Watching watching;
  for (const std::string& word : words) {
    if (word.empty() || word[0] < '0' || word[0] > '9') {
      watching.rules.push_back(word);
      continue;
    }
    const auto seconds = base::to_integer(word);
    if (!seconds || *seconds < 1 || *seconds > kMostSeconds)
      return Error(Errc::usage, fmt::format("--watch '{}': expected whole seconds from 1 to {}",
                                            base::harmless(word), kMostSeconds));
    watching.seconds = static_cast<int>(*seconds);
  }
  return watching;
}

std::vector<std::string> differences(const diagnose::Diagnosis& before, const diagnose::Diagnosis& after) {
  std::vector<std::string> out;
  for (const diagnose::Finding& finding : before.findings) {
    if (has(after, key_of(finding))) continue;
    const auto blind = std::ranges::find(after.not_run, finding.id, &diagnose::NotRun::id);
    out.push_back(blind == after.not_run.end() ? fmt::format("- gone  {}", about(finding))
                                               : fmt::format("? unseen  {}: {}", about(finding), blind->why));
  }
  for (const diagnose::Finding& finding : after.findings) {
    if (has(before, key_of(finding))) continue;
    out.push_back(fmt::format("+ {}  {}: {}", diagnose::severity_name(finding.severity), about(finding),
                              finding.title));
    if (!finding.evidence.empty())
      out.push_back(fmt::format("        {}: {}", finding.evidence[0].source, finding.evidence[0].text));
  }
  return out;
}

std::vector<std::string> folded(std::string_view line, std::size_t indent, std::size_t columns) {
  std::vector<std::string> out;
  std::size_t margin = 0;
  while (columns > indent + 10 && margin + base::display_width(line) > columns) {
    const std::size_t blank = line.rfind(' ', columns - margin);
    if (blank == std::string_view::npos || (margin == 0 && blank <= indent)) break;
    out.push_back(std::string(margin, ' ').append(line.substr(0, blank)));
    line = base::trim(line.substr(blank));
    margin = indent;
  }
  out.push_back(std::string(margin, ' ').append(line));
  return out;
}

// CUDA is not asked: it would wake the GPUs at every look.
Result<int> watch_findings(const Options& options, const Doors& doors) {
  const Watching watching = TRY(watching_of(options.words));
  Options narrowed = options;
  narrowed.words = watching.rules;
  const std::size_t columns = options.quiet ? 0 : error_columns();
  diagnose::Diagnosis last;
  bool first = true;
  while (!host::interrupted()) {
    auto examined = examine(narrowed, doors, {.cuda = false});
    if (host::interrupted()) break;  // what was looked at meanwhile may have been cut off
    if (!examined) return examined.error();
    const std::string time = time_of(doors, columns > 0);
    std::vector<std::string> lines = differences(last, examined->diagnosis);
    if (first && lines.empty())
      lines.push_back(fmt::format("nothing found; {} rules looked", examined->diagnosis.rules_run));
    TRY(tell(lines, time, columns));
    last = std::move(examined->diagnosis);
    first = false;
    wait(watching.seconds, time, last.findings.size(), columns);
  }
  if (columns > 0) draw("\r\x1b[K");
  return doctor_exit(last);
}

}  // namespace bringup::cli
