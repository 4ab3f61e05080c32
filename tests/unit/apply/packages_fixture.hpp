// SPDX-License-Identifier: Apache-2.0
#pragma once
// A fake machine with a few packages, and an archive that offers more.

#include <bringup/apply/packages.hpp>

#include "fake_machine.hpp"

namespace bringup::apply {

using fake::Machine;
using fake::put;
using fake::slurp;

inline constexpr const char* kKernel = "6.1.0-25-amd64";

struct PackagesTest : testing::Test {
  Machine machine;
  steps::PlanUser user = machine.user();
  bool fresh = false;
  bool again = false;
  PackagesTest() {
    auto& archive = machine.world.archive;
    archive["dpkg"] = {.version = "1.21"};
    archive["old"] = {.version = "2"};
    archive["tool"] = {.version = "1", .needs = {"lib"}, .files = {{"/usr/bin/tool", "tool"}}};
    archive["lib"] = {.version = "1"};
    archive["driver"] = {.version = "535", .builds_module = true};
    installed(false, {{"dpkg", "1.21"}, {"old", "2"}});
  }
  void installed(bool rpm, const std::map<std::string, std::string>& packages) {
    fake::Packages database(machine.world, rpm);
    for (const auto& [name, version] : packages) database.all[name].version = version;
    database.save();
  }
  Hands hands() {
    return {.view = machine.view(),
            .control = &machine,
            .user = user,
            .again = again,
            .index_is_fresh = &fresh,
            .say = {}};
  }
  static steps::InstallPackages apt(std::vector<std::string> packages,
                                    std::vector<std::string> kernels = {}) {
    return {.manager = "apt",
            .packages = std::move(packages),
            .dnf_module = "",
            .builds_for = std::move(kernels)};
  }
  static steps::InstallPackages dnf(std::vector<std::string> packages, std::string module = "") {
    return {
        .manager = "dnf", .packages = std::move(packages), .dnf_module = std::move(module), .builds_for = {}};
  }
  std::size_t ran(std::string_view what) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        machine.world.ran, [what](const std::string& line) { return base::contains(line, what); }));
  }
  void expect_refused(const steps::InstallPackages& step, const std::string& name) {
    const auto tree = machine.tree();
    const auto performed = perform(step, hands());
    ASSERT_FALSE(performed);
    EXPECT_EQ(performed.error().code(), Errc::refused);
    EXPECT_NE(performed.error().message().find(name), std::string::npos) << performed.error().message();
    EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  }
};

}  // namespace bringup::apply
