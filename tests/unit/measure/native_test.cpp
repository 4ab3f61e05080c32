// SPDX-License-Identifier: Apache-2.0
// The native proof on a libcuda that computes on the CPU what the kernels' own source says, and that is wrong
// in one way at a time.
#include <bringup/measure/native.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <support/environment.hpp>
#include <unistd.h>

namespace bringup::measure {
namespace {

using facts::NativeGpu;
using facts::NativePair;
using facts::NativeProof;
using testing::HasSubstr;
using testing::StartsWith;
using testing_support::Variable;

class Native : public testing::Test {
 protected:
  Variable visible_{"CUDA_VISIBLE_DEVICES", std::nullopt};
  Variable devices_{"FAKE_CUDA_DEVICES", "2"};
  Variable faults_{"FAKE_CUDA_FAULTS", std::nullopt};
  Variable gpus_{"FAKE_NVML_GPUS", "2"};
  Variable as_cuda_{"FAKE_NVML_AS_CUDA", "1"};
  Variable processes_{"FAKE_NVML_PROCESSES", std::nullopt};
  Variable fail_{"FAKE_NVML_FAIL", std::nullopt};

  static NativeRequest request(Level level = Level::standard) {
    return {.level = level,
            .site_packages = {},
            .elsewhere = false,
            .cuda = BRINGUP_FAKE_CUDA,
            .nvml = BRINGUP_FAKE_NVML};
  }
  static NativeProof prove(const char* faults = nullptr, Level level = Level::standard) {
    if (faults != nullptr) ::setenv("FAKE_CUDA_FAULTS", faults, 1);
    const auto proof = prove_native(request(level));
    EXPECT_TRUE(proof) << proof.error().message();
    return proof ? *proof : NativeProof{};
  }
  static const facts::MatrixRate& matrix(const NativeGpu& gpu, std::string_view type) {
    return *std::ranges::find(gpu.matrices, type, &facts::MatrixRate::type);
  }
};

TEST_F(Native, MeasuresEverythingOnEveryGpu) {
  const NativeProof proof = prove();
  EXPECT_EQ(proof.level, "standard");
  ASSERT_EQ(proof.gpus.size(), 2U);
  for (const NativeGpu& gpu : proof.gpus) {
    EXPECT_TRUE(gpu.kernel_elements) << gpu.kernel_elements.error().message();
    ASSERT_TRUE(gpu.memory) << gpu.memory.error().message();
    EXPECT_EQ(gpu.memory->passes.size(), 2U);
    for (const facts::MemoryPass& pass : gpu.memory->passes) EXPECT_EQ(pass.errors, 0U) << pass.pattern;
    for (const auto* rate : {&gpu.memory_read, &gpu.memory_write, &gpu.memory_copy, &gpu.to_device,
                             &gpu.to_host, &gpu.both_ways, &gpu.to_device_together, &gpu.to_host_together}) {
      ASSERT_TRUE(*rate) << rate->error().message();
      EXPECT_GT((*rate)->median, 0);
      EXPECT_GE((*rate)->samples.size(), 5U);
    }
    EXPECT_TRUE(gpu.host_copies_right);
    for (const char* type : {"bf16", "fp16", "tf32", "int8"}) {
      EXPECT_EQ(matrix(gpu, type).right, facts::Reading<std::uint64_t>(256U * 256U)) << type;
      EXPECT_THAT(matrix(gpu, type).by, StartsWith("own mma kernel")) << type;
    }
    EXPECT_EQ(matrix(gpu, "fp8").operations.error().code(), Errc::absent);
    EXPECT_EQ(gpu.build->multiprocessors, 2);
    EXPECT_EQ(gpu.build->memory_megahertz_most, 2619) << "NVML's clock";
    ASSERT_TRUE(gpu.load) << gpu.load.error().message();
    EXPECT_EQ(gpu.xids, facts::Reading<std::vector<std::uint64_t>>(std::vector<std::uint64_t>()));
    EXPECT_GT(gpu.exposure.bytes_to_peers, 0U);
  }
  EXPECT_EQ(matrix(proof.gpus[0], "bf16").digest, matrix(proof.gpus[1], "bf16").digest);
  EXPECT_NE(matrix(proof.gpus[0], "bf16").digest, matrix(proof.gpus[0], "tf32").digest);
}

TEST_F(Native, TriesEveryPairAndAllTogether) {
  const NativeProof proof = prove();
  ASSERT_TRUE(proof.pairs) << proof.pairs.error().message();
  ASSERT_EQ(proof.pairs->size(), 2U);
  EXPECT_EQ((*proof.pairs)[0].from, "0000:a0:00.0");
  EXPECT_EQ((*proof.pairs)[1].from, "0000:a1:00.0");
  for (const NativePair& pair : *proof.pairs) {
    EXPECT_EQ(pair.reachable, facts::Reading<bool>(true));
    EXPECT_TRUE(pair.copied_right && pair.stored_right && pair.loaded_right);
    EXPECT_TRUE(pair.copy && pair.both_ways);
  }
  ASSERT_TRUE(proof.collectives) << proof.collectives.error().message();
  ASSERT_EQ(proof.collectives->size(), 2U);
  for (const facts::Collective& one : *proof.collectives) {
    EXPECT_THAT(one.by, StartsWith("own ring (no NCCL: "));
    ASSERT_FALSE(one.steps.empty());
    EXPECT_TRUE(one.steps[0].right) << one.steps[0].right.error().message();
    EXPECT_TRUE(one.steps[0].bus);
  }
}

TEST_F(Native, AddsUpOverARingOfFive) {
  const Variable five("FAKE_CUDA_DEVICES", "5");
  const Variable nvml("FAKE_NVML_GPUS", "5");
  const NativeProof proof = prove();
  EXPECT_EQ(proof.pairs->size(), 20U);
  ASSERT_TRUE(proof.collectives);
  for (const facts::Collective& one : *proof.collectives) {
    ASSERT_TRUE(one.steps.front().right) << one.kind << ": " << one.steps.front().right.error().message();
    EXPECT_EQ(one.ranks, 5);
  }
}

TEST_F(Native, FindsAFlippedBitAndWhere) {
  const NativeProof proof = prove("flip:1");
  EXPECT_EQ(proof.gpus[0].memory->passes[0].errors, 0U);
  for (const facts::MemoryPass& pass : proof.gpus[1].memory->passes) {
    EXPECT_EQ(pass.errors, 1U) << pass.pattern;
    EXPECT_EQ(pass.first_error, 992U) << "byte 1000 lies in the piece of 16 bytes that begins there";
  }
  EXPECT_EQ(proof.gpus[1].host_copies_right.error().code(), Errc::failed);
}

TEST_F(Native, FindsOneWrongElementOfAProduct) {
  const NativeProof proof = prove("product:0");
  EXPECT_TRUE(matrix(proof.gpus[1], "bf16").right);
  const auto& right = matrix(proof.gpus[0], "bf16").right;
  ASSERT_FALSE(right);
  EXPECT_EQ(right.error().code(), Errc::failed);
  EXPECT_THAT(right.error().message(),
              HasSubstr("1 of 65536 elements of a bf16 product are not the exact ones"));
  EXPECT_NE(matrix(proof.gpus[0], "bf16").digest, matrix(proof.gpus[1], "bf16").digest);
}

TEST_F(Native, FindsAPairThatCopiesWrongDataWithoutAnError) {
  const NativeProof proof = prove("peercopy:1");
  EXPECT_TRUE((*proof.pairs)[0].copied_right);
  ASSERT_FALSE((*proof.pairs)[1].copied_right);
  EXPECT_THAT((*proof.pairs)[1].copied_right.error().message(), StartsWith("wrong data: 1 of 256 pieces"));
  EXPECT_TRUE((*proof.pairs)[1].stored_right) << "threads move it right";
}

TEST_F(Native, FindsAPairWhoseThreadsStoreWrongData) {
  const NativeProof proof = prove("peerstore:0");
  EXPECT_TRUE((*proof.pairs)[0].copied_right);
  EXPECT_FALSE((*proof.pairs)[0].stored_right);
}

TEST_F(Native, SaysThatGpusCannotReachEachOther) {
  const NativeProof proof = prove("nopeer");
  for (const NativePair& pair : *proof.pairs) {
    EXPECT_EQ(pair.reachable, facts::Reading<bool>(false));
    EXPECT_TRUE(pair.copied_right) << "through the host";
    EXPECT_EQ(pair.stored_right.error().code(), Errc::unsupported);
  }
  ASSERT_TRUE(proof.collectives);
  EXPECT_EQ(proof.collectives->front().steps.front().bus.error().code(), Errc::unsupported);
}

TEST_F(Native, AGpuWhoseProcessDiesTakesNoOtherWithIt) {
  const NativeProof proof = prove("die:write:1");
  EXPECT_TRUE(proof.gpus[0].memory_read);
  EXPECT_TRUE(matrix(proof.gpus[0], "bf16").right);
  const NativeGpu& dead = proof.gpus[1];
  EXPECT_TRUE(dead.memory) << "what was measured before stays";
  ASSERT_FALSE(dead.answered);
  EXPECT_THAT(dead.answered.error().message(),
              HasSubstr("died of signal 9 (SIGKILL) while doing 'memory rate'"));
  EXPECT_EQ(dead.memory_read.error().code(), Errc::failed);
  EXPECT_EQ(dead.to_device.error().code(), Errc::stale);
  EXPECT_THAT(dead.to_device.error().message(), StartsWith("not tried: "));
  EXPECT_EQ(matrix(dead, "bf16").right.error().code(), Errc::stale);
  EXPECT_EQ(proof.pairs.error().code(), Errc::busy);
}

TEST_F(Native, AGpuThatHangsIsKilledAndNamed) {
  const NativeProof proof = prove("phase:write:0", Level::quick);
  ASSERT_FALSE(proof.gpus[0].memory_read);
  EXPECT_EQ(proof.gpus[0].memory_read.error().code(), Errc::timeout);
  EXPECT_THAT(proof.gpus[0].memory_read.error().message(), HasSubstr("while doing 'memory rate'"));
  EXPECT_TRUE(proof.gpus[1].memory_read);
}

TEST_F(Native, LeavesAGpuAloneThatSomebodyComputesOn) {
  const Variable processes("FAKE_NVML_PROCESSES", "1");
  const Variable held("FAKE_NVML_HELD", "1");
  const NativeProof proof = prove();
  EXPECT_TRUE(proof.gpus[0].memory);
  const NativeGpu& busy = proof.gpus[1];
  for (const Error& error : {busy.context_seconds.error(), busy.memory.error(), busy.memory_read.error(),
                             matrix(busy, "bf16").operations.error()}) {
    EXPECT_EQ(error.code(), Errc::busy);
    EXPECT_THAT(error.message(), HasSubstr("held by process 1"));
    EXPECT_THAT(error.message(), HasSubstr("(3072 MiB)"));
  }
  EXPECT_EQ(busy.exposure, facts::Exposure{});
  EXPECT_EQ(proof.pairs.error().code(), Errc::busy);
}

TEST_F(Native, HearsOfXidErrors) {
  const Variable xid("FAKE_NVML_XID", "1");
  const NativeProof proof = prove(nullptr, Level::quick);
  EXPECT_TRUE(proof.gpus[0].xids->empty());
  EXPECT_EQ(*proof.gpus[1].xids, std::vector<std::uint64_t>{79});
}

TEST_F(Native, OneGpuHasNoPairs) {
  const Variable one("FAKE_CUDA_DEVICES", "1");
  const Variable nvml("FAKE_NVML_GPUS", "1");
  const NativeProof proof = prove();
  EXPECT_EQ(proof.pairs.error(), Error(Errc::absent, "one GPU: there are no pairs"));
  EXPECT_EQ(proof.gpus[0].to_device_together.error().code(), Errc::absent);
}

TEST_F(Native, QuickSaysWhatItHasNotLookedAt) {
  const NativeProof proof = prove(nullptr, Level::quick);
  EXPECT_TRUE(proof.gpus[0].matrices.empty());
  EXPECT_EQ(proof.pairs.error(), Error(Errc::absent, "not measured at level quick"));
  EXPECT_FALSE(proof.unseen.empty());
}

TEST_F(Native, DoesWithoutNvml) {
  NativeRequest without = request(Level::quick);
  without.nvml = "libnvidia-ml-of-nobody.so.1";
  const auto proof = prove_native(without);
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->gpus.size(), 2U);
  EXPECT_TRUE(proof->gpus[1].memory);
  EXPECT_EQ(proof->gpus[1].load.error().code(), Errc::absent);
}

TEST_F(Native, IsNoProofWithoutCuda) {
  NativeRequest without = request();
  without.cuda = "libcuda-of-nobody.so.1";
  const auto proof = prove_native(without);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::absent);
  ::setenv("FAKE_CUDA_FAULTS", "nodevice", 1);
  EXPECT_FALSE(prove_native(request()));
}

