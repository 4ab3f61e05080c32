// SPDX-License-Identifier: Apache-2.0
// A choice as steps: their order, what they touch, and that nothing more than needed is done.
#include <bringup/plan/sources.hpp>
#include <bringup/resolve/mirrors.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/plan/plans.hpp"
#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>
#include <variant>

namespace bringup::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing_support::ids;
using testing_support::kind;
using testing_support::plan_of;
using testing_support::step;

facts::Machine machine_of(const std::string& gpus, const std::string& os, const std::string& more) {
  const std::string text =
      fmt::format("gpus = [{}]\nos = \"{}\"\n{}\n", gpus.empty() ? "" : "\"" + gpus + "\"", os, more);
  auto machine = goal::parse_hardware(text, "test", catalog::built_in());
  if (!machine) throw std::runtime_error(machine.error().message());
  machine->shells.installed = {"bash"};
  return std::move(machine).take();
}

const std::string kDebianOwn =
    "kernel = \"6.1.0-25-amd64\"\ngcc = \"12\"\nreachable = [\"distro\", \"pypi\"]";

TEST(Plan, OfDebianWithItsOwnArchive) {
  const steps::Plan plan = plan_of(machine_of("4x RTX 4090", "debian-12", kDebianOwn));
  EXPECT_THAT(ids(plan), ElementsAre("archive-component", "python-packages", "driver-packages",
                                     "toolkit-packages", "uv", "env-dl", "wheels-dl"));
  const auto& driver = kind<steps::InstallPackages>(plan, "driver-packages");
  EXPECT_EQ(driver.manager, "apt");
  EXPECT_THAT(driver.packages, Contains("nvidia-kernel-dkms"));
  EXPECT_THAT(driver.packages, Contains("linux-headers-6.1.0-25-amd64"));
  EXPECT_THAT(driver.builds_for, ElementsAre("6.1.0-25-amd64"));
  EXPECT_THAT(step(plan, "driver-packages").needs, ElementsAre("archive-component"));
  const auto& wheels = kind<steps::InstallWheels>(plan, "wheels-dl");
  EXPECT_THAT(wheels.packages, ElementsAre("torch==2.10.0", "torchvision==0.25.0", "torchaudio==2.10.0"));
  EXPECT_EQ(wheels.variant, "cu128");
  EXPECT_EQ(wheels.index_url, "");
}

TEST(Plan, OfNvidiasRepositoryBringsKeySourceAndPinFirst) {
  const steps::Plan plan =
      plan_of(machine_of("V100", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\""));
  EXPECT_THAT(ids(plan),
              ElementsAre("vendor-key", "vendor-source", "vendor-pin", "python-packages", "driver-packages",
                          "toolkit-packages", "path-profile", "path-bash", "uv", "env-dl", "wheels-dl"));
  EXPECT_THAT(step(plan, "vendor-source").needs, ElementsAre("vendor-key"));
  EXPECT_THAT(step(plan, "driver-packages").needs, ElementsAre("vendor-source", "vendor-pin"));
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "driver-packages").packages,
              ElementsAre("linux-headers-6.8.0-45-generic", "cuda-drivers-580"));
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "toolkit-packages").packages,
              ElementsAre("cuda-toolkit-12-6"));
  EXPECT_EQ(kind<steps::InstallWheels>(plan, "wheels-dl").index_url,
            "https://download.pytorch.org/whl/cu126");
}

// Otherwise the environment would wait for the driver's build.
TEST(Plan, BringsPythonBeforeTheDriverAndNothingElseOfTheEnvironmentNeedsIt) {
  const steps::Plan plan = plan_of(machine_of("4x RTX 4090", "debian-12", kDebianOwn));
  for (const char* id : {"uv", "env-dl", "wheels-dl"}) {
    for (const std::string& need : step(plan, id).needs)
      EXPECT_THAT(need, testing::AnyOf("python-packages", "uv", "env-dl")) << id;
  }
}

