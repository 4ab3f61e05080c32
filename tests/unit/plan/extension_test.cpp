// SPDX-License-Identifier: Apache-2.0
// What an extension is compiled with, what is missing for it, and the plans of the examples.
#include <bringup/base/text.hpp>
#include <bringup/plan/extension.hpp>
#include <bringup/stacks/stack.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bringup::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kUbuntu = "kernel = \"6.8.0-45-generic\"\nglibc = \"2.39\"\ngcc = \"13\"\n";

facts::Machine machine_of(const std::string& gpus, const std::string& more = kUbuntu,
                          const std::string& os = "ubuntu-24.04") {
  auto machine = goal::parse_hardware(fmt::format("gpus = [\"{}\"]\nos = \"{}\"\n{}", gpus, os, more), "test",
                                      catalog::built_in());
  if (!machine) throw std::runtime_error(machine.error().message());
  machine->cpus = 16;
  machine->memory_bytes = std::uint64_t{20} << 30U;
  machine->user = {.name = "ada", .home = "/home/ada", .uid = 1000, .gid = 1000};
  return std::move(machine).take();
}

struct Planned {
  goal::Goal goal;
  resolve::Choice choice;
  steps::Plan plan;
};

Planned planned(const facts::Machine& machine, const std::string& text) {
  const auto goal = goal::parse_goal(text, "goal");
  if (!goal) throw std::runtime_error(goal.error().message());
  const auto goals = stacks::with_stacks(*goal, catalog::built_in());
  if (!goals) throw std::runtime_error(goals.error().message());
  for (const goal::Goal& one : *goals) {
    const auto answer = resolve::resolve(machine, one, catalog::built_in(), "2026-11-28");
    const auto* choice = std::get_if<resolve::Choice>(&answer);
    if (choice == nullptr) continue;
    return {.goal = one,
            .choice = *choice,
            .plan = make(machine, one, catalog::built_in(), *choice, "2026-11-28T10:00:00Z")};
  }
  throw std::runtime_error("no choice");
}

const std::string kGoal = "env = []\n[[stack]]\nname = \"exllamav2\"\n";

const steps::Step* step(const steps::Plan& plan, std::string_view id) {
  const auto at = std::ranges::find(plan.steps, id, &steps::Step::id);
  return at == plan.steps.end() ? nullptr : &*at;
}

const std::string kBookworm = "kernel = \"6.1.0-25-amd64\"\nglibc = \"2.36\"\ngcc = \"12\"\n";

std::string why_not(const facts::Machine& machine, const Planned& made) {
  const auto extensions = extensions_of(machine, made.goal, catalog::built_in(), made.choice);
  return extensions ? "" : extensions.error().message();
}

const steps::BuildExtension& build_of(const Planned& made) {
  const steps::Step* one = step(made.plan, "extension-stack-exllamav2");
  if (one == nullptr) throw std::runtime_error("nothing is compiled");
  return std::get<steps::BuildExtension>(one->kind);
}

TEST(Extension, IsCompiledForTheGpusHereWithTheToolkitOfThePlan) {
  const Planned made = planned(machine_of("2x RTX 3090"), kGoal);
  const steps::Step* one = step(made.plan, "extension-stack-exllamav2");
  ASSERT_NE(one, nullptr);
  EXPECT_TRUE(one->as_user);
  EXPECT_THAT(one->needs, ElementsAre("env-stack-exllamav2", "wheels-stack-exllamav2", "toolkit-packages",
                                      "compiler-packages"));
  const auto& build = std::get<steps::BuildExtension>(one->kind);
  EXPECT_EQ(build.env, "/home/ada/.local/share/bringup/envs/stack-exllamav2");
  EXPECT_EQ(build.torch, "2.11.0");
  EXPECT_EQ(build.cuda_home, "/usr/local/cuda-13.0");
  EXPECT_EQ(build.compiler, "/usr/bin/g++");
  EXPECT_THAT(build.architectures, ElementsAre("8.6"));
  EXPECT_EQ(build.jobs, 8) << "what 20 GiB of memory bear";
  const steps::Step* packages = step(made.plan, "compiler-packages");
  ASSERT_NE(packages, nullptr) << "Python's headers are not known to be there";
  EXPECT_THAT(std::get<steps::InstallPackages>(packages->kind).packages, Not(Contains("g++")));
  EXPECT_THAT(packages->needs, Contains("vendor-source"));
}