TEST_F(Native, NamesALibraryThatCannotBeOpened) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("bringup-native-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "nvidia/nccl/lib");
  std::ofstream(folder / "nvidia/nccl/lib/libnccl.so.2") << "no library";
  NativeRequest broken = request();
  broken.site_packages = {folder.string()};
  const auto proof = prove_native(broken);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(proof && proof->collectives);
  EXPECT_THAT(proof->collectives->front().by, HasSubstr("libnccl.so.2"));
}

TEST_F(Native, SoaksUntilItsTimeIsOver) {
  NativeRequest soak = request(Level::quick);
  soak.soak = std::chrono::seconds(1);
  std::vector<NativeProgress> told;
  soak.progress = [&told](const NativeProgress& progress) {
    if (progress.phase == "soak") told.push_back(progress);
  };
  const auto proof = prove_native(soak);
  ASSERT_TRUE(proof);
  EXPECT_GE(proof->soak_seconds, 1.0);
  EXPECT_TRUE(matrix(proof->gpus[1], "bf16").right) << "quick alone multiplies nothing";
  EXPECT_EQ(std::ranges::count(proof->phases, "soak", &facts::PhaseTime::name), 1);
  ASSERT_FALSE(told.empty());
  ASSERT_EQ(told.back().gpus.size(), 2U);
  EXPECT_TRUE(told.back().gpus[1].now && told.back().gpus[1].now->watts);
  EXPECT_EQ(told.back().gpus[1].errors, 0U);
  EXPECT_TRUE(told.back().gpus[1].operations);
}

