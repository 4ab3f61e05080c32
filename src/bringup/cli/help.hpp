// SPDX-License-Identifier: Apache-2.0
#pragma once
// What --help prints: the table of verbs, or a verb's page.md with its options.

#include <string>
#include <string_view>

namespace bringup::cli {

std::string help_text();
std::string help_text(std::string_view verb);

}  // namespace bringup::cli
