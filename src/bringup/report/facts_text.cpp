// SPDX-License-Identifier: Apache-2.0
// The machine for people: what is there, section by section, and at the end what could not be looked at.
#include <bringup/base/text.hpp>
#include <bringup/report/gpus.hpp>
#include <bringup/report/report.hpp>
#include <bringup/report/sections.hpp>
#include <bringup/report/unknown.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace bringup::report {
namespace {

// "2x H200 SXM 141GB, 1x GeForce RTX 4090", in the order in which they are met.
std::string kinds_of(const std::vector<GpuSeen>& gpus) {
  std::vector<std::pair<std::string, int>> kinds;
  for (const GpuSeen& gpu : gpus) {
    std::string name = plain(gpu.name());
    if (name.empty()) name = "unknown GPU " + (gpu.pci != nullptr ? pci_id(gpu.pci->device_id) : "");
    const auto same = std::ranges::find(kinds, name, &std::pair<std::string, int>::first);
    if (same == kinds.end())
      kinds.emplace_back(std::move(name), 1);
    else
      ++same->second;
  }
  std::vector<std::string> words;
  words.reserve(kinds.size());
  for (const auto& [name, count] : kinds) words.push_back(fmt::format("{}x {}", count, name));
  return base::join(words, ", ");
}

std::string driver_words(const facts::Machine& machine) {
  const auto& loaded = machine.driver.loaded;
  if (!loaded) return "whether a driver is loaded is not known";
  if (!*loaded) return "no NVIDIA driver is loaded";
  return fmt::format("driver {} is loaded", plain((*loaded)->version));
}

// The first thing that is read: which GPUs there are, or that there are none.
void summary(Page& page, const facts::Machine& machine) {
  const std::vector<GpuSeen> gpus = gpus_seen(machine);
  const bool on_bus = std::ranges::any_of(gpus, [](const GpuSeen& gpu) { return gpu.pci != nullptr; });
  std::string words;
  if (!on_bus) {
    words = machine.pci_visible ? "no NVIDIA GPU on the PCI bus"
                                : fmt::format("the PCI bus could not be read: {}",
                                              plain(machine.pci_visible.error().message()));
    if (!gpus.empty()) words += fmt::format("; NVML shows {}", kinds_of(gpus));
  } else if (machine.hypothetical) {
    words = fmt::format("{}, as given: they are not in this machine", kinds_of(gpus));
  } else {
    words = fmt::format("{}; {}", kinds_of(gpus), driver_words(machine));
  }
  page.paragraph({words, on_bus ? Tone::strong : Tone::caution});
}

std::string memory_words(const facts::Machine& machine) {
  std::string words = machine.memory_bytes == 0 ? "not known" : base::human_bytes(machine.memory_bytes);
  if (machine.shm_bytes) words += fmt::format("; /dev/shm {}", base::human_bytes(*machine.shm_bytes));
  if (machine.memlock_bytes) {
    const std::int64_t most = *machine.memlock_bytes;
    words += "; locked memory " +
             (most < 0 ? "unlimited" : "up to " + base::human_bytes(static_cast<std::uint64_t>(most)));
  }
  return words;
}

std::string system_words(const facts::Os& os, const std::string& arch) {
  std::string words = plain(os.name.empty() ? os.id + " " + os.version : os.name);
  if (base::trim(words).empty()) words = "not known";
  return arch.empty() ? words : words + ", " + plain(arch);
}

Cell container_cell(const facts::Machine& machine) {
  std::string words;
  if (machine.container && *machine.container) words = "in a container: " + plain(**machine.container);
  if (machine.hypervisor) {
    words += words.empty() ? "in a virtual machine" : ", in a virtual machine";
    if (*machine.hypervisor != "unknown") words += ": " + plain(*machine.hypervisor);
  }
  return {words};
}

void machine_section(Page& page, const facts::Machine& machine) {
  page.heading("Machine");
  std::vector<Row> rows{{{"system"}, {system_words(machine.os, machine.arch)}}};
  rows.push_back(
      {{"kernel"}, {machine.kernel.running.empty() ? "not known" : plain(machine.kernel.running)}});
  rows.push_back({{"glibc"}, machine.glibc ? Cell{plain(*machine.glibc)} : missing(machine.glibc)});
  rows.push_back({{"gcc"}, machine.gcc ? Cell{plain(*machine.gcc)} : missing(machine.gcc)});
  rows.push_back(
      {{"Secure Boot"},
       machine.secure_boot ? Cell{*machine.secure_boot ? "on" : "off"} : missing(machine.secure_boot)});
  if (const Cell place = container_cell(machine); !place.text.empty()) rows.push_back({{"runs"}, place});
  if (machine.cpus > 0)
    rows.push_back({{"processors"},
                    {machine.numa_nodes > 0
                         ? fmt::format("{}, {}", machine.cpus,
                                       counted(static_cast<std::size_t>(machine.numa_nodes), "NUMA node"))
                         : fmt::format("{}", machine.cpus)}});
  rows.push_back({{"memory"}, {memory_words(machine)}});
  if (!machine.user.name.empty())
    rows.push_back(
        {{"for user"}, {fmt::format("{}, {}", plain(machine.user.name), plain(machine.user.home))}});
  page.table(rows, 2, kLabel);
}

// File systems that are one and the same are told once.
void disk_section(Page& page, const facts::Machine& machine) {
  if (machine.disks.empty()) return;
  page.heading("Disk");
  std::vector<Row> rows;
  std::vector<std::vector<std::string>> paths;
  for (const facts::Disk& disk : machine.disks) {
    const std::string space =
        fmt::format("{} free of {}", base::human_bytes(disk.free_bytes), base::human_bytes(disk.total_bytes));
    const auto same = std::ranges::find_if(rows, [&space](const Row& row) { return row[0].text == space; });
    if (same == rows.end())
      rows.push_back({{space}, {plain(disk.path)}});
    else
      (*same)[1].text += ", " + plain(disk.path);
  }
  page.table(rows, 2, kLabel);
}

// "https://pypi.org/simple/" -> "pypi.org"
std::string host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return plain(url.substr(0, url.find('/')));
}

