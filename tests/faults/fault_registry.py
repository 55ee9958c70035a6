#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves as its script says: distribution-spec 1.1, with a token server and an origin of somebody else's.

Usage: fault_registry.py [--auth none|basic|bearer] [--certs DIR] [--script FILE] [--log FILE] [KNOB=JSON]...
Prints its origins as one line of JSON and serves until standard input ends; the log is then written as JSON.
Tests import it: `with FaultRegistry(script=[...]) as r:`.

Origins, all on loopback: "registry", "token" (the same host, another port) and "other" (another address; in messages and
templates also "neighbour", which is other's port at the registry's address). With certificates all speak TLS, and "plain"
is other's without. Whatever any of them is asked is logged with all headers: {origin, method, target, headers, body, sent}.

A script is a list of rules; the first that fits a request counts:
  "on": "GET */manifests/*"   method and path with query, as fnmatch has it
  "at": "registry"            which origin; left out: registry
  "nth": 1 | [1, 2] | "all"   which of the requests that fit; left out: the first
and what goes wrong, in the order of an answer:
  "refuse": 413               answered before the body is read, as "status" else
  "reset": N                  N bytes of the request's body are read, then the connection is reset; with "keep" they
                              have been added to the upload
  "hold": N                   N bytes of it are read, and then nothing more happens
  "do": WORD                  before the request is carried out: see the functions do_*; "arg" is for it
  "status": 503               answered instead of being carried out, with "headers" and "text"
  "redirect": [307, URL]
  "accept": true              of a PUT to an upload: its body is taken, and the upload is not ended
  "set": {NAME: VALUE|null}   headers, of the answer
  "body": {"flip": AT} | {"add": N} | {"drop": N} | {"text": T} | {"zeros": N} | {"json": V}
  "length": N                 is what Content-Length says; null: there is none, and the connection's end ends the body
  "chunked": "end"|"open"|"bad"
  "flood": N                  bytes of headers
  "cut": WHERE, "how": "close"|"reset"
  "stall": WHERE, "slow": BYTES A SECOND
