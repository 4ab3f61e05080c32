// SPDX-License-Identifier: Apache-2.0
#include <bringup/catalog/shown.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace bringup::catalog {
namespace {

using testing::HasSubstr;

TEST(Shown, EveryTableHasRowsWithKeySourceAndDate) {
  for (const Table& table : tables()) {
    const auto rows = table.rows(built_in());
    EXPECT_FALSE(rows.empty()) << table.name;
    for (const Shown& row : rows) {
      EXPECT_FALSE(row.key.empty()) << table.name;
      EXPECT_FALSE(row.from.source.empty()) << table.name << " " << row.key;
      EXPECT_EQ(row.from.as_of.size(), 10U) << table.name << " " << row.key;
    }
  }
}

TEST(Shown, FiltersByWordAndByField) {
  const Table& wheels = **find_table("wheels");
  const auto count = [&](const std::vector<std::string>& filters) {
    const auto rows = filtered(wheels.rows(built_in()), filters);
    return rows ? rows->size() : 999;
  };
  EXPECT_EQ(count({"2.15.0", "variant=cu132", "index=pypi"}), 2U);
  EXPECT_EQ(count({"variant=cu132", "variant=cpu"}), 0U);
  EXPECT_EQ(count({"torch=2.15.0", "index=pypi"}), 2U);
  EXPECT_GT(count({"tried"}), 0U);
  EXPECT_EQ(count({"known=tried"}), count({"tried"}));
  EXPECT_EQ(count({}), built_in().wheels.size());
}

TEST(Shown, WhatExplainReadsIsShownWithItsSource) {
  const auto xid = rows_with_key(built_in(), **find_table("xids"), "79");
  ASSERT_TRUE(xid);
  const auto hardware = filtered(*xid, std::vector<std::string>{"hardware"});
  ASSERT_TRUE(hardware);
  EXPECT_THAT(*hardware, testing::SizeIs(1));
  EXPECT_THAT(xid->front().from.source, HasSubstr("xid"));
  EXPECT_TRUE(rows_with_key(built_in(), **find_table("codes"), "CUDA/802"));
  EXPECT_TRUE(rows_with_key(built_in(), **find_table("thresholds"), "gpu-hot"));
}

// Those of the files, and not of the tables in use.
TEST(Shown, CountsTheRowsOfFiles) {
  Files files = compiled_in();
  const auto whole = count_rows(files);
  ASSERT_TRUE(whole) << whole.error().message();
  std::size_t shown = 0;
  for (const Table& table : tables()) shown += table.rows(built_in()).size();
  EXPECT_EQ(*whole, shown);
  for (const char* name : {"xids.tsv", "codes.tsv", "messages.tsv", "subsystems.tsv", "mirrors.toml"}) {
    Files fewer = files;
    std::string& text = fewer[name];
    const bool toml = std::string_view(name).ends_with(".toml");
    text.resize(text.rfind(toml ? "[[" : "\n", text.size() - 2) + (toml ? 0 : 1));
    const auto count = count_rows(fewer);
    ASSERT_TRUE(count) << name << count.error().message();
    // Names by subsystem are no table of their own.
    EXPECT_EQ(*count, *whole - (std::string_view(name) == "subsystems.tsv" ? 0 : 1)) << name;
  }
  files.erase("xids.tsv");
  EXPECT_EQ(count_rows(files).error().message(), "the catalog has no file xids.tsv");
}

TEST(Shown, AGpuIsFoundByItsName) {
  const auto rows = rows_with_key(built_in(), **find_table("gpus"), "RTX 4090");
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ((*rows)[0].key, "10de:2684");
}

TEST(Shown, WhatIsNotThereNamesTheNearest) {
  const auto table = find_table("wheel");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code(), Errc::usage);
  EXPECT_THAT(table.error().message(), HasSubstr("did you mean 'wheels'?"));
  const auto row = rows_with_key(built_in(), **find_table("repos"), "debian-21");
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().code(), Errc::absent);
  EXPECT_THAT(row.error().message(), HasSubstr("did you mean 'debian-12'?"));
}

TEST(Gpus, OnlyBoardsWithSwitchesAreSaidToHaveThem) {
  const auto on_board = [](const char* name) { return (*built_in().find_gpu(name))->nvswitch; };
  EXPECT_TRUE(on_board("H200 SXM 141GB"));
  EXPECT_TRUE(on_board("A100 SXM4 80GB"));
  EXPECT_TRUE(on_board("B200"));
  EXPECT_FALSE(on_board("H200 NVL"));
  EXPECT_FALSE(on_board("H100 PCIe"));
  EXPECT_FALSE(on_board("A100 PCIe 40GB"));
  EXPECT_FALSE(on_board("GB200"));  // Fabric Manager runs on the switch trays of its rack
  EXPECT_FALSE(on_board("RTX 4090"));
}

TEST(Requirements, AreAPackageARelationAndAVersion) {
  const Requirement one = requirement_of("torchao>0.15.0");
  EXPECT_EQ(one.package, "torchao");
  EXPECT_EQ(one.relation, ">");
  EXPECT_TRUE(speaks_of(one, "0.16.0"));
  EXPECT_FALSE(speaks_of(one, "0.15.0"));
  EXPECT_FALSE(speaks_of(one, ""));
  EXPECT_TRUE(speaks_of(requirement_of("numpy<=2.1"), "1.26.4"));
  EXPECT_TRUE(speaks_of(requirement_of("numpy>=2.1"), "2.1.0"));
  EXPECT_TRUE(speaks_of(requirement_of("exllamav3"), ""));
}

}  // namespace
}  // namespace bringup::catalog
