// SPDX-License-Identifier: Apache-2.0
#include <bringup/resolve/mirrors.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::resolve {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

const std::vector<facts::Source> kPlaces{
    {.name = "nvidia", .url = "https://n.example/compute/cuda/repos/debian12/x86_64/"},
    {.name = "distro", .url = "https://d.example/"},
    {.name = "pypi", .url = "https://p.example/simple/"},
    {.name = "pytorch", .url = "https://t.example/whl/"}};

goal::Goal wishing(const std::string& profile) {
  goal::Goal goal;
  goal.mirrors = profile;
  return goal;
}

std::vector<std::string> names(const std::vector<facts::Source>& sources) {
  std::vector<std::string> out;
  for (const facts::Source& source : sources)
    out.push_back(source.name + (source.mirror.empty() ? "" : " by " + source.mirror));
  return out;
}

// The places, each answering in the time given; 0: not at all.
std::vector<facts::Source> answering(std::vector<facts::Source> sources, const std::vector<double>& seconds) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (seconds.at(i) > 0) sources[i].answered_seconds = seconds[i];
  }
  return sources;
}

TEST(Mirrors, AreNotAskedUnlessTheGoalSaysSo) {
  EXPECT_EQ(goal::Goal{}.mirrors, "none");
  EXPECT_THAT(mirrors_of(kPlaces, goal::Goal{}, catalog::built_in()), IsEmpty());
}

TEST(Mirrors, OfAProfileStandInForThePlacesThatItHas) {
  EXPECT_THAT(names(mirrors_of(kPlaces, wishing("tuna"), catalog::built_in())), ElementsAre("pypi by tuna"));
  const auto aliyun = mirrors_of(kPlaces, wishing("aliyun"), catalog::built_in());
  EXPECT_THAT(names(aliyun), ElementsAre("nvidia by aliyun", "pypi by aliyun", "pytorch by aliyun"));
  EXPECT_EQ(aliyun[0].url, "https://mirrors.aliyun.com/nvidia-cuda/debian12/x86_64/");
  EXPECT_TRUE(aliyun[2].links) << "a flat page of wheels";
  const auto all = mirrors_of(kPlaces, wishing("auto"), catalog::built_in());
  for (const char* profile : {"tuna", "ustc", "aliyun", "sjtu", "cn"})
    EXPECT_THAT(all, Contains(Field(&facts::Source::mirror, profile))) << profile;
}

TEST(Mirrors, OfAHubOfModelsStandInForIt) {
  const std::vector<facts::Source> hub{{.name = "huggingface", .url = "https://h.example/"}};
  EXPECT_THAT(names(mirrors_of(hub, wishing("cn"), catalog::built_in())), ElementsAre("huggingface by cn"));
  EXPECT_THAT(names(mirrors_of(hub, wishing("tuna"), catalog::built_in())), IsEmpty()) << "it has none";
  goal::Goal own;
  own.mirrors = "";
  own.mirror_urls = {{.what = "huggingface", .url = "https://own.example/hf/"}};
  const auto taken = mirrors_of(hub, own, catalog::built_in());
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].url, "https://own.example/hf/");
}

TEST(Mirrors, OfTheDistributionsArchiveHaveItsReleaseAndItsSecurityUpdates) {
  const auto mirrored = [](const std::string& url, const std::string& profile) {
    return mirrors_of({{.name = "distro", .url = url}}, wishing(profile), catalog::built_in());
  };
  const auto tuna = mirrored("http://deb.debian.org/debian/dists/bookworm/InRelease", "tuna");
  ASSERT_EQ(tuna.size(), 1U);
  EXPECT_EQ(tuna[0].url, "https://mirrors.tuna.tsinghua.edu.cn/debian/dists/bookworm/InRelease");
  EXPECT_EQ(archive_of(tuna[0]), "https://mirrors.tuna.tsinghua.edu.cn/debian/");
  EXPECT_EQ(security_mirror(tuna[0], wishing("tuna"), catalog::built_in()),
            "https://mirrors.tuna.tsinghua.edu.cn/debian-security/");
  const auto ubuntu = mirrored("http://archive.ubuntu.com/ubuntu/dists/noble/InRelease", "aliyun");
  ASSERT_EQ(ubuntu.size(), 1U);
  EXPECT_EQ(security_mirror(ubuntu[0], wishing("aliyun"), catalog::built_in()),
            "https://mirrors.aliyun.com/ubuntu/")
      << "Ubuntu's lie in the archive itself";
  EXPECT_THAT(mirrored("http://deb.debian.org/debian/dists/bookworm/InRelease", "cn"), IsEmpty());
  EXPECT_THAT(mirrored("http://packages.example/dists/x/InRelease", "tuna"), IsEmpty()) << "of whom it is";
  goal::Goal own;
  own.mirrors = "";
  own.mirror_urls = {{.what = "debian", .url = "https://own.example/d/"}};
  const auto taken =
      mirrors_of({{.name = "distro", .url = "http://deb.debian.org/debian/dists/bookworm/InRelease"}}, own,
                 catalog::built_in());
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].url, "https://own.example/d/dists/bookworm/InRelease");
  EXPECT_EQ(security_mirror(taken[0], own, catalog::built_in()), "") << "nobody said where";
  own.mirror_urls.push_back({.what = "debian-security", .url = "https://own.example/s/"});
  EXPECT_EQ(security_mirror(taken[0], own, catalog::built_in()), "https://own.example/s/");
}

