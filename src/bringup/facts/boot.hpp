// SPDX-License-Identifier: Apache-2.0
#pragma once
// What decides the next boot: the loader's menu and its choice, what is built for which kernel, what is kept
// from loading, what is enabled, what upgrades by itself.

#include <bringup/facts/gpu.hpp>

#include <array>

namespace bringup::facts {

// One line of the boot loader's menu.
struct BootEntry {
  std::string
      id;  // what a default may name it by: "gnulinux-simple-...", "<machine>-6.1.0-25-amd64"; may be ""
  std::string title;    // what is shown: "Debian GNU/Linux, with Linux 6.1.0-25-amd64"
  std::string number;   // its place: "0", "1>2" below a submenu
  std::string release;  // of the kernel that it boots; "" when its file does not tell
  bool operator==(const BootEntry&) const = default;
};

struct ConfigLine {
  std::string file;
  int line = 0;
  std::string text;  // as it stands, without what is around it
  bool operator==(const ConfigLine&) const = default;
};

// A module that DKMS built, or only knows of.
struct DkmsBuild {
  std::string name;     // "nvidia"
  std::string version;  // "580.159.04"
  std::string kernel;   // built for it; "" for the source itself
  bool operator==(const DkmsBuild&) const = default;
};

// Where the certificate of the key may lie that DKMS signs modules with: Ubuntu's own place, then dkms(8)'s.
inline constexpr std::array kSigningKeys{"/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub"};

// That key, and whether shim trusts it.
struct SigningKey {
  std::string path;   // of its certificate
  std::string trust;  // "enrolled", "requested" (to be confirmed at the next boot), "none"
  bool operator==(const SigningKey&) const = default;
};

// apt's unattended-upgrades, or dnf-automatic.
struct Unattended {
  bool on = false;
  std::vector<std::string> origins;  // patterns, as they stand; of dnf: "security" when those alone come
  std::vector<std::string> never;    // apt's Package-Blacklist: regular expressions; dnf's excludepkgs: globs
  bool operator==(const Unattended&) const = default;
};

struct Boot {
  std::string loader;  // "grub", "systemd-boot"; "" none was seen
  Reading<std::vector<BootEntry>> entries = Error(Errc::absent, "not looked at");  // as the menu has them
  Reading<std::string> wanted = Error(Errc::absent, "not looked at");  // the configured default: "0", "saved"
  Reading<std::string> saved = Error(Errc::absent, "not looked at");   // what "saved" means; "" for nothing
  Reading<std::string> once =
      Error(Errc::absent, "not looked at");  // for the next boot alone; "" for nothing
  Reading<std::vector<ConfigLine>> modprobe =
      Error(Errc::absent, "not looked at");  // lines of modprobe.d about nvidia and nouveau
  Reading<std::vector<std::string>> loads =
      Error(Errc::absent, "not looked at");  // modules of modules-load.d
  Reading<std::vector<std::string>> loaded =
      Error(Errc::absent, "not looked at");  // NVIDIA's and rivals', now
  std::vector<std::string> rivals;           // kernels that hold nouveau
  Reading<std::vector<DkmsBuild>> dkms = Error(Errc::absent, "not looked at");
  Reading<std::vector<std::string>> enabled =
      Error(Errc::absent, "not looked at");  // services of interest that start at boot
  Reading<bool> reboot_required = Error(Errc::absent, "not looked at");
  std::vector<std::string> reboot_required_by;  // packages
  Reading<Unattended> unattended = Error(Errc::absent, "not looked at");
  Reading<Unattended> dnf_automatic = Error(Errc::absent, "not looked at");
  Reading<std::optional<SigningKey>> signing_key = Error(
      Errc::absent, "not looked at");  // nothing: without Secure Boot none is asked for, or there is none yet
  bool operator==(const Boot&) const = default;
};

}  // namespace bringup::facts
