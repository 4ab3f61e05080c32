// SPDX-License-Identifier: Apache-2.0
// Driver, kernels, packages, toolkits, Python and shells.
#include <bringup/base/text.hpp>
#include <bringup/report/sections.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

std::string_view flavour_words(facts::Flavour flavour) {
  return flavour == facts::Flavour::open ? "open" : "proprietary";
}

std::string versions(const std::vector<std::string>& list) {
  return plain(list.empty() ? "none" : base::join(list, ", "));
}

void driver_section(Page& page, const facts::Machine& machine) {
  const facts::Driver& driver = machine.driver;
  page.heading("Driver");
  std::vector<Row> rows;
  if (!driver.loaded)
    rows.push_back({{"loaded"}, missing(driver.loaded)});
  else if (!*driver.loaded)
    rows.push_back({{"loaded"}, {"none"}});
  else
    rows.push_back({{"loaded"},
                    {fmt::format("{}, {} kernel module", plain((*driver.loaded)->version),
                                 flavour_words((*driver.loaded)->flavour))}});
  if (driver.nouveau_loaded && *driver.nouveau_loaded)
    rows.push_back({{"nouveau"}, {"loaded", Tone::caution}});
  rows.push_back({{"libcuda"}, {versions(driver.libcuda)}});
  if (machine.nvml) {
    const int cuda = machine.nvml->cuda_driver_version;
    std::string words = plain(machine.nvml->driver_version);
    if (cuda > 0) words += fmt::format(", speaks CUDA {}.{}", cuda / 1000, cuda % 1000 / 10);
    if (!machine.nvml->library_path.empty()) words += "\n" + plain(machine.nvml->library_path);
    rows.push_back({{"NVML"}, {std::move(words)}});
  } else {
    rows.push_back({{"NVML"}, {plain(machine.nvml.error().message()), Tone::dim}});
  }
  if (driver.foreign)
    rows.push_back({{"runfile"}, {"a driver from outside the packages: " + plain(*driver.foreign)}});
  page.table(rows, 2, kLabel);
}

std::string module_words(const facts::Driver& driver, const std::string& kernel) {
  std::vector<std::string> words;
  for (const facts::ModuleOnDisk& module : driver.modules) {
    if (module.kernel != kernel) continue;
    std::string one = "module " + (module.version.empty() ? "of unknown version" : plain(module.version));
    if (module.flavour) one += fmt::format(", {}", flavour_words(*module.flavour));
    if (!module.built_for.empty() && module.built_for != kernel)
      one += ", built for " + plain(module.built_for);
    if (!module.signer.empty()) one += ", signed by " + plain(module.signer);
    words.push_back(std::move(one));
  }
  return words.empty() ? "no NVIDIA module" : base::join(words, "\n");
}

void kernel_section(Page& page, const facts::Machine& machine) {
  const facts::Kernel& kernel = machine.kernel;
  const bool listed = std::ranges::find(kernel.installed, kernel.running, &facts::InstalledKernel::release) !=
                      kernel.installed.end();
  if (kernel.installed.empty() && kernel.running.empty()) return;
  page.heading("Kernels");
  std::vector<Row> rows;
  for (const facts::InstalledKernel& one : kernel.installed) {
    std::vector<std::string> words;
    if (one.release == kernel.running) words.emplace_back("running");
    if (!one.bootable) words.emplace_back("not in /boot");
    words.emplace_back(one.headers ? "headers" : "no headers");
    rows.push_back(
        {{plain(one.release)}, {base::join(words, ", ")}, {module_words(machine.driver, one.release)}});
  }
  if (!listed && !kernel.running.empty())
    rows.push_back({{plain(kernel.running)}, {"running"}, {"nothing of it below /lib/modules"}});
  page.table(rows, 2, kLabel);
}

