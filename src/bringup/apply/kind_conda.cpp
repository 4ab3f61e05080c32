// SPDX-License-Identifier: Apache-2.0
// The kind of step that brings a conda: its installer is fetched beside the directory that is to be made,
// held against its hash, run, and removed.
#include <bringup/apply/conda.hpp>
#include <bringup/apply/python_env.hpp>
#include <bringup/base/digest.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/download.hpp>
#include <bringup/host/hub.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

using steps::InstallConda;

constexpr std::size_t kPiece = std::size_t{4} << 20U;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 30U;  // of an installer whose size is not known
constexpr std::uint64_t kUsual = 200'000'000;
constexpr std::uint64_t kUnpacked = 6;  // what is unpacked and the installer itself, in its sizes
constexpr auto kFirstWait = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::seconds(20);
constexpr auto kInstallerDeadline = std::chrono::minutes(30);

// An installer refuses to be run by a name that does not end in .sh.
std::string installer_of(const InstallConda& step) {
  const std::size_t slash = step.path.rfind('/');
  return fmt::format("{}/.{}-{}.sh", step.path.substr(0, slash), step.path.substr(slash + 1),
                     step.sha256.substr(0, 12));
}

std::string config_of(const InstallConda& step) {
  return step.path + "/.condarc";
}

Result<std::uint64_t> size_of(const std::string& path, const host::View& view) {
  const auto status = view.status(path);
  if (!status && status.error().code() == Errc::absent) return std::uint64_t{0};
  if (!status) return status.error();
  if (status->kind != host::FileStatus::Kind::file)
    return Error(Errc::refused, path + ": no regular file; move it away, then go on");
  return status->size;
}

Result<std::string> digest_of(const std::string& path, const host::View& view) {
  base::Digest digest(base::Digest::Kind::sha256);
  for (std::uint64_t at = 0;;) {
    if (host::interrupted()) return Error(Errc::cancelled, "stopped while a hash was taken");
    const std::string piece = TRY(view.read_part(path, at, kPiece));
    if (piece.empty()) return digest.hex();
    digest.add(piece);
    at += piece.size();
  }
}

Result<> check_room(const InstallConda& step, const Hands& hands) {
  const std::uint64_t needed = (step.size == 0 ? kUsual : step.size) * kUnpacked;
  const std::uint64_t free = TRY(hands.view.space(step.path)).free_bytes;
  if (needed <= free) return ok;
  return Error(
      Errc::io,
      fmt::format("{}: about {} are needed on its disk and {} are free; nothing was fetched. Make room, "
                  "then 'bringup resume'",
                  step.path, base::human_bytes(needed), base::human_bytes(free)));
}

Result<> drop_installer(const InstallConda& step, const Hands& hands) {
  return hands.control->remove_file(installer_of(step), hands.owner());
}

// One connection. What it brought stays, unless nothing can be added to it.
Result<> fetch_more(const InstallConda& step, std::uint64_t from, const Hands& hands) {
  constexpr int kStatus = 22;
  constexpr int kNoRange = 33;
  host::Command command = host::hub_download({.endpoint = "", .token = {}}, step.url, installer_of(step),
                                             from, step.size == 0 ? kLargest : step.size);
  command.as = hands.run_as();
  const host::Outcome outcome = TRY(hands.control->run(command));
  if (outcome.success()) return ok;
  const auto* exited = std::get_if<host::Exited>(&outcome.how);
  const int code = exited == nullptr ? 0 : exited->code;
  const bool too_much = host::came_too_much(outcome);
  if (too_much || code == kNoRange || (code == kStatus && outcome.out == "416"))
    TRY(drop_installer(step, hands));
  if (too_much)
    return Error(Errc::failed, step.url + ": more bytes than the installer has; what came was deleted");
  return host::curl_trouble(step.url, outcome).within(step.url);
}

// Until all that the server has is here; gives up when nothing came for as long as patience goes.
Result<> fetch_whole(const InstallConda& step, const Hands& hands) {
  auto wait = std::chrono::milliseconds(kFirstWait);
  auto waited = std::chrono::milliseconds(0);
  for (;;) {
    const std::uint64_t have = TRY(size_of(installer_of(step), hands.view));
    if (step.size != 0 && have == step.size) return ok;
    auto more = fetch_more(step, have, hands);
    if (more) return ok;
    if (more.error().code() != Errc::unreachable && more.error().code() != Errc::timeout) return more;
    if (TRY(size_of(installer_of(step), hands.view)) > have) {
      wait = kFirstWait;
      waited = std::chrono::milliseconds(0);
    } else if (waited + wait > hands.patience) {
      return more;
    }
    if (hands.say) hands.say("again: " + more.error().message());
    if (!host::pause(wait)) return Error(Errc::cancelled, "stopped while waiting for the installer");
    waited += wait;
    wait = std::min<std::chrono::milliseconds>(2 * wait, kLongestWait);
  }
}

