"""PyTorch's own index and a mirror of it, played behind TLS under their own names: pages of links with hashes (PEP 503), which say of no file how large
it is. Its torch is a few lines that say of themselves what torch does.

pytorch-standin.py DIRECTORY CERTIFICATE KEY ADDRESS: wheels are made in DIRECTORY; DIRECTORY/lies, with the name of a place in it: that place gives other
files than its page promises; DIRECTORY/log: who was asked for what."""

import glob
import hashlib
import http.server
import os
import ssl
import sys
import zipfile

PLACES = {"download.pytorch.org": "/whl/", "mirror.sjtu.edu.cn": "/pytorch-wheels/"}


def make(folder, name, version, needs=(), text=""):
    tag = "cp311-cp311-manylinux_2_28_x86_64" if name.startswith("torch") else "py3-none-any"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}-{version}-{tag}.whl", "w") as file:
        file.writestr(f"{name}/__init__.py", "")
        file.writestr(f"{name}/version.py", text)
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {one}\n" for one in needs))
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: a stand-in\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", f"{name}/__init__.py,,\n{name}/version.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Index(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def text(self, host):
        path = self.path.replace("%2B", "+")
        if path.startswith("/files/"):
            text = read(f"{folder}/{os.path.basename(path)}")
            lies = f"{folder}/lies"
            return text + b"." if os.path.exists(lies) and read(lies).decode().strip() == host else text
        if path == PLACES[host]:
            return b"<!DOCTYPE html><html></html>"
        if not path.startswith(PLACES[host] + "cu126/"):
            return None
        rows = [f'<a href="/files/{os.path.basename(one).replace("+", "%2B")}#sha256={hashlib.sha256(read(one)).hexdigest()}">{os.path.basename(one)}</a>'
                for one in sorted(glob.glob(f"{folder}/{os.path.basename(path.rstrip('/'))}-*.whl"))]
        return ("<!DOCTYPE html><html><body>" + "<br>".join(rows) + "</body></html>").encode() if rows else None

    def do_GET(self, body=True):
        host = self.headers["Host"].split(":")[0]
        with open(f"{folder}/log", "a") as log:
            log.write(f"{host} {self.command} {self.path}\n")
        try:
            text = self.text(host)
        except OSError:
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


folder, certificate, key, address = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
for release in ("2.10.0", "2.11.0", "2.9.1", "2.8.0", "2.7.1"):
    make(folder, "torch", f"{release}+cu126", ["oftorch==1.0"], f"__version__ = '{release}+cu126'\ncuda = '12.6'\n")
make(folder, "oftorch", "1.0")
server = http.server.ThreadingHTTPServer((address, 443), Index)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
