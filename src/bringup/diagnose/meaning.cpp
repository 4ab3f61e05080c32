// SPDX-License-Identifier: Apache-2.0
// What a recognised message means on one machine: the GPU at its address, what it speaks of, and whether the
// doctor's rule about the same thing finds it here.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/messages.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using Sentences = std::vector<std::string>;
using facts::Machine;

constexpr std::size_t kShownEnvs = 3;

// "06:00", "0000:06:00", "00000000:06:00.0" -> "0000:06:00" with the function when it has one.
std::string address_of(std::string_view text) {
  std::string out = base::lower(text);
  const auto parts = base::split(text, ':');
  if (parts.size() == 2) return "0000:" + out;
  if (parts.size() == 3 && parts[0].size() > 4) out.erase(0, parts[0].size() - 4);
  return out;
}

std::string name_of(const facts::PciFunction& one) {
  return one.name.empty() ? fmt::format("10de:{:04x}", one.device_id) : one.name;
}

std::string at_address(const Machine& machine, std::string_view text) {
  const std::string address = address_of(text);
  if (!machine.pci_visible)
    return fmt::format("{}: the PCI bus could not be read here: {}", address,
                       machine.pci_visible.error().message());
  const auto one = std::ranges::find_if(machine.pci, [&address](const facts::PciFunction& there) {
    return there.address.starts_with(address);
  });
  if (one == machine.pci.end()) return fmt::format("no NVIDIA device is at {} now", address);
  std::string driver = "which driver holds it could not be seen";
  if (one->kernel_driver)
    driver = *one->kernel_driver ? fmt::format("driver {}", **one->kernel_driver) : "no driver holds it";
  return fmt::format("{} is {}; {}", one->address, name_of(*one), driver);
}

Sentences show_gpus(const Patient& patient) {
  const auto gpus = gpus_of(patient.machine);
  if (!gpus) return {"its GPUs could not be seen: " + gpus.error().message()};
  if (gpus->empty()) return {"no NVIDIA GPU is here"};
  std::map<std::string, int> kinds;
  for (const facts::PciFunction* gpu : *gpus) {
    const std::string& compute = gpu->compute_capability;
    ++kinds[name_of(*gpu) + (compute.empty() ? "" : fmt::format(", compute capability {}", compute))];
  }
  Sentences out;
  for (const auto& [kind, count] : kinds) out.push_back(fmt::format("{}x {}", count, kind));
  return out;
}

Sentences show_driver(const Patient& patient) {
  const auto driver = present_driver(patient.machine);
  if (!driver) return {"its driver could not be seen: " + driver.error().message()};
  if (!*driver) return {"no NVIDIA driver is here"};
  const auto version = base::Version::parse((*driver)->version);
  const auto* branch = version ? patient.catalog.branch(static_cast<int>(version->major())) : nullptr;
  return {fmt::format("the driver is {}{}", (*driver)->version,
                      branch == nullptr ? "" : fmt::format(", for CUDA up to {}", branch->max_cuda.text))};
}

Sentences show_torch(const Patient& patient) {
  Sentences out;
  for (const facts::PythonEnv& env : patient.machine.envs) {
    if (!env.torch) continue;
    if (out.size() == kShownEnvs) {
      out.emplace_back("and PyTorch in further environments");
      break;
    }
    out.push_back(fmt::format("PyTorch {} in {}", *env.torch, env.path));
  }
  if (out.empty()) out.emplace_back("no environment with PyTorch was found");
  return out;
}

Sentences show_gcc(const Patient& patient) {
  const auto& gcc = patient.machine.gcc;
  Sentences out{gcc ? "gcc is " + *gcc
                    : (gcc.error().code() == Errc::absent
                           ? std::string("no gcc is here")
                           : "its gcc could not be seen: " + gcc.error().message())};
  for (const facts::Toolkit& toolkit : patient.machine.toolkits) {
    const auto version = base::Version::parse(toolkit.version);
    const auto* row = version ? patient.catalog.toolkit(*version) : nullptr;
    if (row != nullptr)
      out.push_back(
          fmt::format("CUDA {} in {} takes gcc up to {}", toolkit.version, toolkit.path, row->host_gcc_max));
  }
  return out;
}

