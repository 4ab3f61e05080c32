// SPDX-License-Identifier: Apache-2.0
// The kinds of step about Python, over fake venv, pip and uv.
#include <bringup/apply/python_env.hpp>

#include "fake_machine.hpp"
#include <atomic>
#include <thread>

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::put;

constexpr const char* kSite = "/env/dl/lib/python3.11/site-packages";

struct PythonTest : testing::Test {
  Machine machine;
  steps::PlanUser user = machine.user();
  bool again = false;
  PythonTest() {
    put(machine.world.at("/usr/bin/python3"), "", fake::fs::perms(0755));
    machine.world.index["numpy"] = {.version = "2.3", .files = {{"numpy/core.py", ""}}};
    machine.world.index["torch"] = {.version = "2.10.0",
                                    .needs = {"numpy"},
                                    .files = {{"torch/version.py", "__version__ = '2.10.0+cu128'\n"}}};
    machine.world.index["uv"] = {.version = "0.13.8"};
  }
  Hands hands() {
    return {.view = machine.view(),
            .control = &machine,
            .user = user,
            .as_user = true,
            .again = again,
            .say = {}};
  }
  template <typename S>
  Json done(const S& step) {
    const auto before = remember(step, hands());
    EXPECT_TRUE(before) << before.error().message();
    const auto performed = perform(step, hands());
    EXPECT_TRUE(performed) << performed.error().message();
    EXPECT_TRUE(holds(step, hands()).value_or(false));
    return before.value_or(Json::object());
  }
  static steps::InstallWheels wheels(std::vector<std::string> packages, std::string variant = "") {
    return {.env = "/env/dl",
            .tool = "pip",
            .manager = "",
            .packages = std::move(packages),
            .index_url = "https://example.org/whl",
            .variant = std::move(variant)};
  }
  const steps::CreateEnv env{.path = "/env/dl", .tool = "venv", .manager = "", .python = "/usr/bin/python3"};
};