TEST(Plan, UnderSecureBootAsksForItsKeyAndDoesNotTryToLoadTheModule) {
  const std::string more = "secure_boot = true\n" + kDebianOwn;
  facts::Machine machine = machine_of("RTX 4090", "debian-12", more);
  machine.hypothetical = false;
  machine.driver.nouveau_loaded = false;
  const steps::Plan plan = plan_of(machine);
  EXPECT_THAT(ids(plan), Contains("enrol-key"));
  EXPECT_THAT(ids(plan), Not(Contains("load-module")));
  EXPECT_THAT(step(plan, "enrol-key").needs, ElementsAre("driver-packages"));
  EXPECT_THAT(kind<steps::EnrolKey>(plan, "enrol-key").certificates,
              ElementsAre("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub"));
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "driver-packages").packages, Contains("mokutil"));
  // trusted already, or asked for already
  for (const char* trust : {"enrolled", "requested"}) {
    machine.boot.signing_key =
        std::optional(facts::SigningKey{.path = "/var/lib/dkms/mok.pub", .trust = trust});
    EXPECT_THAT(ids(plan_of(machine)), Not(Contains("enrol-key"))) << trust;
    const bool loads = std::string_view(trust) == "enrolled";
    EXPECT_EQ(std::ranges::count(ids(plan_of(machine)), "load-module"), loads ? 1 : 0) << trust;
  }
  machine.secure_boot = false;
  machine.boot.signing_key = std::optional<facts::SigningKey>();
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("enrol-key")));
  EXPECT_THAT(ids(plan_of(machine)), Contains("load-module"));
}

// In one transaction with the driver, apt would have chosen the newest branch before the preference is there.
TEST(Plan, PinsTheBranchBeforeTheDriverIsChosen) {
  const steps::Plan plan =
      plan_of(machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\""));
  const auto& pin = kind<steps::InstallPackages>(plan, "driver-pin");
  ASSERT_EQ(pin.packages.size(), 1U);
  EXPECT_TRUE(pin.packages[0].starts_with("nvidia-driver-pinning-"));
  EXPECT_THAT(step(plan, "driver-packages").needs, ElementsAre("vendor-source", "vendor-pin", "driver-pin"));
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "driver-packages").packages,
              ElementsAre("linux-headers-6.8.0-45-generic", "nvidia-open"));
}

facts::Machine by_mirror(facts::Machine machine, const std::string& profile) {
  goal::Goal goal;
  goal.mirrors = profile;
  auto mirrors = resolve::mirrors_of(machine.sources, goal, catalog::built_in());
  for (facts::Source& mirror : mirrors) mirror.answered_seconds = 0.01;
  machine.sources = resolve::settled(std::move(machine.sources), mirrors, goal);
  return machine;
}

TEST(Plan, GoesByMirrorsAndKeepsTheUpstreamsKey) {
  const facts::Machine direct =
      machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\"");
  const steps::Plan plan = plan_of(by_mirror(direct, "cn"));
  const auto& key = kind<steps::FetchFile>(plan, "vendor-key");
  const steps::Plan plan_of_direct = plan_of(direct);
  EXPECT_THAT(key.url, StartsWith("https://developer.download.nvidia.cn/compute/cuda/repos/ubuntu2404/"));
  EXPECT_EQ(key.fingerprint, kind<steps::FetchFile>(plan_of_direct, "vendor-key").fingerprint);
  EXPECT_THAT(
      kind<steps::WriteFile>(plan, "vendor-source").text,
      HasSubstr("URIs: https://developer.download.nvidia.cn/compute/cuda/repos/ubuntu2404/x86_64/\n"));
  EXPECT_EQ(kind<steps::InstallUv>(plan, "uv").index_url, "") << "this mirror has no PyPI";
}

