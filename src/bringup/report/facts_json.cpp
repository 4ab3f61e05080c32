// SPDX-License-Identifier: Apache-2.0
// The machine as one document. Whatever is null because it could not be read is listed under "unknown".
#include <bringup/report/document.hpp>
#include <bringup/report/facts_values.hpp>
#include <bringup/report/gpus.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/unknown.hpp>

#include <fmt/format.h>

namespace bringup::report {
namespace {

// Writes facts and keeps a note of each that could not be read.
class Writer {
 public:
  explicit Writer(const facts::Machine& machine) : machine_(machine) {}

  ordered_json document() {
    ordered_json json = {{"schema", "bringup.facts/1"}};
    json["machine"] = system();
    json["gpus"] = gpus();
    json["other_functions"] = other_functions();
    json["counts"] = counts();
    json["counts_how"] = counts_how();
    json["nvml"] = nvml();
    json["driver"] = driver();
    json["boot"] = boot();
    json["packages"] = packages();
    json["toolkits"] = toolkits();
    json["pythons"] = value_of(machine_.pythons);
    json["managers"] = value_of(machine_.managers);
    json["environments"] = environments();
    json["user_sites"] = user_sites();
    json["shells"] = {{"installed", machine_.shells.installed},
                      {"settings", settings(machine_.shells.settings)},
                      {"environment", settings(machine_.shells.environment)}};
    json["disks"] = value_of(machine_.disks);
    json["sources"] = sources();
    json["unknown"] = ordered_json::array();
    for (const Unknown& one : unknown_) json["unknown"].push_back({{"fact", one.fact}, {"why", one.why}});
    return json;
  }

  std::vector<Unknown> take_unknown() && { return std::move(unknown_); }

 private:
  ordered_json unknown(const std::string& fact, const Error& error) {
    unknown_.push_back({.gpu = gpu_, .fact = fact, .why = error.message(), .code = error.code()});
    return nullptr;
  }
  template <typename T>
  ordered_json read(const std::string& fact, const facts::Reading<T>& reading) {
    return reading ? value_of(*reading) : unknown(fact, reading.error());
  }
  // A fact without which there is no machine: empty or zero means that it was not read.
  ordered_json needed(const std::string& fact, const std::string& text) {
    return text.empty() ? unknown(fact, Error(Errc::failed, "it was not read")) : ordered_json(text);
  }
  template <typename N>
  ordered_json needed(const std::string& fact, N number) {
    return number == 0 ? unknown(fact, Error(Errc::failed, "it was not read")) : ordered_json(number);
  }

  ordered_json system();
  ordered_json kernel();
  ordered_json gpus();
  ordered_json gpu(const GpuSeen& seen, const std::string& at);
  ordered_json nvml_gpu(const facts::NvmlGpu& gpu, const std::string& at);
  ordered_json other_functions();
  ordered_json counts();
  ordered_json counts_how() const;
  ordered_json nvml();
  ordered_json driver();
  ordered_json boot();
  ordered_json packages();
  ordered_json toolkits() const;
  ordered_json environments() const;
  ordered_json user_sites() const;
  static ordered_json settings(const std::vector<facts::ShellSetting>& settings);
  ordered_json sources();

