// SPDX-License-Identifier: Apache-2.0
// What is there already: environments, kernels, toolkits, a driver that waits for its reboot.
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
using testing::Not;
using testing::StartsWith;

facts::Machine ubuntu(const std::string& gpus = "RTX 4090", const std::string& more = "") {
  return machine_of({"machine", gpus, "ubuntu-24.04", "all", "gcc = \"13\"\n" + more, "", ""});
}

facts::PythonEnv trio(std::string path, const std::string& torch, const std::string& vision,
                      const std::string& audio, const std::string& variant) {
  facts::PythonEnv env{.path = path,
                       .python = path + "/bin/python",
                       .version = "3.11.9",
                       .kind = "venv",
                       .site_packages = "",
                       .packages = {{"torch", torch + "+" + variant},
                                    {"torchvision", vision + "+" + variant},
                                    {"torchaudio", audio + "+" + variant}},
                       .torch = torch + "+" + variant,
                       .variant = variant};
  return env;
}

resolve::Choice choice_of(const facts::Machine& machine, const std::string& goal = "") {
  auto answer = resolve::resolve(machine, goal_of(goal), catalog::built_in(), kToday);
  EXPECT_TRUE(std::holds_alternative<resolve::Choice>(answer));
  if (!std::holds_alternative<resolve::Choice>(answer)) return {};
  return std::get<resolve::Choice>(answer);
}

const std::string kOwn = "/home/user/.local/share/bringup/envs/dl";

TEST(Keep, AnEnvironmentOfTheUserThatDoesIsUsed) {
  facts::Machine machine = ubuntu();
  machine.envs = {trio("/home/user/work/venv", "2.11.0", "0.26.0", "2.11.0", "cu130")};
  const auto lines = told(choice_of(machine));
  EXPECT_THAT(lines, Contains("env dl keep /home/user/work/venv"));
  EXPECT_THAT(lines, Contains("torch 2.11.0+cu130 -"));
  EXPECT_THAT(lines, Contains(StartsWith("notice environment-adopted")));
}

TEST(Keep, AnEnvironmentWithoutTorchGivesNoReasonAboutTorch) {
  facts::Machine machine = ubuntu();
  machine.envs = {trio(kOwn, "2.11.0", "0.26.0", "2.11.0", "cu130")};
  machine.envs.push_back({.path = "/home/user/.local/share/bringup/envs/plain",
                          .python = "/home/user/.local/share/bringup/envs/plain/bin/python",
                          .version = "3.11.9",
                          .kind = "venv",
                          .packages = {{"numpy", "2.4.6"}}});
  const auto choice =
      choice_of(machine, "[[env]]\nname = \"plain\"\npackages = [\"numpy\"]\n[[env]]\nname = \"dl\"\n");
  EXPECT_THAT(told(choice), Contains("env plain keep /home/user/.local/share/bringup/envs/plain"));
  EXPECT_EQ(std::ranges::count(choice.reasons, "torch", &resolve::Reason::about), 1);
}

TEST(Keep, OurOwnEnvironmentComesBeforeAnother) {
  facts::Machine machine = ubuntu();
  machine.envs = {trio("/home/user/work/venv", "2.14.1", "0.29.1", "2.11.0", "cu130"),
                  trio(kOwn, "2.11.0", "0.26.0", "2.11.0", "cu130")};
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl keep " + kOwn));
}

TEST(Keep, AnEnvironmentWithoutCodeForTheGpuIsNotKept) {
  facts::Machine machine = ubuntu("RTX 5090");
  machine.envs = {trio("/home/user/work/venv", "2.6.0", "0.21.0", "2.6.0", "cu124")};
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl install " + kOwn));
}

TEST(Keep, AnEnvironmentForACudaThatTheKeptDriverCannotRunIsNotKept) {
  facts::Machine machine =
      ubuntu("RTX 4090", "driver = { version = \"535.183.01\", flavour = \"proprietary\" }");
  machine.envs = {trio("/home/user/work/venv", "2.14.1", "0.29.1", "2.11.0", "cu130")};
  const auto lines = told(choice_of(machine));
  EXPECT_THAT(lines, Contains("driver keep 535 proprietary keep"));
  EXPECT_THAT(lines, Contains("env dl install " + kOwn));
}

TEST(Keep, ACpuEnvironmentDoesWithoutGpuAndNotWithOne) {
  facts::Machine machine = ubuntu("");
  machine.envs = {trio("/opt/venv", "2.11.0", "0.26.0", "2.11.0", "cpu")};
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl keep /opt/venv"));
  facts::Machine with_gpu = ubuntu();
  with_gpu.envs = machine.envs;
  EXPECT_THAT(told(choice_of(with_gpu)), Contains("env dl install " + kOwn));
}

TEST(Keep, CompanionsOfAnotherVariantAreNotKept) {
  facts::Machine machine = ubuntu();
  machine.envs = {trio("/opt/venv", "2.15.0", "0.29.2", "2.11.0", "cu132")};
  machine.envs[0].packages[2].version = "2.11.0+cu130";
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl install " + kOwn));
}