TEST(Plan, TakesWheelsFromAMirrorsIndexOrItsFlatPage) {
  const facts::Machine direct =
      machine_of("V100", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\"");
  const steps::Plan by_sjtu = plan_of(by_mirror(direct, "sjtu"));
  const auto& sjtu = kind<steps::InstallWheels>(by_sjtu, "wheels-dl");
  EXPECT_EQ(sjtu.index_url, "https://mirror.sjtu.edu.cn/pytorch-wheels/cu126");
  EXPECT_EQ(sjtu.find_links, "");
  const steps::Plan plan = plan_of(by_mirror(direct, "aliyun"));
  const auto& aliyun = kind<steps::InstallWheels>(plan, "wheels-dl");
  EXPECT_EQ(aliyun.index_url, "https://mirrors.aliyun.com/pypi/simple/");
  EXPECT_EQ(aliyun.find_links, "https://mirrors.aliyun.com/pytorch-wheels/cu126/");
  EXPECT_EQ(kind<steps::InstallUv>(plan, "uv").index_url, "https://mirrors.aliyun.com/pypi/simple/");
}

// What PyPI itself says counts, and the mirror brings the files; who else has them is asked when it does not.
TEST(Plan, HoldsAMirrorsWheelsAgainstThePlaceItself) {
  const facts::Machine direct =
      machine_of("A100", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\"");
  const steps::Plan plan =
      plan_of(by_mirror(direct, "tuna"), "[[env]]\nname = \"a\"\npackages = [\"numpy\"]\n");
  const auto& wheels = kind<steps::InstallWheels>(plan, "wheels-a");
  EXPECT_EQ(wheels.index_url, "https://pypi.tuna.tsinghua.edu.cn/simple/");
  EXPECT_EQ(wheels.asks, "https://pypi.org/simple/");
  EXPECT_THAT(wheels.others, ElementsAre("https://pypi.org/simple/"));
  const steps::Plan old = plan_of(
      by_mirror(machine_of("V100", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\""), "sjtu"));
  const auto& torch = kind<steps::InstallWheels>(old, "wheels-dl");
  EXPECT_EQ(torch.asks, "https://download.pytorch.org/whl/cu126");
  EXPECT_THAT(torch.others, ElementsAre("https://download.pytorch.org/whl/cu126"));
  const steps::Plan without = plan_of(direct, "[[env]]\nname = \"a\"\npackages = [\"numpy\"]\n");
  EXPECT_EQ(kind<steps::InstallWheels>(without, "wheels-a").asks, "");
  EXPECT_THAT(kind<steps::InstallWheels>(without, "wheels-a").others, IsEmpty());
}

// apt asks the mirror alone, and NVIDIA's repository where the plan takes it; the system's sources stay.
TEST(Plan, TakesTheDistributionsPackagesFromAMirror) {
  facts::Machine machine = machine_of("RTX 4090", "debian-12", "kernel = \"6.1.0-25-amd64\"\ngcc = \"12\"");
  machine.os.codename = "bookworm";
  const auto distro = std::ranges::find(machine.sources, "distro", &facts::Source::name);
  ASSERT_NE(distro, machine.sources.end());
  distro->url = "http://deb.debian.org/debian/dists/bookworm/InRelease";
  const steps::Plan plan = plan_of(by_mirror(machine, "ustc"), "[mirrors]\nprofile = \"ustc\"\n");
  EXPECT_TRUE(steps::parse_plan(steps::to_json(plan))) << "the order holds";
  const auto& list = kind<steps::WriteFile>(plan, "archive-mirror");
  EXPECT_THAT(list.text, HasSubstr("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
                                   "https://mirrors.ustc.edu.cn/debian/ bookworm main contrib non-free "
                                   "non-free-firmware\n"));
  EXPECT_THAT(list.text, HasSubstr("https://mirrors.ustc.edu.cn/debian-security/ bookworm-security main"));
  EXPECT_THAT(list.text,
              HasSubstr("deb [signed-by=/usr/share/keyrings/bringup-nvidia.asc] "
                        "https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/ /\n"));
  for (const steps::Step& one : plan.steps) {
    const auto* packages = std::get_if<steps::InstallPackages>(&one.kind);
    if (packages == nullptr) continue;
    EXPECT_EQ(packages->sources, list.path) << one.id;
    EXPECT_THAT(one.needs, Contains("archive-mirror")) << one.id;
  }
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("archive-mirror")));
}

