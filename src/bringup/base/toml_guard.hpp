// SPDX-License-Identifier: Apache-2.0
#pragma once
// What toml++ must not be fed: it sorts every character outside of strings and comments into kinds of blanks
// with code that is undefined for most letters beyond ASCII.

#include <bringup/base/result.hpp>

#include <string_view>

namespace bringup::base {

// Errc::malformed with file and line when a character beyond ASCII stands where only a key, a value or
// punctuation may.
Result<> ascii_outside_strings(std::string_view text, std::string_view name);

}  // namespace bringup::base
