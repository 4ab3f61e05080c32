#!/usr/bin/env bash
# dnf.sh: the real dnf and rpm in a private root against a repository that is made like NVIDIA's for RHEL 9: modules, signed packages, its key beside it.
# The root is no Rocky: it is Debian's userland with dnf and rpm, an rpm database of its own, no dpkg, and Rocky's os-release; the kernel is a package of a
# few files, and the driver's module is written by a script, because there is nothing here that builds one. What is real: dnf 4, rpm, gpg, TLS.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
[ "$(id -u)" = 0 ] || skip "a root of its own is entered as root"
for tool in mmdebstrap rpmbuild rpmsign createrepo_c modifyrepo_c gpg openssl python3 unshare; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install mmdebstrap rpm createrepo-c gnupg openssl python3)"
done
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"

standin=$(mktemp -d)
repo=$standin/www/compute/cuda/repos/rhel9/x86_64
mkdir -p "$repo" "$standin/base" "$standin/work"
server=0
finish() { [ "$server" = 0 ] || kill "$server" 2>/dev/null || true; rm -rf "$standin"; }
trap finish EXIT
release=5.14.0-570.12.1.el9_6.x86_64
newer=5.14.0-999.1.1.el9_6.x86_64

# rpm_package INTO NAME VERSION RELEASE [REQUIRES] [SCRIPT]: what stands in work/NAME becomes an rpm, signed with the key named in $signer.
rpm_package() {
  local into=$1 name=$2 tree=$standin/work/$2
  mkdir -p "$tree"
  {
    printf 'Name: %s\nEpoch: %s\nVersion: %s\nRelease: %s\nSummary: a stand-in\nLicense: none\nAutoReqProv: no\n' "$name" "${epoch:-0}" "$3" "$4"
    [ -z "${5:-}" ] || printf 'Requires: %s\n' "$5"
    [ -z "${provides:-}" ] || printf 'Provides: %s\n' "$provides"
    printf '%%description\na stand-in\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}/\n' "$tree"
    [ -z "${6:-}" ] || printf '%%post\n%s\n' "$6"
    [ -z "${gone:-}" ] || printf '%%preun\n%s\n' "$gone"
    printf '%%files\n'
    (cd "$tree" && find . ! -type d -printf '/%P\n')
    # directories of its own; those of the system are another package's
    (cd "$tree" && find . -type d \( -path './usr/local/*' -o -path './usr/src/*' \) | sed 's|^\.|%dir |')
  } >"$standin/work/$name.spec"
  rpmbuild -bb --quiet --target x86_64 --define "_topdir $standin/rpm" --define "_rpmdir $into" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define '_build_id_links none' --define '__os_install_post %{nil}' --define 'debug_package %{nil}' "$standin/work/$name.spec" >"$standin/work/$name.log" 2>&1 ||
    { cat "$standin/work/$name.log"; fail "rpmbuild of $name"; }
  GNUPGHOME=$standin/$signer rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_name $signer" --addsign "$into/$name-$3-$4.x86_64.rpm" >/dev/null 2>&1 || fail "rpmsign of $name"
  rm -rf "$tree"
}