TEST(Keep, APinDecides) {
  facts::Machine machine = ubuntu();
  machine.envs = {trio("/opt/venv", "2.11.0", "0.26.0", "2.11.0", "cu130")};
  const std::string goal = "[[env]]\nname = \"dl\"\npackages = [\"torch==";
  EXPECT_THAT(told(choice_of(machine, goal + "2.11.0\"]")), Contains("env dl keep /opt/venv"));
  EXPECT_THAT(told(choice_of(machine, goal + "2.10.0\"]")), Contains("env dl install " + kOwn));
}

TEST(Keep, ASystemsPythonIsOnlyUsedWhenNothingCanBeMade) {
  facts::Machine machine = ubuntu("RTX 4090", "driver = { version = \"580.159.04\", flavour = \"open\" }");
  machine.envs = {trio("/usr", "2.11.0", "0.26.0", "2.11.0", "cu130")};
  machine.envs[0].kind = "system";
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl install " + kOwn));
  for (facts::Source& source : machine.sources)
    source.answered_seconds = Error(Errc::unreachable, "no route");
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl keep /usr"));
}

TEST(Keep, WithoutANetworkAnEnvironmentThatLacksACompanionIsUsedAndThatIsSaid) {
  facts::Machine machine = ubuntu("RTX 4090", "driver = { version = \"580.159.04\", flavour = \"open\" }");
  machine.envs = {trio("/opt/venv", "2.11.0", "0.26.0", "2.11.0", "cu130")};
  machine.envs[0].packages.pop_back();
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl install " + kOwn));
  for (facts::Source& source : machine.sources)
    source.answered_seconds = Error(Errc::unreachable, "no route");
  const auto lines = told(choice_of(machine));
  EXPECT_THAT(lines, Contains("env dl keep /opt/venv"));
  EXPECT_THAT(lines, Contains(HasSubstr("/opt/venv has no torchaudio")));
}

TEST(Keep, OurOwnEnvironmentOfAnotherPythonIsLeftAndANewOneIsMadeBesideIt) {
  facts::Machine machine = ubuntu("RTX 5090");
  machine.envs = {trio(kOwn, "2.6.0", "0.21.0", "2.6.0", "cu124")};
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl install " + kOwn + "-py3.12"));
  machine.envs[0].version = "3.12.3";
  EXPECT_THAT(told(choice_of(machine)), Contains("env dl upgrade " + kOwn));
}

TEST(Keep, AToolkitThatIsThereIsKeptWhenItCompilesForEveryGpu) {
  facts::Machine machine = ubuntu();
  machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  EXPECT_THAT(told(choice_of(machine)), Contains("toolkit keep 13.0 keep"));
  machine.toolkits[0] = {.path = "/usr/local/cuda-12.4", .version = "12.4", .origin = "nvidia"};
  EXPECT_THAT(told(choice_of(machine)), Contains("toolkit install 13.0 nvidia"));
}

TEST(Keep, AnInstalledDriverThatWaitsForItsRebootCounts) {
  facts::Machine machine = ubuntu("RTX 4090", "kernel = \"6.8.0-45-generic\"");
  machine.driver.modules = {{.kernel = "6.8.0-45-generic",
                             .path = "/lib/modules/6.8.0-45-generic/updates/dkms/nvidia.ko",
                             .version = "595.91.07",
                             .flavour = facts::Flavour::open,
                             .signer = ""}};
  machine.driver.libcuda = {"595.91.07"};
  EXPECT_THAT(told(choice_of(machine)), Contains("driver keep 595 open keep"));
}

// The file is compressed and no package tells the flavour.
TEST(Keep, AModuleOfUnknownFlavourIsNotCalledProprietary) {
  facts::Machine machine = ubuntu("RTX 5090", "kernel = \"6.8.0-45-generic\"");
  machine.driver.modules = {
      {.kernel = "6.8.0-45-generic", .path = "/x.ko.zst", .version = "", .flavour = {}, .signer = ""}};
  machine.driver.libcuda = {"595.91.07"};
  EXPECT_THAT(told(choice_of(machine)), Contains("driver keep 595 - keep"));
}

TEST(Keep, ADriverThatServesTheGpuInNvmlBeatsTheTables) {
  facts::Machine machine = ubuntu("H200", "driver = { version = \"535.183.01\", flavour = \"proprietary\" }");
  machine.hypothetical = false;
  EXPECT_THAT(told(choice_of(machine)), Contains("driver upgrade 595 open nvidia"));
  facts::NvmlSnapshot snapshot{.driver_version = "535.183.01"};
  snapshot.gpus.push_back({.pci = machine.pci[0].address});
  machine.nvml = snapshot;
  EXPECT_THAT(told(choice_of(machine)), Contains("driver keep 535 proprietary keep"));
}

