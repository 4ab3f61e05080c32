// SPDX-License-Identifier: Apache-2.0
// What the script tells, line by line: what is read of it, and that nothing else becomes a proof.
#include <bringup/measure/env_told.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bringup::measure {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Error kOpen(Errc::failed, "python was killed");

std::string line(const std::string& json) {
  return "\nbringup-proof: " + json + "\n";
}

TEST(EnvTold, KeepsWhatEndedAndNamesWhatDidNot) {
  const EnvTold told =
      read_told(line(R"({"import": "torch", "begun": true})") +
                    line(R"({"import": "torch", "version": "2.4.1", "cuda": "12.1"})") +
                    line(R"({"counting": true, "begun": true})") + line(R"({"device": -1, "begun": true})") +
                    line(R"({"counting": true, "count": 2})") +
                    line(R"({"deed": "training", "index": 1, "begun": true})"),
                kOpen);
  EXPECT_TRUE(told.any);
  EXPECT_FALSE(told.whole);
  EXPECT_EQ(told.doing, "multiplying matrices on the CPU, training on cuda:1");
  EXPECT_THAT(told.proof.imports, ElementsAre(facts::ImportProof{"torch", std::string("2.4.1"), "12.1"}));
  EXPECT_EQ(told.proof.device_count, facts::Reading<int>(2));
  ASSERT_THAT(told.proof.devices, SizeIs(1));
  EXPECT_EQ(told.proof.devices[0].seconds.error(), kOpen);
  ASSERT_THAT(told.proof.deeds, SizeIs(1));
  EXPECT_EQ(told.proof.deeds[0].index, 1);
  EXPECT_EQ(told.proof.deeds[0].seconds.error(), kOpen);
}

TEST(EnvTold, PassesOverWhatModulesPrint) {
  const EnvTold told =
      read_told("half a line\n{}\nbringup-proof\nbringup-proof: [1]\nbringup-proof: null\n" +
                    line(R"({"deed": "training", "index": 0, "seconds": 2.5, "how": "bf16", )"
                         R"("steps": 30, "first": 4.0, "last": 0.5})") +
                    line(R"({"end": true})") + "bringup-proof: {\"device\": 0, \"sec",
                kOpen);
  EXPECT_TRUE(told.whole);
  EXPECT_EQ(told.doing, "");
  EXPECT_THAT(told.proof.devices, IsEmpty());
  ASSERT_THAT(told.proof.deeds, SizeIs(1));
  const facts::EnvDeed wanted{.name = "training",
                              .index = 0,
                              .seconds = 2.5,
                              .how = "bf16",
                              .loss = facts::LossFall{.steps = 30, .first = 4.0, .last = 0.5}};
  EXPECT_EQ(told.proof.deeds[0], wanted);
}

TEST(EnvTold, KeepsTheKindOfAnError) {
  const std::vector<std::pair<const char*, Errc>> kinds{
      {"absent", Errc::absent},   {"unsupported", Errc::unsupported}, {"busy", Errc::busy},
      {"timeout", Errc::timeout}, {"failed", Errc::failed},           {"pass", Errc::failed}};
  for (const auto& [kind, code] : kinds) {
    const EnvTold told = read_told(
        line(fmt::format(R"({{"deed": "compile", "index": 0, "seconds": 1, "error": "no", "kind": "{}"}})",
                         kind)),
        kOpen);
    ASSERT_THAT(told.proof.deeds, SizeIs(1));
    EXPECT_EQ(told.proof.deeds[0].seconds.error(), Error(code, "no"));
  }
}

class NoDeed : public testing::TestWithParam<const char*> {};
TEST_P(NoDeed, IsProvenByAnAnswerInAnotherForm) {
  const EnvTold told = read_told(line(GetParam()), kOpen);
  for (const facts::EnvDeed& deed : told.proof.deeds) {
    ASSERT_FALSE(deed.seconds) << deed.name;
    EXPECT_EQ(deed.seconds.error().code(), Errc::malformed);
  }
  for (const facts::DeviceProof& device : told.proof.devices) EXPECT_FALSE(device.seconds);
  EXPECT_FALSE(told.proof.device_count);
}
INSTANTIATE_TEST_SUITE_P(
    Answers, NoDeed,
    testing::Values(
        R"({"deed": "training", "index": 0, "seconds": 1})",
        R"({"deed": "training", "index": 0, "seconds": 1, "steps": 30, "first": 1.0, "last": 1.0})",
        R"({"deed": "training", "index": 0, "seconds": 1, "steps": 0, "first": 2.0, "last": 1.0})",
        R"({"deed": "training", "index": 0, "seconds": 1, "steps": 9, "first": "2", "last": null})",
        R"({"deed": "training", "index": 0, "seconds": 0, "steps": 9, "first": 2, "last": 1})",
        R"({"deed": "training", "index": 0, "seconds": -1, "steps": 9, "first": 2, "last": 1})",
        R"({"deed": "training", "index": 0, "seconds": 1e999, "steps": 9, "first": 2, "last": 1})",
        R"({"deed": "all-reduce", "seconds": 1, "ranks": 2, "reduced": []})",
        R"({"deed": "all-reduce", "seconds": 1, "ranks": 2, "reduced": {"bytes": 4}})",
        R"({"deed": "all-reduce", "seconds": 1, "ranks": 2, "reduced": [[4], ["4", 1], [-4, 1], [4, 0], 7]})",
        R"({"deed": "all-reduce", "seconds": 1, "ranks": 1, "reduced": [[4, 1]]})",
        R"({"deed": "data loader", "seconds": 1})", R"({"deed": "data loader", "seconds": 1, "workers": 0})",
        R"({"deed": "compile", "seconds": null})", R"({"deed": "compile", "seconds": "1"})",
        R"({"device": 0, "seconds": true})", R"({"device": 99999999999, "seconds": 1})",
        R"({"device": "0", "seconds": 1})", R"({"counting": true, "count": -1})",
        R"({"counting": true, "count": 1.5})", R"({"counting": true})", R"({"begun": true})"));

}  // namespace
}  // namespace bringup::measure
