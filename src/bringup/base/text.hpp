// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small functions over text: cutting, joining, numbers, the nearest word, width on a terminal.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::base {

std::string_view trim(std::string_view text);
// Cuts at every `separator`; "a,,b" has three parts, "" has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
// Cuts at runs of blanks and tabs; no empty parts.
std::vector<std::string_view> words(std::string_view text);
// Cuts into lines; a last line end makes no empty line; "\r\n" counts as one line end.
std::vector<std::string_view> lines(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view between);
std::string lower(std::string_view text);
bool contains(std::string_view text, std::string_view part);

// The whole text as a decimal number; nullopt when any character is left over or it does not fit.
std::optional<std::int64_t> to_integer(std::string_view text);
// The whole text as a hexadecimal number, "0x" in front or not.
std::optional<std::uint64_t> to_hex(std::string_view text);

// The candidate that a mistyped `word` most likely means (edit distance, at most a third of its letters);
// nullopt when none is near.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// Columns that `text` takes on a terminal (UTF-8; East Asian wide characters count two).
std::size_t display_width(std::string_view text);
// `text` cut or padded with blanks to exactly `columns`; a cut ends in "…".
std::string fit(std::string_view text, std::size_t columns);
std::string pad(std::string_view text, std::size_t columns);
// Lines of at most `columns`, broken at blanks; a longer word gets a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);
// Text from outside made harmless for a terminal: control characters and broken UTF-8 shown as \xNN, tabs as
// blanks.
std::string harmless(std::string_view text);

// "80 GiB", "512 MiB", "3 KiB": binary units, at most three digits.
std::string human_bytes(std::uint64_t bytes);
// "0.4 s", "12 s", "3 min 20 s".
std::string human_seconds(double seconds);
// argv quoted so that it can be pasted into a shell.
std::string quoted(std::span<const std::string> argv);

}  // namespace bringup::base
