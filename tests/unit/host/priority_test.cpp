// SPDX-License-Identifier: Apache-2.0
// Programs that run beside others: they give way, and are stopped when nobody wants them any more.
#include <bringup/base/text.hpp>
#include <bringup/host/command.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <sys/resource.h>
#include <thread>

namespace bringup::host {
namespace {

std::string niceness(bool gives_way) {
  const auto told = run({.argv = {"nice"}, .gives_way = gives_way});
  return told ? std::string(base::trim(told->out)) : "";
}

TEST(Beside, GivesWayToAllOthers) {
  EXPECT_EQ(niceness(true), "19");
  EXPECT_EQ(niceness(false), std::to_string(::getpriority(PRIO_PROCESS, 0)));
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