  const facts::Machine& machine_;
  std::string gpu_;
  std::vector<Unknown> unknown_;
};

ordered_json Writer::kernel() {
  ordered_json json = {{"running", needed("machine.kernel.running", machine_.kernel.running)},
                       {"command_line", text_or_null(machine_.kernel.command_line)},
                       {"installed", ordered_json::array()}};
  for (const facts::InstalledKernel& one : machine_.kernel.installed)
    json["installed"].push_back(
        {{"release", one.release}, {"bootable", one.bootable}, {"headers", one.headers}});
  return json;
}

ordered_json Writer::system() {
  const facts::Machine& m = machine_;
  ordered_json json;
  json["os"] = {{"id", needed("machine.os.id", m.os.id)},
                {"version", text_or_null(m.os.version)},
                {"codename", text_or_null(m.os.codename)},
                {"name", text_or_null(m.os.name)},
                {"like", m.os.like}};
  json["kernel"] = kernel();
  json["arch"] = needed("machine.arch", m.arch);
  json["glibc"] = read("machine.glibc", m.glibc);
  json["gcc"] = read("machine.gcc", m.gcc);
  json["secure_boot"] = read("machine.secure_boot", m.secure_boot);
  json["container"] = read("machine.container", m.container);
  json["hypervisor"] = value_or_null(m.hypervisor);
  json["user"] = {{"name", text_or_null(m.user.name)},
                  {"home", text_or_null(m.user.home)},
                  {"uid", m.user.uid},
                  {"gid", m.user.gid},
                  {"root", m.user.root}};
  json["memory_bytes"] = needed("machine.memory_bytes", m.memory_bytes);
  json["cpus"] = needed("machine.cpus", m.cpus);
  json["numa_nodes"] = needed("machine.numa_nodes", m.numa_nodes);
  json["shm_bytes"] = read("machine.shm_bytes", m.shm_bytes);
  json["memlock_bytes"] = read("machine.memlock_bytes", m.memlock_bytes);
  json["open_files"] = read("machine.open_files", m.open_files);
  json["swap_bytes"] = read("machine.swap_bytes", m.swap_bytes);
  json["remove_ipc"] = read("machine.remove_ipc", m.remove_ipc);
  json["clock_synchronized"] = read("machine.clock_synchronized", m.clock_synchronized);
  json["gsp_firmware"] = read("machine.gsp_firmware", m.gsp_firmware);
  json["library_paths"] = read("machine.library_paths", m.library_paths);
  json["pci_visible"] = read("machine.pci_visible", m.pci_visible);
  json["hypothetical"] = m.hypothetical;
  return json;
}

ordered_json Writer::gpus() {
  ordered_json json = ordered_json::array();
  for (const GpuSeen& seen : gpus_seen(machine_)) {
    gpu_ = seen.address();
    json.push_back(gpu(seen, fmt::format("gpus[{}]", json.size())));
  }
  gpu_.clear();
  return json;
}

ordered_json Writer::gpu(const GpuSeen& seen, const std::string& at) {
  const Error no_nvml =
      machine_.nvml ? Error(Errc::failed, "NVML does not show this GPU") : machine_.nvml.error();
  const Error no_pci(Errc::failed, "only NVML shows this GPU; the PCI bus does not");
  ordered_json json = {{"pci", seen.address()}};
  json["device_id"] =
      seen.pci != nullptr ? ordered_json(pci_id(seen.pci->device_id)) : unknown(at + ".device_id", no_pci);
  json["subsystem_id"] =
      seen.pci != nullptr
          ? ordered_json(fmt::format("{:04x}:{:04x}", seen.pci->subsystem_vendor, seen.pci->subsystem_device))
          : unknown(at + ".subsystem_id", no_pci);
  const Error no_row(Errc::absent, "the catalog has no row for this device");
  const auto named = [this, &no_row](const std::string& fact, const std::string& text) {
    return text.empty() ? unknown(fact, no_row) : ordered_json(text);
  };
  json["name"] = named(at + ".name", seen.name());
  json["architecture"] = named(at + ".architecture", seen.architecture());
  json["compute_capability"] = named(at + ".compute_capability", seen.compute_capability());
  json["memory_bytes"] = seen.nvml != nullptr ? read(at + ".memory_bytes", seen.nvml->memory_bytes)
                                              : unknown(at + ".memory_bytes", no_nvml);
  json["kernel_driver"] = seen.pci != nullptr ? read(at + ".kernel_driver", seen.pci->kernel_driver)
                                              : unknown(at + ".kernel_driver", no_pci);
  json["link"] = read(at + ".link", seen.link());
  json["numa_node"] =
      seen.pci != nullptr ? read(at + ".numa_node", seen.pci->numa_node) : unknown(at + ".numa_node", no_pci);
  json["iommu"] = seen.pci != nullptr ? read(at + ".iommu", seen.pci->iommu) : unknown(at + ".iommu", no_pci);
  json["aer_errors"] = seen.pci != nullptr ? read(at + ".aer_errors", seen.pci->aer_errors)
                                           : unknown(at + ".aer_errors", no_pci);
  json["aer_corrected"] = seen.pci != nullptr ? read(at + ".aer_corrected", seen.pci->aer_corrected)
                                              : unknown(at + ".aer_corrected", no_pci);
  json["nvml"] = seen.nvml != nullptr ? nvml_gpu(*seen.nvml, at + ".nvml") : unknown(at + ".nvml", no_nvml);
  return json;
}

ordered_json Writer::nvml_gpu(const facts::NvmlGpu& gpu, const std::string& at) {
  ordered_json json = {
      {"index", gpu.index}, {"name", text_or_null(gpu.name)}, {"uuid", text_or_null(gpu.uuid)}};
  const auto put = [&](const char* key, const auto& reading) {
    json[key] = read(fmt::format("{}.{}", at, key), reading);
  };
  put("compute_capability", gpu.compute_capability);
  put("memory_used_bytes", gpu.memory_used_bytes);
  put("link", gpu.link);
  put("persistence", gpu.persistence);
  put("mig", gpu.mig);
  put("ecc", gpu.ecc);
  put("ecc_uncorrected", gpu.ecc_uncorrected);
  put("power_limit_watts", gpu.power_limit_watts);
  put("power_default_watts", gpu.power_default_watts);
  put("power_watts", gpu.power_watts);
  put("temperature_celsius", gpu.temperature_celsius);
  put("nvlinks_active", gpu.nvlinks_active);
  put("processes", gpu.processes);
  put("bar1_bytes", gpu.bar1_bytes);
  put("row_remap_pending", gpu.row_remap_pending);
  put("row_remap_failed", gpu.row_remap_failed);
  put("clock_reasons", gpu.clock_reasons);
  return json;
}

ordered_json Writer::other_functions() {
  ordered_json json = ordered_json::array();
  for (const facts::PciFunction& one : machine_.pci) {
    if (one.kind == facts::PciKind::gpu) continue;
    const std::string at = fmt::format("other_functions[{}]", json.size());
    json.push_back({{"pci", one.address},
                    {"kind", kind_text(one.kind)},
                    {"device_id", pci_id(one.device_id)},
                    {"class", fmt::format("{:06x}", one.class_code)},
                    {"name", text_or_null(one.name)},
                    {"kernel_driver", read(at + ".kernel_driver", one.kernel_driver)},
                    {"link", read(at + ".link", one.link)},
                    {"numa_node", read(at + ".numa_node", one.numa_node)}});
  }
  return json;
}

ordered_json Writer::counts() {
  const facts::Counts& counts = machine_.counts;
  return {{"pci", read("counts.pci", counts.pci.gpus)},
          {"driver", read("counts.driver", counts.driver.gpus)},
          {"nvml", read("counts.nvml", counts.nvml.gpus)},
          {"cuda", read("counts.cuda", counts.cuda.gpus)},
          {"pytorch", read("counts.pytorch", counts.pytorch.gpus)}};
}

ordered_json Writer::counts_how() const {
  const facts::Counts& counts = machine_.counts;
  return {{"pci", text_or_null(counts.pci.how)},
          {"driver", text_or_null(counts.driver.how)},
          {"nvml", text_or_null(counts.nvml.how)},
          {"cuda", text_or_null(counts.cuda.how)},
          {"pytorch", text_or_null(counts.pytorch.how)}};
}

ordered_json Writer::nvml() {
  if (!machine_.nvml) return unknown("nvml", machine_.nvml.error());
  const facts::NvmlSnapshot& nvml = *machine_.nvml;
  const int cuda = nvml.cuda_driver_version;
  return {{"driver_version", text_or_null(nvml.driver_version)},
          {"nvml_version", text_or_null(nvml.nvml_version)},
          {"cuda_version", cuda == 0 ? ordered_json(nullptr)
                                     : ordered_json(fmt::format("{}.{}", cuda / 1000, cuda % 1000 / 10))},
          {"library_path", text_or_null(nvml.library_path)}};
}

ordered_json Writer::driver() {
  const facts::Driver& driver = machine_.driver;
  ordered_json json;
  if (!driver.loaded)
    json["loaded"] = unknown("driver.loaded", driver.loaded.error());
  else if (!*driver.loaded)
    json["loaded"] = nullptr;
  else
    json["loaded"] = {{"version", (*driver.loaded)->version},
                      {"flavour", flavour_text((*driver.loaded)->flavour)}};
  json["nouveau_loaded"] = read("driver.nouveau_loaded", driver.nouveau_loaded);
  json["modules"] = ordered_json::array();
  for (const facts::ModuleOnDisk& one : driver.modules)
    json["modules"].push_back(
        {{"kernel", one.kernel},
         {"path", one.path},
         {"version", text_or_null(one.version)},
         {"flavour", one.flavour ? ordered_json(flavour_text(*one.flavour)) : ordered_json(nullptr)},
         {"signer", text_or_null(one.signer)},
         {"built_for", text_or_null(one.built_for)},
         {"symbol_versions", one.built_for.empty() ? ordered_json(nullptr) : ordered_json(one.versioned)}});
  json["libcuda"] = driver.libcuda;
  json["libnvml"] = driver.libnvml;
  json["foreign_installer"] = value_or_null(driver.foreign);
  json["proc_gpus"] = machine_.proc_gpus;
  json["xids"] = read("driver.xids", machine_.xids);
  return json;
}

ordered_json Writer::boot() {
  const facts::Boot& boot = machine_.boot;
  ordered_json json = {{"loader", text_or_null(boot.loader)}};
  json["entries"] = read("boot.entries", boot.entries);
  json["default"] = read("boot.default", boot.wanted);
  json["saved"] = read("boot.saved", boot.saved);
  json["once"] = read("boot.once", boot.once);
  json["modprobe"] = read("boot.modprobe", boot.modprobe);
  json["modules_load"] = read("boot.modules_load", boot.loads);
  json["modules_loaded"] = read("boot.modules_loaded", boot.loaded);
  json["nouveau_for"] = boot.rivals;
  json["dkms"] = read("boot.dkms", boot.dkms);
  json["services"] = read("boot.services", boot.enabled);
  json["reboot_required"] = read("boot.reboot_required", boot.reboot_required);
  json["reboot_required_by"] = boot.reboot_required_by;
  json["unattended"] = read("boot.unattended", boot.unattended);
  json["dnf_automatic"] = read("boot.dnf_automatic", boot.dnf_automatic);
  json["signing_key"] = read("boot.signing_key", boot.signing_key);
  return json;
}

ordered_json Writer::packages() {
  const facts::Packages& packages = machine_.packages;
  ordered_json list = ordered_json::array();
  if (!packages.list) {
    list = unknown("packages.list", packages.list.error());
  } else {
    for (const facts::Package& one : *packages.list)
      list.push_back({{"name", one.name},
                      {"version", one.version},
                      {"architecture", text_or_null(one.architecture)},
                      {"held", one.held},
                      {"broken", one.broken}});
  }
  return {{"manager", text_or_null(packages.manager)},
          {"list", std::move(list)},
          {"archive_components", packages.archive_components},
          {"archive_uris", packages.archive_uris},
          {"archive_signed_by", text_or_null(packages.archive_signed_by)},
          {"interrupted", packages.interrupted}};
}

ordered_json Writer::toolkits() const {
  ordered_json json = ordered_json::array();
  for (const facts::Toolkit& one : machine_.toolkits)
    json.push_back(
        {{"path", one.path}, {"version", text_or_null(one.version)}, {"origin", text_or_null(one.origin)}});
  return json;
}

ordered_json Writer::user_sites() const {
  ordered_json json = ordered_json::array();
  for (const facts::UserSite& one : machine_.user_sites) {
    json.push_back({{"path", one.path}, {"version", one.version}, {"packages", value_of(one.packages)}});
  }
  return json;
}

ordered_json Writer::environments() const {
  ordered_json json = ordered_json::array();
  for (const facts::PythonEnv& one : machine_.envs) {
    json.push_back({{"path", one.path},
                    {"kind", text_or_null(one.kind)},
                    {"python", text_or_null(one.python)},
                    {"version", text_or_null(one.version)},
                    {"site_packages", text_or_null(one.site_packages)},
                    {"torch", value_or_null(one.torch)},
                    {"variant", value_or_null(one.variant)},
                    {"packages", value_of(one.packages)}});
  }
  return json;
}

ordered_json Writer::settings(const std::vector<facts::ShellSetting>& settings) {
  ordered_json json = ordered_json::array();
  for (const facts::ShellSetting& one : settings)
    json.push_back({{"file", one.file}, {"line", one.line}, {"variable", one.variable}, {"text", one.text}});
  return json;
}

ordered_json Writer::sources() {
  ordered_json json = ordered_json::array();
  for (const facts::Source& one : machine_.sources) {
    const std::string at = fmt::format("sources[{}]", json.size());
    json.push_back({{"name", one.name},
                    {"url", one.url},
                    {"mirror", one.mirror.empty() ? ordered_json(nullptr) : ordered_json(one.mirror)},
                    {"answered_seconds", read(at + ".answered_seconds", one.answered_seconds)}});
  }
  return json;
}

}  // namespace

std::string facts_json(const facts::Machine& machine) {
  return written(Writer(machine).document());
}

std::vector<Unknown> unknown_facts(const facts::Machine& machine) {
  Writer writer(machine);
  writer.document();
  return std::move(writer).take_unknown();
}

}  // namespace bringup::report
