// SPDX-License-Identifier: Apache-2.0
// What each kernel that may boot next finds of NVIDIA's driver.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/next_boot.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;
using facts::ModuleOnDisk;

// One kernel of one machine; parts are collected as they are looked at.
struct Boots {
  const Machine& machine;
  std::string release;
  std::vector<BootPart>& parts;

  void say(std::string part, Outlook outlook, std::string text, std::vector<Evidence> evidence,
           std::string fix = "") const {
    parts.push_back({.part = std::move(part),
                     .kernel = release,
                     .outlook = outlook,
                     .text = std::move(text),
                     .evidence = std::move(evidence),
                     .fix = std::move(fix)});
  }
};

const facts::InstalledKernel* installed(const Machine& machine, const std::string& release) {
  const auto& list = machine.kernel.installed;
  const auto found = std::ranges::find(list, release, &facts::InstalledKernel::release);
  return found == list.end() ? nullptr : &*found;
}

const facts::LoadedModule* loaded(const Machine& machine) {
  return machine.driver.loaded && *machine.driver.loaded ? &**machine.driver.loaded : nullptr;
}

// A compressed module keeps its version to itself: DKMS's tree has it, or the only libraries that are there.
std::string version_of(const Machine& machine, const ModuleOnDisk& module) {
  if (!module.version.empty()) return module.version;
  std::string found;
  for (const facts::DkmsBuild& build :
       machine.boot.dkms ? *machine.boot.dkms : std::vector<facts::DkmsBuild>{}) {
    if (build.kernel != module.kernel) continue;
    if (!found.empty() && found != build.version) return "";
    found = build.version;
  }
  if (!found.empty()) return found;
  return machine.driver.libcuda.size() == 1 ? machine.driver.libcuda.front() : "";
}

// The very module that this kernel runs now.
bool runs_now(const Machine& machine, const ModuleOnDisk& module) {
  return loaded(machine) != nullptr && module.kernel == machine.kernel.running &&
         (module.version.empty() || module.version == loaded(machine)->version);
}

// The module is not there now; DKMS may still build it while the machine boots.
void say_no_module(const Boots& boots) {
  const Machine& machine = boots.machine;
  const facts::InstalledKernel* kernel = installed(machine, boots.release);
  const std::string place = "/lib/modules/" + boots.release;
  if (machine.driver.modules.empty() && loaded(machine) != nullptr)
    return boots.say(
        "module", Outlook::unknown,
        "a driver is loaded and no module of it lies below /lib/modules: where it comes from is not known",
        {seen("/proc/driver/nvidia/version", loaded(machine)->version)});
  std::vector<Evidence> evidence{seen(place, kernel == nullptr ? "not there" : "no NVIDIA module")};
  const std::string build = fmt::format("sudo dkms autoinstall -k {}", boots.release);
  if (!machine.boot.dkms)
    return boots.say("module", Outlook::unknown,
                     "no NVIDIA module for this kernel; whether DKMS would build one could not be read: " +
                         machine.boot.dkms.error().message(),
                     std::move(evidence), build);
  if (machine.boot.dkms->empty())
    return boots.say("module", Outlook::bad,
                     "there is no NVIDIA module for this kernel, and nothing that builds one",
                     std::move(evidence), "bringup up");
  const facts::DkmsBuild& source = machine.boot.dkms->back();
  evidence.push_back(
      seen("/var/lib/dkms", fmt::format("{} {}, not built for this kernel", source.name, source.version)));
  if (kernel == nullptr || !kernel->headers)
    return boots.say(
        "module", Outlook::bad,
        "there is no NVIDIA module for this kernel, and DKMS cannot build one without its headers",
        std::move(evidence),
        fmt::format("sudo {} install {}, then {}", machine.packages.manager == "rpm" ? "dnf" : "apt-get",
                    headers_package(machine, boots.release), build));
  const bool at_boot =
      machine.boot.enabled && std::ranges::find(*machine.boot.enabled, "dkms") != machine.boot.enabled->end();
  if (at_boot)
    return boots.say(
        "module", Outlook::unknown,
        "there is no NVIDIA module for this kernel; DKMS will try to build it while booting, and may fail",
        std::move(evidence), build);
  boots.say("module", Outlook::bad,
            "there is no NVIDIA module for this kernel, and DKMS does not build at boot here",
            std::move(evidence), build);
}

