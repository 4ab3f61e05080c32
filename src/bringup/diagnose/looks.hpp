// SPDX-License-Identifier: Apache-2.0
#pragma once
// The look functions of the rules by area, for the table in rules.cpp; and what several of them ask of a
// patient.

#include <bringup/diagnose/diagnose.hpp>

#include <fmt/format.h>

namespace bringup::diagnose {

using Sightings = std::vector<Sighting>;
using Looked = Result<Sightings>;

// counts.cpp
Looked look_count_pci_driver(const Patient& patient);
Looked look_count_driver_nvml(const Patient& patient);
Looked look_count_nvml_cuda(const Patient& patient);
Looked look_count_cuda_pytorch(const Patient& patient);
Looked look_gpu_fell_off(const Patient& patient);
Looked look_gpu_unknown(const Patient& patient);

// driver.cpp
Looked look_nouveau_bound(const Patient& patient);
Looked look_driver_missing(const Patient& patient);
Looked look_driver_not_loaded(const Patient& patient);
Looked look_driver_library_mismatch(const Patient& patient);
Looked look_driver_several_versions(const Patient& patient);
Looked look_driver_end_of_life(const Patient& patient);
Looked look_module_flavour_wrong(const Patient& patient);

// kernel.cpp
Looked look_module_for_other_kernel(const Patient& patient);
Looked look_module_missing_next_kernel(const Patient& patient);
Looked look_module_other_version(const Patient& patient);
Looked look_kernel_headers_missing(const Patient& patient);
Looked look_secure_boot_unsigned(const Patient& patient);

// packages.cpp
Looked look_dpkg_interrupted(const Patient& patient);
Looked look_packages_broken(const Patient& patient);
Looked look_kernel_not_held(const Patient& patient);
Looked look_fabric_manager_missing(const Patient& patient);

// environment.cpp
Looked look_driver_too_old_for_torch(const Patient& patient);
Looked look_torch_arch_missing(const Patient& patient);
Looked look_torch_companions_variant(const Patient& patient);
Looked look_ld_library_path_cuda(const Patient& patient);
Looked look_cuda_visible_devices_set(const Patient& patient);
Looked look_pythonpath_set(const Patient& patient);
Looked look_python_none(const Patient& patient);

// physical.cpp
Looked look_pcie_hop_narrow(const Patient& patient);
Looked look_pcie_link_narrow(const Patient& patient);
Looked look_ecc_uncorrected(const Patient& patient);
Looked look_row_remap_pending(const Patient& patient);
Looked look_row_remap_failed(const Patient& patient);
Looked look_persistence_off(const Patient& patient);
Looked look_power_limit_reduced(const Patient& patient);

// boot_rules.cpp
Looked look_boot_disk_low(const Patient& patient);
Looked look_fabric_manager_disabled(const Patient& patient);
Looked look_fabric_manager_version(const Patient& patient);
Looked look_nouveau_not_kept_away(const Patient& patient);
Looked look_nvidia_kept_away(const Patient& patient);
Looked look_reboot_required(const Patient& patient);
Looked look_unattended_driver(const Patient& patient);
Looked look_wsl_linux_driver(const Patient& patient);

// poison.cpp
Looked look_companion_breaks(const Patient& patient);
Looked look_cuda_compat_searched(const Patient& patient);
Looked look_cuda_home_missing(const Patient& patient);
Looked look_cuda_stubs_searched(const Patient& patient);
Looked look_numpy_too_new(const Patient& patient);

// boards.cpp
Looked look_ecc_off(const Patient& patient);
Looked look_gsp_firmware_missing(const Patient& patient);
Looked look_iommu_translates(const Patient& patient);
Looked look_mig_enabled(const Patient& patient);
Looked look_pcie_errors(const Patient& patient);
Looked look_remove_ipc(const Patient& patient);

// system.cpp
Looked look_shm_small(const Patient& patient);
Looked look_memlock_low(const Patient& patient);
Looked look_disk_low(const Patient& patient);

// patient.cpp
using Gpus = std::vector<const facts::PciFunction*>;
// The GPUs on the bus, or of a description; an Error when the bus could not be read.
Result<Gpus> gpus_of(const facts::Machine& machine);
// The same, and an Error too when they were given with --for: nothing of them can be seen.
Result<Gpus> gpus_here(const facts::Machine& machine);
std::vector<std::string> addresses(const Gpus& gpus);
// Whether anything but a description of it was looked at: shells, limits, disks.
bool looked_at(const facts::Machine& machine);
// An Error that says so of `what` ("its shells") when nothing was.
Result<> need_look(const facts::Machine& machine, std::string_view what);
bool is_container(const facts::Machine& machine);
bool bound_to(const facts::PciFunction& gpu, std::string_view driver);

// The driver that counts: the loaded one; else NVML's; else the module on disk for the kernel that boots
// next. nullopt: there is none; an Error: that could not be seen.
struct PresentDriver {
  std::string version;
  std::optional<facts::Flavour> flavour;
  Evidence evidence;
};
Result<std::optional<PresentDriver>> present_driver(const facts::Machine& machine);
std::string_view flavour_word(facts::Flavour flavour);

// The kernel that runs, when it is installed, and the newest that can be booted.
std::vector<const facts::InstalledKernel*> kernels_to_serve(const facts::Kernel& kernel);
const facts::InstalledKernel* next_kernel(const facts::Kernel& kernel);

// The module for a kernel, its own where there are several; null: there is none.
const facts::ModuleOnDisk* module_of(const facts::Driver& driver, std::string_view release);
// How to build one anew that DKMS holds for built already (tried with DKMS 3.0.10).
std::string rebuild_command(const facts::Machine& machine, const facts::ModuleOnDisk& module);
std::string headers_package(const facts::Machine& machine, std::string_view release);

// "apt" or "dnf", as steps name them.
std::string package_manager(const facts::Machine& machine);
bool is_driver_package(std::string_view name);
// Where a fact about packages was read.
std::string packages_source(const facts::Machine& machine);

// The value of a NAME=value entry among what is set in this process; nullopt when it is not set.
std::optional<std::string> variable(const facts::Machine& machine, std::string_view name);
// GPUs that CUDA_VISIBLE_DEVICES lets through; nullopt when it hides none.
std::optional<int> visible_devices(std::string_view value, std::size_t gpus);
// What the catalog's wheels say of an environment's torch on these GPUs.
enum class Code { covered, missing, unknown };
Code code_for(const catalog::Catalog& catalog, const facts::PythonEnv& env,
              catalog::ComputeCapability compute);

// The line that keeps a module from loading by itself; nullopt when there is none.
std::optional<Evidence> kept_away(const facts::Machine& machine, std::string_view module);
// Whether unattended-upgrades is told to leave a package alone.
bool never_upgraded(const facts::Unattended& unattended, std::string_view name);

Evidence seen(std::string source, std::string text);

}  // namespace bringup::diagnose
