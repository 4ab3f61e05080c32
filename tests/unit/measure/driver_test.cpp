// SPDX-License-Identifier: Apache-2.0
// What children do with a driver that is a real shared object, and wrong in every way that can be thought of.
#include <bringup/measure/measure.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/environment.hpp>

namespace bringup::measure {
namespace {

using namespace std::chrono_literals;
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

}  // namespace
}  // namespace bringup::measure