TEST(Plan, DoesNotAddASecondSourceBesideAMirrorOfNvidias) {
  facts::Machine machine = by_mirror(
      machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\""), "aliyun");
  EXPECT_THAT(ids(plan_of(machine)), Contains("vendor-source"));
  machine.packages.archive_uris.emplace_back("https://mirrors.aliyun.com/nvidia-cuda/ubuntu2404/x86_64/");
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("vendor-source")));
}

TEST(Plan, TakesFromPypiWhatThePytorchIndexDoesNotCarry) {
  const steps::Plan plan =
      plan_of(machine_of("V100", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\""),
              "[[env]]\nname = \"a\"\npackages = [\"torch\", \"trl==1.16.0\"]\n");
  const auto& wheels = kind<steps::InstallWheels>(plan, "wheels-a");
  EXPECT_EQ(wheels.index_url, "https://download.pytorch.org/whl/cu126");
  EXPECT_EQ(wheels.packages.size(), 1U);
  const auto& others = kind<steps::InstallWheels>(plan, "packages-a");
  EXPECT_EQ(others.index_url, "");
  EXPECT_EQ(others.variant, "");
  EXPECT_THAT(others.packages, ElementsAre("trl==1.16.0"));
  EXPECT_THAT(step(plan, "packages-a").needs, ElementsAre("wheels-a"));
}

TEST(Plan, OfRhelEnablesAModuleStream) {
  const steps::Plan plan = plan_of(machine_of("A100", "rocky-9.4", "kernel = \"5.14.0-427.el9.x86_64\""));
  const auto& driver = kind<steps::InstallPackages>(plan, "driver-packages");
  EXPECT_EQ(driver.manager, "dnf");
  EXPECT_EQ(driver.dnf_module, "nvidia-driver:595-open");
  EXPECT_THAT(driver.packages, ElementsAre("kernel-devel-5.14.0-427.el9.x86_64", "nvidia-open"));
  EXPECT_THAT(ids(plan), Not(Contains("vendor-pin")));
}

// Neither module streams nor names with the branch: the branch is locked before anything of it comes.
TEST(Plan, OfRhel10LocksTheBranchFirst) {
  const steps::Plan plan =
      plan_of(machine_of("V100 SXM2 32GB", "rocky-10.1", "kernel = \"6.12.0-55.el10.x86_64\""));
  const auto& lock = kind<steps::HoldPackages>(plan, "driver-lock");
  EXPECT_EQ(lock.manager, "dnf");
  EXPECT_THAT(lock.packages, ElementsAre("*nvidia*580*", "cuda-drivers*580*"));
  EXPECT_EQ(lock.plugin, "python3-dnf-plugin-versionlock");
  const auto driver = std::ranges::find(plan.steps, "driver-packages", &steps::Step::id);
  ASSERT_NE(driver, plan.steps.end());
  EXPECT_THAT(driver->needs, Contains("driver-lock"));
  EXPECT_EQ(kind<steps::InstallPackages>(plan, "driver-packages").dnf_module, "");
}

TEST(Plan, OfFedoraLocksTheBranchWithWhatItsDnfHas) {
  const steps::Plan plan =
      plan_of(machine_of("RTX 4090", "fedora-44", "kernel = \"6.19.2-300.fc44.x86_64\""));
  const auto& lock = kind<steps::HoldPackages>(plan, "driver-lock");
  EXPECT_THAT(lock.packages, ElementsAre("*nvidia*595*", "nvidia-open*595*"));
  EXPECT_EQ(lock.plugin, "");
  const steps::Plan rhel9 = plan_of(machine_of("RTX 4090", "rhel-9", "kernel = \"5.14.0-427.el9.x86_64\""));
  EXPECT_THAT(ids(rhel9), Not(Contains("driver-lock")));
}

