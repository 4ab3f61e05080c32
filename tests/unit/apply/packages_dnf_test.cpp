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

// A pattern of name and version: what it means is found in the list by its form, and taken out by its names.
TEST_F(PackagesTest, ByDnfAreHeldByPatternsOfNameAndVersion) {
  installed(true, {{"old", "2"}});
  machine.world.archive["my-versionlock"] = {.version = "1",
                                             .files = {{"/etc/dnf/plugins/versionlock.conf", "conf"}}};
  machine.world.archive["nvidia-open"] = {.version = "580.95.05"};
  machine.world.archive["libnvidia-ml"] = {.version = "580.95.05"};
  machine.world.archive["nvidia-driver"] = {.version = "590.1"};
  fake::fs::create_directories(machine.world.at("/etc"));
  const steps::HoldPackages step{.manager = "dnf", .packages = {"*nvidia*580*"}, .plugin = "my-versionlock"};
  const Json before = remember(step, hands()).value_or(Json::object());
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_FALSE(
      holds(steps::HoldPackages{.manager = "dnf", .packages = {"*nvidia*590*"}}, hands()).value_or(true));
  EXPECT_FALSE(
      holds(steps::HoldPackages{.manager = "dnf", .packages = {"*nvidia*580*", "cuda-drivers*580*"}}, hands())
          .value_or(true))
      << "each of the patterns";
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  EXPECT_FALSE(machine.view().exists("/etc/dnf/plugins/versionlock.conf"));
}

TEST_F(PackagesTest, ByDnfAreReadFromBothFormsOfItsLocks) {
  installed(true, {});
  put(machine.world.at("/etc/dnf/plugins/versionlock.list"),
      "# Added lock on Tue\nnvidia-open-3:580.95.05-1.el10.*\n!bad-0:1.0-1.*\n\nraw\n  a-b\n-\n--\n");
  put(machine.world.at("/etc/dnf/versionlock.toml"),
      "version = \"1.0\"\n[[packages]]\nname = \"kernel-core\"\n[[packages.conditions]]\nkey = "
      "\"evr\"\ncomparator = \"=\"\nvalue = \"6.19.2-300.fc44\"\n[[packages]]\nname = \"not\"\n"
      "[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"!=\"\nvalue = \"1-1\"\n[[packages]]\n"
      "comment = \"no name\"\n");
  const auto locks = version_locks(machine.view());
  ASSERT_TRUE(locks) << locks.error().message();
  std::vector<std::string> words;
  for (const VersionLock& lock : *locks) words.push_back(lock.name + " " + lock.version);
  EXPECT_EQ(words, (std::vector<std::string>{"nvidia-open 3:580.95.05-1.el10", "raw ", "a-b ", "- ", "-- ",
                                             "kernel-core 6.19.2-300.fc44"}));
  put(machine.world.at("/etc/dnf/versionlock.toml"), "packages = 1\n[[");
  EXPECT_FALSE(version_locks(machine.view())) << "what cannot be read is not nothing";
}

TEST(VersionLock, IsMeantByItsNameOrByAPattern) {
  const VersionLock lock{.name = "nvidia-open", .version = "3:580.95.05-1.el10"};
  for (const char* yes : {"nvidia-open", "*nvidia*580*", "nvidia-open*580*", "*", "nvidia*", "*el10"})
    EXPECT_TRUE(is_meant(lock, yes)) << yes;
  for (const char* no : {"nvidia", "nvidia-open-3:580.95.05-1.el10", "*nvidia*590*", "*580*nvidia*", "",
                         "*el9", "*nvidia-open-3:580.95.05-1.el10*580*"})
    EXPECT_FALSE(is_meant(lock, no)) << no;
}

TEST_F(PackagesTest, ByDnfCannotBeHeldWithoutThePluginAndThatIsSaid) {
  installed(true, {{"old", "2"}});
  const auto held = perform(steps::HoldPackages{.manager = "dnf", .packages = {"old"}}, hands());
  EXPECT_EQ(held.error().code(), Errc::unsupported);
  EXPECT_NE(held.error().message().find("dnf install python3-dnf-plugin-versionlock"), std::string::npos);
}

}  // namespace
}  // namespace bringup::apply