Sentences show_kernel(const Patient& patient) {
  const Machine& machine = patient.machine;
  const auto own =
      std::ranges::find(machine.kernel.installed, machine.kernel.running, &facts::InstalledKernel::release);
  std::string text = "the kernel is " + machine.kernel.running;
  if (own != machine.kernel.installed.end()) text += own->headers ? ", with headers" : ", without headers";
  if (machine.secure_boot) text += *machine.secure_boot ? "; Secure Boot is on" : "; Secure Boot is off";
  return {std::move(text)};
}

Sentences show_glibc(const Patient& patient) {
  const auto& glibc = patient.machine.glibc;
  return {glibc ? "glibc is " + *glibc : "its glibc could not be seen: " + glibc.error().message()};
}

Sentences show_memory(const Patient& patient) {
  const auto& nvml = patient.machine.nvml;
  if (!nvml) return {"the GPUs' memory could not be seen: " + nvml.error().message()};
  Sentences out;
  for (const facts::NvmlGpu& gpu : nvml->gpus) {
    if (gpu.memory_bytes && gpu.memory_used_bytes)
      out.push_back(fmt::format("GPU {} ({}): {} of {} in use", gpu.index, gpu.name,
                                base::human_bytes(*gpu.memory_used_bytes),
                                base::human_bytes(*gpu.memory_bytes)));
  }
  return out;
}

Sentences show_python(const Patient& patient) {
  Sentences out;
  for (const facts::PythonInterpreter& python : patient.machine.pythons)
    out.push_back(fmt::format("Python {} at {}", python.version, python.path));
  if (out.empty()) out.emplace_back("no Python was found");
  return out;
}

Sentences show_shm(const Patient& patient) {
  const auto& shm = patient.machine.shm_bytes;
  return {shm ? fmt::format("/dev/shm has {}", base::human_bytes(*shm))
              : "/dev/shm could not be seen: " + shm.error().message()};
}

Sentences show_disk(const Patient& patient) {
  Sentences out;
  for (const facts::Disk& disk : patient.machine.disks)
    out.push_back(fmt::format("{}: {} free of {}", disk.path, base::human_bytes(disk.free_bytes),
                              base::human_bytes(disk.total_bytes)));
  return out;
}

Sentences shown(std::string_view what, const Patient& patient) {
  constexpr std::array<std::pair<std::string_view, Sentences (*)(const Patient&)>, 10> kShows{
      {{"disk", show_disk},
       {"driver", show_driver},
       {"gcc", show_gcc},
       {"glibc", show_glibc},
       {"gpus", show_gpus},
       {"kernel", show_kernel},
       {"memory", show_memory},
       {"python", show_python},
       {"shm", show_shm},
       {"torch", show_torch}}};
  const auto* one = std::ranges::find(kShows, what, &decltype(kShows)::value_type::first);
  return one == kShows.end() ? Sentences{} : one->second(patient);
}

// What the doctor's rule about the same thing says of this machine now.
Sentences by_rule(std::string_view rule, const Patient& patient) {
  const std::vector<std::string> only{std::string(rule)};
  const auto diagnosis = diagnose(patient, only);
  if (!diagnosis) return {};
  if (!diagnosis->not_run.empty())
    return {fmt::format("{} could not look: {}", rule, diagnosis->not_run[0].why)};
  if (diagnosis->findings.empty()) return {fmt::format("{} finds nothing here now", rule)};
  const Finding& finding = diagnosis->findings[0];
  std::string text = fmt::format("{} finds: {}", rule, finding.title);
  if (!finding.gpus.empty()) text += fmt::format(" ({})", base::join(finding.gpus, ", "));
  return {std::move(text)};
}

}  // namespace

std::vector<std::string> meaning_here(const Recognised& what, std::string_view show, std::string_view rule,
                                      const Patient& patient) {
  Sentences out;
  for (const std::string& address : what.pci) out.push_back(at_address(patient.machine, address));
  for (std::string& sentence : shown(show, patient)) out.push_back(std::move(sentence));
  if (rule.empty()) return out;
  for (std::string& sentence : by_rule(rule, patient)) out.push_back(std::move(sentence));
  return out;
}

}  // namespace bringup::diagnose
