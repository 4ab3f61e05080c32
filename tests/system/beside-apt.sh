#!/usr/bin/env bash
# beside-apt.sh [ROUNDS]: a bare Debian 12 with its kernel takes Debian's driver (DKMS), its toolkit and PyTorch; in turn by the raw apt commands for the
# packages alone, without any environment, and by `up`, which has the environment to make as well. Prints both and their ratio; an otherwise idle
# machine is needed, and its numbers are only of use as a ratio.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
rounds=${1:-1}
need_tools
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo
shape="4x RTX 4090"

begin() {
  fresh_machine kernel-bookworm-beside kernel-bookworm >/dev/null
  boot >/dev/null
  inside apt-get update >/dev/null 2>&1
}
# The packages of each of the plan's transactions, one a line.
transactions() {
  inside build/bringup plan --for "$shape" --json |
    python3 -c 'import json, sys; [print(s["target"]) for s in json.load(sys.stdin)["steps"] if s["kind"] == "install-packages"]'
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

for round in $(seq 1 "$rounds"); do
  told "apt alone"
  begin
  transactions >"$root.packages"
  cat "$root.packages"
  began=$(milliseconds)
  printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: contrib non-free non-free-firmware\n' >"$root/etc/apt/sources.list.d/more.sources"
  inside apt-get update >"$root.raw" 2>&1
  while read -r -a packages; do
    inside env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}" >>"$root.raw" 2>&1 || { tail "$root.raw"; fail "apt-get install ${packages[*]}"; }
  done <"$root.packages"
  apt=$(($(milliseconds) - began))
  chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' >"$root.raw-packages"
  shut_down

  told "up"
  begin
  began=$(milliseconds)
  inside build/bringup up --for "$shape" --yes >"$root.up" 2>&1 || { tail "$root.up"; fail "up"; }
  up=$(($(milliseconds) - began))
  cat "$root.up"
  chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' | diff "$root.raw-packages" - || fail "other packages than apt's alone"
  cp -r "$root/var/lib/bringup" "$root.state"
  shut_down
  printf 'round %s: apt alone %s ms, up with its environment %s ms, ratio %s\n' "$round" "$apt" "$up" "$(python3 -c "print(f'{$up / $apt:.3f}')")"
done
