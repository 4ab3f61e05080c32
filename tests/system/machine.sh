# shellcheck shell=bash
# A whole Debian in a container: made once by mmdebstrap, booted by systemd-nspawn, commands run inside it. Sourced by the tests beside it.
# Needs root, mmdebstrap, systemd-nspawn and Debian's archive; a test that cannot run says so and is skipped (exit 77).

cache=${BRINGUP_SYSTEM_DIR:-/var/tmp/bringup-system}
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mirror=${BRINGUP_DEBIAN_MIRROR:-http://deb.debian.org/debian}
machine=""   # name of the machine in use
leader=0     # process id of its init, as seen from here
spawned=0    # process id of systemd-nspawn

skip() { printf 'skipped: %s\n' "$1"; exit 77; }
fail() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }
told() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

need_tools() {
  [ "$(id -u)" = 0 ] || skip "a container is booted as root"
  for tool in mmdebstrap systemd-nspawn nsenter; do
    command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install mmdebstrap systemd-container)"
  done
}

# base_root SUITE NAME PACKAGES: the tarball of a bare Debian, made when it is not there yet.
base_root() {
  local suite=$1 name=$2 packages=$3 tar=$cache/$2.tar
  mkdir -p "$cache"
  if [ ! -f "$tar" ]; then
    told "making $name"
    mmdebstrap --quiet --format=tar --variant=minbase --include="systemd,systemd-sysv,dbus,ca-certificates,$packages" "$suite" "$tar.new" \
      "deb $mirror $suite main" "deb $mirror $suite-updates main" || skip "Debian's archive does not answer"
    mv "$tar.new" "$tar"
  fi
}

# fresh_machine NAME FROM: a new root from the tarball FROM, with the tree at /home/user/bringup and the CA of this machine's network.
fresh_machine() {
  machine=$1
  root=$cache/$1
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  tar -C "$root" --exclude='./dev/*' -xf "$cache/$2.tar"
  echo "$1" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$1" >"$root/etc/hosts"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  chroot "$root" useradd -m -s /bin/bash user
  mkdir -p "$root/home/user/bringup"
  (cd "$tree" && git ls-files -co --exclude-standard -z | tar --null -T - -cf -) | tar -C "$root/home/user/bringup" -xf -
  # A program built already (of the same Debian) saves the minutes of building it inside.
  if [ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ]; then
    mkdir -p "$root/home/user/bringup/build"
    cp "$BRINGUP_SYSTEM_PROGRAM" "$root/home/user/bringup/build/bringup"
    touch "$root/home/user/bringup/build/.built"
  fi
  chroot "$root" chown -R user:user /home/user/bringup
}

# boot [OPTION..]: with these options of systemd-nspawn, such as --private-network.
boot() {
  local began tries
  began=$(date +%s%N)
  systemd-nspawn --quiet -b "$@" -D "$root" --register=no --keep-unit -M "$machine" --console=pipe </dev/null >"$root.console" 2>&1 &
  spawned=$!
  for tries in $(seq 1 1200); do
    leader=$(pgrep -P "$spawned" | head -n 1 || true)
    state=""
    [ -z "$leader" ] || state=$(nsenter -t "$leader" -m -p -u -i systemctl is-system-running 2>/dev/null || true)
    if [ "$state" = running ] || [ "$state" = degraded ]; then
      printf 'booted in %s ms\n' $((($(date +%s%N) - began) / 1000000))
      return 0
    fi
    kill -0 "$spawned" 2>/dev/null || fail "the container did not start: $(tail -n 3 "$root.console")"
    sleep 0.1
  done
  fail "the container did not boot in two minutes, $tries looks"
}

shut_down() {
  [ "$spawned" != 0 ] || return 0
  nsenter -t "$leader" -m -p -u -i systemctl poweroff 2>/dev/null || true
  for _ in $(seq 1 100); do
    kill -0 "$spawned" 2>/dev/null || break
    sleep 0.1
  done
  kill "$spawned" 2>/dev/null || true
  wait "$spawned" 2>/dev/null || true
  spawned=0
}

reboot_machine() {
  shut_down
  boot
}

# What a person's session has; proxies and CA files of this machine's network pass, as an administrator would set them.
session() {
  local ca=/etc/ssl/certs/ca-certificates.crt words=(HOME="$1" LANG=C.UTF-8 TERM=xterm PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  [ -z "${PIP_CERT:-}" ] || words+=(PIP_CERT=$ca SSL_CERT_FILE=$ca REQUESTS_CA_BUNDLE=$ca CURL_CA_BUNDLE=$ca)
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name:-}" ] || words+=("$name=${!name}")
  done
  printf '%s\n' "${words[@]}"
}

# inside COMMAND..: runs as root in the booted machine; as_user the same as the user.
inside() {
  mapfile -t environment < <(session /root)
  nsenter -t "$leader" -m -p -u -i env -i -C /home/user/bringup "${environment[@]}" "$@" </dev/null
}
as_user() {
  mapfile -t environment < <(session /home/user)
  nsenter -t "$leader" -m -p -u -i setpriv --reuid=user --regid=user --init-groups env -i -C /home/user/bringup "${environment[@]}" "$@" </dev/null
}

# Every file that is not state of a running system or a cache, with type, mode, owner and content, and every package.
snapshot() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/tmp \
    -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/lib/systemd \
    -o -path ./var/lib/bringup -o -path ./home/user/bringup -o -name __pycache__ -o -path ./etc/ld.so.cache -o -path ./root/.cache \
    -o -path ./home/user/.cache -o -path ./etc/machine-id -o -path ./var/lib/dbus -o -name '*-' -path './etc/*' \) -prune -o -printf '%y %m %u %g %p %l\n' -type f -exec sha256sum {} + | sort)
  chroot "$root" dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n'
}

trap shut_down EXIT
