#!/usr/bin/env python3
"""A proxy for apt that keeps packages: cache-proxy.py DIRECTORY ADDRESS PORT. What lies below /pool/ or has its hash in its name never changes and
is fetched once; all else is asked for each time."""
import hashlib, http.server, os, sys, tempfile, urllib.request

directory, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        keeps = "/pool/" in self.path or "/by-hash/" in self.path
        kept = os.path.join(directory, hashlib.sha256(self.path.encode()).hexdigest())
        if keeps and os.path.exists(kept):
            with open(kept, "rb") as file:
                return self.answer(200, file.read())
        try:
            with urllib.request.urlopen(self.path, timeout=60) as there:
                body = there.read()
        except urllib.error.HTTPError as error:
            return self.answer(error.code, b"")
        except OSError:
            return self.answer(502, b"")
        if keeps:
            handle, name = tempfile.mkstemp(dir=directory)
            with os.fdopen(handle, "wb") as file:
                file.write(body)
            os.rename(name, kept)
        self.answer(200, body)

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # who asked is dead

    def log_message(self, *_):
        pass


os.makedirs(directory, exist_ok=True)
http.server.ThreadingHTTPServer((address, port), Proxy).serve_forever()
