// SPDX-License-Identifier: Apache-2.0
// Disks that fail: errors of the kernel at every change, a file system that is full, has no inodes left, or
// can only be read.
#include <bringup/apply/hands.hpp>
#include <bringup/host/real.hpp>

#include "fake_machine.hpp"
#include <cerrno>
#include <fcntl.h>
#include <support/faults.hpp>
#include <support/home.hpp>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::plan_of;
using fake::put;
using fake::Silent;
using fake::step_of;

steps::Plan some_plan(const Machine& machine) {
  return plan_of(
      machine,
      {step_of("new", steps::WriteFile{.path = "/etc/deep/new.conf", .text = "new\n"}),
       step_of("old", steps::WriteFile{.path = "/etc/old.conf", .text = "other\n"}),
       step_of("block", steps::EditBlock{.path = "/etc/profile", .name = "cuda", .text = "PATH=x\n"})});
}

void furnish(const Machine& machine) {
  put(machine.world.at("/etc/old.conf"), "as it was\n");
  put(machine.world.at("/etc/profile"), "umask 022");
}

// "" when the run ended well, else the error's code and message.
std::string told(const Result<Run>& run) {
  if (run) return "";
  return (run.error().code() == Errc::io ? "io: " : "other: ") + run.error().message();
}

void expect_no_temporary_files(const Machine& machine) {
  for (const auto& [path, about] : machine.tree())
    EXPECT_EQ(path.find(".bringup-"), std::string::npos) << path;
}

// From its n-th change on every call of that kind fails in a process; the next one finds a disk that works.
void every_change_fails(unsigned call) {
  Machine peace;
  furnish(peace);
  Silent silent;
  ASSERT_TRUE(apply(some_plan(peace), peace, fake::kClock, peace.settings(), silent));
  const auto done = peace.tree();
  for (std::size_t at = 1;; ++at) {
    ASSERT_LT(at, 60U);
    Machine machine;
    furnish(machine);
    const auto before = machine.tree();
    bool possible = true;
    machine.at_call = [&](std::size_t number) {
      if (number == at) possible = testing_support::fail_from_now_on(call, EIO);
    };
    const std::string said = testing_support::in_a_child([&]() -> std::string {
      const auto run = apply(some_plan(machine), machine, fake::kClock, machine.settings(), silent);
      return possible ? told(run) : "impossible";
    });
    machine.at_call = {};
    if (said == "impossible") GTEST_SKIP() << "no system calls can be made to fail here";
    expect_no_temporary_files(machine);
    if (said.empty()) break;
    EXPECT_TRUE(said.starts_with("io: ")) << said;
    EXPECT_NE(said.find("Input/output error"), std::string::npos) << said;
    auto again = resume(machine, fake::kClock, machine.settings(), silent);
    if (!again && again.error().code() == Errc::absent)
      again = apply(some_plan(machine), machine, fake::kClock, machine.settings(), silent);
    ASSERT_TRUE(again) << at << ": " << again.error().message();
    EXPECT_EQ(fake::difference(machine.tree(), done), "") << at;
    while (undo("", machine, fake::kClock, machine.settings(), silent)) continue;
    EXPECT_EQ(fake::difference(machine.tree(), before), "") << at;
  }
}

TEST(Disk, ThatFailsWhenItIsFlushedLosesNothing) {
  every_change_fails(SYS_fsync);
}

TEST(Disk, ThatFailsWhenItIsWrittenLosesNothing) {
  every_change_fails(SYS_write);
}

