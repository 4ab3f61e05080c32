// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the changing verbs share: where the journal is, asking, performing, telling how it ended.

#include <bringup/apply/apply.hpp>
#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>

namespace bringup::cli {

apply::Settings settings_of(const Options& options, const facts::User& user);

// The plan without the steps that need root, and without what rests on them; `left` names those.
steps::Plan user_part(const steps::Plan& plan, std::vector<std::string>& left);

// Asks (`question`; "": whether to do these steps), then performs. The exit code: 0, or as the failure says,
// with the way on told on standard error.
Result<int> perform(const Options& options, const Doors& doors, const facts::User& user,
                    const steps::Plan& plan, const std::string& question = "");

// Tells how a run ended, in a line.
std::string run_line(const apply::Run& run);

}  // namespace bringup::cli
