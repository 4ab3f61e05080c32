// SPDX-License-Identifier: Apache-2.0
// Where the journals lie, and reading them all.
#include <bringup/apply/journal.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace bringup::apply {
namespace {

constexpr std::size_t kTimeDigits = 16;  // "20261123T201504Z"

bool is_run_id(std::string_view name) {
  return name.size() > kTimeDigits + 1 && name[kTimeDigits] == '-' &&
         base::to_hex(name.substr(kTimeDigits + 1)).has_value();
}

// Half-done work that a later run took over is that run's to take back.
void hand_over(std::vector<Log>& logs) {
  for (const Log& log : logs) {
    for (std::size_t i = 0; i < log.steps.size(); ++i) {
      const auto from = std::ranges::find(logs, log.steps[i].from, [](const Log& one) { return one.run.id; });
      if (log.steps[i].from.empty() || from == logs.end()) continue;
      for (std::size_t k = 0; k < from->steps.size(); ++k) {
        if (same_thing(from->run.plan.steps[k], log.run.plan.steps[i]) && from->steps[k].open())
          from->steps[k] = {.taken_back = true, .from = from->steps[k].from};
      }
    }
  }
}

}  // namespace

bool same_thing(const steps::Step& a, const steps::Step& b) {
  return a.kind.index() == b.kind.index() && a.as_user == b.as_user &&
         steps::target(a.kind) == steps::target(b.kind);
}

std::string default_state_directory(bool root, std::string_view home, std::string_view xdg_state_home) {
  if (root) return "/var/lib/bringup";
  if (xdg_state_home.starts_with('/')) return std::string(xdg_state_home) + "/bringup";
  return std::string(home) + "/.local/state/bringup";
}

std::string journal_path(const Settings& settings, std::string_view id) {
  return fmt::format("{}/runs/{}/journal", settings.state_directory, id);
}

Result<std::vector<Log>> read_logs(const host::View& view, const Settings& settings) {
  const std::string runs = settings.state_directory + "/runs";
  auto names = view.list(runs);
  std::vector<Log> logs;
  if (!names && names.error().code() == Errc::absent) return logs;
  for (const std::string& name : TRY(std::move(names))) {
    if (!is_run_id(name)) continue;
    const std::string path = journal_path(settings, name);
    const auto bytes = view.read(path);
    if (!bytes && bytes.error().code() == Errc::absent) continue;  // died before its first record
    if (!bytes) return bytes.error();
    auto log = read_log(*bytes);
    if (!log && log.error().code() == Errc::absent) continue;
    logs.push_back(TRY(std::move(log).within(path)));
    logs.back().run.id = name;
  }
  hand_over(logs);
  return logs;
}

Result<std::string> newest_run_id(const host::View& view, const Settings& settings) {
  std::string newest;
  for (const std::string& name : TRY(view.list(settings.state_directory + "/runs"))) {
    if (is_run_id(name)) newest = std::max(newest, name);
  }
  return newest;
}

std::string new_run_id(const host::Clock& clock, std::string_view newest) {
  std::string time = host::iso_time(clock.now());
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const auto ticks = clock.now().time_since_epoch().count();
  std::uint64_t number = base::crc32c(fmt::format("{} {}", ticks, ::getpid())) & 0x7FFFU;
  // Two runs in one second, or a clock that was set back: the newer still sorts behind the older.
  if (is_run_id(newest) && time <= newest.substr(0, kTimeDigits)) {
    time = std::string(newest.substr(0, kTimeDigits));
    number = base::to_hex(newest.substr(kTimeDigits + 1)).value_or(0) + 1;
  }
  return fmt::format("{}-{:04x}", time, number);
}

Result<std::vector<Run>> history(const host::View& view, const Settings& settings) {
  auto logs = TRY(read_logs(view, settings));
  std::ranges::reverse(logs);
  std::vector<Run> runs;
  const bool running = !view.recorded() && host::Lock::held(settings.state_directory + "/lock");
  for (Log& log : logs) {
    if (running && runs.empty() && log.run.ended_at.empty()) log.run.state = "running";
    runs.push_back(std::move(log.run));
  }
  return runs;
}

}  // namespace bringup::apply
