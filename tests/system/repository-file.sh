#!/usr/bin/env bash
# repository-file.sh: Debian 12 takes its toolkit out of a repository that came as one package, as NVIDIA's cuda-repo-...-local.deb does, by the real apt
# and dpkg: the toolkit without the metapackage's driver, nvcc in a new shell, no room taken afterwards, nothing to do again, undo; and a file whose
# packages another key signed is refused.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
need_tools
for tool in gpg dpkg-scanpackages; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install gnupg dpkg-dev)"
done
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo

standin=$(mktemp -d)
name=cuda-repo-debian12-13-0-local
repo=$standin/$name/var/$name
mkdir -p "$repo" "$standin/work"
finish() { shut_down; rm -rf "$standin"; }
trap finish EXIT

# repository_file KEY: the .deb, whose packages KEY signed and which brings the key "right".
repository_file() {
  index "$1"
  gpg --homedir "$standin/right" --batch --export >"$repo/cuda-1A2B3C4D-keyring.gpg" 2>/dev/null
  mkdir -p "$standin/$name/DEBIAN"
  printf 'Package: %s\nVersion: 13.0.2-580.95.05-1\nArchitecture: amd64\nInstalled-Size: 20000\nMaintainer: a stand-in <nobody@example.org>\nDescription: a stand-in\n' \
    "$name" >"$standin/$name/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$standin/$name" "$root/root/$name.deb" >/dev/null
}
up() { inside build/bringup up --goal /root/bringup.toml --yes; }
gone() {
  [ ! -e "$root/var/cache/bringup-repository" ] || fail "the unpacked repository is still there"
  [ ! -e "$root/etc/apt/sources.list.d/bringup-repository.sources" ] || fail "its source is still there"
}

told "a repository file"
new_key right
new_key wrong
toolkit 13 0
driver 580.95.05
package "$standin/work" cuda 13.0.2-1 "cuda-toolkit-13-0, nvidia-open"
fresh_machine kernel-bookworm-repository kernel-bookworm >/dev/null
repository_file right
printf 'toolkit = { local = "%s.deb" }\n[[env]]\nname = "dl"\npackages = ["numpy"]\n' "$name" >"$root/root/bringup.toml"
boot
snapshot >"$root.before"

told "up"
up 2>&1 | tee "$root.up"
inside bash -lc 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new login shell"
chroot "$root" dpkg-query -W -f '${db:Status-Status}\n' nvidia-open 2>/dev/null | grep -q '^installed' && fail "a driver came with the toolkit"
gone
told "up again"
up 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
told "undo"
inside build/bringup undo --yes
snapshot >"$root.after"
diff "$root.before" "$root.after" || fail "undo did not give back the tree"

told "packages that another key signed"
repository_file wrong
code=0
up >"$root.refused" 2>&1 || code=$?
tail -n 4 "$root.refused"
[ "$code" != 0 ] || fail "packages with a wrong signature were installed"
[ ! -e "$root/usr/local/cuda-13.0" ] || fail "its toolkit is there"
gone

shut_down
echo "the toolkit came out of its file and went again"
