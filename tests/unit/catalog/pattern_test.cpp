// SPDX-License-Identifier: Apache-2.0
// The form of a message: what its holes take, what is refused as a pattern, and hostile lines.
#include <bringup/catalog/pattern.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>

namespace bringup::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Case {
  std::string pattern;
  std::string line;
  std::optional<std::vector<std::string>> holes;  // nullopt: it does not match
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.pattern << " on " << one.line.substr(0, 80);
}

class PatternMatches : public testing::TestWithParam<Case> {};

TEST_P(PatternMatches, OrNot) {
  const Case& one = GetParam();
  const auto pattern = Pattern::parse(one.pattern);
  ASSERT_TRUE(pattern) << pattern.error().message();
  const auto captures = pattern->match(one.line);
  ASSERT_EQ(captures.has_value(), one.holes.has_value());
  if (!captures) return;
  std::vector<std::string> texts;
  for (const Capture& capture : *captures) texts.emplace_back(capture.text);
  EXPECT_EQ(texts, *one.holes);
}

using Holes = std::vector<std::string>;
const std::string kXid = "NVRM: Xid (PCI:{pci}): {int}";

INSTANTIATE_TEST_SUITE_P(
    Lines, PatternMatches,
    testing::Values(Case{kXid, "[1.0] NVRM: Xid (PCI:0000:06:00): 79, pid=1", Holes{"0000:06:00", "79"}},
                    Case{kXid, "NVRM: Xid (PCI:0000:06:00.0): 79", Holes{"0000:06:00.0", "79"}},
                    Case{kXid, "nvrm: xid (pci:0000:06:00): 119,", Holes{"0000:06:00", "119"}},
                    Case{kXid, "NVRM: Xid (PCI:0000-06-00): 79", std::nullopt},
                    Case{kXid, "NVRM: Xid (PCI:): 79", std::nullopt},
                    Case{kXid, "NVRM: Xid (PCI:zz:zz:zz): 79", std::nullopt},
                    Case{kXid, "NVRM: Xid (PCI:0000:06:00): x", std::nullopt}, Case{kXid, "", std::nullopt},
                    Case{kXid, "NVRM: Xid (PCI:", std::nullopt},
                    // the first place does not fit, a later one does
                    Case{kXid, "NVRM: Xid (PCI: NVRM: Xid (PCI:0000:06:00): 8", Holes{"0000:06:00", "8"}},
                    Case{"has the version {version}, but it has", "has the version 550.54.14, but it has",
                         Holes{"550.54.14"}},
                    Case{"needs the version {version}", "needs the version 550.54.14.", Holes{"550.54.14"}},
                    Case{"needs the version {version}", "needs the version of it", std::nullopt},
                    Case{"cannot open the file {path}: no", "cannot open the file /a/b c: no", std::nullopt},
                    Case{"cannot open the file {path}: no", "cannot open the file /a/b:c: no",
                         Holes{"/a/b:c"}},
                    Case{"cannot open the file {path}", "cannot open the file '/a/b'", std::nullopt},
                    Case{"the number in hex is {hex}!", "the number in hex is 0x1F!", Holes{"0x1F"}},
                    Case{"the number in hex is {hex}!", "the number in hex is xx!", std::nullopt},
                    Case{"the word that it says is {word}", "the word that it says is torch_cuda-1.0+x: y",
                         Holes{"torch_cuda-1.0+x"}},
                    Case{"between here {any}and there", "between here and there", Holes{""}},
                    Case{"between here {any}and there", "between here x and y and there", Holes{"x and y "}},
                    Case{"and all the rest: {rest}", "and all the rest: a b c ", Holes{"a b c "}},
                    Case{"^at the start of it", "at the start of it all", Holes{}},
                    Case{"^at the start of it", "not at the start of it", std::nullopt}));

TEST(Pattern, TakesBytesOfAnyKind) {
  const auto pattern = Pattern::parse("something {any}happened at {int}");
  ASSERT_TRUE(pattern);
  const std::string line("\0\xff something \x1b[31m\0 happened at 12\0", 36);
  const auto captures = pattern->match(line);
  ASSERT_TRUE(captures);
  EXPECT_EQ((*captures)[1].text, "12");
}

TEST(Pattern, LinesThatNearlyMatchEverywhereTakeNoLonger) {
  const auto pattern = Pattern::parse("aaaaaaaaaaaa{any}aaaaaaaaaaab{any}aaaaaaaaaaac");
  ASSERT_TRUE(pattern);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(pattern->match(std::string(100'000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(Pattern, KnowsHowMuchOfItIsLiteral) {
  const auto pattern = Pattern::parse("^Abc {int} defghijkl {rest}");
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->literal_size(), 15U);
  EXPECT_EQ(pattern->holes(), 2U);
  EXPECT_EQ(pattern->longest_literal(), " defghijkl ");
}

struct Refused {
  std::string pattern;
  std::string error;
};
void PrintTo(const Refused& one, std::ostream* out) {
  *out << one.pattern;
}

class RefusesPattern : public testing::TestWithParam<Refused> {};

TEST_P(RefusesPattern, APatternThatSaysTooLittle) {
  const auto pattern = Pattern::parse(GetParam().pattern);
  ASSERT_FALSE(pattern);
  EXPECT_THAT(pattern.error().message(), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(Patterns, RefusesPattern,
                         testing::Values(Refused{"", "0 characters"}, Refused{"error", "5 characters"},
                                         Refused{"^", "0 characters"}, Refused{"out of mem", "10 characters"},
                                         Refused{"abc {int}def", "7 characters"},
                                         Refused{"a message with {nothing}", "unknown hole {nothing}"},
                                         Refused{"a message with {int", "no closing brace"},
                                         Refused{"a message with {}", "unknown hole {}"},
                                         Refused{"{int} begins with a hole", "begins with literal text"},
                                         Refused{"a message with {int}{word}", "literal text between"},
                                         Refused{"a message with {rest} in the middle", "at the end only"}));

TEST(Pattern, TwoShortLiteralsAreEnough) {
  EXPECT_TRUE(Pattern::parse("abcd {int} efg"));
}

TEST(FindFolded, FindsWhateverTheCase) {
  EXPECT_EQ(find_folded("A CUDA Error", "cuda"), 2U);
  EXPECT_EQ(find_folded("A CUDA Error", "cuda", 3), std::string_view::npos);
  EXPECT_EQ(find_folded("", "x"), std::string_view::npos);
  EXPECT_EQ(find_folded("abc", "c", 9), std::string_view::npos);
}

}  // namespace
}  // namespace bringup::catalog
