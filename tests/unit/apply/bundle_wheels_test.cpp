// SPDX-License-Identifier: Apache-2.0
// The wheels of a bundle: of which index, how large, where they lie in it.
#include <bringup/apply/bundle.hpp>
#include <bringup/base/digest.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::put;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTorch = "https://download.example.org/whl/cu126";
constexpr const char* kFiles = "https://download.example.org/files/";
constexpr const char* kMirror = "https://mirror.example.org/whl/cu126";
constexpr const char* kMirrored = "https://mirror.example.org/files/";

std::string name_of(const std::string& package, const std::string& version) {
  return package + "-" + version + "-py3-none-any.whl";
}

struct BundleWheels : testing::Test {
  fake::Machine machine;
  const WheelTarget target{.uv = "/w/uv", .python = "3.11", .arch = "x86_64", .glibc = "2.36"};
  const std::string torch = "torch 2.11.0+cu126";  // the bytes that its hash is of

  void SetUp() override {
    put(machine.world.at("/w/uv"), "uv", fake::fs::perms(0755));
    machine.world.index["sympy"] = {.version = "1.14"};
    machine.world.index["trl"] = {.version = "1.16.0"};
    machine.world.index["torch"] = {.version = "2.11.0+cu126", .needs = {"sympy"}};
    page(kTorch, kFiles);
  }
  void page(const std::string& index, const std::string& files) {
    machine.world.pages[index] = files;
    machine.world.web[files + name_of("torch", "2.11.0+cu126")] = torch;
    machine.world.web[files + name_of("sympy", "1.14")] = "sympy 1.14";
    machine.world.web[files + name_of("trl", "1.16.0")] = "trl 1.16.0";
  }
  static steps::InstallWheels of_pytorch() {
    return {
        .env = "/e", .tool = "uv", .packages = {"torch==2.11.0"}, .index_url = kTorch, .variant = "cu126"};
  }
  static steps::InstallWheels of_pypi() {
    return {.env = "/e", .tool = "uv", .packages = {"trl==1.16.0"}, .index_url = ""};
  }
  std::string asked() const { return machine.world.ran.at(0); }
};

TEST_F(BundleWheels, OfPyTorchsIndexLieByTheirVariantWithTheSizesThatTheServerTells) {
  const auto lock = bundle_lock(target, {of_pytorch()}, machine);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_EQ(lock->lock.variant, "cu126");
  EXPECT_EQ(lock->lock.asked, std::vector<std::string>{"torch==2.11.0"}) << "as the goal says it";
  EXPECT_THAT(asked(), AllOf(HasSubstr(std::string("--index-url ") + kTorch), Not(HasSubstr("--extra")),
                             HasSubstr("--python-platform x86_64-manylinux_2_36")));
  EXPECT_EQ(machine.world.input, "torch==2.11.0+cu126\n") << "PyPI's torch has that version, too";
  const auto files = wheel_files(*lock, machine);
  ASSERT_TRUE(files) << files.error().message();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[1].path, "wheels/cu126/torch-2.11.0+cu126-py3-none-any.whl");
  EXPECT_EQ((*files)[1].size, torch.size());
  EXPECT_EQ((*files)[1].sha256, base::sha256_hex(torch));
  EXPECT_EQ((*files)[0].path, "wheels/cu126/sympy-1.14-py3-none-any.whl") << "what torch needs lies with it";
  ASSERT_TRUE(fetch_bundle("/b", *files, machine, nullptr));
  EXPECT_EQ(fake::slurp(machine.world.at("/b/" + (*files)[1].path)), torch);
  EXPECT_TRUE(has_pytorch({.files = *files}));
}

TEST_F(BundleWheels, OfPyPILieAsBefore) {
  const auto lock = bundle_lock(target, {of_pypi()}, machine);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_THAT(asked(), Not(HasSubstr("index")));
  const auto files = wheel_files(*lock, machine);
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->at(0).path, "wheels/trl-1.16.0-py3-none-any.whl");
  EXPECT_EQ(files->at(0).size, 7U) << "PyPI says it";
  EXPECT_FALSE(has_pytorch({.files = *files}));
}

TEST_F(BundleWheels, OfTwoIndexesAreOneLock) {
  const auto lock = bundle_lock(target, {of_pytorch(), of_pypi()}, machine);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_THAT(asked(), AllOf(HasSubstr(std::string("--extra-index-url ") + kTorch),
                             HasSubstr("--index-strategy unsafe-best-match")));
  EXPECT_EQ(machine.world.input, "torch==2.11.0+cu126\ntrl==1.16.0\n");
  EXPECT_EQ(lock->lock.asked, (std::vector<std::string>{"torch==2.11.0", "trl==1.16.0"}));
  EXPECT_EQ(lock->lock.packages.size(), 3U);
}

TEST_F(BundleWheels, AnIndexThatIsSilentIsNamed) {
  machine.world.silent[kTorch] =
      "error: Failed to fetch: `https://download.example.org/whl/cu126/torch/`\n"
      "  cause: tcp connect error: Connection refused";
  const auto lock = bundle_lock(target, {of_pytorch()}, machine);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code(), Errc::unreachable) << lock.error().message();
  EXPECT_THAT(lock.error().message(), HasSubstr("download.example.org/whl/cu126/torch"));
}

