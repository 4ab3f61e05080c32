// SPDX-License-Identifier: Apache-2.0
// Rules over how many GPUs each layer counts: a GPU that one layer sees and the next does not is named, with
// the likely cause.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::diagnose {
namespace {

using facts::Machine;

constexpr int kNoAnswer = 63;  // lanes that a link register of all ones shows: the device does not answer

std::vector<Evidence> both(const facts::Count& above, const facts::Count& below) {
  return {seen(above.how, fmt::format("{}", *above.gpus)), seen(below.how, fmt::format("{}", *below.gpus))};
}

// Why the driver does not have a GPU that is on the bus.
struct Cause {
  Evidence evidence;
  std::string fix;
  bool wanted = false;  // somebody set it up so
};

// The rule that says why the driver which is here does not take a GPU; "" when none does.
std::string_view refusing_rule(const Patient& patient, const std::string& address) {
  static constexpr std::array<std::pair<std::string_view, Looked (*)(const Patient&)>, 3> kReasons{
      {{"driver-without-gpu", look_driver_without_gpu},
       {"driver-too-old-for-gpu", look_driver_too_old_for_gpu},
       {"module-flavour-wrong", look_module_flavour_wrong}}};
  for (const auto& [rule, look] : kReasons) {
    const Looked looked = look(patient);
    if (looked && std::ranges::any_of(*looked, [&address](const Sighting& one) {
          return std::ranges::find(one.gpus, address) != one.gpus.end();
        }))
      return rule;
  }
  return "";
}

Cause cause_unbound(const Patient& patient, const facts::PciFunction& gpu, const std::string& source) {
  const std::string_view rule = refusing_rule(patient, gpu.address);
  if (rule.empty())
    return {.evidence = seen(source, "no kernel driver is bound"),
            .fix = "the driver refused it or was never offered it: 'sudo dmesg | grep -i nvrm' says which"};
  return {.evidence = seen(source, fmt::format("no kernel driver is bound: {} says why", rule)),
          .fix = fmt::format("'bringup doctor {}' says what keeps the driver from it", rule)};
}

Cause cause_of(const Patient& patient, const facts::PciFunction& gpu) {
  const std::string source = fmt::format("/sys/bus/pci/devices/{}/driver", gpu.address);
  if (!gpu.kernel_driver)
    return {.evidence = seen(source, "could not be read: " + gpu.kernel_driver.error().message()),
            .fix = "run 'bringup doctor' as root to see which driver holds it"};
  const std::string bound = gpu.kernel_driver->value_or("");
  if (bound.empty()) return cause_unbound(patient, gpu, source);
  if (bound == "vfio-pci" || bound == "pci-stub")
    return {
        .evidence = seen(source, bound + ": reserved for virtual machines"),
        .fix = fmt::format("nothing, if it is meant for a virtual machine; else take 10de:{:04x} out of the "
                           "vfio-pci settings in /etc/modprobe.d and on the kernel command line, and reboot",
                           gpu.device_id),
        .wanted = true};
  if (bound == "nvidia")
    return {.evidence = seen(source,
                             "nvidia, and the driver does not list it: it fell off the bus, or its "
                             "initialisation failed"),
            .fix = "read 'sudo dmesg | grep -i -e nvrm -e xid', then power the machine off and on"};
  return {.evidence = seen(source, bound + " holds it"),
          .fix = fmt::format("keep {} from it, so that nvidia can take it, and reboot", bound)};
}

bool listed(const std::vector<std::string>& list, const std::string& address) {
  return std::ranges::find(list, address) != list.end();
}

// Readings of which at least one is refused by a GPU that does not answer any more.
bool lost(const facts::NvmlGpu& gpu) {
  const auto says = [](const auto& reading) {
    return !reading && base::contains(base::lower(reading.error().message()), "is lost");
  };
  return says(gpu.temperature_celsius) || says(gpu.memory_bytes) || says(gpu.power_watts);
}

std::optional<Evidence> in_container(const Machine& machine) {
  if (!is_container(machine)) return std::nullopt;
  return seen(
      "/run/systemd/container, /.dockerenv",
      fmt::format("this is a container ({}): it has the GPUs that it was given", **machine.container));
}

// What CUDA was told to hide.
std::optional<Evidence> hidden_by_variable(const Machine& machine) {
  const auto value = variable(machine, "CUDA_VISIBLE_DEVICES");
  if (value) return seen("environment", "CUDA_VISIBLE_DEVICES=" + *value);
  const std::size_t at = machine.counts.cuda.how.find("CUDA_VISIBLE_DEVICES=");
  if (at == std::string::npos) return std::nullopt;
  return seen("environment", machine.counts.cuda.how.substr(at));
}

std::vector<const facts::NvmlGpu*> in_mig(const Machine& machine) {
  std::vector<const facts::NvmlGpu*> out;
  if (!machine.nvml) return out;
  for (const facts::NvmlGpu& gpu : machine.nvml->gpus) {
    if (gpu.mig && *gpu.mig) out.push_back(&gpu);
  }
  return out;
}

// Layers above the bus can see GPUs that it does not show (WSL).
bool anybody_counts(const Machine& machine) {
  const auto some = [](const facts::Count& count) { return count.gpus && *count.gpus > 0; };
  return some(machine.counts.driver) || some(machine.counts.nvml) || some(machine.counts.cuda) ||
         some(machine.counts.pytorch);
}

// A failed start of CUDA, by the codes that the driver API documents.
std::string fix_for_cuda(std::string_view error) {
  if (base::contains(error, "SYSTEM_NOT_READY") || base::contains(error, "802"))
    return "start NVIDIA Fabric Manager: sudo systemctl enable --now nvidia-fabricmanager";
  if (base::contains(error, "MISMATCH") || base::contains(error, "803"))
    return "reboot, so that the kernel module and libcuda are of one version; and take cuda-compat out of "
           "LD_LIBRARY_PATH";
  return "load the module that CUDA needs beside nvidia: sudo modprobe nvidia-uvm; 'sudo dmesg | grep -i "
         "nvrm' says what it still lacks";
}

Sightings cuda_failed(const Machine& machine) {
  const std::string& why = machine.counts.cuda.gpus.error().message();
  return {{.evidence = {seen(machine.counts.nvml.how, fmt::format("{}", *machine.counts.nvml.gpus)),
                        seen(machine.counts.cuda.how, why)},
           .gpus = {},
           .fix = {.summary = fix_for_cuda(why), .steps = {}}}};
}

// The environment in which PyTorch was counted.
const facts::PythonEnv* counted_env(const Machine& machine) {
  const auto at = std::ranges::find_if(machine.envs, [&machine](const facts::PythonEnv& env) {
    return env.torch && machine.counts.pytorch.how.ends_with(" " + env.path);
  });
  return at == machine.envs.end() ? nullptr : &*at;
}

bool driver_too_old_for(const Patient& patient, const facts::PythonEnv& env) {
  const Looked looked = look_driver_too_old_for_torch(patient);
  return looked && std::ranges::any_of(*looked, [&env](const Sighting& one) {
           return one.evidence.front().source == env.path;
         });
}

// Why an environment's torch sees fewer GPUs than CUDA does.
Cause cause_in(const facts::PythonEnv& env, const Patient& patient) {
  const std::string torch = fmt::format("torch {} ({})", *env.torch, env.variant.value_or("variant unknown"));
  if (env.variant == "cpu")
    return {.evidence = seen(env.path, torch + ": built for the CPU, it sees no GPU"),
            .fix = fmt::format("install a CUDA build of torch into {}: bringup up", env.path)};
  if (driver_too_old_for(patient, env))
    return {.evidence = seen(env.path, torch + ": its CUDA is newer than the driver"),
            .fix = "a newer driver, or a torch for an older CUDA: 'bringup doctor driver-too-old-for-torch'"};
  for (const facts::PciFunction& gpu : patient.machine.pci) {
    const auto compute = catalog::ComputeCapability::parse(gpu.compute_capability);
    if (gpu.kind == facts::PciKind::gpu && compute &&
        code_for(patient.catalog, env, *compute) == Code::missing)
      return {.evidence = seen(env.path, fmt::format("{} has no code for {} ({})", torch, gpu.name,
                                                     gpu.compute_capability)),
              .fix = "install a torch that has code for this GPU: bringup up"};
  }
  return {.evidence = seen(env.path, torch),
          .fix = fmt::format("{} -c 'import torch; torch.cuda.init()' says what it lacks", env.python)};
}

}  // namespace

