// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values become text for people, or one JSON document. Width and colour are arguments, so that the text is
// the same everywhere.

#include <bringup/catalog/catalog.hpp>
#include <bringup/diagnose/diagnose.hpp>
#include <bringup/diagnose/next_boot.hpp>
#include <bringup/diagnose/topology.hpp>
#include <bringup/facts/machine.hpp>
#include <bringup/facts/measurement.hpp>
#include <bringup/report/compare.hpp>
#include <bringup/report/proof.hpp>
#include <bringup/resolve/resolve.hpp>
#include <bringup/steps/step.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bringup::report {

struct Style {
  std::size_t columns = 80;
  bool colour = false;
  bool ascii = false;  // lines of drawings in ASCII, for a terminal that does not show others
};

std::string facts_text(const facts::Machine& machine, const Style& style);
std::string facts_json(const facts::Machine& machine);

// The drawing of how things hang together, who is how far from whom, and the order to use.
std::string topo_text(const diagnose::Topology& topology, const Style& style);
std::string topo_json(const diagnose::Topology& topology);

std::string doctor_text(const diagnose::Diagnosis& diagnosis, const Style& style);
std::string doctor_json(const diagnose::Diagnosis& diagnosis);

// `doctor --next-boot`.
std::string next_boot_text(const diagnose::Forecast& forecast, const Style& style);
std::string next_boot_json(const diagnose::Forecast& forecast);

// The choice as a table, the reasons, then every step with its why, then the models that come after them; or
// the conflict.
std::string plan_text(const resolve::Resolution& resolution, const steps::Plan& plan, const Style& style,
                      std::span<const goal::ModelGoal> models = {});
std::string plan_json(const resolve::Resolution& resolution, const steps::Plan& plan,
                      std::span<const goal::ModelGoal> models = {});

std::string verify_text(std::span<const facts::Verdict> verdicts, facts::Outcome overall,
                        double elapsed_seconds, const Style& style);
std::string verify_json(std::span<const facts::Verdict> verdicts, facts::Outcome overall,
                        double elapsed_seconds);

// `verify --compare`: what differs from an older proof.
std::string compare_text(const Comparison& comparison, const Style& style);
std::string compare_json(const Comparison& comparison);

}  // namespace bringup::report
