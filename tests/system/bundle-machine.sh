# shellcheck shell=bash
# A bare Debian 12 that is booted without any network and lives on a bundle. Sourced after machine.sh by the tests of bundles. Who sources it says in
# came() what must not be there after a refusal, in $gpus for which GPUs, and in $code_of_use how a use that goes well ends.

b=/srv/bundle
code_of_use=0
kept=$(mktemp -d)
left='\./etc/(passwd|group|shadow|gshadow)|\./boot/initrd\.img|\./var/lib/dkms'

# below PROCESS: those that it started, the last first.
below() { local child; for child in $(pgrep -P "$1"); do below "$child"; echo "$child"; done; }

# alone COMMAND..: runs as root in the booted machine, in its own network, which is none.
alone() { nsenter -t "$leader" -m -p -u -i -n env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null; }

# boot_alone BUNDLE: the machine in $root with that bundle in it, and a note of all its files.
boot_alone() {
  mv "$1" "$root$b"
  boot --private-network
  [ "$(alone ls /sys/class/net)" = lo ] || fail "there is a network"
  alone $b/bringup facts >/dev/null
  snapshot >"$root.before"
}
given_back() {
  snapshot >"$root.after"
  diff <(grep -vE "$left" "$root.before") <(grep -vE "$left" "$root.after") || fail "$1"
}
use() { alone $b/bringup bundle use $b --for "$gpus" --yes; }

# refused WHAT FILE CODE WORD: with another FILE in the bundle, use ends with that code and says that word. FILE and the manifest come back.
refused() {
  told "$1"
  code=0
  use >"$root.refused" 2>&1 || code=$?
  tail -n 3 "$root.refused"
  [ "$code" = "$3" ] || fail "$1: ended with $code and not with $3"
  tr -s ' \n' ' ' <"$root.refused" | grep -q "$4" || fail "$1: '$4' was not said"
  ! came || fail "$1: something of it was installed"
  cp "$kept/file" "$root$b/$2"
  cp "$kept/manifest" "$root$b/manifest.json"
}
keep() { # FILE
  cp "$root$b/$1" "$kept/file"
  cp "$root$b/manifest.json" "$kept/manifest"
}
damage() { # FILE
  keep "$1"
  printf 'x' | dd of="$root$b/$1" bs=1 seek=100 conv=notrunc status=none
}
# As somebody would who carries it: the file is another one, and the manifest says so.
exchange() { # FILE WITH
  keep "$1"
  cp "$2" "$root$b/$1"
  python3 - "$root$b/manifest.json" "$1" "$2" <<'PY'
import hashlib, json, sys
manifest, path, new = sys.argv[1:]
text = open(new, "rb").read()
whole = json.load(open(manifest))
for file in whole["files"]:
    if file["path"] == path:
        file |= {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
json.dump(whole, open(manifest, "w"))
PY
}
# Used to its end.
use_it() {
  told "use"
  code=0
  use >"$root.use" 2>&1 || code=$?
  cat "$root.use"
  [ "$code" = "$code_of_use" ] || fail "use ended with $code and not with $code_of_use"
}
use_again() {
  told "use again has nothing to do"
  use 2>&1 | tee "$root.again"
  grep -qi 'nothing to do' "$root.again" || fail "the second use had something to do"
}