Looked look_count_pci_driver(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty()) return Sightings{};
  const facts::Count& driver = machine.counts.driver;
  if (!driver.gpus) return Error(driver.gpus.error()).within("the driver's GPUs could not be counted");
  if (!machine.counts.pci.gpus) return machine.counts.pci.gpus.error();
  if (*driver.gpus == *machine.counts.pci.gpus) return Sightings{};
  Sighting sighting{.evidence = both(machine.counts.pci, driver), .gpus = {}, .fix = {}};
  const auto container = in_container(machine);
  bool wanted = true;
  for (const facts::PciFunction* gpu : gpus) {
    if (listed(machine.proc_gpus, gpu->address)) continue;
    Cause cause = cause_of(patient, *gpu);
    sighting.gpus.push_back(gpu->address);
    if (!container || !bound_to(*gpu, "nvidia")) sighting.evidence.push_back(std::move(cause.evidence));
    // What is broken comes before what is meant so.
    if (sighting.fix.summary.empty() || (wanted && !cause.wanted)) sighting.fix.summary = cause.fix;
    wanted = wanted && cause.wanted;
  }
  if (container) {
    sighting.evidence.push_back(*container);
    sighting.fix.summary = "start the container with all GPUs (--gpus all), if it is to have them";
  }
  if (sighting.fix.summary.empty())
    sighting.fix.summary =
        "a GPU went from the bus while the driver was loaded: power the machine off and on";
  if (container || (wanted && !sighting.gpus.empty())) sighting.severity = Severity::info;
  return Sightings{std::move(sighting)};
}