class SmallDisk : public testing_support::InAHome {
 protected:
  void SetUp() override {
    InAHome::SetUp();
    std::filesystem::create_directories(disk());
  }
  std::string disk() const { return at("disk"); }
  Settings settings() const { return {.state_directory = disk() + "/state", .root = true}; }
  steps::Plan plan() const {
    steps::Plan plan{.machine = "m", .goal = "g", .made_at = "", .user = {}, .steps = {}};
    plan.user = {.name = "root", .home = "/root", .uid = 0, .gid = 0};
    for (const char* id : {"a", "b", "c"})
      plan.steps.push_back(step_of(
          id, steps::WriteFile{.path = disk() + "/etc/" + id, .text = std::string(3000, *id) + "\n"}));
    return plan;
  }
  std::string go() const {
    Silent silent;
    return told(apply(plan(), *host::real_control(), fake::kClock, settings(), silent));
  }
  // Names below the disk, without the state.
  std::string left() const {
    std::string out;
    for (auto entry = std::filesystem::recursive_directory_iterator(disk());
         entry != std::filesystem::recursive_directory_iterator(); ++entry) {
      if (entry->path() == disk() + "/state")
        entry.disable_recursion_pending();
      else
        out += entry->path().string().substr(disk().size()) + " ";
    }
    return out;
  }
  // With little room the run ends with an error; with more it is gone on with, and taken back.
  std::string with_little(const std::string& little, const std::string& more, bool& went_at_once) const {
    if (!testing_support::disk_of_its_own(disk(), little)) return "impossible";
    const std::string said = go();
    went_at_once = said.empty();
    if (!said.empty() && (!said.starts_with("io: ") || said.find("No space left") == std::string::npos))
      return "with " + little + " it said: " + said;
    if (left().find(".bringup-") != std::string::npos) return "with " + little + " it left " + left();
    if (!testing_support::change_disk(disk(), more)) return "the disk cannot be made larger";
    const auto control = host::real_control();
    Silent silent;
    if (!said.empty()) {
      auto again = resume(*control, fake::kClock, settings(), silent);
      if (!again && again.error().code() == Errc::absent)
        again = apply(plan(), *control, fake::kClock, settings(), silent);
      if (!again) return "with " + little + " it did not go on: " + again.error().message();
    }
    for (const char* id : {"a", "b", "c"}) {
      if (!pending(plan(), control->view()).value_or({"?"}).empty())
        return "with " + little + " " + id + " is not there";
    }
    if (const auto undone = undo("", *control, fake::kClock, settings(), silent); !undone)
      return "with " + little + " undo: " + undone.error().message();
    return left().empty() ? "" : "with " + little + " undo left " + left();
  }
  void from_little_to_enough(const std::string& option, int from, int to, int by, const std::string& unit,
                             const std::string& more) {
    bool ever_failed = false;
    for (int amount = from; amount <= to; amount += by) {
      const std::string little = option + std::to_string(amount) + unit;
      bool went = false;
      const std::string said = testing_support::in_a_child([&] {
        const std::string wrong = with_little(little, more, went);
        return wrong.empty() && !went ? std::string("failed first") : wrong;
      });
      if (said == "impossible") GTEST_SKIP() << "no file system can be mounted here";
      ever_failed = ever_failed || said == "failed first";
      if (said.empty() && ever_failed) return;
      EXPECT_EQ(said, "failed first");
    }
    FAIL() << "it never went well, or never failed";
  }
};

TEST_F(SmallDisk, WithoutInodesLosesNothing) {
  from_little_to_enough("nr_inodes=", 2, 20, 1, "", "nr_inodes=1000");
}

TEST_F(SmallDisk, ThatIsFullLosesNothing) {
  from_little_to_enough("size=", 4, 96, 4, "k", "size=10m");
}

TEST_F(SmallDisk, ThatCanOnlyBeReadIsSaidBeforeAnything) {
  const std::string said = testing_support::in_a_child([this]() -> std::string {
    if (!testing_support::disk_of_its_own(disk(), "size=1m")) return "impossible";
    if (!testing_support::change_disk(disk(), "size=1m", true)) return "it cannot be made read-only";
    return go();
  });
  if (said == "impossible") GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_EQ(said, "io: " + disk() + "/state: Read-only file system");
}

TEST_F(SmallDisk, ThatCanOnlyBeReadWhereAStepWritesIsSaidWithThePath) {
  const std::string said = testing_support::in_a_child([this]() -> std::string {
    if (!testing_support::disk_of_its_own(disk(), "size=1m")) return "impossible";
    if (!testing_support::change_disk(disk(), "size=1m", true)) return "it cannot be made read-only";
    Settings elsewhere = settings();
    elsewhere.state_directory = at("state");
    Silent silent;
    return told(apply(plan(), *host::real_control(), fake::kClock, elsewhere, silent));
  });
  if (said == "impossible") GTEST_SKIP() << "no file system can be mounted here";
  EXPECT_EQ(said, "io: step a: " + disk() + "/etc: Read-only file system");
}

