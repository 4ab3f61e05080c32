// SPDX-License-Identifier: Apache-2.0
// The same over a fake dnf.
#include "packages_fixture.hpp"

namespace bringup::apply {
namespace {

TEST_F(PackagesTest, ByDnfComeAndGoWithTheirModuleStream) {
  installed(true, {{"old", "2"}});
  const auto tree = machine.tree();
  const auto step = dnf({"tool"}, "nvidia-driver:595-open");
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(holds(dnf({"tool"}, "nvidia-driver:580-open"), hands()).value_or(true));
  EXPECT_EQ(ran("dnf -y --setopt=install_weak_deps=False install tool"), 1U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

// dnf takes the key that a source names into rpm's own list with the first package, and cannot take it out
// again.
TEST_F(PackagesTest, ByDnfGoWithTheKeyThatCameWithThem) {
  installed(true, {{"old", "2"}});
  const auto tree = machine.tree();
  const auto step = dnf({"tool"});
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  installed(true, {{"gpg-pubkey", "d42d0685-62589a51"}});
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(ran("rpm -e gpg-pubkey-d42d0685-62589a51"), 1U);
  for (const std::string& line : machine.world.ran)
    EXPECT_FALSE(line.starts_with("dnf") && base::contains(line, "gpg-pubkey")) << line;
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PackagesTest, ByDnfAreRefusedLikewise) {
  installed(true, {{"old", "2"}});
  machine.world.archive["tool"].replaces = {"old"};
  expect_refused(dnf({"tool"}), "old");
  machine.world.archive["tool"].replaces = {};
  machine.world.archive["old"].version = "1";
  expect_refused(dnf({"old"}), "old");
  machine.world.archive["kernel-core"] = {.version = "1"};
  machine.world.archive["tool"].needs = {"kernel-core"};
  expect_refused(dnf({"tool"}), "kernel-core");
}

TEST_F(PackagesTest, ByDnfAreHeldByItsPluginWhichComesAndGoesWithIt) {
  installed(true, {{"old", "2"}});
  machine.world.archive["python3-dnf-plugin-versionlock"] = {
      .version = "1", .files = {{"/etc/dnf/plugins/versionlock.conf", "conf"}}};
  fake::fs::create_directories(machine.world.at("/etc"));
  const auto tree = machine.tree();
  const steps::HoldPackages step{.manager = "dnf", .packages = {"old"}};
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(holds(steps::HoldPackages{.manager = "dnf", .packages = {"ol"}}, hands()).value_or(true));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  EXPECT_FALSE(machine.view().exists("/etc/dnf/plugins/versionlock.conf"));
  EXPECT_EQ(slurp(machine.world.at("/var/lib/rpm/packages")), "old\t2\tx86_64\n");
}

TEST_F(PackagesTest, ByDnfCannotBeHeldWithoutThePluginAndThatIsSaid) {
  installed(true, {{"old", "2"}});
  const auto held = perform(steps::HoldPackages{.manager = "dnf", .packages = {"old"}}, hands());
  EXPECT_EQ(held.error().code(), Errc::unsupported);
  EXPECT_NE(held.error().message().find("dnf install python3-dnf-plugin-versionlock"), std::string::npos);
}

}  // namespace
}  // namespace bringup::apply