Looked look_count_driver_nvml(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_here(machine)).empty() && !anybody_counts(machine)) return Sightings{};
  const facts::Count& driver = machine.counts.driver;
  const facts::Count& nvml = machine.counts.nvml;
  if (!driver.gpus) return Error(driver.gpus.error()).within("the driver's GPUs could not be counted");
  const bool failed = !nvml.gpus && nvml.gpus.error().code() == Errc::failed && *driver.gpus > 0 &&
                      !base::contains(base::lower(nvml.gpus.error().message()), "mismatch");
  if (failed)
    return Sightings{
        {.evidence = {seen(driver.how, fmt::format("{}", *driver.gpus)),
                      seen(nvml.how, nvml.gpus.error().message())},
         .gpus = machine.proc_gpus,
         .fix = {.summary = "read 'sudo dmesg | grep -i -e nvrm -e xid'; a reboot loads the driver "
                            "anew",
                 .steps = {}}}};
  if (!nvml.gpus) return Error(nvml.gpus.error()).within("NVML could not be read");
  if (*driver.gpus == *nvml.gpus) return Sightings{};
  Sighting sighting{.evidence = both(driver, nvml), .gpus = {}, .fix = {}};
  for (const std::string& address : machine.proc_gpus) {
    const bool there = machine.nvml && std::ranges::find(machine.nvml->gpus, address, &facts::NvmlGpu::pci) !=
                                           machine.nvml->gpus.end();
    if (!there) sighting.gpus.push_back(address);
  }
  sighting.fix.summary =
      "the GPU does not answer NVML: read 'sudo dmesg | grep -i -e nvrm -e xid', then power "
      "the machine off and on";
  if (const auto container = in_container(machine)) {
    sighting.evidence.push_back(*container);
    sighting.fix.summary = "start the container with all GPUs (--gpus all), if it is to have them";
    sighting.severity = Severity::info;
  }
  return Sightings{std::move(sighting)};
}

Looked look_count_nvml_cuda(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_here(machine)).empty() && !anybody_counts(machine)) return Sightings{};
  const facts::Count& nvml = machine.counts.nvml;
  const facts::Count& cuda = machine.counts.cuda;
  if (!nvml.gpus) return Error(nvml.gpus.error()).within("NVML could not be read");
  // To have been asked and to have failed is an answer; not to have been asked is none.
  if (!cuda.gpus && cuda.gpus.error().code() == Errc::failed && *nvml.gpus > 0) return cuda_failed(machine);
  if (!cuda.gpus) return Error(cuda.gpus.error()).within("CUDA did not count");
  if (*nvml.gpus == *cuda.gpus) return Sightings{};
  Sighting sighting{.evidence = both(nvml, cuda), .gpus = {}, .fix = {}};
  sighting.fix.summary =
      "see what CUDA says of itself: sudo modprobe nvidia-uvm, then 'bringup verify' names the GPU that "
      "fails";
  for (const facts::NvmlGpu& gpu : machine.nvml ? machine.nvml->gpus : std::vector<facts::NvmlGpu>{}) {
    if (!lost(gpu)) continue;
    sighting.evidence.push_back(seen("NVML", gpu.pci + " is lost"));
    sighting.gpus.push_back(gpu.pci);
    sighting.fix.summary = "power the machine off and on: 'bringup explain gpu-fell-off'";
  }
  for (const facts::NvmlGpu* gpu : in_mig(machine)) {
    sighting.evidence.push_back(
        seen("NVML", fmt::format("{} is in MIG mode: CUDA counts one of its instances, or none", gpu->pci)));
    sighting.gpus.push_back(gpu->pci);
    sighting.severity = Severity::warn;
    sighting.fix.summary =
        "make MIG instances and choose one by its UUID in CUDA_VISIBLE_DEVICES, or leave MIG mode: sudo "
        "nvidia-smi -mig 0";
  }
  if (const auto hidden = hidden_by_variable(machine)) {
    sighting.evidence.push_back(*hidden);
    sighting.severity = Severity::warn;
    sighting.fix.summary = "unset CUDA_VISIBLE_DEVICES";
  } else if (const auto container = in_container(machine); container && sighting.gpus.empty()) {
    sighting.evidence.push_back(*container);
    sighting.severity = Severity::warn;
    sighting.fix.summary = "start the container with all GPUs (--gpus all), if it is to have them";
  }
  return Sightings{std::move(sighting)};
}

