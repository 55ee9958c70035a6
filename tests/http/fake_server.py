#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on loopback that misbehaves as its paths say. Prints "PORT TLSPORT" (TLSPORT 0 without a certificate).

Usage: fake_server.py [CERT KEY [SOCKET]]; the certificate is also what clients' are checked against, and SOCKET the path of
a unix socket to listen at as well. Every path counts its requests; /count/PATH answers with the number,
/ranges/PATH with the Range of each, "-" where it had none.
The body of N bytes is body(N) below; the test knows it too.
"""
import http.server
import hashlib
import os
import socket
import socketserver
import ssl
import sys
import threading
import time

counts = {}
ranges = {}
lock = threading.Lock()


def body(n, seed=0):
    return bytes((i * 7 + (i >> 8) + seed) & 0xFF for i in range(n))


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
        if self.command != "HEAD":
            self.wfile.write(data)

    def cut(self):
        self.wfile.flush()
        self.close_connection = True

    def range_start(self):
        value = self.headers.get("Range", "")
        return int(value[6:].rstrip("-")) if value.startswith("bytes=") else None

    def partial(self, data, start, claimed=None):
        claimed = start if claimed is None else claimed
        self.answer(206, data[start:],
                    Content_Range="bytes %d-%d/%d" % (claimed, claimed + len(data) - start - 1, len(data)))

    def do_GET(self):
        self.serve()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while n := int(self.rfile.readline(), 16):
                data += self.rfile.read(n)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def serve(self):
        with lock:
            nth = counts[self.path] = counts.get(self.path, 0) + 1
            ranges.setdefault(self.path, []).append(self.headers.get("Range", "-"))
        words = self.path.split("?")[0].strip("/").split("/")
        getattr(self, "do_" + words[0])(nth, words[1:])

    def do_count(self, nth, words):
        self.answer(200, str(counts.get(self.path[len("/count"):], 0)).encode())

    def do_ranges(self, nth, words):
        self.answer(200, " ".join(ranges.get(self.path[len("/ranges"):], [])).encode())

    def do_ok(self, nth, words):
        self.answer(200, body(int(words[0])))

    def do_status(self, nth, words):
        self.answer(int(words[0]), b"some page that is no content")

    def do_flaky(self, nth, words):
        if nth <= int(words[1]):
            self.answer(int(words[0]), b"not now")
        else:
            self.answer(200, body(int(words[2])))

    def do_after(self, nth, words):
        if nth == 1:
            self.answer(429, Retry_After=words[0])
        else:
            self.answer(200, body(int(words[1])))

    def do_cut(self, nth, words):
        """cut/HOW/N: the first answer breaks off in the middle; HOW is what a Range gets then."""
        how, data = words[0], body(int(words[1]))
        start = self.range_start()
        tag = {"ETag": '"one"'} if how == "etag" else {}
        if nth == 1:
            self.answer(200, data[:len(data) // 2], len(data), **tag)
            return self.cut()
        if start is None or how == "whole":
            return self.answer(200, data)
        if how == "etag" and self.headers.get("If-Range") != '"one"':
            return self.answer(200, data)
        if how == "wrong":
            return self.partial(data, start, 0)
        if how == "other":
            return self.partial(body(len(data), 1), start)
        if how == "416":
            return self.answer(416, Content_Range="bytes */%d" % len(data))
        self.partial(data, start)

    def do_hang(self, nth, words):
        """hang/HOW/N: the first answer stops in the middle and stays open; HOW is what a Range gets then, "changed" other
        bytes for ever."""
        how, data = words[0], body(int(words[1]))
        if nth == 1:
            self.answer(200, data[:len(data) // 2], len(data))
            self.wfile.flush()
            while self.rfile.read(1):
                pass
            return self.cut()
        if how == "changed":
            data = body(len(data), 1)
        self.from_range(how, data)

    def do_prefix(self, nth, words):
        """prefix/HOW/N: as hang from the second answer on."""
        self.from_range(words[0], body(int(words[1])))

    def from_range(self, how, data):
        start = self.range_start()
        if start is None or how == "whole":
            return self.answer(200, data)
        if start >= len(data):
            return self.answer(416, Content_Range="bytes */%d" % len(data))
        if how == "other":
            return self.partial(body(len(data), 1), start)
        self.partial(data, start, 0 if how == "wrong" else None)

    def do_stop(self, nth, words):
        """stop/AT/N: as far as that, and from there 404."""
        at, data = int(words[0]), body(int(words[1]))
        start = self.range_start() or 0
        if nth > 1:
            return self.answer(404, b"gone")
        self.send_response(206)
        self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:at])
        self.cut()

    def do_short(self, nth, words):
        """No length, closed early, every time."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body(int(words[0])))
        self.cut()

    def do_endless(self, nth, words):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            self.close_connection = True

    def do_stall(self, nth, words):
        self.answer(200, body(10), 1000)
        self.wfile.flush()
        time.sleep(float(words[0]))
        self.cut()

    def do_drop(self, nth, words):
        self.close_connection = True

    def do_unasked(self, nth, words):
        self.partial(body(100), 10)

    def do_hop(self, nth, words):
        left = int(words[0])
        if left == 0:
            return self.do_ok(nth, words[1:])
        self.answer(302, b"moved", Location="/hop/%d/%s" % (left - 1, words[1]))

    def do_to(self, nth, words):
        self.answer(307, Location=self.path.split("?", 1)[1])

    def do_echo(self, nth, words):
        self.answer(200, str(self.headers).encode())

    def do_take(self, nth, words):
        """take[/STATUS/N]: what came; the first N times STATUS, after reading the body."""
        data = self.read_body()
        if words and nth <= int(words[1]):
            return self.answer(int(words[0]))
        peer = self.connection.getpeercert() if hasattr(self.connection, "getpeercert") else None
        text = "%s %d %s\nclient certificate: %s\n%s" % (
            self.command, len(data), hashlib.sha256(data).hexdigest(), bool(peer), self.headers)
        self.answer(201, text.encode(), Location="/somewhere?_state=x")

    def do_refuse(self, nth, words):
        """refuse/STATUS: without reading the body."""
        self.answer(int(words[0]), b'{"errors": [{"code": "DENIED", "message": "no\\nway"}, {"code": "OTHER"}]}')
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        while self.rfile.read(1 << 16):
            pass
        self.cut()

    def do_secret(self, nth, words):
        """secret/TOKEN/…: the length of what came, or body/N, for who shows it; else a 401."""
        data = self.read_body()
        if self.headers.get("Authorization") != "Bearer " + words[0]:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Bearer realm="https://auth.invalid/",scope="x"')
            self.send_header("WWW-Authenticate", "Basic realm=y")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if words[1] == "body":
            return self.answer(200, body(int(words[2])))
        self.answer(200, b"%d" % len(data))

    def do_late(self, nth, words):
        """late/BYTES/SECONDS: as many bytes every tenth of a second, for so long."""
        each, n = int(words[0]), int(float(words[1]) * 10)
        self.answer(200, length=each * n)
        for _ in range(n):
            self.wfile.write(bytes(each))
            self.wfile.flush()
            time.sleep(0.1)

    def do_headers(self, nth, words):
        """headers/BYTES: more of them than that."""
        self.send_response(200)
        for i in range(int(words[0]) // 1000 + 1):
            self.send_header("X-%d" % i, "x" * 1000)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Clients that hang up are what many of the tests are about.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve(tls):
    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        context.load_verify_locations(tls[0])
        context.verify_mode = ssl.CERT_OPTIONAL
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


if len(sys.argv) > 3:
    threading.Thread(target=UnixServer(sys.argv[3], Handler).serve_forever, daemon=True).start()
print(serve(None), serve(sys.argv[1:3]) if len(sys.argv) > 2 else 0, flush=True)
# The test holds our standard input open; its end is ours.
sys.stdin.buffer.read()
os._exit(0)
