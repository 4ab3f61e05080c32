// SPDX-License-Identifier: Apache-2.0
#pragma once
// Proofs for the page, JUnit and Prometheus: eight GPUs made of the two that were recorded, one of them slow.

#include <bringup/diagnose/native.hpp>
#include <bringup/facts/native_json.hpp>
#include <bringup/report/report.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace bringup::report_testing {

facts::NativeProof recorded_proof(const char* name);
void scale(facts::Reading<facts::Rate>& rate, double by);
void scale(facts::NativeGpu& gpu, double by);

// `count` GPUs behind a switch, each a little different; when they are there, GPU 5 is slow in its memory
// and GPU 3 on its way to the host.
facts::NativeProof made_up_proof(int count);

// Everything that a ProofReport points at.
struct Proof {
  facts::Machine machine;
  facts::Measurements measurements;
  std::vector<facts::Verdict> verdicts;
  facts::Outcome overall = facts::Outcome::not_measured;

  report::ProofReport report() const {
    return {.machine = machine,
            .measurements = measurements,
            .verdicts = verdicts,
            .overall = overall,
            .elapsed_seconds = measurements.elapsed_seconds,
            .made_at = "2026-11-25T01:23:45Z",
            .version = "0.1.0"};
  }
};
Proof judged(facts::Machine machine, facts::NativeProof native);

// A server of two sockets, four GPUs on each, with NVSwitches between the GPUs.
Proof made_up(int count);

// Without a GPU, and without a measurement.
Proof nothing_there();

}  // namespace bringup::report_testing