void look_at_module(const Boots& boots, const ModuleOnDisk& module) {
  const std::string version = version_of(boots.machine, module);
  std::vector<Evidence> evidence{
      seen(module.path, version.empty() ? "there; its version cannot be read" : version)};
  const facts::LoadedModule* now = loaded(boots.machine);
  if (now != nullptr && !version.empty() && version != now->version)
    evidence.push_back(seen("/proc/driver/nvidia/version", now->version + " until then"));
  if (facts::for_other_kernel(module) && !runs_now(boots.machine, module)) {
    evidence.front().text = "built for kernel " + module.built_for;
    return boots.say("module", module.versioned ? Outlook::unknown : Outlook::bad,
                     module.versioned
                         ? "NVIDIA's module was built for another kernel: this one takes it only if no "
                           "symbol that it uses has changed"
                         : "NVIDIA's module was built for another kernel: this one will refuse it",
                     std::move(evidence), rebuild_command(boots.machine, module));
  }
  boots.say("module", Outlook::good,
            version.empty() ? "NVIDIA's module is there for this kernel"
                            : fmt::format("NVIDIA's module {} is there for this kernel", version),
            std::move(evidence));
}

void look_at_libraries(const Boots& boots, const ModuleOnDisk& module) {
  const auto& libraries = boots.machine.driver.libcuda;
  const std::string version = version_of(boots.machine, module);
  if (libraries.empty())
    return boots.say("libraries", Outlook::bad,
                     "the driver's libraries are not installed: no program finds CUDA",
                     {seen("library directories", "no libcuda.so.VERSION")}, "bringup up");
  const Evidence there = seen("libcuda.so", base::join(libraries, ", "));
  if (version.empty())
    return boots.say("libraries", Outlook::unknown,
                     "whether module and libraries are of one version cannot be read", {there},
                     fmt::format("modinfo -F version {}", module.path));
  if (std::ranges::find(libraries, version) != libraries.end())
    return boots.say("libraries", Outlook::good, fmt::format("libcuda {} goes with it", version), {there});
  boots.say("libraries", Outlook::bad,
            "module and libraries are of different versions: every CUDA program will fail to start",
            {seen(module.path, version), there},
            fmt::format("sudo dkms autoinstall -k {}; or install the driver's packages anew", boots.release));
}

// Of a module that DKMS built, and signed with this key.
void look_at_key(const Boots& boots, const facts::SigningKey& key, const Evidence& on) {
  const Evidence trust = seen(fmt::format("mokutil --test-key {}", key.path), key.trust);
  if (key.trust == "enrolled")
    return boots.say("Secure Boot", Outlook::good, "the key that the module is signed with is trusted",
                     {on, trust});
  if (key.trust == "requested")
    return boots.say("Secure Boot", Outlook::unknown,
                     "the module is loaded when somebody at the console confirms its key while it boots",
                     {on, trust});
  boots.say("Secure Boot", Outlook::bad,
            "Secure Boot will refuse the module: the key that it is signed with is not trusted", {on, trust},
            "sudo bringup up");
}

void look_at_signature(const Boots& boots, const ModuleOnDisk& module) {
  const Machine& machine = boots.machine;
  if (machine.secure_boot && !*machine.secure_boot) return;
  const Evidence on = seen("/sys/firmware/efi/efivars/SecureBoot",
                           machine.secure_boot ? "on" : machine.secure_boot.error().message());
  if (runs_now(machine, module))
    return boots.say("Secure Boot", Outlook::good, "this kernel has taken this module already", {on});
  if (!machine.secure_boot)
    return boots.say("Secure Boot", Outlook::unknown,
                     "whether Secure Boot asks for a signature could not be read", {on},
                     "mokutil --sb-state");
  if (base::contains(module.path, "/kernel/nvidia-"))  // Ubuntu's prebuilt modules
    return boots.say("Secure Boot", Outlook::good,
                     "the module came with the kernel's packages and is signed like it",
                     {on, seen(module.path, "of the kernel's packages")});
  if (module.signer.empty() && module.version.empty())
    return boots.say("Secure Boot", Outlook::unknown,
                     "whether the module is signed cannot be read (it is compressed)",
                     {on, seen(module.path, "compressed")}, "modinfo -F signer " + module.path);
  if (module.signer.empty())
    return boots.say("Secure Boot", Outlook::bad, "Secure Boot will refuse the module: it is not signed",
                     {on, seen(module.path, "without a signature")},
                     "'bringup explain secure-boot-unsigned' says how");
  const ModuleOnDisk* now = module_of(machine.driver, machine.kernel.running);
  if (now != nullptr && runs_now(machine, *now) && now->signer == module.signer)
    return boots.say("Secure Boot", Outlook::good,
                     "signed with the key that signed the module which runs now",
                     {on, seen(module.path, "signed by " + module.signer)});
  const auto& key = machine.boot.signing_key;
  if (key && *key && base::contains(module.path, "dkms")) return look_at_key(boots, **key, on);
  boots.say("Secure Boot", Outlook::unknown,
            "the module is signed; whether the firmware knows the key cannot be told",
            {on, seen(module.path, "signed by " + module.signer)},
            "mokutil --list-enrolled must show that name");
}

