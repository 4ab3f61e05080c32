// SPDX-License-Identifier: Apache-2.0
// The kind of step that fetches one file of a model: into a part file, which gets its name when its hash is
// right.
#include <bringup/apply/apply.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

using steps::FetchModelFile;

constexpr std::size_t kPiece = std::size_t{4} << 20U;
constexpr auto kCopyDeadline = std::chrono::hours(6);
constexpr auto kFirstWait = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::seconds(20);

const std::string& hash_of(const FetchModelFile& step) {
  return step.sha256.empty() ? step.git_sha : step.sha256;
}
std::string place_of(const FetchModelFile& step) {
  return step.directory + "/" + step.file;
}
// Where huggingface_hub keeps its own state of a directory, so that it knows what is here.
std::string state_of(const FetchModelFile& step) {
  return fmt::format("{}/.cache/huggingface/download/{}", step.directory, step.file);
}
std::string note_of(const FetchModelFile& step) {
  return state_of(step) + ".metadata";
}
std::string part_of(const FetchModelFile& step) {
  return fmt::format("{}.{}.part", state_of(step), hash_of(step).substr(0, 16));
}

// nullopt: no such file.
Result<std::optional<std::uint64_t>> size_of(const std::string& path, const host::View& view) {
  const auto status = view.status(path);
  if (!status && status.error().code() == Errc::absent) return std::optional<std::uint64_t>();
  if (!status) return status.error();
  if (status->kind != host::FileStatus::Kind::file)
    return Error(Errc::refused, path + ": no regular file; move it away or take another directory");
  return std::optional(status->size);
}

Result<std::string> digest_of(const FetchModelFile& step, const std::string& path, const Hands& hands) {
  const bool git = step.sha256.empty();
  base::Digest digest(git ? base::Digest::Kind::sha1 : base::Digest::Kind::sha256);
  if (git) digest.add(fmt::format("blob {}", step.size) + '\0');
  if (hands.say && step.size > kPiece) hands.say("checking " + std::string(git ? "sha1" : "sha256"));
  for (std::uint64_t at = 0;;) {
    if (host::interrupted()) return Error(Errc::cancelled, "stopped while a hash was taken");
    const std::string piece = TRY(hands.view.read_part(path, at, kPiece));
    if (piece.empty()) return digest.hex();
    digest.add(piece);
    at += piece.size();
  }
}

// The note says so, and the file was not touched after it. Its commit may be another: the bytes are the same.
bool is_noted(const FetchModelFile& step, const Hands& hands) {
  const auto note = hands.view.read(note_of(step));
  const auto status = hands.view.status(place_of(step));
  if (!note || !status) return false;
  const auto lines = base::lines(*note);
  if (lines.size() < 3 || lines[1] != hash_of(step)) return false;
  const auto at = base::to_integer(lines[2].substr(0, lines[2].find('.')));
  return at && status->modified <= *at + 1;
}

Result<> check_room(const FetchModelFile& step, std::uint64_t have, const Hands& hands) {
  const std::uint64_t needed = step.size - std::min(have, step.size);
  const std::uint64_t free = TRY(hands.view.space(step.directory)).free_bytes;
  if (needed <= free) return ok;
  return Error(Errc::io,
               fmt::format("{}: {} more are needed on its disk and {} are free: make room, then go on",
                           place_of(step), base::human_bytes(needed), base::human_bytes(free)));
}

// How far it is, told whenever the program that fetches tells something.
class Meter {
 public:
  Meter(const FetchModelFile& step, std::uint64_t from, const Hands& hands)
      : size_(step.size), from_(from), part_(part_of(step)), hands_(hands) {}
  void tell() const {
    const auto status = hands_.view.status(part_);
    if (!hands_.say || !status || status->size <= from_) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    const double rate = static_cast<double>(status->size - from_) / std::max(seconds, 0.001);
    const auto left = static_cast<double>(size_ - std::min(size_, status->size));
    hands_.say(fmt::format("{} of {}, {}/s, {} left", base::human_bytes(status->size),
                           base::human_bytes(size_), base::human_bytes(static_cast<std::uint64_t>(rate)),
                           base::human_seconds(left / std::max(rate, 1.0))));
  }

