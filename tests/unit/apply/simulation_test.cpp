// SPDX-License-Identifier: Apache-2.0
// What package managers say, read.
#include "packages_fixture.hpp"

namespace bringup::apply {
namespace {

TEST(DnfSimulation, IsReadWithWrappedRowsAndReplacedPackages) {
  const Simulation simulation = parse_dnf_simulation(
      "Dependencies resolved.\n"
      "=====\n"
      " Package        Arch   Version   Repository  Size\n"
      "=====\n"
      "Installing:\n"
      " a-package-with-a-very-long-name\n"
      "                x86_64 1.0       repo        10 k\n"
      "     replacing  gone.x86_64 1.0-1\n"
      "Upgrading:\n"
      " b              x86_64 2.0       repo        10 k\n"
      "     replacing  b.x86_64 1.0-1\n"
      "Removing dependent packages:\n"
      " c              x86_64 1.0       @repo       10 k\n"
      "Downgrading:\n"
      " d              x86_64 1.0       repo        10 k\n"
      "\n"
      "Transaction Summary\n"
      "=====\n"
      "Install  1 Package\n");
  EXPECT_EQ(simulation.installs, (std::vector<std::string>{"a-package-with-a-very-long-name", "b"}));
  EXPECT_EQ(simulation.removes, (std::vector<std::string>{"gone", "c"}));
  EXPECT_EQ(simulation.downgrades, std::vector<std::string>{"d"});
}

TEST(AptSimulation, IsReadWithHeldAndDowngradedPackages) {
  const Simulation simulation = parse_apt_simulation(
      "Reading package lists...\n"
      "The following held packages will be changed:\n"
      "  libc6\n"
      "The following packages will be DOWNGRADED:\n"
      "  a b\n"
      "0 upgraded, 1 newly installed, 2 downgraded, 1 to remove and 0 not upgraded.\n"
      "Remv old [1.0]\n"
      "Inst new (1.0 Debian:12/stable [amd64])\n"
      "Conf new (1.0 Debian:12/stable [amd64])\n");
  EXPECT_EQ(simulation.held, std::vector<std::string>{"libc6"});
  EXPECT_EQ(simulation.downgrades, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(simulation.removes, std::vector<std::string>{"old"});
  EXPECT_EQ(simulation.installs, std::vector<std::string>{"new"});
}

TEST(DpkgDatabase, TellsArchitecturesApartAndWhatIsNotThere) {
  const Database database = parse_dpkg_database(
      "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
      "Package: libc6\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2.36\n\n"
      "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36\n\n"
      "Package: tz\nStatus: install ok unpacked\nArchitecture: all\nVersion: 3\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n");
  ASSERT_EQ(database.size(), 4U);
  EXPECT_TRUE(database.at("libc6").held);
  EXPECT_TRUE(database.contains("libc6:i386"));
  EXPECT_FALSE(database.at("tz").well);
}

}  // namespace
}  // namespace bringup::apply
