// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why one part of the choice is as it is, for people and for programs.

#include <bringup/report/report.hpp>
#include <bringup/resolve/why.hpp>

namespace bringup::report {

std::string why_text(const resolve::Why& why, const Style& style);
std::string why_json(const resolve::Why& why);

}  // namespace bringup::report