Looked look_count_cuda_pytorch(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_here(machine)).empty() && !anybody_counts(machine)) return Sightings{};
  const facts::Count& cuda = machine.counts.cuda;
  const facts::Count& pytorch = machine.counts.pytorch;
  if (!cuda.gpus) return Error(cuda.gpus.error()).within("CUDA did not count");
  const bool failed = !pytorch.gpus && pytorch.gpus.error().code() == Errc::failed;
  if (!pytorch.gpus && !(failed && *cuda.gpus > 0))
    return Error(pytorch.gpus.error()).within("PyTorch did not count");
  if (pytorch.gpus && *pytorch.gpus == *cuda.gpus) return Sightings{};
  Sighting sighting{
      .evidence = {seen(cuda.how, fmt::format("{}", *cuda.gpus)),
                   seen(pytorch.how,
                        pytorch.gpus ? fmt::format("{}", *pytorch.gpus) : pytorch.gpus.error().message())},
      .gpus = {},
      .fix = {.summary = "'bringup verify' imports torch in every environment and says what fails",
              .steps = {}}};
  if (const facts::PythonEnv* env = counted_env(machine)) {
    Cause cause = cause_in(*env, patient);
    sighting.evidence.push_back(std::move(cause.evidence));
    sighting.fix.summary = std::move(cause.fix);
  }
  return Sightings{std::move(sighting)};
}

Looked look_gpu_fell_off(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty()) return Sightings{};
  const bool proc = static_cast<bool>(machine.counts.driver.gpus);
  Sightings out;
  const auto add = [&out](Evidence evidence, std::vector<std::string> about) {
    const auto told = std::ranges::find_if(
        out, [&about](const Sighting& one) { return !about.empty() && one.gpus == about; });
    if (told != out.end()) return told->evidence.push_back(std::move(evidence));
    out.push_back({.evidence = {std::move(evidence)},
                   .gpus = std::move(about),
                   .fix = {.summary = "power the machine off and on (a reboot may not do); if it comes back, "
                                      "look after power cables, riser and temperature",
                           .steps = {}}});
  };
  for (const facts::PciFunction* gpu : gpus) {
    const std::string device = "/sys/bus/pci/devices/" + gpu->address;
    if (gpu->link && gpu->link->width == kNoAnswer)
      add(seen(device + "/current_link_width",
               "63: the registers read as all ones, the device does not answer"),
          {gpu->address});
    else if (proc && bound_to(*gpu, "nvidia") && !is_container(machine) &&
             !listed(machine.proc_gpus, gpu->address))
      add(seen("/proc/driver/nvidia/gpus", gpu->address + " is bound to nvidia and not in this list"),
          {gpu->address});
  }
  for (const facts::NvmlGpu& gpu : machine.nvml ? machine.nvml->gpus : std::vector<facts::NvmlGpu>{}) {
    if (lost(gpu))
      add(seen("NVML",
               fmt::format("GPU {}: {}", gpu.index,
                           gpu.temperature_celsius ? "is lost" : gpu.temperature_celsius.error().message())),
          gpu.pci.empty() ? std::vector<std::string>{} : std::vector{gpu.pci});
  }
  if (out.empty() && !proc && !machine.nvml)
    return Error(machine.counts.driver.gpus.error())
        .within("neither the driver nor NVML could be asked after the GPUs");
  return out;
}

Looked look_gpu_unknown(const Patient& patient) {
  Sightings out;
  for (const facts::PciFunction* gpu : TRY(gpus_of(patient.machine))) {
    if (patient.catalog.gpu(gpu->device_id) != nullptr) continue;
    out.push_back({.evidence = {seen(fmt::format("/sys/bus/pci/devices/{}/device", gpu->address),
                                     fmt::format("0x{:04x}", gpu->device_id))},
                   .gpus = {gpu->address},
                   .fix = {.summary = "a newer bringup, or a newer signed catalog: 'bringup catalog use "
                                      "FILE'; until then nothing is chosen for it",
                           .steps = {}}});
  }
  return out;
}

}  // namespace bringup::diagnose
