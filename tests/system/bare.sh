#!/usr/bin/env bash
# bare.sh SUITE: a bare Debian without GPU, from clone to a proven environment; nothing to do the second time; undo gives back the tree.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
suite=${1:-bookworm}
need_tools
base_root "$suite" "bare-$suite" zsh
fresh_machine "bare-$suite-run" "bare-$suite"
boot

if [ -z "${BRINGUP_SYSTEM_PROGRAM:-}" ]; then
told "the launcher without root prints the command and stops"
code=0
as_user ./bringup.sh up --yes >"$root.noroot" 2>&1 || code=$?
cat "$root.noroot"
[ "$code" = 77 ] || fail "without root the launcher ended with $code"
grep -q 'apt-get install' "$root.noroot" || fail "the launcher did not print its command"
fi

told "the launcher builds the program"
inside ./bringup.sh --version --yes || fail "the build failed"
inside sh -c 'command -v python3' >/dev/null && echo "the build brought python3 along"
snapshot >"$root.before"

told "up"
inside ./bringup.sh up --yes --state /var/lib/bringup 2>&1 | tee "$root.up"
grep -q '0 of 0 GPUs' "$root.up" || fail "up did not say 0 of 0 GPUs"

told "up again"
began=$(date +%s%N)
inside build/bringup up --yes 2>&1 | tee "$root.again"
printf 'second up: %s ms with the container call\n' $((($(date +%s%N) - began) / 1000000))
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
inside bash -c 'TIMEFORMAT="second up: %R s elapsed, %U s user, %S s system"; time build/bringup up --yes >/dev/null 2>&1'

told "reboot, status, verify"
reboot_machine
inside build/bringup status || fail "status after a reboot: $?"
code=0
inside build/bringup verify || code=$?
[ "$code" = 7 ] || fail "verify without GPU ended with $code and not with 7"

told "undo"
inside build/bringup undo --yes
snapshot >"$root.after"
diff "$root.before" "$root.after" || fail "undo did not give back the tree"
echo "undo gave back every file and package"
