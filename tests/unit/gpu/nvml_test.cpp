// SPDX-License-Identifier: Apache-2.0
#include <bringup/facts/nvml_json.hpp>
#include <bringup/gpu/library.hpp>
#include <bringup/gpu/nvml.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using namespace bringup;

class Nvml : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name :
         {"FAKE_NVML_GPUS", "FAKE_NVML_FAIL", "FAKE_NVML_LINKS", "FAKE_NVML_PROCESSES", "FAKE_NVML_SWITCHES"})
      ::unsetenv(name);
  }
  static void given(const char* name, const std::string& value) {
    ASSERT_EQ(::setenv(name, value.c_str(), 1), 0);
  }
};

TEST_F(Nvml, SaysWhoItIs) {
  given("FAKE_NVML_GPUS", "1");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->driver_version, "580.159.04");
  EXPECT_EQ(snapshot->nvml_version, "13.580.159.04");
  EXPECT_EQ(snapshot->cuda_driver_version, 13000);
  EXPECT_EQ(snapshot->library_path, BRINGUP_FAKE_NVML);
}

TEST_F(Nvml, NoGpuIsASnapshotWithoutGpusAndNotAnError) {
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->gpus.empty());
}

TEST_F(Nvml, EveryFactComesFromItsOwnFunction) {
  given("FAKE_NVML_GPUS", "2");
  given("FAKE_NVML_LINKS", "12");
  given("FAKE_NVML_PROCESSES", "3");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gpus.size(), 2U);
  const facts::NvmlGpu expected{
      .index = 1,
      .pci = "0000:1b:00.0",
      .name = "NVIDIA Fake 1",
      .uuid = "GPU-00000000-0000-4000-8000-000000000001",
      .compute_capability = std::string("9.0"),
      .memory_bytes = 80ULL << 30U,
      .memory_used_bytes = std::uint64_t{513},
      .link = facts::PcieLink{.generation = 1, .max_generation = 5, .width = 8, .max_width = 16},
      .persistence = false,
      .mig = false,
      .ecc = true,
      .ecc_uncorrected = std::uint64_t{41},
      .power_limit_watts = 650.5,
      .power_default_watts = 700.0,
      .power_watts = 80.49,
      .temperature_celsius = 36.0,
      .nvlinks_active = 11,
      .nvlink_peers =
          std::vector{facts::NvlinkPeer{.pci = "0000:0b:00.0", .kind = facts::NvlinkEnd::gpu, .links = 11}},
      .reads_from = std::vector<std::string>{"0000:0b:00.0"},
      .processes = 3,
      .bar1_bytes = 128ULL << 30U,
      .row_remap_pending = false,
      .row_remap_failed = true,
      .clock_reasons = std::uint64_t{4}};
  EXPECT_EQ(snapshot->gpus[1], expected) << facts::nvml_to_json(snapshot);
  EXPECT_EQ(snapshot->gpus[0].persistence, facts::Reading<bool>(true));
  EXPECT_EQ(snapshot->gpus[0].ecc_uncorrected, facts::Reading<std::uint64_t>(40U));
}

TEST_F(Nvml, WritesAddressesAsTheKernelDoes) {
  given("FAKE_NVML_GPUS", "8");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gpus.size(), 8U);
  EXPECT_EQ(snapshot->gpus[0].pci, "0000:0b:00.0");
  EXPECT_EQ(snapshot->gpus[7].pci, "00010000:7b:00.0") << "a domain above ffff keeps its digits";
}

// A GPU that fell off the bus must not take the others with it.
TEST_F(Nvml, AFailingCallBelongsToItsGpuAlone) {
  given("FAKE_NVML_GPUS", "3");
  given("FAKE_NVML_FAIL", "Memory:1:15 Temperature:1:15 PowerLimit:*:3 Mig:2:4 RemappedRows:0:3");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gpus.size(), 3U);
  EXPECT_TRUE(snapshot->gpus[0].memory_bytes);
  EXPECT_TRUE(snapshot->gpus[2].temperature_celsius);
  ASSERT_FALSE(snapshot->gpus[1].memory_bytes);
  EXPECT_EQ(snapshot->gpus[1].memory_bytes.error(), Error(Errc::failed, "NVML: GPU is lost (15)"));
  EXPECT_FALSE(snapshot->gpus[1].memory_used_bytes);
  EXPECT_FALSE(snapshot->gpus[1].temperature_celsius);
  EXPECT_TRUE(snapshot->gpus[1].link);
  for (const facts::NvmlGpu& gpu : snapshot->gpus) {
    ASSERT_FALSE(gpu.power_limit_watts);
    EXPECT_EQ(gpu.power_limit_watts.error().code(), Errc::unsupported);
    EXPECT_TRUE(gpu.power_default_watts);
  }
  ASSERT_FALSE(snapshot->gpus[2].mig);
  EXPECT_EQ(snapshot->gpus[2].mig.error().code(), Errc::denied);
  EXPECT_TRUE(snapshot->gpus[0].mig);
  EXPECT_FALSE(snapshot->gpus[0].row_remap_pending);
  EXPECT_FALSE(snapshot->gpus[0].row_remap_failed);
}

TEST_F(Nvml, AGpuWithoutAHandleIsStillCounted) {
  given("FAKE_NVML_GPUS", "2");
  given("FAKE_NVML_FAIL", "Handle:0:15");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gpus.size(), 2U);
  const Error lost(Errc::failed, "NVML: GPU is lost (15)");
  EXPECT_EQ(snapshot->gpus[0].memory_bytes, facts::Reading<std::uint64_t>(lost));
  EXPECT_EQ(snapshot->gpus[0].link, facts::Reading<facts::PcieLink>(lost));
  EXPECT_EQ(snapshot->gpus[0].processes, facts::Reading<int>(lost));
  EXPECT_EQ(snapshot->gpus[0].row_remap_failed, facts::Reading<bool>(lost));
  EXPECT_TRUE(snapshot->gpus[1].memory_bytes);
}

