// SPDX-License-Identifier: Apache-2.0
#include <bringup/apply/at_boot.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/apply/journal.hpp>
#include <bringup/base/text.hpp>
#include <bringup/host/lock.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::apply {
namespace {

constexpr std::string_view kUnit = "/etc/systemd/system/bringup-at-boot.service";
// A drop-in and not a link in multi-user.target.wants: the door writes files, and systemd takes either.
constexpr std::string_view kWanted = "/etc/systemd/system/multi-user.target.d/bringup-at-boot.conf";
// Below /usr/local/sbin, where SELinux lets systemd run programs; below /var it does not.
constexpr std::string_view kProgram = "/usr/local/sbin/bringup-at-boot";
constexpr std::string_view kMark = "# bringup: goes on after a reboot, and removes itself\n";

std::string record_path(const Settings& settings) {
  return settings.state_directory + "/at-boot.json";
}

// A deadline above all deadlines of steps, and long enough at a shutdown for a package manager to end. Not
// "oneshot": that the boot is over, and what comes after it, would wait until a driver is built.
std::string unit_text(const Settings& settings, int uid) {
  return fmt::format(
      "{}[Unit]\n"
      "Description=bringup goes on with what a reboot interrupted\n"
      "ConditionPathExists={}\n"
      "Wants=network-online.target\n"
      "After=network-online.target dkms.service systemd-modules-load.service\n"
      "\n[Service]\n"
      "Type=simple\n"
      "Environment=SUDO_UID={}\n"
      "ExecStart={} resume --at-boot --yes --state {}\n"
      "SuccessExitStatus=3\n"
      "StandardOutput=journal+console\n"
      "StandardError=journal+console\n"
      "KillMode=mixed\n"
      "RuntimeMaxSec=12h\n"
      "TimeoutStopSec=15min\n",
      kMark, record_path(settings), uid, kProgram, settings.state_directory);
}

std::string wanted_text() {
  return fmt::format("{}[Unit]\nWants=bringup-at-boot.service\n", kMark);
}

std::string to_json(const AtBoot& what) {
  const Json json = {{"format", kJournalFormat}, {"run", what.run},
                     {"goal", what.goal},        {"machine", what.machine},
                     {"reboots", what.reboots},  {"awaits_driver", what.awaits_driver},
                     {"boots", what.boots},      {"made", what.made}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<AtBoot> parse(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != kJournalFormat)
      return Error(Errc::unsupported, "written by another version of bringup");
    return AtBoot{.run = json.at("run"),
                  .goal = json.at("goal"),
                  .machine = json.at("machine"),
                  .reboots = json.at("reboots"),
                  .awaits_driver = json.at("awaits_driver"),
                  .boots = json.at("boots"),
                  .made = json.at("made")};
  } catch (const Json::exception&) {
    return Error(Errc::malformed, "no record of what is to be gone on with");
  }
}

// An administrator's own file of that name is not ours to replace, nor to remove.
Result<bool> ours(const host::View& view, std::string_view path) {
  const auto text = view.read(path);
  if (!text && text.error().code() == Errc::absent) return true;
  if (!text) return text.error();
  return text->starts_with(kMark);
}

Result<> write_ours(host::Control& control, std::string_view path, const std::string& text) {
  if (!TRY(ours(control.view(), path)))
    return Error(Errc::refused, fmt::format("{}: there is a file of that name that is not bringup's; move it "
                                            "away, or set policy.reboot = \"never\"",
                                            path));
  return control.write(std::string(path), text, 0644, std::nullopt);
}

}  // namespace

Result<> can_arm(const host::View& view, const Settings& settings) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+";
  if (!settings.root) return Error(Errc::denied, "only root's runs go on by themselves");
  if (!view.status("/run/systemd/system")) return Error(Errc::unsupported, "systemd does not run here");
  const std::string& path = settings.state_directory;
  if (!path.starts_with('/') || path.find_first_not_of(kPlain) != std::string::npos)
    return Error(Errc::unsupported, fmt::format("'{}' cannot stand in a unit", path));
  return ok;
}

Result<> arm(host::Control& control, const Settings& settings, Arming arming) {
  AtBoot& what = arming.what;
  TRY(can_arm(control.view(), settings));
  const steps::PlanUser root{.name = "root", .home = "/root", .uid = 0, .gid = 0};
  const Hands hands{.view = control.view(), .control = &control, .user = root, .say = {}};
  if (const auto earlier = armed(control.view(), settings); earlier && *earlier) what.made = (*earlier)->made;
  for (const std::string_view path : {kProgram, kUnit, kWanted}) {
    for (std::string& directory : missing_parents(std::string(path), control.view())) {
      if (std::ranges::find(what.made, directory) == what.made.end())
        what.made.push_back(std::move(directory));
    }
  }
  // The record first, which says what is to be taken away; the line that makes it start last.
  TRY(control.write(record_path(settings), to_json(what), 0600, std::nullopt));
  for (const std::string_view path : {kProgram, kUnit, kWanted}) TRY(make_parents(std::string(path), hands));
  TRY(control.write(std::string(kProgram), arming.program, 0755, std::nullopt));
  TRY(write_ours(control, kUnit, unit_text(settings, arming.uid)));
  return write_ours(control, kWanted, wanted_text());
}

Result<std::optional<AtBoot>> armed(const host::View& view, const Settings& settings) {
  const auto text = view.read(record_path(settings));
  if (!text && text.error().code() == Errc::absent) return std::optional<AtBoot>();
  return std::optional(TRY(parse(TRY(text)).within(record_path(settings))));
}

Result<> disarm(host::Control& control, const Settings& settings) {
  if (!control.view().exists(record_path(settings))) return ok;
  const host::Lock held = TRY(host::Lock::take(settings.state_directory + "/lock"));
  return take_unit_away(control, settings);
}

Result<> take_unit_away(host::Control& control, const Settings& settings) {
  const auto what = armed(control.view(), settings);
  if (what && !*what) return ok;
  for (const std::string_view path : {kWanted, kUnit}) {
    if (TRY(ours(control.view(), path))) TRY(control.remove_file(std::string(path), std::nullopt));
  }
  TRY(control.remove_file(std::string(kProgram), std::nullopt));
  if (what) {
    for (auto directory = (*what)->made.rbegin(); directory != (*what)->made.rend(); ++directory)
      TRY(control.remove_empty_directory(*directory, std::nullopt));
  }
  return control.remove_file(record_path(settings), std::nullopt);
}

Result<bool> count_boot(host::Control& control, const Settings& settings, AtBoot& what,
                        const std::string& id) {
  if (std::ranges::find(what.boots, id) != what.boots.end()) return true;
  if (what.boots.size() > kMostBoots) return false;
  what.boots.push_back(id);
  TRY(control.write(record_path(settings), to_json(what), 0600, std::nullopt));
  return true;
}

Result<std::string> boot_id(const host::View& view) {
  return std::string(base::trim(TRY(view.read("/proc/sys/kernel/random/boot_id"))));
}

}  // namespace bringup::apply
