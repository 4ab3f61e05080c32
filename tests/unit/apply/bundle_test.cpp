// SPDX-License-Identifier: Apache-2.0
// Bundles: the manifest, what is not as it says, what apt's answers mean, fetching with kills in between.
#include <bringup/apply/bundle.hpp>
#include <bringup/apply/hands.hpp>
#include <bringup/base/digest.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using fake::put;
using testing::HasSubstr;
using testing::Not;

BundleFile file_of(const std::string& path, const std::string& text, const std::string& url = "") {
  return {.path = path, .size = text.size(), .sha256 = base::sha256_hex(text), .url = url};
}

Bundle bundle_of(std::vector<BundleFile> files) {
  return {.made_at = "2026-11-28T20:00:00Z",
          .version = "0.1.0",
          .os = "debian-12",
          .arch = "x86_64",
          .kernel = "",
          .gpus = {"10de:2684"},
          .keyring = "/usr/share/keyrings/debian-archive-keyring.gpg",
          .archive = {"bookworm main contrib"},
          .vendor = true,
          .uv = "0.13.9",
          .models = {{.name = "org/m", .commit = "0123"}},
          .files = std::move(files)};
}

TEST(BundleManifest, IsReadAsItWasWritten) {
  Bundle bundle = bundle_of({file_of("models/org/m/a", "a"), file_of("wheels/a.whl", "a")});
  bundle.files[0].git_sha = std::string(40, '1');
  const auto read = parse_bundle(to_json(bundle), "m");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, bundle);
}

TEST(BundleManifest, OfAnEarlierVersionHasNeitherVendorNorModels) {
  Json json = Json::parse(to_json(bundle_of({})));
  json.erase("vendor");
  json.erase("models");
  const auto read = parse_bundle(json.dump(), "m");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_FALSE(read->vendor);
  EXPECT_TRUE(read->models.empty());
}

TEST(BundleManifest, WhatLeadsElsewhereIsRefused) {
  const std::string good = to_json(bundle_of({file_of("wheels/a.whl", "a")}));
  const std::vector<std::array<std::string, 3>> table{
      {"wheels/a.whl", "../etc/passwd", "leads out"},
      {"wheels/a.whl", "/etc/passwd", "leads out"},
      {"wheels/a.whl", "wheels//a", "leads out"},
      {"wheels/a.whl", "wheels/./a", "leads out"},
      {"wheels/a.whl", "", "leads out"},
      {"\"size\": 1", "\"size\": -1", "without path, size or sha256"},
      {"\"size\": 1", "\"size\": \"1\"", "without path, size or sha256"},
      {base::sha256_hex("a"), "abc", "no sha256"},
      {"bringup.bundle/1", "bringup.bundle/2", "expected schema"},
      {"bookworm main contrib", "bookworm main\\ndeb [trusted=yes] http://evil x", "no text"},
      {"/usr/share/keyrings/debian", "/k] [trusted=yes", "keyring"},
      {"\"uv\"", "\"vu\"", "uv is missing"},
      {"org/m", "../m", "no model"},
      {"\"commit\"", "\"c\"", "commit is missing"},
      {"\"files\"", "\"filez\"", "files are missing"}};
  for (const auto& [from, to, said] : table) {
    std::string text = good;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    const auto read = parse_bundle(text, "DIR/manifest.json");
    ASSERT_FALSE(read) << to;
    EXPECT_THAT(read.error().message(), testing::AllOf(HasSubstr("DIR/manifest.json"), HasSubstr(said)));
  }
  EXPECT_FALSE(parse_bundle("", "m"));
  EXPECT_FALSE(parse_bundle("[]", "m"));
}

struct BundleTest : testing::Test {
  fake::Machine machine;
};

