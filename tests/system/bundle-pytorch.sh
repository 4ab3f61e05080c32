#!/usr/bin/env bash
# bundle-pytorch.sh: a bundle for V100s, which PyPI's torch has no code for: torch comes from PyTorch's own index, what stands beside it in the goal from
# PyPI. Its index and a mirror of it are played on loopback under their own names, with a torch of a few lines; PyPI, uv, apt and Debian's archive are
# real. create: an index that is silent, that gives another file than it promises, a mirror that lies, GPUs that the pinned variant has no code for. use,
# in a booted Debian 12 without any network: a damaged wheel, one that was exchanged with its hash in the manifest; the same wheels; undo.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/bundle-machine.sh"
address=127.0.77.8
gpus="V100 SXM2 32GB"
code_of_use=1 # torch is a stand-in: its proof fails
came() { [ -e "$root/root/.local/share/bringup/envs/dl/lib/python3.11/site-packages/torch" ]; }
need_tools
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
server=0
finish() { shut_down; [ "$server" = 0 ] || kill "$server" 2>/dev/null || true; rm -rf "$kept"; }
trap finish EXIT
base_root bookworm bare-bookworm zsh

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a stand-in's CA" -keyout "$kept/ca.key" -out "$kept/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=download.pytorch.org" -keyout "$kept/server.key" -out "$kept/server.csr" 2>/dev/null
openssl x509 -req -in "$kept/server.csr" -CA "$kept/ca.crt" -CAkey "$kept/ca.key" -CAcreateserial -days 2 -out "$kept/server.crt" \
  -extfile <(echo 'subjectAltName=DNS:download.pytorch.org,DNS:mirror.sjtu.edu.cn') 2>/dev/null
played=$kept/played
begin() {
  python3 "$tree/tests/system/pytorch-standin.py" "$played" "$kept/server.crt" "$kept/server.key" "$address" 2>"$kept/server.log" &
  server=$!
  until (: </dev/tcp/"$address"/443) 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || skip "port 443 of $address cannot be had: $(tail -n 1 "$kept/server.log")"
    sleep 0.2
  done
}

fresh_machine bundle-pytorch-maker bare-bookworm
printf '%s download.pytorch.org mirror.sjtu.edu.cn\n127.0.77.9 developer.download.nvidia.com\n' "$address" >>"$root/etc/hosts"
cp "$kept/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
mkdir -p "$root/srv/goal"
goal() { # TORCH [MIRRORS]
  printf 'driver = "none"\ntoolkit = "none"\n%s\n[[env]]\nname = "dl"\npackages = ["%s", "idna"]\n[[env]]\nname = "plain"\npackages = ["six"]\n' \
    "${2:-}" "$1" >"$root/srv/goal/bringup.toml"
}
boot
inside apt-get -qq update
inside env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y curl python3-venv >/dev/null
create() {
  inside env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt no_proxy='*' \
    build/bringup bundle create $b --for "${1:-$gpus}" --goal /srv/goal/bringup.toml --yes
}
# not_made WHAT CODE WORD [GPUS]
not_made() {
  told "$1"
  code=0
  create "${4:-$gpus}" >"$root.refused" 2>&1 || code=$?
  tail -n 4 "$root.refused"
  [ "$code" = "$2" ] || fail "$1: ended with $code and not with $2"
  tr -s ' \n' ' ' <"$root.refused" | grep -q "$3" || fail "$1: '$3' was not said"
  [ ! -e "$root$b/manifest.json" ] || fail "$1: there is a bundle"
}
said() { tr -s ' \n' ' ' <"$root.create" | grep -q "$1" || fail "it was not said: $1"; }

goal torch==2.11.0+cu126
not_made "PyTorch's index is silent" 1 "the PyTorch index"
begin
not_made "a pinned variant without code for the GPU" 1 "cu126" "RTX 5090"
echo download.pytorch.org >"$played/lies"
not_made "another file than the index promises" 1 "has not the hash"
[ -z "$(find "$root$b/wheels" -name 'torch-*' 2>/dev/null)" ] || fail "the other file was kept"

told "create, by a mirror that lies"
goal torch $'[mirrors]\nprofile = { pytorch = "https://mirror.sjtu.edu.cn/pytorch-wheels/" }'
echo mirror.sjtu.edu.cn >"$played/lies"
: >"$played/log"
create 2>&1 | tee "$root.create"
said "PyTorch index"
said "download.pytorch.org/files/torch-.* is asked instead"
grep -q '^mirror.sjtu.edu.cn GET /files/torch-' "$played/log" || fail "the mirror was not asked"
rm -r "${root:?}$b" "$played/lies"

told "create"
goal torch
create 2>&1 | tee "$root.create"
[ -f "$root$b/manifest.json" ] || fail "no manifest"
torch=$(cd "$root$b" && ls wheels/cu126/torch-*)
[ -f "$root$b/wheels/cu126/oftorch-1.0-py3-none-any.whl" ] || fail "what torch needs does not lie beside it"
compgen -G "$root$b/wheels/cu126/idna-*" >/dev/null || fail "idna does not lie beside it"
compgen -G "$root$b/wheels/six-*" >/dev/null || fail "six is not among the wheels of PyPI"
compgen -G "$root$b/wheels/torch-*" >/dev/null && fail "torch lies among the wheels of PyPI"
grep -q "$(sha256sum "$played/$(basename "$torch")" | cut -d ' ' -f 1)" "$root$b/goal/pylock.dl.toml" || fail "the lock has another hash"
shut_down
kill "$server"
server=0
made=$root$b

told "boot without a network"
fresh_machine bundle-pytorch-run bare-bookworm
boot_alone "$made"
damage "$torch"
refused "a damaged torch is named, and nothing is changed" "$torch" 4 "$(basename "$torch" | cut -d + -f 1)"
given_back "a refused bundle changed something"
python3 - "$root$b/$torch" "$kept/other.whl" <<'PY'
import shutil, sys, zipfile
shutil.copy(sys.argv[1], sys.argv[2])
with zipfile.ZipFile(sys.argv[2], "a") as file:
    file.writestr("torch/evil.py", "raise SystemExit('evil')\n")
PY
exchange "$torch" "$kept/other.whl"
refused "another torch, and a manifest that goes along with it" "$torch" 1 "[Hh]ash mismatch"
alone $b/bringup undo --yes >/dev/null
given_back "what came before the exchanged torch was not given back"

use_it
tr -s ' \n' ' ' <"$root.use" | grep -q 'PyPI\|PyTorch index' && fail "it was said that wheels come from an index"
grep -q 'the bundle' "$root.use" || fail "it was not said where wheels come from"
alone /root/.local/share/bringup/envs/dl/bin/python -c 'import idna, oftorch, torch.version as v; assert v.__version__.endswith("+cu126"), v' || fail "another torch came"
alone /root/.local/share/bringup/envs/plain/bin/python -c 'import six' || fail "six did not come"
use_again

told "undo"
alone $b/bringup undo --yes
given_back "undo did not give back the tree"
echo "torch of PyTorch's own index was carried with its hash, used without a network, and what must be refused was"