// A blacklist keeps udev from loading a module; Debian loads its nvidia under another name, which the same
// file allows.
void look_at_rival(const Boots& boots, const ModuleOnDisk& module) {
  const Machine& machine = boots.machine;
  if (!machine.boot.modprobe)
    return boots.say(
        "nouveau", Outlook::unknown,
        "what is kept from loading could not be read: " + machine.boot.modprobe.error().message(), {});
  if (const auto off = kept_away(machine, "nvidia"))
    boots.say("module", Outlook::bad, "NVIDIA's module is kept from loading", {*off},
              "take that line out (prime-select nvidia on Ubuntu), then rebuild the initramfs");
  const auto& rivals = machine.boot.rivals;
  if (std::ranges::find(rivals, boots.release) == rivals.end()) return;
  if (const auto kept = kept_away(machine, "nouveau"))
    return boots.say("nouveau", Outlook::good, "nouveau is kept from loading", {*kept});
  const Evidence none = seen("/etc/modprobe.d and its like", "no line keeps nouveau away");
  const std::string fix = "blacklist nouveau and rebuild the initramfs: 'bringup explain nouveau-bound'";
  if (machine.driver.nouveau_loaded && *machine.driver.nouveau_loaded)
    return boots.say("nouveau", Outlook::bad, "nouveau holds the GPUs now and will take them again", {none},
                     fix);
  if (runs_now(machine, module))
    return boots.say("nouveau", Outlook::good,
                     "nvidia comes first on this kernel now, though nothing keeps nouveau away", {none}, fix);
  boots.say("nouveau", Outlook::unknown,
            "nouveau is there for this kernel and nothing keeps it away: which comes first is luck", {none},
            fix);
}

// The open modules start no GPU without the firmware of their own version.
void look_at_firmware(const Boots& boots, const ModuleOnDisk& module) {
  const std::string version = version_of(boots.machine, module);
  const auto& firmware = boots.machine.gsp_firmware;
  if (module.flavour != facts::Flavour::open || version.empty() || !firmware ||
      std::ranges::find(*firmware, version) != firmware->end())
    return;
  boots.say(
      "firmware", Outlook::bad,
      fmt::format("the GPUs' firmware of {} is not there, without which the module starts none", version),
      {seen("/lib/firmware/nvidia",
            firmware->empty() ? "no gsp_*.bin" : "gsp_*.bin of " + base::join(*firmware, ", "))},
      "install the driver's firmware package in the same version");
}

// GPUs that the driver does not have now, though it is loaded.
void look_at_left_out(const Machine& machine, const Gpus& gpus, std::vector<BootPart>& parts) {
  if (loaded(machine) == nullptr || !machine.counts.driver.gpus) return;
  std::vector<Evidence> out;
  for (const facts::PciFunction* gpu : gpus) {
    if (std::ranges::find(machine.proc_gpus, gpu->address) == machine.proc_gpus.end())
      out.push_back(seen("/proc/driver/nvidia/gpus", gpu->address + " is not there"));
  }
  if (!out.empty())
    parts.push_back({.part = "GPUs",
                     .kernel = "",
                     .outlook = Outlook::note,
                     .text = "the driver does not have every GPU now, and a boot alone rarely changes that",
                     .evidence = std::move(out),
                     .fix = "bringup doctor count-pci-driver says why"});
}

// The manager refuses a driver of another version than its own.
const facts::Package* manager_of_another(const Machine& machine, const std::string& driver) {
  if (!machine.packages.list || driver.empty()) return nullptr;
  const auto at = std::ranges::find_if(*machine.packages.list, [](const facts::Package& one) {
    return one.name.starts_with("nvidia-fabricmanager") && !one.name.ends_with("-dev");
  });
  const bool other =
      at != machine.packages.list->end() && at->version.substr(0, at->version.find('-')) != driver;
  return other ? &*at : nullptr;
}

