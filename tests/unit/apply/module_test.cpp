// SPDX-License-Identifier: Apache-2.0
// NVIDIA's kernel module: built, looked for, loaded.
#include <bringup/host/kernel_module.hpp>

#include <gmock/gmock.h>

#include "packages_fixture.hpp"

namespace bringup::apply {
namespace {

TEST_F(PackagesTest, AModuleThatWasNotBuiltIsAFailureThatShowsTheLog) {
  machine.world.hooks_work = false;
  fake::fs::create_directories(machine.world.at(std::string("/lib/modules/") + kKernel));
  put(machine.world.at("/var/lib/dkms/nvidia/535/build/make.log"), "cc foo.c\nfatal error: no such header\n");
  const auto step = apt({"driver"}, {kKernel});
  const auto performed = perform(step, hands());
  ASSERT_FALSE(performed);
  EXPECT_NE(performed.error().message().find(kKernel), std::string::npos);
  EXPECT_NE(performed.error().message().find("no such header"), std::string::npos);
  EXPECT_FALSE(holds(step, hands()).value_or(true));
}

TEST_F(PackagesTest, AModuleThatTheHooksDidNotBuildIsBuilt) {
  machine.world.hooks_work = false;
  put(machine.world.at("/usr/sbin/dkms"), "");
  put(machine.world.at(std::string("/lib/modules/") + kKernel + "/build/Makefile"), "");
  const auto step = apt({"driver"}, {kKernel});
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(ran(std::string("dkms autoinstall -k ") + kKernel), 1U);
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

TEST_F(PackagesTest, TheMainModuleIsToldFromItsCompanionsAndFromTheFramebuffers) {
  const std::string modules = "/lib/modules/6.8/";
  for (const char* path : {"kernel/drivers/video/fbdev/nvidia/nvidiafb.ko", "updates/dkms/nvidia-uvm.ko",
                           "updates/dkms/nvidia-current-drm.ko", "kernel/drivers/platform/nvidia-wmi-ec.ko"})
    put(machine.world.at(modules + path), "");
  EXPECT_FALSE(module_is_built("6.8", machine.view()));
  for (const char* path : {"updates/dkms/nvidia.ko.zst", "updates/dkms/nvidia-current.ko",
                           "extra/drivers/video/nvidia/nvidia.ko.xz", "kernel/nvidia-580/nvidia.ko",
                           "updates/nvidia-open/nvidia.ko"}) {
    put(machine.world.at(modules + path), "");
    EXPECT_TRUE(module_is_built("6.8", machine.view())) << path;
    fake::fs::remove(machine.world.at(modules + path));
  }
}

TEST_F(PackagesTest, AModuleThatWasBuiltForAnotherKernelIsNone) {
  const std::string place = std::string("/lib/modules/") + kKernel;
  const host::ModuleInfo info{
      .version = "535.1", .license = "NVIDIA", .built_for = "6.1.0-9-amd64", .signer = ""};
  machine.world.hooks_work = false;
  put(machine.world.at(place + "/updates/dkms/nvidia.ko"), host::module_file(info));
  const auto step = apt({"driver"}, {kKernel});
  const auto performed = perform(step, hands());
  ASSERT_FALSE(performed);
  EXPECT_THAT(performed.error().message(),
              testing::HasSubstr("/nvidia.ko was built for kernel 6.1.0-9-amd64"));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  // one that a kernel of the same interface may take over, and one of its own
  put(machine.world.at(place + "/weak-updates/nvidia.ko"), host::module_file(info));
  EXPECT_TRUE(module_is_built(kKernel, machine.view()));
  fake::fs::remove_all(machine.world.at(place + "/weak-updates"));
  host::ModuleInfo own = info;
  own.built_for = kKernel;
  put(machine.world.at(place + "/updates/dkms/nvidia.ko"), host::module_file(own));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

struct ModuleTest : PackagesTest {};

TEST_F(ModuleTest, IsUnloadedWithItsCompanionsUnlessItWasThere) {
  put(machine.world.at("/proc/modules"), "ext4 1 0\n");
  const steps::LoadModule step{.module = "nvidia"};
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(slurp(machine.world.at("/proc/modules")), "ext4 1 0\n");
  ASSERT_TRUE(perform(step, hands()));
  const Json loaded = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(undo(step, loaded, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

struct ServiceTest : PackagesTest {};

TEST_F(ServiceTest, StartsNowAndAtEachBootAndIsTakenBack) {
  const steps::EnableService step{.service = "nvidia-fabricmanager", .now = true};
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  EXPECT_EQ(ran("systemctl restart nvidia-fabricmanager.service"), 1U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  EXPECT_FALSE(holds(steps::EnableService{.service = step.service, .now = false}, hands()).value_or(true));
  EXPECT_EQ(ran("systemctl stop nvidia-fabricmanager.service"), 1U);
}

TEST_F(ServiceTest, IsLeftAsItWasFound) {
  const steps::EnableService step{.service = "nvidia-fabricmanager", .now = false};
  ASSERT_TRUE(perform(step, hands()));
  EXPECT_EQ(ran("systemctl restart nvidia-fabricmanager.service"), 0U);
  EXPECT_TRUE(holds(step, hands()).value_or(false));
  // enabled and not running: that it is to run now is not so yet
  EXPECT_FALSE(holds(steps::EnableService{.service = step.service, .now = true}, hands()).value_or(true));
  const Json before = remember(step, hands()).value_or(Json::object());
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_TRUE(holds(step, hands()).value_or(false));
}

}  // namespace
}  // namespace bringup::apply
