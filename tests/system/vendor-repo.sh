# shellcheck shell=bash
# A repository that is made and signed like NVIDIA's for Debian: flat, labelled, its key beside it; with a driver of two branches whose DKMS module
# is a real one of a few lines, a toolkit, and a kernel that lies in wait. Sourced by vendor.sh.

vendor_address=${vendor_address:-127.0.77.1} # where its server is

# package DIR NAME VERSION DEPENDS: what stands in DIR/NAME becomes a .deb in $repo.
package() {
  mkdir -p "$1/$2/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: a stand-in <nobody@example.org>\nDescription: a stand-in\n%s' \
    "$2" "$3" "${4:+Depends: $4
}" >"$1/$2/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$1/$2" "$repo/${2}_${3}_amd64.deb" >/dev/null
  rm -rf "${1:?}/$2"
}

# driver VERSION [DEPENDS]: the packages of one driver version.
driver() {
  local version=$1 work=$standin/work source
  source=$work/nvidia-kernel-open-dkms/usr/src/nvidia-open-$version
  mkdir -p "$source" "$work/nvidia-kernel-open-dkms/DEBIAN"
  printf '#include <linux/module.h>\nMODULE_LICENSE("Dual MIT/GPL");\nMODULE_VERSION("%s");\n%s\n' "$version" "${driver_line:-}" >"$source/nvidia.c"
  printf 'obj-m := nvidia.o\n' >"$source/Kbuild"
  printf 'PACKAGE_NAME="nvidia-open"\nPACKAGE_VERSION="%s"\nBUILT_MODULE_NAME[0]="nvidia"\nDEST_MODULE_LOCATION[0]="/updates/dkms"\nMAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build modules"\nAUTOINSTALL="yes"\n' \
    "$version" >"$source/dkms.conf"
  # as the real packages do, through dkms's own helper
  printf '#!/bin/sh\nset -e\n[ "$1" != configure ] || /usr/lib/dkms/common.postinst nvidia-open %s "" "" "$2"\n' "$version" >"$work/nvidia-kernel-open-dkms/DEBIAN/postinst"
  printf '#!/bin/sh\nset -e\n[ "$1" = configure ] || dkms remove -m nvidia-open -v %s --all || true\n' "$version" >"$work/nvidia-kernel-open-dkms/DEBIAN/prerm"
  chmod 755 "$work/nvidia-kernel-open-dkms/DEBIAN/postinst" "$work/nvidia-kernel-open-dkms/DEBIAN/prerm"
  package "$work" nvidia-kernel-open-dkms "$version-1" "dkms"
  mkdir -p "$work/libcuda1/usr/lib/x86_64-linux-gnu"
  echo "a stand-in" >"$work/libcuda1/usr/lib/x86_64-linux-gnu/libcuda.so.$version"
  package "$work" libcuda1 "$version-1"
  package "$work" nvidia-open "$version-1" "nvidia-kernel-open-dkms (= $version-1), libcuda1 (= $version-1)${2:+, $2}"
}

pinning() {
  mkdir -p "$standin/work/nvidia-driver-pinning-$1/etc/apt/preferences.d"
  printf 'Package: nvidia-* libcuda1\nPin: version %s.*\nPin-Priority: 1000\n' "$1" >"$standin/work/nvidia-driver-pinning-$1/etc/apt/preferences.d/nvidia-driver-pinning-$1"
  package "$standin/work" "nvidia-driver-pinning-$1" "$1-1"
}

# toolkit MAJOR MINOR
toolkit() {
  local place=$standin/work/cuda-toolkit-$1-$2/usr/local/cuda-$1.$2
  mkdir -p "$place/bin"
  printf '#!/bin/sh\necho "nvcc: NVIDIA (R) Cuda compiler driver"\necho "Cuda compilation tools, release %s.%s, V%s.%s.88"\n' "$1" "$2" "$1" "$2" >"$place/bin/nvcc"
  chmod 755 "$place/bin/nvcc"
  printf '{"cuda": {"name": "CUDA SDK", "version": "%s.%s.2"}}\n' "$1" "$2" >"$place/version.json"
  package "$standin/work" "cuda-toolkit-$1-$2" "$1.$2.2-1"
}

# index KEY: what apt reads, signed with the key of that name.
index() {
  (cd "$repo" && dpkg-scanpackages -m . /dev/null >Packages 2>/dev/null && gzip -9kf Packages &&
    { printf 'Origin: NVIDIA\nLabel: NVIDIA CUDA\nArchitecture: x86_64\nDate: %s\nSHA256:\n' "$(LC_ALL=C date -uR)"
      for file in Packages Packages.gz; do printf ' %s %s %s\n' "$(sha256sum "$file" | cut -d ' ' -f 1)" "$(stat -c %s "$file")" "$file"; done; } >Release &&
    gpg --homedir "$standin/$1" --batch --yes --clearsign -o InRelease Release 2>/dev/null)
}

# new_key NAME
new_key() {
  mkdir -m 700 "$standin/$1"
  gpg --homedir "$standin/$1" --batch --quiet --passphrase '' --quick-generate-key "$1 <$1@example.org>" rsa3072 sign 0 2>/dev/null
}
fingerprint() { gpg --homedir "$standin/$1" --batch --with-colons -K 2>/dev/null | awk -F: '/^fpr/ {print $10; exit}'; }

# The server of that name: TLS with a CA of its own, on a loopback address, here and in the containers, which share this network.
serve() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a stand-in's CA" -keyout "$standin/ca.key" -out "$standin/ca.crt" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj "/CN=developer.download.nvidia.com" -keyout "$standin/server.key" -out "$standin/server.csr" 2>/dev/null
  openssl x509 -req -in "$standin/server.csr" -CA "$standin/ca.crt" -CAkey "$standin/ca.key" -CAcreateserial -days 2 -out "$standin/server.crt" \
    -extfile <(echo "subjectAltName=DNS:developer.download.nvidia.com") 2>/dev/null
  cat >"$standin/server.py" <<'PY'
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer((sys.argv[4], 443), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
  python3 "$standin/server.py" "$standin/www" "$standin/server.crt" "$standin/server.key" "$vendor_address" >"$standin/server.log" 2>&1 &
  server=$!
  sleep 1
  kill -0 "$server" 2>/dev/null || skip "port 443 of $vendor_address cannot be had: $(tail -n 1 "$standin/server.log")"
}
