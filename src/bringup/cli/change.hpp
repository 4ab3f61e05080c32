// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the changing verbs share: where the journal is, asking, performing, telling how it ended.

#include <bringup/apply/apply.hpp>
#include <bringup/apply/at_boot.hpp>
#include <bringup/cli/line.hpp>
#include <bringup/cli/options.hpp>
#include <bringup/cli/verbs.hpp>
#include <bringup/facts/machine.hpp>

namespace bringup::cli {

// Where the journal is; asks no catalog, for a kept one lies there, too.
std::string state_directory_of(const Options& options, const facts::User& user);
apply::Settings settings_of(const Options& options, const facts::User& user);

// The part of a plan that is to be done now, and what is left: with --user-only the steps that need root, and
// what rests on them.
struct Part {
  steps::Plan plan;
  std::vector<steps::Step> left;
};
Part part_to_do(const Options& options, const steps::Plan& plan);
void tell_left(const Options& options, const Part& part);

// What a run needs to go on by itself after a power cut or the reboot that its driver waits for
// (`awaits_driver`); nothing where that is not wanted (policy.reboot = "never") or cannot be.
Result<std::optional<apply::Arming>> arming_for(const Options& options, const Doors& doors,
                                                const Decided& decided, bool awaits_driver);

// Asks (`question`; "": whether to do these steps), then performs, with a unit that goes on when cut off
// where `arming` is given. `resolved`: of Decided; what of it is not wanted is ended. The exit code: 0, or as
// the failure says, with the way on told on standard error.
Result<int> perform(const Options& options, const Doors& doors, const facts::User& user,
                    const steps::Plan& plan, const std::string& question = "",
                    const apply::Arming* arming = nullptr,
                    const std::shared_ptr<apply::ResolvedAhead>& resolved = nullptr);

// Proves what is there now. Without GPUs it is the environments on the CPU that count; a GPU that is not here
// yet is not a failure.
Result<int> tell_proof(const Options& options, const Doors& doors, const goal::Goal& goal,
                       bool gpus_expected);

// The part of `resume` that the unit calls at a boot: counts the boot, goes on, proves, takes the unit away.
Result<int> resume_at_boot(const Options& options, const Doors& doors);

// Whether a run that ended well waits for a boot, which its driver takes over at; it is told what that boot
// does.
Result<bool> waits_for_boot(const Options& options, const Doors& doors);
void tell_next_boot(const Options& options, const Doors& doors);
// What shim asks for at the next boot before it trusts a key; "" when it asks for nothing.
std::string code_at_the_console(const Options& options, const Doors& doors);

// Restarts the machine, now.
Result<> restart(const Doors& doors);

std::size_t gpus_of(const facts::Machine& machine);
bool driver_runs(const facts::Machine& machine);

// Tells how a run ended, in a line.
std::string run_line(const apply::Run& run);

}  // namespace bringup::cli
