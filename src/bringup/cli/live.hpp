// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is seen while GPUs are measured: one line for a short proof, a table of all GPUs that is drawn again
// and again while they are soaked.

#include <bringup/cli/options.hpp>
#include <bringup/measure/native.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bringup::cli {

// The lines for a screen of that many columns. `seconds`: since it began.
std::vector<std::string> live_lines(const measure::NativeProgress& progress, double seconds,
                                    std::size_t columns);

// Draws on standard error when that is a terminal; elsewhere it says a line now and then. Nothing with
// --quiet. The last one to be destroyed leaves a clean line behind.
std::function<void(const measure::NativeProgress&)> live_screen(const Options& options);

}  // namespace bringup::cli
