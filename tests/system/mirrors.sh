#!/usr/bin/env bash
# mirrors.sh: PyPI and its mirrors are played on loopback under their own names: one slow, one fast, one that does not answer. profile = "auto" takes the
# fastest and says so; a mirror that gives another file than its index promises is refused, and so is one whose index goes along with it where a lock
# tells what the file was.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
need_tools
command -v openssl >/dev/null || skip "openssl is not installed"
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
base_root bookworm bare-bookworm zsh

standin=$(mktemp -d)
server=0
finish() { shut_down; [ "$server" = 0 ] || kill "$server" 2>/dev/null || true; rm -rf "$standin"; }
trap finish EXIT
python3 -m pip download -q --no-deps --only-binary :all: -d "$standin/wheels" idna uv || skip "PyPI does not answer"
wheel=$(echo "$standin"/wheels/idna-*) name=$(basename "$standin"/wheels/idna-*)
python3 -m zipfile -e "$standin"/wheels/uv-* "$standin/uv"
for who in pypi tuna aliyun; do mkdir -p "$standin/$who"; cp "$wheel" "$standin/$who/"; done

hosts="pypi.org pypi.tuna.tsinghua.edu.cn mirrors.aliyun.com"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a stand-in's CA" -keyout "$standin/ca.key" -out "$standin/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=pypi.org" -keyout "$standin/server.key" -out "$standin/server.csr" 2>/dev/null
openssl x509 -req -in "$standin/server.csr" -CA "$standin/ca.crt" -CAkey "$standin/ca.key" -CAcreateserial -days 2 -out "$standin/server.crt" \
  -extfile <(printf 'subjectAltName='; printf 'DNS:%s,' $hosts | sed 's/,$//') 2>/dev/null
cat >"$standin/server.py" <<'PY'
import hashlib, http.server, os, ssl, sys, time
www, wheel = sys.argv[1], sys.argv[4]
WHO = {"pypi.org": ("pypi", 0.7), "pypi.tuna.tsinghua.edu.cn": ("tuna", 0.0), "mirrors.aliyun.com": ("aliyun", 0.3)}

class Index(http.server.BaseHTTPRequestHandler):
    """PEP 503, each file with its hash; what the hash is of lies in the file 'promised', else it is the file's own."""
    protocol_version = "HTTP/1.1"

    def do_GET(self, body=True):
        who, delay = WHO[self.headers["Host"].split(":")[0]]
        time.sleep(delay)
        with open(f"{www}/log", "a") as log:
            log.write(f"{who} {self.command} {self.path}\n")
        file = f"{www}/{who}/{wheel}"
        if self.path.endswith("/idna/"):
            promised = f"{www}/{who}/promised"
            with open(promised if os.path.exists(promised) else file, "rb") as one:
                digest = hashlib.sha256(one.read()).hexdigest()
            text = f'<!DOCTYPE html><html><body><a href="/files/{wheel}#sha256={digest}">{wheel}</a></body></html>'.encode()
        elif self.path.endswith(wheel):
            with open(file, "rb") as one:
                text = one.read()
        elif self.path.endswith("/simple/"):
            text = b'<!DOCTYPE html><html><body><a href="idna/">idna</a></body></html>'
        else:
            text = None
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Type", "application/octet-stream" if self.path.endswith(".whl") else "text/html")
        self.send_header("Content-Length", str(len(text or b"")))
        self.end_headers()
        if body and text:
            self.wfile.write(text)

    def do_HEAD(self):
        self.do_GET(body=False)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.77.2", 443), Index)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
python3 "$standin/server.py" "$standin" "$standin/server.crt" "$standin/server.key" "$name" 2>"$standin/server.log" &
server=$!
sleep 1
kill -0 "$server" 2>/dev/null || skip "port 443 of 127.0.77.2 cannot be had: $(tail -n 1 "$standin/server.log")"

fresh_machine bare-bookworm-mirrors bare-bookworm
printf '127.0.77.2 %s\n127.0.77.9 mirrors.ustc.edu.cn mirror.sjtu.edu.cn download.pytorch.org\n' "$hosts" >>"$root/etc/hosts"
cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
install -m 755 "$(find "$standin/uv" -path '*/bin/uv' -o -path '*/scripts/uv' | head -n 1)" "$root/usr/local/bin/uv"
printf 'driver = "none"\ntoolkit = "none"\n[mirrors]\nprofile = "auto"\n[[env]]\nname = "dl"\npackages = ["idna"]\n' >"$root/srv/bringup.toml"
boot
up() { inside env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt no_proxy='*' build/bringup up --goal /srv/bringup.toml --yes; }

told "the fastest is taken, aloud"
: >"$standin/log"
up 2>&1 | tee "$root.up"
grep -q 'mirror tuna' <(tr -s ' \n' ' ' <"$root.up") || fail "it was not said that the mirror tuna is taken"
cat "$standin/log"
grep -q "^tuna GET .*$name" "$standin/log" || fail "the wheel did not come from tuna"
grep -q "^\(pypi\|aliyun\) GET .*$name" "$standin/log" && fail "a slower place gave the wheel"
cp "$root/srv/pylock.dl.toml" "$standin/pylock.dl.toml"
inside build/bringup undo --yes >/dev/null

# refused WHAT: up fails because of a hash, and the environment has no package.
refused() {
  told "refused: $1"
  local code=0
  inside rm -rf /root/.cache/uv
  up >"$root.refused" 2>&1 || code=$?
  tail -n 5 "$root.refused"
  [ "$code" = 1 ] || fail "$1: ended with $code and not with 1"
  grep -qi 'hash' "$root.refused" || fail "$1: no word of a hash"
  [ -z "$(find "$root/root/.local/share/bringup/envs" -maxdepth 5 -name 'idna*' 2>/dev/null)" ] || fail "$1: it was installed"
  inside build/bringup undo --yes >/dev/null
}
cp "$wheel" "$standin/tuna/promised"
python3 - "$standin/tuna/$name" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "a") as file:
    file.writestr("idna/evil.py", "raise SystemExit('evil')\n")
PY
refused "a mirror that gives another file than its index promises"
rm "$standin/tuna/promised"
cp "$standin/pylock.dl.toml" "$root/srv/"
refused "a mirror that gives another file and says so, against a lock"
echo "the fastest mirror was taken, and the one that lied was refused"
