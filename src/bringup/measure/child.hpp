// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work in forked children: each returns a text, or its end is the error.

#include <bringup/base/result.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bringup::measure {

using Work = std::function<std::string()>;

// Runs each work in a child of its own, all at once; at the deadline those that still run are killed.
// Errc::timeout: killed at the deadline; Errc::failed: died by a signal, which is named; Errc::cancelled: the user said stop.
std::vector<Result<std::string>> in_children(const std::vector<Work>& works, std::chrono::milliseconds deadline);

}  // namespace bringup::measure