bool is_page(const std::string& path, const host::View& view) {
  const auto start = view.read_part(path, 0, 512);
  return start && base::contains(base::lower(*start), "<html");
}

// What an earlier attempt left may be spoiled, so it is fetched anew once; what came whole and is wrong is
// wrong, and is never run.
Result<> fetch_right(const InstallConda& step, const Hands& hands) {
  const std::string file = installer_of(step);
  bool fresh = TRY(size_of(file, hands.view)) == 0;
  if (!fresh && TRY(digest_of(file, hands.view)) == step.sha256) return ok;
  TRY(check_room(step, hands));
  for (;;) {
    TRY(fetch_whole(step, hands));
    const std::string hash = TRY(digest_of(file, hands.view));
    if (hash == step.sha256) return ok;
    const bool page = is_page(file, hands.view);
    TRY(drop_installer(step, hands));
    if (fresh)
      return Error(Errc::failed,
                   fmt::format("{}: its sha256 is {} and should be {}; what came was deleted, and nothing of "
                               "it was run{}",
                               step.url, hash, step.sha256,
                               page ? ": it was a web page: a proxy or a login page in between?" : ""));
    fresh = true;
  }
}

// Environments in there that are not of the run that is taken back: those went before.
Result<> check_nobodys(const InstallConda& step, const Hands& hands) {
  const auto names = hands.view.list(step.path + "/envs");
  if (!names && names.error().code() == Errc::absent) return ok;
  for (const std::string& name : TRY(names)) {
    if (hands.view.exists(fmt::format("{}/envs/{}/conda-meta", step.path, name)))
      return Error(Errc::refused,
                   fmt::format("{}: there is another environment in it, {}; it stays, with what it needs. "
                               "'conda env remove -n {}' removes it, then undo again",
                               step.path, base::harmless(name), base::harmless(name)));
  }
  return ok;
}

}  // namespace

// The configuration is written when the installer has ended well: after an attempt that did not end, it tells
// whether that one came so far.
Result<bool> holds(const InstallConda& step, const Hands& hands) {
  if (!is_program(step.path + "/bin/conda", hands.view)) return false;
  if (!hands.again) return hands.view.exists(step.path + "/conda-meta/history");
  const auto config = hands.view.read(config_of(step));
  if (!config && config.error().code() != Errc::absent) return config.error();
  return config && *config == step.config;
}

Result<> settle(const InstallConda& step, const Hands& hands) {
  return drop_installer(step, hands);
}

Result<Json> remember(const InstallConda& step, const Hands& hands) {
  if (step.path.find(' ') != std::string::npos)
    return Error(Errc::refused, fmt::format("{}: an installer of conda takes no path with a blank; name "
                                            "another with prefix below [python]",
                                            step.path));
  Json before = TRY(directory_before(step.path, hands));
  before["conda"] = conda_list_before(hands);
  return before;
}

Result<> perform(const InstallConda& step, const Hands& hands) {
  TRY(clear_directory(step.path, hands));
  TRY(fetch_right(step, hands));
  // An empty directory that was there stands in an installer's way as any other does.
  TRY(hands.control->remove_empty_directory(step.path, hands.owner()));
  TRY(run_well(hands, {.argv = {"/bin/bash", installer_of(step), "-b", "-p", step.path},
                       .deadline = kInstallerDeadline,
                       .dies_with_us = true,
                       .gives_way = hands.beside_a_build}));
  TRY(hands.control->write(config_of(step), step.config, 0644, hands.owner()));
  return drop_installer(step, hands);
}

Result<> undo(const InstallConda& step, const Json& before, const Hands& hands) {
  TRY(wait_for_others(step.path, hands));
  TRY(check_nobodys(step, hands));
  TRY(drop_installer(step, hands));
  TRY(leave_conda_list(step.path, before.value("conda", Json::object()), hands));
  return take_directory_away(step.path, before, hands);
}

}  // namespace bringup::apply
