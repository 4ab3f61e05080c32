// SPDX-License-Identifier: Apache-2.0
// The kinds of step about files, over real files.
#include <bringup/apply/hands.hpp>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::Machine;
using fake::put;
using fake::slurp;

struct FilesTest : testing::Test {
  Machine machine;
  steps::PlanUser user = machine.user();
  Hands hands() { return {.view = machine.view(), .control = &machine, .user = user, .say = {}}; }
  // Does the step and hands out what was remembered.
  template <typename S>
  Json done(const S& step) {
    const auto before = remember(step, hands());
    EXPECT_TRUE(before) << before.error().message();
    const auto performed = perform(step, hands());
    EXPECT_TRUE(performed) << performed.error().message();
    EXPECT_TRUE(holds(step, hands()).value_or(false));
    return before.value_or(Json::object());
  }
  std::string text(const std::string& path) { return slurp(machine.world.at(path)); }
  unsigned mode(const std::string& path) { return machine.view().status(path)->mode; }
};

TEST_F(FilesTest, AReplacedFileKeepsItsModeAndComesBack) {
  put(machine.world.at("/etc/x"), std::string("bytes \xff\x00 too", 12), fake::fs::perms(0640));
  const auto tree = machine.tree();
  const steps::WriteFile step{.path = "/etc/x", .text = "new", .mode = 0644};
  EXPECT_FALSE(holds(step, hands()).value_or(true));
  const Json before = done(step);
  EXPECT_EQ(mode("/etc/x"), 0640U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  // deleted meanwhile, it comes back with its mode as well
  ASSERT_TRUE(perform(step, hands()));
  fake::fs::remove(machine.world.at("/etc/x"));
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(FilesTest, ANewFileGoesWithTheDirectoriesThatWereMadeForItUnlessTheyAreUsed) {
  const auto tree = machine.tree();
  const steps::WriteFile step{.path = "/etc/a/b/x", .text = "new", .mode = 0600};
  const Json before = done(step);
  EXPECT_EQ(mode("/etc/a/b/x"), 0600U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  ASSERT_TRUE(perform(step, hands()));
  put(machine.world.at("/etc/a/somebody's"), "");
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_TRUE(machine.view().exists("/etc/a/somebody's"));
  EXPECT_FALSE(machine.view().exists("/etc/a/b"));
}

TEST_F(FilesTest, AFileThatSomebodyEditedSinceIsLeft) {
  put(machine.world.at("/etc/x"), "old");
  const steps::WriteFile step{.path = "/etc/x", .text = "new"};
  const Json before = done(step);
  put(machine.world.at("/etc/x"), "new, edited");
  EXPECT_EQ(undo(step, before, hands()).error().code(), Errc::refused);
  EXPECT_EQ(text("/etc/x"), "new, edited");
}

TEST_F(FilesTest, ADirectoryInPlaceOfTheFileIsRefused) {
  fake::fs::create_directories(machine.world.at("/etc/x/inside"));
  const steps::WriteFile step{.path = "/etc/x", .text = "new"};
  EXPECT_FALSE(holds(step, hands()));
  EXPECT_EQ(remember(step, hands()).error().code(), Errc::refused);
  const steps::EditBlock block{.path = "/etc/x", .name = "n", .text = "t\n"};
  EXPECT_FALSE(holds(block, hands()));
  EXPECT_FALSE(remember(block, hands()));
}

TEST_F(FilesTest, ALinkKeepsLeadingToTheFileAndAnAbsoluteOneStaysInside) {
  put(machine.world.at("/home/somebody/dotfiles/rc"), "own\n", fake::fs::perms(0640));
  fake::fs::create_symlink("/home/somebody/dotfiles/rc", machine.world.at("/home/somebody/.bashrc"));
  const auto tree = machine.tree();
  const steps::EditBlock step{.path = "/home/somebody/.bashrc", .name = "cuda", .text = "x\n"};
  const Json before = done(step);
  EXPECT_EQ(text("/home/somebody/dotfiles/rc"), "own\n# >>> bringup cuda >>>\nx\n# <<< bringup cuda <<<\n");
  EXPECT_EQ(mode("/home/somebody/dotfiles/rc"), 0640U);
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
  const steps::WriteFile whole{.path = "/home/somebody/.bashrc", .text = "all new"};
  const Json image = done(whole);
  ASSERT_TRUE(undo(whole, image, hands()));
  EXPECT_EQ(fake::difference(machine.tree(), tree), "");
}

TEST_F(FilesTest, ALinkThatLeadsNowhereIsNotWrittenThrough) {
  fake::fs::create_symlink("/nowhere/rc", machine.world.at("/etc/rc"));
  const steps::EditBlock step{.path = "/etc/rc", .name = "cuda", .text = "x\n"};
  EXPECT_FALSE(perform(step, hands()));
  EXPECT_FALSE(machine.view().exists("/nowhere"));
}

TEST_F(FilesTest, ABlockLeavesEveryOtherByteAlone) {
  for (const char* own : {"", "a\n", "a", "a\r\nb\r\n", "\n\n", "a\n# >>> bringup other >>>\n"}) {
    SCOPED_TRACE(own);
    put(machine.world.at("/etc/rc"), own);
    const steps::EditBlock step{.path = "/etc/rc", .name = "cuda", .text = "x\n"};
    const Json before = done(step);
    EXPECT_TRUE(text("/etc/rc").starts_with(own));
    EXPECT_TRUE(base::contains(text("/etc/rc"), "\n# >>> bringup cuda >>>\n") || std::string(own).empty());
    ASSERT_TRUE(perform(step, hands()));  // twice is once
    ASSERT_TRUE(undo(step, before, hands()));
    EXPECT_EQ(text("/etc/rc"), own);
    ASSERT_TRUE(undo(step, before, hands()));
    EXPECT_EQ(text("/etc/rc"), own);
  }
}

TEST_F(FilesTest, ABlockIsTakenOutOfWhatWasWrittenAroundItSince) {
  put(machine.world.at("/etc/rc"), "a");
  const steps::EditBlock step{.path = "/etc/rc", .name = "cuda", .text = "x\n"};
  const Json before = done(step);
  put(machine.world.at("/etc/rc"), "first\n" + text("/etc/rc") + "last");
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(text("/etc/rc"), "first\na\nlast");
}

TEST_F(FilesTest, ABlockThatSomebodyEditedSinceIsLeft) {
  put(machine.world.at("/etc/rc"), "a\n");
  const steps::EditBlock step{.path = "/etc/rc", .name = "cuda", .text = "x\n"};
  const Json before = done(step);
  std::string edited = text("/etc/rc");
  edited.replace(edited.find("x\n"), 2, "mine\n");
  put(machine.world.at("/etc/rc"), edited);
  EXPECT_EQ(undo(step, before, hands()).error().code(), Errc::refused);
  EXPECT_EQ(text("/etc/rc"), edited);
}

TEST_F(FilesTest, AnOlderBlockIsReplacedAndComesBack) {
  put(machine.world.at("/etc/rc"), "a\n# >>> bringup cuda >>>\nold\n# <<< bringup cuda <<<\nz\n");
  const std::string whole = text("/etc/rc");
  const steps::EditBlock step{.path = "/etc/rc", .name = "cuda", .text = "x\n"};
  const Json before = done(step);
  EXPECT_EQ(text("/etc/rc"), "a\n# >>> bringup cuda >>>\nx\n# <<< bringup cuda <<<\nz\n");
  ASSERT_TRUE(undo(step, before, hands()));
  EXPECT_EQ(text("/etc/rc"), whole);
}

TEST(Secrets, AreTakenOutOfAddresses) {
  EXPECT_EQ(without_secrets("get https://a:b@host/x and http://t@h:1/"),
            "get https://host/x and http://h:1/");
  EXPECT_EQ(without_secrets("https://host/a@b"), "https://host/a@b");
}

TEST(Bytes, SurviveTheJournal) {
  for (const std::string& bytes : {std::string("text\n"), std::string("\xff\xfe\0x", 4), std::string()})
    EXPECT_EQ(bytes_from_json(bytes_to_json(bytes)), bytes);
}

TEST(Trouble, IsToldFromWhatTheToolWrote) {
  const auto code = [](std::string text) {
    return trouble_of({"uv"}, {.how = host::Exited{1}, .out = "", .err = std::move(text)}).code();
  };
  EXPECT_EQ(code("Temporary failure in name resolution"), Errc::unreachable);
  EXPECT_EQ(code("[Errno 28] No space left on device"), Errc::io);
  EXPECT_EQ(code("SSLCertVerificationError: certificate verify failed"), Errc::unreachable);
  EXPECT_EQ(code("HTTP 403 Forbidden"), Errc::unreachable);
  EXPECT_EQ(code("E: Could not get lock /var/lib/dpkg/lock-frontend"), Errc::busy);
  EXPECT_EQ(code("some other error"), Errc::failed);
  EXPECT_EQ(trouble_of({"uv"}, {.how = host::TimedOut{}, .out = "", .err = ""}).code(), Errc::timeout);
  // apt names a file first, and says much about it then
  std::string apt = "E: Failed to fetch file:/b/libcuda1_1_amd64.deb  Hash Sum mismatch\n";
  for (int i = 0; i < 20; ++i) apt += "    - SHA256: of it\n";
  const Error error = trouble_of({"apt-get"}, {.how = host::Exited{100}, .out = "", .err = apt});
  EXPECT_EQ(error.code(), Errc::failed);
  EXPECT_THAT(error.message(), testing::AllOf(testing::HasSubstr("libcuda1_1_amd64.deb"),
                                              testing::HasSubstr("damaged or exchanged on the way")));
}

}  // namespace
}  // namespace bringup::apply
