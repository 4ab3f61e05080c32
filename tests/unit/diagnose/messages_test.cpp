// SPDX-License-Identifier: Apache-2.0
// Messages recognised: each row by a line as its program writes it, and in whole logs.
#include <bringup/base/text.hpp>
#include <bringup/diagnose/messages.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace bringup::diagnose {
namespace {

using testing::ElementsAre;

std::string file(const std::string& name) {
  std::ifstream in(std::string(BRINGUP_SOURCE_DIR) + "/tests/messages/" + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const MessageIndex& all_messages() {
  static const MessageIndex index(catalog::messages());
  return index;
}

std::vector<Recognised> read(std::string_view text) {
  LogReader reader(all_messages());
  reader.feed(text);
  return reader.finish();
}

// "xid 79", "cuda 209", or a message's id.
std::string name_of(const Recognised& one) {
  const Explanation told = explain(one, nullptr);
  return told.kind == "message" ? told.id : told.kind + " " + told.id;
}

std::vector<std::string> names(std::string_view text) {
  std::vector<std::string> out;
  for (const Recognised& one : read(text)) out.push_back(name_of(one));
  return out;
}

const catalog::Signature* row(std::string_view id) {
  const auto& all = catalog::messages().signatures;
  const auto at = std::ranges::find(all, id, &catalog::Signature::id);
  return at == all.end() ? nullptr : &*at;
}

// The line with one letter less in the middle of what is the longest literal.
std::string near_miss(std::string line, const catalog::Pattern& pattern) {
  const std::string_view literal = pattern.longest_literal();
  for (std::size_t at = catalog::find_folded(line, literal); at != std::string::npos;
       at = catalog::find_folded(line, literal, at))
    line.erase(at + literal.size() / 2, 1);
  return line;
}

TEST(Examples, AreRecognisedByTheirRowAndNoOther) {
  std::size_t count = 0;
  const std::string text = file("examples.tsv");
  for (const std::string_view line : base::lines(text)) {
    if (line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    const catalog::Signature* own = row(line.substr(0, tab));
    const std::string_view example = line.substr(tab + 1);
    ASSERT_NE(own, nullptr) << line;
    ++count;
    EXPECT_TRUE(own->pattern.match(example)) << line;
    EXPECT_FALSE(own->pattern.match(near_miss(std::string(example), own->pattern))) << line;
    const auto found = names(example);
    EXPECT_EQ(found.size(), 1U) << line;
    if (found.empty()) continue;
    if (!own->show.starts_with('=')) {
      EXPECT_EQ(found[0], own->id) << line;
    }
  }
  EXPECT_EQ(count, catalog::messages().signatures.size()) << "every row has an example, once";
}

TEST(Rows, NameRulesThatThereAre) {
  const auto there = [](const std::string& id) {
    return id.empty() || std::ranges::find(rules(), id, &Rule::id) != rules().end();
  };
  for (const auto& one : catalog::messages().signatures) EXPECT_TRUE(there(one.rule)) << one.id;
  for (const auto& code : catalog::messages().codes) EXPECT_TRUE(there(code.rule)) << code.names[0];
  for (const auto& xid : catalog::messages().xids) EXPECT_TRUE(there(xid.rule)) << xid.number;
}

TEST(Codes, AreRecognisedByEachOfTheirNamesAndByTheirWords) {
  for (const auto& code : catalog::messages().codes) {
    const std::string own = fmt::format("{} {}", base::lower(catalog::api_name(code.api)), code.number);
    for (const std::string& name : code.names)
      EXPECT_THAT(names("it said " + name + ": 7"), ElementsAre(own));
    if (code.message.empty() || code.api == catalog::Api::nccl) continue;
    if (code.message == catalog::messages().code("cudaErrorInvalidKernelImage")->message)
      continue;  // two have it
    const std::string line = fmt::format("{} error: {}", catalog::api_name(code.api), code.message);
    EXPECT_THAT(names(line), ElementsAre(own)) << line;
  }
}

TEST(Codes, ShortWordsNeedTheirLibraryBesideThem) {
  EXPECT_THAT(names("RuntimeError: CUDA error: out of memory"), ElementsAre("cuda 2"));
  EXPECT_THAT(names("mount: operation not permitted, sorry"), ElementsAre());
  EXPECT_THAT(names("unspecified launch failure"), ElementsAre("cuda 719"));
  EXPECT_THAT(names("cudaErrorNoDevices"), ElementsAre());
  EXPECT_THAT(names("my_cudaErrorTable"), ElementsAre());
}

TEST(ByName, TellsApartWhatHasTheSameNumber) {
  const auto found = by_name(catalog::messages(), "46");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(name_of(found[0]), "xid 46");
  EXPECT_EQ(name_of(found[1]), "cuda 46");
  EXPECT_EQ(by_name(catalog::messages(), "Xid 46").size(), 1U);
  EXPECT_EQ(name_of(by_name(catalog::messages(), "nvml 18").at(0)), "nvml 18");
  EXPECT_TRUE(by_name(catalog::messages(), "9998").empty());
  EXPECT_TRUE(by_name(catalog::messages(), "").empty());
  EXPECT_TRUE(by_name(catalog::messages(), "apple 46").empty());
  EXPECT_EQ(name_of(by_name(catalog::messages(), " torch-oom ").at(0)), "torch-oom");
}

TEST(Logs, AKernelsLogWithXidsAmongNoise) {
  const auto found = read(file("kernel.log"));
  std::vector<std::string> all;
  for (const Recognised& one : found)
    all.push_back(fmt::format("{}:{}x{}", one.first_line, name_of(one), one.count));
  EXPECT_THAT(all, ElementsAre("5:nvidia-signaturex1", "9:pcie-aerx2", "12:xid 79x2",
                               "13:nvrm-fell-off-pcix1", "15:xid 154x1"));
  const auto& xid = found.at(2);
  EXPECT_THAT(xid.pci, ElementsAre("0000:00:06", "0000:00:07"));
  EXPECT_TRUE(xid.line.starts_with("[ 8421.553197] NVRM: Xid (PCI:0000:00:06): 79"));
}

TEST(Logs, APipThatFails) {
  EXPECT_THAT(names(file("pip.log")),
              ElementsAre("pip-connection", "pip-python-ignored", "pip-no-version", "pip-no-match"));
}

TEST(Logs, ANcclRunWhoseMemoryIsSmall) {
  EXPECT_THAT(names(file("nccl.log")),
              ElementsAre("nccl-shm-extend", "nccl-shm-segment", "nccl-torch-error", "torch-child-failed"));
}

TEST(Logs, AreTheSameInPiecesOfAnySize) {
  const std::string text = file("kernel.log");
  for (const std::size_t size : {1U, 7U, 100U}) {
    LogReader reader(all_messages());
    for (std::size_t at = 0; at < text.size(); at += size)
      reader.feed(std::string_view(text).substr(at, size));
    const auto found = reader.finish();
    EXPECT_EQ(found.size(), read(text).size());
    EXPECT_EQ(found.at(2).count, 2U);
  }
}

TEST(Logs, BytesOfAnyKindAndLinesWithoutEnd) {
  std::string text(3'000'000, 'x');
  text += "\nRuntimeError: No CUDA GPUs are available";
  text[5] = '\0';
  EXPECT_THAT(names(text), ElementsAre("torch-no-gpus"));
  EXPECT_EQ(read(text).at(0).first_line, 2U);
  EXPECT_THAT(names(std::string("\xff\xfe\0\0\x1b[", 6)), ElementsAre());
  EXPECT_THAT(names(""), ElementsAre());
  EXPECT_THAT(names("\n\n\r\n"), ElementsAre());
  // colours within the words, a bar that is drawn over and over, lines of Windows
  EXPECT_THAT(names("\x1b[31mTorch not \x1b[1mcompiled\x1b[0m with CUDA enabled"),
              ElementsAre("torch-not-compiled"));
  const auto found = read(" 10%\r 20%\rNo CUDA GPUs are available\r\nNo CUDA GPUs are available\r\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first_line, 1U);
  EXPECT_EQ(found[0].count, 2U);
}

TEST(Logs, CountTheirLines) {
  const auto lines = [](std::string_view text) {
    LogReader reader(all_messages());
    reader.feed(text);
    EXPECT_TRUE(reader.finish().empty());
    return reader.lines();
  };
  EXPECT_EQ(lines(""), 0U);
  EXPECT_EQ(lines("a"), 1U);
  EXPECT_EQ(lines("a\n"), 1U);
  EXPECT_EQ(lines("a\nb"), 2U);
  EXPECT_EQ(lines("\n"), 1U);
}

TEST(Nearest, IsAMessageWithMostOfItsWords) {
  const auto* near =
      nearest_message(catalog::messages(), "torch says: not compiled for cuda, enabled with what");
  ASSERT_NE(near, nullptr);
  EXPECT_EQ(near->id, "torch-not-compiled");
  EXPECT_EQ(nearest_message(catalog::messages(), "the cat sat on the mat"), nullptr);
  EXPECT_EQ(nearest_message(catalog::messages(), ""), nullptr);
}

TEST(Needles, AreFoundWhereverTheyOverlap) {
  const Needles needles({"she", "he", "hers", "his", "longer than fourteen characters"});
  EXPECT_THAT(needles.in("uSHErs"), ElementsAre(0, 1, 2));
  EXPECT_THAT(needles.in("this hishishe"), ElementsAre(0, 1, 3));
  EXPECT_THAT(needles.in("longer than four"), ElementsAre(4));
  EXPECT_THAT(needles.in(""), ElementsAre());
  EXPECT_THAT(Needles({}).in("anything"), ElementsAre());
}

}  // namespace
}  // namespace bringup::diagnose
