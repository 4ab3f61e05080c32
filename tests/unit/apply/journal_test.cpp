// SPDX-License-Identifier: Apache-2.0
// The journal's lines: whole ones are kept wherever the file is cut, and nothing is read past a wrong byte.
#include <bringup/apply/journal.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace bringup::apply {
namespace {

std::vector<Json> some_records() {
  return {{{"record", "begin"}, {"format", 1}, {"note", "first"}},
          {{"record", "step"}, {"step", "a"}, {"before", {{"text", "two\nlines and \"quotes\""}}}},
          {{"record", "done"}, {"step", "a"}},
          {{"record", "end"}, {"state", "done"}}};
}

TEST(Journal, KeepsEveryWholeRecordWhereverItIsCut) {
  const auto records = some_records();
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const Json& record : records) {
    bytes += encode_record(record);
    ends.push_back(bytes.size());
  }
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto whole = std::ranges::count_if(ends, [&](std::size_t end) { return end <= cut; });
    const Decoded decoded = decode_journal(bytes.substr(0, cut));
    EXPECT_EQ(decoded.records, std::vector(records.begin(), records.begin() + whole)) << cut;
    EXPECT_EQ(decoded.whole, whole == 0 ? 0 : ends[static_cast<std::size_t>(whole) - 1]) << cut;
    EXPECT_EQ(decoded.torn, decoded.whole != cut) << cut;
    EXPECT_FALSE(decoded.damaged) << cut;
  }
}

TEST(Journal, StopsAtTheFirstFlippedByte) {
  const auto records = some_records();
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const Json& record : records) {
    bytes += encode_record(record);
    ends.push_back(bytes.size());
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x20U, 0x80U}) {
      std::string wrong = bytes;
      wrong[at] = static_cast<char>(static_cast<unsigned char>(wrong[at]) ^ flip);
      const auto before = std::ranges::count_if(ends, [&](std::size_t end) { return end <= at; });
      const Decoded decoded = decode_journal(wrong);
      EXPECT_EQ(decoded.records, std::vector(records.begin(), records.begin() + before)) << at;
      EXPECT_TRUE(decoded.damaged || decoded.torn) << at;
      EXPECT_EQ(decoded.torn, at + 1 == bytes.size()) << at;
    }
  }
}

TEST(Journal, ReadsNoPlanOutOfAnEmptyFileAndRefusesALaterFormat) {
  EXPECT_EQ(read_log("").error().code(), Errc::absent);
  EXPECT_EQ(read_log("12345678 {\"rec").error().code(), Errc::absent);
  const Json later = {{"record", "begin"}, {"format", kJournalFormat + 1}, {"plan", Json::object()}};
  EXPECT_EQ(read_log(encode_record(later)).error().code(), Errc::unsupported);
  EXPECT_EQ(read_log(encode_record({{"record", "done"}, {"step", "a"}})).error().code(), Errc::malformed);
}

}  // namespace
}  // namespace bringup::apply
