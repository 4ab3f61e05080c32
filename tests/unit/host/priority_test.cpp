// SPDX-License-Identifier: Apache-2.0
// Programs that run beside others: they give way, and are stopped when nobody wants them any more.
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace bringup::host {
namespace {

std::int64_t niceness(bool gives_way) {
  const auto told = run({.argv = {"nice"}, .gives_way = gives_way});
  return told ? base::to_integer(base::trim(told->out)).value_or(-99) : -99;
}

TEST(Beside, GivesWay) {
  EXPECT_EQ(niceness(true), std::min<std::int64_t>(niceness(false) + 10, 19));
}

TEST(Beside, IsStoppedWhenNobodyWantsItAnyMore) {
  std::atomic<bool> unwanted = false;
  std::thread soon([&unwanted] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    unwanted = true;
  });
  const auto began = std::chrono::steady_clock::now();
  const auto outcome =
      run({.argv = {"sleep", "60"}, .deadline = std::chrono::minutes(2), .no_longer = &unwanted});
  soon.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), Errc::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

}  // namespace
}  // namespace bringup::host
