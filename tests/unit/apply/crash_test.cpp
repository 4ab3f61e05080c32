// SPDX-License-Identifier: Apache-2.0
// Dies before, in and after every change of a plan of all kinds, goes on, and compares with the run that was
// left in peace; and the same for taking it back. There is no third state. A conda's own are in
// conda_test.cpp.
#include <bringup/base/digest.hpp>

#include "fake_machine.hpp"
#include <array>
#include <iostream>

namespace bringup::apply {
namespace {

using fake::Died;
using fake::difference;
using fake::Machine;
using fake::step_of;
using fake::When;

constexpr const char* kKernel = "6.1.0-25-amd64";
constexpr std::array kWhens{When::before, When::middle, When::after};

// A machine with things that a run must not lose, and the archives that the plan takes from.
void furnish(Machine& machine) {
  fake::World& world = machine.world;
  fake::put(world.at("/etc/replaced.conf"), "as it was\n", fake::fs::perms(0640));
  fake::put(world.at("/etc/right.conf"), "right already\n");
  fake::put(world.at("/home/somebody/.bashrc"), "alias ll='ls -l'");
  fake::put(world.at("/usr/bin/curl"), "curl", fake::fs::perms(0755));
  fake::put(world.at("/usr/bin/python3"), "python", fake::fs::perms(0755));
  fake::put(world.at("/proc/modules"), "ext4 1 0\n");
  fake::put(world.at(std::string("/lib/modules/") + kKernel + "/kernel/fs/ext4.ko"), "ext4");
  fake::put(world.at(std::string("/lib/modules/") + kKernel + "/build/Makefile"), "headers");
  for (const char* directory : {"/etc/systemd/system/multi-user.target.wants",
                                "/sys/fs/cgroup/system.slice/nvidia-fabricmanager.service"})
    fake::fs::create_directories(world.at(directory));
  fake::put(world.at("/var/lib/dkms/mok.pub"), "certificate");
  fake::put(world.at("/root/repo.deb"), "4 cuda-repo-debian12-13-0-local");
  world.archive["cuda-toolkit-13-0"] = {.version = "13.0.2",
                                        .needs = {"make"},
                                        .files = {{"/usr/local/cuda-13.0/bin/nvcc", "nvcc"}},
                                        .only_with = "/etc/apt/sources.list.d/bringup-repository.sources"};
  world.web["https://example.org/key"] = "a key";
  world.web["https://hub.example/o/m/resolve/c1/original/weights.pth"] = "weights of a model";
  world.archive["dpkg"] = {.version = "1.21"};
  world.archive["make"] = {.version = "4", .files = {{"/usr/bin/make", "make"}}};
  world.archive["dkms"] = {.version = "3", .needs = {"make"}, .files = {{"/usr/sbin/dkms", "dkms"}}};
  world.archive["nvidia-driver"] = {.version = "535", .needs = {"dkms", "libcuda1"}, .builds_module = true};
  world.archive["libcuda1"] = {.version = "535", .files = {{"/usr/lib/libcuda.so.1", "cuda"}}};
  world.archive["tools"] = {
      .version = "1", .needs = {"make"}, .files = {{"/usr/bin/tools", "tools"}}, .kib = 2};
  world.index["uv"] = {.version = "0.13.8"};
  world.index["numpy"] = {.version = "2.3", .files = {{"numpy/core.py", "numpy"}}};
  world.index["torch"] = {.version = "2.10.0",
                          .needs = {"numpy"},
                          .files = {{"torch/version.py", "__version__ = '2.10.0+cu128'\n"}}};
  world.index["attrs"] = {.version = "25.1"};
  fake::Packages packages(world, false);
  packages.all["dpkg"].version = "1.21";
  packages.all["make"].version = "4";
  packages.save();
  fake::put(world.at("/usr/bin/make"), "make");
  fake::mark(world, {"make"}, true);
  EXPECT_TRUE(fake::make_venv(world, "/home/somebody/own", true).success());
  EXPECT_TRUE(fake::pip(world, world.at("/home/somebody/own"), {"install", "attrs==24.0"}).success());
}

steps::Plan whole_plan(const Machine& machine) {
  const std::string prefix = "/home/somebody/.local/share/bringup";
  const auto wheels = [&](const char* env, std::vector<std::string> packages, const char* variant) {
    return steps::InstallWheels{.env = env,
                                .tool = "uv",
                                .manager = prefix + "/uv/bin/uv",
                                .packages = std::move(packages),
                                .index_url = "https://example.org/whl",
                                .variant = variant};
  };
  const std::string env = "/home/somebody/envs/dl";
  const steps::BuildExtension extension{.env = "/home/somebody/own",
                                        .module = "exllamav2_ext",
                                        .imports = "exllamav2.ext",
                                        .torch = "2.10.0",
                                        .cuda_home = "/usr/local/cuda-13.0",
                                        .compiler = "/usr/bin/g++",
                                        .architectures = {"9.0"},
                                        .jobs = 2};
  return fake::plan_of(
      machine,
      {step_of("new",
               steps::WriteFile{.path = "/etc/modprobe.d/x/bringup.conf", .text = "blacklist nouveau\n"}),
       step_of("replaced", steps::WriteFile{.path = "/etc/replaced.conf", .text = "as it is\n"}),
       step_of("right", steps::WriteFile{.path = "/etc/right.conf", .text = "right already\n"}),
       step_of("block",
               steps::EditBlock{.path = "/home/somebody/.bashrc", .name = "cuda", .text = "PATH=/c:$PATH\n"},
               true),
       step_of("key", steps::FetchFile{.url = "https://example.org/key",
                                       .path = "/usr/share/keyrings/key.asc",
                                       .sha256 = base::sha256_hex("a key"),
                                       .fingerprint = ""}),
       step_of("packages", steps::InstallPackages{.manager = "apt",
                                                  .packages = {"make", "nvidia-driver"},
                                                  .dnf_module = "",
                                                  .builds_for = {kKernel}}),
       step_of("tools",
               steps::InstallPackages{
                   .manager = "apt", .packages = {"tools"}, .dnf_module = "", .builds_for = {}}),
       step_of("local",
               steps::InstallFromRepositoryFile{.path = "/root/repo.deb",
                                                .sha256 = base::sha256_hex("4 cuda-repo-debian12-13-0-local"),
                                                .packages = {"cuda-toolkit-13-0"}}),
       step_of("hold", steps::HoldPackages{.manager = "apt", .packages = {"nvidia-driver", "libcuda1"}}),
       step_of("enrol", steps::EnrolKey{.certificates = {"/var/lib/shim-signed/mok/MOK.der",
                                                         "/var/lib/dkms/mok.pub"}}),
       step_of("load", steps::LoadModule{.module = "nvidia"}),
       step_of("service", steps::EnableService{.service = "nvidia-fabricmanager", .now = true}),
       step_of("uv", steps::InstallUv{.path = prefix + "/uv", .python = "/usr/bin/python3", .version = ""},
               true),
       step_of(
           "env",
           steps::CreateEnv{.path = env, .tool = "uv", .manager = prefix + "/uv/bin/uv", .python = "3.11"},
           true),
       step_of("wheels", wheels(env.c_str(), {"torch==2.10.0"}, "cu128"), true),
       step_of("model",
               steps::FetchModelFile{.endpoint = "https://hub.example",
                                     .repo = "o/m",
                                     .commit = "c1",
                                     .file = "original/weights.pth",
                                     .directory = "/home/somebody/models/m",
                                     .size = 18,
                                     .sha256 = base::sha256_hex("weights of a model"),
                                     .git_sha = ""},
               true),
       step_of("own-wheels", wheels("/home/somebody/own", {"attrs==25.1", "numpy==2.3"}, ""), true),
       step_of("extension", extension, true)});
}

Result<Run> go(Machine& machine, const steps::Plan& plan) {
  fake::Silent silent;
  return apply(plan, machine, fake::kClock, machine.settings(), silent);
}
Result<Run> go_on(Machine& machine) {
  fake::Silent silent;
  return resume(machine, fake::kClock, machine.settings(), silent);
}
Result<Run> go_back(Machine& machine) {
  fake::Silent silent;
  return undo("", machine, fake::kClock, machine.settings(), silent);
}

// Whether `run` died.
template <typename F>
bool dies(F&& run) {
  try {
    const Result<Run> result = run();
    EXPECT_TRUE(result) << result.error().message();
    return false;
  } catch (const Died&) {
    return true;
  }
}

std::string state_of(const Machine& machine) {
  const auto runs = history(machine.view(), machine.settings());
  if (!runs) return runs.error().message();
  return runs->empty() ? "none" : runs->front().state;
}

// Until nothing is left to go on with; before its first record a run is none, and is begun anew.
void finish(Machine& machine, const steps::Plan& plan) {
  if (state_of(machine) == "done") return;
  const auto run = state_of(machine) == "none" ? go(machine, plan) : go_on(machine);
  ASSERT_TRUE(run) << run.error().message();
}

struct Expected {
  std::map<std::string, std::string> original;
  std::map<std::string, std::string> done;
  std::size_t calls = 0;
  std::size_t undo_calls = 0;
};
Expected in_peace() {
  Machine machine;
  furnish(machine);
  Expected expected;
  expected.original = machine.tree();
  machine.die_at(0, When::before);
  const auto run = go(machine, whole_plan(machine));
  EXPECT_TRUE(run) << run.error().message();
  expected.calls = machine.calls();
  expected.done = machine.tree();
  machine.die_at(0, When::before);
  const auto undone = go_back(machine);
  EXPECT_TRUE(undone) << undone.error().message();
  EXPECT_EQ(undone->message, "");
  expected.undo_calls = machine.calls();
  EXPECT_EQ(difference(machine.tree(), expected.original), "");
  return expected;
}

// The second time nothing is run that could change anything, nothing is written but bringup's own journal.
TEST(Crash, ASecondRunHasNothingToDoAndRunsNoProgram) {
  Machine machine;
  furnish(machine);
  const steps::Plan plan = whole_plan(machine);
  ASSERT_TRUE(go(machine, plan));
  const auto tree = machine.tree();
  const std::size_t steps = plan.steps.size();
  machine.world.ran.clear();
  machine.die_at(0, When::before);  // counts from here
  ASSERT_TRUE(pending(plan, machine.view()).value_or({"?"}).empty());
  fake::Silent silent;
  const auto again = apply(plan, machine, fake::kClock, machine.settings(), silent);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(machine.world.ran, std::vector<std::string>{});
  for (const std::string& line : silent.ended) EXPECT_TRUE(line.ends_with(" was done")) << line;
  EXPECT_EQ(silent.ended.size(), steps);
  EXPECT_EQ(difference(machine.tree(), tree), "");
  EXPECT_EQ(machine.calls(), steps + 5)
      << "three directories of the journal, its plan, its steps and its end";
}

TEST(Crash, ARunThatDiedAnywhereIsFinishedByResume) {
  const Expected expected = in_peace();
  ASSERT_NE(expected.done, expected.original);
  std::cout << "N = " << expected.calls << " changes, dying before, in and after each\n";
  for (std::size_t n = 1; n <= expected.calls; ++n) {
    for (const When when : kWhens) {
      SCOPED_TRACE(testing::Message() << "change " << n << ", moment " << static_cast<int>(when));
      Machine machine;
      furnish(machine);
      const steps::Plan plan = whole_plan(machine);
      machine.die_at(n, when);
      EXPECT_TRUE(dies([&] { return go(machine, plan); }));
      machine.die_at(0, when);
      finish(machine, plan);
      ASSERT_EQ(difference(machine.tree(), expected.done), "");
      ASSERT_EQ(state_of(machine), "done");
      ASSERT_EQ(pending(plan, machine.view()).value_or({"?"}), std::vector<std::string>());
      // and what was there before is still known
      const auto undone = go_back(machine);
      ASSERT_TRUE(undone) << undone.error().message();
      ASSERT_EQ(difference(machine.tree(), expected.original), "");
    }
  }
}

TEST(Crash, ARunThatDiedAnywhereIsTakenBackByUndo) {
  const Expected expected = in_peace();
  for (std::size_t n = 1; n <= expected.calls; ++n) {
    for (const When when : kWhens) {
      SCOPED_TRACE(testing::Message() << "change " << n << ", moment " << static_cast<int>(when));
      Machine machine;
      furnish(machine);
      machine.die_at(n, when);
      EXPECT_TRUE(dies([&] { return go(machine, whole_plan(machine)); }));
      machine.die_at(0, when);
      const auto undone = go_back(machine);
      ASSERT_TRUE(undone || undone.error().code() == Errc::absent) << undone.error().message();
      ASSERT_EQ(difference(machine.tree(), expected.original), "");
    }
  }
}

TEST(Crash, AnUndoThatDiedAnywhereIsFinishedByAnother) {
  const Expected expected = in_peace();
  std::cout << "N = " << expected.undo_calls << " changes of undo\n";
  for (std::size_t n = 1; n <= expected.undo_calls; ++n) {
    for (const When when : kWhens) {
      SCOPED_TRACE(testing::Message() << "change " << n << ", moment " << static_cast<int>(when));
      Machine machine;
      furnish(machine);
      machine.die_at(0, when);
      ASSERT_TRUE(go(machine, whole_plan(machine)));
      machine.die_at(n, when);
      EXPECT_TRUE(dies([&] { return go_back(machine); }));
      machine.die_at(0, when);
      if (state_of(machine) != "undone") {
        const auto undone = n % 2 == 0 ? go_back(machine) : go_on(machine);
        // dying before its first record, undo has not begun, and the run still stands as done
        if (!undone) {
          ASSERT_TRUE(go_back(machine));
        }
      }
      ASSERT_EQ(difference(machine.tree(), expected.original), "");
      ASSERT_EQ(state_of(machine), "undone");
    }
  }
}

TEST(Crash, DyingAgainAndAgainStillEnds) {
  const Expected expected = in_peace();
  for (std::size_t every = 14; every < 40; every += 5) {
    Machine machine;
    furnish(machine);
    const steps::Plan plan = whole_plan(machine);
    int deaths = 0;
    for (; deaths < 60 && state_of(machine) != "done"; ++deaths) {
      machine.die_at(every, kWhens.at(static_cast<std::size_t>(deaths) % kWhens.size()));
      const bool begun = state_of(machine) != "none";
      if (state_of(machine) == "done") break;  // it died behind its last record
      if (!dies([&] { return begun ? go_on(machine) : go(machine, plan); })) break;
    }
    EXPECT_GE(deaths, 1);
    EXPECT_LT(deaths, 60);
    EXPECT_EQ(difference(machine.tree(), expected.done), "") << every;
    EXPECT_EQ(state_of(machine), "done");
  }
}

}  // namespace
}  // namespace bringup::apply