void source_section(Page& page, const facts::Machine& machine) {
  if (machine.sources.empty()) return;
  page.heading("Sources");
  std::vector<Row> rows;
  for (const facts::Source& source : machine.sources) {
    const auto& answered = source.answered_seconds;
    Cell state{"does not answer", Tone::caution};
    std::string where = host_of(source.url);
    if (answered)
      state = {fmt::format("answered in {:.0f} ms", *answered * 1000.0), Tone::good};
    else if (answered.error().code() == Errc::absent)
      state = {plain(answered.error().message()), Tone::dim};
    else
      where += ": " + plain(answered.error().message());
    rows.push_back({{plain(source.name)}, std::move(state), {std::move(where), Tone::dim}});
  }
  page.table(rows, 2, kLabel);
}

// "gpus[0].nvml.ecc" -> "ecc", "machine.glibc" -> "glibc", "counts.nvml" -> "count by NVML"
std::string short_name(const Unknown& one) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames{
      {{"nvml", "NVML"},
       {"counts.pci", "count on the PCI bus"},
       {"counts.driver", "count by the driver"},
       {"counts.nvml", "count by NVML"},
       {"counts.cuda", "count by CUDA"},
       {"counts.pytorch", "count by PyTorch"}}};
  for (const auto& [fact, words] : kNames) {
    if (one.fact == fact) return std::string(words);
  }
  std::string_view name = one.fact;
  if (name.starts_with("machine.")) name.remove_prefix(std::string_view("machine.").size());
  if (!one.gpu.empty()) name.remove_prefix(std::min(name.size(), name.rfind('.') + 1));
  // The unit is part of the key, not of the thing.
  for (const std::string_view unit : {"_bytes", "_seconds", "_watts", "_celsius"}) {
    if (name.ends_with(unit)) name.remove_suffix(unit.size());
  }
  std::string words(name);
  std::ranges::replace(words, '_', ' ');
  return words;
}

struct Group {
  std::string why;
  std::vector<std::string> names;
  std::vector<std::string> gpus;
};

void add_once(std::vector<std::string>& words, std::string word) {
  if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
}

// What one reason kept from being seen stands together.
void unknown_section(Page& page, const facts::Machine& machine) {
  std::vector<Group> groups;
  for (const Unknown& one : unknown_facts(machine)) {
    // What was looked for and is absent stands in its own section; so does each source.
    if ((one.gpu.empty() && one.code == Errc::absent) || one.fact.starts_with("sources[")) continue;
    const std::string why = plain(one.why);
    auto at = std::ranges::find_if(groups, [&](const Group& group) {
      return group.why == why && group.gpus.empty() == one.gpu.empty();
    });
    if (at == groups.end()) at = groups.insert(groups.end(), {.why = why, .names = {}, .gpus = {}});
    add_once(at->names, short_name(one));
    if (!one.gpu.empty()) add_once(at->gpus, plain(one.gpu));
  }
  if (groups.empty()) return;
  page.heading("Could not look");
  for (const Group& group : groups) {
    std::string what = base::join(group.names, ", ");
    if (group.gpus.size() == 1) what += " of " + group.gpus[0];
    if (group.gpus.size() > 1) what += " of " + counted(group.gpus.size(), "GPU");
    page.row({{"-"}, {fmt::format("{}: {}", what, group.why)}}, 2);
  }
}

}  // namespace

std::string facts_text(const facts::Machine& machine, const Style& style) {
  Page page(style);
  summary(page, machine);
  machine_section(page, machine);
  gpu_sections(page, machine);
  software_sections(page, machine);
  disk_section(page, machine);
  source_section(page, machine);
  unknown_section(page, machine);
  return std::move(page).take();
}

}  // namespace bringup::report
