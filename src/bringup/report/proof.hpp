// SPDX-License-Identifier: Apache-2.0
#pragma once
// What was proven, in the forms that are kept: one page for people, JUnit for CI, Prometheus for monitoring.

#include <bringup/diagnose/diagnose.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/resolve/resolve.hpp>

#include <span>
#include <string>

namespace bringup::report {

struct ProofReport {
  const facts::Machine& machine;
  const facts::Measurements& measurements;
  std::span<const facts::Verdict> verdicts;
  facts::Outcome overall = facts::Outcome::not_measured;
  double elapsed_seconds = 0;
  std::string made_at;  // "2026-11-25T01:23:45Z"
  std::string version;  // of this program
  // Each may be left out; the page then has no such part.
  const resolve::Resolution* resolution = nullptr;
  const diagnose::Diagnosis* diagnosis = nullptr;
  const diagnose::Topology* topology = nullptr;
};

// One file that needs nothing else: no script, no network, no fonts.
std::string proof_html(const ProofReport& report);

// One test case for each verdict. Names are made of check, GPUs and environment and stay the same from run to
// run.
std::string proof_junit(const ProofReport& report);

// For node_exporter's textfile collector.
std::string proof_prometheus(const ProofReport& report);

}  // namespace bringup::report
