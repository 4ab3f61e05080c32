// SPDX-License-Identifier: Apache-2.0
#pragma once
// Exit codes: what a script may rely on. doc/exit-codes.md says the same in a table.

#include <bringup/base/result.hpp>

namespace bringup::cli {

enum Exit : int {
  exit_ok = 0,
  exit_failed = 1,
  exit_changes = 2,  // plan --detailed-exitcode: something to do; doctor, verify, status: degraded or drifted
  exit_reboot = 3,
  exit_refused = 4,
  exit_busy = 5,
  exit_stale = 6,
  exit_not_measured = 7,
  exit_usage = 64,
  exit_unreachable = 69,
  exit_internal = 70,
  exit_io = 74,
  exit_denied = 77,
  exit_deadline = 124,
  exit_interrupted = 130,
};

int exit_code(Errc code);

}  // namespace bringup::cli
