// SPDX-License-Identifier: Apache-2.0
#pragma once
// A healthy machine with two GPUs, from which tests make sick ones by one change; and the table of such
// changes.

#include <bringup/diagnose/diagnose.hpp>

#include <string>
#include <vector>

namespace bringup::diagnose::testing {

inline constexpr const char* kFirst = "0000:06:00.0";
inline constexpr const char* kSecond = "0000:0a:00.0";
inline constexpr const char* kRunning = "6.1.0-25-amd64";
inline constexpr const char* kNext = "6.1.0-28-amd64";
inline constexpr const char* kDriver = "580.159.04";

// What a rule is shown.
struct Setting {
  facts::Machine machine;
  goal::Goal goal;
  std::string today = "2026-11-23";

  Patient patient() const {
    return {.machine = machine, .goal = goal, .catalog = catalog::built_in(), .today = today};
  }
};

inline facts::PciFunction gpu_at(const std::string& address) {
  return {.address = address,
          .kind = facts::PciKind::gpu,
          .device_id = 0x2335,
          .class_code = 0x030200,
          .name = "H200",
          .architecture = "Hopper",
          .compute_capability = "9.0",
          .kernel_driver = std::optional<std::string>("nvidia"),
          .link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 16, .max_width = 16},
          .numa_node = 0,
          .iommu = std::string("identity"),
          .aer_errors = std::uint64_t{0},
          .aer_corrected = std::uint64_t{12}};
}

inline facts::NvmlGpu nvml_at(int index, const std::string& address) {
  return {.index = index,
          .pci = address,
          .name = "NVIDIA H200",
          .uuid = "GPU-" + std::to_string(index),
          .compute_capability = std::string("9.0"),
          .memory_bytes = std::uint64_t{150754820096},
          .memory_used_bytes = std::uint64_t{0},
          .link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 16, .max_width = 16},
          .persistence = true,
          .mig = false,
          .ecc = true,
          .ecc_uncorrected = std::uint64_t{0},
          .power_limit_watts = 700.0,
          .power_default_watts = 700.0,
          .power_watts = 118.0,
          .temperature_celsius = 36.0,
          .nvlinks_active = 18,
          .processes = 0,
          .bar1_bytes = std::uint64_t{274877906944},
          .row_remap_pending = false,
          .row_remap_failed = false,
          .clock_reasons = std::uint64_t{1}};
}

inline facts::ModuleOnDisk module_for(const std::string& kernel) {
  return {.kernel = kernel,
          .path = "/lib/modules/" + kernel + "/updates/dkms/nvidia.ko",
          .version = kDriver,
          .flavour = facts::Flavour::open,
          .signer = "DKMS module signing key"};
}

inline facts::Package held(const std::string& name, const std::string& version) {
  return {.name = name, .version = version, .architecture = "amd64", .held = true, .broken = false};
}

inline facts::PythonEnv env_with_torch() {
  return {.path = "/home/user/.local/share/bringup/envs/dl",
          .python = "/home/user/.local/share/bringup/envs/dl/bin/python",
          .version = "3.11.2",
          .kind = "uv",
          .site_packages = "/home/user/.local/share/bringup/envs/dl/lib/python3.11/site-packages",
          .packages = {{.name = "torch", .version = "2.14.1+cu130"},
                       {.name = "torchaudio", .version = "2.11.0+cu130"},
                       {.name = "torchvision", .version = "0.29.1+cu130"}},
          .torch = "2.14.1+cu130",
          .variant = "cu130"};
}

inline facts::BootEntry entry(const std::string& number, const std::string& release) {
  return {.id = "gnulinux-" + release, .title = "Linux " + release, .number = number, .release = release};
}

// Started by GRUB from its first entry, the newest kernel.
inline facts::Boot healthy_boot() {
  facts::Boot boot;
  boot.loader = "grub";
  boot.entries = std::vector{entry("0", kNext), entry("1>0", kNext), entry("1>1", kRunning)};
  boot.wanted = std::string("0");
  boot.saved = std::string();
  boot.once = std::string();
  boot.modprobe = std::vector<facts::ConfigLine>{
      {.file = "/usr/lib/modprobe.d/n.conf", .line = 1, .text = "blacklist nouveau"}};
  boot.loads = std::vector<std::string>{};
  boot.loaded = std::vector<std::string>{"nvidia", "nvidia_uvm"};
  boot.rivals = {kRunning, kNext};
  boot.dkms = std::vector<facts::DkmsBuild>{{.name = "nvidia", .version = kDriver, .kernel = ""},
                                            {.name = "nvidia", .version = kDriver, .kernel = kRunning},
                                            {.name = "nvidia", .version = kDriver, .kernel = kNext}};
  boot.enabled = std::vector<std::string>{"nvidia-persistenced"};
  boot.reboot_required = false;
  boot.unattended = facts::Unattended{};
  boot.dnf_automatic = facts::Unattended{};
  return boot;
}

