// SPDX-License-Identifier: Apache-2.0
// By hand, with a real compiler and PyTorch: BRINGUP_EXTENSION_ENV=ENV BRINGUP_CUDA_HOME=DIR test_apply
// --gtest_filter='RealExtension.*' puts a small package into ENV, compiles it, imports it and takes it away.
#include <bringup/host/real.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

TEST(RealExtension, IsCompiledImportedAndTakenBack) {
  const char* env = std::getenv("BRINGUP_EXTENSION_ENV");
  const char* cuda = std::getenv("BRINGUP_CUDA_HOME");
  if (env == nullptr || cuda == nullptr)
    GTEST_SKIP() << "BRINGUP_EXTENSION_ENV and BRINGUP_CUDA_HOME are not given";
  const auto control = host::real_control();
  const std::string home = std::filesystem::temp_directory_path() / "bringup-real-extension";
  std::filesystem::remove_all(home);
  std::string site;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(env) + "/lib"))
    site = entry.path() / "site-packages";
  const std::string package = site + "/tiny";
  fake::put(package + "/__init__.py", "");
  fake::put(
      package + "/one.cu",
      "#include <torch/extension.h>\n__global__ void k(float* x) { *x = 3; }\nint three() { return 3; }\n"
      "PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def(\"three\", &three); }\n");
  fake::put(package + "/ext.py",
            "import os\nfrom torch.utils.cpp_extension import load\nload(name='tiny_ext', "
            "sources=[os.path.join(os.path.dirname(__file__), 'one.cu')])\n");
  steps::Plan plan{.machine = "m",
                   .goal = "g",
                   .made_at = "",
                   .user = {.name = "me",
                            .home = home,
                            .uid = static_cast<int>(::getuid()),
                            .gid = static_cast<int>(::getgid())},
                   .steps = {}};
  plan.steps = {fake::step_of("tiny", steps::BuildExtension{.env = env,
                                                            .module = "tiny_ext",
                                                            .imports = "tiny.ext",
                                                            .torch = "any",
                                                            .cuda_home = cuda,
                                                            .compiler = "/usr/bin/g++",
                                                            .architectures = {"9.0"},
                                                            .jobs = 2})};
  const Settings settings{.state_directory = home + "/state", .root = true};
  fake::Silent silent;
  const auto run = apply(plan, *control, host::real_clock(), settings, silent);
  EXPECT_TRUE(run) << run.error().message();
  EXPECT_TRUE(std::filesystem::exists(site + "/tiny_ext.so"));
  const auto undone = undo("", *control, host::real_clock(), settings, silent);
  EXPECT_TRUE(undone) << undone.error().message();
  EXPECT_FALSE(std::filesystem::exists(site + "/tiny_ext.so"));
  std::filesystem::remove_all(package);
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace bringup::apply
