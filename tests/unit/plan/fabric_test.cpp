// SPDX-License-Identifier: Apache-2.0
// Boards with NVSwitches: Fabric Manager comes with the driver, in its exact version, and starts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/plan/plans.hpp"
#include <algorithm>
#include <stdexcept>

namespace bringup::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing_support::ids;
using testing_support::kind;
using testing_support::plan_of;

// Eight H100 on a board with switches, and no driver.
facts::Machine board(const std::string& more = "") {
  auto machine = goal::parse_hardware(
      "gpus = [\"8x H100 SXM5 80GB\"]\nos = \"ubuntu-22.04\"\nkernel = \"5.15.0-160-generic\"\n" + more,
      "test", catalog::built_in());
  if (!machine) throw std::runtime_error(machine.error().message());
  machine->hypothetical = false;
  machine->pci.push_back({.address = "0000:05:00.0", .kind = facts::PciKind::nvswitch, .device_id = 0x22a3});
  machine->boot.enabled = std::vector<std::string>{};
  return std::move(machine).take();
}

// The same with a driver that stays.
facts::Machine with_driver(std::vector<facts::Package> packages) {
  facts::Machine machine = board("driver = { version = \"580.159.04\", flavour = \"open\" }\n");
  machine.packages.list = std::move(packages);
  return machine;
}

std::vector<std::string> packages(const steps::Plan& plan) {
  return kind<steps::InstallPackages>(plan, "fabric-packages").packages;
}

TEST(Fabric, ComesWithTheDriverAndStarts) {
  const steps::Plan plan = plan_of(board());
  const auto names = packages(plan);
  ASSERT_EQ(names.size(), 1U);
  EXPECT_TRUE(names[0].starts_with("nvidia-fabricmanager")) << names[0];
  const auto at = std::ranges::find(plan.steps, "fabric-service", &steps::Step::id);
  ASSERT_NE(at, plan.steps.end());
  EXPECT_THAT(at->needs, Contains("fabric-packages"));
  EXPECT_EQ(std::get<steps::EnableService>(at->kind),
            (steps::EnableService{.service = "nvidia-fabricmanager",
                                  .now = std::ranges::count(ids(plan), "load-module") == 1}));
}

TEST(Fabric, OfAnotherVersionIsBroughtToTheDriversUnderItsOwnName) {
  const steps::Plan plan =
      plan_of(with_driver({{.name = "nvidia-fabricmanager-580", .version = "580.126.09-1"}}));
  EXPECT_THAT(packages(plan), ElementsAre("nvidia-fabricmanager-580=580.159.04-*"));
  EXPECT_TRUE(kind<steps::EnableService>(plan, "fabric-service").now);
}

TEST(Fabric, ThatIsMissingComesFromNvidiasRepository) {
  const steps::Plan plan = plan_of(with_driver({{.name = "nvidia-open", .version = "580.159.04-1"}}));
  EXPECT_THAT(packages(plan), ElementsAre("nvidia-fabricmanager=580.159.04-*"));
  EXPECT_THAT(ids(plan), Contains("vendor-source"));
}

// Ubuntu's own goes with its drivers for servers alone.
TEST(Fabric, OfADriverOfTheDistributionsComesFromThere) {
  const std::string version = "580.159.04-0ubuntu0.22.04.1";
  const steps::Plan server = plan_of(with_driver({{.name = "nvidia-utils-580-server", .version = version}}));
  EXPECT_THAT(packages(server), ElementsAre("nvidia-fabricmanager-580=580.159.04-*"));
  const steps::Plan desktop = plan_of(with_driver({{.name = "nvidia-utils-580", .version = version}}));
  EXPECT_THAT(ids(desktop), Not(Contains("fabric-packages")));
}

TEST(Fabric, ThatFitsIsOnlyStartedWhereItIsNot) {
  facts::Machine machine = with_driver({{.name = "nvidia-fabricmanager", .version = "580.159.04-1"}});
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("fabric-packages")));
  EXPECT_THAT(ids(plan_of(machine)), Contains("fabric-service"));
  machine.boot.enabled->emplace_back("nvidia-fabricmanager");
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("fabric-service")));
}

TEST(Fabric, IsNotTouchedWhereItIsNotNeededOrNotOurs) {
  facts::Machine none = with_driver({});
  none.pci.pop_back();
  facts::Machine container = with_driver({});
  container.container = std::optional<std::string>("docker");
  facts::Machine unseen = with_driver({});
  unseen.packages.list = Error(Errc::denied, "/var/lib/dpkg/status: permission denied");
  for (const steps::Plan& plan :
       {plan_of(none), plan_of(container), plan_of(unseen), plan_of(with_driver({}), "", true)}) {
    EXPECT_THAT(ids(plan), Not(Contains("fabric-packages")));
    EXPECT_THAT(ids(plan), Not(Contains("fabric-service")));
  }
}

}  // namespace
}  // namespace bringup::plan
