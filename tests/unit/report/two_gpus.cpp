// SPDX-License-Identifier: Apache-2.0
#include <unit/report/two_gpus.hpp>

namespace bringup::report_testing {

facts::NvmlGpu h200(int index, const std::string& pci) {
  facts::NvmlGpu gpu = full_nvml_gpu(index, pci, "NVIDIA H200");
  gpu.memory_bytes = std::uint64_t{150'754'820'096};
  gpu.mig = false;
  gpu.ecc = true;
  gpu.ecc_uncorrected = std::uint64_t{0};
  gpu.power_limit_watts = gpu.power_default_watts;
  gpu.processes = 0;
  gpu.row_remap_pending = false;
  gpu.row_remap_failed = false;
  return gpu;
}

facts::PciFunction h200_function(const std::string& pci) {
  return {.address = pci,
          .kind = facts::PciKind::gpu,
          .device_id = 0x2335,
          .name = "H200 SXM 141GB",
          .architecture = "Hopper",
          .compute_capability = "9.0",
          .kernel_driver = std::optional<std::string>("nvidia"),
          .link = facts::PcieLink{.generation = 5, .max_generation = 5, .width = 16, .max_width = 16},
          .numa_node = 0,
          .iommu = std::string("identity"),
          .aer_errors = std::uint64_t{0},
          .aer_corrected = std::uint64_t{0}};
}

void add_software(facts::Machine& m) {
  m.driver.loaded =
      std::optional(facts::LoadedModule{.version = "580.159.04", .flavour = facts::Flavour::open});
  m.driver.nouveau_loaded = false;
  m.driver.libcuda = {"580.159.04"};
  m.driver.modules = {{.kernel = "6.8.0-45-generic",
                       .path = "/lib/modules/x.ko",
                       .version = "580.159.04",
                       .flavour = facts::Flavour::open,
                       .signer = "DKMS"}};
  m.packages.manager = "dpkg";
  m.packages.list = std::vector<facts::Package>{
      {.name = "libnccl2", .version = "2.27", .architecture = "amd64", .held = true}};
  m.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  m.pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = true}};
  m.managers = {{.kind = "uv", .path = "/usr/bin/uv", .version = ""}};
  m.envs = {{.path = "/opt/torch/.venv",
             .python = "",
             .version = "3.12.3",
             .kind = "venv",
             .torch = "2.11.0+cu130",
             .variant = "cu130"}};
  m.shells.installed = {"bash"};
  m.shells.settings = {
      {.file = "/etc/environment", .line = 1, .variable = "CUDA_HOME", .text = "CUDA_HOME=/usr/local/cuda"}};
  m.disks = {
      {.path = "/", .free_bytes = std::uint64_t{400} << 30U, .total_bytes = std::uint64_t{900} << 30U},
      {.path = "/tmp", .free_bytes = std::uint64_t{400} << 30U, .total_bytes = std::uint64_t{900} << 30U}};
  m.sources = {{.name = "pypi", .url = "https://pypi.org/simple/", .answered_seconds = 0.045},
               {.name = "nvidia",
                .url = "https://nvidia.example/",
                .answered_seconds = Error(Errc::unreachable, "no route to host")}};
}

facts::Machine two_gpus() {
  facts::Machine m;
  m.os = {.id = "ubuntu",
          .version = "24.04",
          .codename = "noble",
          .name = "Ubuntu 24.04.3 LTS",
          .like = {"debian"}};
  m.kernel = {.running = "6.8.0-45-generic",
              .installed = {{.release = "6.8.0-45-generic", .bootable = true, .headers = true}},
              .command_line = ""};
  m.arch = "x86_64";
  m.glibc = std::string("2.39");
  m.gcc = std::string("13");
  m.secure_boot = false;
  m.container = std::optional<std::string>{};
  m.cpus = 32;
  m.numa_nodes = 2;
  m.memory_bytes = std::uint64_t{256} << 30U;
  m.shm_bytes = std::uint64_t{128} << 30U;
  m.memlock_bytes = std::int64_t{-1};
  m.user = {.name = "ana", .home = "/home/ana", .uid = 1000, .gid = 1000, .root = false};
  m.pci_visible = true;
  m.pci = {h200_function("0000:06:00.0"), h200_function("0000:07:00.0")};
  m.nvml = facts::NvmlSnapshot{.driver_version = "580.159.04",
                               .nvml_version = "13.580",
                               .cuda_driver_version = 13000,
                               .library_path = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
                               .gpus = {h200(0, "0000:06:00.0"), h200(1, "0000:07:00.0")}};
  m.counts = {.pci = {.gpus = 2, .how = "/sys/bus/pci/devices"},
              .driver = {.gpus = 2, .how = "/proc/driver/nvidia/gpus"},
              .nvml = {.gpus = 2, .how = "nvmlDeviceGetCount_v2"},
              .cuda = {.gpus = 1, .how = "cuDeviceGetCount in a child process"},
              .pytorch = {.gpus = Error(Errc::absent, "no environment has PyTorch"), .how = ""}};
  add_software(m);
  return m;
}

}  // namespace bringup::report_testing
