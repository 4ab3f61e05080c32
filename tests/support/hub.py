#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hub of models on loopback, which can be told by the owner's name to misbehave.

hub.py LOG [CERTIFICATE]    serves until its standard input ends; the first line on standard output is "PORT-OF-THE-HUB PORT-OF-ITS-STORE".
With a certificate (and its key, one file) both speak TLS alone.

Each request is a line of JSON in LOG. Owners: `ok`; `gated` (licence: hf_good has accepted it, hf_other has not);
`flaky` (one answer with 500 first); `drop` (the store hangs up again and again); `stuck` (always at the same byte);
`wrong` (other bytes), `wronged` (once); `page` (HTML instead of JSON); `paged` (HTML instead of weights); `norange`;
`slow`; `moved` (to ok); `circle`; `evil` (names ../x); `echo` (its refusal shows the token); `vast` (too large for any disk);
`strange` (an unknown family); `expired` (the store refuses its first address); `late` (HEAD takes two seconds and a half).
BRINGUP_HUB_MODEL="OWNER DIR" in the environment: OWNER's files are those in DIR, behind a licence like `gated`'s.
"""
import hashlib
import json
import random
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

GOOD, OTHER = "hf_good0canary", "hf_other0canary"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = b"<!doctype html><html><body>Please log in to this network</body></html>"


def safetensors(name, values, seed):
    header = json.dumps({name: {"dtype": "BF16", "shape": [values], "data_offsets": [0, 2 * values]}}).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(2 * values)


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512,
}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
FILES = {
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "README.md": b"# a model\n",
    "config.json": json.dumps(CONFIG).encode(),
    "generation_config.json": b"{}\n",
    "tokenizer.json": b'{"version": "1.0"}\n',
    FIRST: safetensors("a", 600_000, 1),
    SECOND: safetensors("b", 150_000, 2),
    "model.safetensors.index.json": json.dumps({"weight_map": {"a": FIRST, "b": SECOND}}).encode(),
    "onnx/model.onnx": b"the same in another format",
    "original/consolidated.00.pth": random.Random(3).randbytes(400_000),
    "original/params.json": b'{"dim": 64}\n',
    "original/tokenizer.model": random.Random(4).randbytes(20_000),
    "pytorch_model.bin": b"the same in yet another format",
}
LARGE = (".safetensors", ".pth", ".bin", ".onnx", ".model")
SEEN, LOCK = {}, threading.Lock()
GATED, OWN = {"gated"}, {}


def take_own(owner, directory):
    GATED.add(owner)
    OWN[owner] = {}
    for place, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                OWN[owner][os.path.relpath(os.path.join(place, name), directory)] = file.read()


def files_of(owner):
    files = dict(OWN.get(owner, FILES))
    if owner == "strange":
        files["config.json"] = json.dumps(CONFIG | {"model_type": "mamba9"}).encode()
    return files


def is_large(name):
    return name.endswith(LARGE)


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def count(*what):
    with LOCK:
        SEEN[what] = SEEN.get(what, 0) + 1
        return SEEN[what]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients are killed on purpose


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log, store, scheme = None, 0, "http://"

    def log_message(self, *_):
        pass

    def note(self):
        with LOCK:
            line = {"server": type(self).__name__, "method": self.command, "path": self.path,
                    "token": self.headers.get("Authorization"), "range": self.headers.get("Range")}
            self.log.write(json.dumps(line) + "\n")
            self.log.flush()

    def answer(self, status, body=b"", kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", headers.pop("length", None) or str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message):
        self.answer(status, json.dumps({"error": message}).encode(), X_Error_Code=code, X_Error_Message=message)

    def do_GET(self):
        self.note()
        self.serve()

    do_HEAD = do_GET

    def part(self, data):
        """The bytes that were asked for, where from, and whether that is a part."""
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            return data, 0, False
        first, _, last = wanted[6:].partition("-")
        return data[int(first):int(last) + 1 if last else len(data)], int(first), True


class Hub(Handler):
    def serve(self):
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[4:5] == ["tree"]:
            return self.tree(parts[2])
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            return self.model(parts[2], parts[3], parts[5] if len(parts) > 5 else "main")
        if parts[:3] == ["api", "resolve-cache", "models"]:
            return self.small(parts[3], "/".join(parts[6:]))
        if len(parts) > 4 and parts[2] == "resolve":
            return self.resolve(parts[0], parts[1], parts[3], "/".join(parts[4:]))
        self.refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def may_pass(self, owner, reads):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in (GOOD, OTHER):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif owner == "nobody":
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif owner == "echo":
            self.refuse(403, "", f"no entry for {token}")
        elif owner in GATED and reads and not token:
            self.refuse(401, "GatedRepo", f"Access to model {owner}/model is restricted.")
        elif owner in GATED and reads and token == OTHER:
            self.refuse(403, "GatedRepo",
                        f"Access to model {owner}/model is restricted and you are not in the list.")
        else:
            return True
        return False

    def model(self, owner, name, revision):
        if owner == "page":
            return self.answer(200, PAGE, "text/html; charset=utf-8")
        if owner == "moved":
            return self.answer(307, Location=self.path.replace("/moved/", "/ok/"))
        if owner == "late" and self.command == "HEAD":
            time.sleep(2.5)
        if owner == "circle":
            return self.answer(307, Location=self.path)
        if owner == "flaky" and count("model", owner) <= 1:
            return self.answer(500, b"Internal Server Error", "text/plain")
        if not self.may_pass(owner, False):
            return None
        if revision not in ("main", "v1.0", COMMIT):
            return self.refuse(404, "RevisionNotFound", "Invalid rev id: " + revision)
        siblings = []
        for path, data in files_of(owner).items():
            one = {"rfilename": path, "size": len(data), "blobId": blob(data)}
            if is_large(path):
                one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            if owner == "vast" and path == FIRST:
                one["size"] = one["lfs"]["size"] = 10**14
            siblings.append(one)
        if owner == "evil":
            siblings.append({"rfilename": "../x", "size": 1, "blobId": blob(b"x")})
        about = {"id": f"{owner}/{name}", "modelId": f"{owner}/{name}", "sha": COMMIT, "private": False, "tags": [],
                 "gated": "manual" if owner in GATED else False, "cardData": {"license": "llama3"},
                 "siblings": siblings, "lastModified": "2026-01-01T00:00:00.000Z"}
        return self.answer(200, json.dumps(about).encode())

    def tree(self, owner):  # huggingface_hub asks for it
        entries = []
        for path, data in files_of(owner).items():
            one = {"type": "file", "path": path, "size": len(data), "oid": blob(data)}
            if is_large(path):
                one["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            entries.append(one)
        return self.answer(200, json.dumps(entries).encode())

    def resolve(self, owner, name, revision, path):
        if not self.may_pass(owner, True):
            return None
        data = files_of(owner).get(path)
        if data is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        if not is_large(path):  # as the hub does: elsewhere on itself
            return self.answer(307, Location=f"/api/resolve-cache/models/{owner}/{name}/{COMMIT}/{path}",
                               X_Repo_Commit=COMMIT, ETag=f'"{blob(data)}"', X_Linked_Size=str(len(data)))
        nth = count("resolve", owner, path)
        place = f"{self.scheme}127.0.0.1:{self.store}/{owner}/{path}?signature={nth}"
        return self.answer(302, b"Found", "text/plain", Location=place, X_Repo_Commit=COMMIT,
                           X_Linked_Etag=f'"{hashlib.sha256(data).hexdigest()}"', X_Linked_Size=str(len(data)))

    def small(self, owner, path):
        data = files_of(owner)[path]
        body, start, partial = self.part(data)
        headers = {"ETag": f'"{blob(data)}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        if partial:
            headers["Content_Range"] = f"bytes {start}-{start + len(body) - 1}/{len(data)}"
        self.answer(206 if partial else 200, body, "text/plain", **headers)


class Store(Handler):
    def serve(self):
        owner, _, path = unquote(urlsplit(self.path).path).strip("/").partition("/")
        if self.command == "HEAD":  # a signed address is good for one method
            return self.answer(403, b"", "application/xml")
        data = files_of(owner)[path]
        if owner == "expired" and self.path.endswith("signature=1"):
            return self.answer(403, b"<Error>Request has expired</Error>", "application/xml")
        if owner == "paged":
            return self.answer(200, PAGE, "text/html")
        if owner == "wrong" or (owner == "wronged" and count("wronged", path) == 1):
            data = data[:-1] + bytes([data[-1] ^ 1])
        body, start, partial = (data, 0, False) if owner == "norange" else self.part(data)
        if partial and start >= len(data):
            return self.answer(416, b"", "text/plain", Content_Range=f"bytes */{len(data)}")
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(len(body)))
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(data)}")
        self.end_headers()
        return self.pour(owner, body, start, len(data))

    def pour(self, owner, body, start, whole):
        if owner == "stuck":
            body = body[:max(0, whole // 2 - start)]
        if owner == "drop" and len(body) > 10_000:
            body = body[:len(body) // 2]
        step = 16384 if owner == "slow" else 1 << 20
        for at in range(0, len(body), step):
            self.wfile.write(body[at:at + step])
            if owner == "slow":
                time.sleep(0.02)
        self.close_connection = owner in ("stuck", "drop")


def main():
    Handler.log = open(sys.argv[1], "a", encoding="utf-8")
    if os.environ.get("BRINGUP_HUB_MODEL"):
        take_own(*os.environ["BRINGUP_HUB_MODEL"].split(" ", 1))
    store = Server(("127.0.0.1", 0), Store)
    Handler.store = store.server_address[1]
    hub = Server(("127.0.0.1", 0), Hub)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
        Handler.scheme = "https://"
        for server in (hub, store):
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    for server in (hub, store):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    # In one call of the system: the reader goes when it has the first number.
    os.write(1, b"%d %d\n" % (hub.server_address[1], store.server_address[1]))
    sys.stdin.read()


main()
