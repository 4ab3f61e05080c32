// SPDX-License-Identifier: Apache-2.0
#include <bringup/probe/internal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tree.hpp"

namespace {

using namespace bringup;
using testing::ElementsAre;
using testing::IsEmpty;
using testing_support::Tree;

constexpr std::string_view kLog =
    "[    0.000000] Linux version 6.1.0-25-amd64\n"
    "[  812.1] NVRM: Xid (PCI:0000:41:00): 13, pid=4242, name=python, Graphics Exception\n"
    "[  900.4] NVRM: Xid (PCI:0000:41:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n"
    "[  901.0] NVRM: Xid (PCI:0000:41:00): 79, again\n"
    "[  902.0] NVRM: Xid (PCI:00010000:0A:00): 48, Double Bit ECC Error\n";

TEST(Xids, AreCountedByGpuAndNumber) {
  EXPECT_THAT(
      probe::parse_xids(kLog),
      ElementsAre(
          facts::XidLine{.pci = "0000:41:00.0",
                         .number = 13,
                         .times = 1,
                         .text = "13, pid=4242, name=python, Graphics Exception"},
          facts::XidLine{.pci = "0000:41:00.0", .number = 79, .times = 2, .text = "79, again"},
          facts::XidLine{
              .pci = "00010000:0a:00.0", .number = 48, .times = 1, .text = "48, Double Bit ECC Error"}));
}

TEST(Xids, WhatIsNoneIsNotOne) {
  for (const char* line :
       {"", "NVRM: Xid (PCI:", "NVRM: Xid (PCI:0000:41:00)",
        "NVRM: Xid (PCI:0000:41:00): ", "NVRM: Xid (PCI:0000:41:00): x79", "NVRM: Xid (PCI:0000:41:00): 0, a",
        "NVRM: Xid (PCI:../../41): 79, a", "NVRM: Xid (PCI:0000:41): 79", "NVRM: Xid (PCI:::): 79",
        "NVRM: Xid (PCI:0000:41:00): 99999999999999999999, a"})
    EXPECT_THAT(probe::parse_xids(line), IsEmpty()) << line;
}

TEST(Xids, ARecordingKeepsNothingElseOfTheLog) {
  const std::string kept = probe::kernel_log_essence(kLog);
  EXPECT_EQ(kept.find("Linux version"), std::string::npos);
  EXPECT_EQ(probe::parse_xids(kept), probe::parse_xids(kLog));
}

TEST(Ini, ValuesStandWithBlanksAndQuotes) {
  constexpr std::string_view kText =
      "[commands]\n# apply_updates = no\napply_updates = yes\nname=\"a b\"\nempty =\n";
  EXPECT_EQ(probe::ini_value(kText, "apply_updates"), "yes");
  EXPECT_EQ(probe::ini_value(kText, "name"), "a b");
  EXPECT_EQ(probe::ini_value(kText, "empty"), "");
  EXPECT_EQ(probe::ini_value(kText, "updates"), std::nullopt);
  EXPECT_EQ(probe::ini_value("a=\"", "a"), "\"");
}

TEST(Clock, TimesyncdTellsByAFile) {
  Tree tree;
  EXPECT_EQ(probe::read_clock(tree.view()).error().code(), Errc::absent);
  tree.directory("/run/systemd/timesync");
  EXPECT_EQ(probe::read_clock(tree.view()), facts::Reading<bool>(false));
  tree.file("/run/systemd/timesync/synchronized");
  EXPECT_EQ(probe::read_clock(tree.view()), facts::Reading<bool>(true));
  Tree other;
  other.directory("/run/chrony");
  EXPECT_EQ(probe::read_clock(other.view()).error().code(), Errc::unsupported);
}

TEST(DnfAutomatic, NeedsItsTimerAndLeave) {
  Tree tree;
  tree.file("/etc/dnf/automatic.conf", "[commands]\nupgrade_type = security\napply_updates = yes\n");
  EXPECT_FALSE(probe::read_dnf_automatic(tree.view())->on) << "no timer";
  tree.file("/etc/systemd/system/timers.target.wants/dnf-automatic.timer")
      .file("/etc/dnf/dnf.conf", "[main]\nexcludepkgs=kernel*, nvidia-*\n")
      .file("/etc/dnf/plugins/versionlock.list", "# added\ncuda-drivers-0:580-1.*\n!kmod-0:1-1.*\n");
  const auto on = probe::read_dnf_automatic(tree.view());
  ASSERT_TRUE(on) << on.error().message();
  EXPECT_TRUE(on->on);
  EXPECT_THAT(on->origins, ElementsAre("security"));
  EXPECT_THAT(on->never, ElementsAre("kernel*", "nvidia-*", "cuda-drivers-0:580-1.*"));
  tree.file("/etc/dnf/automatic.conf", "[commands]\napply_updates = no\n");
  EXPECT_FALSE(probe::read_dnf_automatic(tree.view())->on);
  tree.file("/etc/systemd/system/timers.target.wants/dnf-automatic-install.timer");
  EXPECT_TRUE(probe::read_dnf_automatic(tree.view())->on) << "this timer installs whatever the file says";
}

TEST(UserSites, HoldWhatMattersHere) {
  Tree tree;
  const std::string site = "/home/me/.local/lib/python3.11/site-packages";
  tree.directory(site + "/torch-2.2.2.dist-info").directory(site + "/unrelated-1.0.dist-info");
  tree.directory("/home/me/.local/lib/python3.12/site-packages").directory("/home/me/.local/lib/node");
  EXPECT_THAT(probe::read_user_sites(tree.view(), "/home/me", {}),
              ElementsAre(facts::UserSite{
                  .path = site, .version = "3.11", .packages = {{.name = "torch", .version = "2.2.2"}}}));
}

}  // namespace
