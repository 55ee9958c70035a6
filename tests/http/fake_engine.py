#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A container engine's socket without an engine behind it. Ends with its parent.

Usage: fake_engine.py SOCKET STATE, where STATE is a directory:
    STATE/requests  what was asked for, a line each; of what is loaded the tar's members
    STATE/has       diffIDs, a line for each image it has; the id is the line's number
    STATE/how       read anew for each request: words of "podman" (is one), "whole" (loads nothing that is left out),
                    "refuse" (loads nothing), "error" (500 before reading), "hangup" (in the middle of a load),
                    "gone" (no image that it lists is there), "garbage" (its list is none), "sick" (503 to a greeting),
                    "dies" (in the middle of an export)
"""
import http.server
import io
import json
import os
import socket
import socketserver
import sys
import tarfile
import threading
import time

socket_path, state = sys.argv[1:3]


def lines(name):
    try:
        with open(os.path.join(state, name)) as f:
            return [line.split() for line in f]
    except FileNotFoundError:
        return []


def note(line):
    with open(os.path.join(state, "requests"), "a") as f:
        f.write(line + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def address_string(self):
        return "socket"

    def answer(self, status, data, length=None):
        self.send_response(status)
        if "podman" in self.how:
            self.send_header("Libpod-API-Version", "4.3.1")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def chunks(self):
        while line := self.rfile.readline():
            n = int(line, 16)
            if n == 0:
                return self.rfile.readline()
            yield self.rfile.read(n)
            self.rfile.readline()
        raise ConnectionError("broken off")

    def load(self):
        if "error" in self.how:
            self.close_connection = True
            self.answer(500, b'{"message": "no space left on device"}')
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read(1 << 16):
                pass
            return None
        data = b""
        for chunk in self.chunks():
            data += chunk
            if "hangup" in self.how:
                self.close_connection = True
                return note("hangs up")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            names = tar.getnames()
            manifest, = json.load(tar.extractfile("manifest.json"))
        note("members: " + " ".join(name[:8] for name in names))
        note("tags: " + " ".join(manifest["RepoTags"]))
        missing = [name for name in manifest["Layers"] if name not in names]
        if "refuse" in self.how or ("whole" in self.how and missing):
            words = "open %s: no such file" % missing[0][:8] if missing else "the image is no good"
            return self.answer(200, json.dumps({"errorDetail": {"message": words}, "error": words}).encode() + b"\r\n")
        self.answer(200, b'{"stream":"Loaded image"}\r\n')

    def do_GET(self):
        self.how = [word for line in lines("how") for word in line]
        path = self.path.split("?")[0].strip("/").split("/")
        note(self.command + " " + self.path)
        images = lines("has")
        if path == ["_ping"]:
            return self.answer(503 if "sick" in self.how else 200, b"OK")
        if path == ["images", "load"]:
            return self.load()
        if path == ["images", "json"]:
            ids = [{"Id": "sha256:%064d" % i} for i in range(len(images))]
            return self.answer(200, b"<html>" if "garbage" in self.how else json.dumps(ids).encode())
        if path[-1] == "get" and "dies" in self.how:
            self.close_connection = True
            return self.answer(200, bytes(1024), 5000)
        if path[-1] == "get":
            with open(os.path.join(state, "export"), "rb") as f:
                return self.answer(200, f.read())
        if "gone" in self.how:
            return self.answer(404, b'{"message": "no such image"}')
        self.answer(200, json.dumps({"RootFS": {"Layers": images[int(path[1][7:])]}}).encode())

    do_POST = do_GET


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


server = Server(socket_path + ".new", Handler)
os.rename(socket_path + ".new", socket_path)
threading.Thread(target=server.serve_forever, daemon=True).start()
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.5)