TEST_F(BundleTest, AFileThatIsNotAsTheManifestSaysIsNamed) {
  const Bundle bundle = bundle_of({file_of("wheels/a.whl", "aaaa"), file_of("wheels/b.whl", "bbbb")});
  const auto check = [&] { return check_bundle("/b", bundle, machine.view(), nullptr); };
  put(machine.world.at("/b/wheels/a.whl"), "aaaa");
  EXPECT_THAT(check().error().message(), HasSubstr("/b/wheels/b.whl: is missing"));
  put(machine.world.at("/b/wheels/b.whl"), "bbb");
  EXPECT_THAT(check().error().message(), HasSubstr("has 3 bytes and should have 4"));
  put(machine.world.at("/b/wheels/b.whl"), "bxbb");
  EXPECT_THAT(check().error().message(), HasSubstr("/b/wheels/b.whl: is not the file"));
  EXPECT_EQ(check().error().code(), Errc::refused);
  fake::fs::remove(machine.world.at("/b/wheels/b.whl"));
  fake::fs::create_symlink("a.whl", machine.world.at("/b/wheels/b.whl"));
  EXPECT_THAT(check().error().message(), HasSubstr("no regular file"));
  fake::fs::remove(machine.world.at("/b/wheels/b.whl"));
  put(machine.world.at("/b/wheels/b.whl"), "bbbb");
  std::uint64_t bytes = 0;
  EXPECT_TRUE(check_bundle("/b", bundle, machine.view(), [&](std::uint64_t now) { bytes = now; }));
  EXPECT_EQ(bytes, 8U);
}

const std::vector<BundleArchive> kArchives{
    {.url = "http://d.org/debian/", .below = "apt/", .sources = ""},
    {.url = "https://n.org/repos/x86_64/", .below = "vendor/", .sources = ""}};

TEST(BundleApt, WhatItWouldFetchIsReadWithItsHashes) {
  const std::string hash(64, 'c');
  const auto files = parse_print_uris(
      "Reading package lists...\n'http://d.org/debian/pool/main/g/gcc/gcc_12%2b1_amd64.deb' "
      "gcc_12+1_amd64.deb "
      "37596 SHA256:" +
          hash +
          "\n'https://n.org/repos/x86_64/./nvidia-open_595.1-1_amd64.deb' nvidia-open_595.1-1_amd64.deb 5 "
          "SHA256:" +
          hash + "\n",
      kArchives);
  ASSERT_TRUE(files) << files.error().message();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[1].path, "vendor/nvidia-open_595.1-1_amd64.deb");
  EXPECT_EQ((*files)[1].url, "https://n.org/repos/x86_64/./nvidia-open_595.1-1_amd64.deb");
  EXPECT_EQ((*files)[0].path, "apt/pool/main/g/gcc/gcc_12+1_amd64.deb");
  EXPECT_EQ((*files)[0].size, 37596U);
  EXPECT_EQ((*files)[0].sha256, hash);
  EXPECT_FALSE(parse_print_uris("'http://d.org/debian/a.deb' a.deb 5 MD5Sum:" + hash, kArchives));
  EXPECT_FALSE(parse_print_uris("'http://e.org/a.deb' a.deb 5 SHA256:" + hash, kArchives));
  EXPECT_FALSE(parse_print_uris("'x", kArchives));
  const auto told = [](const std::string& path, const std::string& sha256) {
    return parse_print_uris("'http://d.org/debian/" + path + "' a.deb 5 SHA256:" + sha256, kArchives);
  };
  EXPECT_TRUE(told("a..b/..c/a.deb", hash));
  for (const char* path : {"../a.deb", "p/../../a.deb", "%2e%2e/a.deb", "p/%2e.", "a%1b[2J.deb", "a%00.deb"})
    EXPECT_FALSE(told(path, hash)) << path;
  for (const std::string& other : {std::string(63, 'c'), std::string(65, 'c'), std::string(63, 'c') + "g"})
    EXPECT_FALSE(told("a.deb", other)) << other;
}

TEST(BundleApt, TheIndexesOfThisArchitectureAreFound) {
  const std::string hash(64, 'd');
  const std::string text =
      "Suite: stable\nMD5Sum:\n 0 5 main/binary-amd64/Packages.xz\nSHA256:\n " + hash +
      " 5 main/binary-amd64/Packages.xz\n " + hash + " 6 main/binary-arm64/Packages.xz\n " + hash +
      " 7 contrib/binary-amd64/Packages.gz\n " + hash + " 8 contrib/binary-amd64/Packages.xz\n " + hash +
      " 9 main/debian-installer/binary-amd64/Packages.xz\nSHA512:\n " + hash +
      " 9 x/binary-amd64/Packages.xz\n";
  const auto files = parse_release(text, "amd64");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "main/binary-amd64/Packages.xz");
  EXPECT_EQ(files[1].size, 8U);
}

