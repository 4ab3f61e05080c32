// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/catalog.hpp>
#include <bringup/goal/goal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bringup {
namespace {

using testing::HasSubstr;

std::vector<unsigned> ids(const std::string& shape) {
  const auto found = goal::parse_shape(shape, catalog::built_in());
  EXPECT_TRUE(found) << shape << ": " << (found ? "" : found.error().message());
  std::vector<unsigned> out;
  if (!found) return out;
  for (const facts::PciFunction& function : *found) out.push_back(function.device_id);
  return out;
}

std::string complaint(const std::string& shape) {
  const auto found = goal::parse_shape(shape, catalog::built_in());
  if (found) return "";
  EXPECT_EQ(found.error().code(), Errc::usage);
  return found.error().message();
}

struct ShapeCase {
  const char* name;
  const char* shape;
  std::vector<unsigned> ids;
};

class Shape : public testing::TestWithParam<ShapeCase> {};

TEST_P(Shape, BecomesGpus) {
  EXPECT_EQ(ids(GetParam().shape), GetParam().ids);
}

INSTANTIATE_TEST_SUITE_P(
    Words, Shape,
    testing::Values(ShapeCase{"four_4090", "4x RTX 4090", {0x2684, 0x2684, 0x2684, 0x2684}},
                    ShapeCase{"no_blank", "2xH200", {0x2335, 0x2335}},
                    ShapeCase{"capital_x", "2X H200", {0x2335, 0x2335}},
                    ShapeCase{"blank_before_x", "2 x H200", {0x2335, 0x2335}},
                    ShapeCase{"times_sign", "2\xc3\x97 H200", {0x2335, 0x2335}},
                    ShapeCase{"a_number_alone_is_a_name", "4090", {0x2684}},
                    ShapeCase{"two_kinds", "1x 10de:1db5 + 1x RTX 4090", {0x1db5, 0x2684}},
                    ShapeCase{"an_id", "10de:2b85", {0x2b85}},
                    ShapeCase{"two_of_an_id", "2x 10de:2684", {0x2684, 0x2684}},
                    ShapeCase{"blanks_around", "  8xH200  ", std::vector<unsigned>(8, 0x2335)},
                    ShapeCase{"the_most", "16x RTX 4090", std::vector<unsigned>(16, 0x2684)}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ShapeOfGpus, HasAddressesInOrderAndWhatTheCatalogKnows) {
  const auto found = goal::parse_shape("2x RTX 4090 + 1x T4", catalog::built_in());
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].address, "0000:01:00.0");
  EXPECT_EQ((*found)[2].address, "0000:03:00.0");
  EXPECT_EQ((*found)[0].kind, facts::PciKind::gpu);
  EXPECT_EQ((*found)[0].architecture, "Ada");
  EXPECT_EQ((*found)[0].compute_capability, "8.9");
  EXPECT_THAT((*found)[0].name, HasSubstr("4090"));
  EXPECT_EQ((*found)[2].architecture, "Turing");
  EXPECT_FALSE((*found)[0].kernel_driver);  // could not be looked at, which is not "none bound"
}

TEST(ShapeOfGpus, SixteenGetTwoDigitAddresses) {
  const auto found = goal::parse_shape("16xH200", catalog::built_in());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->back().address, "0000:10:00.0");
}

struct BadShape {
  const char* name;
  const char* shape;
  const char* says;
};

class WrongShape : public testing::TestWithParam<BadShape> {};

TEST_P(WrongShape, IsRefusedWithTheReason) {
  EXPECT_THAT(complaint(GetParam().shape), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Words, WrongShape,
    testing::Values(BadShape{"empty", "", "found none"}, BadShape{"blank", "   ", "found none"},
                    BadShape{"count_alone", "4x", "found none"},
                    BadShape{"none", "0x RTX 4090", "expected 1 to 16 GPUs, found 0"},
                    BadShape{"too_many", "17xH200", "expected 1 to 16 GPUs, found 17"},
                    BadShape{"too_many_in_all", "9xH200 + 8xH200", "at most 16 GPUs in all"},
                    BadShape{"overflow", "99999999999999999999x H200", "expected 1 to 16 GPUs"},
                    BadShape{"dangling_plus", "H200 +", "found none"},
                    BadShape{"plus_in_front", "+ H200", "found none"},
                    BadShape{"unknown", "2x RTX 4190", "'2x RTX 4190'"},
                    BadShape{"unknown_id", "10de:ffff", "'10de:ffff'"},
                    BadShape{"negative", "-1x H200", "'-1x H200'"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ShapeOfGpus, HostileTextIsRefusedAndShownHarmless) {
  const std::string text = complaint("2x \x1b[31mRTX\n4190");
  EXPECT_FALSE(text.empty());
  EXPECT_THAT(text, testing::Not(HasSubstr("\x1b")));
  EXPECT_FALSE(complaint(std::string(100000, '9')).empty());
  EXPECT_FALSE(complaint(std::string(5000, '+')).empty());
}

}  // namespace
}  // namespace bringup
