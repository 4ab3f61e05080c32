// SPDX-License-Identifier: Apache-2.0
// The tables of messages: what is compiled in loads, and rows that must not load are refused by file and
// line.
#include <bringup/catalog/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace bringup::catalog {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Messages, AreThere) {
  const auto loaded = load_messages(compiled_in());
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->xids.size(), 145U);
  EXPECT_GE(loaded->codes.size(), 100U);
  EXPECT_GE(loaded->signatures.size(), 200U);
  EXPECT_EQ(loaded->xid(79)->name, "GPU_HAS_FALLEN_OFF_THE_BUS");
  EXPECT_EQ(loaded->xid(79)->blame, Blame::hardware);
  EXPECT_EQ(loaded->xid(1), nullptr);
  EXPECT_EQ(loaded->code("cudaerrorNODEVICE")->number, 100);
  EXPECT_EQ(loaded->code("CUDA_ERROR_NO_BINARY_FOR_GPU")->number, 209);
  EXPECT_EQ(loaded->code("NVML_ERROR_LIB_RM_VERSION_MISMATCH")->number, 18);
  EXPECT_EQ(loaded->code("cudaErrorNoDevices"), nullptr);
  EXPECT_EQ(loaded->codes_of(999).size(), 2U);
}

TEST(Messages, WithoutTheirFilesAreAnError) {
  Files files = compiled_in();
  files.erase("codes.tsv");
  const auto loaded = load_messages(files);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), Errc::absent);
}

// The first row of the file with one cell replaced.
struct Refused {
  std::string file;
  std::size_t cell = 0;
  std::string becomes;
  std::string error;
};
void PrintTo(const Refused& one, std::ostream* out) {
  *out << one.file << " cell " << one.cell << ": " << one.becomes;
}

class RefusesMessage : public testing::TestWithParam<Refused> {};

TEST_P(RefusesMessage, ARowByFileAndLine) {
  const Refused& one = GetParam();
  Files files = compiled_in();
  std::string& text = files[one.file];
  std::size_t at = text.find("\n", text.find("# columns")) + 1;
  for (std::size_t i = 0; i < one.cell; ++i) at = text.find('\t', at) + 1;
  const std::size_t end = text.find_first_of("\t\n", at);
  text.replace(at, end - at, one.becomes);
  const auto loaded = load_messages(files);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), Errc::malformed);
  EXPECT_THAT(loaded.error().message(), HasSubstr(one.error));
  EXPECT_THAT(loaded.error().message(), MatchesRegex(one.file + ":[0-9]+: .*"));
}

const std::string kM = "messages.tsv";
const std::string kC = "codes.tsv";
const std::string kX = "xids.tsv";

INSTANTIATE_TEST_SUITE_P(
    Rows, RefusesMessage,
    testing::Values(
        Refused{kX, 0, "x", "number 'x'"}, Refused{kX, 0, "-1", "number '-1'"},
        Refused{kX, 0, "500", "11 does not come after 500"}, Refused{kX, 2, "me", "'me' is nobody to blame"},
        Refused{kX, 3, "-", "cause is missing"}, Refused{kX, 4, "@nothing", "no text 'nothing'"},
        Refused{kX, 4, "", "do is missing"}, Refused{kX, 6, "book", "no from 'book'"},
        Refused{kX, 6, "cat\tmore", "8 columns, expected 7"},
        Refused{kC, 0, "AMD", "neither CUDA, NVML nor NCCL"}, Refused{kC, 1, "2", "not in order"},
        Refused{kC, 2, "", "names are missing"}, Refused{kC, 2, "cudaErrorNoDevice", "stands twice"},
        Refused{kC, 7, "moon", "show 'moon'"}, Refused{kM, 0, "", "id is missing"},
        Refused{kM, 0, "zzz", "does not come after 'zzz'"},
        Refused{kM, 1, "a pattern with {what}", "unknown hole {what}"},
        Refused{kM, 1, "short", "5 characters"},
        Refused{kM, 1, "NVRM: NONE of the NVIDIA devices were initialized", "stands twice"},
        Refused{kM, 2, "it has {7}", "'{7}' is no hole"}, Refused{kM, 3, "look at {x", "'{x' is no hole"},
        Refused{kM, 5, "=moon", "show '=moon'"}));

TEST(Messages, LeadNowhereWithoutAHole) {
  Files files = compiled_in();
  std::string& text = files[kM];
  text.resize(text.find("\n", text.find("# columns")) + 1);
  const std::string from =
      text.substr(text.find("# from ") + 7, text.find(": ", text.find("# from ")) - text.find("# from ") - 7);
  text += "a-row\tno hole is in here\tx\ty\t-\t=xid\t" + from + "\n";
  const auto loaded = load_messages(files);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message(), HasSubstr("needs a hole"));
}

}  // namespace
}  // namespace bringup::catalog