TEST_F(PythonTest, AnEnvironmentComesAndGoes) {
  const auto tree = machine.tree();
  EXPECT_FALSE(holds(env, hands()).value_or(true));
  const Json before = done(env);
  EXPECT_EQ(machine.world.ran.back(), "/usr/bin/python3 -I -m venv /env/dl");
  ASSERT_TRUE(undo(env, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PythonTest, AnEmptyDirectoryIsUsedAndComesBackEmpty) {
  fake::fs::create_directories(machine.world.at("/env/dl"));
  fake::fs::permissions(machine.world.at("/env/dl"), fake::fs::perms(0750));
  const auto tree = machine.tree();
  const Json before = done(env);
  ASSERT_TRUE(undo(env, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PythonTest, WhatIsThereAlreadyIsNeitherUsedNorRemoved) {
  put(machine.world.at("/env/dl/thesis.tex"), "years of work");
  EXPECT_EQ(remember(env, hands()).error().code(), Errc::refused);
  const steps::InstallUv uv{.path = "/env/dl", .python = "/usr/bin/python3", .version = ""};
  EXPECT_EQ(remember(uv, hands()).error().code(), Errc::refused);
  put(machine.world.at("/file"), "");
  const steps::CreateEnv file{.path = "/file", .tool = "venv", .manager = "", .python = "/usr/bin/python3"};
  EXPECT_EQ(remember(file, hands()).error().code(), Errc::refused);
}

TEST_F(PythonTest, ARunDoesNotRemoveWhatItRefused) {
  put(machine.world.at("/env/dl/thesis.tex"), "years of work");
  fake::Silent silent;
  const auto plan = fake::plan_of(machine, {fake::step_of("env", env, true)});
  EXPECT_EQ(apply(plan, machine, fake::kClock, machine.settings(), silent).error().code(), Errc::refused);
  EXPECT_EQ(resume(machine, fake::kClock, machine.settings(), silent).error().code(), Errc::refused);
  EXPECT_EQ(undo("", machine, fake::kClock, machine.settings(), silent).error().code(), Errc::absent);
  EXPECT_EQ(fake::slurp(machine.world.at("/env/dl/thesis.tex")), "years of work");
}

TEST_F(PythonTest, AHalfMadeEnvironmentIsMadeAnew) {
  put(machine.world.at("/env/dl/pyvenv.cfg"), "half");
  put(machine.world.at("/env/dl/bin/python"), "", fake::fs::perms(0755));
  fake::fs::create_directories(machine.world.at(kSite));
  again = true;
  EXPECT_FALSE(holds(env, hands()).value_or(true));
  ASSERT_TRUE(perform(env, hands()));
  EXPECT_TRUE(machine.view().exists("/env/dl/bin/activate"));
}

// A pip that outlived the bringup that was killed, say: what it still writes would stand in the way.
TEST_F(PythonTest, WhatAnEarlierAttemptLeftRunningIsWaitedFor) {
  using std::string_literals::operator""s;
  const auto while_at_work_in = [this](const std::string& path, const auto& change) {
    put(machine.world.at("/proc/77/cmdline"), path + "/bin/python\0-m\0pip\0"s);
    std::atomic<bool> ended{false};
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      ended = true;
      fake::fs::remove_all(machine.world.at("/proc/77"));
    });
    const Result<> done = change();
    const bool waited = ended;
    other.join();
    return done && waited;
  };
  const steps::InstallUv uv{.path = "/env/uv", .python = "/usr/bin/python3", .version = "0.13.8"};
  const Json no_uv = remember(uv, hands()).value_or(Json::object());
  const Json no_env = remember(env, hands()).value_or(Json::object());
  again = true;
  EXPECT_TRUE(while_at_work_in("/env/uv", [&] { return perform(uv, hands()); }));
  EXPECT_TRUE(while_at_work_in("/env/dl", [&] { return perform(env, hands()); }));
  const steps::InstallWheels numpy = wheels({"numpy"});
  const Json no_wheels = remember(numpy, hands()).value_or(Json::object());
  EXPECT_TRUE(while_at_work_in("/env/dl", [&] { return perform(numpy, hands()); }));
  EXPECT_TRUE(while_at_work_in("/env/dl", [&] { return undo(numpy, no_wheels, hands()); }));
  EXPECT_TRUE(while_at_work_in("/env/dl", [&] { return undo(env, no_env, hands()); }));
  EXPECT_TRUE(while_at_work_in("/env/uv", [&] { return undo(uv, no_uv, hands()); }));
}

TEST_F(PythonTest, AnEnvironmentWhoseInterpreterIsGoneDoesNotHold) {
  done(env);
  fake::fs::remove(machine.world.at("/env/dl/bin/python"));
  fake::fs::create_symlink("/usr/bin/python3", machine.world.at("/env/dl/bin/python"));
  EXPECT_TRUE(holds(env, hands()).value_or(false));
  fake::fs::remove(machine.world.at("/usr/bin/python3"));
  EXPECT_FALSE(holds(env, hands()).value_or(true));
}

TEST_F(PythonTest, UvIsThereWhenItsPackageIsWhole) {
  steps::InstallUv uv{.path = "/uv", .python = "/usr/bin/python3", .version = "0.13.8"};
  const Json before = done(uv);
  uv.version = "0.14.0";
  EXPECT_FALSE(holds(uv, hands()).value_or(true));
  uv.version = "";
  EXPECT_TRUE(holds(uv, hands()).value_or(false));
  fake::fs::remove(machine.world.at("/uv/lib/python3.11/site-packages/uv-0.13.8.dist-info/RECORD"));
  EXPECT_FALSE(holds(uv, hands()).value_or(true));
}

TEST_F(PythonTest, UvAndWheelsComeFromTheMirrorThatIsNamed) {
  done(steps::InstallUv{.path = "/uv",
                        .python = "/usr/bin/python3",
                        .version = "0.13.8",
                        .index_url = "https://mirror.example/simple/"});
  EXPECT_TRUE(
      base::contains(machine.world.ran.back(), "--index-url https://mirror.example/simple/ uv==0.13.8"))
      << machine.world.ran.back();
  done(env);
  steps::InstallWheels flat = wheels({"torch==2.10.0"});
  flat.find_links = "https://mirror.example/torch/cu128/";
  ASSERT_TRUE(perform(flat, hands()));
  EXPECT_TRUE(base::contains(machine.world.ran.back(),
                             " --find-links https://mirror.example/torch/cu128/ torch==2.10.0"))
      << machine.world.ran.back();
}

TEST_F(PythonTest, WheelsAreComparedByVersionAndVariantWithoutImporting) {
  done(env);
  EXPECT_FALSE(holds(wheels({"torch==2.10.0"}), hands()).value_or(true));
  done(wheels({"torch==2.10.0"}, "cu128"));
  EXPECT_TRUE(base::contains(machine.world.ran.back(), "--index-url https://example.org/whl torch==2.10.0"));
  EXPECT_TRUE(holds(wheels({"Torch == 2.10"}, "cu128"), hands()).value_or(false));
  EXPECT_FALSE(holds(wheels({"torch==2.10.0"}, "cpu"), hands()).value_or(true));
  EXPECT_FALSE(holds(wheels({"torch==2.10.1"}), hands()).value_or(true));
  EXPECT_FALSE(holds(wheels({"torch", "torchaudio"}), hands()).value_or(true));
}

TEST_F(PythonTest, AnotherVariantIsReplacedThoughTheVersionFits) {
  done(env);
  ASSERT_TRUE(perform(wheels({"torch==2.10.0"}), hands()));
  // the fake does not reinstall; what counts is that it was asked to
  EXPECT_TRUE(perform(wheels({"torch==2.10.0"}, "cpu"), hands()));
  EXPECT_TRUE(base::contains(machine.world.ran.back(), "--force-reinstall"));
  auto uv = wheels({"torch==2.10.0"}, "cpu");
  uv.tool = "uv";
  uv.manager = "/uv";
  put(machine.world.at("/uv"), "", fake::fs::perms(0755));
  EXPECT_TRUE(perform(uv, hands()));
  EXPECT_TRUE(base::contains(machine.world.ran.back(), "--reinstall-package torch"));
  uv.variant = "cu128";
  EXPECT_TRUE(perform(uv, hands()));
  EXPECT_FALSE(base::contains(machine.world.ran.back(), "--reinstall-package"));
}

TEST_F(PythonTest, WheelsGoWithWhatTheyBroughtAndOldVersionsComeBack) {
  done(env);
  ASSERT_TRUE(perform(wheels({"numpy==2.2"}), hands()));
  const auto tree = machine.tree();
  const auto step = wheels({"torch==2.10.0", "numpy==2.3"}, "cu128");
  const Json before = done(step);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(PythonTest, WithoutANetworkWheelsSayWhatIsInTheWay) {
  done(env);
  machine.world.failure =
      "WARNING: Retrying\nERROR: Could not find a version; [Errno -3] Temporary failure in "
      "name resolution";
  const auto performed = perform(wheels({"torch==2.10.0"}), hands());
  EXPECT_EQ(performed.error().code(), Errc::unreachable);
  EXPECT_TRUE(performed.error().message().starts_with("the name of the server could not be resolved"));
  machine.world.failure = "OSError: [Errno 28] No space left on device";
  EXPECT_EQ(perform(wheels({"torch==2.10.0"}), hands()).error().code(), Errc::io);
}

TEST(Variant, IsReadFromTheTextOfTorch) {
  EXPECT_EQ(variant_in("__version__ = '2.10.0+cu128'\n"), "cu128");
  EXPECT_EQ(variant_in("__version__ = '2.10.0'\ncuda: Optional[str] = '13.0'\n"), "cu130");
  EXPECT_EQ(variant_in("__version__ = '2.10.0+git1234'\ncuda = '12.8'\n"), "cu128");
  EXPECT_EQ(variant_in("__version__ = '2.10.0'\ncuda: Optional[str] = None\n"), "cpu");
  EXPECT_EQ(variant_in("__version__ = '2.10.0+cpu'\n"), "cpu");
  EXPECT_EQ(variant_in(""), "");
}

TEST(Requirement, IsANameAndAnExactVersion) {
  EXPECT_EQ(parse_requirement("Huggingface_Hub[cli]==1.0; python_version>'3'").name, "huggingface-hub");
  EXPECT_EQ(parse_requirement("Huggingface_Hub[cli]==1.0; python_version>'3'").version, "1.0");
  EXPECT_EQ(parse_requirement("numpy>=2").version, "");
  EXPECT_TRUE(is_version("2.10.0", "2.10.0+cu128"));
  EXPECT_TRUE(is_version("2.10.0+cu128", "2.10.0+cu128"));
  EXPECT_FALSE(is_version("2.10.0+cu130", "2.10.0+cu128"));
  EXPECT_FALSE(is_version("2.10.0", "2.10.0rc1"));
  EXPECT_TRUE(is_version("2.10", "2.10.0"));
}

}  // namespace
}  // namespace bringup::apply
