// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words of severities and outcomes, with the tone that repeats them.

#include <bringup/report/paint.hpp>

namespace bringup::report {

Cell severity_cell(diagnose::Severity severity);
Cell outcome_cell(facts::Outcome outcome);

}  // namespace bringup::report
