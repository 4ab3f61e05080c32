#!/usr/bin/env bash
# mirrors.sh: PyPI, PyTorch's index, NVIDIA's repository, Debian's archive and their mirrors are played on loopback under their own names (what lies
# in Debian's archive comes from the real one behind them). profile = "auto" takes the fastest that answers and says so; PyPI's own hashes count, so a
# mirror that gives other files is left for the next, aloud, also where its index goes along with it; where nobody tells the truth a lock does.
# profile = "aliyun": Python's packages, a toolkit and wheels by mirrors alone, signed with Debian's and NVIDIA's keys. profile = "sjtu": torch.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
. "$(dirname "$0")/vendor-repo.sh"
. "$(dirname "$0")/vendor-machine.sh"
need_vendor_tools
base_root bookworm bare-bookworm zsh
address=127.0.77.6

python3 -m pip download -q --no-deps --only-binary :all: -d "$standin/wheels" idna uv || skip "PyPI does not answer"
wheel=$(echo "$standin"/wheels/idna-*) name=$(basename "$standin"/wheels/idna-*)
python3 -m zipfile -e "$standin"/wheels/uv-* "$standin/uv"
places="pypi tuna aliyun"
truth() { for who in $places; do mkdir -p "$standin/$who"; cp "$wheel" "$standin/$who/"; rm -f "$standin/$who/promised" "$standin/$who/down"; done; }
truth
new_key right
new_key wrong
toolkit 13 0
index right
gpg --homedir "$standin/right" --batch --armor --export >"$repo/3bf863cc.pub" 2>/dev/null
vendor_catalog
# A wheel that says of itself what torch does.
python3 - "$standin/torch" <<'PY'
import os, sys, zipfile
folder = sys.argv[1]
os.makedirs(folder)
for version in ("2.10.0", "2.11.0", "2.9.1", "2.8.0", "2.7.1"):
    whole = f"{version}+cu126"
    info = f"torch-{whole}.dist-info"
    with zipfile.ZipFile(f"{folder}/torch-{whole}-cp311-cp311-manylinux_2_28_x86_64.whl", "w") as file:
        file.writestr("torch/__init__.py", "")
        file.writestr("torch/version.py", f"__version__ = '{whole}'\ncuda = '12.6'\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {whole}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a stand-in\nRoot-Is-Purelib: true\nTag: cp311-cp311-manylinux_2_28_x86_64\n")
        file.writestr(f"{info}/RECORD", f"torch/__init__.py,,\ntorch/version.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
PY

hosts="pypi.org pypi.tuna.tsinghua.edu.cn mirrors.aliyun.com download.pytorch.org mirror.sjtu.edu.cn"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a stand-in's CA" -keyout "$standin/ca.key" -out "$standin/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=pypi.org" -keyout "$standin/server.key" -out "$standin/server.csr" 2>/dev/null
openssl x509 -req -in "$standin/server.csr" -CA "$standin/ca.crt" -CAkey "$standin/ca.key" -CAcreateserial -days 2 -out "$standin/server.crt" \
  -extfile <(printf 'subjectAltName='; printf 'DNS:%s,' $hosts | sed 's/,$//') 2>/dev/null
cat >"$standin/server.py" <<'PY'
import glob, hashlib, http.server, os, ssl, sys, time, urllib.error, urllib.request, zipfile
www, wheel = sys.argv[1], sys.argv[4]
WHO = {"pypi.org": ("pypi", 2.0), "pypi.tuna.tsinghua.edu.cn": ("tuna", 0.0), "mirrors.aliyun.com": ("aliyun", 0.4),
       "download.pytorch.org": ("pytorch", 0.2), "mirror.sjtu.edu.cn": ("sjtu", 0.5)}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def metadata(path):
    with zipfile.ZipFile(path) as file:
        return file.read(next(one for one in file.namelist() if one.endswith(".dist-info/METADATA")))


def page(files, promised):
    """PEP 503 with PEP 658: each file with its hash, and its metadata beside it."""
    rows = []
    for file in files:
        digest = hashlib.sha256(read(promised if promised and os.path.exists(promised) else file)).hexdigest()
        about = hashlib.sha256(metadata(file)).hexdigest()
        base = os.path.basename(file)
        rows.append(f'<a href="/files/{base.replace("+", "%2B")}#sha256={digest}" data-core-metadata="sha256={about}">{base}</a>')
    return ("<!DOCTYPE html><html><body>" + "<br>".join(rows) + "</body></html>").encode()


class Index(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def text(self, who):
        path = self.path.replace("%2B", "+").split("#")[0]
        if path.endswith("/idna/"):
            return page([f"{www}/{who}/{wheel}"], f"{www}/{who}/promised")
        if path.endswith("/torch/"):
            return page(sorted(glob.glob(f"{www}/torch/*.whl")), None)
        if path.startswith("/files/"):
            name = os.path.basename(path).removesuffix(".metadata")
            place = f"{www}/torch/{name}" if name.startswith("torch-") else f"{www}/{who}/{name}"
            return metadata(place) if path.endswith(".metadata") else read(place)
        if path.startswith(("/debian/", "/debian-security/")) and who == "aliyun":
            with urllib.request.urlopen("http://deb.debian.org" + path, timeout=60) as there:
                return there.read()
        if path.startswith("/nvidia-cuda/") and who == "aliyun":
            below = f"{www}/www/compute/cuda/repos/" + path.removeprefix("/nvidia-cuda/")
            return b"a folder" if os.path.isdir(below) else read(below)
        if path.endswith({"pytorch": "/whl/", "sjtu": "/pytorch-wheels/"}.get(who, "/simple/")):
            return b'<!DOCTYPE html><html><body><a href="idna/">idna</a></body></html>'
        return None

    def do_GET(self, body=True):
        who, delay = WHO[self.headers["Host"].split(":")[0]]
        with open(f"{www}/log", "a") as log:
            log.write(f"{who} {self.command} {self.path}\n")
        if os.path.exists(f"{www}/{who}/down") or who == "sjtu" and "/pypi/" in self.path:
            return self.connection.close()
        if not self.path.startswith(("/debian", "/nvidia-cuda")):
            time.sleep(delay)
        try:
            text = self.text(who)
        except (OSError, urllib.error.URLError):
            text = None
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Type", "text/html" if text and text.startswith(b"<!") else "application/octet-stream")
        self.send_header("Content-Length", str(len(text or b"")))
        self.end_headers()
        if body and text:
            self.wfile.write(text)

    def do_HEAD(self):
        self.do_GET(body=False)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((sys.argv[5], 443), Index)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
PY
begin() {
  python3 "$standin/server.py" "$standin" "$standin/server.crt" "$standin/server.key" "$name" "$address" 2>"$standin/server.log" &
  server=$!
  until (: </dev/tcp/"$address"/443) 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || skip "port 443 of $address cannot be had: $(tail -n 1 "$standin/server.log")"
    sleep 0.2
  done
}
begin

fresh_machine bare-bookworm-mirrors bare-bookworm
printf '%s %s\n127.0.77.9 mirrors.ustc.edu.cn mirrors.tuna.tsinghua.edu.cn developer.download.nvidia.com developer.download.nvidia.cn hf-mirror.com\n' \
  "$address" "$hosts" >>"$root/etc/hosts"
cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
install -m 755 "$(find "$standin/uv" -path '*/bin/uv' -o -path '*/scripts/uv' | head -n 1)" "$root/usr/local/bin/uv"
cp "$standin/catalog" "$standin/trusted.toml" "$root/root/"
goal() { printf '%s\n[mirrors]\nprofile = "%s"\n[[env]]\nname = "dl"\npackages = ["%s"]\n' "$1" "$2" "$3" >"$root/srv/bringup.toml"; }
boot
inside build/bringup catalog use /root/catalog --key /root/trusted.toml
up() { inside env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt no_proxy='*' build/bringup up --goal /srv/bringup.toml --yes "$@"; }
anew() {
  inside build/bringup undo --yes >/dev/null
  rm -rf "$root/root/.cache/uv" "$root/srv/"pylock.* "$root/var/lib/bringup/"*-lists
  truth
  : >"$standin/log"
}
said() { tr -s ' \n' ' ' <"$root.up" | grep -q "$1" || fail "it was not said: $1"; }
found() { find "$root/root/.local/share/bringup/envs" -maxdepth 6 -path "*/$1" 2>/dev/null | grep -q .; }
# A mirror with other bytes, and with an index that goes along with them.
lies() {
  python3 - "$standin/$1/$name" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "a") as file:
    file.writestr("idna/evil.py", "raise SystemExit('evil')\n")
PY
}

told "Debian's own Python by the mirror aliyun, a toolkit by its copy of NVIDIA's repository, wheels"
goal $'driver = "none"\ntoolkit = "13.0"' aliyun idna
: >"$standin/log"
up --for "4x RTX 4090" 2>&1 | tee "$root.up"
said "the distribution's archive comes by way of the mirror aliyun"
said "NVIDIA's repository comes by way of the mirror aliyun"
grep -q '^aliyun GET /debian/pool/' "$standin/log" || fail "no package of Debian's came by the mirror"
grep -q '^aliyun GET /nvidia-cuda/debian12/x86_64/.*cuda-toolkit-13-0' "$standin/log" || fail "the toolkit did not come by the mirror"
inside bash -lc 'nvcc --version' | grep -q 'release 13.0' || fail "no nvcc in a new login shell"
[ -z "$(grep -rl 'mirrors.aliyun.com/debian' "$root/etc/apt" || true)" ] || fail "the system's own sources were changed"
anew
driverless=$'driver = "none"\ntoolkit = "none"'

told "a mirror's archive that Debian did not sign is refused"
python3 - "$standin/server.py" <<'PY'
import sys
text = open(sys.argv[1]).read()
text = text.replace("                return there.read()", "                return there.read().replace(b'Codename: bookworm', b'Codename: bookworn')")
open(sys.argv[1], "w").write(text)
PY
again() {
  kill "$server"
  wait "$server" 2>/dev/null || true
  begin
}
again
goal "$driverless" aliyun idna
code=0
up >"$root.up" 2>&1 || code=$?
tail -n 4 "$root.up"
[ "$code" = 1 ] || fail "ended with $code and not with 1"
chroot "$root" dpkg-query -W python3 >/dev/null 2>&1 && fail "something of it was installed"
sed -i "s/.replace(b'Codename: bookworm', b'Codename: bookworn')//" "$standin/server.py"
again
anew

# Python stays from here on: it is brought by what was tried above.
inside apt-get -qq update
inside env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y python3 python3-venv >/dev/null

told "auto: the fastest is taken, aloud, and PyPI's own hashes count"
goal "$driverless" auto idna
up 2>&1 | tee "$root.up"
said 'mirror tuna'
said 'held against the hashes that the place itself gives'
grep -q "^tuna GET .*$name\$" "$standin/log" || fail "the wheel did not come from tuna"
grep -q "^\(pypi\|aliyun\) GET .*$name\$" "$standin/log" && fail "a slower place gave the wheel"
cp "$root/srv/pylock.dl.toml" "$standin/pylock.dl.toml"
anew

for how in "than its index promises" "and an index that goes along with it"; do
  told "a mirror with another file $how is left for the next, aloud"
  [ "$how" = "than its index promises" ] && cp "$wheel" "$standin/tuna/promised"
  lies tuna
  up 2>&1 | tee "$root.up"
  said 'tuna.tsinghua.edu.cn gave a file that does not have its hash, of which nothing is kept; pypi.org is asked instead'
  found 'idna/core.py' || fail "it was not installed"
  found 'idna/evil.py' && fail "the other file was installed"
  anew
done

told "PyPI is down, and every mirror lies: a lock still knows"
touch "$standin/pypi/down"
lies tuna
lies aliyun
cp "$standin/pylock.dl.toml" "$root/srv/"
code=0
up >"$root.up" 2>&1 || code=$?
tail -n 5 "$root.up"
[ "$code" = 1 ] || fail "ended with $code and not with 1"
said 'aliyun.com is asked instead'
grep -qi 'hash' "$root.up" || fail "no word of a hash"
found 'idna*' && fail "it was installed"
anew

told "torch by the mirror sjtu"
goal "$driverless" sjtu torch
# the wheel is a stand-in: its proof fails
code=0
up --for "V100 SXM2 32GB" >"$root.up" 2>&1 || code=$?
grep -A3 '^Notices' "$root.up"
[ "$code" = 1 ] || fail "ended with $code and not with 1"
said '2 of 2 steps'
said 'what comes from pytorch comes by way of the mirror sjtu'
grep -q '^sjtu GET /files/torch-' "$standin/log" || fail "torch did not come from sjtu"
grep -q '^pytorch GET /files/torch-.*whl$' "$standin/log" && fail "torch came from its own index"
anew
echo "what mirrors bring was taken, held against the keys and hashes of the places themselves, and who lied was left"