// A description need not name a kernel, and then no sentence ends in the middle.
TEST(Plan, WithoutAKernelSaysForWhichTheModuleIsBuilt) {
  const steps::Plan plan = plan_of(machine_of("RTX 4090", "debian-12", ""));
  const auto driver = std::ranges::find(plan.steps, "driver-packages", &steps::Step::id);
  ASSERT_NE(driver, plan.steps.end());
  EXPECT_THAT(driver->why, testing::EndsWith("its module built for each kernel that is installed"));
  for (const steps::Step& one : plan.steps) {
    EXPECT_FALSE(one.why.ends_with(' ')) << one.id;
    EXPECT_EQ(one.why.find("  "), std::string::npos) << one.id;
  }
}

// Whatever the machine: ids once, needs backwards, no kernel, and a reason for each.
TEST(Plan, IsWellFormedOnEveryMachine) {
  for (const char* os : {"debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "rhel-8", "rhel-9",
                         "rhel-10", "fedora-44"}) {
    for (const char* gpus : {"", "8x H200", "RTX 5090", "RTX 4090"}) {
      const steps::Plan plan = plan_of(machine_of(gpus, os, "kernel = \"6.1.0-1\""));
      std::set<std::string> before;
      for (const steps::Step& one : plan.steps) {
        for (const std::string& need : one.needs) EXPECT_TRUE(before.contains(need)) << one.id << " " << need;
        EXPECT_TRUE(before.insert(one.id).second) << one.id;
        EXPECT_FALSE(one.why.empty());
        EXPECT_FALSE(one.changes.empty());
        if (const auto* install = std::get_if<steps::InstallPackages>(&one.kind)) {
          for (const std::string& name : install->packages) {
            EXPECT_THAT(name, Not(StartsWith("linux-image")));
            EXPECT_THAT(name, Not(StartsWith("linux-generic")));
            EXPECT_TRUE(!name.starts_with("kernel") || name.starts_with("kernel-devel-")) << name;
          }
        }
      }
      const auto back = steps::parse_plan(steps::to_json(plan));
      ASSERT_TRUE(back) << back.error().message();
      EXPECT_EQ(*back, plan);
    }
  }
}

TEST(Plan, DoesTheUsersThingsAsTheUserAndTheSystemsAsRoot) {
  const steps::Plan plan = plan_of(machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\""));
  const std::set<std::string> users{"path-bash", "uv", "env-dl", "wheels-dl"};
  for (const steps::Step& one : plan.steps) EXPECT_EQ(one.as_user, users.contains(one.id)) << one.id;
  EXPECT_EQ(plan.user.name, "user");
  EXPECT_EQ(plan.user.uid, 1000);
}

facts::Machine finished() {
  facts::Machine machine = machine_of("H200", "ubuntu-24.04",
                                      "kernel = \"6.8.0-45-generic\"\ngcc = \"13\"\ndriver = { version = "
                                      "\"595.91.07\", flavour = \"open\" }");
  machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  machine.shells.settings = {
      {"/etc/profile.d/bringup-cuda.sh", 3, "PATH", "PATH=/usr/local/cuda-13.0/bin:$PATH"},
      {"/home/user/.bashrc", 9, "PATH", "export PATH=/usr/local/cuda-13.0/bin:$PATH"}};
  const std::string own = "/home/user/.local/share/bringup/envs/dl";
  machine.envs = {{.path = own,
                   .python = own + "/bin/python",
                   .version = "3.12.3",
                   .kind = "uv",
                   .packages = {{"torch", "2.14.1+cu130"},
                                {"torchvision", "0.29.1+cu130"},
                                {"torchaudio", "2.11.0+cu130"}},
                   .torch = "2.14.1+cu130",
                   .variant = "cu130"}};
  return machine;
}

