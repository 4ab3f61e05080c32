// SPDX-License-Identifier: Apache-2.0
// Files that are orders for root, and that somebody else owns or could write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <support/home.hpp>
#include <support/program.hpp>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::HasSubstr;
using testing::Not;

constexpr uid_t kNobody = 65534;

class OthersFile : public InAHome {
 protected:
  void SetUp() override {
    InAHome::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "only root takes orders from nobody";
  }
  Ran apply(const std::string& plan) const {
    return bringup_program({"apply", plan, "--yes", "--state", at("state")}, {{"HOME", home_.string()}});
  }
  void expect_refused(const Ran& ran, const std::string& why) const {
    EXPECT_EQ(ran.code, 4) << why << ": " << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("others can write")) << why;
    EXPECT_FALSE(fs::exists(at("state"))) << why;
  }
};

TEST_F(OthersFile, AsAPlanIsNotFollowed) {
  const std::string plan = file("plan.json", "{}");
  fs::permissions(plan, fs::perms(0646));
  expect_refused(apply(plan), "anybody may write");
  fs::permissions(plan, fs::perms(0644));
  EXPECT_THAT(apply(plan).err, Not(HasSubstr("others can write")))
      << "root's own is read, and found to be no plan";
  ASSERT_EQ(::chown(plan.c_str(), kNobody, 0), 0);
  expect_refused(apply(plan), "another's");
  ASSERT_EQ(::chown(plan.c_str(), 0, kNobody), 0);
  EXPECT_THAT(apply(plan).err, Not(HasSubstr("others can write"))) << "the group may only read";
  fs::permissions(plan, fs::perms(0664));
  expect_refused(apply(plan), "another group may write");
}

TEST_F(OthersFile, AsAPlanIsNotFollowedBehindALink) {
  const std::string plan = file("plan.json", "{}");
  ASSERT_EQ(::chown(plan.c_str(), kNobody, 0), 0);
  fs::create_symlink(plan, at("link.json"));
  expect_refused(apply(at("link.json")), "behind root's own link");
  const std::string own = file("own.json", "{}");
  fs::create_symlink(own, at("others.json"));
  ASSERT_EQ(::lchown(at("others.json").c_str(), kNobody, 0), 0);
  expect_refused(apply(at("others.json")), "another's link, which may lead elsewhere tomorrow");
}

}  // namespace
