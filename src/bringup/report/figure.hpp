// SPDX-License-Identifier: Apache-2.0
#pragma once
// Figures and verdicts as every form of the proof shows them: text, page, JUnit, Prometheus, comparison.

#include <bringup/facts/measurement.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::report {

// "3.28 TB/s", "749 TFLOP/s", "80 GiB", "0.4 s", "2 GPUs".
std::string human(double value, std::string_view unit);
// The number as JSON documents write it.
std::string exact(double value);

// The environment that a verdict is about, which its reason may begin with; "" when it is about none.
std::string_view environment_of(const facts::Verdict& verdict);
// The reason without that path.
std::string_view reason_of(const facts::Verdict& verdict);

// Every GPU that a verdict names, once, in the order of the verdicts.
std::vector<std::string> judged_gpus(std::span<const facts::Verdict> verdicts);
// A GPU is proven when something was measured on it and passed, and nothing about it alone failed or stayed
// open.
bool proven(std::string_view gpu, std::span<const facts::Verdict> verdicts);

// What tells verdicts apart: 1, or 2 and more for those that another with the same check, GPUs and
// environment precedes.
std::vector<int> case_numbers(std::span<const facts::Verdict> verdicts);

}  // namespace bringup::report
