// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/journal.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::size_t kSumDigits = 8;

std::string text_of(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string string_in(const Json& record, const char* key) {
  const auto at = record.find(key);
  return at != record.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<Json> decode_line(std::string_view line) {
  if (line.size() < kSumDigits + 2 || line[kSumDigits] != ' ') return std::nullopt;
  const std::string_view text = line.substr(kSumDigits + 1);
  if (line.substr(0, kSumDigits) != fmt::format("{:08x}", base::crc32c(text))) return std::nullopt;
  Json record = Json::parse(text, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  return record;
}

// One record after the other changes what is known of the run.
class Reader {
 public:
  explicit Reader(Log& log) : log_(log) {}

  Result<> begin(const Json& record) {
    const auto format = record.find("format");
    if (string_in(record, "record") != "begin" || format == record.end() || !format->is_number_integer())
      return Error(Errc::malformed, "the journal does not begin with its plan");
    if (format->get<int>() > kJournalFormat)
      return Error(Errc::unsupported,
                   fmt::format("the journal is of format {}, this bringup knows {}; take a newer bringup",
                               format->get<int>(), kJournalFormat));
    const auto plan = record.find("plan");
    if (plan == record.end()) return Error(Errc::malformed, "the journal does not hold its plan");
    log_.run.id = string_in(record, "id");
    log_.run.began_at = string_in(record, "at");
    log_.run.plan = TRY(steps::parse_plan(text_of(*plan)));
    log_.run.state = "interrupted";
    log_.steps.resize(log_.run.plan.steps.size());
    return ok;
  }

  void add(const Json& record) {
    const std::string name = string_in(record, "record");
    if (name == "resume" || name == "undo") reopen(name == "undo");
    if (name == "end") end(record);
    Progress* step = find(string_in(record, "step"));
    if (step == nullptr) return;
    if (name == "step") begin_step(*step, record);
    if (name == "done") step->done = true;
    if (name == "was-done") step->was_done = true;
    if (name == "taking-back") step->taking_back = true;
    if (name == "taken-back") *step = {.taken_back = true, .from = step->from};
    if (name == "failed" || name == "kept") {
      log_.run.failed_step = string_in(record, "step");
      log_.run.message = string_in(record, "message");
    }
  }

 private:
  void reopen(bool undo) {
    log_.undoing = log_.undoing || undo;
    log_.run.state = "interrupted";
    log_.run.ended_at.clear();
    log_.run.failed_step.clear();
    log_.run.message = log_.undoing ? "taking back was interrupted" : "";
  }
  void end(const Json& record) {
    log_.run.state = string_in(record, "state");
    log_.run.ended_at = string_in(record, "at");
    if (log_.run.failed_step.empty()) log_.run.message = string_in(record, "message");
  }
  void begin_step(Progress& step, const Json& record) {
    if (!step.begun) step.order = ++begun_;
    step.begun = true;
    step.done = false;
    step.was_done = false;
    step.taken_back = false;
    if (record.contains("from")) step.from = string_in(record, "from");
    if (!step.before && record.contains("before")) step.before = record["before"];
  }
  Progress* find(const std::string& id) {
    const auto at = std::ranges::find(log_.run.plan.steps, id, &steps::Step::id);
    if (at == log_.run.plan.steps.end()) return nullptr;
    return &log_.steps[static_cast<std::size_t>(at - log_.run.plan.steps.begin())];
  }

  Log& log_;
  std::size_t begun_ = 0;
};

}  // namespace

std::string encode_record(const Json& record) {
  const std::string text = text_of(record);
  return fmt::format("{:08x} {}\n", base::crc32c(text), text);
}

Decoded decode_journal(std::string_view bytes) {
  Decoded out;
  while (out.whole < bytes.size()) {
    const std::size_t end = bytes.find('\n', out.whole);
    if (end == std::string_view::npos) {
      out.torn = true;
      return out;
    }
    auto record = decode_line(bytes.substr(out.whole, end - out.whole));
    if (!record) {
      out.damaged = true;
      return out;
    }
    out.records.push_back(std::move(*record));
    out.whole = end + 1;
  }
  return out;
}

Result<Log> read_log(std::string_view bytes) {
  const Decoded decoded = decode_journal(bytes);
  if (decoded.records.empty() && decoded.damaged)
    return Error(Errc::malformed, "the first line of the journal is damaged");
  if (decoded.records.empty()) return Error(Errc::absent, "the journal holds no plan yet");
  Log log;
  Reader reader(log);
  TRY(reader.begin(decoded.records.front()));
  for (std::size_t i = 1; i < decoded.records.size(); ++i) reader.add(decoded.records[i]);
  log.whole = decoded.whole;
  log.torn = decoded.torn;
  log.damaged = decoded.damaged;
  if (log.damaged) log.run.message = fmt::format("its journal is damaged at byte {}", log.whole);
  for (std::size_t i = 0; i < log.steps.size(); ++i) {
    const Progress& step = log.steps[i];
    if (step.done || (step.was_done && log.run.state != "undone"))
      log.run.done.push_back(log.run.plan.steps[i].id);
  }
  return log;
}

steps::Plan without_secrets(steps::Plan plan) {
  for (steps::Step& step : plan.steps) {
    if (auto* fetch = std::get_if<steps::FetchFile>(&step.kind)) fetch->url = without_secrets(fetch->url);
    if (auto* uv = std::get_if<steps::InstallUv>(&step.kind)) uv->index_url = without_secrets(uv->index_url);
    if (auto* conda = std::get_if<steps::InstallConda>(&step.kind)) conda->url = without_secrets(conda->url);
    if (auto* wheels = std::get_if<steps::InstallWheels>(&step.kind)) {
      wheels->index_url = without_secrets(wheels->index_url);
      wheels->find_links = without_secrets(wheels->find_links);
      wheels->asks = without_secrets(wheels->asks);
      for (std::string& other : wheels->others) other = without_secrets(other);
    }
  }
  return plan;
}

Result<> Journal::add(std::string_view name, const Json& fields) {
  const std::lock_guard guard(mutex_);
  if (broken_) return Error(Errc::io, path_ + ": an earlier record could not be written");
  Json record = {{"record", name}, {"at", host::iso_time(clock_.now())}};
  record.update(fields);
  auto added = control_.append(path_, encode_record(record));
  broken_ = !added;
  return std::move(added).within("noting in the journal");
}

}  // namespace bringup::apply