TEST_F(Native, BeginsWithAsManyAsAreExpectedAndTakesTheRest) {
  for (const int expected : {1, 2, 4}) {
    NativeRequest some = request(Level::quick);
    some.expected = expected;
    const auto proof = prove_native(some);
    ASSERT_TRUE(proof) << proof.error().message();
    ASSERT_EQ(proof->gpus.size(), 2U) << expected;
    EXPECT_TRUE(proof->gpus[0].memory && proof->gpus[1].memory) << expected;
  }
}

// ---- faults on purpose ---------------------------------------------------------------------------------

class Injected : public Native {
 protected:
  static NativeProof with(std::string_view fault, Level level = Level::quick) {
    NativeRequest wrong = request(level);
    wrong.inject = *parse_injections(fault);
    const auto proof = prove_native(wrong);
    EXPECT_TRUE(proof) << proof.error().message();
    return proof ? *proof : NativeProof{};
  }
};

TEST_F(Injected, AFlippedBitIsFoundOnItsGpuAlone) {
  const NativeProof proof = with("memory:1");
  EXPECT_EQ(proof.gpus[0].memory->passes[0].errors, 0U);
  EXPECT_EQ(proof.gpus[1].memory->passes[0].errors, 1U);
  EXPECT_EQ(proof.gpus[1].memory->passes[0].first_error, 992U);
}

