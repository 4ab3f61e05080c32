// SPDX-License-Identifier: Apache-2.0
#include <bringup/probe/internal.hpp>

#include <algorithm>

namespace bringup::probe {
namespace {

facts::Counts count_all(const host::View& view, const Options& options, const facts::Machine& machine) {
  facts::Counts counts{
      .pci = {.gpus = 0, .how = "functions of class 0300 or 0302 with vendor 10de in /sys/bus/pci/devices"},
      .driver = {.gpus = 0, .how = "entries of /proc/driver/nvidia/gpus"},
      .nvml = {.gpus = 0, .how = "nvmlDeviceGetCount_v2"},
      .cuda = options.cuda,
      .pytorch = options.pytorch};
  if (machine.pci_visible)
    counts.pci.gpus =
        static_cast<int>(std::ranges::count(machine.pci, facts::PciKind::gpu, &facts::PciFunction::kind));
  else
    counts.pci.gpus = machine.pci_visible.error();
  const auto driver = view.list("/proc/driver/nvidia/gpus");
  if (driver)
    counts.driver.gpus = static_cast<int>(driver->size());
  else if (driver.error().code() == Errc::absent)
    counts.driver.gpus = Error(Errc::absent, "NVIDIA's kernel module is not loaded");
  else
    counts.driver.gpus = driver.error();
  if (machine.nvml)
    counts.nvml.gpus = static_cast<int>(machine.nvml->gpus.size());
  else
    counts.nvml.gpus = machine.nvml.error();
  return counts;
}

void read_disks(const host::View& view, const Options& options, facts::Machine& machine) {
  machine.disks = options.disks;
  for (const std::string& path : {machine.user.home, std::string("/"), std::string("/boot"),
                                  std::string("/var"), std::string("/tmp")}) {
    if (path.empty() ||
        std::ranges::any_of(machine.disks, [&path](const auto& disk) { return disk.path == path; }))
      continue;
    if (const auto space = view.space(path))
      machine.disks.push_back(
          {.path = path, .free_bytes = space->free_bytes, .total_bytes = space->total_bytes});
  }
}

}  // namespace

facts::Machine look(const host::View& view, const Options& options) {
  facts::Machine machine;
  read_system(view, options, machine);
  auto pci = read_pci(view, options.name_gpu);
  machine.pci_visible = pci ? facts::Reading<bool>(true) : facts::Reading<bool>(pci.error());
  if (pci) machine.pci = std::move(pci).take();
  machine.wiring = read_wiring(view);
  machine.proc_gpus = read_proc_gpus(view);
  machine.nvml = options.nvml;
  machine.counts = count_all(view, options, machine);
  machine.driver = read_driver(view, machine.kernel);
  machine.xids = read_xids(view, machine.driver);
  machine.boot = read_boot(view, machine.kernel, machine.secure_boot);
  machine.packages = read_packages(view, machine.os);
  read_python(view, options, machine);
  machine.toolkits = read_toolkits(view, machine);
  machine.shells = read_shells(view, options);
  read_library_directories(view, machine);
  read_disks(view, options, machine);
  machine.sources = options.sources;
  return machine;
}

}  // namespace bringup::probe
