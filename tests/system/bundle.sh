#!/usr/bin/env bash
# bundle.sh [PACKAGE..]: a bundle made here, with a network; a bare Debian 12 that is booted without any gets its environment from it, proves it
# and gives it back. PACKAGES are the goal's (torch when none are named). Needs BRINGUP_SYSTEM_PROGRAM: a program built already for Debian 12.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
need_tools
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program"
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || skip "a bundle for Debian 12 is made on Debian 12"
[ $# -gt 0 ] || set -- torch
base_root bookworm bare-bookworm zsh
fresh_machine bundle-run bare-bookworm

told "create, killed and begun again"
bundle=$cache/bundle
rm -rf "$bundle"
mkdir -p "$bundle.goal"
printf '[[env]]\nname = "dl"\npackages = [%s]\n' "$(printf '"%s",' "$@" | sed 's/,$//')" >"$bundle.goal/bringup.toml"
create() { "$BRINGUP_SYSTEM_PROGRAM" bundle create "$bundle" --goal "$bundle.goal/bringup.toml" --yes; }
(create >"$bundle.first" 2>&1) &
first=$!
until [ -d "$bundle/apt/pool" ] || ! kill -0 $first 2>/dev/null; do sleep 0.2; done
pkill -KILL -P $first || true
kill -KILL $first 2>/dev/null || true
[ ! -f "$bundle/manifest.json" ] || echo "the first attempt was through before it could be killed"
"$BRINGUP_SYSTEM_PROGRAM" bundle use "$bundle" --dry-run && fail "half a bundle was used"
create
[ -f "$bundle/manifest.json" ] || fail "no manifest"
du -sh "$bundle"
mkdir -p "$root/srv"
mv "$bundle" "$root/srv/bundle"

# No interface but the loopback one: the container's own network namespace.
private_boot() {
  systemd-nspawn --quiet -b --private-network -D "$root" --register=no --keep-unit -M "$machine" --console=pipe </dev/null >"$root.console" 2>&1 &
  spawned=$!
  for _ in $(seq 1 1200); do
    leader=$(pgrep -P "$spawned" | head -n 1 || true)
    state=""
    [ -z "$leader" ] || state=$(nsenter -t "$leader" -m -p -u -i -n systemctl is-system-running 2>/dev/null || true)
    [ "$state" != running ] && [ "$state" != degraded ] || return 0
    kill -0 "$spawned" 2>/dev/null || fail "the container did not start: $(tail -n 3 "$root.console")"
    sleep 0.1
  done
  fail "the container did not boot in two minutes"
}
alone() { nsenter -t "$leader" -m -p -u -i -n env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null; }

told "boot without a network"
private_boot
[ "$(alone ls /sys/class/net)" = lo ] || fail "there is a network"
snapshot >"$root.before"
b=/srv/bundle

told "a tampered file is named, and nothing is changed"
wheel=$(cd "$root$b/wheels" && find . -name '*.whl' -printf '%s %p\n' | sort -n | head -n 1 | cut -d' ' -f2)
cp "$root$b/wheels/$wheel" "$root.wheel"
printf 'x' | dd of="$root$b/wheels/$wheel" bs=1 seek=100 conv=notrunc status=none
code=0
alone $b/bringup bundle use $b --yes >"$root.tampered" 2>&1 || code=$?
cat "$root.tampered"
[ "$code" = 4 ] || fail "a tampered bundle ended with $code and not with 4"
grep -q "$(basename "$wheel")" "$root.tampered" || fail "the file was not named"
cp "$root.wheel" "$root$b/wheels/$wheel"

told "a bundle for other GPUs is refused"
cp "$root$b/manifest.json" "$root.manifest"
sed -i 's/"gpus": \[\]/"gpus": ["10de:2684"]/' "$root$b/manifest.json"
code=0
alone $b/bringup bundle use $b --yes >"$root.foreign" 2>&1 || code=$?
cat "$root.foreign"
[ "$code" = 4 ] || fail "a foreign bundle ended with $code and not with 4"
cp "$root.manifest" "$root$b/manifest.json"
snapshot >"$root.after"
diff "$root.before" "$root.after" || fail "a refused bundle changed something"

told "use"
alone $b/bringup bundle use $b --yes 2>&1 | tee "$root.use"
alone $b/bringup status
told "use again has nothing to do"
alone $b/bringup bundle use $b --yes 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second use had something to do"
case " $* " in *" torch "*) alone $b/bringup verify || [ $? = 7 ] || fail "verify" ;; esac

told "undo"
alone $b/bringup undo --yes
snapshot >"$root.after"
diff "$root.before" "$root.after" || fail "undo did not give back the tree"
echo "undo gave back every file and package"
