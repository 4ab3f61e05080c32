// SPDX-License-Identifier: Apache-2.0
#include <bringup/base/text.hpp>
#include <bringup/base/toml.hpp>
#include <bringup/probe/internal.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace bringup::probe {
namespace {

using base::Toml;

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string text_of(const Toml& table, std::string_view key) {
  const Toml* value = table.find(key);
  return value != nullptr && value->text() != nullptr ? *value->text() : "";
}

int number_of(const Toml& table, std::string_view key, int other) {
  const Toml* value = table.find(key);
  return value != nullptr && value->integer() != nullptr ? static_cast<int>(*value->integer()) : other;
}

bool flag_of(const Toml& table, std::string_view key, bool other) {
  const Toml* value = table.find(key);
  return value != nullptr && value->boolean() != nullptr ? *value->boolean() : other;
}

std::optional<std::uint64_t> bytes_of(const Toml& table, std::string_view key) {
  const Toml* value = table.find(key);
  if (value == nullptr || value->integer() == nullptr || *value->integer() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value->integer());
}

constexpr std::array<std::pair<std::string_view, Errc>, 13> kCodes{{{"absent", Errc::absent},
                                                                    {"denied", Errc::denied},
                                                                    {"malformed", Errc::malformed},
                                                                    {"unsupported", Errc::unsupported},
                                                                    {"unreachable", Errc::unreachable},
                                                                    {"busy", Errc::busy},
                                                                    {"timeout", Errc::timeout},
                                                                    {"refused", Errc::refused},
                                                                    {"stale", Errc::stale},
                                                                    {"cancelled", Errc::cancelled},
                                                                    {"usage", Errc::usage},
                                                                    {"io", Errc::io},
                                                                    {"failed", Errc::failed}}};

Error error_of(const Toml& table, Errc otherwise) {
  const std::string name = text_of(table, "kind");
  const auto* known = std::ranges::find(kCodes, name, &std::pair<std::string_view, Errc>::first);
  return {known == kCodes.end() ? otherwise : known->second, text_of(table, "why")};
}

std::string error_text(const Error& error) {
  const auto* known = std::ranges::find(kCodes, error.code(), &std::pair<std::string_view, Errc>::second);
  return fmt::format("kind = {}\nwhy = {}\n", quote(known->first), quote(error.message()));
}

// A count or a time that may not have been taken: a number, or why it is missing.
facts::Count count_of(const Toml& notes, std::string_view key) {
  const Toml* table = notes.find(key);
  if (table == nullptr || table->table() == nullptr)
    return {.gpus = Error(Errc::absent, "not recorded"), .how = ""};
  facts::Count count{.gpus = error_of(*table, Errc::absent), .how = text_of(*table, "how")};
  if (const int gpus = number_of(*table, "gpus", -1); gpus >= 0) count.gpus = gpus;
  return count;
}

std::string count_text(std::string_view name, const facts::Count& count) {
  std::string text = fmt::format("\n[{}]\nhow = {}\n", name, quote(count.how));
  return text + (count.gpus ? fmt::format("gpus = {}\n", *count.gpus) : error_text(count.gpus.error()));
}

}  // namespace

Result<RecordingNotes> parse_notes(std::string_view text) {
  const Toml toml = TRY(base::parse_toml(text, "recording.toml"));
  RecordingNotes notes{.recorded_at = text_of(toml, "recorded_at"), .options = {}};
  if (notes.recorded_at.size() < 10) return Error(Errc::malformed, "recorded_at is missing (an ISO date)");
  Options& options = notes.options;
  options.kernel = text_of(toml, "kernel");
  options.arch = text_of(toml, "arch");
  options.cpus = number_of(toml, "cpus", 0);
  options.user = {.name = text_of(toml, "user"),
                  .home = text_of(toml, "home"),
                  .uid = number_of(toml, "uid", 0),
                  .gid = number_of(toml, "gid", 0),
                  .root = flag_of(toml, "root", number_of(toml, "uid", 0) == 0)};
  options.shm_bytes = bytes_of(toml, "shm_bytes");
  options.cuda = count_of(toml, "cuda");
  options.pytorch = count_of(toml, "pytorch");
  if (const Toml* list = toml.find("environment"); list != nullptr && list->array() != nullptr) {
    for (const Toml& entry : *list->array()) {
      if (entry.text() != nullptr) options.environment.push_back(*entry.text());
    }
  }
  if (const Toml* list = toml.find("source"); list != nullptr && list->array() != nullptr) {
    for (const Toml& one : *list->array()) {
      facts::Source source{.name = text_of(one, "name"),
                           .url = text_of(one, "url"),
                           .answered_seconds = error_of(one, Errc::unreachable)};
      const Toml* ms = one.find("answered_ms");
      if (ms != nullptr && ms->integer() != nullptr)
        source.answered_seconds = static_cast<double>(*ms->integer()) / 1000.0;
      options.sources.push_back(std::move(source));
    }
  }
  if (const Toml* list = toml.find("disk"); list != nullptr && list->array() != nullptr) {
    for (const Toml& one : *list->array())
      options.disks.push_back({.path = text_of(one, "path"),
                               .free_bytes = bytes_of(one, "free_bytes").value_or(0),
                               .total_bytes = bytes_of(one, "total_bytes").value_or(0)});
  }
  return notes;
}

std::string notes_to_toml(const RecordingNotes& notes) {
  const Options& options = notes.options;
  std::string text = fmt::format(
      "# A recorded machine; doc/recording.md has the format.\nrecorded_at = {}\nkernel = {}\narch = "
      "{}\ncpus = {}\nuser = {}\nhome = {}\nuid = {}\ngid = {}\nroot = {}\n",
      quote(notes.recorded_at), quote(options.kernel), quote(options.arch), options.cpus,
      quote(options.user.name), quote(options.user.home), options.user.uid, options.user.gid,
      options.user.root);
  if (options.shm_bytes) text += fmt::format("shm_bytes = {}\n", *options.shm_bytes);
  text += "environment = [";
  for (std::size_t i = 0; i < options.environment.size(); ++i)
    text += (i == 0 ? "" : ", ") + quote(options.environment[i]);
  text += "]\n" + count_text("cuda", options.cuda) + count_text("pytorch", options.pytorch);
  for (const facts::Source& source : options.sources) {
    text += fmt::format("\n[[source]]\nname = {}\nurl = {}\n", quote(source.name), quote(source.url));
    if (source.answered_seconds)
      text += fmt::format("answered_ms = {}\n", std::llround(*source.answered_seconds * 1000.0));
    else
      text += error_text(source.answered_seconds.error());
  }
  for (const facts::Disk& disk : options.disks)
    text += fmt::format("\n[[disk]]\npath = {}\nfree_bytes = {}\ntotal_bytes = {}\n", quote(disk.path),
                        disk.free_bytes, disk.total_bytes);
  return text;
}

}  // namespace bringup::probe
