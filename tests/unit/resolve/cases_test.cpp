// SPDX-License-Identifier: Apache-2.0
// The table of machines and goals with what the rules ask for: GPUs alone and mixed. Systems, sources and
// goals are in the files beside this one.
#include <bringup/base/text.hpp>

#include <fmt/format.h>

#include "unit/resolve/row.hpp"
#include <ostream>

namespace bringup::testing_support {

void PrintTo(const Row& row, std::ostream* out) {
  *out << fmt::format("[{}] {} {} reachable: {}", row.gpus, row.os, row.more, row.reachable);
}

std::string name_of(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

TEST_P(Cases, GetWhatTheRulesAskFor) {
  const Row& row = GetParam();
  const auto answer = resolve::resolve(machine_of(row), goal_of(row.goal), catalog::built_in(), kToday);
  EXPECT_EQ(difference(answer, row.expected), "") << base::join(told(answer), "\n");
}

namespace {

// One GPU with Ubuntu 24.04, its compiler, and everything reachable.
Row alone(std::string name, std::string gpus, std::string expected) {
  return {std::move(name), std::move(gpus), "ubuntu-24.04", "all", "gcc = \"13\"", "", std::move(expected)};
}

// Turing and later: the newest production branch, open modules, the newest tried trio and its toolkit.
constexpr const char* kModern =
    "driver install 595 open nvidia | toolkit install 13.0 nvidia | python uv 3.12 | torch 2.14.1+cu130 pypi "
    "| "
    "torchvision 0.29.1+cu130 pypi | torchaudio 2.11.0+cu130 pypi";
// Maxwell to Volta: the last branch that serves them, and the last CUDA with code for them.
constexpr const char* kOld =
    "driver install 580 proprietary nvidia | toolkit install 12.6 nvidia | torch 2.11.0+cu126 pytorch | "
    "torchvision 0.26.0+cu126 pytorch | torchaudio 2.11.0+cu126 pytorch";
constexpr const char* kKepler =
    "driver install 470 proprietary nvidia | toolkit none | torch 2.5.1+cu118 pytorch | notice "
    "driver-end-of-life";

INSTANTIATE_TEST_SUITE_P(
    Alone, Cases,
    testing::Values(
        alone("KeplerK80", "K80", kKepler),
        alone("KeplerWithoutCodeInAnyWheel", "GTX 680", "conflict: GTX 680 | environment dl: torch"),
        alone("MaxwellGtx750Ti", "GTX 750 Ti", kOld), alone("MaxwellGtx980", "GTX 980", kOld),
        alone("MaxwellM40", "8x M40", kOld), alone("PascalP100", "4x P100", kOld),
        alone("PascalP40", "P40", kOld), alone("PascalGtx1080", "2x GTX 1080", kOld),
        alone("VoltaV100", "8x V100 SXM2 32GB", kOld), alone("VoltaTitanV", "TITAN V", kOld),
        alone("TuringT4", "4x T4", kModern), alone("TuringRtx2080Ti", "RTX 2080 Ti", kModern),
        alone("TuringGtx1650", "GTX 1650", kModern), alone("TuringTitanRtx", "TITAN RTX", kModern),
        alone("AmpereA100", "8x A100 SXM4 80GB", kModern), alone("AmpereA10", "A10", kModern),
        alone("AmpereA40", "2x A40", kModern), alone("AmpereRtx3090", "4x RTX 3090", kModern),
        alone("AmpereRtxA6000", "RTX A6000", kModern), alone("AdaRtx4090", "4x RTX 4090", kModern),
        alone("AdaL4", "L4", kModern), alone("AdaL40S", "8x L40S", kModern),
        alone("HopperH100", "8x H100", kModern), alone("HopperH200", "8x H200", kModern),
        alone("HopperH200Nvl", "2x H200 NVL", kModern), alone("HopperH20", "8x H20", kModern),
        alone("BlackwellB200", "8x B200", kModern), alone("BlackwellB300", "8x 10de:3182", kModern),
        alone("BlackwellRtx5090", "2x RTX 5090", kModern),
        alone("BlackwellRtxPro6000", "RTX PRO 6000 Blackwell Server Edition", kModern),
        // Listed by 580 only, so far.
        alone("BlackwellRtxPro6000D", "10de:2bb2",
              "driver install 580 open nvidia | torch 2.14.1+cu130 pypi"),
        // Only the newest branch speaks of Rubin.
        alone("RubinNeedsTheNewestBranch", "10de:3021", "driver install 615 open nvidia"),
        alone("WithoutKnownComputeCapability", "10de:3200",
              "conflict: compute capability is not known | environment dl: "
              "torch")),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Mixed, Cases,
    testing::Values(alone("V100AndRtx4090", "2x V100 SXM2 32GB + 2x RTX 4090", kOld),
                    alone("V100AndRtx3090", "V100 + RTX 3090", kOld), alone("V100AndT4", "V100 + T4", kOld),
                    alone("P100AndA100", "P100 + A100", kOld),
                    alone("Gtx1080AndRtx3090", "GTX 1080 + RTX 3090", kOld),
                    alone("M40AndH100", "M40 + H100", kOld), alone("Gtx980AndV100", "GTX 980 + V100", kOld),
                    alone("Rtx4090AndRtx5090", "RTX 4090 + RTX 5090", kModern),
                    alone("T4AndB200", "T4 + B200", kModern),
                    alone("H100AndH200", "4x H100 + 4x H200", kModern),
                    alone("A100AndRtx4090", "A100 + RTX 4090", kModern),
                    alone("Rtx2080TiAndRtx5090", "RTX 2080 Ti + RTX 5090", kModern),
                    alone("K80AndV100", "K80 + V100", kKepler), alone("K80AndA100", "K80 + A100", kKepler),
                    alone("V100AndRtx5090", "2x V100 + 2x RTX 5090",
                          "conflict: GPU 0000:01:00.0 Tesla V100 | GPU 0000:03:00.0 GeForce RTX 5090"),
                    alone("V100AndRtx5090SayWhy", "V100 + RTX 5090",
                          "conflict: not Volta | Blackwell needs the open kernel modules"),
                    alone("Gtx1080AndRtx5090", "GTX 1080 + RTX 5090",
                          "conflict: not Pascal | Blackwell needs the open kernel modules"),
                    alone("Gtx980AndB200", "GTX 980 + B200",
                          "conflict: not Maxwell | Blackwell needs the open kernel modules"),
                    alone("K80AndRtx4090", "K80 + RTX 4090", "conflict: not Kepler | up to Ampere, not Ada"),
                    alone("K80AndH100", "K80 + H100", "conflict: not Kepler | up to Ampere, not Hopper"),
                    alone("ThreeGenerationsOfWhichTwoCannotBe", "V100 + RTX 4090 + RTX 5090",
                          "conflict: Tesla V100 | GeForce RTX 5090")),
    name_of);

}  // namespace
}  // namespace bringup::testing_support