TEST(Plan, OfAFinishedMachineHasNoSteps) {
  EXPECT_THAT(ids(plan_of(finished())), IsEmpty());
}

TEST(Plan, OfAMachineThatLacksOneThingDoesThatOnly) {
  facts::Machine machine = finished();
  machine.shells.settings.pop_back();
  EXPECT_THAT(ids(plan_of(machine)), ElementsAre("path-bash"));
  machine = finished();
  machine.envs.clear();
  EXPECT_THAT(ids(plan_of(machine)), ElementsAre("python-packages", "uv", "env-dl", "wheels-dl"));
  machine = finished();
  machine.toolkits.clear();
  EXPECT_THAT(ids(plan_of(machine)),
              ElementsAre("vendor-key", "vendor-source", "vendor-pin", "toolkit-packages"));
}

TEST(Plan, LoadsTheModuleOnlyWhereThatCanWork) {
  facts::Machine machine = machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"");
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("load-module")));  // not here
  machine.hypothetical = false;
  EXPECT_THAT(ids(plan_of(machine)), Contains("load-module"));
  facts::Machine container = machine;
  container.container = std::optional<std::string>("docker");
  EXPECT_THAT(ids(plan_of(container)), Not(Contains("load-module")));
  facts::Machine nouveau = machine;
  nouveau.driver.nouveau_loaded = true;
  EXPECT_THAT(ids(plan_of(nouveau)), Not(Contains("load-module")));
  EXPECT_THAT(ids(plan_of(nouveau)), Contains("no-nouveau"));
  facts::Machine old_kernel = machine;
  old_kernel.kernel.running = "6.5.0-1-generic";
  EXPECT_THAT(ids(plan_of(old_kernel)), Not(Contains("load-module")));
}

// dnf keeps three of kernel-devel; with the one of a kernel that is held, DKMS could build for it no more.
TEST(Plan, HoldsTheHeadersWithTheKernelWhereTheyHaveOneNameForAll) {
  facts::Machine machine = machine_of("A100", "rocky-9.4", "kernel = \"5.14.0-427.el9.x86_64\"");
  machine.packages.list = std::vector<facts::Package>{{.name = "kernel-core"}};
  EXPECT_THAT(kind<steps::HoldPackages>(plan_of(machine), "hold").packages,
              ElementsAre("kernel-core", "kernel-devel"));
  machine.packages.list = std::vector<facts::Package>{{.name = "kernel-core"}, {.name = "kernel-devel"}};
  EXPECT_THAT(kind<steps::HoldPackages>(plan_of(machine), "hold").packages,
              ElementsAre("kernel-core", "kernel-devel"));
}

TEST(Plan, HoldsWhatPullsInKernelsOnce) {
  facts::Machine machine = machine_of("RTX 4090", "debian-12", kDebianOwn);
  machine.packages.list = std::vector<facts::Package>{{.name = "linux-image-amd64"}, {.name = "gcc"}};
  EXPECT_THAT(kind<steps::HoldPackages>(plan_of(machine), "hold").packages, ElementsAre("linux-image-amd64"));
  EXPECT_THAT(step(plan_of(machine), "hold").needs, ElementsAre("driver-packages"));
  EXPECT_THAT(ids(plan_of(machine, "[policy]\nkernel = \"free\"")), Not(Contains("hold")));
  machine.packages.list = std::vector<facts::Package>{{.name = "linux-image-amd64", .held = true}};
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("hold")));
}

TEST(Plan, UsesTheUvThatIsThere) {
  facts::Machine machine = machine_of("RTX 4090", "debian-12", kDebianOwn);
  machine.managers = {{.kind = "uv", .path = "/usr/local/bin/uv", .version = "0.13.8"}};
  const steps::Plan plan = plan_of(machine);
  EXPECT_THAT(ids(plan), Not(Contains("uv")));
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").manager, "/usr/local/bin/uv");
  EXPECT_EQ(kind<steps::InstallWheels>(plan, "wheels-dl").manager, "/usr/local/bin/uv");
}

