// SPDX-License-Identifier: Apache-2.0
// A file of a model: fetched in parts, kept only when it is right, and nothing of the user's is replaced or
// removed.
#include <bringup/base/digest.hpp>

#include <gmock/gmock.h>

#include "fake_machine.hpp"

namespace bringup::apply {
namespace {

using testing::HasSubstr;
using testing::Not;

class ModelFile : public testing::Test {
 protected:
  const std::string text_ = "weights of a model";
  const std::string place_ = "/home/somebody/m/w.safetensors";
  const std::string state_ = "/home/somebody/m/.cache/huggingface/download/w.safetensors";
  const std::string url_ = "https://hub.example/o/m/resolve/c1/w.safetensors";
  fake::Machine machine_;
  fake::Silent silent_;

  steps::FetchModelFile step() const {
    return {.endpoint = "https://hub.example",
            .repo = "o/m",
            .commit = "c1",
            .file = "w.safetensors",
            .directory = "/home/somebody/m",
            .size = text_.size(),
            .sha256 = base::sha256_hex(text_),
            .git_sha = ""};
  }
  std::string part() const { return state_ + "." + base::sha256_hex(text_).substr(0, 16) + ".part"; }
  void SetUp() override {
    machine_.world.web[url_] = text_;
    fake::fs::create_directories(machine_.world.at("/home/somebody"));
  }
  Result<apply::Run> get() { return get(step()); }
  Result<apply::Run> get(const steps::FetchModelFile& step) {
    return apply::apply(fake::plan_of(machine_, {fake::step_of("w", step, true)}), machine_, fake::kClock,
                        machine_.settings(), silent_);
  }
  Result<apply::Run> go_on() { return apply::resume(machine_, fake::kClock, machine_.settings(), silent_); }
  Result<apply::Run> go_back() {
    return apply::undo("", machine_, fake::kClock, machine_.settings(), silent_);
  }
  std::string at(const std::string& path) const { return fake::slurp(machine_.world.at(path)); }
  bool there(const std::string& path) const { return fake::fs::exists(machine_.world.at(path)); }
};

TEST_F(ModelFile, ComesAndIsNotedAsHuggingfaceHubNotesIt) {
  const auto run = get();
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(at(place_), text_);
  EXPECT_EQ(at(state_ + ".metadata"), "c1\n" + base::sha256_hex(text_) + "\n1795464904.0\n");
  EXPECT_FALSE(there(part()));
  const auto undone = go_back();
  ASSERT_TRUE(undone);
  EXPECT_FALSE(there("/home/somebody/m"));
  EXPECT_TRUE(there("/home/somebody"));
}

TEST_F(ModelFile, GoesOnWhereAConnectionBroke) {
  machine_.world.store_gives = 7;
  ASSERT_TRUE(get());
  EXPECT_EQ(at(place_), text_);
}

TEST_F(ModelFile, ThatDoesNotComeAnyFurtherFailsAndKeepsItsPart) {
  fake::put(machine_.world.at(part()), "weig");
  machine_.world.store_gives = 0;
  const auto run = get();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::unreachable);
  EXPECT_EQ(at(part()), "weig");
  machine_.world.store_gives = SIZE_MAX;
  ASSERT_TRUE(go_on());
  EXPECT_EQ(at(place_), text_);
}

// Out of a bundle: killed at any change, gone on with; what is not as it should be is not kept.
TEST_F(ModelFile, IsCopiedOutOfADirectoryHoweverOftenItIsKilled) {
  steps::FetchModelFile file = step();
  file.endpoint = "/mnt/b/models";
  fake::put(machine_.world.at("/mnt/b/models/o/m/w.safetensors"), text_);
  machine_.world.web.clear();
  for (std::size_t call = 1;; ++call) {
    ASSERT_LT(call, 60U);
    machine_.die_at(call, fake::When::middle);
    try {
      const auto run = call == 1 ? get(file) : go_on();
      if (!run && run.error().code() == Errc::absent) {  // it died before it had a journal
        ASSERT_TRUE(get(file));
        break;
      }
      ASSERT_TRUE(run) << run.error().message();
      break;
    } catch (const fake::Died&) {
    }
  }
  machine_.die_at(0, fake::When::before);
  EXPECT_EQ(at(place_), text_);
  EXPECT_FALSE(there(part()));
  ASSERT_TRUE(go_back());
  EXPECT_FALSE(there("/home/somebody/m"));
  fake::put(machine_.world.at("/mnt/b/models/o/m/w.safetensors"), "weights of a MODEL");
  const auto run = get(file);
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().message(), HasSubstr("what came was deleted"));
  EXPECT_FALSE(there(place_));
  fake::fs::remove(machine_.world.at("/mnt/b/models/o/m/w.safetensors"));
  EXPECT_FALSE(get(file));
}

TEST_F(ModelFile, WithOtherBytesIsDeletedAndSaidSo) {
  machine_.world.web[url_] = "weights of a MODEL";
  const auto run = get();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::failed);
  EXPECT_THAT(run.error().message(),
              HasSubstr("should be " + base::sha256_hex(text_) + "; what came was deleted"));
  EXPECT_FALSE(there(part()));
  EXPECT_FALSE(there(place_));
}

TEST_F(ModelFile, WithASpoiledPartIsFetchedAnew) {
  for (const char* spoiled : {"spoiled", "as long as a model", "longer than the whole file"}) {
    fake::put(machine_.world.at(part()), spoiled);
    ASSERT_TRUE(get());
    EXPECT_EQ(at(place_), text_);
    ASSERT_TRUE(go_back());
  }
}

TEST_F(ModelFile, DoesNotReplaceWhatStandsThere) {
  fake::put(machine_.world.at(place_), "the user's own");
  const auto run = get();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::refused);
  EXPECT_EQ(at(place_), "the user's own");
}

TEST_F(ModelFile, ThatIsThereAlreadyIsLeftAlone) {
  fake::put(machine_.world.at(place_), text_);
  machine_.world.web.clear();
  ASSERT_TRUE(get());
  EXPECT_EQ(silent_.ended, std::vector<std::string>{"w was done"});
}

TEST_F(ModelFile, ThatWasChangedSinceIsKeptByUndo) {
  ASSERT_TRUE(get());
  fake::put(machine_.world.at(place_), "weights, retrained");
  const auto undone = go_back();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->failed_step, "w");
  EXPECT_EQ(at(place_), "weights, retrained");
}

TEST_F(ModelFile, OfGitIsHeldAgainstItsBlob) {
  steps::FetchModelFile git = step();
  git.sha256.clear();
  git.git_sha = base::sha1_hex(std::string("blob 18") + '\0' + text_);
  ASSERT_TRUE(get(git));
  EXPECT_EQ(at(place_), text_);
}

TEST_F(ModelFile, ThatIsEmptyIsAFileToo) {
  steps::FetchModelFile empty = step();
  empty.size = 0;
  empty.sha256 = base::sha256_hex("");
  machine_.world.web[url_].clear();
  ASSERT_TRUE(get(empty));
  EXPECT_TRUE(there(place_));
}

TEST_F(ModelFile, ThatTheHubDoesNotHaveFailsAtOnce) {
  machine_.world.web.clear();
  const auto run = get();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), Errc::absent);
}

}  // namespace
}  // namespace bringup::apply
