// SPDX-License-Identifier: Apache-2.0
// model get as a person types it, against a hub that is in order, guarded or broken, and killed on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <map>
#include <support/faults.hpp>
#include <support/hub.hpp>
#include <thread>

namespace {

namespace fs = std::filesystem;
using namespace bringup::testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

std::string bytes_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class ModelGet : public WithAHub {
 protected:
  std::vector<std::string> words(const std::string& owner, std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"model", "get", owner + "/model", "--to", at(owner), "--state", at("state"), "--yes"});
    return more;
  }
  Ran get(const std::string& owner, std::vector<std::string> more = {}, const std::string& token = "") const {
    return bringup_program(words(owner, std::move(more)), surroundings(token));
  }
  Ran other(const std::string& verb) const {
    return bringup_program({verb, "--yes", "--state", at("state")}, surroundings());
  }
  // Path below the directory to bytes, without what is kept for the state.
  std::map<std::string, std::string> files(const std::string& owner) const {
    std::map<std::string, std::string> all;
    for (auto entry = fs::recursive_directory_iterator(at(owner));
         entry != fs::recursive_directory_iterator(); ++entry) {
      if (entry->path().filename() == ".cache") entry.disable_recursion_pending();
      if (entry->is_regular_file()) all[fs::relative(entry->path(), at(owner))] = bytes_of(entry->path());
    }
    return all;
  }
  // The bytes of `name` that have come, in its part file or under its name.
  std::uintmax_t come(const std::string& owner, const std::string& name) const {
    std::uintmax_t most = 0;
    std::error_code none;
    if (fs::exists(at(owner + "/" + name))) return UINTMAX_MAX;
    for (const auto& entry : fs::directory_iterator(at(owner + "/.cache/huggingface/download"), none)) {
      if (entry.path().filename().string().starts_with(name)) most = std::max(most, entry.file_size(none));
    }
    return most;
  }
  // Begins, and is killed when so much of `name` has come.
  void killed_at(const std::string& owner, const std::string& name, std::uintmax_t bytes) const {
    const pid_t pid = begin(owner);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (come(owner, name) < bytes && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    look_at_command_lines();
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    EXPECT_GE(come(owner, name), bytes);
    EXPECT_FALSE(fs::exists(at(owner + "/" + name))) << "it was too late to kill anything";
  }
  static void look_at_command_lines() {
    int seen = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string line = bytes_of(entry.path() / "cmdline");
      EXPECT_THAT(line, Not(HasSubstr("canary"))) << entry.path();
      seen += line.starts_with("/usr/bin/curl") ? 1 : 0;
    }
    EXPECT_GT(seen, 0);
  }

  // Begins at a terminal of its own, or at none.
  pid_t begin(const std::string& owner, const Terminal& terminal = {.own = -1, .name = {}}) const {
    std::vector<std::string> argv = words(owner, {"--only", "safetensors"});
    const char* tested = std::getenv("BRINGUP_TESTED_PROGRAM");
    argv.insert(argv.begin(), tested != nullptr ? tested : BRINGUP_PROGRAM);
    const auto environment = surroundings(kGood);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    std::vector<char*> pointers;
    for (std::string& word : argv) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, 1);
    ::dup2(null, 2);
    if (!terminal.name.empty() && !sit_at(terminal)) ::_exit(126);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
};

