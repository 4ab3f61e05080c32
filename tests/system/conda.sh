#!/usr/bin/env bash
# conda.sh: Miniforge for root and Miniconda for a user come by their installers on a booted Debian 12, from hosts that are played: the hash checked, killed
# in the installer and in 'conda create' and resumed, conda and Python in new bash and zsh windows, a second up with nothing to do, undo byte for byte; an
# installer with another hash, a place that is taken, and Anaconda's channels without accepted terms are refused. conda is py-rattler behind a front
# (conda-front.py); uv and the wheels are PyPI's.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
need_tools
for tool in openssl python3.11; do
  command -v "$tool" >/dev/null || skip "$tool is not installed (apt-get install openssl python3.11-venv python3-pip)"
done
[ -d /usr/share/python-wheels ] || skip "python3.11-venv is not installed"
[ -n "${BRINGUP_SYSTEM_PROGRAM:-}" ] || skip "BRINGUP_SYSTEM_PROGRAM names no program built for Debian 12"
base_root bookworm bare-bookworm zsh

standin=$(mktemp -d)
server=0
finish() { shut_down; [ "$server" = 0 ] || kill "$server" 2>/dev/null || true; rm -rf "$standin"; }
trap finish EXIT
www=$standin/www
mkdir -p "$www" "$standin/wheels" "$standin/rattler"
told "a channel and two installers"
python3 -m pip download -q --no-deps --only-binary :all: -d "$standin/wheels" py-rattler pip || skip "PyPI does not answer"
rattler=$(echo "$standin"/wheels/py_rattler-*) pip=$(echo "$standin"/wheels/pip-*)
python3 -m zipfile -e "$rattler" "$standin/rattler"
PYTHONPATH=$standin/rattler /usr/bin/python3.11 "$tree/tests/system/conda-standin.py" channel "$www/conda.anaconda.org/conda-forge" "$pip"
file_of() { sed -n "/name = \"$1\"/,/^$/p" "$tree/data/catalog/installers.toml" | grep -A4 '"x86_64"' | sed -n 's/^file = "\(.*\)"/\1/p'; }
mini=$www/repo.anaconda.com/miniconda/$(file_of miniconda)
forge=$www/github.com/conda-forge/miniforge/releases/download/$(file_of miniforge)
/usr/bin/python3.11 "$tree/tests/system/conda-standin.py" installer "$mini" Miniconda3 "$rattler" "$pip"
/usr/bin/python3.11 "$tree/tests/system/conda-standin.py" installer "$forge" Miniforge3 "$rattler" "$pip"

told "their hosts and a catalog with their hashes"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a stand-in's CA" -keyout "$standin/ca.key" -out "$standin/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=repo.anaconda.com" -keyout "$standin/server.key" -out "$standin/server.csr" 2>/dev/null
openssl x509 -req -in "$standin/server.csr" -CA "$standin/ca.crt" -CAkey "$standin/ca.key" -CAcreateserial -days 2 -out "$standin/server.crt" \
  -extfile <(echo "subjectAltName=DNS:repo.anaconda.com,DNS:github.com,DNS:conda.anaconda.org") 2>/dev/null
cat >"$standin/server.py" <<'PY'
import http.server, os, re, ssl, sys

class Files(http.server.BaseHTTPRequestHandler):
    """Each host's files, whole or from a byte on."""
    protocol_version = "HTTP/1.1"

    def do_GET(self, body=True):
        path = os.path.join(sys.argv[1], self.headers["Host"].split(":")[0], self.path.split("?")[0].lstrip("/"))
        if not os.path.isfile(path):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        size = os.path.getsize(path)
        wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        start = int(wanted.group(1)) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        with open(path, "rb") as file:
            file.seek(start)
            while body and (piece := file.read(1 << 20)):
                self.wfile.write(piece)

    def do_HEAD(self):
        self.do_GET(body=False)

server = http.server.ThreadingHTTPServer(("127.0.77.1", 443), Files)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
python3 "$standin/server.py" "$www" "$standin/server.crt" "$standin/server.key" 2>"$standin/server.log" &
server=$!
sleep 1
kill -0 "$server" 2>/dev/null || skip "port 443 of 127.0.77.1 cannot be had: $(tail -n 1 "$standin/server.log")"
mkdir -p "$standin/tree/tools" "$standin/tree/data"
cp "$tree/tools/sign-catalog" "$standin/tree/tools/"
cp -r "$tree/data/catalog" "$standin/tree/data/"
python3 - "$standin/tree/data/catalog/installers.toml" miniconda "$mini" miniforge "$forge" <<'PY'
import hashlib, os, re, sys
path, *pairs = sys.argv[1:]
text = open(path).read()
for name, file in zip(pairs[::2], pairs[1::2]):
    digest = hashlib.sha256(open(file, "rb").read()).hexdigest()
    text, count = re.subn(rf'(name = "{name}"\narch = "x86_64"\n(?:.*\n)*?sha256 = )".*"\nsize = \d+', rf'\1"{digest}"\nsize = {os.path.getsize(file)}', text, count=1)
    assert count == 1
open(path, "w").write(text)
PY
openssl genpkey -algorithm ed25519 -out "$standin/signer.pem" 2>/dev/null
public=$("$standin/tree/tools/sign-catalog" 9000 2099-01-01 stand-in "$standin/signer.pem" "$standin/catalog" | tail -n 1)
printf '[[key]]\nid = "stand-in"\ned25519 = "%s"\n' "$public" >"$standin/trusted.toml"

