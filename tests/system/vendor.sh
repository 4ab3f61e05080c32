#!/usr/bin/env bash
# vendor.sh: Debian 12 with its kernel takes driver and toolkit from a repository that behaves like NVIDIA's, by the real apt and DKMS: key by
# fingerprint, source, pin, the branch kept by the pinning package, a kernel lying in wait, held; nvcc in new shells; undo. And what must be refused:
# another key, an index signed by another key, a driver that would bring a kernel.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
need_vendor_tools
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo

told "a repository"
new_key right
new_key wrong
driver 595.71.05
driver 999.10.01 # a branch that must not be taken
pinning 595
toolkit 13 0
package "$standin/work" linux-image-amd64 99.0-1
index right
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
serve

vendor_catalog

machine_with_network() {
  fresh_machine kernel-bookworm-vendor kernel-bookworm >/dev/null
  echo '127.0.77.1 developer.download.nvidia.com' >>"$root/etc/hosts"
  cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
  printf 'toolkit = "13.0"\n[[env]]\nname = "dl"\npackages = ["numpy"]\n' >"$root/root/bringup.toml"
  boot
  inside build/bringup catalog use /root/catalog --key /root/trusted.toml
}
up() { inside build/bringup up --for "4x RTX 4090" --goal /root/bringup.toml --yes; }
kernels() { chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 'linux-image*' | grep '^installed'; }

machine_with_network
kernels >"$root.kernels"
snapshot >"$root.before"
told "up"
up 2>&1 | tee "$root.up"
kernels | diff "$root.kernels" - || fail "the kernel packages changed"
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
chroot "$root" modinfo -k "$release" -F version nvidia | grep -qx 595.71.05 || fail "no module 595.71.05 for $release"
chroot "$root" dpkg-query -W -f '${Version}\n' nvidia-open | grep -qx 595.71.05-1 || fail "another branch was taken"
chroot "$root" apt-mark showhold | grep -q linux-image || fail "the kernel is not held"
inside bash -lc 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new login shell"
inside zsh -ic 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new zsh"
inside apt-get -s dist-upgrade | grep -E '^Inst (linux-image|nvidia)' && fail "an upgrade would bring a kernel or another driver"
told "up again"
up 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
told "undo"
inside build/bringup undo --yes
snapshot >"$root.after"
left='\./etc/(passwd|group|shadow|gshadow)|\./boot/initrd\.img|\./var/lib/dkms'
diff <(grep -vE "$left" "$root.before") <(grep -vE "$left" "$root.after") || fail "undo did not give back the tree"
shut_down

# refused WHAT CODE WORD: up ends with that code, says that word, and nothing of the driver was installed.
refused() {
  told "$1"
  code=0
  up >"$root.refused" 2>&1 || code=$?
  tail -n 4 "$root.refused"
  [ "$code" = "$2" ] || fail "$1: ended with $code and not with $2"
  grep -q "$3" "$root.refused" || fail "$1: '$3' was not said"
  chroot "$root" dpkg-query -W nvidia-open >/dev/null 2>&1 && fail "$1: the driver was installed"
  kernels | diff "$root.kernels" - || fail "$1: the kernel packages changed"
  shut_down
}
machine_with_network
gpg --homedir "$standin/wrong" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
refused "another key at its address" 4 "fingerprint"
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
machine_with_network
index wrong
refused "an index that another key signed" 1 "step"
rm "$repo"/nvidia-open_* "$repo"/linux-image*
driver 595.71.05 "linux-image-amd64 (>= 99)"
package "$standin/work" linux-image-amd64 99.0-1
index right
machine_with_network
refused "a driver that would bring a kernel" 4 "kernel"
echo "driver and toolkit came, and what must be refused was"
