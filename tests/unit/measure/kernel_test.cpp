// SPDX-License-Identifier: Apache-2.0
#include <bringup/host/command.hpp>
#include <bringup/measure/cuda_proof.hpp>

#include <gtest/gtest.h>

#include "ptx.hpp"
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <unistd.h>

namespace bringup::measure {
namespace {

using testing_support::Ptx;

void run_block(const Ptx& kernel, unsigned block, unsigned threads, const std::vector<std::uint32_t>& in,
               std::vector<std::uint32_t>& out, std::uint32_t count) {
  for (unsigned thread = 0; thread < threads; ++thread) {
    kernel.run({{"in", reinterpret_cast<std::uint64_t>(in.data())},
                {"out", reinterpret_cast<std::uint64_t>(out.data())},
                {"count", count},
                {"%ctaid.x", block},
                {"%ntid.x", threads},
                {"%tid.x", thread}});
  }
}

TEST(Kernel, ComputesWhatTheCpuCompares) {
  const Ptx kernel(kernel_text());
  std::mt19937 random(20261123);
  std::vector<std::uint32_t> in(4096);
  for (std::uint32_t& word : in) word = static_cast<std::uint32_t>(random());
  in[0] = 0;
  in[1] = 0xFFFFFFFF;
  std::vector<std::uint32_t> out(in.size());
  for (unsigned block = 0; block < 16; ++block) run_block(kernel, block, 256, in, out, 4096);
  for (std::uint32_t i = 0; i < in.size(); ++i) ASSERT_EQ(out[i], mix(in[i], i)) << i;
}

TEST(Kernel, WritesNothingBehindItsEnd) {
  const Ptx kernel(kernel_text());
  const std::vector<std::uint32_t> in(256, 7);
  std::vector<std::uint32_t> out(256, 0xABCD);
  run_block(kernel, 0, 256, in, out, 100);
  EXPECT_EQ(out[99], mix(7, 99));
  for (std::size_t i = 100; i < out.size(); ++i) ASSERT_EQ(out[i], 0xABCDU) << i;
}

TEST(Kernel, GivesEveryElementAnAnswerOfItsOwn) {
  // one input everywhere: the index must matter, or threads that all compute element 0 would go unseen
  std::set<std::uint32_t> answers;
  for (std::uint32_t i = 0; i < 10000; ++i) answers.insert(mix(42, i));
  EXPECT_EQ(answers.size(), 10000U);
}

class Assembled : public testing::TestWithParam<const char*> {};
TEST_P(Assembled, ByNvidiasOwnAssembler) {
  const std::string ptxas = "/usr/local/cuda/bin/ptxas";
  if (::access(ptxas.c_str(), X_OK) != 0) GTEST_SKIP() << ptxas << " is not there";
  const auto file =
      std::filesystem::temp_directory_path() / ("bringup-" + std::to_string(::getpid()) + ".ptx");
  std::ofstream(file) << kernel_text();
  const auto outcome =
      host::run({.argv = {ptxas, "-arch=" + std::string(GetParam()), "-o", "/dev/null", file.string()}});
  std::filesystem::remove(file);
  ASSERT_TRUE(outcome) << outcome.error().message();
  if (outcome->err.find("is not defined for option 'gpu-name'") != std::string::npos) {
    GTEST_SKIP() << "this ptxas does not know " << GetParam();
  }
  EXPECT_TRUE(outcome->success()) << outcome->out << outcome->err;
}
INSTANTIATE_TEST_SUITE_P(Ptxas, Assembled,
                         testing::Values("sm_50", "sm_70", "sm_75", "sm_90", "sm_100", "sm_120"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace bringup::measure
