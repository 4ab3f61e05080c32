// SPDX-License-Identifier: Apache-2.0
// Secure Boot's key: asked for, confirmed, taken back, over a fake mokutil.
#include <bringup/apply/hands.hpp>

#include "fake_machine.hpp"
#include <sys/stat.h>
#include <tuple>

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::put;
using fake::slurp;

constexpr const char* kDkms = "/var/lib/dkms/mok.pub";
constexpr const char* kUbuntu = "/var/lib/shim-signed/mok/MOK.der";

class Key : public testing::Test {
 protected:
  Machine machine_;
  fake::Silent silent_;
  steps::Plan plan_ = fake::plan_of(
      machine_, {fake::step_of("enrol-key", steps::EnrolKey{.certificates = {kUbuntu, kDkms}})});

  Result<apply::Run> go() { return apply(plan_, machine_, fake::kClock, machine_.settings(), silent_); }
  Result<apply::Run> go_back() { return undo("", machine_, fake::kClock, machine_.settings(), silent_); }
  std::string code() const { return slurp(key_code_path(machine_.settings().state_directory)); }
  std::string trust(const char* path) const {
    const auto key = machine_.world.keys.find(path);
    return key == machine_.world.keys.end() ? "none" : key->second;
  }
};

TEST_F(Key, IsAskedForWithACodeThatIsInNoCommandAndNoJournal) {
  put(machine_.world.at(kDkms), "certificate");
  const auto run = go();
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(trust(kDkms), "requested");
  const std::string told = code();
  ASSERT_EQ(told.size(), 9U);
  EXPECT_EQ(told.find_first_not_of("0123456789"), 8U) << told;
  EXPECT_EQ(machine_.world.input, told + told);
  for (const std::string& command : machine_.world.ran)
    EXPECT_EQ(command.find(told.substr(0, 8)), std::string::npos) << command;
  const std::string journal = slurp(machine_.settings().state_directory + "/runs/" + run->id + "/journal");
  EXPECT_NE(journal.find("enrol-key"), std::string::npos);
  EXPECT_EQ(journal.find(told.substr(0, 8)), std::string::npos);
  struct stat info {};
  ASSERT_EQ(::stat(key_code_path(machine_.settings().state_directory).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(Key, OfUbuntuComesFirst) {
  put(machine_.world.at(kDkms), "certificate");
  put(machine_.world.at(kUbuntu), "certificate");
  ASSERT_TRUE(go());
  EXPECT_EQ(trust(kUbuntu), "requested");
  EXPECT_EQ(trust(kDkms), "none");
}

TEST_F(Key, ThatIsTrustedNeedsNothing) {
  put(machine_.world.at(kDkms), "certificate");
  machine_.world.keys[kDkms] = "enrolled";
  ASSERT_TRUE(go());
  EXPECT_EQ(silent_.ended, std::vector<std::string>{"enrol-key was done"});
  EXPECT_EQ(code(), "");
}

TEST_F(Key, ThatIsNotThereSaysWhoMakesIt) {
  const auto run = go();
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message().find("dkms generate_mok"), std::string::npos) << run.error().message();
}

TEST_F(Key, TheRequestIsTakenBackWithItsCode) {
  put(machine_.world.at(kDkms), "certificate");
  ASSERT_TRUE(go());
  ASSERT_TRUE(go_back());
  EXPECT_EQ(trust(kDkms), "none");
  EXPECT_EQ(code(), "");
}

TEST_F(Key, ThatWasConfirmedStaysAndThatIsSaid) {
  put(machine_.world.at(kDkms), "certificate");
  ASSERT_TRUE(go());
  machine_.world.keys[kDkms] = "enrolled";
  const auto undone = go_back();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->failed_step, "enrol-key");
  EXPECT_NE(undone->message.find("mokutil --delete"), std::string::npos) << undone->message;
  EXPECT_EQ(trust(kDkms), "enrolled");
}

TEST_F(Key, RequestsOfOthersAreNotTakenBackWithOurs) {
  put(machine_.world.at(kDkms), "certificate");
  ASSERT_TRUE(go());
  machine_.world.keys["/etc/other.der"] = "requested";
  const auto undone = go_back();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->failed_step, "enrol-key");
  EXPECT_EQ(trust("/etc/other.der"), "requested");
  EXPECT_EQ(trust(kDkms), "requested");
}

// The code may have been told already when the request dies: shim must take just that one.
TEST_F(Key, ACodeThatIsThereStaysTheSameWhenTheRunDies) {
  put(machine_.world.at(kDkms), "certificate");
  for (std::size_t at = 1;; ++at) {
    ASSERT_LT(at, 50U) << "the request was never the next change";
    machine_.die_at(at, fake::When::before);
    bool died = false;
    try {
      std::ignore = go();
    } catch (const fake::Died&) {
      died = true;
    }
    machine_.die_at(0, fake::When::before);
    ASSERT_TRUE(died);
    if (!code().empty()) break;
    (void)go_back();
  }
  const std::string told = code();
  EXPECT_EQ(trust(kDkms), "none");
  ASSERT_TRUE(resume(machine_, fake::kClock, machine_.settings(), silent_));
  EXPECT_EQ(trust(kDkms), "requested");
  EXPECT_EQ(code(), told);
  EXPECT_EQ(machine_.world.input, told + told);
}

TEST_F(Key, ACodeThatIsNotOfEightDigitsIsMadeAnew) {
  put(machine_.world.at(kDkms), "certificate");
  for (const char* damaged : {"", "1234", "123456789012\n", "1234abcd\n"}) {
    put(key_code_path(machine_.settings().state_directory), damaged, fake::fs::perms(0600));
    fake::fs::permissions(machine_.settings().state_directory, fake::fs::perms(0700));
    ASSERT_TRUE(go());
    EXPECT_EQ(code().size(), 9U);
    EXPECT_EQ(code().find_first_not_of("0123456789"), 8U) << code();
    ASSERT_TRUE(go_back());
  }
}

// mokutil's exit status is the same for several of them.
TEST_F(Key, WhatMokutilAnswersIsToldApart) {
  put(machine_.world.at(kDkms), "certificate");
  const steps::EnrolKey step{.certificates = {kDkms}};
  const steps::PlanUser user = machine_.user();
  struct Case {
    const char* says;
    std::optional<bool> holds;  // nullopt: an error
  };
  for (const Case& one :
       {Case{" is not enrolled\n", false}, Case{" is already in the enrollment request\n", true},
        Case{" is already enrolled\n", true}, Case{" is already in db\n", true},
        Case{" is already in the kernel trusted keyring\n", true},
        Case{"EFI variables are not supported on this system\n", std::nullopt}}) {
    machine_.world.mokutil_says = one.says;
    const Hands hands{.view = machine_.view(), .control = &machine_, .user = user, .say = {}};
    const auto now = holds(step, hands);
    EXPECT_EQ(static_cast<bool>(now), one.holds.has_value()) << one.says;
    if (now && one.holds) {
      EXPECT_EQ(*now, *one.holds) << one.says;
    }
    if (!now) {
      EXPECT_NE(now.error().message().find("EFI variables"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace bringup::apply
