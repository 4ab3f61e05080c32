// SPDX-License-Identifier: Apache-2.0
#include <bringup/probe/internal.hpp>

#include <gmock/gmock.h>

#include "tree.hpp"
#include <algorithm>

namespace {

using namespace bringup;
using testing::ElementsAre;

// An environment in which bringup's own and others' packages are.
facts::PythonEnv env_with(const std::vector<std::string>& wanted) {
  testing_support::Tree tree;
  const std::string env = "/home/a/.local/share/bringup/envs/dl";
  const std::string site = env + "/lib/python3.11/site-packages";
  tree.file(env + "/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\nuv = 0.13.8\n");
  for (const char* name : {"numpy-2.4.6", "requests-2.32.5", "Flask_Login-0.6", "idna-3.10"})
    tree.file(site + "/" + name + ".dist-info/METADATA", "");
  probe::Options options;
  options.user.home = "/home/a";
  options.packages = wanted;
  facts::Machine machine;
  probe::read_python(tree.view(), options, machine);
  EXPECT_EQ(machine.envs.size(), 1U);
  return machine.envs.empty() ? facts::PythonEnv{} : machine.envs[0];
}

std::vector<std::string> names_in(const facts::PythonEnv& env) {
  std::vector<std::string> out;
  for (const facts::PythonPackage& package : env.packages) out.push_back(package.name);
  std::ranges::sort(out);
  return out;
}

TEST(Environment, ShowsWhatGpuProgramsAreMadeOf) {
  EXPECT_THAT(names_in(env_with({})), ElementsAre("numpy"));
}

// Else a goal with such a package would be planned anew for ever.
// While bringup's installer lies beside it, it is not whole, and is made anew and not used.
TEST(Manager, ACondaWhoseInstallerWasCutOffIsNone) {
  testing_support::Tree tree;
  tree.file("/home/a/miniconda3/conda-meta/conda-26.3.2-0.json", "{}");
  tree.file("/home/a/miniconda3/envs/dl/conda-meta/history", "");
  tree.file("/home/a/miniconda3/envs/dl/lib/python3.11/site-packages/x.py", "");
  tree.file("/home/a/.miniforge3-0123456789ab.sh", "of another");
  probe::Options options;
  options.user.home = "/home/a";
  facts::Machine whole;
  probe::read_python(tree.view(), options, whole);
  ASSERT_EQ(whole.managers.size(), 1U);
  EXPECT_EQ(whole.managers[0].version, "26.3.2");
  EXPECT_EQ(whole.envs.size(), 1U);
  tree.file("/home/a/.miniconda3-0123456789ab.sh", "cut off");
  facts::Machine half;
  probe::read_python(tree.view(), options, half);
  EXPECT_TRUE(half.managers.empty());
}

TEST(Environment, ShowsWhatTheGoalWantsToo) {
  EXPECT_THAT(
      names_in(env_with({"torch==2.10.0", "Requests[socks]>=2", "flask.login ; python_version > '3'"})),
      ElementsAre("flask-login", "numpy", "requests"));
}

}  // namespace
