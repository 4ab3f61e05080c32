// SPDX-License-Identifier: Apache-2.0
#pragma once
// The terminal: what is told while something goes on, and what is asked.

#include <bringup/apply/apply.hpp>
#include <bringup/cli/options.hpp>
#include <bringup/report/report.hpp>

#include <memory>
#include <string_view>

namespace bringup::cli {

// Width and colour for standard output.
report::Style output_style(const Options& options);

// A line of talk on standard error; nothing with --quiet.
void say(const Options& options, std::string_view line);

// Columns of the terminal that standard error is; 0: it is none, or only lines are wanted.
std::size_t error_columns();
// Text for that terminal as it is, movements of the cursor included.
void draw(std::string_view text);

// Text or a JSON document on standard output. An error when it could not be written (a full disk, a closed
// pipe).
Result<> print(std::string_view text);

// Whether a question would reach somebody.
bool can_ask(const Options& options);

// Asks on the terminal; --yes answers yes. Without a terminal, and with --no-input, it is Errc::refused and
// says how to go on.
Result<bool> agree(const Options& options, std::string_view question);

// Tells of steps: on a terminal one line that moves, with time left where it is known; elsewhere a line when
// a step begins and ends.
// `back`: the steps are taken back.
std::unique_ptr<apply::Observer> make_observer(const Options& options, bool back = false);

}  // namespace bringup::cli
