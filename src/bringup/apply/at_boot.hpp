// SPDX-License-Identifier: Apache-2.0
#pragma once
// Going on after a reboot or a power cut: a unit of systemd that runs `bringup resume --at-boot` from
// a copy of this program, at three boots for one run at the most, and takes itself away.

#include <bringup/apply/apply.hpp>

namespace bringup::apply {

inline constexpr std::size_t kMostBoots = 3;

// What the boots to come must know.
struct AtBoot {
  std::string run;             // id of the run that is to be gone on with
  std::string goal;            // text of the goal file, for the proof at the end; "" for the compiled-in goal
  std::string machine;         // what the run was agreed for, in words: another machine is not gone on with
  bool reboots = false;        // may reboot by itself when the driver needs that
  bool awaits_driver = false;  // the run installs a driver that takes over at a boot, and is proven then
  std::vector<std::string> boots;  // ids of the boots on which it was at work, the run's own first
  std::vector<std::string> made;   // directories made for the unit, to be removed with it
  bool operator==(const AtBoot&) const = default;
};

struct Arming {
  AtBoot what;          // run, boots and made are filled in by apply
  std::string program;  // the bytes of an executable, which the unit runs a copy of
  int uid = 0;          // of the user for whom root acts, as sudo would tell it; filled in by apply
};

// Whether systemd runs here and the paths can stand in a unit; else the reason.
Result<> can_arm(const host::View& view, const Settings& settings);

// Puts the unit there; the lock is held by the caller. What is on the disk when it returns lasts through a
// power cut. Errc::refused for a file of that name that is not bringup's.
Result<> arm(host::Control& control, const Settings& settings, Arming arming);

// What was armed; nothing when nothing is. Errc::malformed for a record that is damaged.
Result<std::optional<AtBoot>> armed(const host::View& view, const Settings& settings);

// Takes the unit, its program and its record away; absent is fine. disarm takes the lock for it and does
// nothing (Errc::busy) while another bringup is at work, take_unit_away is for its holder.
Result<> disarm(host::Control& control, const Settings& settings);
Result<> take_unit_away(host::Control& control, const Settings& settings);

// Notes on the disk that boot `id` is at work, before it is; twice the same boot counts once. False: this
// would be one boot too many, and nothing was noted.
Result<bool> count_boot(host::Control& control, const Settings& settings, AtBoot& what,
                        const std::string& id);

// The id of this boot, from the kernel.
Result<std::string> boot_id(const host::View& view);

}  // namespace bringup::apply
