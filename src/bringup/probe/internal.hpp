// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parts of look(): per source of truth a pure parser, with which tests begin, and a thin reader.

#include <bringup/probe/probe.hpp>

namespace bringup::probe {

// pci.cpp: /sys/bus/pci/devices
int pci_generation(std::string_view speed);  // "32.0 GT/s PCIe" -> 5; 0 when unknown
facts::PciKind pci_kind(std::uint32_t class_code);
Result<std::vector<facts::PciFunction>> read_pci(const host::View& view, const NameGpu& name_gpu);

// The kernel shows its buses and PCI is not among them: there are no functions, which is not the same as not
// to be shown them (sandboxes hide the bus and pass the GPU's device files on).
bool has_no_pci(const host::View& view);
facts::Reading<facts::PcieLink> read_pci_link(const host::View& view, const std::string& device);

// topology.cpp: where devices stand below the bridges, NUMA nodes, sockets
struct PciPlace {
  std::string root;                  // "pci0000:40"
  std::vector<std::string> bridges;  // addresses, the one next to the device first
};
// "../../../devices/pci0000:40/0000:40:01.1/0000:41:00.0" of 0000:41:00.0
Result<PciPlace> parse_pci_place(std::string_view target, std::string_view address);
facts::Wiring read_wiring(const host::View& view);
// acs.cpp: whether a bridge of this configuration space redirects; Errc::denied when it is cut, as for all
// but root. The essence is what says so, and nothing else of it.
facts::Reading<bool> parse_acs(std::string_view config);
std::string acs_essence(std::string_view config);
void read_acs(const host::View& view, std::vector<facts::WiredDevice>& devices);

// driver.cpp: /proc/driver/nvidia, /proc/modules, libraries on disk
Result<facts::LoadedModule> parse_driver_version(std::string_view text);
std::vector<std::string> parse_module_names(std::string_view proc_modules);
facts::Driver read_driver(const host::View& view, const facts::Kernel& kernel);
std::vector<std::string> read_proc_gpus(const host::View& view);

// modules.cpp: NVIDIA's module below /lib/modules
std::vector<facts::ModuleOnDisk> read_modules(const host::View& view, const std::string& release);

// system.cpp: os-release, kernels, glibc, gcc, Secure Boot, container, limits, memory
facts::Os parse_os_release(std::string_view text);
std::optional<std::uint64_t> parse_meminfo_total(std::string_view text);
std::optional<std::string> find_glibc_version(std::string_view bytes);
void read_system(const host::View& view, const Options& options, facts::Machine& machine);

// limits.cpp: what the system allows, and where its loader looks
std::optional<std::int64_t> parse_limit(std::string_view proc_limits,
                                        std::string_view name);       // soft; -1: unlimited
std::optional<std::uint64_t> parse_aer_total(std::string_view text);  // the line TOTAL_ERR_...
std::vector<facts::ConfigLine> parse_library_paths(std::string_view text, const std::string& file);
void read_limits(const host::View& view, facts::Machine& machine);

// packages.cpp: dpkg, rpm, apt's sources
std::vector<facts::Package> parse_dpkg_status(std::string_view text);
std::vector<facts::Package> parse_rpm_list(std::string_view text);
struct AptSource {
  std::vector<std::string> uris;
  std::vector<std::string> components;
  std::string signed_by;
};
std::vector<AptSource> parse_apt_list(std::string_view text);    // one-line form
std::vector<AptSource> parse_apt_deb822(std::string_view text);  // .sources form
facts::Packages read_packages(const host::View& view, const facts::Os& os);

// boot.cpp: the boot loader's menu and choice
std::vector<facts::BootEntry> parse_grub_menu(std::string_view grub_cfg);
// What the menu's own script sets as default: "0", "${saved_entry}"; nullopt when it sets none.
std::optional<std::string> parse_grub_default(std::string_view grub_cfg);
// "KEY=value" of a shell file or a GRUB environment block; nullopt when it is not set.
std::optional<std::string> parse_setting(std::string_view text, std::string_view key);
facts::BootEntry parse_loader_entry(std::string_view text, const std::string& id);
// What a recording keeps of a menu: its entries, and the default that is set.
std::string grub_menu_essence(std::string_view grub_cfg);
void read_loader(const host::View& view, facts::Boot& boot);

// boot_modules.cpp: what is loaded, built, kept away and enabled
std::vector<facts::ConfigLine> parse_modprobe(std::string_view text, const std::string& file);
std::vector<std::string> parse_modules_load(std::string_view text);
// The strings of one list ("Unattended-Upgrade::Allowed-Origins") and one value of apt's configuration.
std::vector<std::string> parse_apt_list_of(std::string_view text, std::string_view name);
// What a recording keeps of a file of apt.conf.d.
std::string apt_upgrades_essence(std::string_view text);
facts::Boot read_boot(const host::View& view, const facts::Kernel& kernel,
                      const facts::Reading<bool>& secure_boot);

// field.cpp: the driver's errors in the kernel's log, the clock, dnf's own upgrades, packages of the user's
// own
std::vector<facts::XidLine> parse_xids(std::string_view kernel_log);
// What a recording keeps of the kernel's log.
std::string kernel_log_essence(std::string_view kernel_log);
// "key = value" of an ini file, whatever its section; the last one counts.
std::optional<std::string> ini_value(std::string_view text, std::string_view key);
facts::Reading<std::vector<facts::XidLine>> read_xids(const host::View& view, const facts::Driver& driver);
facts::Reading<bool> read_clock(const host::View& view);
facts::Reading<facts::Unattended> read_dnf_automatic(const host::View& view);
std::vector<facts::UserSite> read_user_sites(const host::View& view, const std::string& home,
                                             const std::vector<std::string>& wanted);

// python.cpp and toolkits.cpp
// Those that matter of env.site_packages, and the names that are wanted beside.
void read_packages_of(const host::View& view, const std::vector<std::string>& wanted, facts::PythonEnv& env);
std::optional<std::string> parse_torch_version(std::string_view version_py);  // "2.11.0+cu130"
std::optional<std::string> variant_of(std::string_view version);              // "2.11.0+cu130" -> "cu130"
std::optional<std::string> parse_torch_cuda(
    std::string_view version_py);  // cuda: Optional[str] = '13.0' -> "cu130", None -> "cpu"
facts::PythonPackage parse_dist_info(std::string_view directory_name);  // "torch-2.14.1.dist-info"
void read_python(const host::View& view, const Options& options, facts::Machine& machine);
std::vector<facts::Toolkit> read_toolkits(const host::View& view, const facts::Machine& machine);

// shells.cpp
std::vector<facts::ShellSetting> parse_settings(std::string_view text, const std::string& file);
facts::Shells read_shells(const host::View& view, const Options& options);

// links.cpp: whose CUDA libraries torch gets
Result<facts::TorchLinks> read_links(const host::View& view, const std::string& path);
// What LD_LIBRARY_PATH leads to and, where that is anything of CUDA's, what each environment's torch asks
// for.
void read_library_directories(const host::View& view, facts::Machine& machine);
// A small valid ELF file that read_links reads so; for recordings and tests.
std::string links_file(const facts::TorchLinks& links);

}  // namespace bringup::probe