TEST_F(Injected, AWrongProductIsFoundInEveryType) {
  const NativeProof proof = with("product:0", Level::standard);
  for (const char* type : {"bf16", "fp16", "tf32", "int8"}) {
    EXPECT_EQ(matrix(proof.gpus[0], type).right.error().code(), Errc::failed) << type;
    EXPECT_TRUE(matrix(proof.gpus[1], type).right) << type;
  }
}

TEST_F(Injected, AChildThatDiesIsNamed) {
  const NativeProof proof = with("die:0");
  EXPECT_THAT(proof.gpus[0].answered.error().message(), HasSubstr("SIGKILL"));
  EXPECT_TRUE(proof.gpus[1].answered);
}

TEST_F(Injected, AChildThatHangsIsNamed) {
  const NativeProof proof = with("hang:1");
  EXPECT_EQ(proof.gpus[1].answered.error().code(), Errc::timeout);
  EXPECT_TRUE(proof.gpus[0].answered);
}

TEST_F(Injected, CopiesFromMemoryThatIsNotPinnedAreStillRight) {
  const NativeProof proof = with("pageable");
  EXPECT_TRUE(proof.gpus[0].host_copies_right);
  EXPECT_TRUE(proof.gpus[0].to_device);
}

TEST(Injections, AreReadOrRefusedWithTheirNames) {
  const std::vector<Injection> two{{"memory", 1}, {"far", -1}};
  EXPECT_EQ(*parse_injections("memory:1, far"), two);
  for (const char* wrong : {"", "memroy", "memory:", "memory:-1", "memory:x", "memory,,far"})
    EXPECT_EQ(parse_injections(wrong).error().code(), Errc::usage) << wrong;
  EXPECT_THAT(parse_injections("memroy").error().message(), HasSubstr("memory, product"));
}

}  // namespace
}  // namespace bringup::measure