# kernel RELEASE: kernel-core and kernel-devel of it.
kernel() {
  local version=${1%%-*} rest=${1#*-}
  rest=${rest%.x86_64}
  mkdir -p "$standin/work/kernel-core/lib/modules/$1/kernel" "$standin/work/kernel-core/boot" "$standin/work/kernel-devel/usr/src/kernels/$1/include" "$standin/work/kernel-devel/lib/modules/$1"
  echo "a stand-in" >"$standin/work/kernel-core/boot/vmlinuz-$1"
  touch "$standin/work/kernel-core/lib/modules/$1/modules.dep" "$standin/work/kernel-devel/usr/src/kernels/$1/include/headers"
  ln -s "/usr/src/kernels/$1" "$standin/work/kernel-devel/lib/modules/$1/build"
  provides="installonlypkg(kernel)" rpm_package "$standin/base" kernel-core "$version" "$rest"
  provides="installonlypkg(kernel)" rpm_package "$standin/base" kernel-devel "$version" "$rest"
}

# rpm_driver VERSION [REQUIRES]
rpm_driver() {
  local build='for m in /lib/modules/*; do [ ! -e "$m/build" ] || { mkdir -p "$m/extra"; echo "a stand-in" >"$m/extra/nvidia.ko"; }; done'
  local clear='rm -f /lib/modules/*/extra/nvidia.ko; rmdir /lib/modules/*/extra 2>/dev/null || true'
  epoch=3 gone=$clear rpm_package "$repo" kmod-nvidia-open-dkms "$1" 1.el9 kernel-devel "$build"
  mkdir -p "$standin/work/nvidia-driver-cuda-libs/usr/lib64"
  echo "a stand-in" >"$standin/work/nvidia-driver-cuda-libs/usr/lib64/libcuda.so.$1"
  epoch=3 rpm_package "$repo" nvidia-driver-cuda-libs "$1" 1.el9
  epoch=3 rpm_package "$repo" nvidia-open "$1" 1.el9 "kmod-nvidia-open-dkms = 3:$1, nvidia-driver-cuda-libs = 3:$1${2:+, $2}"
}

# index: what dnf reads, with a stream of the module nvidia-driver for each version of the driver.
rpm_index() {
  rm -rf "$repo/repodata"
  createrepo_c --quiet "$repo"
  local version
  for version in $(cd "$repo" && ls nvidia-open-*.rpm | sed 's/nvidia-open-\(.*\)-1\.el9.*/\1/'); do
    printf -- '---\ndocument: modulemd\nversion: 2\ndata:\n  name: nvidia-driver\n  stream: "%s-open"\n  version: 20260101000000\n  context: c0ffee42\n  arch: x86_64\n' "${version%%.*}"
    printf '  summary: a stand-in\n  description: a stand-in\n  license:\n    module: [MIT]\n  artifacts:\n    rpms:\n'
    for name in kmod-nvidia-open-dkms nvidia-driver-cuda-libs nvidia-open; do printf '    - %s-3:%s-1.el9.x86_64\n' "$name" "$version"; done
    printf '...\n'
  done >"$standin/modules.yaml"
  modifyrepo_c --mdtype=modules "$standin/modules.yaml" "$repo/repodata" >/dev/null
}

told "a repository"
signer=right
new_key right
new_key wrong
provides=/bin/sh rpm_package "$standin/base" bash 5.1.8 9.el9 # the shell is Debian's own; rpm has to be told of it
kernel "$release"
kernel "$newer" # lies in wait
rpm_driver 595.71.05
rpm_driver 999.10.01 # a branch that must not be taken
mkdir -p "$standin/work/cuda-toolkit-13-0/usr/local/cuda-13.0/bin"
printf '#!/bin/sh\necho "nvcc: NVIDIA (R) Cuda compiler driver"\necho "Cuda compilation tools, release 13.0, V13.0.88"\n' >"$standin/work/cuda-toolkit-13-0/usr/local/cuda-13.0/bin/nvcc"
chmod 755 "$standin/work/cuda-toolkit-13-0/usr/local/cuda-13.0/bin/nvcc"
printf '{"cuda": {"name": "CUDA SDK", "version": "13.0.2"}}\n' >"$standin/work/cuda-toolkit-13-0/usr/local/cuda-13.0/version.json"
rpm_package "$repo" cuda-toolkit-13-0 13.0.2 1
rpm_index
gpg --homedir "$standin/right" --batch --armor --export >"$repo/D42D0685.pub" 2>/dev/null
serve

told "a root with dnf"
tar=$cache/dnf-bookworm.tar
mkdir -p "$cache"
if [ ! -f "$tar" ]; then
  mmdebstrap --quiet --format=tar --variant=minbase --include="dnf,rpm,dnf-plugins-core,curl,kmod,ca-certificates,python3-venv,procps" bookworm "$tar.new" \
    "deb $mirror bookworm main" || skip "Debian's archive does not answer"
  mv "$tar.new" "$tar"
fi
catalog() {
  mkdir -p "$standin/tree/tools" "$standin/tree/data"
  cp "$tree/tools/sign-catalog" "$standin/tree/tools/"
  cp -r "$tree/data/catalog" "$standin/tree/data/"
  sed -i "s/610C7B14E068A878070DA4E99CD0A493D42D0685/$(fingerprint right)/" "$standin/tree/data/catalog/repos.toml" "$standin/tree/data/catalog/keys.toml"
  openssl genpkey -algorithm ed25519 -out "$standin/signer.pem" 2>/dev/null
  public=$("$standin/tree/tools/sign-catalog" 9000 2099-01-01 stand-in "$standin/signer.pem" "$standin/catalog" | tail -n 1)
  printf '[[key]]\nid = "stand-in"\ned25519 = "%s"\n' "$public" >"$standin/trusted.toml"
}
catalog

enter() {
  mapfile -t environment < <(session /root)
  unshare --mount --pid --fork --kill-child sh -c 'mount --make-rprivate / && mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$@"' \
    "$root" "$root" env -i -C /root "${environment[@]}" "$@" </dev/null
}

fresh() {
  root=$cache/dnf-run
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  tar -C "$root" --exclude='./dev/*' -xf "$tar"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  printf '127.0.0.1 localhost\n127.0.77.1 developer.download.nvidia.com\n' >"$root/etc/hosts"
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"; fi
  cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  # The plugin that locks versions comes as a package, as on Rocky.
  if [ ! -d "$standin/plugin" ]; then
    mkdir -p "$standin/plugin"
    (cd "$root" && find etc/dnf/plugins usr/lib/python3/dist-packages/dnf-plugins -name 'versionlock*' ! -name '*.pyc' | tar -T - -cf -) | tar -C "$standin/plugin" -xf -
    mkdir -p "$standin/work/python3-dnf-plugin-versionlock"
    cp -a "$standin/plugin/." "$standin/work/python3-dnf-plugin-versionlock/"
    rpm_package "$standin/base" python3-dnf-plugin-versionlock 4.3.1 1
    createrepo_c --quiet "$standin/base"
  fi
  find "$root/etc/dnf/plugins" "$root/usr/lib/python3/dist-packages/dnf-plugins" -name 'versionlock*' -delete
  # What this plugin adds is a repository of its own, which Rocky has not.
  rm -f "$root"/etc/dnf/plugins/local.conf "$root"/usr/lib/python3/dist-packages/dnf-plugins/local.py
  mv "$root/var/lib/dpkg" "$root/root/dpkg"
  rm -f "$root/usr/bin/apt-get" "$root/usr/bin/dpkg"
  printf 'NAME="Rocky Linux"\nPRETTY_NAME="Rocky Linux 9.6 (a stand-in)"\nVERSION_ID="9.6"\nID="rocky"\nID_LIKE="rhel centos fedora"\nPLATFORM_ID="platform:el9"\n' >"$root/etc/os-release.new"
  rm -f "$root/etc/os-release"
  mv "$root/etc/os-release.new" "$root/etc/os-release"
  mkdir -p "$root/etc/yum.repos.d" "$root/srv/base" "$root/etc/dnf/modules.d" "$root/etc/dnf/vars" "$root/etc/pki/rpm-gpg"
  printf '[main]\ngpgcheck=1\nmodule_platform_id=platform:el9\nbest=True\n' >"$root/etc/dnf/dnf.conf"
  echo 9 >"$root/etc/dnf/vars/releasever"
  cp -a "$standin/base/." "$root/srv/base/"
  gpg --homedir "$standin/right" --batch --armor --export >"$root/etc/pki/rpm-gpg/RPM-GPG-KEY-base" 2>/dev/null
  printf '[baseos]\nname=a stand-in\nbaseurl=file:///srv/base\nenabled=1\ngpgcheck=0\n' >"$root/etc/yum.repos.d/base.repo"
  enter rpm --initdb
  enter rpm -i --nosignature "/srv/base/kernel-core-${release%.x86_64}.x86_64.rpm" /srv/base/bash-5.1.8-9.el9.x86_64.rpm
  cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
  printf 'toolkit = "13.0"\n[[env]]\nname = "dl"\npackages = ["numpy"]\n' >"$root/root/bringup.toml"
  mkdir -p "$root/usr/local/bin"
  cp "$BRINGUP_SYSTEM_PROGRAM" "$root/usr/local/bin/bringup"
  enter bringup catalog use /root/catalog --key /root/trusted.toml
}
up() { enter bringup up --for "4x RTX 4090" --goal /root/bringup.toml --yes; }
rpms() { enter rpm -qa | sort; }
# Every file but caches and databases; the packages beside them.
tree_of() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/dnf \
    -o -path ./var/lib/rpm -o -path ./usr/lib/sysimage -o -path ./root/.rpmdb -o -path ./root/.cache -o -path ./var/lib/bringup -o -name __pycache__ -o -path ./etc/ld.so.cache \) -prune -o -printf '%y %m %u %g %p %l\n' \
    -type f -exec sha256sum {} + | sort)
  rpms
}

