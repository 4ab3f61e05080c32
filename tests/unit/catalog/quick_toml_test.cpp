// SPDX-License-Identifier: Apache-2.0
// The quick reader gives what the whole one gives, or nothing.
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bringup::catalog {
namespace {

using base::Toml;

// A value with its lines, as text.
std::string shown(const Toml& value) {
  std::string out = fmt::format("@{} ", value.line);
  if (value.text() != nullptr) return out + "\"" + *value.text() + "\"";
  if (value.integer() != nullptr) return out + std::to_string(*value.integer());
  if (value.boolean() != nullptr) return out + (*value.boolean() ? "true" : "false");
  if (value.array() != nullptr) {
    for (const Toml& one : *value.array()) out += "[" + shown(one) + "]";
  }
  if (value.table() != nullptr) {
    for (const auto& [key, one] : *value.table()) out += "{" + key + "=" + shown(one) + "}";
  }
  return out;
}

TEST(QuickToml, ReadsEveryTableOfTheCatalogAsTheWholeReaderDoes) {
  int quick = 0;
  for (const auto& [name, text] : compiled_in()) {
    if (!name.ends_with(".toml")) continue;
    const auto one = quick_toml(text);
    const auto whole = base::parse_toml(text, name);
    ASSERT_TRUE(whole) << whole.error().message();
    if (!one) continue;
    ++quick;
    for (const auto& [key, value] : *one->table()) {
      ASSERT_NE(whole->find(key), nullptr) << name;
      EXPECT_EQ(shown(value), shown(*whole->find(key))) << name;
    }
    EXPECT_EQ(one->table()->size(), whole->table()->size()) << name;
  }
  EXPECT_GE(quick, 10) << "the catalog's tables are no longer of the form that is read quickly";
}

TEST(QuickToml, LeavesEverythingElseToTheWholeReader) {
  for (const char* text : {"[table]\na = 1",
                           "a = 1",
                           "[[a]]\nb = \"x\\n\"",
                           "[[a]]\nb = 'x'",
                           "[[a]]\nb = 1.5",
                           "[[a]]\nb = 01",
                           "[[a]]\nb = -1",
                           "[[a]]\nb = 1_0",
                           "[[a]]\nb = [1]",
                           "[[a]]\nb = \"\"\"x\"\"\"",
                           "[[a]]\nb = 1\nb = 2",
                           "[[a]]\nb.c = 1",
                           "[[a.b]]\nc = 1",
                           "[[a]]\nB = 1",
                           "[[a]]\nb = \"ä\"",
                           "[[a]]\nb = \"x\" y",
                           "[[a]]\nb = [\"x\"",
                           "[[a]]\nb = [\"x\" \"y\"]",
                           "[[a] ]\nb = 1",
                           "[[a]]\nb = ",
                           "[[a]]\nb",
                           "[[a]]\r\nb = 1",
                           "[[a]]\nb = 99999999999"})
    EXPECT_FALSE(quick_toml(text)) << text;
}

TEST(QuickToml, TakesCommentsAndBlanks) {
  for (const char* text : {"", "# nothing\n", "[[a]]  # one\n\n  b = 1 # two\n",
                           "[[a]]\nb = [ \"x\" , \"y\", ] # z", "[[a]]\nb = []"}) {
    const auto one = quick_toml(text);
    ASSERT_TRUE(one) << text;
    const auto whole = base::parse_toml(text, "f");
    ASSERT_TRUE(whole);
    EXPECT_EQ(shown(*one).substr(3), shown(*whole).substr(3)) << text;
  }
}

}  // namespace
}  // namespace bringup::catalog
