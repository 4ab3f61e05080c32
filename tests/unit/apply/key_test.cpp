// SPDX-License-Identifier: Apache-2.0
// Secure Boot's key: asked for, confirmed, taken back, over a fake mokutil.
#include "fake_machine.hpp"

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

}  // namespace
}  // namespace bringup::apply
