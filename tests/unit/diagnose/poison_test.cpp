// SPDX-License-Identifier: Apache-2.0
// Machines with other libraries in front, and environments whose packages do not go together, for
// rules_test.cpp.
#include "patients.hpp"

namespace bringup::diagnose::testing {
namespace {

using enum Shows;

void set_in_file(Setting& s, const char* value) {
  s.machine.shells.settings.push_back(
      in_file("LD_LIBRARY_PATH", std::string("export LD_LIBRARY_PATH=") + value));
}
void hide_loader(Setting& s) {
  s.machine.library_paths = Error(Errc::denied, "/etc/ld.so.conf.d: Permission denied");
}
void set_home(Setting& s, const char* place) {
  s.machine.shells.environment.push_back(in_process("CUDA_HOME", place));
}
void forget_everything(Setting& s) {
  s.machine.cpus = 0;
}
void have(Setting& s, const char* name, const char* version) {
  s.machine.envs[0].packages.push_back({.name = name, .version = version});
}
void have_torch(Setting& s, const char* version) {
  s.machine.envs[0].torch = version;
}

}  // namespace

std::vector<Case> poison_cases() {
  return {
      {"cuda-stubs-searched", "InAStartFile", sick,
       [](Setting& s) { set_in_file(s, "/usr/local/cuda/lib64:/usr/local/cuda/lib64/stubs/"); },
       "/home/user/.bashrc:7", "for linking alone", Severity::warn},
      {"cuda-stubs-searched", "InTheLoadersConfiguration", sick,
       [](Setting& s) {
         s.machine.library_paths->push_back(
             {.file = "/etc/ld.so.conf.d/c.conf", .line = 2, .text = "/usr/local/cuda/lib64/stubs"});
       },
       "/etc/ld.so.conf.d/c.conf:2", "ldconfig", Severity::warn},
      {"cuda-stubs-searched", "ItsNeighbour", well,
       [](Setting& s) { set_in_file(s, "/usr/local/cuda/lib64"); }},
      {"cuda-stubs-searched", "TheLoaderCannotBeRead", blind, hide_loader, "Permission denied"},
      {"cuda-compat-searched", "InAStartFile", sick,
       [](Setting& s) { set_in_file(s, "\"/usr/local/cuda-13.0/compat\""); }, "compat", "bringup up",
       Severity::warn},
      {"cuda-compat-searched", "SomebodyElsesCompat", well,
       [](Setting& s) { set_in_file(s, "/opt/app/compat"); }},
      {"cuda-compat-searched", "TheLoaderCannotBeRead", blind, hide_loader, "Permission denied"},
      {"cuda-home-missing", "AnOldOne", sick, [](Setting& s) { set_home(s, "/usr/local/cuda-11.8"); },
       "CUDA_HOME=/usr/local/cuda-11.8", "unset CUDA_HOME", Severity::warn},
      {"cuda-home-missing", "AnotherIsThere", sick,
       [](Setting& s) {
         set_home(s, "/usr/local/cuda-11.8");
         s.machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
       },
       "/usr/local/cuda-13.0", "set CUDA_HOME", Severity::warn},
      {"cuda-home-missing", "TheLinkToIt", well,
       [](Setting& s) {
         set_home(s, "/usr/local/cuda");
         s.machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
       }},
      {"cuda-home-missing", "NotSet", well, [](Setting&) {}},
      {"cuda-home-missing", "ElsewhereIsNotLookedAt", blind, [](Setting& s) { set_home(s, "/opt/cuda"); },
       "not looked for there"},
      {"companion-breaks", "TwoThatRefuseEachOther", sick,
       [](Setting& s) {
         have(s, "exllamav2", "0.3.2");
         have(s, "exllamav3", "1.0.0");
       },
       "exllamav2 0.3.2 beside exllamav3 1.0.0", "environment of its own", Severity::fail},
      {"companion-breaks", "OneOfThem", well, [](Setting& s) { have(s, "exllamav2", "0.3.2"); }},
      {"companion-breaks", "NobodyIsThere", blind, forget_everything, "cannot be seen"},
      {"numpy-too-new", "AnOldTorch", sick,
       [](Setting& s) {
         have_torch(s, "2.2.2+cu121");
         have(s, "numpy", "2.2.6");
       },
       "torch 2.2.2+cu121 beside numpy 2.2.6", "numpy<2", Severity::warn},
      {"numpy-too-new", "TheFirstThatTakesIt", well,
       [](Setting& s) {
         have_torch(s, "2.3.0+cu121");
         have(s, "numpy", "2.2.6");
       }},
      {"numpy-too-new", "AnOldNumpy", well,
       [](Setting& s) {
         have_torch(s, "2.2.2+cu121");
         have(s, "numpy", "1.26.4");
       }},
      {"numpy-too-new", "NobodyIsThere", blind, forget_everything, "cannot be seen"},
  };
}

}  // namespace bringup::diagnose::testing
