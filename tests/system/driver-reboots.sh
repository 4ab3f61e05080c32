#!/usr/bin/env bash
# driver-reboots.sh [KILLS] [POWER CUTS] [debian]: a Debian 12 with its kernel gets headers, compiler, driver by DKMS, toolkit and an environment, and is killed
# (-9) or loses its power again and again on the way, each time gone on with by the unit or by `resume`, until the run ends; then a new machine and on, until
# the counts are used up. Each ends as the run that was left in peace, and undo gives back the tree. The driver and toolkit are those of the stand-in repository;
# apt, dpkg, DKMS, the compiler and the kernel's build are real. "debian" takes Debian's own driver, which is built for five minutes each time.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
kills=${1:-50}
cuts=${2:-20}
[ "${3:-}" != debian ] || debian=yes
need_vendor_tools
begin_proxy
if [ "${debian:-no}" = no ]; then
  new_key right
  driver 595.71.05
  pinning 595
  toolkit 13 0
  index right
  gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
  serve
  vendor_catalog
fi
prepare driver-reboots

# Whoever of bringup runs in the machine, and the package manager below it when "all" is said.
kill_inside() {
  local names='^bringup'
  [ "${1:-}" != all ] || names='^(bringup|apt-get|dpkg|dkms|make|uv|python|cc1|gcc)'
  pkill --ns "$leader" --nslist pid -KILL "$names" || true
}
at_work() { pgrep --ns "$leader" --nslist pid '^bringup' >/dev/null; }
armed() { [ -e "$root/etc/systemd/system/multi-user.target.d/bringup-at-boot.conf" ]; }
power_off() {
  # as a cut does: nobody in the machine is told
  kill -KILL "$leader"
  wait "$spawned" 2>/dev/null || true
  spawned=0
}
pause_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

told "in peace"
new_machine
snapshot >"$cache/driver.bare"
began=$(now_ms)
up >"$cache/driver.peace" 2>&1 || { tail -n 30 "$cache/driver.peace"; fail "up in peace"; }
whole=$(($(now_ms) - began))
printf 'up in peace: %s ms\n' "$whole"
snapshot >"$cache/driver.done"
[ -e "$root/srv/goal/pylock.dl.toml" ] || fail "no lock beside the goal"
armed && fail "the unit is still there after a run that ended well"
inside /usr/local/bin/bringup undo --yes >"$cache/driver.undo" 2>&1 || { tail "$cache/driver.undo"; fail "undo in peace"; }
snapshot >"$cache/driver.after"
diff <(without_left "$cache/driver.bare") <(without_left "$cache/driver.after") || fail "undo in peace did not give back the tree"

# Goes on with what was killed, or begins when nothing had begun.
go_on() {
  if inside /usr/local/bin/bringup history 2>/dev/null | grep -q 'has done nothing'; then
    up >>"$cache/driver.log" 2>&1 &
  else
    inside /usr/local/bin/bringup resume --yes >>"$cache/driver.log" 2>&1 &
  fi
  running=$!
}
ended() { inside /usr/local/bin/bringup history --json 2>/dev/null | grep -m 1 '"state"' | grep -q '"done"'; }

check_end() {
  snapshot >"$cache/driver.after"
  diff <(same_everywhere "$cache/driver.done") <(same_everywhere "$cache/driver.after") >"$cache/driver.diff" ||
    { head -n 20 "$cache/driver.diff"; fail "machine $number: not as the run that was left in peace"; }
  chroot "$root" dpkg --audit | grep . && fail "machine $number: dpkg has something to complain of"
  inside /usr/local/bin/bringup undo --yes >"$cache/driver.undo" 2>&1 || { tail "$cache/driver.undo"; fail "machine $number: undo"; }
  snapshot >"$cache/driver.after"
  diff <(without_left "$cache/driver.bare") <(without_left "$cache/driver.after") >"$cache/driver.diff" ||
    { head -n 20 "$cache/driver.diff"; fail "machine $number: undo did not give back the tree"; }
}

killed=0 cut=0 number=0
while [ $((killed + cut)) -lt $((kills + cuts)) ]; do
  number=$((number + 1))
  told "machine $number"
  new_machine
  : >"$cache/driver.log"
  up >>"$cache/driver.log" 2>&1 &
  running=$!
  idle=0
  while :; do
    # mostly soon, and one time in seven so late that a build of minutes comes to its end
    longest=$((RANDOM % 7 == 0 ? whole : whole / 10))
    wait_ms=$((RANDOM % 1000 + (RANDOM * 32768 + RANDOM) % (longest + 1)))
    for ((waited = 0; waited < wait_ms; waited += 200)); do
      at_work || break
      pause_ms 200
    done
    if ! at_work; then
      wait "$running" 2>/dev/null || true
      ! ended || break
      # it stands, and nobody is at work: a run that failed because what was killed with it was not its own
      idle=$((idle + 1))
      [ "$idle" -lt 5 ] || { tail -n 30 "$cache/driver.log"; fail "machine $number: it does not go on"; }
      go_on
      sleep 0.5
      continue
    fi
    idle=0
    left=$((kills - killed + cuts - cut))
    [ "$left" -gt 0 ] || { sleep 1; continue; }
    if [ $((RANDOM % left)) -lt $((kills - killed)) ]; then
      killed=$((killed + 1))
      how=$([ $((killed % 2)) = 0 ] && echo all || echo alone)
      kill_inside "$how"
      wait "$running" 2>/dev/null || true
      began=$(now_ms)
      go_on
      printf 'kill %s/%s (%s) after %s ms: ' "$killed" "$kills" "$how" "$wait_ms"
    else
      cut=$((cut + 1))
      power_off
      wait "$running" 2>/dev/null || true
      began=$(now_ms)
      boot >/dev/null
      how="the unit"
      if ! armed; then
        how=resume
        go_on
      fi
      printf 'power cut %s/%s after %s ms, by %s: ' "$cut" "$cuts" "$wait_ms" "$how"
    fi
    for _ in $(seq 1 100); do ! at_work || break; sleep 0.05; done
    printf 'at work again after %s ms\n' $(($(now_ms) - began))
  done
  if armed; then fail "machine $number: the unit is still there after the end"; fi
  [ -e "$root/srv/goal/pylock.dl.toml" ] || fail "machine $number: no lock beside the goal"
  check_end
  printf 'machine %s: ended as the one in peace, and undone (%s kills and %s power cuts so far)\n' "$number" "$killed" "$cut"
done
echo "$killed kills and $cut power cuts on $number machines: all converged"
