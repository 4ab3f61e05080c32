// SPDX-License-Identifier: Apache-2.0
// For which machine a bundle is made.
#include <bringup/cli/bundle.hpp>

#include <gtest/gtest.h>

namespace bringup::cli {
namespace {

facts::Machine settled() {
  facts::Machine machine;
  machine.driver.loaded = std::optional(facts::LoadedModule{.version = "580.159.04"});
  machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  machine.pythons = {{.path = "/usr/bin/python3.12", .version = "3.12.3", .venv = true}};
  machine.managers = {{.kind = "uv", .path = "/usr/local/bin/uv", .version = "0.9"}};
  machine.envs = {{.path = "/opt/torch/.venv"}};
  machine.sources = {{.name = "pypi", .url = "x", .answered_seconds = 0.1},
                     {.name = "pytorch", .url = "y", .answered_seconds = 0.1}};
  return machine;
}

TEST(AsInstalled, BringsWhatTheMachineHasAlready) {
  const facts::Machine machine = as_installed(settled(), false);
  ASSERT_TRUE(machine.driver.loaded);
  EXPECT_FALSE(*machine.driver.loaded);
  EXPECT_TRUE(machine.toolkits.empty());
  EXPECT_TRUE(machine.pythons.empty());
  EXPECT_TRUE(machine.managers.empty());
  EXPECT_TRUE(machine.envs.empty());
  EXPECT_TRUE(machine.sources.at(0).answered_seconds) << "wheels come from PyPI";
  EXPECT_TRUE(machine.sources.at(1).answered_seconds) << "or from PyTorch's own index";
}

TEST(AsInstalled, OfARecordingKeepsThePythonsAlone) {
  const facts::Machine machine = as_installed(settled(), true);
  ASSERT_EQ(machine.pythons.size(), 1U);
  EXPECT_EQ(machine.pythons.at(0).path, "/usr/bin/python3.12");
  EXPECT_TRUE(machine.managers.empty());
  EXPECT_TRUE(machine.envs.empty());
  EXPECT_TRUE(machine.toolkits.empty());
}

}  // namespace
}  // namespace bringup::cli