// uv lives in an environment of the system's Python, and downloads the one that is wanted.
TEST(Plan, OfAPythonThatIsNotHereLetsUvBringIt) {
  const steps::Plan plan =
      plan_of(machine_of("RTX 4090", "debian-12", kDebianOwn), "[python]\nversion = \"3.13\"");
  EXPECT_EQ(kind<steps::InstallUv>(plan, "uv").python, "/usr/bin/python3.11");
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").python, "3.13");
  EXPECT_THAT(kind<steps::InstallPackages>(plan, "python-packages").packages, Contains("python3-venv"));
}

TEST(Plan, PutsEnvironmentsWhereTheGoalSays) {
  const steps::Plan plan =
      plan_of(machine_of("RTX 4090", "debian-12", kDebianOwn), "[python]\nprefix = \"/data/py\"");
  EXPECT_EQ(kind<steps::CreateEnv>(plan, "env-dl").path, "/data/py/envs/dl");
  EXPECT_EQ(kind<steps::InstallUv>(plan, "uv").path, "/data/py/uv");
}

TEST(Plan, MakesAllEnvironmentsOfTheGoal) {
  const steps::Plan plan = plan_of(machine_of("RTX 4090", "debian-12", kDebianOwn),
                                   "[[env]]\nname = \"a\"\npackages = [\"torch==2.9.1\"]\n"
                                   "[[env]]\nname = \"b\"\npackages = [\"numpy\"]\n");
  EXPECT_THAT(kind<steps::InstallWheels>(plan, "wheels-a").packages, ElementsAre("torch==2.9.1"));
  EXPECT_THAT(kind<steps::InstallWheels>(plan, "wheels-b").packages, ElementsAre("numpy"));
  EXPECT_EQ(kind<steps::InstallWheels>(plan, "wheels-b").variant, "");
}

TEST(Sources, OfTheArchiveUseTheMirrorInUse) {
  facts::Machine machine = machine_of("RTX 4090", "debian-12", kDebianOwn);
  machine.os.codename = "bookworm";
  machine.packages.archive_uris = {"http://security.debian.org/debian-security",
                                   "http://mirror.example/debian"};
  machine.packages.archive_signed_by = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const auto file = component_source(machine, catalog::built_in());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->path, "/etc/apt/sources.list.d/bringup-archive.sources");
  EXPECT_THAT(file->text,
              HasSubstr("Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
                        "Components: contrib non-free non-free-firmware\n"
                        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"));
}

TEST(Sources, OfTheArchiveFallBackToTheDistributionsOwn) {
  const auto file = component_source(machine_of("RTX 4090", "debian-13", ""), catalog::built_in());
  ASSERT_TRUE(file);
  EXPECT_THAT(file->text, HasSubstr("URIs: http://deb.debian.org/debian\nSuites: trixie trixie-updates\n"));
  EXPECT_THAT(file->text, Not(HasSubstr("Signed-By")));
  EXPECT_FALSE(component_source(machine_of("RTX 4090", "ubuntu-24.04", ""), catalog::built_in()));
}

TEST(Sources, AreNotWrittenWhereTheComponentIsEnabled) {
  facts::Machine machine = machine_of("RTX 4090", "debian-12", kDebianOwn);
  machine.packages.archive_components = {"main", "contrib", "non-free", "non-free-firmware"};
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("archive-component")));
}

TEST(Sources, OfNvidiaAreSignedAndOnlyOnce) {
  const steps::Plan plan = plan_of(machine_of("RTX 4090", "debian-13", "kernel = \"6.12.0-1\""));
  const auto& key = kind<steps::FetchFile>(plan, "vendor-key");
  EXPECT_EQ(key.fingerprint, "02182E60104FCDC26EAE1B8597A5D4CB8793F200");
  EXPECT_THAT(key.url, StartsWith("https://"));
  EXPECT_THAT(
      kind<steps::WriteFile>(plan, "vendor-source").text,
      HasSubstr("URIs: https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/\nSuites: "
                "/\nSigned-By: " +
                key.path + "\n"));
  EXPECT_THAT(kind<steps::WriteFile>(plan, "vendor-pin").text, HasSubstr("Pin-Priority: 600"));
  facts::Machine machine = machine_of("RTX 4090", "debian-13", "kernel = \"6.12.0-1\"");
  machine.packages.archive_uris = {
      "https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/"};
  EXPECT_THAT(ids(plan_of(machine)), Not(Contains("vendor-source")));
}

