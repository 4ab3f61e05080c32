// SPDX-License-Identifier: Apache-2.0
#include <bringup/facts/native_json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>

namespace bringup::facts {
namespace {

std::string recorded(const char* name) {
  std::stringstream text;
  text << std::ifstream(std::string(BRINGUP_SOURCE_DIR "/tests/measurements/") + name).rdbuf();
  return text.str();
}

TEST(NativeJson, ReadsWhatItWrote) {
  for (const char* name : {"h100x2.json", "h200x2.json"}) {
    const auto proof = native_from_json(recorded(name));
    ASSERT_TRUE(proof) << proof.error().message();
    EXPECT_EQ(proof->gpus.size(), 2U);
    EXPECT_GT(proof->gpus[1].memory_read->median, 1e12);
    EXPECT_EQ(native_from_json(native_to_json(proof)), proof);
  }
}

TEST(NativeJson, KeepsErrorsOptionalsAndNumbersAtTheirEnds) {
  NativeGpu gpu{.index = 3, .pci = "0000:06:00.0", .name = "a \"name\"", .uuid = ""};
  gpu.memory = MemoryTest{.total_bytes = std::numeric_limits<std::uint64_t>::max(),
                          .passes = {{.pattern = "x", .errors = 1, .first_error = 0}}};
  gpu.memory_read = Error(Errc::busy, "held by somebody");
  gpu.near = false;
  gpu.load = std::vector<LoadSample>{{.at_seconds = 0.5, .watts = 700.25, .reasons = 0x80}};
  gpu.xids = std::vector<std::uint64_t>{79};
  gpu.answered = Error(Errc::timeout, "did not");
  EXPECT_EQ(part_from_json<NativeGpu>(part_to_json(gpu)), Reading<NativeGpu>(gpu));
  EXPECT_EQ(part_to_json(gpu).find('\n'), std::string::npos) << "an answer between processes is one line";
}

TEST(NativeJson, AProofThatCouldNotBeMadeIsItsError) {
  const Reading<NativeProof> none = Error(Errc::absent, "no GPU");
  EXPECT_EQ(native_from_json(native_to_json(none)), none);
}

TEST(NativeJson, WhatIsNoNumberIsNoMeasurement) {
  NativeGpu gpu;
  gpu.memory_read = Rate{.median = std::numeric_limits<double>::quiet_NaN(), .samples = {}};
  const auto back = part_from_json<NativeGpu>(part_to_json(gpu));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->memory_read.error().code(), Errc::malformed);
}

class HostileNative : public testing::TestWithParam<const char*> {};
TEST_P(HostileNative, IsMalformed) {
  const auto proof = native_from_json(GetParam());
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), Errc::malformed);
  EXPECT_FALSE(part_from_json<NativeGpu>(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Texts, HostileNative,
                         testing::Values("", "{", "[]", "null", "{}", R"({"schema":"bringup.native/1"})",
                                         R"({"schema":"bringup.native/1","gpus":7})",
                                         R"({"schema":7,"level":"full"})", R"({"index":"0"})",
                                         R"({"index":0,"pci":7})"));

TEST(NativeJson, EveryTextCutShortIsMalformed) {
  const std::string whole = recorded("h100x2.json");
  for (std::size_t length = 0; length + 2 < whole.size(); length += 997)
    EXPECT_FALSE(native_from_json(std::string_view(whole).substr(0, length)));
}

}  // namespace
}  // namespace bringup::facts
