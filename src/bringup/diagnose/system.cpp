// SPDX-License-Identifier: Apache-2.0
// Rules over what the system leaves for GPU work: shared memory, locked memory, disk.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/looks.hpp>

#include <algorithm>

namespace bringup::diagnose {
namespace {

using facts::Machine;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
// NCCL's documentation asks for containers with --shm-size=1g; a container that was not asked has 64 MiB.
constexpr std::uint64_t kSharedMemory = kGiB;
// What distributions allow by themselves is 64 KiB to 8 MiB; RDMA registers far more.
constexpr std::int64_t kLockedMemory = 64 * static_cast<std::int64_t>(kMiB);
// torch with its CUDA libraries: about 3 GB of wheels and 5 GB unpacked.
constexpr std::uint64_t kEnvironment = 8'000'000'000;

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

}  // namespace

Looked look_shm_small(const Patient& patient) {
  const Machine& machine = patient.machine;
  if (TRY(gpus_of(machine)).empty()) return Sightings{};
  TRY(need_look(machine, "its shared memory"));
  if (!machine.shm_bytes)
    return Error(machine.shm_bytes.error()).within("the size of /dev/shm could not be read");
  if (*machine.shm_bytes >= kSharedMemory) return Sightings{};
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
  if (limit < 0 || limit >= kLockedMemory) return Sightings{};
  return Sightings{
      {.evidence = {seen("/proc/self/limits, Max locked memory",
                         base::human_bytes(static_cast<std::uint64_t>(limit)))},
       .gpus = {},
       .fix = {.summary = "if these GPUs work with other machines over RDMA: '* - memlock unlimited' in "
                          "/etc/security/limits.d/memlock.conf, and log in anew",
               .steps = {}}}};
}

Looked look_disk_low(const Patient& patient) {
  const Machine& machine = patient.machine;
  TRY(need_look(machine, "its disks"));
  const bool there =
      std::ranges::any_of(machine.envs, [](const facts::PythonEnv& env) { return env.torch.has_value(); });
  if (patient.goal.envs.empty() || there) return Sightings{};
  const std::string place = environments_go(patient);
  const facts::Disk* disk = disk_of(machine, place);
  if (disk == nullptr) return Error(Errc::absent, fmt::format("the free space at {} was not read", place));
  if (disk->free_bytes >= kEnvironment) return Sightings{};
  return Sightings{
      {.evidence = {seen(disk->path, fmt::format("{} free of {}", base::human_bytes(disk->free_bytes),
                                                 base::human_bytes(disk->total_bytes)))},
       .gpus = {},
       .fix = {.summary = fmt::format("free {} there, or name another place in bringup.toml: "
                                      "[python] prefix = \"...\"",
                                      base::human_bytes(kEnvironment - disk->free_bytes)),
               .steps = {}}}};
}

}  // namespace bringup::diagnose
