#!/usr/bin/env bash
# module-fails.sh: the driver's module cannot be built on a real Debian 12: the compiler breaks; its source does not fit the
# kernel; the headers are not whole. Each time `up` ends with what the build's own log says, nothing is half there after `undo`, and once the cause is gone `resume` goes on.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
need_vendor_tools
begin_proxy
new_key right
driver 595.71.05
pinning 595
toolkit 13 0
index right
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
serve
vendor_catalog
prepare module-fails

# fails WHAT WORD..: up ends with 1, says each word, and undo gives back the tree.
fails() {
  local what=$1 code=0
  shift
  told "$what"
  up >"$cache/fails.up" 2>&1 || code=$?
  tail -n 14 "$cache/fails.up"
  [ "$code" = 1 ] || fail "$what: ended with $code and not with 1"
  for word in "$@"; do grep -q -- "$word" "$cache/fails.up" || fail "$what: '$word' was not said"; done
}
takes_back() {
  inside /usr/local/bin/bringup undo --yes >"$cache/fails.undo" 2>&1 || { tail "$cache/fails.undo"; fail "$1: undo"; }
  chroot "$root" dpkg --audit | grep . && fail "$1: dpkg has something to complain of"
  snapshot >"$cache/fails.after"
  diff <(without_left "$cache/fails.bare") <(without_left "$cache/fails.after") || fail "$1: undo did not give back the tree"
}

new_machine
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
inside apt-get -q update >/dev/null
inside apt-get -q -y --no-install-recommends install gcc-12 >/dev/null
compiler=$root/usr/bin/x86_64-linux-gnu-gcc-12
mv "$compiler" "$compiler.whole"
printf '#!/bin/sh\necho "gcc-12: fatal error: Killed signal terminated program cc1" >&2\nexit 1\n' >"$compiler"
chmod 755 "$compiler"
snapshot >"$cache/fails.bare"
fails "a compiler that breaks" "make.log" "Killed signal terminated program cc1"
takes_back "a compiler that breaks"
told "again, and the compiler is mended before resume"
up >"$cache/fails.up" 2>&1 && fail "it went well with a compiler that breaks"
mv "$compiler.whole" "$compiler"
inside /usr/local/bin/bringup resume --yes || fail "resume with a compiler that works"
chroot "$root" modinfo -k "$release" -F version nvidia | grep -qx 595.71.05 || fail "no module after resume"
new_machine
snapshot >"$cache/fails.bare"

source_that() { # source_that LINE: the driver's source has this line
  rm -f "$repo"/nvidia-kernel-open-dkms_* "$repo"/nvidia-open_* "$repo"/libcuda1_*
  driver_line=$1 driver 595.71.05
  index right
}
source_that 'int init_module(void) { return this_kernel_has_no_such_thing(); }'
new_machine
snapshot >"$cache/fails.bare"
fails "a source that does not fit the headers" "make.log" "this_kernel_has_no_such_thing"
takes_back "a source that does not fit the headers"
source_that ""
new_machine
inside apt-get -q update >/dev/null
inside apt-get -q -y --no-install-recommends install "linux-headers-$release" >/dev/null
rm "$root/usr/src/linux-headers-$release/include/generated/autoconf.h"
snapshot >"$cache/fails.bare"
fails "headers that are not whole" "make.log" "autoconf.h"
takes_back "headers that are not whole"
echo "three builds that failed were explained and taken back"
