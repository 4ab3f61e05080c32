// SPDX-License-Identifier: Apache-2.0
#pragma once
// A proof in the forms that are kept: the page, JUnit, Prometheus.

#include <bringup/cli/line.hpp>

namespace bringup::cli {

// Whether the files that were asked for can be written where they are to be; asked before minutes are spent.
Result<> keepable(const Options& options);

// Writes what --html, --junit and --prometheus ask for, each whole or not at all.
Result<> keep(const Options& options, const Looked& looked, const goal::Goal& goal, const Proven& proven,
              const host::Clock& clock);

}  // namespace bringup::cli
