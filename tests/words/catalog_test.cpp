// SPDX-License-Identifier: Apache-2.0
// The verb catalog as a person types it; and a signed catalog made, kept, refused, by the real program with
// real keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <support/golden.hpp>
#include <support/home.hpp>
#include <support/program.hpp>

namespace {

namespace fs = std::filesystem;
using namespace bringup;
using namespace bringup::testing_support;
using testing::HasSubstr;

class CatalogVerb : public InAHome {
 protected:
  // With a state folder of its own: no kept catalog of this machine plays a part.
  Ran catalog(std::vector<std::string> words) const {
    words.insert(words.begin(), "catalog");
    words.insert(words.end(), {"--state", at("state")});
    return bringup_program(words);
  }
};

TEST_F(CatalogVerb, EveryDocumentIsOneObjectWithItsSchema) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--json"}, "bringup.catalog/1"},
      {{"list", "wheels", "variant=cu130", "--json"}, "bringup.catalog-rows/1"},
      {{"show", "gpus", "RTX", "4090", "--json"}, "bringup.catalog-rows/1"},
      {{"check", "--json"}, "bringup.catalog-check/1"}};
  for (const auto& [words, schema] : cases) {
    const Ran ran = catalog(words);
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto document = nlohmann::json::parse(ran.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << ran.out;
    EXPECT_EQ(document.begin().key().empty(), false);
    EXPECT_EQ(document.value("schema", ""), schema);
  }
}

TEST_F(CatalogVerb, WrongWordsNameTheNearest) {
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"lst"}, "did you mean 'list'?"},
           {{"list", "weels"}, "did you mean 'wheels'?"},
           {{"list", "wheels", "varient=cu130"}, "did you mean 'variant'?"},
           {{"show", "repos", "debian-21"}, "did you mean 'debian-12'?"},
           {{"show", "repos"}, "show what?"},
           {{"use"}, "use which file?"}}) {
    const Ran ran = catalog(words);
    EXPECT_NE(ran.code, 0);
    EXPECT_THAT(ran.err, HasSubstr(says));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(CatalogVerb, CheckRefusesABadRowOfAFolderByFileAndLine) {
  const std::string good = slurp(fs::path(BRINGUP_SOURCE_DIR) / "data/catalog/sources.toml");
  file("tables/sources.toml", good);
  EXPECT_EQ(catalog({"check", at("tables")}).code, 0);
  // One Xid fewer in the folder is one row fewer, whatever the tables in use have.
  std::string xids = slurp(fs::path(BRINGUP_SOURCE_DIR) / "data/catalog/xids.tsv");
  xids.resize(xids.rfind('\n', xids.size() - 2) + 1);
  const auto rows = [this] {
    const std::string out = catalog({"check", at("tables"), "--json"}).out;
    const std::string key = "\"rows\": ";
    return std::stoi(out.substr(out.find(key) + key.size()));
  };
  const int before = rows();
  file("tables/xids.tsv", xids);
  EXPECT_EQ(rows(), before - 1);
  std::string bad = good;
  bad.replace(bad.find("https://pypi.org"), 5, "http:");
  file("tables/sources.toml", bad);
  const Ran refused = catalog({"check", at("tables")});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.out, HasSubstr("sources.toml:"));
  EXPECT_THAT(refused.out, HasSubstr("is not https"));
  file("tables/sauces.toml", good);
  EXPECT_THAT(catalog({"check", at("tables")}).err, HasSubstr("did you mean 'sources.toml'?"));
}

// Whatever is wrong with a table, no part of it is taken, and file and line are said.
TEST_F(CatalogVerb, CheckRefusesDamagedTables) {
  const auto refused = [this](const std::string& name, const std::string& before, const std::string& after,
                              const std::string& says) {
    std::string text = slurp(fs::path(BRINGUP_SOURCE_DIR) / "data/catalog" / name);
    const std::size_t found = text.find(before);
    ASSERT_NE(found, std::string::npos) << before;
    text.replace(found, before.size(), after);
    const std::string path = file("tables/" + name, text);
    const Ran ran = catalog({"check", at("tables"), "--json"});
    EXPECT_EQ(ran.code, 1) << says;
    EXPECT_THAT(ran.out, HasSubstr(says));
    fs::remove(path);
  };
  refused("branches.toml", "number = 580\n", "number = 580\nsuccessor = 470\n",
          "branches.toml:4: the successors lead in a ring: 470 -> 580 -> 470");
  refused("branches.toml", "successor = 595", "successor = 999", "the successor 999 of 590 is no branch");
  refused("gpus.tsv", "\n0fc1\t", "\n0fc0\t", "gpus.tsv:7: 0fc0 does not come after 0fc0");
  refused("gpus.tsv", "GeForce GT 640 OEM", "GeForce \xe4", "gpus.tsv:6: byte 0xe4 has no place here");
  refused("companions.toml", "works_with = [\"2.11.0\"", "works_with = [\"2.11.9\"",
          "torch 2.11.9 is in no row of wheels.toml");
}