fresh_machine bare-bookworm-conda bare-bookworm
printf '127.0.77.1 repo.anaconda.com github.com conda.anaconda.org\n' >>"$root/etc/hosts"
cp "$standin/ca.crt" "$root/usr/local/share/ca-certificates/stand-in.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
cp "$standin/catalog" "$standin/trusted.toml" "$root/srv/"
goal() { printf '[python]\nmanager = "%s"\n%s\n[[env]]\nname = "dl"\npackages = ["idna"]\n' "$1" "${2:-}" >"$root/srv/bringup.toml"; }
boot
inside build/bringup catalog use /srv/catalog --key /srv/trusted.toml
as_user build/bringup catalog use /srv/catalog --key /srv/trusted.toml

# The tree is as it was, but for the journal of a user, and the goal, which is this test's.
same() { diff <(grep -v '\.local/state/bringup\|srv/bringup\.toml' "$root.before") <(grep -v '\.local/state/bringup\|srv/bringup\.toml' "$root.after"); }

# holds AS HOME CONDA [OPTION]: what is there afterwards, as the one who did it.
holds() {
  told "new windows, env, run, status, again"
  for shell in bash zsh; do
    "$1" "$shell" -ic 'conda --version && conda activate dl && python -c "import idna, sys; print(sys.prefix, idna.__version__)"' 2>/dev/null | tee "$root.window"
    grep -q "^$2/$3/envs/dl 3" "$root.window" || fail "a new $shell does not run the environment's Python"
  done
  "$1" build/bringup env dl --goal /srv/bringup.toml | tee "$root.env"
  grep -q 'conda activate dl' "$root.env" || fail "env does not say how to activate it"
  "$1" build/bringup run dl --goal /srv/bringup.toml -- python -c 'import idna, os; print(os.environ["CONDA_PREFIX"])' | grep -qx "$2/$3/envs/dl" || fail "run"
  "$1" build/bringup status || fail "status: $?"
  "$1" build/bringup up --goal /srv/bringup.toml ${4:-} --yes 2>&1 | tee "$root.again"
  grep -qi 'nothing to do' "$root.again" || fail "the second up had something to do"
  [ -f "$root/srv/pylock.dl.toml" ] || [ -f "$root$2/$3/envs/dl/pylock.toml" ] || fail "no lock"
  grep -q 'conda-forge' "$root$2/$3/.condarc" || fail "no channel in .condarc"
  grep -q '^/' "$root$2/.conda/environments.txt" || fail "conda's own list is empty"
}

told "Miniforge for root, who has no curl yet"
goal miniforge
rm -f "$root/srv/pylock.dl.toml"
snapshot >"$root.before"
inside build/bringup up --goal /srv/bringup.toml --yes 2>&1 | tee "$root.up"
holds inside /root miniforge3
inside build/bringup undo --yes
snapshot >"$root.after"
same || fail "undo did not give back the tree"

told "a user, with curl there"
inside apt-get install -qq -y --no-install-recommends curl >/dev/null 2>&1
goal miniconda
snapshot >"$root.before"
up() { as_user build/bringup up --goal /srv/bringup.toml --user-only --yes; }

# killed WHEN: up is killed when that file is there.
killed() {
  touch "$root/srv/slow"
  up >"$root.killed" 2>&1 &
  local pid=$! tries
  for tries in $(seq 1 1200); do
    [ ! -e "$root/home/user/$1" ] || break
    kill -0 "$pid" 2>/dev/null || { cat "$root.killed"; fail "up ended before $1 was there, $tries looks"; }
    sleep 0.1
  done
  pkill -KILL -f '^build/bringup up --goal /srv/bringup.toml --user-only' || fail "nothing was there to be killed"
  wait "$pid" || true
  rm "$root/srv/slow"
  tail -n 2 "$root.killed"
  as_user build/bringup status && fail "status after a kill says that all is well"
  as_user build/bringup resume --yes 2>&1 | tee "$root.resumed"
}
told "killed in the installer"
killed miniconda3/conda-meta/history
holds as_user /home/user miniconda3 --user-only
as_user build/bringup undo --yes
snapshot >"$root.after"
same || fail "undo did not give back the tree"
told "killed in conda create"
killed miniconda3/envs/dl/half
[ ! -e "$root/home/user/miniconda3/envs/dl/half" ] || fail "what the killed create had made is still there"
holds as_user /home/user miniconda3 --user-only
as_user build/bringup undo --yes
snapshot >"$root.after"
same || fail "undo did not give back the tree"

# refused WHAT CODE WORD: up ends with that code and says that word.
refused() {
  told "refused: $1"
  local code=0
  up >"$root.refused" 2>&1 || code=$?
  tail -n 6 "$root.refused"
  [ "$code" = "$2" ] || fail "$1: ended with $code and not with $2"
  grep -q "$3" "$root.refused" || fail "$1: '$3' was not said"
  as_user build/bringup undo --yes >/dev/null 2>&1 || true
  snapshot >"$root.after"
  same || fail "$1: something is left"
}
goal miniconda 'channels = "defaults"'
refused "Anaconda's channels, whose terms nobody accepted" 4 "conda tos accept"
goal miniconda
cp "$mini" "$standin/right"
sed -i 's/installation finished/installation finishes/' "$mini"
refused "an installer with another hash" 1 "and should be"
mv "$standin/right" "$mini"
as_user mkdir /home/user/miniconda3
as_user touch /home/user/miniconda3/thesis.tex
snapshot >"$root.before"
refused "a place that is taken" 4 "something else already"
echo "a conda came by its installer, lived through kills, and went; what must be refused was"
