// SPDX-License-Identifier: Apache-2.0
// What a message means on a machine, by machines that differ in one thing.
#include <bringup/diagnose/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patients.hpp"

namespace bringup::diagnose {
namespace {

using diagnose::testing::healthy;
using diagnose::testing::kFirst;
using diagnose::testing::Setting;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Explanation told(std::string_view line, const Setting& setting) {
  static const MessageIndex index(catalog::messages());
  LogReader reader(index);
  reader.feed(line);
  const auto found = reader.finish();
  EXPECT_EQ(found.size(), 1U) << line;
  const Patient patient = setting.patient();
  return found.empty() ? Explanation{} : explain(found[0], &patient);
}

const std::string kXid = "NVRM: Xid (PCI:0000:06:00): 79, pid=1, GPU has fallen off the bus.";

TEST(Meaning, AnXidsGpuThatIsHere) {
  const auto one = told(kXid, healthy());
  EXPECT_EQ(one.kind, "xid");
  EXPECT_EQ(one.id, "79");
  EXPECT_EQ(one.blame, "hardware");
  EXPECT_EQ(one.rule, "gpu-fell-off");
  EXPECT_THAT(one.here, Contains("0000:06:00.0 is H200; driver nvidia"));
}

TEST(Meaning, AnXidsGpuThatIsNotHere) {
  Setting setting = healthy();
  std::erase_if(setting.machine.pci, [](const auto& one) { return one.address == kFirst; });
  EXPECT_THAT(told(kXid, setting).here, Contains("no NVIDIA device is at 0000:06:00 now"));
}

TEST(Meaning, ABusThatCannotBeReadIsNotAnEmptyOne) {
  Setting setting = healthy();
  setting.machine.pci_visible = Error(Errc::denied, "permission denied");
  EXPECT_THAT(told(kXid, setting).here, Contains(HasSubstr("could not be read here: permission denied")));
}

TEST(Meaning, WhatTheDoctorFindsIsTold) {
  Setting setting = healthy();
  setting.machine.pci.at(0).kernel_driver = std::optional<std::string>("nouveau");
  const std::string line = "NVRM: The NVIDIA probe routine was not called for 1 device(s).";
  EXPECT_THAT(told(line, setting).here,
              Contains(HasSubstr("nouveau-bound finds: the kernel's own driver holds a GPU")));
  EXPECT_THAT(told(line, healthy()).here, Contains("nouveau-bound finds nothing here now"));
}

TEST(Meaning, GpusDriverAndTorchOfTheMachine) {
  const auto kernel = told("CUDA error: no kernel image is available for execution on the device", healthy());
  EXPECT_EQ(kernel.kind, "cuda");
  EXPECT_EQ(kernel.id, "209");
  EXPECT_THAT(kernel.here, Contains("2x H200, compute capability 9.0"));
  const auto old = told("The NVIDIA driver on your system is too old (found version 12080).", healthy());
  EXPECT_THAT(old.here, Contains(HasSubstr("the driver is 580.159.04, for CUDA up to 13.0")));
  EXPECT_THAT(old.cause, HasSubstr("it says 12080"));
  EXPECT_THAT(told("Torch not compiled with CUDA enabled", healthy()).here, Contains(HasSubstr("PyTorch")));
}

TEST(Meaning, EveryRowCanBeToldOnAMachineOfWhichNothingIsKnown) {
  const Setting nothing;
  const Patient patient = nothing.patient();
  for (const auto& one : catalog::messages().signatures) {
    const auto explanation = explain({.subject = &one}, &patient);
    EXPECT_FALSE(explanation.cause.empty() || explanation.todo.empty()) << one.id;
    EXPECT_EQ(explanation.cause.find('{'), std::string::npos) << one.id;
    for (const std::string& sentence : explanation.here) EXPECT_FALSE(sentence.empty()) << one.id;
  }
  for (const auto& code : catalog::messages().codes)
    EXPECT_FALSE(explain({.subject = &code}, &patient).cause.empty());
}

TEST(Meaning, WithoutAMachineNothingIsSaidOfOne) {
  EXPECT_THAT(explain({.subject = catalog::messages().xid(79)}, nullptr).here, IsEmpty());
}

TEST(Meaning, WhatTheLineHasIsHarmlessInTheCause) {
  const auto one = told("E: Package 'a\x07' b' Unable to locate package x", healthy());
  EXPECT_EQ(one.cause.find('\x07'), std::string::npos);
}

}  // namespace
}  // namespace bringup::diagnose