TEST(Kernels, TheRunningOneAndTheNewestThatBootsAreServed) {
  facts::Machine machine = machine_of({"debian", "RTX 4090", "debian-12", "all", "gcc = \"12\"", "", ""});
  machine.kernel.running = "6.1.0-9-amd64";
  machine.kernel.installed = {{"6.1.0-9-amd64", true, false},
                              {"6.1.0-21-amd64", true, false},
                              {"6.1.0-25-amd64", true, false},
                              {"6.1.0-30-amd64", false, false}};
  const resolve::Choice choice = choice_of(machine);
  EXPECT_THAT(choice.driver.kernels, ElementsAre("6.1.0-9-amd64", "6.1.0-25-amd64"));
  EXPECT_THAT(choice.driver.headers,
              ElementsAre("linux-headers-6.1.0-9-amd64", "linux-headers-6.1.0-25-amd64"));
}

TEST(Kernels, HeadersThatAreThereAreNotAskedFor) {
  facts::Machine machine = machine_of({"rocky", "A100", "rocky-9.4", "all", "gcc = \"11\"", "", ""});
  machine.kernel.running = "5.14.0-427.el9.x86_64";
  machine.kernel.installed = {{"5.14.0-427.el9.x86_64", true, true}, {"5.14.0-503.el9.x86_64", true, false}};
  EXPECT_THAT(choice_of(machine).driver.headers, ElementsAre("kernel-devel-5.14.0-503.el9.x86_64"));
}

TEST(Kernels, WhatPullsInTheNewestKernelIsHeldUnlessTheGoalFreesIt) {
  facts::Machine machine = machine_of({"debian", "RTX 4090", "debian-12", "all", "gcc = \"12\"", "", ""});
  machine.packages.list = std::vector<facts::Package>{{.name = "linux-image-amd64"},
                                                      {.name = "linux-headers-amd64"},
                                                      {.name = "linux-image-6.1.0-25-amd64"},
                                                      {.name = "gcc"}};
  EXPECT_THAT(choice_of(machine).driver.hold, ElementsAre("linux-image-amd64", "linux-headers-amd64"));
  EXPECT_THAT(choice_of(machine, "[policy]\nkernel = \"free\"").driver.hold, IsEmpty());
}

TEST(Reasons, SayWhyEachPartWasChosen) {
  const resolve::Choice choice = choice_of(ubuntu("V100 + RTX 4090"));
  std::vector<std::string> texts;
  for (const resolve::Reason& reason : choice.reasons) texts.push_back(reason.about + ": " + reason.text);
  EXPECT_THAT(texts,
              Contains("driver: branch 580 (LTSB) is the newest production branch with updates that serves "
                       "every GPU and can be had here"));
  EXPECT_THAT(texts, Contains("flavour: Volta needs the proprietary kernel modules"));
  EXPECT_THAT(texts,
              Contains("toolkit: CUDA toolkit 12.6 is what torch here was built with, and it compiles for "
                       "every GPU with gcc 13"));
}

// 2.14.1 for CUDA 12.6 is in the catalog, and nobody has tried it.
TEST(Reasons, SayThatANewerSetIsOnlyInferred) {
  const std::string goal = "[[env]]\npackages = [\"torch\", \"torchvision\"]";
  const resolve::Choice choice = choice_of(ubuntu("V100"), goal);
  std::string text;
  for (const resolve::Reason& reason : choice.reasons) text += reason.about == "torch" ? reason.text : "";
  EXPECT_THAT(text, HasSubstr("torch 2.11.0 (cu126) from the PyTorch index is the newest set"));
  EXPECT_THAT(text, Not(HasSubstr("no torchaudio")));
}

// 595 gets updates until 2027-03-24, 580 until 2028-06.
TEST(Resolve, PrefersABranchWithUpdatesToANewerOneWithout) {
  const auto branch_on = [](std::string_view today) {
    const auto answer = resolve::resolve(ubuntu(), goal_of(""), catalog::built_in(), today);
    return std::get<resolve::Choice>(answer).driver.branch;
  };
  EXPECT_EQ(branch_on("2027-03-24"), 595);
  EXPECT_EQ(branch_on("2027-03-25"), 580);
  EXPECT_EQ(branch_on("2028-06-30"), 580);
}

TEST(Resolve, CallsSystemsByTheRowsThatServeThem) {
  const auto key = [](std::string id, std::string version) {
    return resolve::os_key(
        {.id = std::move(id), .version = std::move(version), .codename = "", .name = "", .like = {}});
  };
  EXPECT_EQ(key("debian", "12"), "debian-12");
  EXPECT_EQ(key("ubuntu", "24.04"), "ubuntu-24.04");
  EXPECT_EQ(key("rocky", "9.4"), "rhel-9");
  EXPECT_EQ(key("almalinux", "8.10"), "rhel-8");
  EXPECT_EQ(key("debian", ""), "");
}

}  // namespace
}  // namespace bringup::testing_support
