// SPDX-License-Identifier: Apache-2.0
// Locks as text: what uv writes, what we write, and what nobody should have written.
#include <bringup/steps/lock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::steps {
namespace {

using testing::HasSubstr;

const std::string kHash(64, 'a');

// As uv writes it, times included.
std::string uv_text() {
  return "lock-version = \"1.0\"\ncreated-by = \"uv\"\nrequires-python = \">=3.11\"\n\n"
         "[[packages]]\nname = \"idna\"\nversion = \"3.20\"\n"
         "sdist = { url = \"https://f.org/a/idna-3.20.tar.gz\", upload-time = 2026-09-17T14:11:03Z, size = "
         "9, "
         "hashes = { sha256 = \"" +
         std::string(64, 'b') +
         "\" } }\nwheels = [{ url = \"https://f.org/b/idna-3.20-py3-none-any.whl\", "
         "upload-time = 2026-09-17T14:11:03Z, size = 69583, hashes = { sha256 = \"" +
         kHash + "\" } }]\n";
}

Lock made() {
  return {.python = "3.11", .platform = "x86_64", .variant = "cu130", .asked = {"idna"}};
}

TEST(Lock, WhatUvWritesIsRead) {
  const auto lock = parse_pylock(uv_text(), "uv", made());
  ASSERT_TRUE(lock) << lock.error().message();
  ASSERT_EQ(lock->packages.size(), 1U);
  EXPECT_EQ(lock->packages[0].version, "3.20");
  ASSERT_EQ(lock->packages[0].files.size(), 2U);
  EXPECT_EQ(lock->packages[0].files[0].size, 69583U);
  EXPECT_EQ(file_name(lock->packages[0].files[0]), "idna-3.20-py3-none-any.whl");
  EXPECT_TRUE(lock->packages[0].files[1].source);
  EXPECT_EQ(requirements(*lock), std::vector<std::string>{"idna==3.20 --hash=sha256:" + kHash +
                                                          " --hash=sha256:" + std::string(64, 'b')});
}

TEST(Lock, WhatWeWriteIsReadAgain) {
  const auto lock = parse_pylock(uv_text(), "uv", made());
  ASSERT_TRUE(lock);
  const auto again = parse_lock(to_toml(*lock), "pylock.dl.toml");
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, *lock);
}

TEST(Lock, AnAddressIsDecodedToAName) {
  EXPECT_EQ(file_name({.url = "https://d.org/whl/torch-2.14.1%2Bcpu-cp311.whl#sha256=1"}),
            "torch-2.14.1+cpu-cp311.whl");
  EXPECT_EQ(file_name({.url = "https://d.org/whl/a%"}), "a%");
  EXPECT_EQ(file_name({.url = "https://d.org/whl/..%2F..%2fetc%00"}), "..%2F..%2fetc%00");
  EXPECT_EQ(file_name({.url = ""}), "");
}

struct Hostile {
  const char* from;
  const char* to;
  const char* said;
};

TEST(Lock, WhatCouldSayMoreThanAPackageIsRefused) {
  const auto lock = parse_pylock(uv_text(), "uv", made());
  ASSERT_TRUE(lock);
  const std::string good = to_toml(*lock);
  const std::vector<Hostile> table{
      {"name = \"idna\"", "name = \"idna\\n--index-url=http://evil\"", "name: no text that belongs here"},
      {"asked = [\"idna\"]", "asked = [\"idna\\n-e .\"]", "asked: no text that belongs here"},
      {"name = \"idna\"", "name = \"-e\"", "name: no text that belongs here"},
      {"version = \"3.20\"", "version = \"3.20 --trusted-host x\"", "version: no text that belongs here"},
      {"sha256 = \"aaaa", "sha256 = \"AAAA", "sha256: no text that belongs here"},
      {"sha256 = \"aaaa", "sha256 = \"aaa", "sha256: no text that belongs here"},
      {"hashes = { sha256", "hashes = { md5", "without a sha256"},
      {"url = \"https://f.org/b/idna", "url = \"https://f.org/b/ idna", "url: no text that belongs here"},
      {"lock-version = \"1.0\"", "lock-version = \"2.0\"", "lock-version"},
      {"[tool.bringup]", "[tool.other]", "[tool.bringup]"},
      {"python = \"3.11\"\n", "", "is missing"},
      {"asked = [\"idna\"]", "asked = [1]", "expected texts"},
      {"version = \"3.20\"\n", "", "without name or version"},
      {"[[packages]]", "[packages]", "no packages"},
      {"[[packages]]", "[[packages", "pylock.dl.toml:"}};
  for (const Hostile& one : table) {
    std::string text = good;
    const std::size_t at = text.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from;
    text.replace(at, std::string_view(one.from).size(), one.to);
    const auto read = parse_lock(text, "pylock.dl.toml");
    ASSERT_FALSE(read) << one.to;
    EXPECT_THAT(read.error().message(), HasSubstr(one.said)) << one.to;
    EXPECT_THAT(read.error().message(), HasSubstr("remove it, and 'bringup up' makes it anew")) << one.to;
  }
  EXPECT_FALSE(parse_lock("", "x"));
  EXPECT_FALSE(parse_pylock(good + good.substr(good.find("\n[[packages]]"), 60), "x", made()));
}

}  // namespace
}  // namespace bringup::steps
