// SPDX-License-Identifier: Apache-2.0
#pragma once
// The catalog's own tables read several times faster than a whole TOML reader does it: they are parsed
// whenever the program starts. What is not of their plain form is left to that reader, and so is every
// complaint.

#include <bringup/base/toml.hpp>

#include <optional>
#include <string_view>

namespace bringup::catalog {

// Comments, [[tables]] and lines `key = "text" | number | true | false | ["text", ..]`, all in ASCII and
// without escapes; nullopt for anything else. What it gives is what base::parse_toml() gives.
std::optional<base::Toml> quick_toml(std::string_view text);

}  // namespace bringup::catalog
