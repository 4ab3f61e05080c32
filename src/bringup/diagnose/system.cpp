// SPDX-License-Identifier: Apache-2.0
// Rules over what the system leaves for GPU work: shared memory, locked memory, disk.
#include <bringup/base/text.hpp>
#include <bringup/catalog/thresholds.hpp>
#include <bringup/diagnose/looks.hpp>
#include <bringup/diagnose/looks_beside.hpp>

#include <algorithm>
#include <array>

namespace bringup::diagnose {
namespace {

using facts::Machine;

using catalog::Limit;

std::string environments_go(const Patient& patient) {
  return patient.goal.python_prefix.empty() ? patient.machine.user.home : patient.goal.python_prefix;
}

bool below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with("/");
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

// The disk that was asked about nearest above `path`.
const facts::Disk* disk_of(const Machine& machine, std::string_view path) {
  const facts::Disk* best = nullptr;
  for (const facts::Disk& disk : machine.disks) {
    if (below(path, disk.path) && (best == nullptr || disk.path.size() > best->path.size())) best = &disk;
  }
  return best;
}

// What a model's files take, by what its name tells: "Llama-2-7b-hf" has 7 billion parameters, of two bytes
// each where the name speaks of no quantisation, else of about half of one. 0: it does not tell.
std::uint64_t size_by_name(std::string_view model) {
  static constexpr std::array<std::string_view, 6> kQuantised{"exl2", "exl3", "gptq", "awq", "4bit", "int4"};
  const std::string name = base::lower(model.substr(model.find_last_of('/') + 1));
  const bool small =
      std::ranges::any_of(kQuantised, [&name](std::string_view one) { return base::contains(name, one); });
  for (std::size_t at = name.find('b', 1); at != std::string::npos; at = name.find('b', at + 1)) {
    const bool ends = at + 1 == name.size() || name[at + 1] == '-' || name[at + 1] == '_';
    std::size_t begin = at;
    while (begin > 0 && ((name[begin - 1] >= '0' && name[begin - 1] <= '9') || name[begin - 1] == '.'))
      --begin;
    const bool starts = begin == 0 || name[begin - 1] == '-' || name[begin - 1] == '_';
    const std::string_view digits = std::string_view(name).substr(begin, at - begin);
    const std::size_t dot = std::min(digits.find('.'), digits.size());
    const auto whole = base::to_integer(digits.substr(0, dot));
    const auto tenths = base::to_integer(dot < digits.size() ? digits.substr(dot + 1, 1) : "0");
    if (!ends || !starts || !whole || !tenths || *whole > 10000) continue;
    const double billions = static_cast<double>(*whole) + static_cast<double>(*tenths) / 10;
    return static_cast<std::uint64_t>(billions * (small ? 0.55e9 : 2e9));
  }
  return 0;
}

// Of the goal's stacks that are not there yet; a directory is there already, and costs nothing.
std::uint64_t models_wanted(const Patient& patient, std::vector<Evidence>& wishes) {
  std::uint64_t out = 0;
  for (const goal::StackGoal& stack : patient.goal.stacks) {
    const bool there = std::ranges::any_of(patient.machine.envs, [&stack](const facts::PythonEnv& env) {
      return env.path.ends_with("/stack-" + stack.name);
    });
    const std::uint64_t size =
        there || stack.model.starts_with("/") || stack.model.starts_with("~") || stack.model.starts_with(".")
            ? 0
            : size_by_name(stack.model);
    if (size == 0) continue;
    out += size;
    wishes.push_back(seen(stack.where.empty() ? "the goal" : stack.where,
                          fmt::format("{}: about {} by its name", stack.model, base::human_bytes(size))));
  }
  return out;
}

// root is not among "*" (limits.conf(5)).
steps::Step write_limit(std::string_view item, std::string_view value, std::string why) {
  return {.id = fmt::format("limit-{}", item),
          .kind = steps::WriteFile{.path = fmt::format("/etc/security/limits.d/bringup-{}.conf", item),
                                   .text = fmt::format("# Written by bringup.\n* - {0} {1}\nroot - {0} {1}\n",
                                                       item, value)},
          .why = std::move(why),
          .changes = "one file; for logins from then on"};
}

}  // namespace

Looked look_shm_small(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  TRY(need_look(machine, "its shared memory"));
  if (!machine.shm_bytes)
    return Error(machine.shm_bytes.error()).within("the size of /dev/shm could not be read");
  if (*machine.shm_bytes >= catalog::threshold_bytes(Limit::shared_memory)) return Sightings{};
  return Sightings{
      {.evidence = {seen("/dev/shm", base::human_bytes(*machine.shm_bytes))},
       .gpus = {},
       .fix = {.summary = is_container(machine) ? "start the container with --shm-size=1g or --ipc=host"
                                                : "sudo mount -o remount,size=50% /dev/shm",
               .steps = {}}}};
}

Looked look_memlock_low(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).size() < 2) return Sightings{};
  TRY(need_look(machine, "its limits"));
  if (!machine.memlock_bytes)
    return Error(machine.memlock_bytes.error()).within("the limit of locked memory could not be read");
  const std::int64_t limit = *machine.memlock_bytes;
  if (limit < 0 || static_cast<std::uint64_t>(limit) >= catalog::threshold_bytes(Limit::locked_memory))
    return Sightings{};
  return Sightings{
      {.evidence = {seen("/proc/self/limits, Max locked memory",
                         base::human_bytes(static_cast<std::uint64_t>(limit)))},
       .gpus = {},
       .fix = {.summary = "if these GPUs work with other machines over RDMA: '* - memlock unlimited' in "
                          "/etc/security/limits.d/memlock.conf, and log in anew",
               .steps = {write_limit("memlock", "unlimited",
                                     "RDMA registers its buffers in memory that must not be moved")}}}};
}