fresh
tree_of >"$root.before"
told "up"
up 2>&1 | tee "$root.up"
rpms >"$root.rpms"
cat "$root.rpms"
grep -q '^nvidia-open-595.71.05-1.el9' "$root.rpms" || fail "another branch was taken"
grep -q "^kernel-core-${newer%.x86_64}" "$root.rpms" && fail "a kernel came"
grep -q "^kernel-devel-${release%.x86_64}" "$root.rpms" || fail "no headers for $release"
[ -e "$root/lib/modules/$release/extra/nvidia.ko" ] || fail "no module"
grep -q 'stream=595-open' "$root/etc/dnf/modules.d/nvidia-driver.module" || fail "the stream is not enabled"
grep -q 'kernel-core' "$root/etc/dnf/plugins/versionlock.list" || fail "the kernel is not locked"
enter dnf -y --refresh upgrade >"$root.upgrade" 2>&1 || { cat "$root.upgrade"; fail "an upgrade cannot be done any more"; }
rpms | diff "$root.rpms" - || fail "an upgrade brought a kernel or another driver"
told "up again"
up 2>&1 | tee "$root.again"
grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
told "undo"
enter bringup undo --yes
tree_of >"$root.after"
diff "$root.before" "$root.after" || fail "undo did not give back the tree"

