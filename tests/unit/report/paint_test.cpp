// SPDX-License-Identifier: Apache-2.0
#include <bringup/report/paint.hpp>

#include <gtest/gtest.h>

namespace {

using namespace bringup;
using report::Page;
using report::Row;
using report::Tone;

std::string table(const std::vector<Row>& rows, std::size_t columns = 40) {
  Page page({.columns = columns, .colour = false});
  page.table(rows);
  return std::move(page).take();
}

TEST(Page, AlignsCellsAndWrapsEachInItsColumn) {
  EXPECT_EQ(table({{{"a"}, {"one"}}, {{"longer"}, {"two three four five six seven eight"}}}),
            "  a       one\n"
            "  longer  two three four five six seven\n"
            "          eight\n");
}

TEST(Page, CountsWideCharactersAsTwoColumns) {
  EXPECT_EQ(table({{{"显卡"}, {"x"}}, {{"abcde"}, {"y"}}}),
            "  显卡   x\n"
            "  abcde  y\n");
}

TEST(Page, CutsALongWordAndKeepsAPathWhole) {
  const std::string word(50, 'w');
  EXPECT_EQ(table({{{"a"}, {word}}}),
            "  a  " + std::string(35, 'w') + "\n     " + std::string(15, 'w') + "\n");
  const std::string path = "/" + std::string(37, 'p');
  EXPECT_EQ(table({{{"a"}, {"see " + path}}}), "  a  see\n  " + path + "\n");
  const std::string longer = "/" + std::string(60, 'p');
  EXPECT_EQ(table({{{"a"}, {longer}}}), "  a\n" + longer + "\n");
}

TEST(Page, CutsAListOfPathsBehindItsColons) {
  EXPECT_EQ(table({{{"a"}, {"PATH=/usr/local/cuda/bin:/usr/local/bin:/usr/bin:/bin"}}}),
            "  a  PATH=/usr/local/cuda/bin:\n"
            "     /usr/local/bin:/usr/bin:/bin\n");
}

TEST(Page, ALineEndInACellStaysInItsColumn) {
  EXPECT_EQ(table({{{"a"}, {"one\ntwo"}, {"x"}}}), "  a  one  x\n     two\n");
}

TEST(Page, PaintsOnlyWithColour) {
  Page bare({.columns = 40, .colour = false});
  bare.paragraph({"fail", Tone::bad});
  EXPECT_EQ(std::move(bare).take(), "fail\n");
  Page coloured({.columns = 40, .colour = true});
  coloured.paragraph({"fail", Tone::bad});
  EXPECT_EQ(std::move(coloured).take(), "\x1b[31mfail\x1b[0m\n");
}

TEST(Page, NeverHasTwoEmptyLinesOrOneAtTheTop) {
  Page page({.columns = 40, .colour = false});
  page.blank();
  page.heading("A");
  page.blank();
  page.heading("B");
  EXPECT_EQ(std::move(page).take(), "A\n\nB\n");
}

}  // namespace