TEST_F(ModelGet, FetchesBothLayoutsOnceAndTakesThemBack) {
  const Ran dry = get("ok", {"--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_FALSE(fs::exists(at("ok")));
  const Ran first = get("ok");
  EXPECT_EQ(first.code, 0) << first.err;
  const auto all = files("ok");
  EXPECT_EQ(all.size(), 10U);
  EXPECT_EQ(all.at("original/params.json"), "{\"dim\": 64}\n");
  EXPECT_FALSE(all.contains("pytorch_model.bin"));
  const int before = asked({"/resolve/"});
  const Ran again = get("ok");
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.err, HasSubstr("all 10 files are there"));
  EXPECT_EQ(asked({"/resolve/"}), before);
  file("ok/notes.txt", "mine");
  const Ran unasked = bringup_program({"undo", "--state", at("state")}, surroundings());
  EXPECT_EQ(unasked.code, 4);
  EXPECT_THAT(unasked.err, HasSubstr("(done, 10 of 10 steps done)? Nobody was there to answer: --yes"));
  EXPECT_EQ(files("ok").size(), 11U) << "taken back without a word of agreement";
  EXPECT_EQ(other("undo").code, 0);
  EXPECT_EQ(files("ok"), (std::map<std::string, std::string>{{"notes.txt", "mine"}}));
  EXPECT_FALSE(fs::exists(at("ok/.cache")));
}

TEST_F(ModelGet, OnlyOneLayoutAndItsDocument) {
  const Ran ran = get("ok", {"--only", "original", "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto document = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << ran.out;
  EXPECT_EQ(document["schema"], "bringup.model-get/1");
  EXPECT_EQ(document["missing_files"], 0);
  EXPECT_EQ(files("ok").size(), 3U);
}

TEST_F(ModelGet, KilledAnywhereItGoesOnAndEndsTheSame) {
  killed_at("slow", kFirst, 150'000);
  killed_at("slow", kFirst, 700'000);
  killed_at("slow", kSecond, 50'000);
  const Ran ran = other("resume");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(get("ok", {"--only", "safetensors"}).code, 0);
  EXPECT_EQ(files("slow"), files("ok"));
  EXPECT_GE(asked({"\"Store\"", "/slow/", "\"bytes="}), 3);  // not from the beginning
  EXPECT_EQ(asked({"\"Store\"", "/slow/", "\"range\": null"}), 2);
  EXPECT_EQ(other("undo").code, 0);
}

// The shell's window is closed, or the line breaks: what was said cannot be read by anybody, and it stops in
// order.
TEST_F(ModelGet, StopsInOrderWhenItsTerminalGoesAway) {
  const Terminal terminal = new_terminal();
  if (terminal.name.empty()) GTEST_SKIP() << "no terminals can be made here";
  const pid_t pid = begin("slow", terminal);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (come("slow", kFirst) < 150'000 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::close(terminal.own);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const Ran history = bringup_program({"history", "--json", "--state", at("state")}, surroundings());
  EXPECT_THAT(history.out, HasSubstr("\"state\": \"interrupted\""));
  const Ran ran = other("resume");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(other("undo").code, 0);
  EXPECT_FALSE(fs::exists(at("slow")));
}

TEST_F(ModelGet, AnAbortInItIsAsAKill) {
  const pid_t pid = begin("slow");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (come("slow", kFirst) < 150'000 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(pid, SIGABRT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  const Ran ran = other("resume");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(other("undo").code, 0);
  EXPECT_FALSE(fs::exists(at("slow")));
}

TEST_F(ModelGet, GoesOnAfterConnectionsThatBreak) {
  for (const char* owner : {"drop", "norange", "expired", "moved"})
    EXPECT_EQ(get(owner, {"--only", "safetensors"}).code, 0) << owner;
  EXPECT_EQ(files("drop"), files("norange"));
  EXPECT_EQ(files("expired"), files("moved"));
  EXPECT_EQ(files("drop"), files("moved"));
}

TEST_F(ModelGet, KeepsNothingThatIsNotWhatTheHubSaid) {
  const Ran wrong = get("wrong");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("what came was deleted"));
  EXPECT_EQ(come("wrong", kFirst), 0U);
  const Ran page = get("paged");
  EXPECT_EQ(page.code, 69);
  EXPECT_THAT(page.err, HasSubstr("a web page came instead"));
  EXPECT_EQ(come("paged", kFirst), 0U);
}

TEST_F(ModelGet, RefusesBeforeAnythingIsChanged) {
  EXPECT_EQ(get("gated").code, 77);
  EXPECT_EQ(get("gated", {}, kOther).code, 77);
  EXPECT_EQ(get("page").code, 69);
  const Ran vast = get("vast");
  EXPECT_EQ(vast.code, 74);
  EXPECT_THAT(vast.err, HasSubstr("90.9 TiB are needed"));
  for (const char* owner : {"gated", "page", "vast", "state"}) EXPECT_FALSE(fs::exists(at(owner))) << owner;
  file("ok/config.json", "my own");
  const Ran own = get("ok");
  EXPECT_EQ(own.code, 4);
  EXPECT_THAT(own.err, HasSubstr("config.json; move them away"));
  EXPECT_EQ(files("ok").size(), 1U);
}

TEST_F(ModelGet, TheTokenIsInNothingThatIsWrittenOrSaid) {
  const Ran ran = get("gated", {"--verbose"}, kGood);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("canary")));
  EXPECT_EQ(asked({"\"Store\"", "canary"}), 0);
  EXPECT_GT(asked({"\"Hub\"", "canary"}), 0);
  for (const auto& entry : fs::recursive_directory_iterator(home_)) {
    if (!entry.is_regular_file() || entry.path().filename() == "hub.log") continue;
    EXPECT_THAT(bytes_of(entry.path()), Not(HasSubstr("canary"))) << entry.path();
  }
}

}  // namespace