TEST(BundleApt, OfAFlatArchiveTheShortestIndexIsTaken) {
  const std::string hash(64, 'd');
  const std::string rows =
      " " + hash + " 900 Packages\n " + hash + " 90 Packages.gz\n " + hash + " 7 Contents\n";
  const auto files = parse_release("Origin: NVIDIA\nSHA256:\n" + rows, "amd64");
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, "Packages.gz");
  EXPECT_TRUE(parse_release("Origin: NVIDIA\nMD5Sum:\n" + rows, "amd64").empty());
}

TEST_F(BundleTest, AKilledFetchGoesOnAndKeepsNothingWrong) {
  const std::string a(100, 'a');
  const std::string b(100, 'b');
  machine.world.web["https://f.org/a"] = a;
  machine.world.web["https://f.org/b"] = b;
  const std::vector<BundleFile> files{file_of("wheels/a", a, "https://f.org/a"),
                                      file_of("wheels/b", b, "https://f.org/b")};
  std::size_t calls = 0;
  for (std::size_t call = 1;; ++call) {
    ASSERT_LT(call, 40U);
    machine.die_at(call, fake::When::middle);
    try {
      const auto fetched = fetch_bundle("/b", files, machine, nullptr);
      ASSERT_TRUE(fetched) << fetched.error().message();
      break;
    } catch (const fake::Died&) {
      ++calls;
    }
  }
  EXPECT_GT(calls, 2U);
  EXPECT_EQ(fake::slurp(machine.world.at("/b/wheels/a")), a);
  EXPECT_EQ(fake::slurp(machine.world.at("/b/wheels/b")), b);
  EXPECT_FALSE(machine.view().exists("/b/wheels/a.part"));
  const std::size_t ran = machine.world.ran.size();
  EXPECT_TRUE(fetch_bundle("/b", files, machine, nullptr));
  EXPECT_EQ(machine.world.ran.size(), ran) << "what is there is not fetched again";
}

TEST_F(BundleTest, WhatHasAnotherHashIsNotKept) {
  machine.world.web["https://f.org/a"] = "evil";
  const std::vector<BundleFile> files{file_of("wheels/a", "good", "https://f.org/a")};
  const auto fetched = fetch_bundle("/b", files, machine, nullptr);
  ASSERT_FALSE(fetched);
  EXPECT_THAT(fetched.error().message(), HasSubstr("has not the hash"));
  EXPECT_FALSE(machine.view().exists("/b/wheels/a"));
  EXPECT_FALSE(machine.view().exists("/b/wheels/a.part"));
}

TEST_F(BundleTest, ThePlanAsksTheBundleAlone) {
  steps::Plan plan = fake::plan_of(
      machine,
      {fake::step_of("archive-component", steps::WriteFile{.path = "/etc/apt/x", .text = ""}, false),
       fake::step_of("python-packages",
                     steps::InstallPackages{
                         .manager = "apt", .packages = {"python3"}, .dnf_module = "", .builds_for = {}},
                     false),
       fake::step_of("uv", steps::InstallUv{.path = "/u", .python = "p", .version = ""}, true),
       fake::step_of("wheels-dl",
                     steps::InstallWheels{.env = "/e",
                                          .tool = "uv",
                                          .manager = "/u/bin/uv",
                                          .packages = {"torch"},
                                          .index_url = "https://pypi.org/simple",
                                          .variant = ""},
                     true)});
  plan.steps[1].needs = {"archive-component"};
  const auto made = from_bundle(plan, bundle_of({}), "/mnt/b", "/state");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(steps::parse_plan(steps::to_json(*made)));
  const std::string text = steps::to_json(*made);
  EXPECT_THAT(text, Not(HasSubstr("https://")));
  EXPECT_THAT(text, Not(HasSubstr("archive-component")));
  EXPECT_THAT(text, HasSubstr("/mnt/b/wheels"));
  const auto* sources = std::get_if<steps::WriteFile>(&made->steps.at(0).kind);
  ASSERT_NE(sources, nullptr);
  EXPECT_THAT(sources->text,
              HasSubstr("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no] "
                        "file:/mnt/b/apt bookworm main contrib\n"));
  EXPECT_EQ(made->steps.at(1).needs, std::vector<std::string>{"bundle-sources"});
  Bundle none = bundle_of({});
  none.archive.clear();
  EXPECT_FALSE(from_bundle(plan, none, "/mnt/b", "/state"));
}

