// SPDX-License-Identifier: Apache-2.0
#include <bringup/cli/live.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::cli {
namespace {

using measure::NativeProgress;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::ResultOf;

NativeProgress soak() {
  NativeProgress progress{.phase = "soak", .done = 0.25, .gpus = {}};
  for (const char* pci : {"0000:06:00.0", "0000:07:00.0"}) {
    progress.gpus.push_back({.pci = pci,
                             .name = "NVIDIA H100 80GB HBM3",
                             .now = facts::LoadSample{.sm_megahertz = 1755, .watts = 689.4, .celsius = 71},
                             .errors = 0,
                             .operations = 6.12e14});
  }
  return progress;
}

TEST(Live, ShowsEachGpuOfASoakAndTheTimeThatIsLeft) {
  const auto lines = live_lines(soak(), 150, 79);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines[0], HasSubstr("[#####...............]  25 %  2 min 30 s, about 7 min 30 s left"));
  EXPECT_THAT(lines[2], HasSubstr("0000:06:00.0   612 TFLOP/s   689 W   71 C  1755 MHz  none"));
  EXPECT_THAT(lines[4], HasSubstr("Ctrl-C"));
}

TEST(Live, NeverHidesAnErrorNorInventsAFigure) {
  NativeProgress progress = soak();
  progress.gpus[1].errors = 3;
  progress.gpus[0].now.reset();
  progress.gpus[0].operations.reset();
  const auto lines = live_lines(progress, 150, 79);
  EXPECT_THAT(lines[3], HasSubstr("3 ERRORS"));
  EXPECT_THAT(lines[2], Not(HasSubstr("0 W")));
  EXPECT_THAT(lines[2], HasSubstr("-"));
}

TEST(Live, KeepsWithinTheScreen) {
  const auto width = [](const std::string& line) { return line.size(); };
  NativeProgress progress = soak();
  progress.gpus[0].pci = std::string(100, 'x') + "\x1b[2J";
  EXPECT_THAT(live_lines(progress, 1e6, 60), Each(ResultOf(width, testing::Le(62U))));
  for (const std::string& line : live_lines(progress, 1e6, 60)) EXPECT_THAT(line, Not(HasSubstr("\x1b")));
}

TEST(Live, IsOneLineForAShortProof) {
  const auto lines = live_lines({.phase = "memory", .done = 0.5, .gpus = {}}, 1.2, 79);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("measuring [##########..........]  50 %"));
  EXPECT_THAT(lines[0], HasSubstr("memory"));
}

}  // namespace
}  // namespace bringup::cli
