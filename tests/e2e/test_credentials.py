#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 240
"""Credentials: login and logout against a real registry with passwords and a token server of our own, whose credentials
reach which of them, and that no password is left in what a build prints, stores or writes (reliability N7).
    test_credentials.py GGBUILD
"""
import base64
import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import termios
import threading
import time

program = os.path.abspath(sys.argv[1])
PASSWORD = "canary-Pa55/w0rd+x"
OTHER = "canary-0ther-pw"
failures = []


def check(good, what, more=""):
    if not good:
        failures.append(what)
        print("test_credentials.py: %s\n%s" % (what, more), file=sys.stderr)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nothing listens on port %d" % port)


class World:
    """A home, a runtime directory and the outputs of everything that ran, which are searched at the end."""

    def __init__(self, work):
        self.work = work
        self.outputs = []
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": work + "/home", "TMPDIR": work + "/tmp",
                    "XDG_RUNTIME_DIR": work + "/run", "CONTAINERS_REGISTRIES_CONF": "/dev/null",
                    "GGBUILD_TEST_RETRY_MS": "1"}
        if "ASAN_OPTIONS" in os.environ:
            self.env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        for d in ("home", "run", "tmp"):
            os.mkdir(os.path.join(work, d))
        self.auth = work + "/run/containers/auth.json"

    def run(self, *words, stdin="", env=None, exit=0, cwd=None):
        done = subprocess.run([program, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**self.env, **(env or {})}, cwd=cwd or self.work, start_new_session=True, timeout=120)
        self.outputs.append(done.stdout + done.stderr)
        check(done.returncode == exit, "exit status %d, not %d: ggbuild %s" % (done.returncode, exit, " ".join(words)),
              done.stdout + done.stderr)
        return done.stdout + done.stderr


def certificates(work):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work)

    os.mkdir(work + "/certs")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "certs/ca.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    with open(work + "/san", "w") as f:
        f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "certs/ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "san", "-out", "server.pem")


