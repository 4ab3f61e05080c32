// SPDX-License-Identifier: Apache-2.0
#include <unit/report/proofs.hpp>

namespace bringup::report_testing {

facts::NativeProof recorded_proof(const char* name) {
  std::stringstream text;
  text << std::ifstream(std::string(BRINGUP_SOURCE_DIR "/tests/measurements/") + name).rdbuf();
  const auto proof = facts::native_from_json(text.str());
  EXPECT_TRUE(proof) << proof.error().message();
  return proof ? *proof : facts::NativeProof{};
}

void scale(facts::Reading<facts::Rate>& rate, double by) {
  if (rate) rate->median *= by;
}

void scale(facts::NativeGpu& gpu, double by) {
  for (auto* rate : {&gpu.memory_read, &gpu.memory_write, &gpu.memory_copy, &gpu.to_device, &gpu.to_host})
    scale(*rate, by);
  for (facts::MatrixRate& matrix : gpu.matrices) scale(matrix.operations, by);
  if (!gpu.load) return;
  for (facts::LoadSample& sample : *gpu.load) {
    if (sample.watts) *sample.watts *= by;
    if (sample.celsius) *sample.celsius *= by;
  }
}

facts::NativeProof made_up_proof(int count) {
  facts::NativeProof proof = recorded_proof("h100x2.json");
  const facts::NativeProof two = proof;
  const facts::NativePair pair = (*two.pairs)[0];
  proof.gpus.clear();
  proof.pairs = std::vector<facts::NativePair>();
  for (int i = 0; i < count; ++i) {
    facts::NativeGpu gpu = two.gpus[static_cast<std::size_t>(i) % 2];
    gpu.index = i;
    gpu.pci = fmt::format("0000:{:02x}:00.0", 0x10 * (i + 1));
    scale(gpu, 1 + 0.004 * ((i * 7) % 5 - 2));
    if (i == 5) scale(gpu.memory_read, 0.62);
    if (i == 5) scale(gpu.memory_copy, 0.8);
    if (i == 3) scale(gpu.to_host, 0.82);
    proof.gpus.push_back(std::move(gpu));
  }
  for (const facts::NativeGpu& from : proof.gpus) {
    for (const facts::NativeGpu& to : proof.gpus) {
      if (from.pci == to.pci) continue;
      facts::NativePair made = pair;
      made.from = from.pci;
      made.to = to.pci;
      scale(made.copy, 1 - 0.002 * ((from.index * 3 + to.index * 5) % 7));
      if (from.index == 2 && to.index == 6) scale(made.copy, 0.55);
      proof.pairs->push_back(std::move(made));
    }
  }
  for (facts::Collective& one : *proof.collectives) one.ranks = count;
  return proof;
}

Proof judged(facts::Machine machine, facts::NativeProof native) {
  Proof proof{.machine = std::move(machine)};
  proof.measurements.elapsed_seconds = native.seconds;
  proof.measurements.native = std::move(native);
  proof.verdicts = diagnose::judge_native(proof.machine, proof.measurements.native, diagnose::reference());
  proof.overall = diagnose::overall(proof.verdicts);
  return proof;
}

Proof made_up(int count) {
  facts::NativeProof native = made_up_proof(count);
  facts::Machine machine;
  machine.os = {
      .id = "debian", .version = "12", .codename = "bookworm", .name = "Debian GNU/Linux 12 (bookworm)"};
  machine.kernel.running = "6.1.0-25-amd64";
  machine.driver.loaded =
      std::optional(facts::LoadedModule{.version = "580.159.04", .flavour = facts::Flavour::open});
  for (const facts::NativeGpu& gpu : native.gpus)
    machine.pci.push_back({.address = gpu.pci,
                           .kind = facts::PciKind::gpu,
                           .name = gpu.name,
                           .numa_node = gpu.index * 2 < count ? 0 : 1});
  if (count > 2) machine.pci.push_back({.address = "0001:c0:00.0", .kind = facts::PciKind::nvswitch});
  machine.envs = {
      {.path = "/opt/dl", .version = "3.11.2", .kind = "uv", .torch = "2.11.0+cu130", .variant = "cu130"}};
  Proof proof = judged(std::move(machine), std::move(native));
  proof.verdicts.push_back({.check = "env-import",
                            .outcome = facts::Outcome::pass,
                            .measured = facts::Quantity{.value = 1, .unit = "imports"},
                            .why = "/opt/dl: torch 2.11.0 for CUDA 13.0"});
  proof.verdicts.push_back({.check = "env-import",
                            .outcome = facts::Outcome::pass,
                            .measured = facts::Quantity{.value = 1, .unit = "imports"},
                            .why = "/opt/dl: torchvision 0.26.0 for CUDA 13.0"});
  return proof;
}

Proof nothing_there() {
  Proof proof;
  proof.verdicts = {{.check = "gpu-native",
                     .outcome = facts::Outcome::not_measured,
                     .why = "no NVIDIA GPU on the PCI bus"}};
  proof.overall = diagnose::overall(proof.verdicts);
  return proof;
}

}  // namespace bringup::report_testing