TEST_F(Nvml, ACardWithoutNvlinkSaysSoAndIsNotACardWithLinksDown) {
  given("FAKE_NVML_GPUS", "1");
  auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_FALSE(snapshot->gpus[0].nvlinks_active);
  EXPECT_EQ(snapshot->gpus[0].nvlinks_active.error().code(), Errc::unsupported);
  given("FAKE_NVML_LINKS", "1");
  snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->gpus[0].nvlinks_active, facts::Reading<int>(0));
}

TEST_F(Nvml, CountsTheLinksToEachOtherEnd) {
  given("FAKE_NVML_GPUS", "3");
  given("FAKE_NVML_LINKS", "6");
  auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  using facts::NvlinkPeer;
  ASSERT_TRUE(snapshot->gpus[1].nvlink_peers);
  EXPECT_EQ(*snapshot->gpus[1].nvlink_peers,
            (std::vector<NvlinkPeer>{{.pci = "0000:0b:00.0", .kind = facts::NvlinkEnd::gpu, .links = 2},
                                     {.pci = "0000:2b:00.0", .kind = facts::NvlinkEnd::gpu, .links = 3}}))
      << "the sixth link is down";
  given("FAKE_NVML_SWITCHES", "2");
  snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_TRUE(snapshot->gpus[0].nvlink_peers);
  EXPECT_EQ(
      *snapshot->gpus[0].nvlink_peers,
      (std::vector<NvlinkPeer>{{.pci = "0000:c0:00.0", .kind = facts::NvlinkEnd::nvswitch, .links = 3},
                               {.pci = "0000:c1:00.0", .kind = facts::NvlinkEnd::nvswitch, .links = 2}}));
}

TEST_F(Nvml, WhereLinksLeadIsUnknownWhenTheCallFailsAndNotNowhere) {
  given("FAKE_NVML_GPUS", "2");
  given("FAKE_NVML_LINKS", "4");
  given("FAKE_NVML_FAIL", "RemotePci:0:4 P2P:1:999");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_FALSE(snapshot->gpus[0].nvlink_peers);
  EXPECT_EQ(snapshot->gpus[0].nvlink_peers.error().code(), Errc::denied);
  EXPECT_TRUE(snapshot->gpus[0].reads_from);
  EXPECT_TRUE(snapshot->gpus[1].nvlink_peers);
  EXPECT_FALSE(snapshot->gpus[1].reads_from);
}

TEST_F(Nvml, WhoIsJoinedToWhomIsTheSameAfterARecording) {
  given("FAKE_NVML_GPUS", "4");
  given("FAKE_NVML_LINKS", "12");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gpus[2].reads_from, facts::Reading<std::vector<std::string>>({"0000:3b:00.0"}));
  const auto again = facts::nvml_from_json(facts::nvml_to_json(snapshot));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *snapshot);
}

TEST_F(Nvml, AnOldLibraryLeavesOnlyWhatItLacks) {
  given("FAKE_NVML_GPUS", "1");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML_OLD);
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  ASSERT_EQ(snapshot->gpus.size(), 1U);
  EXPECT_EQ(snapshot->gpus[0].memory_bytes, facts::Reading<std::uint64_t>(80ULL << 30U));
  EXPECT_EQ(snapshot->gpus[0].memory_used_bytes, facts::Reading<std::uint64_t>(4096U))
      << "the older call stands in for the newer one";
  ASSERT_FALSE(snapshot->gpus[0].processes);
  EXPECT_EQ(snapshot->gpus[0].processes.error().code(), Errc::unsupported);
  ASSERT_FALSE(snapshot->gpus[0].row_remap_pending);
  EXPECT_EQ(snapshot->gpus[0].row_remap_pending.error().code(), Errc::unsupported);
}

TEST_F(Nvml, ItsOwnWordsAreKeptWhenItDoesNotStart) {
  given("FAKE_NVML_FAIL", "Init:*:18");
  const auto snapshot = gpu::read_nvml(BRINGUP_FAKE_NVML);
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code(), Errc::failed);
  EXPECT_THAT(snapshot.error().message(), testing::HasSubstr("Driver/library version mismatch"));
}

TEST_F(Nvml, ACountThatFailsIsAnErrorAndNotZero) {
  given("FAKE_NVML_GPUS", "2");
  given("FAKE_NVML_FAIL", "Count:*:999");
  EXPECT_FALSE(gpu::read_nvml(BRINGUP_FAKE_NVML));
}

TEST_F(Nvml, NoLibraryIsAbsentAndAnotherLibraryIsUnsupported) {
  const auto absent = gpu::read_nvml("libnvidia-ml-that-nobody-has.so.1");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), Errc::absent);
  const auto other = gpu::read_nvml("libm.so.6");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), Errc::unsupported);
  EXPECT_THAT(other.error().message(), testing::HasSubstr("nvmlInit_v2"));
}

TEST(Library, BindsByTheTypeOfTheSlot) {
  const auto library = gpu::Library::open(BRINGUP_FAKE_NVML);
  ASSERT_TRUE(library);
  int (*function)(int*) = nullptr;
  ASSERT_TRUE(library->bind(function, "nvmlSystemGetCudaDriverVersion_v2"));
  int version = 0;
  EXPECT_EQ(function(&version), 0);
  EXPECT_EQ(version, 13000);
  EXPECT_FALSE(library->bind(function, "nvmlNoSuchFunction"));
  EXPECT_EQ(function, nullptr);
}

}  // namespace
