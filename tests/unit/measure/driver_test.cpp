// SPDX-License-Identifier: Apache-2.0
// What children do with a driver that is a real shared object, and wrong in every way that can be thought of.
#include <bringup/measure/cuda_proof.hpp>
#include <bringup/measure/measure.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/environment.hpp>

namespace bringup::measure {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing_support::Variable;

const std::string kFake = BRINGUP_FAKE_CUDA;

class Driver : public testing::Test {
 protected:
  Variable visible_{"CUDA_VISIBLE_DEVICES", std::nullopt};
  Variable visible_too_{"NVIDIA_VISIBLE_DEVICES", std::nullopt};
  Variable devices_{"FAKE_CUDA_DEVICES", std::nullopt};
  Variable faults_{"FAKE_CUDA_FAULTS", std::nullopt};
  static void devices(int count) { ::setenv("FAKE_CUDA_DEVICES", std::to_string(count).c_str(), 1); }
  static void faults(const char* which) { ::setenv("FAKE_CUDA_FAULTS", which, 1); }
};

TEST_F(Driver, CountsDevices) {
  devices(8);
  const facts::Count count = count_cuda(10s, kFake);
  EXPECT_EQ(count.gpus, facts::Reading<int>(8));
  EXPECT_EQ(count.how, "cuDeviceGetCount in a child process");
}

TEST_F(Driver, CountsNoneOnlyWhenCudaSaysSo) {
  devices(0);
  const facts::Count count = count_cuda(10s, kFake);
  EXPECT_EQ(count.gpus, facts::Reading<int>(0));
  EXPECT_THAT(count.how, StartsWith("cuInit: CUDA_ERROR_NO_DEVICE (100)"));
}

TEST_F(Driver, TellsWhatHidesDevices) {
  const Variable hidden("CUDA_VISIBLE_DEVICES", "1,0");
  EXPECT_EQ(count_cuda(10s, kFake).how, "cuDeviceGetCount in a child process with CUDA_VISIBLE_DEVICES=1,0");
}

TEST_F(Driver, ThatRefusesIsNoCountOfNone) {
  faults("init");
  const facts::Count count = count_cuda(10s, kFake);
  ASSERT_FALSE(count.gpus);
  EXPECT_EQ(count.gpus.error(),
            Error(Errc::failed, "cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802): words about it"));
}

TEST_F(Driver, ThatIsNotThereIsAbsent) {
  const facts::Count count = count_cuda(10s, "libcuda-of-nobody.so.1");
  ASSERT_FALSE(count.gpus);
  EXPECT_EQ(count.gpus.error().code(), Errc::absent);
  EXPECT_THAT(count.gpus.error().message(), HasSubstr("libcuda-of-nobody.so.1"));
  EXPECT_EQ(prove_cuda(10s, "libcuda-of-nobody.so.1").error().code(), Errc::absent);
}

TEST_F(Driver, ThatIsNoDriverIsUnsupported) {
  const facts::Count count = count_cuda(10s, "libm.so.6");
  ASSERT_FALSE(count.gpus);
  EXPECT_EQ(count.gpus.error(), Error(Errc::unsupported, "the library has no function cuInit"));
}

TEST_F(Driver, ThatHangsIsATimeout) {
  faults("hanginit");
  const auto began = std::chrono::steady_clock::now();
  const facts::Count count = count_cuda(300ms, kFake);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1500ms);
  ASSERT_FALSE(count.gpus);
  EXPECT_EQ(count.gpus.error(), Error(Errc::timeout, "counting CUDA devices: did not answer within 0.3 s"));
}

