// SPDX-License-Identifier: Apache-2.0
// A recording shows the machine that was recorded, and nothing that names it or its people.
#include <bringup/host/kernel_module.hpp>
#include <bringup/host/recording.hpp>
#include <bringup/probe/internal.hpp>
#include <bringup/probe/redact.hpp>

#include <gmock/gmock.h>

#include "tree.hpp"
#include <iterator>

namespace {

namespace fs = std::filesystem;
using namespace bringup;
using testing::HasSubstr;
using testing::Not;
using testing_support::Tree;

constexpr const char* kUser = "zaphod";
constexpr const char* kHost = "heartofgold";
constexpr const char* kSecret = "s3cr3tpassword";
constexpr const char* kUuid = "8ced0d56-a41c-e534-8851-cb3bb68a6083";

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Record : public testing::Test {
 protected:
  Record() {
    tree_.file("/proc/sys/kernel/hostname", std::string(kHost) + "\n")
        .file("/proc/cmdline",
              std::string("root=UUID=") + kUuid + " intel_iommu=on password=" + kSecret + "\n")
        .file("/proc/driver/nvidia/version",
              "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\n")
        .file("/proc/driver/nvidia/gpus/0000:06:00.0/information",
              std::string("GPU UUID: GPU-") + kUuid + "\n")
        .file("/sys/bus/pci/devices/0000:06:00.0/vendor", "0x10de\n")
        .file("/sys/bus/pci/devices/0000:06:00.0/device", "0x2330\n")
        .file("/sys/bus/pci/devices/0000:06:00.0/class", "0x030200\n")
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")
        .file("/etc/apt/sources.list",
              std::string("deb http://") + kUser + ":" + kSecret + "@mirror.example/debian bookworm main\n")
        .file("/var/lib/dpkg/status",
              "Package: nvidia-driver\nStatus: install ok installed\nVersion: 580.1\nArchitecture: amd64\n\n")
        .file(std::string("/home/") + kUser + "/.bashrc",
              std::string("export TOKEN=") + kSecret + "\nexport PATH=/home/" + kUser + "/bin:$PATH\n")
        .file(std::string("/home/") + kUser + "/diary.txt", kSecret)
        .file(std::string("/home/") + kUser + "/venv/pyvenv.cfg", "version = 3.11.2\n")
        .directory(std::string("/home/") + kUser +
                   "/venv/lib/python3.11/site-packages/torch-2.14.1.dist-info")
        .directory("/lib/modules/6.1.0-25-amd64")
        .file("/lib/modules/6.1.0-28-amd64/updates/dkms/nvidia.ko",
              host::module_file({.version = "580.1",
                                 .license = "NVIDIA",
                                 .built_for = "6.1.0-25-amd64",
                                 .versioned = true,
                                 .signer = ""}));
    options_.kernel = "6.1.0-25-amd64";
    options_.arch = "x86_64";
    options_.cpus = 8;
    options_.user = {
        .name = kUser, .home = std::string("/home/") + kUser, .uid = 1000, .gid = 1000, .root = false};
    options_.environment = {std::string("LD_LIBRARY_PATH=/home/") + kUser + "/lib"};
    options_.sources = {{.name = "pypi",
                         .url = std::string("https://") + kUser + ":" + kSecret + "@pypi.example/simple/",
                         .answered_seconds = 0.25}};
  }

  Tree tree_;
  Tree out_;
  probe::Options options_;
};

facts::Machine replay(const fs::path& folder) {
  const auto recording = host::open_recording(folder.string());
  EXPECT_TRUE(recording) << recording.error().message();
  const auto notes = probe::parse_notes(slurp(folder / "recording.toml"));
  EXPECT_TRUE(notes) << notes.error().message();
  return probe::look(**recording, notes->options);
}

TEST_F(Record, ShowsTheMachineThatWasRecorded) {
  const fs::path folder = out_.root() / "rec";
  const auto redacted = probe::record(tree_.view(), options_, folder.string(), "2026-11-23T20:00:00Z");
  ASSERT_TRUE(redacted) << redacted.error().message();
  const facts::Machine before = probe::look(tree_.view(), options_);
  const facts::Machine after = replay(folder);
  EXPECT_EQ(after.os, before.os);
  EXPECT_EQ(after.pci, before.pci);
  EXPECT_EQ(after.proc_gpus, before.proc_gpus);
  EXPECT_EQ(after.driver, before.driver);
  ASSERT_EQ(after.driver.modules.size(), 1U);
  EXPECT_TRUE(facts::for_other_kernel(after.driver.modules[0]));
  EXPECT_TRUE(after.driver.modules[0].versioned);
  EXPECT_EQ(after.packages.list, before.packages.list);
  EXPECT_EQ(after.kernel.installed, before.kernel.installed);
  ASSERT_EQ(after.envs.size(), before.envs.size());
  ASSERT_EQ(after.envs.size(), 1U);
  EXPECT_EQ(after.envs[0].path, "/home/user/venv");
  EXPECT_EQ(after.envs[0].packages, before.envs[0].packages);
  EXPECT_THAT(after.kernel.command_line, HasSubstr("intel_iommu=on"));
}

TEST_F(Record, SurvivesBeingStoredWithoutEmptyDirectories) {
  const fs::path folder = out_.root() / "rec";
  ASSERT_TRUE(probe::record(tree_.view(), options_, folder.string(), "2026-11-23T20:00:00Z"));
  const facts::Machine before = replay(folder);
  ASSERT_EQ(before.envs.at(0).packages.size(), 1U);
  std::size_t empty = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "files")) {
    if (entry.is_directory() && fs::is_empty(entry)) ++empty;
  }
  EXPECT_EQ(empty, 0U);
  const auto recording = host::open_recording(folder.string());
  ASSERT_TRUE(recording);
  EXPECT_EQ((*recording)->list("/lib/modules/6.1.0-25-amd64"),
            Result<std::vector<std::string>>(std::vector<std::string>{}));
}

TEST_F(Record, HoldsNothingThatNamesTheMachineOrItsPeople) {
  const fs::path folder = out_.root() / "rec";
  const auto redacted = probe::record(tree_.view(), options_, folder.string(), "2026-11-23T20:00:00Z");
  ASSERT_TRUE(redacted) << redacted.error().message();
  EXPECT_FALSE(redacted->empty());
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().lexically_relative(folder).string();
    const std::string text = entry.is_regular_file() ? slurp(entry.path()) : "";
    for (const char* canary : {kUser, kHost, kSecret, kUuid}) {
      EXPECT_THAT(path, Not(HasSubstr(canary)));
      EXPECT_THAT(text, Not(HasSubstr(canary))) << path;
    }
    ++files;
  }
  EXPECT_GT(files, 10U);
  EXPECT_FALSE(fs::exists(folder / "files/home/user/diary.txt"));
}

TEST_F(Record, RefusesAFolderThatHoldsSomething) {
  out_.file("/taken/precious", "x");
  const auto refused =
      probe::record(tree_.view(), options_, (out_.root() / "taken").string(), "2026-11-23T20:00:00Z");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::refused);
  EXPECT_EQ(slurp(out_.root() / "taken/precious"), "x");
}

}  // namespace