// NVIDIA's repository comes out of the bundle, its key by the fingerprint that stands in the plan.
TEST_F(BundleTest, ThePlanTakesTheVendorsRepositoryByItsKey) {
  steps::Plan plan = fake::plan_of(
      machine,
      {fake::step_of("vendor-key",
                     steps::FetchFile{.url = "https://n.org/k.pub",
                                      .path = "/keys/n.asc",
                                      .sha256 = "",
                                      .fingerprint = std::string(40, 'A')},
                     false),
       fake::step_of("vendor-source", steps::WriteFile{.path = "/etc/apt/n.sources", .text = "x"}, false),
       fake::step_of("vendor-pin", steps::WriteFile{.path = "/etc/apt/preferences.d/n", .text = "y"}, false),
       fake::step_of("driver-packages",
                     steps::InstallPackages{
                         .manager = "apt", .packages = {"nvidia-open"}, .dnf_module = "", .builds_for = {}},
                     false)});
  plan.steps[1].needs = {"vendor-key"};
  plan.steps[3].needs = {"vendor-key", "vendor-source", "vendor-pin"};
  const auto made = from_bundle(plan, bundle_of({}), "/mnt/b", "/state");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(steps::parse_plan(steps::to_json(*made))) << "the order holds";
  ASSERT_EQ(made->steps.size(), 4U);
  const auto& key = std::get<steps::FetchFile>(made->steps[0].kind);
  EXPECT_EQ(key.url, "/mnt/b/vendor/key.asc");
  EXPECT_EQ(key.fingerprint, std::string(40, 'A'));
  EXPECT_EQ(made->steps[1].id, "bundle-sources");
  EXPECT_THAT(std::get<steps::WriteFile>(made->steps[1].kind).text,
              HasSubstr("deb [signed-by=/keys/n.asc check-valid-until=no] file:/mnt/b/vendor /\n"));
  EXPECT_EQ(made->steps[2].id, "vendor-pin");
  EXPECT_EQ(made->steps[3].needs, (std::vector<std::string>{"vendor-key", "vendor-pin", "bundle-sources"}));
}

// A key that is another one is refused wherever it comes from.
TEST_F(BundleTest, AKeyThatIsNotTheOneIsNotTaken) {
  put(machine.world.at("/mnt/b/vendor/key.asc"), "no key at all");
  const steps::FetchFile key{.url = "/mnt/b/vendor/key.asc",
                             .path = "/keys/n.asc",
                             .sha256 = "",
                             .fingerprint = std::string(40, 'A')};
  const steps::PlanUser user = machine.user();
  const Hands hands{.view = machine.view(), .control = &machine, .user = user, .say = {}};
  const auto done = perform(key, hands);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("/mnt/b/vendor/key.asc"));
  EXPECT_FALSE(machine.view().exists("/keys/n.asc"));
  const std::string text = "bytes with a hash";
  put(machine.world.at("/mnt/b/vendor/key.asc"), text);
  steps::FetchFile whole = key;
  whole.fingerprint.clear();
  whole.sha256 = base::sha256_hex(text);
  ASSERT_TRUE(perform(whole, hands));
  EXPECT_EQ(fake::slurp(machine.world.at("/keys/n.asc")), text);
}

TEST_F(BundleTest, AptIsGivenTheBundleAsItsOnlySource) {
  machine.world.archive["python3"] = {.version = "3.11"};
  put(machine.world.at("/state-of/bundle.list"), "deb file:/b x\n");
  const steps::PlanUser user = machine.user();
  const steps::InstallPackages step{.manager = "apt",
                                    .packages = {"python3"},
                                    .dnf_module = "",
                                    .builds_for = {},
                                    .sources = "/state-of/bundle.list"};
  const Hands hands{.view = machine.view(), .control = &machine, .user = user, .say = {}};
  const auto done = perform(step, hands);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(holds(step, hands).value_or(false));
  std::size_t asked = 0;
  for (const std::string& line : machine.world.ran) {
    if (!line.starts_with("apt-get")) continue;
    ++asked;
    EXPECT_THAT(line, HasSubstr("Dir::Etc::sourcelist=/state-of/bundle.list"));
    EXPECT_THAT(line, HasSubstr("Dir::Etc::sourceparts=/dev/null"));
  }
  EXPECT_GE(asked, 3U);
  EXPECT_TRUE(machine.view().exists("/state-of/bundle.list-lists/partial"));
}

}  // namespace
}  // namespace bringup::apply
