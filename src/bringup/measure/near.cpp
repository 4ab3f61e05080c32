// SPDX-License-Identifier: Apache-2.0
// The CPUs next to a GPU, as the kernel knows them.
#include <bringup/base/text.hpp>
#include <bringup/measure/phases.hpp>

#include <fmt/format.h>

#include <fstream>
#include <sched.h>

namespace bringup::measure {
namespace {

// "0-3,8" as a set; what is no number ends it.
cpu_set_t cpus_of(std::string_view list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::string_view part : base::split(base::trim(list), ',')) {
    const auto ends = base::split(part, '-');
    const auto from = base::to_integer(ends.front());
    const auto to = base::to_integer(ends.back());
    if (!from || !to) break;
    for (auto cpu = *from; cpu <= *to && cpu < CPU_SETSIZE; ++cpu)
      CPU_SET(static_cast<std::size_t>(cpu), &set);
  }
  return set;
}

struct Cpus {
  cpu_set_t local;    // next to the GPU
  cpu_set_t allowed;  // that this process may use
};

Result<Cpus> cpus_at(const std::string& pci) {
  const std::string path = fmt::format("/sys/bus/pci/devices/{}/local_cpulist", pci);
  std::ifstream file(path);
  std::string list;
  if (!std::getline(file, list)) return Error(Errc::absent, path + ": cannot be read");
  Cpus cpus{.local = cpus_of(list), .allowed = {}};
  CPU_ZERO(&cpus.allowed);
  if (::sched_getaffinity(0, sizeof cpus.allowed, &cpus.allowed) != 0)
    return Error(Errc::failed, "the CPUs that this process may use cannot be read");
  return cpus;
}

}  // namespace

facts::Reading<bool> go_near(const std::string& pci) {
  const Cpus cpus = TRY(cpus_at(pci));
  cpu_set_t both;
  CPU_AND(&both, &cpus.local, &cpus.allowed);
  if (CPU_COUNT(&both) == 0) return false;
  return ::sched_setaffinity(0, sizeof both, &both) == 0;
}

Result<> go_far(const std::string& pci) {
  const Cpus cpus = TRY(cpus_at(pci));
  cpu_set_t near;
  cpu_set_t far;
  CPU_AND(&near, &cpus.local, &cpus.allowed);
  CPU_XOR(&far, &near, &cpus.allowed);
  if (CPU_COUNT(&far) == 0) return Error(Errc::unsupported, "every CPU of this machine is next to " + pci);
  if (::sched_setaffinity(0, sizeof far, &far) != 0)
    return Error(Errc::failed, "this process could not be moved to other CPUs");
  return ok;
}

}  // namespace bringup::measure
