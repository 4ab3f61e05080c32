// SPDX-License-Identifier: Apache-2.0
#pragma once
// The catalog that a signed file puts in place of the compiled-in one.

#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>

namespace bringup::cli {

// Before anything asks the catalog: takes the file that `catalog use` kept, when there is one that is whole,
// not expired and nobody else's to write. What is wrong with it is told, and the compiled-in catalog serves.
void take_catalog(const Options& options, const host::View& view);

// `catalog use FILE`: checks the file and keeps it.
Result<int> use_catalog(const Options& options, const Doors& doors, const std::string& file);

// `catalog refresh`.
Result<int> refresh_catalog(const Options& options, const Doors& doors);

// Replaces a file as a whole, or leaves what was there.
Result<> write_whole(const std::string& path, std::string_view text);

}  // namespace bringup::cli
