# shellcheck shell=bash
# A Debian 12 with its kernel that takes its driver from the stand-in repository of vendor-repo.sh. Sourced after machine.sh and vendor-repo.sh.

need_vendor_tools() {
  need_tools
  for tool in gpg dpkg-scanpackages openssl python3; do
    command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install gnupg dpkg-dev openssl python3)"
  done
  [ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
  standin=$(mktemp -d)
  repo=$standin/www/compute/cuda/repos/debian12/x86_64
  mkdir -p "$repo" "$standin/work"
  server=0
  proxy=0
  trap finish_vendor EXIT
}
finish_vendor() {
  shut_down
  for child in $server $proxy; do [ "$child" = 0 ] || kill "$child" 2>/dev/null || true; done
  ! mountpoint -q "${root:-/nowhere}" || umount "$root"
  rm -rf "$standin"
}

# The catalog with the stand-in's key, signed as one that replaces the compiled-in one is.
vendor_catalog() {
  mkdir -p "$standin/tree/tools" "$standin/tree/data"
  cp "$tree/tools/sign-catalog" "$standin/tree/tools/"
  cp -r "$tree/data/catalog" "$standin/tree/data/"
  sed -i "s/EB693B3035CD5710E231E123A4B469963BF863CC/$(fingerprint right)/" "$standin/tree/data/catalog/repos.toml" "$standin/tree/data/catalog/keys.toml"
  openssl genpkey -algorithm ed25519 -out "$standin/signer.pem" 2>/dev/null
  public=$("$standin/tree/tools/sign-catalog" 9000 2099-01-01 stand-in "$standin/signer.pem" "$standin/catalog" | tail -n 1)
  printf '[[key]]\nid = "stand-in"\ned25519 = "%s"\n' "$public" >"$standin/trusted.toml"
}

# Packages that were fetched once are not fetched again: apt asks a proxy on loopback.
begin_proxy() {
  python3 "$tree/tests/system/cache-proxy.py" "$cache/packages" 127.0.77.2 3142 >"$standin/proxy.log" 2>&1 &
  proxy=$!
  sleep 1
  kill -0 "$proxy" 2>/dev/null || skip "port 3142 of 127.0.77.2 cannot be had: $(tail -n 1 "$standin/proxy.log")"
}

# prepare NAME: the tree from which each machine begins, in $prepared: the program, the goal, what knows the stand-in.
prepare() {
  base_root bookworm kernel-bookworm linux-image-amd64,zsh,sudo
  told "preparing $1"
  fresh_machine "$1" kernel-bookworm
  prepared=$root
  printf 'Acquire::http::Proxy "http://127.0.77.2:3142";\nAcquire::https::Proxy "DIRECT";\n' >"$root/etc/apt/apt.conf.d/99cache"
  mkdir -p "$root/usr/local/bin" "$root/etc/systemd/system.conf.d"
  cp "$BRINGUP_SYSTEM_PROGRAM" "$root/usr/local/bin/bringup"
  # the unit's own environment: the network's CA and proxies as an administrator would set them
  { echo '[Manager]'; echo -n 'DefaultEnvironment='; session /root | grep -v '^HOME=\|^TERM=\|^PATH=' | tr '\n' ' '; echo; } >"$root/etc/systemd/system.conf.d/network.conf"
  # the goal away from where the program is called, so that its lock's place is known from the plan alone
  mkdir -p "$root/srv/goal"
  printf 'toolkit = "13.0"\n[[env]]\nname = "dl"\npackages = ["idna"]\n' >"$root/srv/goal/bringup.toml"
  [ "${debian:-no}" = yes ] && { printf '[[env]]\nname = "dl"\npackages = ["idna"]\n' >"$root/srv/goal/bringup.toml"; return 0; }
  echo '127.0.77.1 developer.download.nvidia.com' >>"$root/etc/hosts"
  cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
  chroot "$root" /usr/local/bin/bringup catalog use /root/catalog --key /root/trusted.toml
}

# A machine as it was prepared, in a second: changes go to a layer of their own, or to a copy where layers cannot be had.
new_machine() {
  shut_down
  ! mountpoint -q "$cache/layered" || umount "$cache/layered"
  rm -rf --one-file-system "$cache/layered" "$cache/layered.upper" "$cache/layered.work"
  mkdir -p "$cache/layered" "$cache/layered.upper" "$cache/layered.work"
  machine=layered
  root=$cache/layered
  mount -t overlay overlay -o "lowerdir=$prepared,upperdir=$cache/layered.upper,workdir=$cache/layered.work,redirect_dir=on" "$root" 2>/dev/null || cp -a "$prepared/." "$root/"
  boot >/dev/null
}

up() { inside /usr/local/bin/bringup up --for "4x RTX 4090" --goal /srv/goal/bringup.toml --yes; }

# What is alike on two machines that were made the same: not the bytes of what is built, signed or numbered anew.
same_everywhere() {
  grep -vE '^[0-9a-f]{64}  (\./(usr/)?lib/modules|\./boot/initrd|\./var/lib/dkms|\./etc/(passwd|group|shadow|gshadow|subuid|subgid)|.*site-packages|\./home/user/\.local/share/bringup|.*/pylock\.)' "$1" |
    grep -v 'site-packages\|\./root/\.local/share/bringup'
}
# What Debian's own packages leave when they are purged.
without_left() { grep -vE '\./etc/(passwd|group|shadow|gshadow|subuid|subgid)|\./boot/initrd\.img|\./var/lib/dkms' "$1"; }