TEST(Extension, BringsTheCompilerWhereThereIsNone) {
  facts::Machine machine = machine_of("2x RTX 3090");
  machine.compilers.clear();
  for (facts::PythonInterpreter& python : machine.pythons) python.headers = true;
  const Planned made = planned(machine, kGoal);
  const steps::Step* packages = step(made.plan, "compiler-packages");
  ASSERT_NE(packages, nullptr);
  EXPECT_THAT(std::get<steps::InstallPackages>(packages->kind).packages, Contains("g++"));
}

TEST(Extension, TakesACompilerThatNvccAccepts) {
  facts::Machine machine = machine_of("2x RTX 3090");
  machine.toolkits = {{.path = "/usr/local/cuda-13.0", .version = "13.0", .origin = "nvidia"}};
  machine.compilers = {{.path = "/usr/bin/g++", .major = 99}, {.path = "/usr/bin/g++-12", .major = 12}};
  EXPECT_EQ(build_of(planned(machine, kGoal)).compiler, "/usr/bin/g++-12");
}

// The distribution's toolkit is of no use for this torch: PyPI's is made by root, too, and lies with the
// user.
TEST(Extension, IsCompiledWithPypisToolkitWhereTheSystemHasNoneOfItsCuda) {
  const facts::Machine machine = machine_of("2x RTX 3090",
                                            kBookworm +
                                                "reachable = [\"distro\", \"pypi\"]\n"
                                                "driver = { version = \"580.159.04\", flavour = \"open\" }\n",
                                            "debian-12");
  const Planned made = planned(machine, kGoal);
  const steps::Step* wheels = step(made.plan, "toolkit-wheels");
  ASSERT_NE(wheels, nullptr);
  EXPECT_TRUE(wheels->as_user);
  EXPECT_EQ(step(made.plan, "toolkit-packages"), nullptr);
  EXPECT_THAT(step(made.plan, "extension-stack-exllamav2")->needs, Contains("toolkit-wheels"));
  const steps::BuildExtension& build = build_of(made);
  EXPECT_EQ(build.cuda_home,
            "/home/ada/.local/share/bringup/toolkits/cuda-13.0/lib/python3.11/site-packages/nvidia/cu13");
  EXPECT_EQ(build.compiler, "/usr/bin/g++");
}

// Debian's nvcc refuses Debian's own g++ and comes with one that it accepts.
TEST(Extension, TakesTheCompilerThatComesWithTheDistributionsToolkit) {
  facts::Machine machine =
      machine_of("2x RTX 3090", kBookworm + "reachable = [\"distro\", \"pypi\", \"pytorch\"]\n", "debian-12");
  Planned made = planned(machine, kGoal);
  EXPECT_EQ(made.choice.toolkit.version, "11.8");
  EXPECT_EQ(build_of(made).compiler, "/usr/bin/g++-11");
  EXPECT_EQ(build_of(made).cuda_home, "/usr");
  machine.compilers.clear();
  made = planned(machine, kGoal);
  EXPECT_EQ(build_of(made).compiler, "/usr/bin/g++-11");
  machine.compilers = {{.path = "/usr/bin/g++", .major = 12}, {.path = "/usr/bin/g++-10", .major = 10}};
  EXPECT_EQ(build_of(planned(machine, kGoal)).compiler, "/usr/bin/g++-10");
}

// No choice is such; were one, it would be told before anything is changed.
TEST(Extension, OfAChoiceThatCannotBeIsAFault) {
  const facts::Machine machine = machine_of("2x RTX 3090");
  Planned made = planned(machine, kGoal);
  EXPECT_EQ(why_not(machine, made), "");
  made.choice.toolkit.version = "12.8";
  EXPECT_THAT(why_not(machine, made),
              HasSubstr("stack-exllamav2: its extension was to be compiled for torch 2.11.0 with the toolkit "
                        "12.8, which does not do that: this is a fault of bringup"));
  made.choice.toolkit = {};
  EXPECT_THAT(why_not(machine, made), HasSubstr("with the toolkit none"));
  made = planned(machine_of("2x RTX 3090"), kGoal);
  facts::Machine bare = machine;
  bare.pci.clear();
  EXPECT_THAT(why_not(bare, made), HasSubstr("its extension runs on NVIDIA GPUs alone"));
}

