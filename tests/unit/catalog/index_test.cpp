// SPDX-License-Identifier: Apache-2.0
// What an index says, and the rows held against it.
#include <bringup/catalog/index.hpp>
#include <bringup/catalog/refresh.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace bringup::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHere = "https://index.example/simple/torch/";

TEST(Index, ReadsLinksAgainstTheirPage) {
  const auto files = parse_index(
      "<a href=\"../../files/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl#sha256=ab\" "
      "data-requires-python=\"&gt;=3.11\" data-core-metadata=\"sha256=cd\">torch</a>\n"
      "<a href='/files/torch-2.14.0.tar.gz' data-yanked=''>old</a>\n"
      "<a href=\"https://elsewhere.example/torch-1.0-py3-none-any.whl\" data-dist-info-metadata>x</a>"
      "<a href=\"readme.html\">no file</a>",
      kHere);
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[0].url, "https://index.example/files/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl");
  EXPECT_TRUE(files[0].metadata);
  EXPECT_FALSE(files[0].yanked);
  EXPECT_EQ(files[1].url, "https://index.example/files/torch-2.14.0.tar.gz");
  EXPECT_TRUE(files[1].yanked);
  EXPECT_FALSE(files[1].metadata);
  EXPECT_EQ(files[2].name, "torch-1.0-py3-none-any.whl");
  EXPECT_TRUE(files[2].metadata);
}

TEST(Index, APageThatIsCutGivesWhatIsWhole) {
  EXPECT_TRUE(parse_index("<a href=\"torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl\"", kHere).empty());
  EXPECT_TRUE(parse_index("<a href=\"torch.whl", kHere).empty());
  EXPECT_TRUE(parse_index("", kHere).empty());
}

TEST(Index, TakesWheelNamesApart) {
  const auto plain = parse_wheel_name("torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->version, "2.15.0");
  EXPECT_EQ(plain->platform, "manylinux_2_28_x86_64");
  const auto built = parse_wheel_name("torch-2.15.0%2Bcu132-1-cp313-cp313t-linux_x86_64.whl");
  ASSERT_TRUE(built);
  EXPECT_EQ(built->version, "2.15.0+cu132");
  EXPECT_EQ(built->abi, "cp313t");
  EXPECT_FALSE(parse_wheel_name("torch-2.15.0.tar.gz"));
  EXPECT_FALSE(parse_wheel_name("torch-2.15.0.whl"));
  EXPECT_EQ(python_of_tag("cp311"), "3.11");
  EXPECT_FALSE(python_of_tag("py3"));
  EXPECT_EQ(glibc_of_platform("manylinux_2_17_x86_64.manylinux2014_x86_64")->text, "2.17");
  EXPECT_FALSE(glibc_of_platform("manylinux_2_28_aarch64"));
  EXPECT_FALSE(glibc_of_platform("macosx_14_0_arm64"));
  EXPECT_TRUE(is_release("2.8.0.post1"));
  EXPECT_FALSE(is_release("2.8.0rc1"));
  EXPECT_FALSE(is_release("2.8.0.dev20250101"));
}

TEST(Index, ReadsTheVariantOffWhatTorchRequires) {
  const auto of = [](const std::string& requires_dist) {
    return variant_of(parse_metadata("Metadata-Version: 2.4\nName: torch\nRequires-Dist: filelock\n" +
                                     requires_dist + "\n\ntext"));
  };
  EXPECT_EQ(of("Requires-Dist: cuda-toolkit[cublas,cudart]==13.2.2; platform_system == \"Linux\""), "cu132");
  EXPECT_EQ(of("Requires-Dist: nvidia-cuda-runtime-cu12==12.8.90; platform_system == \"Linux\""), "cu128");
  EXPECT_EQ(of("Requires-Dist: nvidia-cuda-runtime-cu12 (==12.1.105) ; platform_system == \"Linux\""),
            "cu121");
  EXPECT_EQ(of("Requires-Dist: sympy"), "cpu");
  EXPECT_EQ(of("Requires-Dist: nvidia-cudnn-cu13==9.26"), std::nullopt);
  EXPECT_EQ(of("Requires-Dist: cuda-toolkit>=13.0"), std::nullopt);
}

TEST(Index, APinIsOneVersionAndNoRange) {
  const Metadata metadata = parse_metadata("Requires-Dist: torch==2.14.1\nRequires-Dist: torchao (>=0.1)\n");
  EXPECT_EQ(pinned_to(metadata, "torch"), "2.14.1");
  EXPECT_EQ(pinned_to(metadata, "torchao"), std::nullopt);
  EXPECT_EQ(pinned_to(parse_metadata("Requires-Dist: torch==2.*\n"), "torch"), std::nullopt);
}

TEST(Index, JsonIsTakenForItsOwnVersionOnly) {
  constexpr std::string_view kText =
      R"({"info": {"name": "torch", "version": "2.15.0", "requires_python": ">=3.11",
                                          "requires_dist": ["cuda-toolkit==13.2.2", 7]}})";
  const auto metadata = parse_json_metadata(kText, "2.15.0");
  ASSERT_TRUE(metadata);
  EXPECT_THAT(metadata->requires_dist, ElementsAre("cuda-toolkit==13.2.2"));
  EXPECT_FALSE(parse_json_metadata(kText, "2.14.1"));
  EXPECT_FALSE(parse_json_metadata("{\"info\": []}", "2.15.0"));
  EXPECT_FALSE(parse_json_metadata("<html>", "2.15.0"));
}