class DockerRegistry:
    """The real one, with passwords; with TLS or without."""

    def __init__(self, work, name, tls, users):
        self.port = free_port()
        self.host = "127.0.0.1:%d" % self.port
        self.root = os.path.join(work, name)
        os.mkdir(self.root)
        with open(self.root + "/htpasswd", "w") as f:
            for user, password in users:
                f.write(subprocess.run(["htpasswd", "-inB", "-C", "4", user], input=password, check=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip() + "\n")
        config = {"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                  "storage": {"filesystem": {"rootdirectory": self.root + "/data"}},
                  "http": {"addr": self.host, "secret": "x"},
                  "auth": {"htpasswd": {"realm": "test", "path": self.root + "/htpasswd"}}}
        if tls:
            config["http"]["tls"] = {"certificate": work + "/server.pem", "key": work + "/server.key"}
        with open(self.root + "/config.yml", "w") as f:
            json.dump(config, f)
        self.log = open(self.root + "/log", "w")
        self.process = subprocess.Popen(["docker-registry", "serve", self.root + "/config.yml"], stdout=self.log,
                                        stderr=self.log)
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class TokenRegistry(http.server.ThreadingHTTPServer):
    """/v2/ wants a token, /token gives it for the right password. Every Authorization is written down."""

    def __init__(self, work):
        super().__init__(("127.0.0.1", 0), TokenHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(work + "/server.pem", work + "/server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.host = "127.0.0.1:%d" % self.server_address[1]
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class TokenHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        said = self.headers.get("Authorization", "")
        self.server.seen.append((self.path, said))
        if self.path.startswith("/token"):
            pair = base64.b64encode(("me:" + PASSWORD).encode()).decode()
            if said != "Basic " + pair:
                return self.answer(401, b"{}")
            return self.answer(200, b'{"token":"canary-token"}')
        if said == "Bearer canary-token":
            return self.answer(200, b"{}")
        return self.answer(401, b"{}", ("WWW-Authenticate",
                                        'Bearer realm="https://%s/token",service="test"' % self.server.host))


class PlainListener(threading.Thread):
    """Keeps what anybody sends in the clear, and answers nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.bytes = b""
        self.start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(1)
            try:
                self.bytes += s.recv(65536)
                s.sendall(b"HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n"
                          b"Connection: close\r\n\r\n")
            except OSError:
                pass
            s.close()


def login_at_registry(w, registry):
    """Right and wrong passwords, files, who is logged in; other tools understand the file and write such ones."""
    host, certs = registry.host, ["--cert-dir", w.work + "/certs"]
    out = w.run("login", host, "-u", "me", "--password-stdin", stdin=PASSWORD, exit=7)
    check("certificate" in out, "an unknown authority is not told as such", out)
    out = w.run("login", host, "-u", "me", "--password-stdin", *certs, stdin="wrong", exit=7)
    check("401" in out and "ggbuild login" not in out, "a wrong password's error", out)
    check(not os.path.exists(w.auth), "something was stored that the registry refuses")
    w.run("login", host, "-u", "me", "--password-stdin", *certs, stdin=PASSWORD + "\n")
    check(os.stat(w.auth).st_mode & 0o777 == 0o600, "the file can be read by others")
    check(w.run("login", host, "--get-login") == "me\n", "who is logged in")
    said = subprocess.run(["skopeo", "login", "--get-login", "--authfile", w.auth, host], stdout=subprocess.PIPE,
                          text=True).stdout
    check(said == "me\n", "skopeo does not read the file", said)
    w.run("logout", host)
    w.run("login", host, "--get-login", exit=2)
    subprocess.run(["skopeo", "login", "--authfile", w.auth, "--cert-dir", w.work + "/certs", "-u", "me",
                    "--password-stdin", host], input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    check(w.run("login", host, "--get-login") == "me\n", "skopeo's login is not read")
    w.run("logout", "--all")
    w.run("login", host + "/team", "-u", "me", "--password-stdin", *certs, stdin=PASSWORD)
    w.run("login", host + "/team", "--get-login")
    w.run("login", host + "/other", "--get-login", exit=2)
    w.run("logout", "--all")


def no_downgrade(w, registry):
    """Plain http only when it was said for that host, and a password never without that."""
    listener = PlainListener()
    w.run("login", listener.host, "-u", "me", "--password-stdin", stdin=PASSWORD, exit=7)
    pair = base64.b64encode(("me:" + PASSWORD).encode())
    check(pair not in listener.bytes and b"GET" not in listener.bytes, "something was sent in the clear", listener.bytes)
    listener.listener.close()
    w.run("login", registry.host, "-u", "me", "--password-stdin", stdin=PASSWORD, exit=7)
    w.run("login", registry.host, "-u", "me", "--password-stdin", "--tls-verify=false", stdin=PASSWORD)
    w.run("logout", registry.host)
    with open(w.work + "/insecure.conf", "w") as f:
        f.write("[[registry]]\nlocation = \"%s\"\ninsecure = true\n" % registry.host)
    insecure = ["--registries-conf", w.work + "/insecure.conf"]
    w.run("login", registry.host, "-u", "me", "--password-stdin", *insecure, stdin=PASSWORD)
    w.run("logout", registry.host)
    w.run("login", registry.host, "-u", "me", "--password-stdin", "--tls-verify=true", *insecure, stdin=PASSWORD, exit=7)


def tokens(w, work):
    server = TokenRegistry(work)
    certs = ["--cert-dir", work + "/certs"]
    w.run("login", server.host, "-u", "me", "--password-stdin", *certs, stdin="wrong", exit=7)
    server.seen.clear()
    w.run("login", server.host, "-u", "me", "--password-stdin", *certs, stdin=PASSWORD)
    basic = [path for path, said in server.seen if said.startswith("Basic")]
    check(basic and all(p.startswith("/token?") for p in basic), "the password went elsewhere than to /token", server.seen)
    check(all("scope=" not in p for p in basic), "login asks for a repository", basic)
    w.run("logout", server.host)
    server.shutdown()


class Terminal:
    """The program with a terminal of its own."""

    def __init__(self, w, *words):
        self.w = w
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(w.work)
            os.execve(program, [program, *words], w.env)

    def until(self, text):
        end = time.time() + 30
        while text not in self.shown and time.time() < end:
            if not self.read():
                break
        check(text in self.shown, "the terminal never showed '%s'" % text, self.shown)

    def read(self):
        if not select.select([self.fd], [], [], 30)[0]:
            return False
        try:
            got = os.read(self.fd, 4096)
        except OSError:
            return False
        self.shown += got.decode()
        return bool(got)

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def wait(self):
        while self.read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        self.w.outputs.append(self.shown)
        return os.waitstatus_to_exitcode(status)


def prompts(w, registry):
    certs = ["--cert-dir", w.work + "/certs"]
    t = Terminal(w, "login", registry.host, *certs)
    t.until("user name at")
    check(t.echoes(), "a user's name is not shown")
    os.write(t.fd, b"me\n")
    t.until("password of 'me'")
    while t.echoes():
        time.sleep(0.01)
    os.write(t.fd, PASSWORD.encode() + b"\n")
    check(t.wait() == 0 and "logged in" in t.shown, "a login at the terminal", t.shown)
    w.run("logout", registry.host)
    t = Terminal(w, "login", registry.host, "-u", "me", *certs)
    t.until("password of 'me'")
    while t.echoes():
        time.sleep(0.01)
    os.write(t.fd, PASSWORD[:4].encode() + b"\x03")
    end = time.time() + 10
    while not t.echoes() and time.time() < end:
        time.sleep(0.01)
    check(t.echoes(), "the terminal has no echo after an interrupt")
    check(t.wait() == 128 + signal.SIGINT, "an interrupted question's exit status")


RECIPE = """recipe: 1
name: app
stages:
  empty: { from: scratch }
image:
  from: empty
  layers:
    - name: file
      make: [ { file: /hello, content: "hello" } ]
"""


def put_auth(w, entries):
    os.makedirs(os.path.dirname(w.auth), exist_ok=True)
    auths = {key: {"auth": base64.b64encode(pair.encode()).decode()} for key, pair in entries.items()}
    with open(w.auth, "w") as f:
        json.dump({"auths": auths}, f)
    os.chmod(w.auth, 0o600)


def builds(w, registry, plain):
    """Every way to say who we are, in builds that succeed and in builds that do not."""
    host = registry.host
    os.mkdir(w.work + "/recipe")
    with open(w.work + "/recipe/app.recipe", "w") as f:
        f.write(RECIPE)

    def build(tag, *words, exit=0, env=None, repository=host + "/team/app"):
        return w.run("build", "app.recipe", "--store", w.work + "/store", "--cert-dir", w.work + "/certs", "-o",
                     "docker://%s:%s" % (repository, tag), *words, exit=exit, env=env, cwd=w.work + "/recipe")

    build("anonymous", exit=7)
    build("creds", "--creds", "me:" + PASSWORD, "-o", "oci:" + w.work + "/oci")
    out = build("wrong", "--creds", "me:" + OTHER, exit=7)
    check("--creds" in out, "whose credentials were refused is not told", out)
    build("environment", env={"GGBUILD_REGISTRY_USER": "me", "GGBUILD_REGISTRY_PASSWORD": PASSWORD})
    build("token", env={"GGBUILD_REGISTRY_TOKEN": "canary-bearer"}, exit=7)
    inline = json.dumps({"auths": {host: {"auth": base64.b64encode(("me:" + PASSWORD).encode()).decode()}}})
    build("inline", env={"DOCKER_AUTH_CONFIG": inline})
    build("broken", env={"DOCKER_AUTH_CONFIG": inline[:-2]}, exit=2)
    # The most specific key wins, in both directions.
    put_auth(w, {host: "me:" + OTHER, host + "/team": "me:" + PASSWORD})
    build("file")
    put_auth(w, {host: "me:" + PASSWORD, host + "/team/app": "me:" + OTHER})
    build("file2", exit=7)
    build("file3", repository=host + "/team/app2")
    # Another registry: nothing of the first one's.
    build("elsewhere", exit=7, repository=plain.host + "/team/app")


def copies(w, registry, plain):
    """Each side's credentials go to its registry alone, and to no mirror."""
    source = "docker://%s/team/app2:file3" % registry.host
    target = "docker://%s/copied:1" % plain.host
    sides = ["--src-cert-dir", w.work + "/certs", "--dest-tls-verify=false"]
    os.remove(w.auth)
    w.run("copy", source, target, *sides, "--src-creds", "me:" + PASSWORD, exit=7)
    w.run("copy", source, target, *sides, "--dest-creds", "me:" + PASSWORD, exit=7)
    w.run("copy", source, target, *sides, "--src-creds", "me:" + PASSWORD, "--dest-creds", "me:" + PASSWORD)
    pair = {"GGBUILD_REGISTRY_USER": "me", "GGBUILD_REGISTRY_PASSWORD": PASSWORD}
    out = w.run("copy", source, target, *sides, env=pair, exit=2)
    check("GGBUILD_REGISTRY_HOST" in out, "two registries and one password", out)
    w.run("copy", source, target, *sides, "--src-creds", "me:" + PASSWORD, env={**pair, "GGBUILD_REGISTRY_HOST": plain.host})
    mirror = PlainListener()
    with open(w.work + "/mirror.conf", "w") as f:
        f.write("[[registry]]\nlocation = '%s'\n[[registry.mirror]]\nlocation = '%s'\ninsecure = true\n"
                % (registry.host, mirror.host))
    rules = ["--registries-conf", w.work + "/mirror.conf", "--cert-dir", w.work + "/certs"]
    w.run("copy", source, "oci:" + w.work + "/copied", *rules, "--src-creds", "me:" + PASSWORD)
    w.run("copy", source, "oci:" + w.work + "/copied", *rules, env=pair)
    put_auth(w, {registry.host: "me:" + PASSWORD})
    w.run("copy", source, "oci:" + w.work + "/copied", *rules)
    check(b"GET /v2/team/app2/manifests/file3" in mirror.bytes, "the mirror was not asked", mirror.bytes)
    check(b"uthorization" not in mirror.bytes, "credentials went to a mirror", mirror.bytes)
    mirror.listener.close()


def search(w, where):
    """The forms in which a password may have been written down."""
    forms = [p.encode() for p in (PASSWORD, OTHER, "canary-bearer", "canary-token")]
    for password in (PASSWORD, OTHER):
        forms.append(base64.b64encode(("me:" + password).encode()).rstrip(b"="))
        forms.append(re.sub(rb"[^A-Za-z0-9._~-]", lambda m: b"%%%02X" % m.group()[0], password.encode()))
    for text in w.outputs:
        for form in forms:
            check(form not in text.encode(), "a password was printed", text)
    searched = 0
    for root in where:
        for base, _, names in os.walk(root):
            for name in names:
                path = os.path.join(base, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                searched += 1
                with open(path, "rb") as f:
                    content = f.read()
                check(not any(form in content for form in forms), "a password is in '%s'" % path)
    check(searched > 20, "only %d files were searched" % searched)


def main(work):
    w = World(work)
    certificates(work)
    registry = DockerRegistry(work, "tls", True, [("me", PASSWORD)])
    plain = DockerRegistry(work, "plain", False, [("me", PASSWORD)])
    try:
        login_at_registry(w, registry)
        no_downgrade(w, plain)
        tokens(w, work)
        prompts(w, registry)
        builds(w, registry, plain)
        copies(w, registry, plain)
    finally:
        registry.stop()
        plain.stop()
    search(w, [work + "/store", work + "/recipe", work + "/oci", work + "/copied", work + "/tmp",
               registry.root + "/data"])


with tempfile.TemporaryDirectory(prefix="ggbuild-credentials-") as directory:
    main(directory)
sys.exit(1 if failures else 0)
