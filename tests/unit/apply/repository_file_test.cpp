// SPDX-License-Identifier: Apache-2.0
// Packages out of a repository that comes as one package.
#include <bringup/base/digest.hpp>

#include "packages_fixture.hpp"

namespace bringup::apply {
namespace {

struct RepositoryFile : PackagesTest {
  const std::string text = "4096 cuda-repo-debian12-13-0-local";
  const steps::InstallFromRepositoryFile step{
      .path = "/root/repo.deb", .sha256 = base::sha256_hex(text), .packages = {"cuda-toolkit-13-0"}};
  RepositoryFile() {
    put(machine.world.at("/root/repo.deb"), text);
    machine.world.archive["cuda-toolkit-13-0"] = {
        .version = "13.0.2", .only_with = "/etc/apt/sources.list.d/bringup-repository.sources"};
  }
  void expect_cleared() const {
    EXPECT_FALSE(machine.view().exists("/var/cache/bringup-repository"));
    EXPECT_FALSE(machine.view().exists("/etc/apt/sources.list.d/bringup-repository.sources"));
  }
};

TEST_F(RepositoryFile, GivesItsPackagesAndLeavesNothingOfItself) {
  const auto tree = machine.tree();
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_TRUE(dpkg_database(machine.view())->contains("cuda-toolkit-13-0"));
  expect_cleared();
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(RepositoryFile, ThatIsAnotherThanThePlannedOneIsNotOpened) {
  put(machine.world.at("/root/repo.deb"), text + "!");
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::refused);
  EXPECT_EQ(ran("dpkg-deb"), 0U);
}

TEST_F(RepositoryFile, ForWhichThereIsNoRoomIsNotUnpacked) {
  machine.world.disks["/var"] = {.free_bytes = 1U << 20U, .total_bytes = 500U << 20U};
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::io);
  EXPECT_NE(done.error().message().find("4 MiB below /var"), std::string::npos) << done.error().message();
  expect_cleared();
}

TEST_F(RepositoryFile, WhosePackagesWouldRemoveOthersLeavesNothingEither) {
  machine.world.archive["cuda-toolkit-13-0"].replaces = {"old"};
  const auto tree = machine.tree();
  const auto done = perform(step, hands());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Errc::refused);
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(RepositoryFile, ThatIsGoneWhenItIsNeededNoMoreIsNotMissed) {
  ASSERT_TRUE(perform(step, hands()));
  fake::fs::remove(machine.world.at("/root/repo.deb"));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_TRUE(perform(step, hands()));
}

}  // namespace
}  // namespace bringup::apply
