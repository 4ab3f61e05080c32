// SPDX-License-Identifier: Apache-2.0
// Paths of a recording: links that files stand for, real ones, and what must stay inside.
#include <bringup/host/files.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/home.hpp>

namespace bringup::host {
namespace {

class RecordedFiles : public testing_support::InAHome {
 protected:
  void SetUp() override {
    InAHome::SetUp();
    file("files/sys/devices/pci0000:40/0000:41:00.0/vendor", "0x10de");
    file("files/sys/bus/pci/devices/0000:41:00.0.link", "../../../devices/pci0000:40/0000:41:00.0\n");
    file("files/lib.link", "usr/lib");
    file("files/usr/lib/one", "1");
    file("files/etc/up.link", "../../../../../etc/there");
    file("files/etc/there", "inside");
    file("files/etc/round.link", "round");
    std::filesystem::create_symlink("/usr/lib", home_ / "files/real");
  }
  RootedFiles files() const { return RootedFiles(at("files"), true); }
};

TEST_F(RecordedFiles, FollowLinksOfBothKinds) {
  const RootedFiles tree = files();
  for (int round = 0; round < 2; ++round) {  // the second time from what is known
    EXPECT_EQ(tree.read("/sys/bus/pci/devices/0000:41:00.0/vendor").value_or("?"), "0x10de");
    EXPECT_EQ(tree.read("/lib/one").value_or("?"), "1");
    EXPECT_EQ(tree.read("/real/one").value_or("?"), "1");
    EXPECT_EQ(tree.read("//usr/./bin/../lib//one").value_or("?"), "1");
    EXPECT_EQ(tree.read("/etc/up").value_or("?"), "inside");
  }
}

TEST_F(RecordedFiles, TellALinkFromWhereItLeads) {
  const RootedFiles tree = files();
  EXPECT_EQ(tree.link("/lib").value_or("?"), "usr/lib");
  ASSERT_TRUE(tree.status("/lib"));
  EXPECT_EQ(tree.status("/lib")->kind, FileStatus::Kind::link);
  EXPECT_EQ(tree.status("/lib/one")->kind, FileStatus::Kind::file);
  EXPECT_FALSE(tree.link("/usr"));
}

TEST_F(RecordedFiles, ListThoseThatBeginAsAsked) {
  const RootedFiles tree = files();
  using Names = std::vector<std::string>;
  EXPECT_EQ(tree.list("/etc").value_or({}), (Names{"round", "there", "up"}));
  EXPECT_EQ(tree.list("/etc", {"the", "up"}).value_or({}), (Names{"there", "up"}));
  EXPECT_EQ(tree.list("/etc", {"rounds"}).value_or({"?"}), Names{});
  EXPECT_EQ(tree.list("/nowhere", {"x"}).error().code(), Errc::absent);
  // A link does not begin as the file that stands for it ends.
  EXPECT_EQ(tree.list("/etc", {"up.link"}).value_or({"?"}), Names{});
}

TEST(Views, FilterByThemselvesWhatTheyList) {
  class Three final : public View {
   public:
    Result<std::string> read(std::string_view) const override { return none(); }
    Result<std::string> read_part(std::string_view, std::uint64_t, std::size_t) const override {
      return none();
    }
    Result<std::vector<std::string>> list(std::string_view directory) const override {
      if (directory != "/") return none();
      return std::vector<std::string>{"a1", "a2", "b1"};
    }
    Result<FileStatus> status(std::string_view) const override { return none(); }
    Result<std::string> link(std::string_view) const override { return none(); }
    Result<DiskSpace> space(std::string_view) const override { return none(); }
    Result<Outcome> ask(const Command&) const override { return none(); }
    bool recorded() const override { return true; }

   private:
    static Error none() { return {Errc::absent, "not there"}; }
  };
  const Three view;
  EXPECT_EQ(view.list_of("/", {"a2", "b"}).value_or({}), (std::vector<std::string>{"a2", "b1"}));
  EXPECT_FALSE(view.list_of("/x", {"a"}));
}

TEST_F(RecordedFiles, SayOfWhatIsNotThereThatItIsAbsent) {
  const RootedFiles tree = files();
  for (const char* path : {"/nothing/below/it", "/usr/lib/one/below", "/etc/round", "/lib.link/x"}) {
    const auto text = tree.read(path);
    ASSERT_FALSE(text) << path;
    EXPECT_EQ(text.error().code(), Errc::absent) << path;
  }
}

// A recording does not change while it is open.
TEST_F(RecordedFiles, SayOfWhatIsBelowNothingThatItIsAbsent) {
  const RootedFiles tree = files();
  for (int round = 0; round < 2; ++round) {  // the second time from what is known
    for (const char* path :
         {"/nowhere/a/b/c", "/etc/there/x/y", "/lib/two/x", "/etc/round/x", "/real/two/x"}) {
      EXPECT_EQ(tree.read(path).error().code(), Errc::absent) << path;
      EXPECT_EQ(tree.list(path).error().code(), Errc::absent) << path;
      EXPECT_EQ(tree.link(path).error().code(), Errc::absent) << path;
    }
  }
}

// Such a path may stand in a recorded environment. Going down it part by part would take memory by the
// square.
TEST_F(RecordedFiles, SayOfAPathThatIsLongerThanCanBeThatNothingIsThere) {
  const RootedFiles tree = files();
  std::string path;
  while (path.size() < 1U << 20U) path += "/a";
  const Error error = tree.read(path).error();
  EXPECT_EQ(error.code(), Errc::absent);
  EXPECT_LT(error.message().size(), 200U);
  EXPECT_FALSE(tree.list(path));
  EXPECT_FALSE(tree.status(path));
  EXPECT_FALSE(tree.link(path));
}

TEST_F(RecordedFiles, AreReadOnce) {
  const RootedFiles tree = files();
  EXPECT_EQ(tree.read("/usr/lib/one").value_or("?"), "1");
  file("files/usr/lib/one", "2");
  file("files/usr/lib/two", "2");
  file("files/usr/lib/.keep", "");
  EXPECT_EQ(tree.read("/lib/one").value_or("?"), "1");
  EXPECT_EQ(tree.read("/lib/two").error().code(), Errc::absent);
  EXPECT_EQ(tree.status("/usr/lib/two").error().code(), Errc::absent);
  const RootedFiles later = files();
  EXPECT_EQ(later.read("/lib/one").value_or("?"), "2");
  EXPECT_EQ(later.list("/usr/lib").value_or({}), (std::vector<std::string>{"one", "two"}));
  // What stands for a link, or for nothing, is not there itself.
  for (const char* path : {"/lib.link", "/usr/lib/.keep"})
    EXPECT_EQ(later.read(path).error().code(), Errc::absent) << path;
}

TEST_F(RecordedFiles, ReadWhatIsLargerThanOneRead) {
  std::string large(200'000, 'x');
  large[4096] = 'y';
  large[70'000] = 'z';
  file("files/large", large);
  EXPECT_EQ(files().read("/large").value_or("?"), large);
  EXPECT_EQ(files().read_part("/large", 4096, 3).value_or("?"), "yxx");
  EXPECT_EQ(files().read_part("/large", 199'998, 100).value_or("?"), "xx");
}

}  // namespace
}  // namespace bringup::host
