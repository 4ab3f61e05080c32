// SPDX-License-Identifier: Apache-2.0
// Packages of later steps, fetched while a module is built.
#include <bringup/apply/ahead.hpp>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::step_of;

constexpr const char* kKernel = "6.1.0-25-amd64";
constexpr const char* kPlace = "/var/cache/bringup";

struct AheadTest : testing::Test {
  Machine machine;
  AheadTest() {
    fake::World& world = machine.world;
    world.archive["dpkg"] = {.version = "1.21"};
    world.archive["driver"] = {.version = "535", .builds_module = true};
    world.archive["toolkit"] = {.version = "11.8", .needs = {"lib"}, .kib = 8};
    world.archive["lib"] = {.version = "1", .kib = 2};
    fake::Packages database(world, false);
    database.all["dpkg"].version = "1.21";
    database.save();
    fake::put(world.at(std::string("/lib/modules/") + kKernel + "/build/Makefile"), "headers");
  }
  static steps::InstallPackages apt(std::string package, std::vector<std::string> kernels = {}) {
    return {.manager = "apt",
            .packages = {std::move(package)},
            .dnf_module = "",
            .builds_for = std::move(kernels)};
  }
  Result<apply::Run> go(std::vector<steps::Step> steps) {
    fake::Silent silent;
    return apply(fake::plan_of(machine, std::move(steps)), machine, fake::kClock, machine.settings(), silent);
  }
  std::string the_one(std::string_view what, std::string_view without = "\n") const {
    std::string found;
    for (const std::string& line : machine.world.ran) {
      if (!base::contains(line, what) || base::contains(line, without)) continue;
      EXPECT_EQ(found, "");
      found = line;
    }
    return found;
  }
};

TEST_F(AheadTest, TheToolkitIsFetchedWhileTheDriverIsBuiltAndTakenFromThere) {
  ASSERT_TRUE(go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))}));
  const std::string fetched = the_one("--download-only");
  EXPECT_NE(fetched.find(" toolkit "), std::string::npos) << fetched;
  EXPECT_NE(fetched.find("Debug::NoLocking=true"), std::string::npos) << fetched;
  const std::string installed = the_one("toolkit -y");
  EXPECT_NE(installed.find(std::string("Dir::Cache::archives=") + kPlace), std::string::npos) << installed;
  EXPECT_FALSE(machine.view().exists(kPlace)) << "its room is given back";
}

TEST_F(AheadTest, WithoutAModuleToBuildNothingIs) {
  ASSERT_TRUE(go({step_of("driver", apt("driver")), step_of("toolkit", apt("toolkit"))}));
  EXPECT_EQ(the_one("--download-only"), "");
}

// Before that dpkg unpacks, and what another writes then it has to wait for.
TEST_F(AheadTest, NothingIsBeforeAModulesPackageIsSetUp) {
  machine.world.archive["driver"].builds_module = false;
  machine.world.archive["dkms"] = {.version = "3"};
  machine.world.archive["driver"].needs = {"dkms"};
  ASSERT_FALSE(go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))}));
  EXPECT_EQ(the_one("--download-only"), "");
}

// On a machine that is busy with other things they would starve.
TEST_F(AheadTest, WheelsGiveWayToTheBuildOfAModuleAlone) {
  fake::put(machine.world.at("/usr/bin/python3"), "", fake::fs::perms(0755));
  machine.world.index["numpy"] = {.version = "2.3"};
  const auto environment = [] {
    return std::vector{
        step_of(
            "dl",
            steps::CreateEnv{
                .path = "/home/somebody/dl", .tool = "venv", .manager = "", .python = "/usr/bin/python3"}),
        step_of("wheels",
                steps::InstallWheels{.env = "/home/somebody/dl", .tool = "pip", .packages = {"numpy"}})};
  };
  auto steps = environment();
  const auto first = go(steps);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_TRUE(machine.world.gave_way.empty());
  steps[1] = step_of(
      "wheels", steps::InstallWheels{.env = "/home/somebody/dl", .tool = "pip", .packages = {"numpy==2.4"}});
  machine.world.index["numpy"] = {.version = "2.4"};
  steps.push_back(step_of("driver", apt("driver", {kKernel})));
  const auto second = go(steps);
  ASSERT_TRUE(second) << second.error().message();
  ASSERT_EQ(machine.world.gave_way.size(), 1U);
  EXPECT_TRUE(base::contains(machine.world.gave_way.front(), "numpy==2.4")) << machine.world.gave_way.front();
}

TEST_F(AheadTest, WithoutRoomForBothNothingIs) {
  machine.world.disks["/usr"] = {.free_bytes = 9 << 10, .total_bytes = 1 << 20};
  ASSERT_FALSE(go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))}))
      << "the toolkit itself does not fit";
  EXPECT_EQ(the_one("--download-only"), "");
  EXPECT_TRUE(fake::Packages(machine.world, false).all.contains("driver"));
}

TEST_F(AheadTest, WhatWouldBringAKernelIsNot) {
  machine.world.archive["toolkit"].needs.emplace_back("linux-image-amd64");
  machine.world.archive["linux-image-amd64"] = {.version = "6.12"};
  const auto run = go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::refused);
  EXPECT_EQ(the_one("--download-only"), "");
}

// What is there already needs no second room.
TEST_F(AheadTest, WhatWasFetchedIsNotCountedAgain) {
  fake::put(machine.world.at(std::string(kPlace) + "/archives/toolkit.deb"), std::string(4 << 10, 'a'));
  fake::put(machine.world.at(std::string(kPlace) + "/archives/partial/lib.deb"), "aa");
  EXPECT_EQ(fetched_ahead(machine.view()), 4U << 10);
  machine.world.disks["/usr"] =
      machine.world.disks["/var/cache/apt/archives"] = {.free_bytes = 12 << 10, .total_bytes = 1 << 20};
  EXPECT_TRUE(go({step_of("toolkit", apt("toolkit"))}));
  EXPECT_FALSE(machine.view().exists(kPlace));
}

// An earlier attempt may have left the directory; what fetches into it must be alone there.
TEST_F(AheadTest, TheDriverItselfIsNotTakenFromThere) {
  fake::put(machine.world.at(std::string(kPlace) + "/archives/toolkit.deb"), "a");
  ASSERT_TRUE(go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))}));
  EXPECT_EQ(the_one("driver -y").find("Dir::Cache::archives"), std::string::npos);
  EXPECT_NE(the_one("toolkit -y").find("Dir::Cache::archives"), std::string::npos);
}

TEST_F(AheadTest, UndoGivesBackWhatAFailedRunHadFetched) {
  machine.world.hooks_work = false;  // and so no module comes of it
  const auto tree = machine.tree();
  ASSERT_FALSE(go({step_of("driver", apt("driver", {kKernel})), step_of("toolkit", apt("toolkit"))}));
  fake::Silent silent;
  ASSERT_TRUE(undo("", machine, fake::kClock, machine.settings(), silent));
  EXPECT_NE(the_one("--download-only"), "");
  EXPECT_FALSE(machine.view().exists(kPlace));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

}  // namespace
}  // namespace bringup::apply
