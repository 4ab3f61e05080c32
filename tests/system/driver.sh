#!/usr/bin/env bash
# driver.sh: a bare Debian 12 with its kernel and no headers, prepared for GPUs that are not there yet: Debian's driver by DKMS, its toolkit, PyTorch.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
need_tools
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo
fresh_machine kernel-bookworm-run kernel-bookworm
boot
inside ./bringup.sh --version --yes || fail "the build failed"
kernels() { chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 'linux-image*' | grep '^installed'; }
kernels >"$root.kernels"
cat "$root.kernels"
echo 'user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"
snapshot >"$root.before"

told "up --for '4x RTX 4090', as a user with sudo"
as_user sudo --preserve-env=PIP_CERT,SSL_CERT_FILE,REQUESTS_CA_BUNDLE ./bringup.sh up --for "4x RTX 4090" --yes 2>&1 | tee "$root.up"
kernels | diff "$root.kernels" - || fail "the kernel packages changed"
echo "the kernel packages are as before"

told "what is there now"
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
ls "$root/lib/modules/$release/updates/dkms/" || fail "no module was built for $release"
printf '%s\n' '#include <cstdio>' '__global__ void f() {}' 'int main() { f<<<1, 1>>>(); std::puts("compiled"); }' >"$root/home/user/f.cu"
as_user bash -lc 'command -v nvcc && nvcc -o /tmp/f /home/user/f.cu && /tmp/f' || fail "nvcc does not compile in a new login shell"
as_user zsh -lc 'command -v nvcc' || fail "zsh does not find nvcc"
[ "$(stat -c %u "$root/home/user/.local/share/bringup")" = "$(chroot "$root" id -u user)" ] || fail "the environment does not belong to the user"

told "verify"
code=0
as_user build/bringup verify || code=$?
[ "$code" = 7 ] || fail "verify without GPU ended with $code and not with 7"

told "up again"
as_user sudo --preserve-env=PIP_CERT,SSL_CERT_FILE,REQUESTS_CA_BUNDLE ./bringup.sh up --for "4x RTX 4090" --yes 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"

told "undo"
inside build/bringup undo --yes
snapshot >"$root.after"
# What Debian's own packages leave when they are purged: nvidia-persistenced its system account, dkms the key that it signs with, and
# the initramfs was made anew for the kernel.
left='\./etc/(passwd|group|shadow|gshadow)|\./boot/initrd\.img|\./var/lib/dkms|\./home/user/f\.cu'
diff <(grep -vE "$left" "$root.before") <(grep -vE "$left" "$root.after") || fail "undo did not give back the tree"
echo "undo gave back every package and every file but those that Debian's packages keep"