// A small index: pages and files by address.
class SmallIndex {
 public:
  void add(const std::string& package, const std::string& version, const std::vector<std::string>& pythons,
           const std::string& requirement) {
    for (const std::string& python : pythons) {
      const std::string file =
          fmt::format("{}-{}-cp{}-cp{}-manylinux_2_28_x86_64.whl", package, version, python, python);
      const std::string url = "https://index.example/files/" + file;
      files_["https://index.example/simple/" + package + "/"] +=
          fmt::format("<a href=\"{}\" data-core-metadata=\"x\">f</a>", url);
      files_[url + ".metadata"] =
          fmt::format("Name: {}\nVersion: {}\nRequires-Dist: {}\n\n", package, version, requirement);
    }
  }
  Result<Refreshed> against(const Catalog& catalog) const {
    return refresh(
        catalog, "https://index.example/simple/",
        [this](const std::string& url) -> Result<std::string> {
          const auto at = files_.find(url);
          if (at == files_.end()) return Error(Errc::unreachable, url + ": 404");
          return at->second;
        },
        "2026-12-24");
  }

 private:
  std::map<std::string, std::string> files_;
};

const std::vector<std::string> kPythons{"310", "311", "312", "313", "314"};

std::string told(const Refreshed& refreshed, const std::string& key) {
  const auto at = std::ranges::find(refreshed.rows, key, &Compared::key);
  return at == refreshed.rows.end() ? "" : fmt::format("{}: {}", standing_name(at->standing), at->text);
}

TEST(Refresh, ConfirmsARowWhoseEveryPartTheIndexTells) {
  SmallIndex index;
  index.add("torch", "2.14.1", kPythons, "cuda-toolkit[cudart]==13.0.2");
  index.add("torchvision", "0.29.1", kPythons, "torch==2.14.1");
  index.add("torchaudio", "2.11.0", kPythons, "torch==2.14.1");
  const auto refreshed = index.against(built_in());
  ASSERT_TRUE(refreshed) << refreshed.error().message();
  EXPECT_THAT(told(*refreshed, "2.14.1+cu130@pypi"), HasSubstr("confirmed: cu130"));
  EXPECT_TRUE(refreshed->added.empty());
  EXPECT_THAT(told(*refreshed, "2.15.0+cu132@pypi"), HasSubstr("otherwise: the index has no such torch"));
  EXPECT_THAT(told(*refreshed, "@pytorch"), HasSubstr("was not asked"));
}

TEST(Refresh, SaysWhatIsOtherwiseOnTheIndex) {
  SmallIndex index;
  index.add("torch", "2.14.1", {"311", "312"}, "cuda-toolkit[cudart]==13.2.2");
  index.add("torchvision", "0.29.9", {"311", "312"}, "torch==2.14.1");
  const auto refreshed = index.against(built_in());
  ASSERT_TRUE(refreshed);
  const std::string text = told(*refreshed, "2.14.1+cu130@pypi");
  EXPECT_THAT(text, HasSubstr("otherwise"));
  EXPECT_THAT(text, HasSubstr("the variant is cu132"));
  EXPECT_THAT(text, HasSubstr("the Pythons are 3.11, 3.12"));
  EXPECT_THAT(text, HasSubstr("torchvision 0.29.9"));
}

TEST(Refresh, ANewTorchBecomesARowThatLoadsAndIsNotCalledTried) {
  SmallIndex index;
  index.add("torch", "2.16.0", {"312", "313"}, "cuda-toolkit[cudart]==13.2.2");
  index.add("torchvision", "0.31.0", {"312", "313", "314"}, "torch==2.16.0");
  const auto refreshed = index.against(built_in());
  ASSERT_TRUE(refreshed);
  EXPECT_THAT(told(*refreshed, "2.16.0+cu132@pypi"), HasSubstr("added"));
  ASSERT_EQ(refreshed->added.size(), 1U);
  EXPECT_THAT(refreshed->added[0].pythons, ElementsAre("3.12", "3.13"));
  EXPECT_EQ(refreshed->added[0].from.known, Known::inferred);  // its GPU code is another torch's
  Files files = compiled_in();
  std::string& wheels = files["wheels.toml"];
  wheels.insert(wheels.find("[[wheels]]"), rows_toml(refreshed->added, "new") + "\n");
  const auto loaded = load(files);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->wheels.front().torch.text, "2.16.0");
  EXPECT_EQ(loaded->wheels.front().from.as_of, "2026-12-24");
}

TEST(Refresh, ANewVariantIsNoRowBecauseItsGpuCodeIsNotKnown) {
  SmallIndex index;
  index.add("torch", "2.16.0", {"312"}, "cuda-toolkit[cudart]==14.0.1");
  index.add("torchvision", "0.31.0", {"312"}, "torch==2.16.0");
  const auto refreshed = index.against(built_in());
  ASSERT_TRUE(refreshed);
  EXPECT_TRUE(refreshed->added.empty());
  EXPECT_THAT(told(*refreshed, "2.16.0+cu140@pypi"), HasSubstr("unconfirmed: a new variant"));
}

TEST(Refresh, AnIndexThatDoesNotAnswerIsAnErrorAndNoEmptyAnswer) {
  const auto refreshed = SmallIndex().against(built_in());
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code(), Errc::unreachable);
}

}  // namespace
}  // namespace bringup::catalog