WHERE is "status" (before anything), "headers" (within them), "body" (none of it), "last" (all but one byte), "50%", or a number
of body bytes. Texts may hold {registry}, {token}, {other}, {neighbour}, {plain} (and {other.host} …), {path} (the
request's, with query) and {soon} (a date in two seconds).
"""
import base64
import email.utils
import fnmatch
import hashlib
import json
import os
import re
import secrets
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

USER, PASSWORD = "canary-user", "canary-password-6f1f0a"
BLOCK = 64 << 10
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
NAME = r"/v2/([a-z0-9/._-]+?)"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Hangup(Exception):
    """The connection is to end; `reset`: by RST."""

    def __init__(self, reset=False):
        super().__init__()
        self.reset = reset


class Zeros:
    """Bytes that are not there before they are sent."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, at):
        start, stop, _ = at.indices(self.n)
        return bytes(stop - start)


class Request:
    def __init__(self, origin, method, target, headers):
        self.origin, self.method, self.target, self.headers = origin, method, target, headers
        self.path, _, query = target.partition("?")
        self.query = urllib.parse.parse_qs(query, keep_blank_values=True)
        self.body = b""
        self.sent = 0

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def arg(self, name):
        return self.query.get(name, [None])[0]

    def text(self):
        """Everything in it that could carry a secret."""
        lines = [self.method + " " + self.target] + ["%s: %s" % h for h in self.headers]
        return "\n".join(lines).encode("latin-1", "replace") + b"\n" + self.body[:BLOCK]


class Answer:
    def __init__(self, status, headers=(), body=b""):
        self.status, self.headers, self.body = status, list(headers), body
        self.length, self.chunked, self.flood, self.head = ..., None, 0, False

    def set(self, name, value):
        self.headers = [h for h in self.headers if h[0].lower() != name.lower()]
        if value is not None:
            self.headers.append((name, str(value)))

    def problem(self, code):
        self.set("Content-Type", "application/json")
        self.body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
        return self

    def bytes_of(self):
        """Head and body, as they go out."""
        lines = ["HTTP/1.1 %d Answer" % self.status]
        has_body = self.status >= 200 and self.status not in (204, 304)
        if self.chunked:
            self.set("Transfer-Encoding", "chunked")
        elif self.length is ... and has_body:
            if not any(n.lower() == "content-length" for n, _ in self.headers):
                self.set("Content-Length", len(self.body))
        elif self.length is not ... and self.length is not None:
            self.set("Content-Length", self.length)
        lines += ["%s: %s" % h for h in self.headers]
        head = ("\r\n".join(lines) + "\r\n").encode("latin-1")
        body = b"" if self.head else self.body
        if self.chunked and not self.head:
            ends = {"end": b"0\r\n\r\n", "open": b"", "bad": b"zz\r\n"}
            body = b"%x\r\n%s\r\n" % (len(body), body[:]) + ends[self.chunked] if body else ends[self.chunked]
        return head, body


class Repository:
    def __init__(self):
        self.blobs, self.manifests, self.tags, self.uploads = {}, {}, {}, {}


class FaultRegistry:
    def __init__(self, script=(), auth="none", tls=None, certs=None, **knobs):
        """tls: the name of a certificate in `certs` (make_certificates), "stall", or "old" for TLS 1.0 alone; "good" for the
        origins beside the registry."""
        self.rules = [dict(rule, seen=0) for rule in script]
        self.auth, self.tls, self.certs = auth, tls, certs
        self.knobs = {"referrers": True, "subject": True, "head-digest": True, "mount": True, "monolithic": True,
                      "ranges": True, "page": 1000, "absolute": False, "need-login": auth != "none", "expires": 300}
        self.knobs.update(knobs)
        self.repositories, self.tokens, self.log = {}, {}, []
        self.lock = threading.RLock()
        self.listeners, self.places, self.connections = [], {}, set()
        self.closed = False

    # ---- life ----

    def __enter__(self):
        scheme = "https" if self.tls else "http"
        port = self.listen("registry", "127.0.0.1", self.tls)
        self.places["registry"] = "%s://127.0.0.1:%d" % (scheme, port)
        port = self.listen("token", "127.0.0.1", self.tls and "good")
        self.places["token"] = "%s://127.0.0.1:%d" % (scheme, port)
        port = self.listen_twice("other", "127.0.0.2", "127.0.0.1", self.tls and "good")
        self.places["other"] = "%s://127.0.0.2:%d" % (scheme, port)
        self.places["neighbour"] = "%s://127.0.0.1:%d" % (scheme, port)
        self.places["plain"] = "http://127.0.0.1:%d" % self.listen("other", "127.0.0.1", None)
        return self

    def __exit__(self, *ignored):
        self.closed = True
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            for connection in self.connections:
                self.end(connection, True)

    def listen(self, origin, address, tls, port=0):
        listener = socket.create_server((address, port), backlog=64)
        self.listeners.append(listener)
        context = self.context(tls) if tls and tls != "stall" else None
        threading.Thread(target=self.accept, args=(listener, origin, context, tls), daemon=True).start()
        return listener.getsockname()[1]

    def listen_twice(self, origin, address, neighbour, tls):
        for _ in range(100):
            port = self.listen(origin, address, tls)
            try:
                return self.listen(origin, neighbour, tls, port)
            except OSError:
                continue
        raise OSError("no port is free at both %s and %s" % (address, neighbour))

    def context(self, tls):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = os.path.join(self.certs, "good" if tls == "old" else tls)
        context.load_cert_chain(name + ".pem", name + ".key")
        if tls == "old":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.options &= ~ssl.OP_NO_TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
        return context

    def accept(self, listener, origin, context, tls):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.connection, args=(connection, origin, context, tls), daemon=True).start()

    def end(self, connection, reset):
        try:
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while connection.recv(BLOCK):
                    pass
        except (OSError, ValueError):
            pass

    def connection(self, raw, origin, context, tls):
        stream, reset = raw, False
        try:
            if tls == "stall":
                self.wait(raw)
            if context:
                raw.settimeout(30)
                stream = context.wrap_socket(raw, server_side=True)
            elif raw.recv(1, socket.MSG_PEEK) == b"\x16":
                raise Hangup()  # TLS, as clients try it first where both are allowed
            file = stream.makefile("rb")
            while self.one(origin, stream, file):
                pass
        except Hangup as hangup:
            reset = hangup.reset
        except (OSError, ValueError):
            reset = True
        finally:
            with self.lock:
                self.connections.discard(raw)
            self.end(stream, reset)
            stream.close()

    def wait(self, stream):
        """Until whoever is at the other end hangs up."""
        stream.settimeout(120)
        try:
            while stream.recv(BLOCK):
                pass
        except OSError:
            pass
        raise Hangup()

    # ---- one request ----

    def one(self, origin, stream, file):
        line = file.readline(BLOCK).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = []
        while (text := file.readline(BLOCK).decode("latin-1").rstrip("\r\n")):
            name, _, value = text.partition(":")
            headers.append((name, value.strip()))
        request = Request(origin, line[0], line[1], headers)
        with self.lock:
            self.log.append(request)
            rule = self.find(request)
        self.read_body(request, rule, stream, file)
        answer = self.answer(request, rule)
        answer.head = request.method == "HEAD"
        self.send(request, answer, rule, stream)
        return (request.header("Connection") or "").lower() != "close"

    def find(self, request):
        for rule in self.rules:
            if rule.get("at", "registry") != request.origin or \
               not fnmatch.fnmatchcase(request.method + " " + request.target, rule["on"]):
                continue
            rule["seen"] += 1
            nth = rule.get("nth", 1)
            if nth == "all" or rule["seen"] == nth or (isinstance(nth, list) and rule["seen"] in nth):
                return rule
        return {}

    def read_body(self, request, rule, stream, file):
        limit = None
        if "refuse" in rule:
            answer = Answer(rule["refuse"], rule.get("headers", {}).items()).problem("REFUSED")
            answer.set("Connection", "close")
            self.send(request, answer, {}, stream)
            raise Hangup()
        if "reset" in rule or "hold" in rule:
            limit = rule.get("reset", rule.get("hold"))
        if (request.header("Transfer-Encoding") or "").lower() == "chunked":
            parts = []
            while n := int(file.readline(100).split(b";")[0], 16):
                parts.append(file.read(n))
                file.readline(10)
            file.readline(10)
            request.body = b"".join(parts)
        else:
            length = int(request.header("Content-Length") or 0)
            request.body = file.read(length if limit is None else min(limit, length))
        if limit is not None:
            upload = self.upload_of(request) if rule.get("keep") else None
            if upload is not None:
                upload += request.body
            if "hold" in rule:
                self.wait(stream)
            raise Hangup(True)

    def fill(self, text, request):
        for name, place in self.places.items():
            text = text.replace("{" + name + "}", place).replace("{" + name + ".host}", place.split("//")[1])
        return text.replace("{path}", request.target).replace("{soon}", retry_date(2))

    def answer(self, request, rule):
        with self.lock:
            if "do" in rule:
                getattr(self, "do_" + rule["do"].replace("-", "_"))(request, rule.get("arg"))
            if "status" in rule:
                answer = Answer(rule["status"], [("Content-Type", "text/plain")], rule.get("text", "").encode())
                for name, value in rule.get("headers", {}).items():
                    answer.set(name, self.fill(value, request))
            elif "redirect" in rule:
                answer = Answer(rule["redirect"][0])
                answer.set("Location", self.fill(rule["redirect"][1], request))
            elif rule.get("accept"):
                request.method = "PATCH"
                answer = self.carry_out(request)
                request.method = "PUT"
            else:
                answer = self.carry_out(request)
        for name, value in rule.get("set", {}).items():
            answer.set(name, value and self.fill(value, request))
        for how, value in rule.get("body", {}).items():
            answer.body = self.change(answer.body, how, value, request)
            if any(n == "Content-Length" for n, _ in answer.headers):
                answer.set("Content-Length", len(answer.body))
        answer.length = rule.get("length", ...)
        answer.chunked = rule.get("chunked")
        answer.flood = rule.get("flood", 0)
        return answer

    def change(self, body, how, value, request):
        if how == "flip":
            return body[:value] + bytes([body[value] ^ 1]) + body[value + 1:] if value < len(body) else body
        if how == "add":
            return body + bytes(value)
        if how == "drop":
            return body[:-value]
        if how == "zeros":
            return Zeros(value)
        return self.fill(value if how == "text" else json.dumps(value), request).encode()

    def place(self, where, head, body):
        if where is None:
            return None
        if where in ("status", "headers"):
            return 0 if where == "status" else len(head) // 2
        start = len(head) + 2
        if isinstance(where, int):
            return start + where
        return {"body": start, "last": start + len(body) - 1}.get(where) or \
            start + len(body) * int(where.rstrip("%")) // 100

    def send(self, request, answer, rule, stream):
        head, body = answer.bytes_of()
        out = Out(stream, request, self.place(rule.get("cut"), head, body), self.place(rule.get("stall"), head, body),
                  rule.get("slow"))
        try:
            out.write(head)
            for i in range(0, answer.flood, 1000):
                out.write(b"X-%09d: %s\r\n" % (i, b"x" * 985))
            out.write(b"\r\n")
            for at in range(0, len(body), BLOCK):
                out.write(body[at:at + BLOCK])
        except Reached as reached:
            if reached.stall:
                self.wait(stream)
            raise Hangup(rule.get("how") == "reset") from None
        if answer.length is not ... or answer.chunked in ("open", "bad"):
            if answer.chunked == "open":
                self.wait(stream)
            raise Hangup()

    # ---- what a registry does ----

    def repository(self, name):
        return self.repositories.setdefault(name, Repository())

    def carry_out(self, request):
        if request.path == "/token":
            return self.token(request)
        refused = self.authorize(request) if request.origin == "registry" else None
        if refused:
            return refused
        if request.path == "/v2/":
            return Answer(200, [("Docker-Distribution-Api-Version", "registry/2.0")], b"{}")
        for pattern, function in ((NAME + r"/manifests/([^/]+)", self.manifest), (NAME + r"/blobs/uploads/", self.begin),
                                  (NAME + r"/blobs/uploads/([^/]+)", self.upload), (NAME + r"/blobs/([^/]+)", self.blob),
                                  (NAME + r"/tags/list", self.tag_list), (NAME + r"/referrers/([^/]+)", self.referrers)):
            match = re.fullmatch(pattern, request.path)
            if match:
                return function(request, self.repository(match[1]), *match.groups())
        return Answer(404).problem("NOT_FOUND")

    def authorize(self, request):
        shown = request.header("Authorization") or ""
        if self.auth == "none":
            return None
        match = re.match(NAME + "/(manifests|blobs|tags|referrers)", request.path)
        name = match[1] if match else ""
        action = {"DELETE": "delete"}.get(request.method, "pull" if request.method in ("GET", "HEAD") else "push")
        if self.auth == "basic":
            if shown == "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode():
                return None
            challenge = 'Basic realm="fault registry"'
        else:
            scopes, until = self.tokens.get(shown[7:], ({}, 0)) if shown.startswith("Bearer ") else ({}, 0)
            if until > time.monotonic() and (not name or action in scopes.get(name, ())):
                return None
            challenge = 'Bearer realm="%s/token",service="fault"' % self.places["token"]
            if name:
                challenge += ',scope="repository:%s:%s"' % (name, "pull" if action == "pull" else "pull,push")
        answer = Answer(401, [("WWW-Authenticate", challenge)]).problem("UNAUTHORIZED")
        return answer

    def token(self, request):
        form = urllib.parse.parse_qs(request.body.decode("latin-1")) if request.method == "POST" else request.query
        basic = "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
        known = request.header("Authorization") == basic or form.get("refresh_token") == ["canary-refresh-77"]
        if self.knobs["need-login"] and not known:
            return Answer(401).problem("UNAUTHORIZED")
        scopes = {}
        for scope in " ".join(form.get("scope", [])).split():
            kind, name, actions = scope.split(":")
            scopes.setdefault(name, set()).update(actions.split(","))
        token = "canary-token-" + secrets.token_hex(16)
        self.tokens[token] = (scopes, time.monotonic() + self.knobs["expires"])
        return Answer(200, [("Content-Type", "application/json")],
                      json.dumps({"token": token, "expires_in": self.knobs["expires"]}).encode())

    def manifest(self, request, repository, name, what):
        known = repository.tags.get(what, what)
        if request.method == "PUT":
            return self.put_manifest(request, repository, name, what)
        if known not in repository.manifests:
            return Answer(404).problem("MANIFEST_UNKNOWN")
        if request.method == "DELETE":
            repository.tags = {t: d for t, d in repository.tags.items() if d != known and t != what}
            if what == known:
                del repository.manifests[known]
            return Answer(202)
        media_type, data = repository.manifests[known]
        answer = Answer(200, [("Content-Type", media_type), ("Docker-Content-Digest", known)], data)
        if request.method == "HEAD":
            answer.set("Content-Length", len(data))
            if not self.knobs["head-digest"]:
                answer.set("Docker-Content-Digest", None)
        return answer

    def put_manifest(self, request, repository, name, what):
        try:
            document = json.loads(request.body)
        except ValueError:
            return Answer(400).problem("MANIFEST_INVALID")
        found = digest(request.body)
        if ":" in what and what != found:
            return Answer(400).problem("DIGEST_INVALID")
        if not isinstance(document, dict):
            return Answer(400).problem("MANIFEST_INVALID")
        needed = [d["digest"] for d in document.get("layers", []) + [document[k] for k in ("config",) if k in document]]
        missing = [d for d in needed if d not in repository.blobs]
        missing += [d["digest"] for d in document.get("manifests", []) if d["digest"] not in repository.manifests]
        if missing and not what.startswith("sha256-"):
            return Answer(404).problem("MANIFEST_BLOB_UNKNOWN")
        repository.manifests[found] = (request.header("Content-Type"), request.body)
        if ":" not in what:
            repository.tags[what] = found
        answer = Answer(201, [("Location", "/v2/%s/manifests/%s" % (name, found)), ("Docker-Content-Digest", found)])
        if document.get("subject") and self.knobs["referrers"] and self.knobs["subject"]:
            answer.set("OCI-Subject", document["subject"]["digest"])
        return answer

    def blob(self, request, repository, name, what):
        data = repository.blobs.get(what)
        if data is None:
            return Answer(404).problem("BLOB_UNKNOWN")
        if request.method == "DELETE":
            del repository.blobs[what]
            return Answer(202)
        answer = Answer(200, [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", what)], data)
        if request.method == "HEAD":
            answer.set("Content-Length", len(data))
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        if not match or not self.knobs["ranges"] or request.method == "HEAD":
            return answer
        start, stop = int(match[1]), min(int(match[2] or len(data) - 1) + 1, len(data))
        if start >= len(data):
            return Answer(416, [("Content-Range", "bytes */%d" % len(data))])
        answer.status, answer.body = 206, data[start:stop]
        answer.set("Content-Range", "bytes %d-%d/%d" % (start, stop - 1, len(data)))
        return answer

    def location(self, name, session):
        place = self.places["registry"] if self.knobs["absolute"] else ""
        return "%s/v2/%s/blobs/uploads/%s?_state=%s" % (place, name, session, secrets.token_hex(4))

    def upload_of(self, request):
        match = re.fullmatch(NAME + r"/blobs/uploads/([^/]+)", request.path)
        return self.repository(match[1]).uploads.get(match[2]) if match else None

    def begin(self, request, repository, name):
        mount, source = request.arg("mount"), request.arg("from")
        if mount and self.knobs["mount"] and mount in self.repository(source or name).blobs:
            repository.blobs[mount] = self.repository(source or name).blobs[mount]
            return Answer(201, [("Location", "/v2/%s/blobs/%s" % (name, mount)), ("Docker-Content-Digest", mount)])
        wanted = request.arg("digest")
        if wanted and self.knobs["monolithic"]:
            return self.commit(repository, name, request.body, wanted)
        session = secrets.token_hex(8)
        repository.uploads[session] = bytearray()
        return Answer(202, [("Location", self.location(name, session)), ("Range", "0-0"), ("Docker-Upload-UUID", session)])

    def commit(self, repository, name, data, wanted):
        if digest(data) != wanted:
            return Answer(400).problem("DIGEST_INVALID")
        repository.blobs[wanted] = bytes(data)
        return Answer(201, [("Location", "/v2/%s/blobs/%s" % (name, wanted)), ("Docker-Content-Digest", wanted)])

    def upload(self, request, repository, name, session):
        data = repository.uploads.get(session)
        if data is None:
            return Answer(404).problem("BLOB_UPLOAD_UNKNOWN")
        if request.method == "DELETE":
            del repository.uploads[session]
            return Answer(204)
        where = [("Location", self.location(name, session)), ("Range", "0-%d" % max(len(data) - 1, 0)),
                 ("Docker-Upload-UUID", session)]
        if request.method == "GET":
            return Answer(204, where)
        match = re.fullmatch(r"(?:bytes )?(\d+)-(\d+)", request.header("Content-Range") or "")
        if match and (int(match[1]) != len(data) or int(match[2]) - int(match[1]) + 1 != len(request.body)):
            return Answer(416, where)
        data += request.body
        if request.method == "PATCH":
            where[1] = ("Range", "0-%d" % max(len(data) - 1, 0))
            return Answer(202, where)
        answer = self.commit(repository, name, data, request.arg("digest"))
        if answer.status == 201:
            del repository.uploads[session]
        return answer

    def tag_list(self, request, repository, name):
        tags = sorted(repository.tags)
        if not repository.manifests:
            return Answer(404).problem("NAME_UNKNOWN")
        last, n = request.arg("last"), min(int(request.arg("n") or self.knobs["page"]), self.knobs["page"])
        tags = [t for t in tags if last is None or t > last]
        answer = Answer(200, [("Content-Type", "application/json")],
                        json.dumps({"name": name, "tags": tags[:n]}).encode())
        if len(tags) > n:
            answer.set("Link", '</v2/%s/tags/list?n=%d&last=%s>; rel="next"' % (name, n, tags[n - 1]))
        return answer

    def referrers(self, request, repository, name, what):
        if not self.knobs["referrers"]:
            return Answer(404, [("Content-Type", "text/plain")], b"404 page not found\n")
        found = []
        for known, (media_type, data) in repository.manifests.items():
            try:
                document = json.loads(data)
            except ValueError:
                continue
            if (document.get("subject") or {}).get("digest") == what:
                found.append({"mediaType": media_type, "digest": known, "size": len(data),
                              "artifactType": document.get("artifactType", "")})
        return Answer(200, [("Content-Type", OCI_INDEX)],
                      json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}).encode())

    # ---- what a script can do to it ----

    def do_move_tag(self, request, arg):
        """The tag "1" of arg[0] becomes what arg[1] names."""
        tags = self.repository(arg[0]).tags
        tags["1"] = tags[arg[1]]

    def do_expire(self, request, arg):
        """No token is known any more."""
        self.tokens.clear()

    def do_end_sessions(self, request, arg):
        """Uploads are forgotten."""
        for repository in self.repositories.values():
            repository.uploads.clear()

    def do_shorten(self, request, arg):
        """Uploads keep their first `arg` bytes."""
        for repository in self.repositories.values():
            for data in repository.uploads.values():
                del data[arg:]

    def do_knobs(self, request, arg):
        self.knobs.update(arg)

    def do_lose_blobs(self, request, arg):
        self.repository(arg).blobs.clear()

    def do_replace_referrers(self, request, arg):
        """Somebody else wrote the tag without having seen what was there."""
        data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [arg[2]]}).encode()
        self.repository(arg[0]).manifests[digest(data)] = (OCI_INDEX, data)
        self.repository(arg[0]).tags[arg[1]] = digest(data)

    def do_append_referrer(self, request, arg):
        """Somebody else writes the tag between a read and a write: `arg` is [repository, tag, descriptor]."""
        repository = self.repository(arg[0])
        known = repository.tags.get(arg[1])
        index = json.loads(repository.manifests[known][1]) if known else \
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        index["manifests"].append(arg[2])
        data = json.dumps(index).encode()
        repository.manifests[digest(data)] = (OCI_INDEX, data)
        repository.tags[arg[1]] = digest(data)


