// SPDX-License-Identifier: Apache-2.0
#pragma once
// More look functions for the table in rules.cpp: what GPUs show at work, and what stands beside each other.

#include <bringup/diagnose/looks.hpp>

namespace bringup::diagnose {

// access.cpp
Looked look_acs_redirects(const Patient& patient);

// wear.cpp
Looked look_bar_one_small(const Patient& patient);
Looked look_gpu_hot(const Patient& patient);
Looked look_gpu_memory_held(const Patient& patient);
Looked look_gpus_mixed(const Patient& patient);
Looked look_nvlinks_uneven(const Patient& patient);
Looked look_pcie_slots_mixed(const Patient& patient);

// fits.cpp
Looked look_compiler_too_new(const Patient& patient);
Looked look_driver_libraries_missing(const Patient& patient);
Looked look_driver_packages_mixed(const Patient& patient);
Looked look_driver_too_old_for_gpu(const Patient& patient);
Looked look_driver_without_gpu(const Patient& patient);
Looked look_imex_version(const Patient& patient);
Looked look_peermem_not_loaded(const Patient& patient);
Looked look_toolkit_newer_than_driver(const Patient& patient);
Looked look_toolkits_of_two_sources(const Patient& patient);

// beside.cpp
Looked look_nvidia_packages_mixed(const Patient& patient);
Looked look_package_twice(const Patient& patient);
Looked look_stack_end_of_life(const Patient& patient);
Looked look_toolkit_old(const Patient& patient);
Looked look_torch_old(const Patient& patient);

// field.cpp
Looked look_clock_not_synchronised(const Patient& patient);
Looked look_clocks_slowed(const Patient& patient);
Looked look_dnf_automatic_driver(const Patient& patient);
Looked look_pcie_corrected(const Patient& patient);
Looked look_torch_loads_code(const Patient& patient);
Looked look_user_site_first(const Patient& patient);
Looked look_xid_errors(const Patient& patient);

// loader.cpp
// Which CUDA libraries each environment's torch gets by this line about LD_LIBRARY_PATH, and why; nothing
// where that was not looked at.
std::vector<Evidence> taken_from(const facts::Machine& machine, const facts::ShellSetting& setting);

// system.cpp
Looked look_host_memory_small(const Patient& patient);
Looked look_numa_unknown(const Patient& patient);
Looked look_open_files_low(const Patient& patient);

}  // namespace bringup::diagnose