TEST(Extension, ThatIsThereIsNotCompiledAgain) {
  facts::Machine machine = machine_of("2x RTX 3090");
  const Planned first = planned(machine, kGoal);
  const std::string path = first.choice.envs[0].path;
  facts::PythonEnv env{.path = path, .python = path + "/bin/python", .version = "3.12.3", .kind = "uv"};
  env.torch = "2.11.0+cu130";
  env.variant = "cu130";
  for (const auto& [name, version] : {std::pair{"torch", "2.11.0+cu130"},
                                      {"exllamav2", "0.3.2"},
                                      {"tokenizers", "0.23.3"},
                                      {"safetensors", "0.8.0"},
                                      {"numpy", "1.26.4"}})
    env.packages.push_back({.name = name, .version = version});
  machine.envs = {env};
  EXPECT_NE(step(planned(machine, kGoal).plan, "extension-stack-exllamav2"), nullptr)
      << "it is not there yet";
  EXPECT_EQ(step(planned(machine, kGoal).plan, "env-stack-exllamav2"), nullptr);
  machine.envs[0].built = {{.module = "exllamav2_ext", .torch = "2.11.0", .architectures = {"8.6", "9.0"}}};
  EXPECT_EQ(step(planned(machine, kGoal).plan, "extension-stack-exllamav2"), nullptr);
  machine.envs[0].built[0].torch = "2.10.0";
  EXPECT_NE(step(planned(machine, kGoal).plan, "extension-stack-exllamav2"), nullptr)
      << "torch is another now";
  // The same release for another CUDA: the note beside the library tells them not apart, the environment
  // does.
  machine.envs[0].built[0].torch = "2.11.0";
  Planned other = planned(machine, kGoal);
  other.choice.envs[0].packages[0].variant = "cu128";
  other.choice.toolkit.version = "12.8";
  const auto again = extensions_of(machine, other.goal, catalog::built_in(), other.choice);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->size(), 1U);
}

TEST(Stack, DoesNotStandInForAnEnvironmentNorOneForIt) {
  facts::Machine machine = machine_of("2x RTX 3090");
  const auto env = [](const std::string& path) {
    facts::PythonEnv out{.path = path, .python = path + "/bin/python", .version = "3.12.3", .kind = "uv"};
    out.torch = "2.11.0+cu130";
    out.variant = "cu130";
    for (const auto& [name, version] : {std::pair{"torch", "2.11.0+cu130"},
                                        {"trl", "1.16.0"},
                                        {"peft", "0.21.2"},
                                        {"accelerate", "1.15.0"},
                                        {"transformers", "5.24.0"},
                                        {"datasets", "5.2.0"},
                                        {"tokenizers", "0.23.3"},
                                        {"safetensors", "0.8.0"}})
      out.packages.push_back({.name = name, .version = version});
    return out;
  };
  const std::string goal = "[[env]]\nname = \"dl\"\npackages = [\"torch\"]\n[[stack]]\nname = \"trl\"\n";
  const std::string own = "/home/ada/.local/share/bringup/envs/stack-trl";
  machine.envs = {env(own)};
  Planned made = planned(machine, goal);
  EXPECT_NE(made.choice.envs[0].path, own);
  EXPECT_EQ(made.choice.envs[1].path, own);
  EXPECT_EQ(made.choice.envs[1].action, resolve::Action::keep);
  machine.envs = {env("/home/ada/mine")};
  made = planned(machine, goal);
  EXPECT_EQ(made.choice.envs[0].path, "/home/ada/mine");
  EXPECT_EQ(made.choice.envs[1].path, own);
}

TEST(Examples, AreReadAndPlanned) {
  struct Case {
    const char* file;
    const char* gpus;
    std::vector<std::string> steps;
  };
  for (const auto& [name, gpus, expected] :
       {Case{"article",
             "4x RTX 4090",
             {"driver-packages", "wheels-dl", "extension-stack-exllamav2", "wheels-stack-torchtune",
              "wheels-stack-trl"}},
        {"two-3090", "2x RTX 3090", {"driver-packages", "wheels-dl", "extension-stack-exllamav2"}},
        {"8xh100", "8x H100 SXM5 80GB", {"driver-packages", "wheels-dl", "wheels-stack-trl"}}}) {
    std::ifstream file(fmt::format(BRINGUP_SOURCE_DIR "/examples/{}.toml", name));
    std::ostringstream text;
    text << file.rdbuf();
    ASSERT_FALSE(text.str().empty()) << name;
    const facts::Machine machine = machine_of(gpus);
    const Planned made = planned(machine, text.str());
    const auto extensions = extensions_of(machine, made.goal, catalog::built_in(), made.choice);
    EXPECT_TRUE(extensions) << extensions.error().message();
    for (const std::string& id : expected) EXPECT_NE(step(made.plan, id), nullptr) << name << " " << id;
    const auto again = steps::parse_plan(steps::to_json(made.plan));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(*again, made.plan);
  }
}

}  // namespace
}  // namespace bringup::plan