 private:
  std::uint64_t size_;
  std::uint64_t from_;
  std::string part_;
  const Hands& hands_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

bool is_page(const std::string& path, const host::View& view) {
  const auto start = view.read_part(path, 0, 512);
  if (!start) return false;
  const std::string text = base::lower(*start);
  return base::contains(text, "<html") || base::contains(text, "<!doctype html");
}

Result<> drop_part(const FetchModelFile& step, const Hands& hands) {
  return hands.control->remove_file(part_of(step), hands.owner());
}

// What is wrong after curl said that it could not. A part that cannot be added to goes.
Result<> not_fetched(const FetchModelFile& step, const std::string& url, const host::Outcome& outcome,
                     const Hands& hands) {
  constexpr int kStatus = 22;
  constexpr int kNoRange = 33;
  const auto* exited = std::get_if<host::Exited>(&outcome.how);
  const int code = exited == nullptr ? 0 : exited->code;
  const bool too_much = host::came_too_much(outcome);
  if (too_much || code == kNoRange || (code == kStatus && outcome.out == "416")) TRY(drop_part(step, hands));
  if (too_much) return Error(Errc::unreachable, step.file + ": more bytes came than the hub had said");
  return host::curl_trouble(url, outcome);
}

// Out of a directory that models were carried in.
Result<> copy_whole(const FetchModelFile& step, const Hands& hands) {
  const std::string from = fmt::format("{}/{}/{}", step.endpoint, step.repo, step.file);
  TRY(run_well(hands, {.argv = {"cp", "--", from, part_of(step)},
                       .deadline = kCopyDeadline,
                       .dies_with_us = true,
                       .gives_way = hands.beside_a_build}));
  if (TRY(size_of(part_of(step), hands.view)).value_or(0) == step.size) return ok;
  return Error(Errc::failed,
               fmt::format("{}: is not the {} that it should be", from, base::human_bytes(step.size)));
}

// One connection. What it brought stays in the part file, whatever happened.
Result<> fetch_more(const FetchModelFile& step, const host::Hub& hub, std::uint64_t from,
                    const Hands& hands) {
  const host::Runner run = [&hands](const host::Command& command) {
    host::Command ours = command;
    ours.as = hands.run_as();
    return hands.control->run(ours);
  };
  const std::string path =
      fmt::format("/{}/resolve/{}/{}", step.repo, step.commit, host::url_part(step.file));
  const host::HubAnswer answer = TRY(host::ask_hub(hub, run, {.path = path, .head = true}));
  if (const auto trouble = host::hub_trouble(hub, step.repo, answer)) return *trouble;
  const Meter meter(step, from, hands);
  host::Command command = host::hub_download(hub, answer.at, part_of(step), from, step.size);
  command.on_output = [&meter](std::string_view) { meter.tell(); };
  const host::Outcome outcome = TRY(run(command));
  if (!outcome.success()) return not_fetched(step, answer.at, outcome, hands);
  if (TRY(size_of(part_of(step), hands.view)).value_or(0) == step.size) return ok;
  const bool page = is_page(part_of(step), hands.view);
  if (page) TRY(drop_part(step, hands));
  return Error(page ? Errc::malformed : Errc::unreachable,
               step.file + (page ? ": a web page came instead: a proxy or a login page in between?"
                                 : ": fewer bytes came than the hub had said"));
}

// Adds to the part file until it is whole; gives up when nothing came for as long as patience goes.
Result<> fetch_whole(const FetchModelFile& step, const host::Hub& hub, const Hands& hands) {
  auto wait = std::chrono::milliseconds(kFirstWait);
  auto waited = std::chrono::milliseconds(0);
  for (;;) {
    std::uint64_t have = TRY(size_of(part_of(step), hands.view)).value_or(0);
    if (have > step.size) {
      TRY(drop_part(step, hands));
      have = 0;
    }
    if (have == step.size && step.size > 0) return ok;
    TRY(check_room(step, have, hands));
    if (step.size == 0) return hands.control->write(part_of(step), "", 0644, hands.owner());
    if (step.endpoint.starts_with('/')) return copy_whole(step, hands);
    auto more = fetch_more(step, hub, have, hands);
    if (more) continue;
    // a login page does not go by waiting
    if (more.error().code() == Errc::malformed) return Error(Errc::unreachable, more.error().message());
    if (more.error().code() != Errc::unreachable && more.error().code() != Errc::timeout) return more;
    if (TRY(size_of(part_of(step), hands.view)).value_or(0) > have) {
      wait = kFirstWait;
      waited = std::chrono::milliseconds(0);
    } else if (waited + wait > hands.patience) {
      return more;
    }
    if (hands.say)
      hands.say(fmt::format("again in {}: {}",
                            base::human_seconds(std::chrono::duration<double>(wait).count()),
                            more.error().message()));
    if (!host::pause(wait)) return Error(Errc::cancelled, "stopped while waiting for the hub");
    waited += wait;
    wait = std::min<std::chrono::milliseconds>(2 * wait, kLongestWait);
  }
}

// A part of an earlier attempt may be spoiled, so it is fetched anew once; what came whole and is wrong is
// wrong.
Result<> fetch_right(const FetchModelFile& step, const host::Hub& hub, const Hands& hands) {
  bool fresh = !TRY(size_of(part_of(step), hands.view));
  for (;;) {
    TRY(fetch_whole(step, hub, hands));
    const std::string hash = TRY(digest_of(step, part_of(step), hands));
    if (hash == hash_of(step)) return ok;
    const bool page = is_page(part_of(step), hands.view);
    TRY(drop_part(step, hands));
    if (fresh)
      return Error(Errc::failed,
                   fmt::format("{}: its hash is {} and should be {}; what came was deleted{}", step.file,
                               hash, hash_of(step), page ? ": it was a web page" : ""));
    fresh = true;
  }
}

}  // namespace

