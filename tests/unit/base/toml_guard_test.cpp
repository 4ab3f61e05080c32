// SPDX-License-Identifier: Apache-2.0
// Files that ended the program, or could have, before they reached the parser's own refusals.
#include <bringup/base/toml.hpp>
#include <bringup/base/toml_guard.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::base {
namespace {

using testing::HasSubstr;

TEST(TomlGuard, RefusesLettersBeyondAsciiOutsideOfStringsByLine) {
  for (const char* text :
       {"a = 1\nдрайвер = 2", "a = 1\n[table]х", "a = \"ä\"\nb = \xD0\xA1", "x=1\n\xC2\xA0",
        "x=1\ny = 0a0\"ä", "x=1\ny = 0'['ä", "x=1\ny=0x=\"ä\"", "x=1\ny=[1, 0x=\"ä\"]"}) {
    const auto refused = parse_toml(text, "bringup.toml");
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().message(),
                HasSubstr("bringup.toml:2: a character beyond ASCII outside of quotes"));
  }
}

TEST(TomlGuard, LetsTextsAndCommentsBe) {
  for (const char* text :
       {"a = \"Straße\"  # größer", "a = 'schön'", "a = \"\"\"\nerste\nzweite ü\n\"\"\"", "a = '''\nß'''",
        "\xEF\xBB\xBF"
        "a = 1",
        "\"schlüssel\" = 1", "a = \"\\\"ä\"", "a = \"\\\\\"  # ä", "# nur ä", "a = [\"ä\", 'ö']",
        "a={b=\"ä\", c = [\"ö\"]}", "[a]\n\"ä\"=1", "a = [\n  \"ä\",\n]\nb=\"ö\""})
    EXPECT_TRUE(ascii_outside_strings(text, "f")) << text;
}

TEST(TomlGuard, AContinuedLineMayNotBeginBeyondAscii) {
  EXPECT_FALSE(ascii_outside_strings("a = \"\"\"x \\\n  ä\"\"\"", "f"));
  EXPECT_TRUE(ascii_outside_strings("a = \"\"\"x \\\n  y ä\"\"\"", "f"));
  for (const char* text : {"a = \"\"\"x\\ä\"\"\"", "a = \"x\\ä\"", "\"\"\"V\\\xEF\xBB\xBA"})
    EXPECT_FALSE(ascii_outside_strings(text, "f")) << "no escape: " << text;
}

TEST(TomlGuard, WhatAssertionsOfTheLibraryTakeForGrantedIsRefusedAndNotFatal) {
  for (const char* text :
       {"[[[", "[[[[a]]]]", "[", "[[", "= 1", "a = ", "a", "a.", "[a.", "a = [", "a = {", "a = \"\"\"", "\""})
    EXPECT_FALSE(parse_toml(text, "f")) << text;
}

}  // namespace
}  // namespace bringup::base