// Sockets of NCCL, files and shared memory of the workers that load data: all of them grow with the GPUs.
Looked look_open_files_low(const Patient& patient) {
  const Machine& machine = patient.machine;
  // A container may show more of them on the bus than it has.
  const std::size_t shown = TRY(gpus_of(machine)).size();
  const std::size_t gpus = machine.nvml ? std::min(shown, machine.nvml->gpus.size()) : shown;
  if (gpus == 0) return Sightings{};
  TRY(need_look(machine, "its limits"));
  if (!machine.open_files)
    return Error(machine.open_files.error()).within("the limit of open files could not be read");
  const std::int64_t limit = *machine.open_files;
  const auto wanted =
      static_cast<std::int64_t>(catalog::threshold(Limit::open_files)) * static_cast<std::int64_t>(gpus);
  if (limit < 0 || limit >= wanted) return Sightings{};
  constexpr std::string_view kPlenty = "1048576";  // what the kernel's own fs.nr_open allows
  return Sightings{
      {.evidence = {seen("/proc/self/limits, Max open files",
                         fmt::format("{} for {} GPUs; {} are wanted at least", limit, gpus, wanted))},
       .gpus = {},
       .fix = {.summary = fmt::format(
                   "'* - nofile {}' in /etc/security/limits.d/nofile.conf, and log in anew", kPlenty),
               .steps = {write_limit("nofile", kPlenty,
                                     "with so many GPUs a job opens more files than a login may now")}}}};
}

Looked look_host_memory_small(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (!machine.hypothetical && machine.pci_visible && TRY(gpus_of(machine)).empty()) return Sightings{};
  if (machine.hypothetical) return Error(Errc::absent, "the GPUs were given with --for and are not here");
  if (!machine.nvml) return Error(machine.nvml.error()).within("NVML could not be read");
  TRY(need_look(machine, "its memory"));
  std::uint64_t largest = 0;
  for (const facts::NvmlGpu& gpu : machine.nvml->gpus)
    largest = std::max(largest, gpu.memory_bytes ? *gpu.memory_bytes : 0);
  const std::uint64_t swap = machine.swap_bytes ? *machine.swap_bytes : 0;
  const double wanted = catalog::threshold(Limit::host_memory) / 100 * static_cast<double>(largest);
  if (static_cast<double>(machine.memory_bytes + swap) >= wanted) return Sightings{};
  return Sightings{
      {.evidence = {seen("/proc/meminfo, /proc/swaps",
                         fmt::format("{} of memory, {} of swap", base::human_bytes(machine.memory_bytes),
                                     base::human_bytes(swap))),
                    seen("NVML", "the largest GPU has " + base::human_bytes(largest))},
       .gpus = {},
       .fix = {.summary =
                   "save and load in parts (safetensors, torch.distributed.checkpoint), or add memory; "
                   "swap helps to finish and is slow",
               .steps = {}}}};
}

// A kernel that sees several nodes and a card without one: which processors are near cannot be known.
Looked look_numa_unknown(const Patient& patient) {
  const Machine& machine = patient.machine;
  const Gpus gpus = TRY(gpus_here(machine));
  if (gpus.empty() || machine.hypervisor || is_container(machine)) return Sightings{};
  TRY(need_look(machine, "its NUMA nodes"));
  if (machine.numa_nodes < 2) return Sightings{};
  Sighting sighting{.evidence = {}, .gpus = {}, .fix = {}};
  std::optional<Error> unread;
  for (const facts::PciFunction* gpu : gpus) {
    if (!gpu->numa_node) {
      unread = gpu->numa_node.error();
    } else if (*gpu->numa_node < 0) {
      sighting.gpus.push_back(gpu->address);
      sighting.evidence.push_back(seen(fmt::format("/sys/bus/pci/devices/{}/numa_node", gpu->address), "-1"));
    }
  }
  if (sighting.gpus.empty() && unread) return std::move(*unread).within("the NUMA node could not be read");
  if (sighting.gpus.empty()) return Sightings{};
  sighting.evidence.push_back(seen("/sys/devices/system/node", fmt::format("{} nodes", machine.numa_nodes)));
  sighting.fix.summary =
      "update the firmware, or set it to tell which processor a slot belongs to (NUMA, "
      "sub-NUMA clustering); 'bringup topo' shows what is known";
  return Sightings{std::move(sighting)};
}

Looked look_disk_low(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its disks"));
  const bool there =
      std::ranges::any_of(machine.envs, [](const facts::PythonEnv& env) { return env.torch.has_value(); });
  std::vector<Evidence> wishes;
  std::uint64_t wanted = models_wanted(patient, wishes);
  if (!patient.goal.envs.empty() && !there) wanted += catalog::threshold_bytes(Limit::environment);
  if (wanted == 0) return Sightings{};
  const std::string place = environments_go(patient);
  const facts::Disk* disk = disk_of(machine, place);
  if (disk == nullptr) return Error(Errc::absent, fmt::format("the free space at {} was not read", place));
  if (disk->free_bytes >= wanted) return Sightings{};
  Sighting sighting{.evidence = std::move(wishes), .gpus = {}, .fix = {}};
  sighting.evidence.push_back(
      seen(disk->path, fmt::format("{} free of {}", base::human_bytes(disk->free_bytes),
                                   base::human_bytes(disk->total_bytes))));
  sighting.fix.summary =
      fmt::format("free {} there, or name another place in bringup.toml: [python] prefix = \"...\"{}",
                  base::human_bytes(wanted - disk->free_bytes),
                  sighting.evidence.size() > 1 ? "; 'bringup model plan' tells a model's exact size" : "");
  return Sightings{std::move(sighting)};
}

}  // namespace bringup::diagnose