void package_section(Page& page, const facts::Machine& machine) {
  const facts::Packages& packages = machine.packages;
  page.heading("Packages");
  if (!packages.list) {
    page.row({{plain(packages.manager.empty() ? "database" : packages.manager)}, missing(packages.list)}, 2,
             kLabel);
    return;
  }
  std::vector<std::string> held;
  std::vector<std::string> broken;
  for (const facts::Package& one : *packages.list) {
    if (one.held) held.push_back(plain(one.name));
    if (one.broken) broken.push_back(plain(one.name));
  }
  std::vector<Row> rows{
      {{plain(packages.manager.empty() ? "database" : packages.manager)},
       {counted(packages.list->size(), "package") + " of interest (NVIDIA, CUDA, kernels, compilers)"}}};
  if (!held.empty()) rows.push_back({{"held"}, {base::join(held, ", ")}});
  if (!broken.empty()) rows.push_back({{"half done"}, {base::join(broken, ", "), Tone::caution}});
  if (packages.interrupted)
    rows.push_back(
        {{"interrupted"}, {"the package manager was stopped in the middle of its work", Tone::caution}});
  page.table(rows, 2, kLabel);
}

void toolkit_section(Page& page, const facts::Machine& machine) {
  page.heading("Toolkits");
  if (machine.toolkits.empty()) page.paragraph({"none"}, 2);
  std::vector<Row> rows;
  for (const facts::Toolkit& one : machine.toolkits)
    rows.push_back({{"CUDA " + (one.version.empty() ? "?" : plain(one.version))},
                    {one.origin.empty() ? "unknown" : plain(one.origin)},
                    {plain(one.path)}});
  page.table(rows, 2, kLabel);
}

std::string torch_words(const facts::PythonEnv& env) {
  std::string words = env.kind.empty() ? "" : plain(env.kind) + ", ";
  if (!env.torch) return words + "no torch";
  words += "torch " + plain(*env.torch);
  if (!env.variant) return words;
  return words + (*env.variant == "cpu" ? ", CPU only" : ", CUDA variant " + plain(*env.variant));
}

void python_section(Page& page, const facts::Machine& machine) {
  page.heading("Python");
  std::vector<Row> rows;
  const auto version = [](const std::string& text) { return text.empty() ? "?" : plain(text); };
  for (const facts::PythonInterpreter& one : machine.pythons)
    rows.push_back(
        {{"interpreter"}, {version(one.version)}, {plain(one.path) + (one.venv ? "" : " (without venv)")}});
  for (const facts::PythonManager& one : machine.managers)
    rows.push_back({{plain(one.kind)}, {version(one.version)}, {plain(one.path)}});
  for (const facts::PythonEnv& one : machine.envs) {
    // A system's own Python stands among the interpreters; it is of interest here when it has torch.
    if (one.kind == "system" && !one.torch) continue;
    rows.push_back({{"environment"}, {version(one.version)}, {plain(one.path) + "\n" + torch_words(one)}});
  }
  if (rows.empty()) page.paragraph({"none"}, 2);
  page.table(rows, 2, kLabel);
}

void shell_section(Page& page, const facts::Machine& machine) {
  const facts::Shells& shells = machine.shells;
  if (shells.installed.empty() && shells.settings.empty() && shells.environment.empty()) return;
  page.heading("Shells");
  std::vector<Row> rows;
  if (!shells.installed.empty()) rows.push_back({{"installed"}, {plain(base::join(shells.installed, ", "))}});
  for (const facts::ShellSetting& one : shells.settings) {
    rows.push_back({{plain(one.file) + (one.line > 0 ? fmt::format(":{}", one.line) : "")}});
    rows.push_back({{""}, {plain(one.text)}});
  }
  for (const facts::ShellSetting& one : shells.environment) rows.push_back({{"set now"}, {plain(one.text)}});
  for (const Row& row : rows) page.row(row, 2, kLabel);
}

}  // namespace

void software_sections(Page& page, const facts::Machine& machine) {
  driver_section(page, machine);
  kernel_section(page, machine);
  package_section(page, machine);
  toolkit_section(page, machine);
  python_section(page, machine);
  shell_section(page, machine);
}

}  // namespace bringup::report