TEST(Mirrors, OfCondaHaveInstallersAndChannels) {
  const std::vector<facts::Source> conda{
      {.name = "miniconda", .url = "https://a.example/miniconda/Miniconda3.sh"},
      {.name = "conda-forge", .url = "https://c.example/conda-forge/noarch/repodata.json"}};
  const auto tuna = mirrors_of(conda, wishing("tuna"), catalog::built_in());
  ASSERT_EQ(tuna.size(), 2U);
  EXPECT_EQ(tuna[0].url, "https://mirrors.tuna.tsinghua.edu.cn/anaconda/miniconda/Miniconda3.sh");
  EXPECT_EQ(tuna[1].url,
            "https://mirrors.tuna.tsinghua.edu.cn/anaconda/cloud/conda-forge/noarch/repodata.json");
  const std::vector<facts::Source> forge{
      {.name = "miniforge", .url = "https://g.example/download/26.7.2-0/Miniforge3.sh"}};
  const auto ustc = mirrors_of(forge, wishing("ustc"), catalog::built_in());
  ASSERT_EQ(ustc.size(), 1U);
  EXPECT_TRUE(ustc[0].url.ends_with("/miniforge/LatestRelease/Miniforge3.sh")) << ustc[0].url;
}

TEST(Mirrors, OfOnesOwnAreTaken) {
  goal::Goal goal;
  goal.mirrors = "";
  goal.mirror_urls = {{.what = "pypi", .url = "https://own.example/simple/"},
                      {.what = "cuda", .url = "https://own.example/cuda/"}};
  const auto own = mirrors_of(kPlaces, goal, catalog::built_in());
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(own[0].url, "https://own.example/simple/");
  EXPECT_EQ(own[1].url, "https://own.example/cuda/debian12/x86_64/");
  const auto taken = settled(answering(kPlaces, {1, 1, 1, 1}), answering(own, {2, 2}), goal);
  EXPECT_EQ(taken[2].url, "https://own.example/simple/") << "slower, and asked for";
}

TEST(Mirrors, ThatAreAskedForAreTakenWhenTheyAnswer) {
  const auto mirrors = mirrors_of(kPlaces, wishing("tuna"), catalog::built_in());
  const auto taken = settled(answering(kPlaces, {1, 1, 0.1, 1}), answering(mirrors, {0.9}), wishing("tuna"));
  EXPECT_THAT(names(taken), ElementsAre("nvidia", "distro", "pypi by tuna", "pytorch", "pypi"))
      << "the place itself is another way to it";
}

TEST(Mirrors, ThatDoNotAnswerLeaveThePlaceItself) {
  const auto mirrors = mirrors_of(kPlaces, wishing("tuna"), catalog::built_in());
  const auto taken = settled(answering(kPlaces, {1, 1, 0.1, 1}), answering(mirrors, {0}), wishing("tuna"));
  EXPECT_THAT(names(taken), ElementsAre("nvidia", "distro", "pypi", "pytorch"));
  EXPECT_THAT(names(silent_mirrors(taken, mirrors, wishing("tuna"))), ElementsAre("pypi by tuna"));
  EXPECT_THAT(silent_mirrors(taken, mirrors, wishing("auto")), IsEmpty()) << "others were asked as well";
  const auto heard = settled(answering(kPlaces, {1, 1, 1, 1}), answering(mirrors, {2}), wishing("tuna"));
  EXPECT_THAT(silent_mirrors(heard, answering(mirrors, {2}), wishing("tuna")), IsEmpty());
}

TEST(Mirrors, ByMeasurementAreTakenWhenTheyAreFaster) {
  std::vector<facts::Source> mirrors{
      {.name = "pypi", .url = "https://a.example/", .answered_seconds = 0.3, .mirror = "a"},
      {.name = "pypi", .url = "https://b.example/", .answered_seconds = 0.2, .mirror = "b"},
      {.name = "pytorch", .url = "https://b.example/t/", .answered_seconds = 0.9, .mirror = "b"}};
  EXPECT_THAT(names(settled(answering(kPlaces, {1, 1, 0.25, 0.8}), mirrors, wishing("auto"))),
              ElementsAre("nvidia", "distro", "pypi by b", "pytorch", "pypi", "pypi by a"));
  EXPECT_THAT(names(settled(answering(kPlaces, {1, 1, 0.1, 0}), mirrors, wishing("auto"))),
              ElementsAre("nvidia", "distro", "pypi", "pytorch by b"));
}

}  // namespace
}  // namespace bringup::resolve
