#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serves a directory on loopback, wrong where told. Ends with its parent.

Usage: file_server.py DIR STATE, where STATE is a directory:
    STATE/port      written when the server listens
    STATE/requests  every path that was asked for, a line each
    STATE/wrong     read anew for each request: lines "PATTERN HOW"; the first pattern (fnmatch) that fits the path counts
HOW: a status (404); "once STATUS" (then right; 429 and 503 say Retry-After: 1); truncate, flip, extend (other bytes of
a wrong or right length); cut (half, then the connection ends, once); drop (no answer, once); redirect (to the same path
below /moved); loop (to itself); endless (zeros, as long as anybody listens).
"""
import fnmatch
import http.server
import os
import sys
import threading
import time

root, state = sys.argv[1:3]
lock = threading.Lock()
seen = {}


def rule(path):
    if path.startswith("moved/"):
        return []
    try:
        with open(os.path.join(state, "wrong")) as f:
            rules = [line.split() for line in f if line.strip()]
    except FileNotFoundError:
        return []
    return next((r[1:] for r in rules if fnmatch.fnmatchcase(path, r[0])), [])


def flip(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:] if data else data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, data=b"", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def give(self, path):
        try:
            with open(os.path.join(root, path), "rb") as f:
                return f.read()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def do_GET(self):
        path = self.path.lstrip("/")
        how = rule(path)
        with lock:
            nth = seen[path, *how] = seen.get((path, *how), 0) + 1
            with open(os.path.join(state, "requests"), "a") as f:
                f.write(path + "\n")
        data = self.give(path.removeprefix("moved/"))
        kind = how[0] if how else ""
        if kind.isdigit():
            return self.answer(int(kind), b"not here")
        if kind == "once" and nth == 1:
            extra = {"Retry_After": "1"} if how[1] in ("429", "503") else {}
            return self.answer(int(how[1]), b"not now", **extra)
        if data is None:
            return self.answer(404, b"no such file")
        if kind == "redirect":
            return self.answer(302, b"moved", Location="/moved/" + path)
        if kind == "loop":
            return self.answer(302, b"moved", Location="/" + path)
        if kind == "endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            while True:
                self.wfile.write(bytes(1 << 16))
        if kind == "drop" and nth == 1:
            self.close_connection = True
            return
        if kind == "cut" and nth == 1:
            self.answer(200, data[:len(data) // 2], len(data))
            self.wfile.flush()
            self.close_connection = True
            return
        changed = {"truncate": data[:len(data) // 2], "flip": flip(data), "extend": data + b"more"}
        data = changed.get(kind, data)
        start = self.headers.get("Range", "")
        if start.startswith("bytes="):
            at = int(start[6:].rstrip("-"))
            return self.answer(206, data[at:], Content_Range="bytes %d-%d/%d" % (at, len(data) - 1, len(data)))
        self.answer(200, data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Clients that hang up are what some tests are about.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
parent = os.getppid()
with open(os.path.join(state, "port.part"), "w") as f:
    f.write("%d\n" % server.server_address[1])
os.rename(os.path.join(state, "port.part"), os.path.join(state, "port"))
while os.getppid() == parent:
    time.sleep(0.5)
