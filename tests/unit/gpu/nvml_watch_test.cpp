// SPDX-License-Identifier: Apache-2.0
#include <bringup/gpu/nvml_watch.hpp>

#include <gtest/gtest.h>

#include <support/environment.hpp>

namespace bringup::gpu {
namespace {

using testing_support::Variable;

class Watch : public testing::Test {
 protected:
  Variable gpus_{"FAKE_NVML_GPUS", "3"};
  Variable fail_{"FAKE_NVML_FAIL", std::nullopt};
  Variable processes_{"FAKE_NVML_PROCESSES", std::nullopt};
  Variable links_{"FAKE_NVML_LINKS", std::nullopt};
};

TEST_F(Watch, DescribesWhatAGpuIsBuiltOf) {
  const Variable links("FAKE_NVML_LINKS", "18");
  const auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_EQ(watch->count(), 3);
  const facts::NativeGpu gpu = watch->describe(1);
  EXPECT_EQ(gpu.pci, "0000:1b:00.0");
  EXPECT_EQ(gpu.name, "NVIDIA Fake 1");
  ASSERT_TRUE(gpu.build) << gpu.build.error().message();
  EXPECT_EQ(*gpu.build, (facts::GpuBuild{.compute_capability = "9.0",
                                         .multiprocessors = 0,
                                         .sm_megahertz_most = 1980,
                                         .memory_megahertz_most = 2619,
                                         .memory_bus_bits = 5120}));
  EXPECT_EQ(*gpu.link, (facts::PcieLink{.generation = 1, .max_generation = 5, .width = 8, .max_width = 16}));
  EXPECT_EQ(*gpu.nvlink, (facts::NvlinkState{.links = 18, .active = 17, .version = 4}));
  EXPECT_EQ(*gpu.power_limit_watts, 640.25);
  EXPECT_EQ(*gpu.power_default_watts, 700);
  EXPECT_TRUE(gpu.holders->empty());
  EXPECT_EQ(*gpu.errors_before,
            (facts::ErrorCounts{
                .ecc_corrected = 9999, .ecc_uncorrected = 41, .rows_remapped = 15, .pcie_replays = 12}));
}

TEST_F(Watch, SamplesHowItRuns) {
  const auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch);
  EXPECT_EQ(watch->sample(0), (facts::LoadSample{.at_seconds = 0,
                                                 .sm_megahertz = 1755,
                                                 .memory_megahertz = 2600,
                                                 .watts = 80.49,
                                                 .celsius = 36,
                                                 .reasons = 4,
                                                 .link_generation = 1,
                                                 .link_width = 8}));
}

TEST_F(Watch, LeavesOutWhatNvmlRefuses) {
  const Variable fail("FAKE_NVML_FAIL", "Power:1:3 Clock:1:3 BusWidth:1:3 EccErrors:1:3");
  const auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch);
  EXPECT_FALSE(watch->sample(1).watts);
  EXPECT_FALSE(watch->sample(1).sm_megahertz);
  EXPECT_TRUE(watch->sample(1).celsius);
  EXPECT_TRUE(watch->sample(0).watts);
  EXPECT_EQ(watch->describe(1).build.error(), Error(Errc::unsupported, "NVML: Not Supported (3)"));
  EXPECT_FALSE(watch->errors(1)->ecc_uncorrected);
}

TEST_F(Watch, NamesWhoHoldsAGpu) {
  const Variable processes("FAKE_NVML_PROCESSES", "100");
  const auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch);
  const auto holders = watch->holders(0);
  ASSERT_TRUE(holders) << holders.error().message();
  ASSERT_EQ(holders->size(), 100U) << "more than there was room for at first";
  EXPECT_EQ((*holders)[0].pid, 1);
  EXPECT_NE((*holders)[0].name, "") << "process 1 has a name everywhere";
  EXPECT_EQ((*holders)[0].bytes, 3ULL << 30U);
}

TEST_F(Watch, HearsXidsOnce) {
  const Variable xid("FAKE_NVML_XID", "1");
  auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch);
  EXPECT_TRUE(watch->heard().empty()) << "it was not listening";
  ASSERT_TRUE(watch->listen());
  const auto heard = watch->heard();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].index, 2);
  EXPECT_EQ(heard[0].number, 79U);
  EXPECT_TRUE(watch->heard().empty());
}

TEST_F(Watch, SaysWhyItCannotListen) {
  const Variable fail("FAKE_NVML_FAIL", "Register:1:3");
  auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(watch);
  EXPECT_EQ(watch->listen().error().code(), Errc::unsupported);
}

TEST_F(Watch, DoesWithoutWhatOldVersionsLack) {
  auto watch = NvmlWatch::open(BRINGUP_FAKE_NVML_OLD);
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_EQ(watch->sample(0), facts::LoadSample{});
  EXPECT_EQ(watch->describe(0).build.error().code(), Errc::unsupported);
  EXPECT_EQ(watch->holders(0).error().code(), Errc::unsupported);
  EXPECT_EQ(watch->listen().error().code(), Errc::unsupported);
}

TEST_F(Watch, IsNoneWithoutNvml) {
  EXPECT_EQ(NvmlWatch::open("libnvidia-ml-of-nobody.so.1").error().code(), Errc::absent);
  const Variable fail("FAKE_NVML_FAIL", "Handle:2:15");
  EXPECT_EQ(NvmlWatch::open(BRINGUP_FAKE_NVML).error(), Error(Errc::failed, "GPU 2: NVML: GPU is lost (15)"));
}

}  // namespace
}  // namespace bringup::gpu