inline facts::Machine healthy_machine() {
  facts::Machine machine;
  machine.os = {
      .id = "debian", .version = "12", .codename = "bookworm", .name = "Debian GNU/Linux 12", .like = {}};
  machine.kernel = {.running = kRunning,
                    .installed = {{.release = kRunning, .bootable = true, .headers = true},
                                  {.release = kNext, .bootable = true, .headers = true}},
                    .command_line = "quiet"};
  machine.arch = "x86_64";
  machine.glibc = std::string("2.36");
  machine.gcc = std::string("12");
  machine.secure_boot = true;
  machine.container = std::optional<std::string>{};
  machine.user = {.name = "user", .home = "/home/user", .uid = 1000, .gid = 1000, .root = false};
  machine.memory_bytes = std::uint64_t{512} << 30U;
  machine.cpus = 64;
  machine.numa_nodes = 2;
  machine.shm_bytes = std::uint64_t{256} << 30U;
  machine.memlock_bytes = std::int64_t{-1};
  machine.open_files = std::int64_t{1048576};
  machine.swap_bytes = std::uint64_t{0};
  machine.remove_ipc = false;
  machine.clock_synchronized = true;
  machine.xids = std::vector<facts::XidLine>{};
  machine.gsp_firmware = std::vector<std::string>{kDriver};
  machine.library_paths = std::vector<facts::ConfigLine>{};
  machine.boot = healthy_boot();
  machine.pci = {gpu_at(kFirst), gpu_at(kSecond)};
  machine.pci_visible = true;
  machine.wiring.devices = std::vector<facts::WiredDevice>{};
  machine.proc_gpus = {kFirst, kSecond};
  machine.nvml = facts::NvmlSnapshot{.driver_version = kDriver,
                                     .nvml_version = "13.580.159.04",
                                     .cuda_driver_version = 13000,
                                     .library_path = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
                                     .gpus = {nvml_at(0, kFirst), nvml_at(1, kSecond)}};
  machine.driver.loaded =
      std::optional(facts::LoadedModule{.version = kDriver, .flavour = facts::Flavour::open});
  machine.driver.nouveau_loaded = false;
  machine.driver.modules = {module_for(kRunning), module_for(kNext)};
  machine.driver.libcuda = {kDriver};
  machine.driver.libnvml = {kDriver};
  machine.packages.manager = "dpkg";
  machine.packages.list = std::vector<facts::Package>{
      held("linux-headers-amd64", "6.1.119-1"), held("linux-image-amd64", "6.1.119-1"),
      held("nvidia-kernel-open-dkms", "580.159.04-1"), held("nvidia-open", "580.159.04-1")};
  machine.pythons = {{.path = "/usr/bin/python3.11", .version = "3.11.2", .venv = true}};
  machine.envs = {env_with_torch()};
  machine.counts = {.pci = {.gpus = 2, .how = "functions of class 0300 or 0302 with vendor 10de"},
                    .driver = {.gpus = 2, .how = "entries of /proc/driver/nvidia/gpus"},
                    .nvml = {.gpus = 2, .how = "nvmlDeviceGetCount_v2"},
                    .cuda = {.gpus = 2, .how = "cuDeviceGetCount in a child process"},
                    .pytorch = {.gpus = 2, .how = "torch.cuda.device_count() in " + machine.envs[0].path}};
  machine.shells.installed = {"bash"};
  machine.disks = {{.path = "/home/user", .free_bytes = 500'000'000'000, .total_bytes = 1'000'000'000'000},
                   {.path = "/boot", .free_bytes = 600'000'000, .total_bytes = 1'000'000'000}};
  return machine;
}

inline Setting healthy() {
  return {.machine = healthy_machine(), .goal = {}};
}

// The same driver, not loaded: before a first boot with it.
inline void unload(Setting& setting) {
  facts::Machine& machine = setting.machine;
  machine.driver.loaded = std::optional<facts::LoadedModule>{};
  machine.proc_gpus.clear();
  machine.nvml = Error(Errc::failed, "NVML: Driver Not Loaded (9)");
  machine.counts.driver.gpus = Error(Errc::absent, "NVIDIA's kernel module is not loaded");
  machine.counts.nvml.gpus = machine.nvml.error();
  machine.counts.cuda.gpus = Error(Errc::failed, "cuInit: CUDA_ERROR_UNKNOWN");
  for (facts::PciFunction& gpu : machine.pci) gpu.kernel_driver = std::optional<std::string>{};
}

// A driver of another branch that is loaded and on disk whole.
inline void run_driver(Setting& setting, const std::string& version, facts::Flavour flavour) {
  facts::Machine& machine = setting.machine;
  machine.driver.loaded = std::optional(facts::LoadedModule{.version = version, .flavour = flavour});
  machine.nvml->driver_version = version;
  machine.driver.libcuda = {version};
  machine.driver.libnvml = {version};
  for (facts::ModuleOnDisk& module : machine.driver.modules) {
    module.version = version;
    module.flavour = flavour;
  }
}

// The shells' own facts.
inline facts::ShellSetting in_file(const std::string& variable, const std::string& text) {
  return {.file = "/home/user/.bashrc", .line = 7, .variable = variable, .text = text};
}
inline facts::ShellSetting in_process(const std::string& variable, const std::string& value) {
  std::string text = variable;
  return {.file = "environment", .line = 0, .variable = variable, .text = text.append("=").append(value)};
}

// What a case shows: the sickness itself, one that is nearly it, or a machine on which it cannot be seen.
enum class Shows { sick, well, blind };

struct Case {
  const char* rule;
  const char* name;
  Shows shows;
  void (*change)(Setting& setting);
  const char* says = "";                // part of the evidence, or of the reason for not having run
  const char* fix = "";                 // part of the fix
  Severity severity = Severity::fail;   // of a sick one
  std::vector<std::string> gpus = {};   // of a sick one
  std::vector<std::string> steps = {};  // targets of the fix's steps
};

std::vector<Case> count_cases();
std::vector<Case> driver_cases();
std::vector<Case> kernel_cases();
std::vector<Case> package_cases();
std::vector<Case> environment_cases();
std::vector<Case> physical_cases();
std::vector<Case> system_cases();
std::vector<Case> boot_cases();
std::vector<Case> poison_cases();
std::vector<Case> board_cases();

}  // namespace bringup::diagnose::testing