TEST(Troubles, OfADiskAndOfCertificatesAreToldFromAFailure) {
  struct Case {
    const char* says;
    Errc code;
    const char* told;
  };
  const Case cases[] = {
      {"OSError: [Errno 30] Read-only file system: '/x'", Errc::io, "mount it for writing"},
      {"error: failed to write: Input/output error (os error 5)", Errc::io, "dmesg"},
      {"write error: No space left on device", Errc::io, "df -i"},
      {"curl: (60) SSL certificate problem: certificate has expired", Errc::unreachable, "has expired, or"},
      {"curl: (60) SSL: no alternative certificate subject name matches target host name 'a.b'",
       Errc::unreachable, "another host answers"},
      {"  Certificate verification failed: The certificate is NOT trusted. The certificate chain uses "
       "expired "
       "certificate.  Could not handshake: Error in the certificate verification.",
       Errc::unreachable, "clock is wrong"},
      {"  Certificate verification failed: The certificate is NOT trusted. The name in the certificate does "
       "not "
       "match the expected.",
       Errc::unreachable, "another host answers"},
      {"  Caused by: invalid peer certificate: Expired", Errc::unreachable, "has expired, or"},
      {"  Caused by: invalid peer certificate: NotValidForName", Errc::unreachable, "another host answers"},
      {"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid",
       Errc::unreachable, "is not valid yet, or"},
      {"  Caused by: invalid peer certificate: UnknownIssuer", Errc::unreachable, "SSL_CERT_FILE"},
      {"curl: (60) SSL certificate problem: self-signed certificate in certificate chain", Errc::unreachable,
       "SSL_CERT_FILE"},
      {"the licence has expired", Errc::failed, "the licence has expired"},
      {"something else", Errc::failed, "something else"}};
  for (const Case& one : cases) {
    const Error error = trouble_of({"a-tool"}, {.how = host::Exited{1}, .out = "", .err = one.says});
    EXPECT_EQ(error.code(), one.code) << one.says;
    EXPECT_NE(error.message().find(one.told), std::string::npos) << error.message();
  }
}

// Between a look and the write a user can swap a file for a link to one that only root may read.
TEST(UsersFile, ThatIsALinkToWhatOnlyRootMayReadIsNotReadForThem) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root could read it";
  constexpr int kNobody = 65534;
  std::string home = "/tmp/bringup-users-XXXXXX";
  ASSERT_NE(::mkdtemp(home.data()), nullptr);
  ::chmod(home.c_str(), 0755);
  put(home + "/secret", "secret\n", fake::fs::perms(0600));
  fake::fs::create_directories(home + "/user");
  ASSERT_EQ(::chown((home + "/user").c_str(), kNobody, kNobody), 0);
  fake::fs::create_symlink(home + "/secret", home + "/user/.bashrc");
  const auto control = host::real_control();
  const steps::PlanUser user{.name = "nobody", .home = home + "/user", .uid = kNobody, .gid = kNobody};
  const Hands hands{
      .view = control->view(), .control = control.get(), .user = user, .as_user = true, .say = {}};
  const steps::EditBlock block{.path = home + "/user/.bashrc", .name = "cuda", .text = "PATH=x\n"};
  const steps::WriteFile whole{.path = home + "/user/.bashrc", .text = "x\n"};
  EXPECT_EQ(remember(block, hands).error().code(), Errc::denied);
  EXPECT_EQ(remember(whole, hands).error().code(), Errc::denied);
  EXPECT_EQ(perform(block, hands).error().code(), Errc::denied);
  EXPECT_EQ(undo(block, Json::object(), hands).error().code(), Errc::denied);
  fake::fs::remove_all(home);
}

}  // namespace
}  // namespace bringup::apply
