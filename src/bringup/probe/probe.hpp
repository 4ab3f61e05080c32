// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looks at a machine through a View and says what is there. One file per source of truth: a pure parser and a
// thin reader.

#include <bringup/facts/machine.hpp>
#include <bringup/host/view.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::probe {

// What a probe of one GPU function needs from the catalog; probe may not include catalog, so cli hands this
// over.
struct GpuName {
  std::string name;
  std::string architecture;
  std::string compute_capability;
};
using NameGpu =
    std::function<GpuName(std::uint16_t device, std::uint16_t subvendor, std::uint16_t subdevice)>;

struct Options {
  NameGpu name_gpu;
  facts::Reading<facts::NvmlSnapshot> nvml =
      Error(Errc::absent, "not looked at");  // read by the room gpu, or from a recording
  facts::Count cuda;                         // counted in a child by the room measure, or not
  facts::Count pytorch;
  std::vector<facts::Source> sources;  // already asked (network), or from a recording
  facts::User user;                    // for whom; their home is searched for environments and start files
  std::string
      prefix;  // where the goal puts Python managers and environments; "" for the default in the user's home
  std::vector<std::string>
      packages;  // that the goal wants in environments: "requests>=2"; looked for in each
  // What no file below the root says; of a recording it stands in recording.toml.
  std::string kernel;  // uname -r
  std::string arch;    // uname -m
  std::string
      glibc;  // that this process runs on, where that is the machine's; "" to look for it in the files
  int cpus = 0;
  std::vector<std::string>
      environment;  // "CUDA_VISIBLE_DEVICES=0": the variables of kEnvironment that are set
  std::optional<std::uint64_t> shm_bytes;  // of a recording; this machine is asked
  std::vector<facts::Disk> disks;          // likewise
};

// Variables of this process that matter to what CUDA programs find.
inline constexpr std::string_view kEnvironment[] = {
    "LD_LIBRARY_PATH", "CUDA_HOME",   "CUDA_PATH",    "CUDA_VISIBLE_DEVICES",
    "PYTHONPATH",      "VIRTUAL_ENV", "CONDA_PREFIX", "NVIDIA_VISIBLE_DEVICES"};
// Fills in kernel, arch, cpus and environment of the process that runs.
void fill_from_process(Options& options);
std::string glibc_of_process();  // "2.36"

facts::Machine look(const host::View& view, const Options& options);

// What a recording says beside its files: recording.toml.
struct RecordingNotes {
  std::string recorded_at;  // ISO 8601
  Options options;          // without names and NVML
};
Result<RecordingNotes> parse_notes(std::string_view toml);
std::string notes_to_toml(const RecordingNotes& notes);

// What is known of a repository that came as one package: Debian's control fields of it, and its hash, which
// takes seconds. Errc::usage for a file that is not there or is no such package.
Result<facts::RepositoryFile> read_repository_file(const host::View& view, const std::string& path);
Result<facts::RepositoryFile> parse_repository_file(std::string_view fields, const std::string& path);

// Copies from `view` what look() would read of it into `directory` (files/, answers/, gpus.json,
// recording.toml), with serials, UUIDs, MACs, host and user names replaced. Returns what was redacted, in
// words. Writes only below `directory`, which must not exist or be empty.
Result<std::vector<std::string>> record(const host::View& view, const Options& options,
                                        const std::string& directory, std::string_view now);

}  // namespace bringup::probe
