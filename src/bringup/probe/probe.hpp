// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looks at a machine through a View and says what is there. One file per source of truth: a pure parser and a thin reader.

#include <bringup/facts/machine.hpp>
#include <bringup/host/view.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::probe {

// What a probe of one GPU function needs from the catalog; probe may not include catalog, so cli hands this over.
struct GpuName {
  std::string name;
  std::string architecture;
  std::string compute_capability;
};
using NameGpu = std::function<GpuName(std::uint16_t device, std::uint16_t subvendor, std::uint16_t subdevice)>;

struct Options {
  NameGpu name_gpu;
  facts::Reading<facts::NvmlSnapshot> nvml = Error(Errc::absent, "not looked at");  // read by the room gpu, or from a recording
  facts::Count cuda;     // counted in a child by the room measure, or not
  facts::Count pytorch;
  std::vector<facts::Source> sources;  // already asked (network), or from a recording
  facts::User user;      // for whom; their home is searched for environments and start files
};

facts::Machine look(const host::View& view, const Options& options);

// gpus.json of a recording, and back.
std::string nvml_to_json(const facts::Reading<facts::NvmlSnapshot>& nvml);
facts::Reading<facts::NvmlSnapshot> nvml_from_json(std::string_view json);

// What a recording says beside its files: recording.toml.
struct RecordingNotes {
  std::string recorded_at;
  std::string arch;
  std::string kernel;       // uname -r of that machine
  facts::User user;
  std::uint64_t memory_bytes = 0;
  int cpus = 0;
  std::vector<facts::Source> sources;
  facts::Count cuda;
  facts::Count pytorch;
  std::vector<std::string> environment;   // "CUDA_VISIBLE_DEVICES=0": those that matter
};
Result<RecordingNotes> parse_notes(std::string_view toml);

// Copies from `view` what look() would read of it into `directory` (files/, answers/, gpus.json, recording.toml), with serials, UUIDs, MACs,
// host and user names replaced. Returns what was redacted, in words. Writes only below `directory`, which must not exist or be empty.
Result<std::vector<std::string>> record(const host::View& view, const Options& options, const std::string& directory, std::string_view now);

}  // namespace bringup::probe
