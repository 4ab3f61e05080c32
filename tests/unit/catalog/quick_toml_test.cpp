// SPDX-License-Identifier: Apache-2.0
// The quick reader gives what the whole one gives, or nothing.
#include <bringup/catalog/catalog.hpp>
#include <bringup/catalog/quick_toml.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bringup::catalog {
namespace {

// Rows with their lines, as text.
std::string shown(const Rows& rows) {
  std::string out;
  for (const Rows::Entry& entry : rows.entries) {
    out += fmt::format("{} {} @{}\n", static_cast<int>(entry.kind), entry.table, entry.line);
    for (const Cell& cell : rows.cells_of(entry)) {
      out += fmt::format("  {} = {} '{}' {} @{}", cell.key, static_cast<int>(cell.kind), cell.text,
                         cell.number, cell.line);
      for (const std::string_view text : rows.texts_of(cell)) out += fmt::format(" [{}]", text);
      out += '\n';
    }
  }
  return out;
}

TEST(QuickToml, ReadsEveryTableOfTheCatalogAsTheWholeReaderDoes) {
  int quick = 0;
  for (const auto& [name, text] : compiled_in()) {
    if (!name.ends_with(".toml")) continue;
    const auto one = quick_rows(text);
    const auto whole = whole_rows(text, name);
    ASSERT_TRUE(whole) << whole.error().message();
    if (!one) continue;
    ++quick;
    EXPECT_EQ(shown(*one), shown(*whole)) << name;
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
                           "[[a]]\nb = 99999999999",
                           "[[a]]\nb = \"x\" # back\\slash",
                           "[[a]]\nb = \"x\x7f\""})
    EXPECT_FALSE(quick_rows(text)) << text;
}

TEST(QuickToml, TakesCommentsAndBlanks) {
  for (const char* text : {"", "# nothing\n", "[[a]]  # one\n\n  b = 1 # two\n",
                           "[[a]]\nb = [ \"x\" , \"y\", ] # z", "[[a]]\nb = []"}) {
    const auto one = quick_rows(text);
    ASSERT_TRUE(one) << text;
    const auto whole = whole_rows(text, "f");
    ASSERT_TRUE(whole);
    EXPECT_EQ(shown(*one), shown(*whole)) << text;
  }
}

// Tables that take turns are read one after the other, by both readers.
TEST(QuickToml, GivesRowsTableByTable) {
  constexpr std::string_view kText =
      "[[b]]\nx = 1\n[[a]]\nx = 2\n[[b]]\nx = 3\ny = [\"p\", \"q\"]\n[[a]]\n[[c]]\nz = true\n";
  const auto one = quick_rows(kText);
  ASSERT_TRUE(one);
  EXPECT_EQ(shown(*one), shown(*whole_rows(kText, "f")));
  EXPECT_EQ(one->entries[1].line, 5);
}

TEST(QuickToml, FindsAKeyThatStandsTwiceAmongMany) {
  std::string text = "[[a]]\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("k{} = {}\n", i, i);
  EXPECT_TRUE(quick_rows(text));
  EXPECT_TRUE(quick_rows(text + "[[a]]\nk7 = 1\n")) << "another row may have it as well";
  EXPECT_FALSE(quick_rows(text + "k7 = 1\n"));
}

}  // namespace
}  // namespace bringup::catalog
