// SPDX-License-Identifier: Apache-2.0
// WSL, where the driver is Windows' and the bus shows no GPU; and a module that Secure Boot refuses.
#include <gmock/gmock.h>

#include "unit/resolve/row.hpp"
#include <variant>

namespace bringup::testing_support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

facts::Machine wsl(const std::string& version, const std::vector<std::string>& names) {
  facts::Machine machine = machine_of({"wsl", "", "ubuntu-22.04", "all", "gcc = \"11\"", "", ""});
  machine.hypothetical = false;
  machine.container = std::optional<std::string>("wsl");
  facts::NvmlSnapshot nvml;
  nvml.driver_version = version;
  for (const std::string& name : names) {
    facts::NvmlGpu gpu;
    gpu.pci = "0000:0" + std::to_string(nvml.gpus.size() + 1) + ":00.0";
    gpu.name = name;
    nvml.gpus.push_back(gpu);
  }
  machine.nvml = nvml;
  return machine;
}

resolve::Resolution answer(const facts::Machine& machine, const std::string& goal = "") {
  return resolve::resolve(machine, goal_of(goal), catalog::built_in(), kToday);
}

TEST(Wsl, ServesTheGpusByTheDriverOfWindows) {
  const auto lines = told(answer(wsl("580.159.04", {"NVIDIA GeForce RTX 4070"})));
  EXPECT_THAT(lines, Contains("driver keep 580 - keep"));
  EXPECT_THAT(lines, Contains("toolkit install 13.0 nvidia"));
  EXPECT_THAT(lines, Contains("torch 2.14.1+cu130 pypi"));
  const auto choice = std::get<resolve::Choice>(answer(wsl("580.159.04", {"NVIDIA GeForce RTX 4070"})));
  EXPECT_THAT(choice.reasons.front().text, HasSubstr("of Windows serves every GPU"));
  EXPECT_THAT(choice.driver.kernels, testing::IsEmpty());
}

TEST(Wsl, TakesWheelsForAnOldDriverAndInstallsNone) {
  EXPECT_THAT(told(answer(wsl("550.120", {"NVIDIA GeForce RTX 4070"}))), Contains("driver keep 550 - keep"));
  const auto none = answer(wsl("550.120", {"NVIDIA GeForce RTX 4070"}),
                           "[[env]]\nname = \"dl\"\npackages = [\"torch==2.15.0\", \"torchvision\"]\n");
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(none));
  EXPECT_THAT(told(none), Contains(HasSubstr("needs driver 580")));
  const auto pinned = answer(wsl("550.120", {"NVIDIA GeForce RTX 4070"}), "driver = \"595\"");
  ASSERT_TRUE(std::holds_alternative<resolve::Conflict>(pinned));
  EXPECT_THAT(told(pinned), Contains(HasSubstr("in WSL the driver is that of Windows")));
}

TEST(Wsl, SaysThatADriverWhichDoesNotAnswerIsNoMissingGpu) {
  facts::Machine machine = wsl("580.159.04", {});
  machine.nvml = Error(Errc::failed, "NVML: Driver Not Loaded (9)");
  EXPECT_THAT(told(answer(machine)), Contains(StartsWith("notice wsl-driver-silent")));
  machine.nvml = Error(Errc::absent, "no libnvidia-ml.so.1");
  EXPECT_THAT(told(answer(machine)), Not(Contains(StartsWith("notice wsl-driver-silent"))));
}

TEST(Wsl, NamesAGpuThatTheCatalogDoesNotKnow) {
  const auto lines = told(answer(wsl("580.159.04", {"NVIDIA Nonesuch 9000"})));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("the catalog knows no GPU of the name 'NVIDIA Nonesuch 9000'")));
}

TEST(Wsl, WithoutNvmlThereIsNoGpu) {
  facts::Machine machine = wsl("580.159.04", {});
  machine.nvml = Error(Errc::absent, "no libnvidia-ml.so.1");
  EXPECT_THAT(told(answer(machine)), Contains("driver none"));
}

facts::Machine with_module(const std::string& signer) {
  facts::Machine machine =
      machine_of({"secure", "RTX 4080", "ubuntu-22.04", "all",
                  "gcc = \"11\"\nkernel = \"6.8.0-87-generic\"\nsecure_boot = true\ndriver = "
                  "{ version = \"580.159.04\", flavour = \"open\" }",
                  "", ""});
  machine.driver.loaded = std::optional<facts::LoadedModule>{};
  machine.driver.modules.front().signer = signer;
  return machine;
}

TEST(SecureBoot, TellsOfAKeptModuleThatIsRefused) {
  EXPECT_THAT(told(answer(with_module(""))),
              Contains(StartsWith("notice module-refused: Secure Boot is on")));
  EXPECT_THAT(told(answer(with_module(""))), Contains("driver keep 580 open keep"));
  EXPECT_THAT(told(answer(with_module("DKMS key"))), Not(Contains(StartsWith("notice module-refused"))));
  facts::Machine loaded = with_module("");
  loaded.driver.loaded =
      std::optional(facts::LoadedModule{.version = "580.159.04", .flavour = facts::Flavour::open});
  EXPECT_THAT(told(answer(loaded)), Not(Contains(StartsWith("notice module-refused"))));
  facts::Machine off = with_module("");
  off.secure_boot = false;
  EXPECT_THAT(told(answer(off)), Not(Contains(StartsWith("notice module-refused"))));
  // A compressed module does not say whether it is signed.
  facts::Machine compressed = with_module("");
  compressed.driver.modules.front().version = "";
  EXPECT_THAT(told(answer(compressed)), Not(Contains(StartsWith("notice module-refused"))));
}

TEST(Kernels, TellOfAKeptModuleThatWasBuiltForAnother) {
  facts::Machine machine = with_module("DKMS key");
  const auto notice = [&machine] { return told(answer(machine)); };
  EXPECT_THAT(notice(), Not(Contains(StartsWith("notice next-kernel"))));
  machine.driver.modules.front().built_for = "6.8.0-85-generic";
  EXPECT_THAT(notice(),
              Contains(HasSubstr("next-kernel-others-module: kernel 6.8.0-87-generic boots next and its "
                                 "NVIDIA module was built for kernel 6.8.0-85-generic")));
  // one of its own beside it
  machine.driver.modules.push_back(machine.driver.modules.front());
  machine.driver.modules.back().built_for = "6.8.0-87-generic";
  EXPECT_THAT(notice(), Not(Contains(StartsWith("notice next-kernel"))));
}

}  // namespace
}  // namespace bringup::testing_support
