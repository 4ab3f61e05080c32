// SPDX-License-Identifier: Apache-2.0
// A conda that the goal asks for by name: used where one is here, else by its installer, or told why not.
#include <bringup/resolve/conda.hpp>

#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <algorithm>
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kMini = "[python]\nmanager = \"miniconda\"\n";
const std::string kForge = "[python]\nmanager = \"miniforge\"\n";

facts::Machine machine(const std::string& reachable = "all") {
  facts::Machine out = machine_of({"conda", "RTX 4090", "debian-12", reachable, "", "", ""});
  out.packages.list = std::vector<facts::Package>{{.name = "curl", .version = "7.88.1"}};
  return out;
}
resolve::Resolution answer(const facts::Machine& machine, const std::string& goal) {
  return resolve::resolve(machine, goal_of(goal), catalog::built_in(), kToday);
}
resolve::Choice choice_of(const facts::Machine& machine, const std::string& goal) {
  const auto resolution = answer(machine, goal);
  const auto* choice = std::get_if<resolve::Choice>(&resolution);
  if (choice == nullptr) ADD_FAILURE() << testing::PrintToString(told(resolution));
  return choice == nullptr ? resolve::Choice{} : *choice;
}
std::vector<std::string> notices(const resolve::Choice& choice) {
  std::vector<std::string> out;
  for (const resolve::Notice& notice : choice.notices) out.push_back(notice.id);
  return out;
}
std::vector<std::string> refused(const facts::Machine& machine, const std::string& goal) {
  const auto resolution = answer(machine, goal);
  EXPECT_TRUE(std::holds_alternative<resolve::Conflict>(resolution));
  return told(resolution);
}

TEST(Conda, ThatIsNotHereComesByItsInstaller) {
  const resolve::Choice mini = choice_of(machine(), kMini);
  EXPECT_EQ(mini.python.manager, "miniconda");
  EXPECT_EQ(mini.python.version, "3.11");
  EXPECT_EQ(mini.python.conda, "/home/user/miniconda3");
  EXPECT_THAT(mini.python.packages, IsEmpty());
  EXPECT_EQ(mini.envs.at(0).path, "/home/user/miniconda3/envs/dl") << "conda knows it by name there";
  EXPECT_THAT(notices(mini), Contains("conda-terms"));
  const resolve::Choice forge = choice_of(machine(), kForge + "prefix = \"/data/py\"\n");
  EXPECT_EQ(forge.python.conda, "/data/py/miniforge3");
  EXPECT_THAT(notices(forge), testing::Not(Contains("conda-terms")));
}

TEST(Conda, IsNeverInstalledUnasked) {
  EXPECT_EQ(choice_of(machine("distro nvidia pypi pytorch"), "").python.manager, "uv");
  EXPECT_EQ(choice_of(machine(), "").python.conda, "");
}

TEST(Conda, WhoseInstallerCannotBeHadIsToldAndNotReplaced) {
  EXPECT_THAT(refused(machine("distro nvidia pypi pytorch conda-forge"), kMini),
              Contains(HasSubstr("the installer of Miniconda cannot be had: not listed as reachable")));
  EXPECT_THAT(refused(machine("distro nvidia pypi pytorch miniforge"), kForge),
              Contains(HasSubstr("conda-forge does not answer: not listed as reachable")));
  const facts::Machine no_channel = machine("distro nvidia pypi pytorch miniconda");
  EXPECT_EQ(choice_of(no_channel, kMini + "channels = \"defaults\"\n").python.manager, "miniconda")
      << "Anaconda's channels are asked by conda itself";
}

TEST(Conda, ThatWouldGoToAPathWithABlankIsRefused) {
  facts::Machine blank = machine();
  blank.user.home = "/home/a b";
  EXPECT_THAT(refused(blank, kMini), Contains(HasSubstr("its installer takes no path with a blank")));
  EXPECT_EQ(choice_of(blank, kMini + "prefix = \"/data\"\n").python.conda, "/data/miniconda3");
}

TEST(Conda, OfAnArchitectureThatNobodyBuildsForIsRefused) {
  facts::Machine other = machine();
  other.arch = "riscv64";
  EXPECT_THAT(refused(other, kMini), testing::Not(IsEmpty()));
}

TEST(Conda, IsFetchedByCurlWhichComesFirst) {
  facts::Machine bare = machine();
  bare.packages.list = std::vector<facts::Package>{};
  EXPECT_THAT(choice_of(bare, kMini).python.packages, ElementsAre("curl", "ca-certificates"));
  EXPECT_THAT(refused(bare, "--user-only\n" + kMini), Contains(HasSubstr("curl, which is not here")));
}

// What makes environments for a goal that asks for `kind`, on a machine with these managers.
std::string maker(const std::string& goal, const std::vector<facts::PythonManager>& managers) {
  facts::Machine here = machine();
  here.managers = managers;
  const resolve::Choice choice = choice_of(here, goal);
  return choice.python.manager + " " + choice.python.manager_path;
}

TEST(Conda, ThatIsHereIsUsedRatherThanDoubled) {
  const facts::PythonManager mini{
      .kind = "miniconda", .path = "/opt/miniconda3/bin/conda", .version = "25.1"};
  const facts::PythonManager forge{.kind = "miniforge", .path = "/opt/miniforge3/bin/conda", .version = ""};
  const facts::PythonManager nameless{.kind = "conda", .path = "/opt/conda/bin/conda", .version = ""};
  EXPECT_EQ(maker(kMini, {nameless, forge, mini}), "conda /opt/miniconda3/bin/conda");
  EXPECT_EQ(maker(kForge, {nameless, mini}), "conda /opt/conda/bin/conda") << "its folder tells nothing";
  EXPECT_EQ(maker(kForge, {mini}), "miniforge ")
      << "Anaconda's channels have terms that Miniforge's have not";
}

TEST(Conda, OfSomebodyElseGetsNoEnvironmentsInItsOwnDirectory) {
  facts::Machine here = machine();
  here.managers = {{.kind = "miniconda", .path = "/opt/miniconda3/bin/conda", .version = "25.1"}};
  EXPECT_EQ(choice_of(here, kMini).envs.at(0).path, "/home/user/.local/share/bringup/envs/dl");
  here.managers[0].path = "/home/user/miniconda3/bin/conda";
  EXPECT_EQ(choice_of(here, kMini).envs.at(0).path, "/home/user/miniconda3/envs/dl");
}

TEST(Conda, NeedsItsInstallerOnlyWhereNoneIsHere) {
  const auto names = [](const facts::Machine& machine, const std::string& goal) {
    std::vector<std::string> out;
    for (const facts::Source& one : resolve::conda_sources(machine, goal_of(goal), catalog::built_in()))
      out.push_back(one.name);
    return out;
  };
  facts::Machine here = machine();
  EXPECT_THAT(names(here, ""), IsEmpty());
  EXPECT_THAT(names(here, kMini), ElementsAre("miniconda", "conda-forge"));
  EXPECT_THAT(names(here, kMini + "channels = \"defaults\"\n"), ElementsAre("miniconda"));
  here.managers = {{.kind = "miniconda", .path = "/opt/miniconda3/bin/conda", .version = "25.1"}};
  EXPECT_THAT(names(here, kMini), ElementsAre("conda-forge"));
}

}  // namespace
}  // namespace bringup::testing_support
