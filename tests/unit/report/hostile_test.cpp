// SPDX-License-Identifier: Apache-2.0
// Names that somebody else chose: escape sequences, broken UTF-8, very long ones, ones of wide characters.
#include <unit/report/markup.hpp>
#include <unit/report/values.hpp>

#ifdef BRINGUP_HAS_RAPIDCHECK
#include <rapidcheck.h>
#endif

namespace {

using namespace bringup;
using namespace bringup::report_testing;

struct Hostile {
  const char* name;
  std::string words;
};

std::string many(std::string_view part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

class HostileWords : public testing::TestWithParam<Hostile> {};

TEST_P(HostileWords, NeitherSteerTheTerminalNorLeaveTheColumns) {
  for (const std::size_t columns : {40U, 60U, 80U, 120U}) {
    for (const std::string& text : every_text(GetParam().words, {.columns = columns, .colour = false})) {
      EXPECT_EQ(control_at(text), std::string::npos) << text;
      EXPECT_TRUE(valid_utf8(text)) << text;
      EXPECT_EQ(too_wide(text, columns), "") << text;
    }
  }
}

TEST_P(HostileWords, ColourChangesNothingButColour) {
  const auto bare = every_text(GetParam().words, {.columns = 80, .colour = false});
  const auto coloured = every_text(GetParam().words, {.columns = 80, .colour = true});
  for (std::size_t i = 0; i < bare.size(); ++i) {
    EXPECT_NE(coloured[i], bare[i]);
    EXPECT_EQ(without_colour(coloured[i]), bare[i]);
  }
}

TEST_P(HostileWords, StayValidJson) {
  for (const std::string& text : every_json(GetParam().words)) {
    EXPECT_EQ(control_at(text), std::string::npos) << text;
    EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

TEST_P(HostileWords, AreHarmlessInEveryFormOfTheProof) {
  const ProofForms forms = every_proof(GetParam().words);
  for (const std::string& text : {forms.html, forms.junit, forms.prometheus}) {
    EXPECT_EQ(control_at(text), std::string::npos) << text;
    EXPECT_TRUE(valid_utf8(text)) << text;
  }
  EXPECT_EQ(markup_error(forms.html, true), "");
  EXPECT_EQ(markup_error(forms.junit, false), "");
  EXPECT_EQ(exposition_error(forms.prometheus), "");
}

INSTANTIATE_TEST_SUITE_P(
    Names, HostileWords,
    testing::Values(
        Hostile{"script", "</title></style><script>alert(1)</script><img src=x onerror=y>"},
        Hostile{"quotes", "\" onload=\"x\" ' & &lt; ]]> -->"}, Hostile{"label", "a\\\"} 1\n# TYPE x gauge"},
        Hostile{"noncharacter", "a\xEF\xBF\xBF\xEF\xBF\xBEz"},
        Hostile{"escape", "a\x1b[31;1mred\x1b[0m\x1b]0;title\x07z"}, Hostile{"newlines", "a\n\nfail  b\r\nc"},
        Hostile{"broken_utf8", "a\xff\xc3(\xe2\x82z\xf5"},
        Hostile{"c1",
                "a\xc2\x9b"
                "31mz\x7f"},
        Hostile{"turned", "a\xe2\x80\xaetxt.exe"}, Hostile{"nul", std::string("a\0b", 3)},
        Hostile{"long_name", std::string(300, 'x')}, Hostile{"long_path", "/" + many("directory/", 30)},
        Hostile{"long_path_list", many("/opt/some where/bin:", 30)}, Hostile{"chinese", "显卡驱动程序"},
        Hostile{"long_chinese", many("显卡", 150)}, Hostile{"many_words", many("several words ", 40)},
        Hostile{"empty", ""}, Hostile{"blanks", "   \t  "}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(HostileWords, KeepTheirValueInJson) {
  const std::string words = "tab\t \x1b[1m \x7f \xc2\x9b \xe2\x80\xae 显";
  const auto document = nlohmann::json::parse(report::doctor_json(full_diagnosis(words)));
  EXPECT_EQ(document["findings"][0]["title"].get<std::string>(), words);
}

#ifdef BRINGUP_HAS_RAPIDCHECK
TEST(AnyText, IsHarmlessInEveryReport) {
  EXPECT_TRUE(rc::check("no control characters, columns kept, valid JSON", [] {
    const auto bytes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 256));
    std::string words;
    for (const int byte : bytes) words += static_cast<char>(byte);
    for (const std::string& text : every_text(words, {.columns = 80, .colour = false})) {
      RC_ASSERT(control_at(text) == std::string::npos);
      RC_ASSERT(valid_utf8(text));
      RC_ASSERT(too_wide(text, 80).empty());
    }
    for (const std::string& text : every_json(words)) {
      RC_ASSERT(nlohmann::json::accept(text));
      RC_ASSERT(control_at(text) == std::string::npos);
    }
    const ProofForms forms = every_proof(words);
    RC_ASSERT(control_at(forms.html + forms.junit + forms.prometheus) == std::string::npos);
    RC_ASSERT(markup_error(forms.html, true).empty());
    RC_ASSERT(markup_error(forms.junit, false).empty());
    RC_ASSERT(exposition_error(forms.prometheus).empty());
  }));
}
#endif

}  // namespace
