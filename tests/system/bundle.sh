#!/usr/bin/env bash
# bundle.sh [PACKAGE..]: a bundle with everything, made on a Debian 12 that has a network: driver and toolkit from a repository that behaves like
# NVIDIA's, what they need from Debian's archive, wheels from PyPI, a model from a hub on loopback. A bare Debian 12 that is booted without any network
# gets all of it from the bundle, and gives it back. PACKAGES are those of the environment (idna when none are named; torch takes gigabytes).
# STACK=trl (or torchtune) puts that stack into the goal, and trains with it there: another 3 GiB.
set -euo pipefail
vendor_address=127.0.77.3
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
. "$(dirname "$0")/bundle-machine.sh"
gpus="4x RTX 4090"
came() { chroot "$root" dpkg-query -W nvidia-open >/dev/null 2>&1; }
need_vendor_tools
hub=0
finish_bundle() { [ "$hub" = 0 ] || kill "$hub" 2>/dev/null || true; rm -rf "$kept"; finish_vendor; }
trap finish_bundle EXIT
[ $# -gt 0 ] || set -- idna
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo

told "a repository, a catalog that knows its key, a hub"
new_key right
new_key wrong
driver 595.71.05
driver 999.10.01 # a branch that must not be taken
pinning 595
toolkit 13 0
index right
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
gpg --homedir "$standin/wrong" --batch --armor --export >"$standin/wrong.asc" 2>/dev/null
serve
vendor_catalog
mkfifo "$standin/hub.in" "$standin/hub.out"
python3 "$tree/tests/support/hub.py" "$standin/hub.log" <"$standin/hub.in" >"$standin/hub.out" &
hub=$!
exec 9>"$standin/hub.in"
read -r hub_port hub_store <"$standin/hub.out"
[ -n "$hub_store" ] || skip "the hub did not begin"

# What both machines know: the catalog with the stand-in's key.
machine_of() {
  fresh_machine "$1" kernel-bookworm >/dev/null
  cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
  chroot "$root" /home/user/bringup/build/bringup catalog use /root/catalog --key /root/trusted.toml
}
told "create, killed and begun again"
machine_of bundle-maker
printf '%s developer.download.nvidia.com\n' "$vendor_address" >>"$root/etc/hosts"
cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
mkdir -p "$root/srv/goal"
printf 'toolkit = "13.0"\n[[env]]\nname = "dl"\npackages = [%s]\n[[model]]\nname = "ok/model"\n' "$(printf '"%s",' "$@" | sed 's/,$//')" >"$root/srv/goal/bringup.toml"
[ -z "${STACK:-}" ] || printf '[[stack]]\nname = "%s"\n' "$STACK" >>"$root/srv/goal/bringup.toml"
boot
inside apt-get -qq update
inside env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y curl python3-venv >/dev/null
create() {
  inside env "HF_ENDPOINT=http://127.0.0.1:$hub_port" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    build/bringup bundle create /srv/bundle --for "$gpus" --goal /srv/goal/bringup.toml --yes
}
(create >"$root.first" 2>&1) &
first=$!
until [ -d "$root/srv/bundle/apt/pool" ] || ! kill -0 $first 2>/dev/null; do sleep 0.1; done
# shellcheck disable=SC2046
kill -KILL $(below $first) $first 2>/dev/null || true
wait $first 2>/dev/null || true
[ ! -f "$root/srv/bundle/manifest.json" ] || fail "the first attempt was through before it could be killed"
inside build/bringup bundle use /srv/bundle --dry-run && fail "half a bundle was used"
create 2>&1 | tee "$root.create"
[ -f "$root/srv/bundle/manifest.json" ] || fail "no manifest"
du -sh "$root/srv/bundle"
shut_down
made=$root/srv/bundle
[ -f "$made/vendor/nvidia-open_595.71.05-1_amd64.deb" ] || fail "the driver is not in it"
[ ! -f "$made/vendor/nvidia-open_999.10.01-1_amd64.deb" ] || fail "the pinning package was not followed"

told "boot without a network"
machine_of bundle-run
boot_alone "$made"

wheel=wheels/$(basename "$(find "$root$b/wheels" -name '*.whl' -printf '%s %p\n' | sort -n | head -n 1 | cut -d' ' -f2)")
damage "$wheel"
refused "a damaged file is named, and nothing is changed" "$wheel" 4 "$(basename "$wheel")"
sed -i 's/10de:2684/10de:2204/' "$root$b/manifest.json"
refused "a bundle for other GPUs is refused" "$wheel" 4 "10de:2204"
given_back "a refused bundle changed something"
exchange vendor/key.asc "$standin/wrong.asc"
refused "another key, and a manifest that goes along with it" vendor/key.asc 4 "fingerprint"
alone $b/bringup undo --yes >/dev/null 2>&1 || true
given_back "a refused key left something"
package_of_others=$standin/work/evil.deb
cp "$root$b/vendor/libcuda1_595.71.05-1_amd64.deb" "$package_of_others"
printf 'x' | dd of="$package_of_others" bs=1 seek=500 conv=notrunc status=none
exchange vendor/libcuda1_595.71.05-1_amd64.deb "$package_of_others"
refused "another package, and a manifest that goes along with it" vendor/libcuda1_595.71.05-1_amd64.deb 1 "libcuda1"
alone $b/bringup undo --yes >/dev/null
given_back "what came before a refused package was not given back"

use_it
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
chroot "$root" modinfo -k "$release" -F version nvidia | grep -qx 595.71.05 || fail "no module 595.71.05 for $release"
chroot "$root" dpkg-query -W -f '${Version}\n' nvidia-open | grep -qx 595.71.05-1 || fail "another driver came"
alone bash -lc 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new login shell"
alone /root/.local/share/bringup/envs/dl/bin/python -c "import ${1//-/_}" || fail "the environment does not import $1"
diff -r -x .cache "$root$b/models/ok/model" "$root/root/.local/share/bringup/models/model" || fail "the model is another one"
if [ -n "${STACK:-}" ]; then
  told "the stack $STACK trains on the CPU, without a network"
  alone $b/bringup stack run "$STACK" lora --smoke
fi
alone $b/bringup status
use_again

told "undo"
alone $b/bringup undo --yes # the model
alone $b/bringup undo --yes # all else
given_back "undo did not give back the tree"
echo "all came from the bundle, what must be refused was, and undo gave back every file and package"