TEST_F(Driver, NvmlIsReadThroughAChild) {
  const Variable gpus("FAKE_NVML_GPUS", "3");
  const auto snapshot = read_nvml(10s, BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  ASSERT_EQ(snapshot->gpus.size(), 3U);
  EXPECT_NE(snapshot->gpus[2].pci, "");
  EXPECT_NE(snapshot->gpus[1].pci, snapshot->gpus[2].pci);
  EXPECT_NE(snapshot->driver_version, "");
}

TEST_F(Driver, NvmlThatIsNotThereIsAbsent) {
  EXPECT_EQ(read_nvml(10s, "libnvidia-ml-of-nobody.so.1").error().code(), Errc::absent);
  EXPECT_EQ(read_nvml(10s, kFake).error().code(), Errc::unsupported);
}

TEST_F(Driver, IsProvedOnEveryGpu) {
  devices(2);
  const auto proof = prove_cuda(60s, kFake);
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_EQ(proof->driver_version, 13000);
  ASSERT_EQ(proof->gpus.size(), 2U);
  for (const facts::GpuProof& gpu : proof->gpus) {
    ASSERT_TRUE(gpu.context_seconds) << gpu.context_seconds.error().message();
    EXPECT_EQ(gpu.kernel_elements, facts::Reading<std::uint64_t>(1U << 22U));
    ASSERT_TRUE(gpu.copy_bytes_per_second) << gpu.copy_bytes_per_second.error().message();
    EXPECT_GT(*gpu.copy_bytes_per_second, 1e6);
  }
  EXPECT_EQ(proof->gpus[0].pci, "0000:a0:00.0");
  EXPECT_EQ(proof->gpus[1].pci, "0000:a1:00.0");
  EXPECT_EQ(proof->gpus[1].index, 1);
  EXPECT_EQ(proof->gpus[1].name, "Fake GPU 1");
}

TEST_F(Driver, WithoutDevicesIsAProofOfNone) {
  faults("nodevice");
  const auto proof = prove_cuda(10s, kFake);
  ASSERT_TRUE(proof) << proof.error().message();
  EXPECT_TRUE(proof->gpus.empty());
}

TEST_F(Driver, OneBadGpuTakesNoOtherWithIt) {
  devices(4);
  faults("hang:1 crash:2 busy:3");
  const auto proof = prove_cuda(9s, kFake);
  ASSERT_TRUE(proof) << proof.error().message();
  ASSERT_EQ(proof->gpus.size(), 4U);
  EXPECT_TRUE(proof->gpus[0].kernel_elements);
  EXPECT_TRUE(proof->gpus[0].copy_bytes_per_second);
  EXPECT_EQ(proof->gpus[1].context_seconds.error(), Error(Errc::timeout, "did not answer within 9.0 s"));
  EXPECT_EQ(proof->gpus[2].context_seconds.error(),
            Error(Errc::failed, "the child process died of signal 11 (SIGSEGV)"));
  EXPECT_EQ(proof->gpus[3].context_seconds.error().code(), Errc::busy);
  EXPECT_THAT(proof->gpus[3].context_seconds.error().message(),
              HasSubstr("CUDA_ERROR_DEVICE_UNAVAILABLE (46)"));
  // that they could not tell their names does not make them nameless
  EXPECT_EQ(proof->gpus[1].pci, "0000:a1:00.0");
  EXPECT_EQ(proof->gpus[2].pci, "0000:a2:00.0");
  EXPECT_EQ(proof->gpus[2].name, "Fake GPU 2");
  EXPECT_FALSE(proof->gpus[1].kernel_elements);
}

class Gpu : public Driver {};

TEST_F(Gpu, ThatComputesOneElementWronglyFails) {
  faults("wrong:1");
  const facts::GpuProof bad = prove_gpu(kFake, 1);
  ASSERT_TRUE(bad.context_seconds);
  ASSERT_FALSE(bad.kernel_elements);
  EXPECT_EQ(bad.kernel_elements.error().code(), Errc::failed);
  EXPECT_THAT(bad.kernel_elements.error().message(), StartsWith("wrong result: element 4194303 is "));
  EXPECT_TRUE(bad.copy_bytes_per_second) << "the copies were right";
}

TEST_F(Gpu, ThatChangesAByteOnItsWayFails) {
  faults("copy:0");
  const facts::GpuProof bad = prove_gpu(kFake, 0);
  ASSERT_FALSE(bad.copy_bytes_per_second);
  EXPECT_EQ(bad.copy_bytes_per_second.error().code(), Errc::failed);
  EXPECT_THAT(bad.copy_bytes_per_second.error().message(),
              StartsWith("what was copied to the GPU and back differs at byte 67108860: "));
}

TEST_F(Gpu, WithoutFreeMemoryIsBusyAndNotBroken) {
  faults("memory:0");
  const facts::GpuProof full = prove_gpu(kFake, 0);
  const auto busy = AllOf(StartsWith("out of memory: another process holds the GPU ("),
                          HasSubstr("cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2)"));
  ASSERT_FALSE(full.kernel_elements);
  EXPECT_EQ(full.kernel_elements.error().code(), Errc::busy);
  EXPECT_THAT(full.kernel_elements.error().message(), busy);
  ASSERT_FALSE(full.copy_bytes_per_second);
  EXPECT_THAT(full.copy_bytes_per_second.error().message(), busy);
}

TEST_F(Gpu, ThatIsLostInAKernelFailsInCudasWords) {
  faults("lost:0");
  const facts::GpuProof lost = prove_gpu(kFake, 0);
  ASSERT_FALSE(lost.kernel_elements);
  EXPECT_EQ(lost.kernel_elements.error(),
            Error(Errc::failed, "cuCtxSynchronize: CUDA_ERROR_LAUNCH_FAILED (719): words about it"));
  EXPECT_FALSE(lost.copy_bytes_per_second);
}

TEST_F(Gpu, ThatDoesNotExistIsAnError) {
  const facts::GpuProof none = prove_gpu(kFake, 7);
  ASSERT_FALSE(none.context_seconds);
  EXPECT_THAT(none.context_seconds.error().message(),
              HasSubstr("cuDeviceGet: CUDA error (101): no description"));
}

TEST(Proof, SurvivesItsWrittenForm) {
  facts::GpuProof proof{.index = 3, .pci = "0000:06:00.0", .name = "a \"name\" \xFF"};
  proof.context_seconds = 0.125;
  proof.kernel_elements = std::uint64_t{1} << 22U;
  proof.copy_bytes_per_second = Error(Errc::busy, "words");
  const auto back = proof_from_json(proof_to_json(proof));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->name, "a \"name\" \xEF\xBF\xBD");
  proof.name = back->name;
  EXPECT_EQ(*back, proof);
}

class HostileProof : public testing::TestWithParam<const char*> {};
TEST_P(HostileProof, IsNeverAPass) {
  const auto proof = proof_from_json(GetParam());
  if (!proof) {
    EXPECT_EQ(proof.error().code(), Errc::malformed);
    return;
  }
  EXPECT_FALSE(proof->context_seconds);
  EXPECT_FALSE(proof->kernel_elements);
  EXPECT_FALSE(proof->copy_bytes_per_second);
}
INSTANTIATE_TEST_SUITE_P(
    Texts, HostileProof,
    testing::Values("", "{", "[]", "7", "{}", R"({"index":"0"})", R"({"index":0})",
                    R"({"index":0,"pci":7,"name":[],"context_seconds":"1"})",
                    R"({"index":0,"context_seconds":null,"kernel_elements":true,"copy_bytes_per_second":[]})",
                    R"({"index":0,"context_seconds":{"error":99999999999,"message":""}})",
                    R"({"index":0,"context_seconds":{"error":-1,"message":3}})",
                    R"({"index":0,"kernel_elements":{"error":"x"}})"));

}  // namespace
}  // namespace bringup::measure
