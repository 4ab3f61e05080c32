#!/usr/bin/env bash
# article.sh [quick]: the usual article's whole path as one command, `up --goal examples/article.toml`, on a booted Debian 12 without GPU, headers or curl:
# driver and toolkit from a repository that behaves like NVIDIA's (the driver's module is a few lines, the toolkit's nvcc is the real one, out of PyPI's
# wheels), torch and three stacks from PyPI, exllamav2's extension compiled (for an hour on two cores; "quick" leaves it out), a gated model in both
# layouts from a hub on loopback. A wrong token, a licence that is not accepted and a full disk are refused first; the run is killed with -9 on its way
# and gone on with; the model is trained on the CPU; undo gives back the tree.
set -euo pipefail
vendor_address=127.0.77.5
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
need_vendor_tools
quick=${1:-}
hub=0
passed=no
finish_article() {
  [ "$hub" = 0 ] || kill "$hub" 2>/dev/null || true
  finish_vendor
  [ $passed = no ] || rm -rf --one-file-system "$root"
}
trap finish_article EXIT
base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo

# A toolkit that compiles: PyPI's wheels of it, laid out as NVIDIA's packages are.
real_toolkit() {
  local wheels=$cache/cuda-wheels place=$standin/work/cuda-toolkit-13-0/usr/local/cuda-13.0
  mkdir -p "$wheels" "$standin/unpacked" "$(dirname "$place")"
  compgen -G "$wheels/nvidia_nvvm-*" >/dev/null ||
    python3 -m pip download -q -d "$wheels" --only-binary=:all: 'cuda-toolkit[nvcc,cudart,cccl]==13.0.2' nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 ||
    skip "PyPI does not answer"
  for wheel in "$wheels"/nvidia_*.whl; do python3 -m zipfile -e "$wheel" "$standin/unpacked"; done
  mv "$standin/unpacked/nvidia/cu13" "$place"
  mv "$place/lib" "$place/lib64"
  ln -s libcudart.so.13 "$place/lib64/libcudart.so"
  chmod 755 "$place"/bin/* "$place"/nvvm/bin/*
  printf '{"cuda": {"name": "CUDA SDK", "version": "13.0.2"}}\n' >"$place/version.json"
  mkdir "$standin/work/cuda-toolkit-13-0/DEBIAN"
  printf 'Package: cuda-toolkit-13-0\nVersion: 13.0.2-1\nArchitecture: amd64\nMaintainer: a stand-in <nobody@example.org>\nDescription: a stand-in\n' \
    >"$standin/work/cuda-toolkit-13-0/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$standin/work/cuda-toolkit-13-0" "$repo/cuda-toolkit-13-0_13.0.2-1_amd64.deb" >/dev/null
  rm -rf "$standin/unpacked" "$standin/work/cuda-toolkit-13-0"
}

told "a repository, a catalog that knows its key, a hub with a gated model"
new_key right
driver 595.71.05
pinning 595
real_toolkit
index right
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
serve
vendor_catalog
python3 "$tree/tests/support/tiny_llama.py" "$standin/model"
mkfifo "$standin/hub.in" "$standin/hub.out"
BRINGUP_HUB_MODEL="meta-llama $standin/model" python3 "$tree/tests/support/hub.py" "$standin/hub.log" <"$standin/hub.in" >"$standin/hub.out" &
hub=$!
exec 9>"$standin/hub.in"
read -r hub_port hub_store <"$standin/hub.out"
[ -n "$hub_store" ] || skip "the hub did not begin"

told "a machine"
fresh_machine article kernel-bookworm
printf '%s developer.download.nvidia.com\n' "$vendor_address" >>"$root/etc/hosts"
cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
mkdir -p "$root/usr/local/bin" "$root/srv/goal"
cp "$BRINGUP_SYSTEM_PROGRAM" "$root/usr/local/bin/bringup"
chroot "$root" /usr/local/bin/bringup catalog use /root/catalog --key /root/trusted.toml
cp "$tree/examples/article.toml" "$root/srv/goal/bringup.toml"
[ "$quick" != quick ] || python3 - "$root/srv/goal/bringup.toml" <<'PY'
import sys
parts = open(sys.argv[1]).read().split("\n\n")
open(sys.argv[1], "w").write("\n\n".join(part for part in parts if "exllamav2" not in part))
PY
stacks=$(sed -n '/^\[\[stack\]\]/,/^name/s/^name = "\(.*\)".*/\1/p' "$root/srv/goal/bringup.toml")
boot
[ ! -e "$root/usr/bin/curl" ] || fail "curl is there already, which is what a bare machine lacks"
snapshot >"$root.before"
prefix=$root/home/user/.local/share/bringup
model=/home/user/.local/share/bringup/models/Meta-Llama-3-8B

# As `sudo bringup ..` of the user does it, with a token that the hub knows (hf_good), or another.
as_sudo() {
  local token=$1
  shift
  inside env SUDO_USER=user SUDO_UID="$(chroot "$root" id -u user)" SUDO_GID="$(chroot "$root" id -g user)" \
    HF_ENDPOINT="http://127.0.0.1:$hub_port" HF_TOKEN="$token" "$@"
}
up() { as_sudo "${1:-hf_good0canary}" bringup up --goal /srv/goal/bringup.toml --for "2x RTX 3090" --yes; }
left='\./etc/(passwd|group|shadow|gshadow)|\./boot/initrd\.img|\./var/lib/dkms'
given_back() {
  snapshot >"$root.after"
  diff <(grep -vE "$left" "$root.before") <(grep -vE "$left" "$root.after") || fail "$1"
}
undo_all() {
  while [ "$(inside bringup history --json | python3 -c 'import json, sys; print(sum(run["state"] != "undone" for run in json.load(sys.stdin)["runs"]))')" != 0 ]; do
    as_sudo hf_good0canary bringup undo --yes
  done
}

# refused WHAT TOKEN CODE WORD: up ends with that code, says that word, and neither driver nor environment came.
refused() {
  told "$1"
  local code=0
  up "$2" >"$root.refused" 2>&1 || code=$?
  tail -n 4 "$root.refused"
  [ "$code" = "$3" ] || fail "$1: ended with $code and not with $3"
  tr -s ' \n' ' ' <"$root.refused" | grep -q "$4" || fail "$1: '$4' was not said"
  chroot "$root" dpkg-query -W nvidia-open >/dev/null 2>&1 && fail "$1: the driver was installed"
  [ ! -e "$prefix/envs" ] || fail "$1: an environment was made"
}
refused "a wrong token, on a machine without curl" hf_wrong0canary 77 "does not take the token of HF_TOKEN (401)"
[ -e "$root/usr/bin/curl" ] || fail "curl was not brought to ask the hub"
undo_all
given_back "undo after a refused token left something"
refused "a licence that is not accepted, without curl" hf_other0canary 77 "open http://127.0.0.1:$hub_port/meta-llama/Meta-Llama-3-8B"
chroot "$root" dpkg-query -W >"$root.packages"
refused "the same with curl" hf_other0canary 77 "nothing was changed"
as_user mkdir -p "${prefix#"$root"}/models"
inside mount -t tmpfs -o size=256k none "${prefix#"$root"}/models"
refused "a disk that is too small for the model" hf_good0canary 74 "are needed for the goal's models and"
inside umount "${prefix#"$root"}/models"
as_user env -C /home/user rmdir -p .local/share/bringup/models
chroot "$root" dpkg-query -W | diff "$root.packages" - || fail "a refusal changed packages"

# children of PROCESS: all below it.
below() { local child; for child in $(pgrep -P "$1"); do echo "$child"; below "$child"; done; }
compilers() { below "$leader" | xargs -r ps -o comm= -p 2>/dev/null | grep -cE '^(cicc|cc1plus|ninja|ptxas|nvcc|cudafe\+\+)$' || true; }

told "up"
began=$SECONDS
(up >"$root.killed" 2>&1) &
first=$!
if [ "$quick" = quick ]; then
  reached() { grep -q 'wheels-stack-torchtune: ' "$root.killed"; }
else
  reached() { [ "$(find "$prefix/envs/stack-exllamav2/.bringup-extensions" -name '*.o' -size +0 2>/dev/null | wc -l)" -ge 4 ]; }
fi
until reached; do
  kill -0 $first 2>/dev/null || { tail -n 20 "$root.killed"; fail "up ended before it could be killed"; }
  sleep 0.5
done
told "killed with -9, $((SECONDS - began)) s after it began"
for child in $(below "$first"); do
  [ "$(ps -o comm= -p "$child")" != bringup ] || kill -KILL "$child"
done
wait $first 2>/dev/null || true
sed 's/\r/\n/g' "$root.killed" | tail -n 5
for _ in $(seq 1 20); do [ "$(compilers)" != 0 ] || break; sleep 0.5; done
[ "$(compilers)" = 0 ] || fail "compilers run on after bringup was killed"
objects=$({ find "$prefix"/envs/stack-exllamav2/.bringup-extensions -name '*.o' -size +0 2>/dev/null || true; } | wc -l)
told "resume ($objects objects were compiled)"
as_sudo hf_good0canary bringup resume --yes 2>&1 | tee "$root.resume"
told "up goes on to the models"
up 2>&1 | tee "$root.up"
echo "from bare to all of it, a kill between: $((SECONDS - began)) s"

told "what is there"
release=$(basename "$(ls -d "$root"/boot/vmlinuz-*)" | sed 's/vmlinuz-//')
chroot "$root" modinfo -k "$release" -F version nvidia | grep -qx 595.71.05 || fail "no module 595.71.05 for $release"
chroot "$root" dpkg-query -W -f '${Version}\n' nvidia-open | grep -qx 595.71.05-1 || fail "another branch was taken"
chroot "$root" dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-image*' | grep -c '^installed' | grep -qx 2 || fail "the kernel packages changed"
as_user bash -lc 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new login shell"
for env in dl $(printf 'stack-%s ' $stacks); do
  printf '%-16s %s  ' "$env" "$(du -sh "$prefix/envs/$env" | cut -f 1)"
  as_user "${prefix#"$root"}/envs/$env/bin/python" -c 'import torch; print("torch", torch.__version__)' || fail "$env does not import torch"
done
printf '%-16s %s\n' uv "$(du -sh "$root/home/user/.cache/uv" | cut -f 1) in its cache" all "$(du -sh "$prefix" | cut -f 1)"
if [ "$quick" != quick ]; then
  site=$(echo "$prefix"/envs/stack-exllamav2/lib/python3*/site-packages)
  cat "$site/exllamav2_ext.built-by-bringup"
  grep -qx 'architectures 8.6' "$site/exllamav2_ext.built-by-bringup" || fail "the extension is not for 8.6 alone"
  as_user "${prefix#"$root"}/envs/stack-exllamav2/bin/python" -c 'import torch, exllamav2_ext; print(len(dir(exllamav2_ext)), "names in exllamav2_ext")' || fail "no exllamav2_ext"
  ls -l "$site/exllamav2_ext.so"
  [ ! -e "$prefix/envs/stack-exllamav2/.bringup-extensions" ] || fail "the folder of the build is still there"
fi
diff -r -x .cache -x README.md "$standin/model" "$root$model" || fail "the model is another one"
as_user "${prefix#"$root"}/envs/stack-trl/bin/python" -c "import torch; print(len(torch.load('$model/original/consolidated.00.pth', weights_only=True)), 'tensors in original/')" ||
  fail "original/ cannot be read"
inside bringup status

told "the fetched model is trained"
python3 - "$root/srv/goal/mine.jsonl" <<'PY'
import json, sys
with open(sys.argv[1], "w") as file:
    for name in ("cat", "dog", "owl", "fox", "hen", "bee", "ant", "elk"):
        for n in range(1, 6):
            file.write(json.dumps({"instruction": f"Say what the {name} does {n} times.", "input": "", "output": " ".join([f"the {name} runs"] * n)}) + "\n")
PY
for stack in torchtune trl; do
  as_user bringup stack run $stack lora "$model" --data /srv/goal/mine.jsonl --steps 10 --batch 4 --learning-rate 0.005 --output "/tmp/out-$stack" \
    --goal /srv/goal/bringup.toml 2>"$root.$stack-err" | tee "$root.$stack" || { tail -n 5 "$root.$stack-err"; fail "$stack does not train"; }
  awk '$1 == "loss" { fell = $4 < $2 } END { exit !fell }' "$root.$stack" || fail "$stack: the loss did not fall"
done
if [ "$quick" != quick ]; then
  code=0
  as_user bringup stack run exllamav2 "$model" --prompt "Once upon a time" --goal /srv/goal/bringup.toml >"$root.refused" 2>&1 || code=$?
  cat "$root.refused"
  { [ "$code" = 1 ] && grep -q 'GPU' "$root.refused"; } || fail "exllamav2 without a GPU ended with $code"
fi

told "up again"
asked=$(wc -l <"$standin/hub.log")
up 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
[ "$(wc -l <"$standin/hub.log")" = "$asked" ] || fail "the second up asked the hub"

told "no token anywhere"
found=$(grep -rlE 'hf_(good|other|wrong)0canary' "$root".{killed,resume,up,again,refused,torchtune,trl}* "$root/var/lib/bringup" "$root/var/log" "$root/etc" "$root/root" \
  "$root$model" "$root/home/user/.local" "$root/srv" 2>/dev/null || true)
[ -z "$found" ] || fail "a token was written: $found"

told "undo"
rm "$root/srv/goal/mine.jsonl"
undo_all
given_back "undo did not give back the tree"
passed=yes
echo "bare, refused, killed, gone on with, trained, given back"
