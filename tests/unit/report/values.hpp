// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values for the reports: each with every field set, every text from outside being `words`; and the looks at
// a text that every report must stand.

#include <bringup/base/text.hpp>
#include <bringup/report/report.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace bringup::report_testing {

facts::PcieLink link();
facts::NvmlGpu full_nvml_gpu(int index, const std::string& pci, const std::string& words);
facts::PciFunction full_function(const std::string& address, facts::PciKind kind, const std::string& words);
void fill_software(facts::Machine& m, const std::string& words);
facts::Boot full_boot(const std::string& words);
facts::Machine full_machine(const std::string& words);
std::vector<steps::Step> every_kind_of_step(const std::string& words);
diagnose::Diagnosis full_diagnosis(const std::string& words);
resolve::Choice full_choice(const std::string& words);
resolve::Conflict full_conflict(const std::string& words);
std::vector<facts::Verdict> full_verdicts(const std::string& words);

// A native proof of two GPUs, with their links, every text being `words`.
facts::NativeProof full_native(const std::string& words);
diagnose::Topology full_topology(const std::string& words);

// The page, JUnit and Prometheus about values whose texts are `words`.
struct ProofForms {
  std::string html;
  std::string junit;
  std::string prometheus;
};
ProofForms every_proof(const std::string& words);

// Every report about values whose texts are `words`.
std::vector<std::string> every_text(const std::string& words, const report::Style& style);
std::vector<std::string> every_json(const std::string& words);

// The text without the colours that a report may use.
std::string without_colour(std::string text);

// The first line that is too wide and not one path alone; "" when there is none.
std::string too_wide(const std::string& text, std::size_t columns);
bool valid_utf8(const std::string& text);

// Where a character stands that steers a terminal, other than a line end; npos when there is none.
std::size_t control_at(std::string_view text);

}  // namespace bringup::report_testing