class SignedCatalog : public CatalogVerb {
 protected:
  void SetUp() override {
    CatalogVerb::SetUp();
    if (!fs::exists("/usr/bin/openssl")) GTEST_SKIP() << "no openssl to make keys with";
    const auto made =
        host::run({.argv = {"/usr/bin/openssl", "genpkey", "-algorithm", "ed25519", "-out", at("key.pem")}});
    if (!made || !made->success()) GTEST_SKIP() << "this openssl makes no key of Ed25519";
  }
  // A signed file of the tables in the tree; gives the public key's digits.
  std::string sign(int version, const std::string& expires, const std::string& out,
                   const std::string& tree = BRINGUP_SOURCE_DIR) const {
    const auto made = host::run({.argv = {"/bin/bash", tree + "/tools/sign-catalog", std::to_string(version),
                                          expires, "test", at("key.pem"), at(out)}});
    EXPECT_TRUE(made && made->success()) << (made ? made->err : made.error().message());
    if (!made || made->out.size() < 65) return "";
    return made->out.substr(made->out.size() - 65, 64);
  }
  std::string keys(const std::string& digits, const std::string& name = "keys.toml") const {
    return file(name, "[[key]]\nid = \"test\"\ned25519 = \"" + digits + "\"\n");
  }
};

TEST_F(SignedCatalog, IsKeptAndThenUsedUntilItIsRemoved) {
  const std::string key = keys(sign(3, "2099-01-01", "three"));
  const Ran used = catalog({"use", at("three"), "--key", key});
  ASSERT_EQ(used.code, 0) << used.err;
  EXPECT_THAT(catalog({}).out, HasSubstr("version 3"));
  EXPECT_EQ(catalog({"list", "wheels"}).code, 0);
  fs::remove(home_ / "state/catalog");
  EXPECT_THAT(catalog({}).out, HasSubstr("compiled in"));
}

// Not only named as the one in use: its rows decide.
TEST_F(SignedCatalog, GivesTheRowsThatAreUsed) {
  fs::create_directories(home_ / "tree/tools");
  fs::create_directories(home_ / "tree/data");
  fs::copy(BRINGUP_SOURCE_DIR "/tools/sign-catalog", home_ / "tree/tools/sign-catalog");
  fs::copy(BRINGUP_SOURCE_DIR "/data/catalog", home_ / "tree/data/catalog");
  std::string sources = slurp(at("tree/data/catalog/sources.toml"));
  sources.replace(sources.find("https://pypi.org"), 16, "https://pypi.example.org");
  file("tree/data/catalog/sources.toml", sources);
  const std::string key = keys(sign(3, "2099-01-01", "three", at("tree")));
  ASSERT_EQ(catalog({"use", at("three"), "--key", key}).code, 0);
  const Ran shown = catalog({"show", "sources", "pypi"});
  EXPECT_THAT(shown.out, HasSubstr("https://pypi.example.org/simple/")) << shown.err;
}

// A good signature makes no good table: the one in use stays.
TEST_F(SignedCatalog, WhoseTablesAreDamagedIsRefusedByFileAndLine) {
  fs::create_directories(home_ / "tree/tools");
  fs::create_directories(home_ / "tree/data");
  fs::copy(BRINGUP_SOURCE_DIR "/tools/sign-catalog", home_ / "tree/tools/sign-catalog");
  fs::copy(BRINGUP_SOURCE_DIR "/data/catalog", home_ / "tree/data/catalog");
  const std::string branches = slurp(at("tree/data/catalog/branches.toml"));
  std::string ring = branches;
  ring.replace(ring.find("number = 580\n"), 13, "number = 580\nsuccessor = 470\n");
  file("tree/data/catalog/branches.toml", ring);
  const std::string key = keys(sign(3, "2099-01-01", "ring", at("tree")));
  const Ran refused = catalog({"use", at("ring"), "--key", key});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("branches.toml:4: the successors lead in a ring"));
  EXPECT_THAT(catalog({}).out, HasSubstr("compiled in"));
}

