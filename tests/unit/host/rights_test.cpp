// SPDX-License-Identifier: Apache-2.0
// Root writes, reads and removes in a directory of a user who swaps it for a link as fast as possible.
#include <bringup/host/real.hpp>
#include <bringup/host/rights.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <support/home.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

namespace bringup::host {
namespace {

namespace fs = std::filesystem;
constexpr int kNobody = 65534;
constexpr int kRounds = 4000;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class InAUsersDirectory : public testing_support::InAHome {
 protected:
  void SetUp() override {
    if (::access("/dev/shm", W_OK) == 0) home_ = "/dev/shm/bringup-rights-" + std::to_string(::getpid());
    InAHome::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "only root has another's rights to take";
    ::chmod(home_.c_str(), 0755);
    file("outside/.profile", "root's own\n");
    file("outside/secret", "secret\n");
    fs::create_directories(home_ / "outside/tree/below");
    file("outside/tree/below/file", "stays\n");
    ::chmod(at("outside").c_str(), 0775);  // root's group may write there, and root is in it
    ::chmod(at("outside/secret").c_str(), 0600);
    fs::create_directories(home_ / "users/real/tree/below");
    fs::create_directory_symlink(home_ / "outside", home_ / "users/link");
    for (const char* path : {"users", "users/real", "users/real/tree", "users/real/tree/below"})
      ASSERT_EQ(::lchown(at(path).c_str(), kNobody, kNobody), 0);
  }
  // The user's process: a directory and a link change names without end.
  pid_t swap() const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(1);
    const std::string one = at("users/real");
    const std::string other = at("users/link");
    for (;;) ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  }
  void expect_untouched_outside() const {
    std::size_t entries = 0;
    for (const auto& entry : fs::recursive_directory_iterator(home_ / "outside")) {
      ++entries;
      struct stat info {};
      ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
      EXPECT_EQ(info.st_uid, 0U) << entry.path();
    }
    EXPECT_EQ(entries, 5U);
    EXPECT_EQ(text_of(at("outside/.profile")), "root's own\n");
    EXPECT_EQ(text_of(at("outside/secret")), "secret\n");
    EXPECT_EQ(text_of(at("outside/tree/below/file")), "stays\n");
  }
};

TEST_F(InAUsersDirectory, NoRaceLeadsRootOutOfIt) {
  const pid_t swapper = swap();
  const auto control = real_control();
  const Owner user{.uid = kNobody, .gid = kNobody};
  const std::string place = at("users/real");
  int went = 0;
  for (int i = 0; i < kRounds; ++i) {
    went += control->write(place + "/.profile", "a block\n", 0644, user) ? 1 : 0;
    (void)control->write(place + "/new-" + std::to_string(i % 7), "x", 0644, user);
    (void)control->make_directory(place + "/made", 0755, user);
    (void)control->move_file(place + "/new-1", place + "/moved", user);
    (void)control->remove_file(place + "/secret", user);
    (void)control->remove_empty_directory(place + "/made", user);
    (void)control->remove_tree(place + "/tree", user);
  }
  ::kill(swapper, SIGKILL);
  int status = 0;
  ::waitpid(swapper, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "nobody swapped anything";
  EXPECT_GT(went, 0) << "nothing was ever written";
  EXPECT_LT(went, kRounds) << "the link was never in the way";
  expect_untouched_outside();
}

TEST_F(InAUsersDirectory, RootReadsForTheUserWhatTheUserMayRead) {
  const auto view = real_view();
  const std::string secret = at("outside/secret");
  EXPECT_EQ(view->read(secret).value_or("?"), "secret\n");
  {
    const FileRights rights(Owner{.uid = kNobody, .gid = kNobody});
    ASSERT_TRUE(rights.taken());
    const auto text = view->read(secret);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code(), Errc::denied);
    EXPECT_EQ(view->read(at("outside/.profile")).value_or("?"), "root's own\n");
  }
  EXPECT_EQ(view->read(secret).value_or("?"), "secret\n") << "the rights were not given back";
}

using ReplacedFile = testing_support::InAHome;

TEST_F(ReplacedFile, KeepsItsModeAndItsAttributes) {
  const std::string path = file("profile", "old\n");
  ::chmod(path.c_str(), 0640);
  if (::setxattr(path.c_str(), "user.note", "mine", 4, 0) != 0)
    GTEST_SKIP() << "no attributes on this file system";
  ASSERT_TRUE(real_control()->write(path, "new\n", 0644, std::nullopt));
  EXPECT_EQ(text_of(path), "new\n");
  std::array<char, 16> value{};
  EXPECT_EQ(::getxattr(path.c_str(), "user.note", value.data(), value.size()), 4);
  EXPECT_STREQ(value.data(), "mine");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
}

}  // namespace
}  // namespace bringup::host