std::uint64_t bytes_left(const FetchModelFile& step, const host::View& view) {
  const auto status = view.status(part_of(step));
  return step.size - (status ? std::min(status->size, step.size) : 0);
}

Result<bool> holds(const FetchModelFile& step, const Hands& hands) {
  const auto status = hands.view.status(place_of(step));
  if (!status && status.error().code() == Errc::absent) return false;
  if (!status) return status.error();
  if (status->kind != host::FileStatus::Kind::file || status->size != step.size) return false;
  return is_noted(step, hands) || TRY(digest_of(step, place_of(step), hands)) == hash_of(step);
}

Result<Json> remember(const FetchModelFile& step, const Hands& hands) {
  if (hands.view.exists(place_of(step)))
    return Error(Errc::refused,
                 fmt::format("{}: another file stands there; move it away, or take another directory "
                             "with --to",
                             place_of(step)));
  return Json{{"made", missing_parents(place_of(step), hands.view)},
              {"made_for_state", missing_parents(note_of(step), hands.view)}};
}

Result<> perform(const FetchModelFile& step, const Hands& hands) {
  TRY(make_parents(place_of(step), hands));
  TRY(make_parents(part_of(step), hands));
  host::Hub hub{.endpoint = step.endpoint};
  if (step.endpoint == hands.hub) hub.token = TRY(host::hub_token(hands.view, hands.user.home));
  TRY(fetch_right(step, hub, hands));
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(hands.clock->now().time_since_epoch()).count();
  // The note first: with the file it counts, without it nothing does.
  TRY(hands.control->write(note_of(step), fmt::format("{}\n{}\n{}.0\n", step.commit, hash_of(step), now),
                           0644, hands.owner()));
  return hands.control->move_file(part_of(step), place_of(step), hands.owner());
}

Result<> undo(const FetchModelFile& step, const Json& before, const Hands& hands) {
  const bool there = hands.view.exists(place_of(step));
  if (there && !TRY(holds(step, hands)))
    return Error(Errc::refused, place_of(step) + ": somebody changed it since; it is left as it is");
  TRY(hands.control->remove_file(place_of(step), hands.owner()));
  TRY(hands.control->remove_file(note_of(step), hands.owner()));
  TRY(drop_part(step, hands));
  TRY(remove_parents(before.value("made_for_state", Json::array()), hands));
  return remove_parents(before.value("made", Json::array()), hands);
}

}  // namespace bringup::apply
