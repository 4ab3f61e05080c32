// SPDX-License-Identifier: Apache-2.0
// A result is one of two things, and stays so through copies, moves and assignments of either to either.
#include <bringup/base/result.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bringup {
namespace {

// Longer than what a string holds in itself, so that what is freed twice or never is seen by the sanitizers.
const std::string kLong(100, 'v');
const Error kError(Errc::busy, std::string(100, 'e'));

using Text = Result<std::string>;
std::array<Text, 3> of_each() {
  return {Text(kLong), Text(kError), Text(std::string("other"))};
}

TEST(Result, IsAssignedToEitherHalf) {
  for (const Text& from : of_each()) {
    for (Text to : of_each()) {
      to = from;
      EXPECT_EQ(to, from);
    }
    for (Text to : of_each()) {
      Text gone = from;
      to = std::move(gone);
      EXPECT_EQ(to, from);
    }
  }
}

TEST(Result, IsAssignedToItself) {
  for (Text one : of_each()) {
    const Text before = one;
    Text& same = one;
    one = same;
    EXPECT_EQ(one, before);
    one = std::move(same);
    EXPECT_EQ(one, before);
  }
}

TEST(Result, IsEqualOnlyInTheSameHalf) {
  EXPECT_NE(Text(kLong), Text(kError));
  EXPECT_NE(Text(kLong), Text(std::string()));
  EXPECT_NE(Text(kError), Text(Error(Errc::io, kError.message())));
}

TEST(Result, HoldsWhatCannotBeCopied) {
  std::vector<Result<std::unique_ptr<std::string>>> all;
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0)
      all.emplace_back(std::make_unique<std::string>(kLong));
    else
      all.emplace_back(kError);
  }
  all.front() = kError;
  EXPECT_EQ(all.front().error(), kError);
  EXPECT_EQ(**all[2], kLong);
  EXPECT_EQ(*std::move(all[4]).take(), kLong);
}

TEST(Result, TakenForWhatItIsNotIsADefect) {
  EXPECT_THROW(static_cast<void>(*Text(kError)), std::logic_error);
  EXPECT_THROW(static_cast<void>(Text(kError).take()), std::logic_error);
  EXPECT_THROW(static_cast<void>(Text(kLong).error()), std::logic_error);
}

}  // namespace
}  // namespace bringup