TEST_F(BundleWheels, AFileWhoseSizeNobodyTellsIsNamed) {
  const auto lock = bundle_lock(target, {of_pytorch()}, machine);
  ASSERT_TRUE(lock);
  machine.world.web.erase(std::string(kFiles) + name_of("sympy", "1.14"));
  const auto files = wheel_files(*lock, machine);
  ASSERT_FALSE(files);
  EXPECT_THAT(files.error().message(), AllOf(HasSubstr("sympy-1.14"), HasSubstr("404")));
}

TEST_F(BundleWheels, AnotherFileThanTheIndexPromisesIsNotKept) {
  const auto lock = bundle_lock(target, {of_pytorch()}, machine);
  ASSERT_TRUE(lock);
  machine.world.web[std::string(kFiles) + name_of("torch", "2.11.0+cu126")] = "torch 2.11.0+cu12X";
  const auto files = wheel_files(*lock, machine);
  ASSERT_TRUE(files);
  const auto fetched = fetch_bundle("/b", *files, machine, nullptr);
  ASSERT_FALSE(fetched);
  EXPECT_THAT(fetched.error().message(), HasSubstr("has not the hash"));
  EXPECT_FALSE(machine.view().exists("/b/wheels/cu126/torch-2.11.0+cu126-py3-none-any.whl"));
}

// The place's own hashes count, the mirror brings the files, and one that lies is left for the place, aloud.
TEST_F(BundleWheels, ByAMirrorAreHeldAgainstThePlace) {
  page(kMirror, kMirrored);
  steps::InstallWheels mirrored = of_pytorch();
  mirrored.index_url = kMirror;
  mirrored.asks = kTorch;
  mirrored.others = {kTorch};
  const auto lock = bundle_lock(target, {mirrored}, machine);
  ASSERT_TRUE(lock) << lock.error().message();
  const auto files = wheel_files(*lock, machine);
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->at(1).url, kMirrored + name_of("torch", "2.11.0+cu126"));
  EXPECT_EQ(files->at(1).other_url, kFiles + name_of("torch", "2.11.0+cu126"));
  machine.world.web[files->at(1).url] = "torch 2.11.0+cu12X";
  std::string heard;
  ASSERT_TRUE(fetch_bundle("/b", *files, machine, nullptr, [&](std::string_view line) { heard += line; }));
  EXPECT_EQ(fake::slurp(machine.world.at("/b/" + files->at(1).path)), torch);
  EXPECT_THAT(heard, AllOf(HasSubstr("mirror.example.org"), HasSubstr("has not the hash"),
                           EndsWith(files->at(1).other_url + " is asked instead")));
}

TEST_F(BundleWheels, AMirrorThatIsSilentIsDoneWithout) {
  machine.world.silent[kMirror] = "error: Failed to fetch";
  steps::InstallWheels mirrored = of_pytorch();
  mirrored.index_url = kMirror;
  mirrored.asks = kTorch;
  const auto lock = bundle_lock(target, {mirrored}, machine);
  ASSERT_TRUE(lock) << lock.error().message();
  const auto files = wheel_files(*lock, machine);
  ASSERT_TRUE(files);
  EXPECT_THAT(files->at(1).url, HasSubstr("download.example.org"));
  EXPECT_EQ(files->at(1).other_url, "");
}

// In use each environment is offered the wheels of its own index and no others.
TEST_F(BundleWheels, NeverMeetThoseOfAnotherIndex) {
  const std::string hash = " --hash=sha256:" + std::string(64, 'a');
  steps::InstallWheels locked = of_pytorch();
  locked.packages = {"sympy==1.14" + hash, "torch==2.11.0+cu126" + hash};
  steps::InstallWheels pypi = of_pypi();
  pypi.env = "/p";
  pypi.packages = {"torch==2.11.0" + hash};
  steps::InstallWheels stack = of_pytorch();
  stack.env = "/s";
  steps::InstallWheels beside = of_pypi();
  beside.env = "/s";
  const auto plan = from_bundle(
      fake::plan_of(machine,
                    {fake::step_of("wheels-e", locked, true), fake::step_of("wheels-p", pypi, true),
                     fake::step_of("wheels-s", stack, true), fake::step_of("packages-s", beside, true)}),
      {.os = "debian-12"}, "/mnt/b", "/state");
  ASSERT_TRUE(plan) << plan.error().message();
  std::vector<std::string> from;
  for (const steps::Step& step : plan->steps) {
    from.push_back(std::get<steps::InstallWheels>(step.kind).index_url);
    EXPECT_THAT(step.changes, HasSubstr("out of the bundle"));
  }
  EXPECT_EQ(from, (std::vector<std::string>{"/mnt/b/wheels/cu126", "/mnt/b/wheels", "/mnt/b/wheels/cu126",
                                            "/mnt/b/wheels/cu126"}));
}

}  // namespace
}  // namespace bringup::apply
