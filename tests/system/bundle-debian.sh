#!/usr/bin/env bash
# bundle-debian.sh: a bundle with Debian's own driver and its CUDA toolkit, made on a Debian 12 that has a network. A bare Debian 12 with its kernel, without
# headers and booted without any network, gets them from it: the module is built by DKMS, nvcc compiles; a damaged driver is refused before anything is
# changed; a second use has nothing to do; undo gives back the tree. The driver's source is NVIDIA's as Debian packs it: its build takes minutes.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/bundle-machine.sh"
gpus="4x RTX 4090"
came() { chroot "$root" dpkg-query -W nvidia-driver >/dev/null 2>&1; }
need_tools
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
trap 'shut_down; rm -rf "$kept"' EXIT
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo
kernels() { chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 'linux-image*' | grep '^installed'; }

told "create"
fresh_machine bundle-debian-maker kernel-bookworm
mkdir -p "$root/srv/goal"
printf '[[env]]\nname = "dl"\npackages = ["idna"]\n' >"$root/srv/goal/bringup.toml"
boot
inside apt-get -qq update
inside env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y curl python3-venv >/dev/null
inside build/bringup bundle create /srv/bundle --for "$gpus" --goal /srv/goal/bringup.toml --yes 2>&1 | tee "$root.create"
[ -f "$root$b/manifest.json" ] || fail "no manifest"
du -sh "$root$b"
driver=$(cd "$root$b" && find apt/pool -name 'nvidia-kernel-dkms_*.deb' | head -n 1)
[ -n "$driver" ] || fail "the driver's module is not in it"
version=$(basename "$driver" | sed 's/^nvidia-kernel-dkms_//; s/-.*//')
[ ! -d "$root$b/vendor" ] || fail "a repository of NVIDIA's is in it, and Debian's was to be tried"
shut_down
made=$root$b

told "boot without a network"
fresh_machine bundle-debian-run kernel-bookworm
boot_alone "$made"
kernels >"$root.kernels"
damage "$driver"
refused "a damaged driver is named, and nothing is changed" "$driver" 4 "$(basename "$driver" | cut -d % -f 1)"
given_back "a refused bundle changed something"

use_it
kernels | diff "$root.kernels" - || fail "the kernel packages changed"
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
chroot "$root" modinfo -k "$release" -F version nvidia-current | grep -qx "$version" || fail "no module $version for $release"
grep -q "out of the bundle" "$root.use" || fail "it was not said where wheels come from"
printf '%s\n' '#include <cstdio>' '__global__ void f() {}' 'int main() { f<<<1, 1>>>(); std::puts("compiled"); }' >"$root/root/f.cu"
alone bash -lc 'nvcc -o /tmp/f /root/f.cu && /tmp/f' || fail "nvcc does not compile in a new login shell"
rm "$root/root/f.cu"
alone /root/.local/share/bringup/envs/dl/bin/python -c 'import idna' || fail "the environment does not import idna"
use_again

told "undo"
alone $b/bringup undo --yes
given_back "undo did not give back the tree"
echo "driver $version and its toolkit came from the bundle alone, DKMS built the module, and undo gave back every file and package"