TEST(Path, IsSetForLoginShellsAndForTheUsersShells) {
  facts::Machine machine =
      machine_of("RTX 4090", "ubuntu-24.04", "kernel = \"6.8.0-45-generic\"\ngcc = \"13\"");
  machine.shells.installed = {"bash", "zsh"};
  const steps::Plan plan = plan_of(machine);
  EXPECT_THAT(kind<steps::WriteFile>(plan, "path-profile").text,
              HasSubstr("PATH=/usr/local/cuda-13.0/bin:$PATH"));
  EXPECT_EQ(kind<steps::EditBlock>(plan, "path-bash").path, "/home/user/.bashrc");
  EXPECT_EQ(kind<steps::EditBlock>(plan, "path-zsh").path, "/home/user/.zshrc");
  for (const steps::Step& one : plan.steps)
    EXPECT_THAT(steps::to_json(steps::Step{.id = "x", .kind = one.kind}), Not(HasSubstr("LD_LIBRARY_PATH")));
}

TEST(Path, IsLeftAloneForAToolkitInUsrBin) {
  const steps::Plan plan = plan_of(machine_of("RTX 4090", "debian-12", kDebianOwn));
  EXPECT_THAT(ids(plan), Contains("toolkit-packages"));
  EXPECT_THAT(ids(plan), Not(Contains("path-profile")));
}

std::string digest_with(const std::function<void(facts::Machine&)>& change) {
  facts::Machine machine = finished();
  change(machine);
  return machine_digest(machine);
}

TEST(Digest, ChangesWithWhatAPlanRestsOn) {
  const std::string before = machine_digest(finished());
  EXPECT_NE(before, digest_with([](auto& m) { m.driver.loaded = std::optional<facts::LoadedModule>{}; }));
  EXPECT_NE(before, digest_with([](auto& m) { (*m.driver.loaded)->flavour = facts::Flavour::proprietary; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.pci.push_back(m.pci.front()); }));
  EXPECT_NE(before, digest_with([](auto& m) { m.pci[0].device_id = 0x2684; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.kernel.running = "6.8.0-46-generic"; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.kernel.installed[0].headers = true; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.os.version = "24.10"; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.toolkits.clear(); }));
  EXPECT_NE(before, digest_with([](auto& m) { m.envs[0].torch = "2.15.0"; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.user.uid = 1001; }));
  EXPECT_NE(before, digest_with([](auto& m) { m.packages.list->push_back({.name = "nvidia-open"}); }));
}

TEST(Digest, StaysWithWhatChangesByItself) {
  const std::string before = machine_digest(finished());
  EXPECT_EQ(before, digest_with([](auto& m) { m.disks = {{"/", 1, 2}}; }));
  EXPECT_EQ(before, digest_with([](auto& m) { m.sources[0].answered_seconds = 1.5; }));
  EXPECT_EQ(before, digest_with([](auto& m) { m.memory_bytes = 7; }));
  EXPECT_EQ(before, digest_with([](auto& m) { m.memlock_bytes = std::int64_t{7}; }));
}

TEST(Plan, CarriesTheDigestsOfMachineAndGoal) {
  const facts::Machine machine = finished();
  EXPECT_EQ(plan_of(machine).machine, machine_digest(machine));
  EXPECT_NE(plan_of(machine).goal, plan_of(machine, "[policy]\nreboot = \"never\"").goal);
}

}  // namespace
}  // namespace bringup::plan