# refused WHAT CODE WORD: up ends with that code, says that word, and nothing of the driver was installed.
refused() {
  told "$1"
  code=0
  up >"$root.refused" 2>&1 || code=$?
  tail -n 6 "$root.refused"
  [ "$code" = "$2" ] || fail "$1: ended with $code and not with $2"
  grep -qi "$3" "$root.refused" || fail "$1: '$3' was not said"
  rpms | grep -q nvidia-open && fail "$1: the driver was installed"
  rpms | grep -q "kernel-core-${newer%.x86_64}" && fail "$1: a kernel came"
  enter bringup undo --yes >"$root.undo" 2>&1 || { cat "$root.undo"; fail "$1: undo"; }
  tree_of >"$root.after"
  diff "$root.before" "$root.after" || fail "$1: undo did not give back the tree"
}
gpg --homedir "$standin/wrong" --batch --armor --export >"$repo/D42D0685.pub" 2>/dev/null
refused "another key at its address" 4 "fingerprint"
gpg --homedir "$standin/right" --batch --armor --export >"$repo/D42D0685.pub" 2>/dev/null
rm "$repo"/*nvidia*
signer=wrong rpm_driver 595.71.05
rpm_index
enter dnf clean all >/dev/null 2>&1
refused "packages that another key signed" 1 "key"
rm "$repo"/*nvidia*
rpm_driver 595.71.05 "kernel-core >= 5.14.0-999"
rpm_index
enter dnf clean all >/dev/null 2>&1
refused "a driver that would bring a kernel" 4 "kernel"
echo "driver and toolkit came by dnf, and what must be refused was"
