// SPDX-License-Identifier: Apache-2.0
#pragma once
// A forecast of the next boot from what lies on the disk: which kernel, whether NVIDIA's module is there for
// it and will be taken, what a reboot would lose. What could not be seen stays unknown; it is never taken as
// well.

#include <bringup/diagnose/diagnose.hpp>

namespace bringup::diagnose {

enum class Outlook { good, bad, unknown, note };  // note: to know; it decides nothing

struct BootPart {
  std::string part;    // "kernel", "module", "libraries", "Secure Boot", "nouveau", ...
  std::string kernel;  // the one that it is about, where several may boot; "" the machine
  Outlook outlook = Outlook::unknown;
  std::string text;  // one sentence
  std::vector<Evidence> evidence;
  std::string fix;  // "" when there is nothing to do
  bool operator==(const BootPart&) const = default;
};

struct Forecast {
  Outlook outlook = Outlook::unknown;  // good: the GPUs will be there; bad: they will not
  std::string kernel;                  // that boots next; "" when it cannot be told
  std::string driver;                  // version of its module; "" unknown or none
  std::vector<BootPart> parts;
  bool operator==(const Forecast&) const = default;
};

Forecast next_boot(const facts::Machine& machine);

std::string_view outlook_name(Outlook outlook);  // "good"

// next_boot_kernel.cpp: the kernels that may boot next, one when it is known; and why.
struct KernelChoice {
  std::vector<std::string> releases;
  BootPart part;
};
KernelChoice choose_kernel(const facts::Machine& machine);

// next_boot_losses.cpp: what runs now by hand and nothing sets up again, and what changes by itself until
// then.
std::vector<BootPart> losses(const facts::Machine& machine);
std::vector<BootPart> changes_before(const facts::Machine& machine);

}  // namespace bringup::diagnose