class Reached(Exception):
    def __init__(self, stall):
        super().__init__()
        self.stall = stall


class Out:
    """What is sent, as far and as fast as it may be."""

    def __init__(self, stream, request, cut, stall, slow):
        self.stream, self.request, self.slow = stream, request, slow
        self.stop = cut if cut is not None else stall
        self.stall = cut is None

    def write(self, data):
        if self.stop is not None:
            data = data[:max(self.stop - self.request.sent, 0)]
        if self.slow:
            step = max(self.slow // 10, 1)
            for at in range(0, len(data), step):
                self.stream.sendall(data[at:at + step])
                self.request.sent += len(data[at:at + step])
                time.sleep(0.1)
        else:
            self.stream.sendall(data)
            self.request.sent += len(data)
        if self.stop is not None and self.request.sent >= self.stop:
            raise Reached(self.stall)


def make_certificates(directory):
    """An authority (trust/ca.crt) and certificates: good, expired, elsewhere (another host's), lone (nobody's but its own)."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    def write(name, text):
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)

    write("ca.cnf", "[req]\ndistinguished_name=dn\n[dn]\n[v3]\nbasicConstraints=critical,CA:true\n"
                    "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                    "policy=any\nunique_subject=no\ncopy_extensions=copy\n[any]\ncommonName=supplied\n")
    write("index.txt", "")
    write("serial", "01\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ca.cnf"]
    os.mkdir(os.path.join(directory, "trust"))
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "trust/ca.crt", "-days", "30", "-subj", "/CN=fault ca",
            "-extensions", "v3")
    here = "subjectAltName=IP:127.0.0.1,IP:127.0.0.2,DNS:localhost"
    for name, names, dates in (("good", here, ["-days", "30"]),
                               ("elsewhere", "subjectAltName=DNS:elsewhere.invalid", ["-days", "30"]),
                               ("expired", here, ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"])):
        openssl("req", "-new", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name,
                "-addext", names)
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "trust/ca.crt", "-keyfile", "ca.key", "-in", name + ".csr", "-out",
                name + ".pem", "-notext", *dates)
    openssl("req", "-x509", *key, "-keyout", "lone.key", "-out", "lone.pem", "-days", "30", "-subj", "/CN=lone",
            "-addext", here)
    return directory


def retry_date(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def main(words):
    options = {"auth": "none", "certs": None, "script": None, "log": None}
    knobs = {}
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            options[word[2:]] = words.pop(0)
        else:
            name, _, value = word.partition("=")
            knobs[name] = json.loads(value)
    script = []
    if options["script"]:
        with open(options["script"], encoding="utf-8") as file:
            script = json.load(file)
    certs = options["certs"]
    if certs and not os.path.exists(os.path.join(certs, "trust")):
        make_certificates(certs)
    with FaultRegistry(script, options["auth"], certs and "good", certs, **knobs) as registry:
        print(json.dumps(registry.places), flush=True)
        sys.stdin.buffer.read()
        if options["log"]:
            with open(options["log"], "w", encoding="utf-8") as file:
                json.dump([{"origin": q.origin, "method": q.method, "target": q.target, "headers": q.headers,
                            "body": len(q.body), "sent": q.sent} for q in registry.log], file, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
