// SPDX-License-Identifier: Apache-2.0
// The safe fixes on a small machine: found, done by a run of the journal, gone; taken back, and found again.
#include <bringup/diagnose/mend.hpp>
#include <bringup/probe/probe.hpp>

#include <gmock/gmock.h>

#include "../apply/fake_machine.hpp"

namespace bringup::cli {
namespace {

using apply::fake::kClock;
using apply::fake::plan_of;
using apply::fake::put;
using apply::fake::Silent;
using diagnose::Became;
using diagnose::Diagnosis;
using diagnose::Mended;
using testing::ElementsAre;
using testing::IsEmpty;

std::string package(const std::string& name) {
  return "Package: " + name +
         "\nStatus: install ok installed\nArchitecture: amd64\nVersion: 580.159.04-1\n\n";
}

// Two GPUs, a driver from packages, little locked memory, logind as distributions leave it.
class Fix : public testing::Test {
 protected:
  Fix() {
    for (const std::string address : {"0000:06:00.0", "0000:0a:00.0"}) {
      const std::string device = "/sys/bus/pci/devices/" + address;
      file(device + "/vendor", "0x10de\n");
      file(device + "/device", "0x2335\n");
      file(device + "/class", "0x030200\n");
    }
    file("/proc/self/limits", "Max locked memory         65536                65536                bytes\n");
    file("/usr/lib/systemd/systemd-logind", "");
    file("/var/lib/dpkg/status", package("linux-image-amd64") + package("nvidia-open"));
  }
  void file(const std::string& path, const std::string& text) {
    apply::fake::fs::create_directories(machine_.world.at(path).parent_path());
    put(machine_.world.at(path), text);
  }
  Diagnosis judged() {
    probe::Options options;
    options.cpus = 8;
    options.user = {.name = "somebody", .home = "/home/somebody", .uid = 1000, .gid = 1000};
    const facts::Machine machine = probe::look(machine_.view(), options);
    const goal::Goal goal;
    const std::vector<std::string> only{"kernel-not-held", "memlock-low", "remove-ipc"};
    const auto diagnosis = diagnose::diagnose(
        {.machine = machine, .goal = goal, .catalog = catalog::built_in(), .today = "2026-11-23"}, only);
    EXPECT_TRUE(diagnosis);
    return diagnosis.value_or(Diagnosis{});
  }
  static std::vector<std::string> found(const Diagnosis& diagnosis) {
    std::vector<std::string> out;
    for (const diagnose::Finding& finding : diagnosis.findings) out.push_back(finding.id);
    for (const diagnose::NotRun& one : diagnosis.not_run) out.push_back(one.id + ": " + one.why);
    return out;
  }

  apply::fake::Machine machine_;
  Silent silent_;
};

TEST_F(Fix, CuresWhatItSaysAndIsTakenBack) {
  const Diagnosis before = judged();
  ASSERT_THAT(found(before), ElementsAre("kernel-not-held", "memlock-low", "remove-ipc"));
  const diagnose::Mending mending = diagnose::mending(before);
  const auto run =
      apply::apply(plan_of(machine_, mending.steps), machine_, kClock, machine_.settings(), silent_);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->state, "done");
  EXPECT_THAT(run->done, testing::UnorderedElementsAre("kernel-not-held", "memlock-low", "remove-ipc"));

  const auto outcome = diagnose::mended(mending, judged());
  EXPECT_THAT(
      outcome,
      ElementsAre(Mended{.rule = "kernel-not-held", .became = Became::gone, .why = ""},
                  Mended{.rule = "memlock-low", .became = Became::stays, .why = "it shows at the next login"},
                  Mended{.rule = "remove-ipc", .became = Became::gone, .why = ""}));
  EXPECT_EQ(apply::fake::slurp(machine_.world.at("/etc/security/limits.d/bringup-memlock.conf")),
            "# Written by bringup.\n* - memlock unlimited\nroot - memlock unlimited\n");

  const auto undone = apply::undo(run->id, machine_, kClock, machine_.settings(), silent_);
  ASSERT_TRUE(undone) << undone.error().message();
  EXPECT_EQ(found(judged()), found(before));
  EXPECT_FALSE(machine_.view().exists("/etc/security/limits.d/bringup-memlock.conf"));
}

TEST_F(Fix, HasNothingToDoTheSecondTime) {
  Diagnosis before = judged();
  std::erase_if(before.findings, [](const diagnose::Finding& one) { return one.id == "memlock-low"; });
  const auto run = apply::apply(plan_of(machine_, diagnose::mending(before).steps), machine_, kClock,
                                machine_.settings(), silent_);
  ASSERT_TRUE(run) << run.error().message();
  Diagnosis after = judged();
  std::erase_if(after.findings, [](const diagnose::Finding& one) { return one.id == "memlock-low"; });
  EXPECT_THAT(diagnose::mending(after).steps, IsEmpty());
}

}  // namespace
}  // namespace bringup::cli
