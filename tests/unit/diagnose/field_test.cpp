// SPDX-License-Identifier: Apache-2.0
// Machines that show something while they are in use, for rules_test.cpp.
#include "more_patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void told(Setting& s, int number, const char* text) {
  s.machine.xids = std::vector<facts::XidLine>{{.pci = kSecond, .number = number, .times = 2, .text = text}};
}
facts::NvmlGpu& second(Setting& s) {
  return s.machine.nvml->gpus[1];
}
// Rocky Linux with a driver that nothing keeps.
void red_hat(Setting& s, facts::Unattended dnf) {
  s.machine.packages.manager = "rpm";
  s.machine.packages.list = std::vector<facts::Package>{
      {.name = "nvidia-driver-cuda", .version = "580.159.04-1.el9", .architecture = "x86_64"},
      {.name = "kernel-core", .version = "5.14.0-570.el9", .architecture = "x86_64"}};
  s.machine.boot.dnf_automatic = std::move(dnf);
}
void user_site(Setting& s, const char* kind, const char* version) {
  s.machine.envs[0].kind = kind;
  s.machine.user_sites = {
      {.path = "/home/user/.local/lib/python3.11/site-packages",
       .version = version,
       .packages = {{.name = "torch", .version = "2.2.2"}, {.name = "triton", .version = "2.2.0"}}}};
}
void old_torch(Setting& s, const char* version) {
  s.machine.envs[0].torch = version;
}
void describe(Setting& s) {
  s.machine.cpus = 0;
}

std::vector<Case> log_cases() {
  return {
      {"xid-errors",
       "TheLinkFailed",
       sick,
       [](Setting& s) { told(s, 79, "79, GPU has fallen off the bus."); },
       "2 times Xid 79",
       "slot",
       Severity::warn,
       {kSecond}},
      {"xid-errors",
       "AProgramsOwn",
       sick,
       [](Setting& s) { told(s, 31, "31, MMU Fault"); },
       "not mapped",
       "compute-sanitizer",
       Severity::info,
       {kSecond}},
      {"xid-errors",
       "ANumberOfTomorrow",
       sick,
       [](Setting& s) { told(s, 9001, "9001, \x1b[31mred"); },
       "\\x1b[31mred",
       "bringup explain",
       Severity::warn,
       {kSecond}},
      {"xid-errors", "NoneSinceTheBoot", well, [](Setting&) {}},
      {"xid-errors", "NotForEverybody", blind,
       [](Setting& s) { s.machine.xids = Error(Errc::denied, "root may read it"); }, "root may read it"},
      {"clocks-slowed",
       "Heat",
       sick,
       [](Setting& s) { second(s).clock_reasons = std::uint64_t{0x48}; },
       "heat holds",
       "fans",
       Severity::warn,
       {kSecond}},
      {"clocks-slowed",
       "PowerBrake",
       sick,
       [](Setting& s) { second(s).clock_reasons = std::uint64_t{0x88}; },
       "power brake",
       "power supplies",
       Severity::warn,
       {kSecond}},
      {"clocks-slowed", "ItsPowerLimitAsAlwaysUnderLoad", well,
       [](Setting& s) { second(s).clock_reasons = std::uint64_t{0x4}; }},
      {"clocks-slowed", "AnOldDriverDoesNotTell", well,
       [](Setting& s) {
         for (facts::NvmlGpu& gpu : s.machine.nvml->gpus)
           gpu.clock_reasons = Error(Errc::unsupported, "Not Supported");
       }},
      {"clocks-slowed", "NvmlFails", blind,
       [](Setting& s) { s.machine.nvml = Error(Errc::failed, "NVML: Unknown Error (999)"); },
       "Unknown Error"},
      {"pcie-corrected",
       "Many",
       sick,
       [](Setting& s) { s.machine.pci[1].aer_corrected = std::uint64_t{1000}; },
       "1000 errors",
       "riser",
       Severity::info,
       {kSecond}},
      {"pcie-corrected", "AFew", well,
       [](Setting& s) { s.machine.pci[1].aer_corrected = std::uint64_t{999}; }},
      {"pcie-corrected", "TheyCannotBeRead", blind,
       [](Setting& s) { s.machine.pci[1].aer_corrected = Error(Errc::malformed, "no line TOTAL_ERR_"); },
       "no line TOTAL_ERR_"},
      {"clock-not-synchronised", "NoServerAnswers", sick,
       [](Setting& s) { s.machine.clock_synchronized = false; }, "has not set the clock", "timedatectl",
       Severity::info},
      {"clock-not-synchronised", "ItsHostsBusiness", well,
       [](Setting& s) {
         s.machine.clock_synchronized = false;
         s.machine.container = std::optional<std::string>("docker");
       }},
      {"clock-not-synchronised", "AnotherService", blind,
       [](Setting& s) { s.machine.clock_synchronized = Error(Errc::unsupported, "timedatectl tells"); },
       "timedatectl tells"},
  };
}

std::vector<Case> software_cases() {
  return {
      {"dnf-automatic-driver",
       "EveryUpdate",
       sick,
       [](Setting& s) { red_hat(s, {.on = true}); },
       "every update",
       "versionlock add nvidia-driver-cuda",
       Severity::warn,
       {},
       {"nvidia-driver-cuda"}},
      {"dnf-automatic-driver",
       "SecurityAlone",
       sick,
       [](Setting& s) { red_hat(s, {.on = true, .origins = {"security"}}); },
       "security updates alone",
       "versionlock",
       Severity::info,
       {},
       {"nvidia-driver-cuda"}},
      {"dnf-automatic-driver", "Excluded", well,
       [](Setting& s) {
         red_hat(s, {.on = true, .never = {"kernel*", "nvidia-*"}});
       }},
      {"dnf-automatic-driver", "Locked", well,
       [](Setting& s) { red_hat(s, {.on = true, .never = {"nvidia-driver-cuda-3:580.159.04-1.el9.*"}}); }},
      {"dnf-automatic-driver", "OnlyDownloads", well, [](Setting& s) { red_hat(s, {}); }},
      {"dnf-automatic-driver", "ItCannotBeRead", blind,
       [](Setting& s) {
         red_hat(s, {});
         s.machine.boot.dnf_automatic = Error(Errc::denied, "automatic.conf: denied");
       },
       "automatic.conf: denied"},
      {"user-site-first", "Conda", sick, [](Setting& s) { user_site(s, "conda", "3.11"); }, "torch 2.2.2",
       "PYTHONNOUSERSITE", Severity::warn},
      {"user-site-first", "AVenvDoesNotLookThere", well, [](Setting& s) { user_site(s, "venv", "3.11"); }},
      {"user-site-first", "OfAnotherPython", well, [](Setting& s) { user_site(s, "conda", "3.1"); }},
      {"user-site-first", "Described", blind, describe, "described"},
      {"torch-loads-code", "Before26", sick, [](Setting& s) { old_torch(s, "2.5.1+cu124"); },
       "torch 2.5.1+cu124", "safetensors", Severity::warn},
      {"torch-loads-code", "From26", well, [](Setting& s) { old_torch(s, "2.6.0+cu124"); }},
      {"torch-loads-code", "From210", well, [](Setting& s) { old_torch(s, "2.10.0"); }},
      {"torch-loads-code", "Described", blind, describe, "described"},
  };
}

}  // namespace

std::vector<Case> field_cases() {
  std::vector<Case> out = log_cases();
  for (Case& one : software_cases()) out.push_back(std::move(one));
  return out;
}

}  // namespace bringup::diagnose::testing
