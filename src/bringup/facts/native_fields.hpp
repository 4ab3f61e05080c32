// SPDX-License-Identifier: Apache-2.0
#pragma once
// Each field of the native proof with its key, once: writing and reading cannot differ. For native_json.cpp.

#include <bringup/facts/native.hpp>

#include <type_traits>

namespace bringup::facts {

// T, or T const.
template <typename T, typename Plain>
concept Of = std::is_same_v<std::remove_const_t<T>, Plain>;

template <Of<PcieLink> T, typename F>
void fields(T& link, F&& on) {
  on("generation", link.generation);
  on("max_generation", link.max_generation);
  on("width", link.width);
  on("max_width", link.max_width);
}

template <Of<Rate> T, typename F>
void fields(T& part, F&& on) {
  on("median", part.median);
  on("samples", part.samples);
}

template <Of<MemoryPass> T, typename F>
void fields(T& part, F&& on) {
  on("pattern", part.pattern);
  on("bytes", part.bytes);
  on("errors", part.errors);
  on("first_error", part.first_error);
  on("seconds", part.seconds);
}

template <Of<MemoryTest> T, typename F>
void fields(T& part, F&& on) {
  on("total_bytes", part.total_bytes);
  on("free_bytes", part.free_bytes);
  on("taken_bytes", part.taken_bytes);
  on("passes", part.passes);
}

template <Of<MatrixRate> T, typename F>
void fields(T& part, F&& on) {
  on("type", part.type);
  on("by", part.by);
  on("path", part.path);
  on("size", part.size);
  on("operations", part.operations);
  on("right", part.right);
  on("digest", part.digest);
}

template <Of<LoadSample> T, typename F>
void fields(T& part, F&& on) {
  on("at_seconds", part.at_seconds);
  on("sm_megahertz", part.sm_megahertz);
  on("memory_megahertz", part.memory_megahertz);
  on("watts", part.watts);
  on("celsius", part.celsius);
  on("reasons", part.reasons);
  on("link_generation", part.link_generation);
  on("link_width", part.link_width);
}

template <Of<GpuBuild> T, typename F>
void fields(T& part, F&& on) {
  on("compute_capability", part.compute_capability);
  on("multiprocessors", part.multiprocessors);
  on("sm_megahertz_most", part.sm_megahertz_most);
  on("memory_megahertz_most", part.memory_megahertz_most);
  on("memory_bus_bits", part.memory_bus_bits);
}

template <Of<NvlinkState> T, typename F>
void fields(T& part, F&& on) {
  on("links", part.links);
  on("active", part.active);
  on("version", part.version);
}

template <Of<ErrorCounts> T, typename F>
void fields(T& part, F&& on) {
  on("ecc_corrected", part.ecc_corrected);
  on("ecc_uncorrected", part.ecc_uncorrected);
  on("rows_remapped", part.rows_remapped);
  on("pcie_replays", part.pcie_replays);
}

template <Of<Holder> T, typename F>
void fields(T& part, F&& on) {
  on("pid", part.pid);
  on("name", part.name);
  on("bytes", part.bytes);
}

template <Of<Exposure> T, typename F>
void fields(T& part, F&& on) {
  on("bytes_written", part.bytes_written);
  on("bytes_read", part.bytes_read);
  on("bytes_from_host", part.bytes_from_host);
  on("bytes_to_host", part.bytes_to_host);
  on("bytes_to_peers", part.bytes_to_peers);
  on("operations", part.operations);
  on("results_compared", part.results_compared);
}

template <Of<NativeGpu> T, typename F>
void fields(T& part, F&& on) {
  on("index", part.index);
  on("pci", part.pci);
  on("name", part.name);
  on("uuid", part.uuid);
  on("build", part.build);
  on("link", part.link);
  on("nvlink", part.nvlink);
  on("power_limit_watts", part.power_limit_watts);
  on("power_default_watts", part.power_default_watts);
  on("holders", part.holders);
  on("answered", part.answered);
  on("near", part.near);
  on("init_seconds", part.init_seconds);
  on("context_seconds", part.context_seconds);
  on("kernel_elements", part.kernel_elements);
  on("memory", part.memory);
  on("memory_read", part.memory_read);
  on("memory_write", part.memory_write);
  on("memory_copy", part.memory_copy);
  on("to_device", part.to_device);
  on("to_host", part.to_host);
  on("both_ways", part.both_ways);
  on("to_device_together", part.to_device_together);
  on("to_host_together", part.to_host_together);
  on("host_copies_right", part.host_copies_right);
  on("matrices", part.matrices);
  on("load", part.load);
  on("errors_before", part.errors_before);
  on("errors_after", part.errors_after);
  on("xids", part.xids);
  on("exposure", part.exposure);
}

template <Of<NativePair> T, typename F>
void fields(T& part, F&& on) {
  on("from", part.from);
  on("to", part.to);
  on("reachable", part.reachable);
  on("copied_right", part.copied_right);
  on("stored_right", part.stored_right);
  on("loaded_right", part.loaded_right);
  on("copy", part.copy);
  on("both_ways", part.both_ways);
  on("moved_bytes", part.moved_bytes);
}

template <Of<CollectiveStep> T, typename F>
void fields(T& part, F&& on) {
  on("bytes", part.bytes);
  on("bus", part.bus);
  on("right", part.right);
}

template <Of<Collective> T, typename F>
void fields(T& part, F&& on) {
  on("kind", part.kind);
  on("by", part.by);
  on("path", part.path);
  on("ranks", part.ranks);
  on("steps", part.steps);
}

template <Of<PhaseTime> T, typename F>
void fields(T& part, F&& on) {
  on("name", part.name);
  on("began_seconds", part.began_seconds);
  on("seconds", part.seconds);
}

template <Of<NativeProof> T, typename F>
void fields(T& part, F&& on) {
  on("level", part.level);
  on("driver_version", part.driver_version);
  on("cuda_count", part.cuda_count);
  on("nvml_count", part.nvml_count);
  on("gpus", part.gpus);
  on("pairs", part.pairs);
  on("collectives", part.collectives);
  on("phases", part.phases);
  on("settings", part.settings);
  on("unseen", part.unseen);
  on("seconds", part.seconds);
  on("soak_seconds", part.soak_seconds);
}

}  // namespace bringup::facts
