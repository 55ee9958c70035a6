# SPDX-License-Identifier: Apache-2.0
"""Registries of two families on loopback, each open, behind TLS, client certificates, passwords and tokens.

    with Registries(directory) as all: ... all.served["docker-registry", "token"].host ...

"docker-registry" is Debian's and does all of it itself. "crane" is go-containerregistry's, which speaks plain http and
lets everybody in: a front of ours does the rest for it.
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from docker_registry import PASSWORD, USER, Registry

FAMILIES = ("docker-registry", "crane")
MODES = ("http", "tls", "mtls", "basic", "token")
SERVICE = "test"
PAIR = "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise RuntimeError("nothing listens on port %d" % port)


class Authority:
    """trust: a directory like those of certs.d with the authority; full: with a client certificate too."""

    def __init__(self, directory):
        self.directory = directory
        self.trust, self.full = self.path("trust"), self.path("full")
        os.makedirs(self.trust)
        os.mkdir(self.full)
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                     "-keyout", "ca.key", "-out", "trust/ca.crt")
        shutil.copy(self.path("trust/ca.crt"), self.full)
        self.issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.issue("client", "extendedKeyUsage=clientAuth")
        os.rename(self.path("client.crt"), self.path("full/client.cert"))
        os.rename(self.path("client.key"), self.path("full/client.key"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def openssl(self, *words, **how):
        return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.directory, **how).stdout

    def issue(self, name, extension):
        with open(self.path("extension"), "w") as f:
            f.write(extension + "\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", "request")
        self.openssl("x509", "-req", "-in", "request", "-CA", "trust/ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "2", "-extfile", "extension", "-out", name + ".crt")

    def server_context(self, clients=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.crt"), self.path("server.key"))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path("trust/ca.crt"))
        return context

    def jwt(self, claims):
        with open(self.path("server.crt")) as f:
            der = ssl.PEM_cert_to_DER_cert(f.read())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims))
        signature = self.openssl("dgst", "-sha256", "-sign", "server.key", input=signed)
        return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class Server(http.server.ThreadingHTTPServer):
    """On a free port, in a thread of its own; with a context over TLS, whose handshakes do not hold up others."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler, context=None):
        super().__init__(("127.0.0.1", 0), handler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.host = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class TokenServer(Server):
    """Signed tokens for who knows the password. granted: what each of them is for, {(repository, action), …}."""

    def __init__(self, authority):
        self.authority, self.granted = authority, {}
        super().__init__(TokenHandler, authority.server_context())

    def realm(self):
        return "https://%s/token" % self.host


class TokenHandler(Handler):
    def do_GET(self):
        self.give(urllib.parse.urlsplit(self.path).query, self.headers.get("Authorization") == PAIR)

    def do_POST(self):
        """OAuth2's way, which Docker and containerd try first with what they have logged in with."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = dict(urllib.parse.parse_qsl(form))
        self.give(form, (said.get("username"), said.get("password")) == (USER, PASSWORD))

    def give(self, query, known):
        if not known:
            return self.answer(401, [], b'{"details":"incorrect username or password"}')
        words = urllib.parse.parse_qs(query)
        access = []
        for scope in " ".join(words.get("scope", [])).split():
            kind, name, actions = re.fullmatch(r"([^:]*):(.*):([^:]*)", scope).groups()
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        token = self.server.authority.jwt({"iss": "tests", "sub": USER, "aud": SERVICE, "nbf": now - 60, "iat": now,
                                           "exp": now + 600, "jti": os.urandom(8).hex(), "access": access})
        self.server.granted[token] = {(a["name"], action) for a in access for action in a["actions"]}
        body = json.dumps({"token": token, "access_token": token, "expires_in": 600}).encode()
        self.answer(200, [("Content-Type", "application/json")], body)


class Front(Server):
    """Hands on to a registry what it lets through."""

    def __init__(self, to, mode, authority, tokens):
        self.to, self.mode, self.tokens = to, mode, tokens
        super().__init__(FrontHandler, authority.server_context(clients=mode == "mtls"))


class FrontHandler(Handler):
    def refused(self):
        """The challenge for who may not do this; None for who may."""
        said = self.headers.get("Authorization", "")
        if self.server.mode == "basic" and said != PAIR:
            return 'Basic realm="test"'
        if self.server.mode == "token":
            granted = self.server.tokens.granted.get(said.partition("Bearer ")[2])
            named = re.match(r"/v2/(.+?)/(?:blobs|manifests|tags|referrers)/", self.path)
            action = "pull" if self.command in ("GET", "HEAD") else "push"
            if granted is None or (named and (named[1], action) not in granted):
                scope = ',scope="repository:%s:%s"' % (named[1], "pull,push" if action == "push" else action) if named else ""
                return 'Bearer realm="%s",service="%s"%s' % (self.server.tokens.realm(), SERVICE, scope)
        return None

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def hand_on(self):
        body = self.body()
        challenge = self.refused()
        if challenge:
            return self.answer(401, [("WWW-Authenticate", challenge), ("Content-Type", "application/json")],
                               b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
        own = ("transfer-encoding", "content-length", "authorization", "connection", "expect")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        registry = http.client.HTTPConnection(self.server.to)
        registry.request(self.command, self.path, body, headers)
        answer = registry.getresponse()
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection")]
        self.answer(answer.status, kept, answer.read())
        registry.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = hand_on


class DockerRegistry(Registry):
    """The real one in a mode."""

    def __init__(self, directory, mode, authority, tokens):
        super().__init__(directory, users=mode == "basic", log=False)
        with open(self.path("config.yml")) as f:
            config = json.load(f)
        if mode != "http":
            config["http"]["tls"] = {"certificate": authority.path("server.crt"), "key": authority.path("server.key")}
        if mode == "mtls":
            config["http"]["tls"]["clientcas"] = [authority.path("trust/ca.crt")]
        if mode == "token":
            config["auth"] = {"token": {"realm": tokens.realm(), "service": SERVICE, "issuer": "tests",
                                        "rootcertbundle": authority.path("trust/ca.crt")}}
        with open(self.path("config.yml"), "w") as f:
            json.dump(config, f)

    def __enter__(self):
        super().__enter__()
        wait_for(int(self.host.rpartition(":")[2]))
        return self

    def get(self, *_, **__):
        """Whether it is there is asked without what it wants of clients."""


class CraneRegistry:
    def __init__(self, directory):
        self.directory, port = directory, free_port()
        self.host = "127.0.0.1:%d" % port

    def __enter__(self):
        os.makedirs(os.path.join(self.directory, "data"))
        with open(os.path.join(self.directory, "log"), "w") as log:
            self.process = subprocess.Popen(["crane", "registry", "serve", "--address", self.host, "--disk",
                                             os.path.join(self.directory, "data")], stdout=log, stderr=log)
        try:
            wait_for(int(self.host.rpartition(":")[2]))
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Registries:
    """modes: of both families. served: {(family, mode): what has a host}."""

    def __init__(self, directory, modes=MODES):
        self.directory, self.modes, self.served = directory, modes, {}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with self.stack:
            self.authority = Authority(os.path.join(self.directory, "authority"))
            tokens = self.stack.enter_context(TokenServer(self.authority))
            crane = self.stack.enter_context(CraneRegistry(os.path.join(self.directory, "crane")))
            for mode in self.modes:
                where = os.path.join(self.directory, "docker-registry-" + mode)
                self.served["docker-registry", mode] = self.stack.enter_context(
                    DockerRegistry(where, mode, self.authority, tokens))
                self.served["crane", mode] = crane if mode == "http" else self.stack.enter_context(
                    Front(crane.host, mode, self.authority, tokens))
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()
