#!/usr/bin/env bash
# reboots.sh [KILLS] [POWER CUTS]: a bare Debian 13 in which `up` is killed (-9) or the machine loses its power at random moments; killed, it is
# resumed by hand; cut off, it is booted again and the unit goes on by itself. Each ends as the run that was left in peace, or with nothing begun.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
kills=${1:-10}
cuts=${2:-10}
need_tools
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 13 (a release build of Debian 12 will do)"
base_root trixie bare-trixie zsh
printf '[[env]]\nname = "dl"\npackages = ["numpy"]\n' >"$cache/reboots.toml"

# Boots on which the network comes late, and somebody's apt has dpkg's lock for a while after that.
late_boot() {
  local units=$root/etc/systemd/system
  mkdir -p "$units/network-online.target.wants" "$units/multi-user.target.wants"
  printf '[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nExecStart=/bin/sleep 3\n' >"$units/late-network.service"
  printf '[Service]\nExecStart=/usr/bin/perl /root/hold-lock\n' >"$units/others-apt.service"
  ln -s ../late-network.service "$units/network-online.target.wants/"
  ln -s ../others-apt.service "$units/multi-user.target.wants/"
  cat >"$root/root/hold-lock" <<'PERL'
open(my $lock, ">>", "/var/lib/dpkg/lock-frontend") or die;
my $whole = pack("s s x4 q q i x4", 1, 0, 0, 0, 0);  # struct flock of a write lock
fcntl($lock, 6, $whole) or die "$!";
sleep 8;
PERL
}
# Of a boot that the unit went on by itself: not before the network was there.
check_order() {
  local said
  said=$(inside journalctl -b -o short-monotonic | grep -E 'Reached target network-online|Started bringup-at-boot' || true)
  [ "$(grep -c . <<<"$said")" = 2 ] && head -n 1 <<<"$said" | grep -q network-online || { echo "$said"; fail "$1: the unit did not wait for the network"; }
}

begin() {
  fresh_machine bare-trixie-reboots bare-trixie >/dev/null
  cp "$cache/reboots.toml" "$root/root/bringup.toml"
  mkdir -p "$root/usr/local/bin"
  cp "$BRINGUP_SYSTEM_PROGRAM" "$root/usr/local/bin/bringup"
  # the unit's own environment: the network's CA and proxies as an administrator would set them
  mkdir -p "$root/etc/systemd/system.conf.d"
  { echo '[Manager]'; echo -n 'DefaultEnvironment='; session /root | grep -v '^HOME=\|^TERM=\|^PATH=' | tr '\n' ' '; echo; } >"$root/etc/systemd/system.conf.d/network.conf"
  late_boot
  boot >/dev/null
}
up() { inside /usr/local/bin/bringup up --yes --goal /root/bringup.toml; }
power_off() {
  # as a cut does: nobody in the machine is told
  kill -KILL "$leader"
  wait "$spawned" 2>/dev/null || true
  spawned=0
}
ended() {
  inside /usr/local/bin/bringup status >"$root.status" 2>&1
}

told "in peace"
begin
snapshot >"$root.bare"
began=$(date +%s%N)
up >"$root.peace" 2>&1 || { tail "$root.peace"; fail "up in peace"; }
whole=$((($(date +%s%N) - began) / 1000000))
printf 'up in peace: %s ms\n' "$whole"
[ ! -e "$root/etc/systemd/system/bringup-at-boot.service" ] || fail "the unit is still there after a run that ended well"
snapshot >"$root.done"
inside /usr/local/bin/bringup undo --yes >/dev/null 2>&1
snapshot >"$root.after"
diff "$root.bare" "$root.after" || fail "undo in peace"
shut_down

check_end() {
  snapshot >"$root.after"
  if grep -q 'done nothing' "$root.status"; then
    diff "$root.bare" "$root.after" >"$root.diff" || { head "$root.diff"; fail "$1: nothing had begun, and something is changed"; }
  else
    # dates and build times of what is made anew apart, the same files and packages
    diff <(grep -v 'site-packages\|__pycache__' "$root.done") <(grep -v 'site-packages\|__pycache__' "$root.after") >"$root.diff" ||
      { head "$root.diff"; fail "$1: not as the run that was left in peace"; }
    inside /usr/local/bin/bringup undo --yes >"$root.undo" 2>&1 || { tail "$root.undo"; fail "$1: undo"; }
    snapshot >"$root.after"
    diff "$root.bare" "$root.after" >"$root.diff" || { head "$root.diff"; fail "$1: undo did not give back the tree"; }
  fi
}

# A fresh machine, and `up` on its way for a random part of the time that it takes in peace.
begin_and_wait() {
  begin
  at=$((RANDOM * RANDOM % whole))
  up >"$root.up" 2>&1 &
  running=$!
  sleep "$(printf '%d.%03d' $((at / 1000)) $((at % 1000)))"
}

for n in $(seq 1 "$kills"); do
  begin_and_wait
  pkill --ns "$leader" --nslist pid -KILL '^bringup' || echo "(it had ended)"
  wait "$running" 2>/dev/null || true
  began=$(date +%s%N)
  inside /usr/local/bin/bringup resume --yes >"$root.resume" 2>&1 || grep -q 'nothing to go on with' "$root.resume" || { tail "$root.resume"; fail "kill $n at $at ms: resume"; }
  printf 'kill %s at %s ms: resumed in %s ms\n' "$n" "$at" $((($(date +%s%N) - began) / 1000000))
  ended || { cat "$root.status"; fail "kill $n: status $?"; }
  check_end "kill $n at $at ms"
  shut_down
done

for n in $(seq 1 "$cuts"); do
  begin_and_wait
  power_off
  wait "$running" 2>/dev/null || true
  began=$(date +%s%N)
  armed=false
  [ ! -e "$root/etc/systemd/system/multi-user.target.d/bringup-at-boot.conf" ] || armed=true
  boot >/dev/null
  for _ in $(seq 1 3000); do
    [ -e "$root/etc/systemd/system/multi-user.target.d/bringup-at-boot.conf" ] || break
    sleep 0.1
  done
  $armed || printf '(nothing was to be gone on with) '
  printf 'power cut %s at %s ms: booted and gone on in %s ms\n' "$n" "$at" $((($(date +%s%N) - began) / 1000000))
  ended || { cat "$root.status"; tail "$root.console"; fail "power cut $n at $at ms: status"; }
  ! $armed || check_order "power cut $n at $at ms"
  for left in etc/systemd/system/bringup-at-boot.service etc/systemd/system/multi-user.target.d usr/local/sbin/bringup-at-boot var/lib/bringup/at-boot.json; do
    [ ! -e "$root/$left" ] || fail "power cut $n: $left is still there"
  done
  check_end "power cut $n at $at ms"
  shut_down
done
echo "$kills kills and $cuts power cuts: all converged"
