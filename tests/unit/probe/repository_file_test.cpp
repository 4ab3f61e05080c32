// SPDX-License-Identifier: Apache-2.0
#include <bringup/probe/probe.hpp>

#include <gmock/gmock.h>

namespace {

using namespace bringup;
using testing::HasSubstr;

TEST(RepositoryFile, IsReadOffItsControlFields) {
  const auto file = probe::parse_repository_file(
      "Package: cuda-repo-ubuntu2204-12-1-local\nArchitecture: amd64\n", "/root/x.deb");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->system, "ubuntu2204");
  EXPECT_EQ(file->toolkit, "12.1");
  EXPECT_EQ(file->arch, "amd64");
}

TEST(RepositoryFile, ThatIsSomethingElseIsSaidSo) {
  for (const char* fields :
       {"Package: cuda-keyring\nArchitecture: all\n", "", "Package: cuda-repo-x-a-b-local\n",
        "Package: cuda-repo-ubuntu2204-12-1-remote\n", "Package:\n\x1b[2J"}) {
    const auto file = probe::parse_repository_file(fields, "/root/x.deb");
    ASSERT_FALSE(file) << fields;
    EXPECT_EQ(file.error().code(), Errc::usage);
    EXPECT_THAT(file.error().message(), HasSubstr("/root/x.deb: expected a package such as"));
  }
}

}  // namespace
