// SPDX-License-Identifier: Apache-2.0
// The PTX that is compiled in is what the sources beside it say, NVIDIA's own assembler takes it for every
// GPU it is meant for, and the patterns tell one address from another.
#include <bringup/host/command.hpp>
#include <bringup/measure/bench.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <support/fake_kernels.hpp>
#include <unistd.h>

namespace bringup::measure {
namespace {

namespace fs = std::filesystem;

TEST(Kernels, AreWhatTheirSourcesSay) {
  const auto compiler = host::run({.argv = {"clang++-14", "--version"}});
  if (!compiler || !compiler->success()) GTEST_SKIP() << "clang++-14 is not there";
  const fs::path folder = fs::temp_directory_path() / ("bringup-kernels-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto made = host::run({.argv = {BRINGUP_SOURCE_DIR "/tools/kernels", folder.string()}});
  ASSERT_TRUE(made && made->success()) << (made ? made->err : made.error().message());
  for (const char* name : {"memory.ptx", "numbers.ptx", "exact.ptx", "matrix.ptx"}) {
    std::stringstream text;
    text << std::ifstream(folder / name).rdbuf();
    EXPECT_FALSE(text.str().empty()) << name;
    EXPECT_TRUE(text.str() == embedded(name)) << name << " is stale: run tools/kernels";
  }
  fs::remove_all(folder);
}

class KernelsFor : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(KernelsFor, AreTakenByNvidiasAssembler) {
  const std::string ptxas = "/usr/local/cuda/bin/ptxas";
  if (::access(ptxas.c_str(), X_OK) != 0) GTEST_SKIP() << ptxas << " is not there";
  const auto [name, architecture] = GetParam();
  const fs::path file = fs::temp_directory_path() / ("bringup-" + std::to_string(::getpid()) + name);
  std::ofstream(file) << embedded(name);
  const auto outcome =
      host::run({.argv = {ptxas, std::string("-arch=") + architecture, "-o", "/dev/null", file.string()}});
  fs::remove(file);
  ASSERT_TRUE(outcome) << outcome.error().message();
  if (outcome->err.find("is not defined for option 'gpu-name'") != std::string::npos)
    GTEST_SKIP() << "this ptxas does not know " << architecture;
  EXPECT_TRUE(outcome->success()) << outcome->err;
}
INSTANTIATE_TEST_SUITE_P(Ptxas, KernelsFor,
                         testing::Values(std::pair("memory.ptx", "sm_75"), std::pair("memory.ptx", "sm_120"),
                                         std::pair("numbers.ptx", "sm_75"),
                                         std::pair("numbers.ptx", "sm_120"), std::pair("exact.ptx", "sm_75"),
                                         std::pair("exact.ptx", "sm_90"), std::pair("matrix.ptx", "sm_80"),
                                         std::pair("matrix.ptx", "sm_86"), std::pair("matrix.ptx", "sm_90"),
                                         std::pair("matrix.ptx", "sm_120")));

TEST(Pattern, IsAnotherForEachIndexEvenFarApart) {
  std::set<std::pair<fake::U32, fake::U32>> seen;
  for (fake::U64 high = 0; high < 8; ++high) {
    for (fake::U64 low = 0; low < 4096; ++low) {
      const fake::Quad quad = fake::pattern((high << 32U) + low * 1048573U, 7, 0);
      EXPECT_TRUE(seen.insert({quad.x, quad.y}).second) << high << " " << low;
    }
  }
}

TEST(Pattern, HasEveryBitInBothStates) {
  fake::U32 ones = 0;
  fake::U32 zeros = 0;
  for (fake::U64 index = 0; index < 64; ++index) {
    const fake::Quad quad = fake::pattern(index, 7, 0);
    const fake::Quad inverse = fake::pattern(index, 7, ~0U);
    ones |= quad.x;
    zeros |= ~quad.x;
    EXPECT_EQ(quad.x ^ inverse.x, ~0U);
    EXPECT_EQ(quad.w ^ inverse.w, ~0U);
  }
  EXPECT_EQ(ones & zeros, ~0U);
}

TEST(Elements, AreTheSameWholeNumbersInEveryType) {
  for (fake::U32 word = 0; word < 100'000; word += 37) {
    const fake::U32 mixed = word * 0x9E3779B9U;
    const float number = static_cast<float>(static_cast<signed char>(fake::element(mixed, fake::kInt8, 1)));
    EXPECT_LE(std::fabs(number), 4.0F);
    const fake::U32 single = fake::element(mixed, fake::kTf32, 1);
    EXPECT_EQ(__builtin_bit_cast(float, single), number);
    const auto brain = static_cast<unsigned short>(fake::element(mixed, fake::kBf16, 1));
    EXPECT_EQ(fake::number(fake::kBf16, reinterpret_cast<const unsigned char*>(&brain)), number);
    const auto half = static_cast<unsigned short>(fake::element(mixed, fake::kFp16, 1));
    EXPECT_EQ(fake::number(fake::kFp16, reinterpret_cast<const unsigned char*>(&half)), number);
    const fake::U32 eight = fake::element(mixed, fake::kFp8, 1);
    const float size = (eight & 127U) == 0 ? 0
                                           : std::ldexp(static_cast<float>(8U + (eight & 7U)),
                                                        static_cast<int>((eight >> 3U) & 15U) - 10);
    EXPECT_EQ((eight & 128U) != 0 ? -size : size, number);
  }
}

}  // namespace
}  // namespace bringup::measure
