// SPDX-License-Identifier: Apache-2.0
#pragma once
// Locks beside the goal: what an environment got on one machine is what it gets on the next.

#include <bringup/cli/line.hpp>
#include <bringup/steps/lock.hpp>

namespace bringup::cli {

struct EnvLock {
  std::string env;
  std::string file;
  steps::Lock lock;
};

// The locks that stand beside the goal's file, and the goal with what they pin. Errc::refused for one that
// was made for other packages or another Python.
struct LockedGoal {
  goal::Goal goal;
  std::vector<EnvLock> locks;
};
Result<LockedGoal> with_locks(goal::Goal goal, const Options& options, const host::View& view);

// The plan installs just what the locks name. Errc::refused when what was chosen for this machine is not what
// a lock was made for.
Result<> follow_locks(const std::vector<EnvLock>& locks, const Options& options, Decided& decided);

// What stands in the environments, written beside the goal's file where there is no lock yet. Nothing without
// a file.
Result<> keep_locks(const Options& options, const Doors& doors, const Decided& decided);
// The same after a run that was gone on with: its plan knows where the goal stands.
Result<> keep_locks(const Options& options, const Doors& doors, const apply::Run& run);

}  // namespace bringup::cli