// NVSwitches need their manager before CUDA starts.
void look_at_fabric(const Machine& machine, const std::string& driver, std::vector<BootPart>& parts) {
  const auto at = std::ranges::find(machine.pci, facts::PciKind::nvswitch, &facts::PciFunction::kind);
  if (at == machine.pci.end()) return;
  const Evidence board = seen("/sys/bus/pci/devices", at->address + ": NVSwitch");
  BootPart part{.part = "fabric",
                .kernel = "",
                .outlook = Outlook::unknown,
                .text = "",
                .evidence = {board},
                .fix = ""};
  const auto& enabled = machine.boot.enabled;
  if (!enabled) {
    part.text = "whether Fabric Manager starts could not be read: " + enabled.error().message();
  } else if (const auto* other = manager_of_another(machine, driver)) {
    part.outlook = Outlook::bad;
    part.text =
        fmt::format("Fabric Manager is of another version than the driver {}: it will not start", driver);
    part.evidence.push_back(seen(packages_source(machine), other->name + " " + other->version));
    part.fix = fmt::format("install {} in version {}", other->name, driver);
  } else if (std::ranges::find(*enabled, "nvidia-fabricmanager") != enabled->end()) {
    part.outlook = Outlook::good;
    part.text = "Fabric Manager starts at boot";
  } else {
    part.outlook = Outlook::bad;
    part.text = "Fabric Manager does not start at boot: CUDA will not initialise on these NVSwitches";
    part.fix =
        "sudo systemctl enable nvidia-fabricmanager; where it is not installed: 'bringup explain "
        "fabric-manager-missing'";
  }
  parts.push_back(std::move(part));
}

Outlook worst(const std::vector<BootPart>& parts, std::string_view kernel) {
  Outlook out = Outlook::good;
  for (const BootPart& part : parts) {
    if (part.part == "kernel" || (!part.kernel.empty() && part.kernel != kernel)) continue;
    if (part.outlook == Outlook::bad) return Outlook::bad;
    if (part.outlook == Outlook::unknown) out = Outlook::unknown;
  }
  return out;
}

// When it is not known which kernel boots, what is true of all of them is known all the same.
Outlook overall(const std::vector<BootPart>& parts, const std::vector<std::string>& releases) {
  if (releases.empty()) return Outlook::unknown;
  const Outlook first = worst(parts, releases.front());
  const bool same =
      std::ranges::all_of(releases, [&](const std::string& one) { return worst(parts, one) == first; });
  return same ? first : Outlook::unknown;
}

Forecast one_word(Outlook outlook, std::string part, std::string text, std::vector<Evidence> evidence) {
  return {.outlook = outlook,
          .kernel = "",
          .driver = "",
          .parts = {{.part = std::move(part),
                     .kernel = "",
                     .outlook = outlook,
                     .text = std::move(text),
                     .evidence = std::move(evidence),
                     .fix = ""}}};
}

}  // namespace

Forecast next_boot(const Machine& machine) {
  if (machine.hypothetical || !looked_at(machine))
    return one_word(Outlook::unknown, "machine",
                    "the machine is described and not here: its boot cannot be seen", {});
  if (is_container(machine))
    return one_word(
        Outlook::unknown, "machine",
        fmt::format("this is a container ({}): kernel and driver are its host's", **machine.container), {});
  const auto gpus = gpus_here(machine);
  if (!gpus) return one_word(Outlook::unknown, "GPUs", gpus.error().message(), {});
  if (gpus->empty() && !machine.nvml)
    return one_word(Outlook::good, "GPUs", "there is no NVIDIA GPU to lose",
                    {seen("/sys/bus/pci/devices", "none of NVIDIA's")});
  KernelChoice choice = choose_kernel(machine);
  Forecast forecast{
      .outlook = Outlook::unknown, .kernel = "", .driver = "", .parts = {std::move(choice.part)}};
  for (const std::string& release : choice.releases) {
    const Boots boots{.machine = machine, .release = release, .parts = forecast.parts};
    const ModuleOnDisk* module = module_of(machine.driver, release);
    if (module == nullptr) {
      say_no_module(boots);
      continue;
    }
    look_at_module(boots, *module);
    look_at_libraries(boots, *module);
    look_at_firmware(boots, *module);
    look_at_signature(boots, *module);
    look_at_rival(boots, *module);
    if (choice.releases.size() == 1) forecast.driver = version_of(machine, *module);
  }
  if (choice.releases.size() == 1) forecast.kernel = choice.releases.front();
  look_at_fabric(machine, forecast.driver, forecast.parts);
  forecast.outlook = overall(forecast.parts, choice.releases);
  look_at_left_out(machine, *gpus, forecast.parts);
  for (const auto more : {losses, changes_before}) {
    for (BootPart& part : more(machine)) forecast.parts.push_back(std::move(part));
  }
  return forecast;
}

std::string_view outlook_name(Outlook outlook) {
  constexpr std::array<std::string_view, 4> kNames{"good", "bad", "unknown", "note"};
  return kNames.at(static_cast<std::size_t>(outlook));
}

}  // namespace bringup::diagnose