TEST_F(SignedCatalog, OlderThanTheOneInUseIsRefused) {
  const std::string key = keys(sign(3, "2099-01-01", "three"));
  sign(2, "2099-01-01", "two");
  ASSERT_EQ(catalog({"use", at("three"), "--key", key}).code, 0);
  const Ran refused = catalog({"use", at("two"), "--key", key});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("version 2 is older than version 3"));
  EXPECT_THAT(catalog({}).out, HasSubstr("version 3"));
}

TEST_F(SignedCatalog, WithoutATrustedKeyOrWithAnotherOneIsRefused) {
  const std::string digits = sign(3, "2099-01-01", "three");
  const Ran nobody = catalog({"use", at("three")});
  EXPECT_EQ(nobody.code, 4);
  EXPECT_THAT(nobody.err, HasSubstr("--key FILE"));
  std::string other = digits;
  other[0] = other[0] == '0' ? '1' : '0';
  const Ran wrong = catalog({"use", at("three"), "--key", keys(other, "other.toml")});
  EXPECT_NE(wrong.code, 0);
  EXPECT_THAT(catalog({}).out, HasSubstr("compiled in"));
}

TEST_F(SignedCatalog, ExpiredCutOrChangedIsRefused) {
  const std::string key = keys(sign(3, "2099-01-01", "three"));
  sign(4, "2020-01-01", "old");
  const Ran expired = catalog({"use", at("old"), "--key", key});
  EXPECT_EQ(expired.code, 4);
  EXPECT_THAT(expired.err, HasSubstr("expired on 2020-01-01"));
  const std::string whole = slurp(at("three"));
  const Ran cut = catalog({"use", file("cut", whole.substr(0, whole.size() / 2)), "--key", key});
  EXPECT_NE(cut.code, 0);
  EXPECT_THAT(cut.err, HasSubstr("it ends within"));
  std::string later = whole;
  later.replace(later.find("version 3"), 9, "version 9");
  const Ran changed = catalog({"use", file("later", later), "--key", key});
  EXPECT_EQ(changed.code, 4);
  EXPECT_THAT(changed.err, HasSubstr("the file was changed"));
}

TEST_F(SignedCatalog, ThatWasDamagedOrLaidOpenWhereItIsKeptIsNotUsed) {
  const std::string key = keys(sign(3, "2099-01-01", "three"));
  ASSERT_EQ(catalog({"use", at("three"), "--key", key}).code, 0);
  fs::permissions(home_ / "state/catalog", fs::perms::others_write, fs::perm_options::add);
  const Ran open = catalog({});
  EXPECT_THAT(open.out, HasSubstr("compiled in"));
  EXPECT_THAT(open.err, HasSubstr("others can write it"));
  const std::string whole = slurp(at("three"));
  fs::remove(home_ / "state/catalog");
  file("state/catalog", whole.substr(0, whole.size() - 5));
  const Ran damaged = catalog({});
  EXPECT_EQ(damaged.code, 0);
  EXPECT_THAT(damaged.out, HasSubstr("compiled in"));
  EXPECT_THAT(damaged.err, HasSubstr("the compiled-in catalog serves"));
}

TEST(PlanWhy, PrintsOneDocumentOfItsOwn) {
  const fs::path file = fs::temp_directory_path() / ("bringup-why-" + std::to_string(::getpid()) + ".toml");
  std::ofstream(file) << "gpus = [\"8x H200\"]\nos = \"debian-12\"\nkernel = \"6.1.0-25-amd64\"\n";
  const Ran ran = bringup_program({"plan", "--for", file.string(), "--why", "driver", "--json"});
  const Ran text = bringup_program({"plan", "--for", file.string(), "--why", "driver"});
  const Ran wrong = bringup_program({"plan", "--for", file.string(), "--why", "drivr"});
  fs::remove(file);
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document["schema"], "bringup.plan-why/1");
  EXPECT_EQ(document["alternatives"].size(), 2U);
  EXPECT_TRUE(document["reasons"][0]["known"].is_string());
  std::size_t widest = 0;
  for (std::size_t at = 0, end = 0; (end = text.out.find('\n', at)) != std::string::npos; at = end + 1)
    widest = std::max(widest, end - at);
  EXPECT_LE(widest, 80U) << text.out;
  EXPECT_EQ(wrong.code, 64);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'driver'?"));
}

}  // namespace
