#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
"""docker-daemon: with Docker's engine and podman's service: an image is loaded and run, loaded again after a small layer
changed with what that sends counted by a socket in between, read back; over TLS with client certificates too.
  test_docker_daemon.py GGBUILD
"""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ggbuild = os.path.abspath(sys.argv[1])
# Short: a socket's path is at most 107 bytes.
work = tempfile.mkdtemp(prefix="gg-engine-")
os.chdir(work)

RECIPE = """recipe: 1
name: load
epoch: 1700000000
stages:
  base: { from: { rootfs: base.tar } }
image:
  from: base
  compression: %s
  layers:
    - name: small
      make: [ { file: /note, content: "%s\\n" } ]
  cmd: [/bin/busybox, cat, /note]
"""


def fail(text):
    sys.exit("test_docker_daemon: " + text)


def run(*words, ok=True, **env):
    done = subprocess.run(words, env={**os.environ, "XDG_CACHE_HOME": work + "/cache", **env}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if ok and done.returncode:
        fail("%s: status %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
    return done.stdout if ok else done


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def service(name, words, ready):
    with open(name + ".log", "w") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            if process.poll() is not None:
                break
            if ready():
                yield
                return
            time.sleep(0.1)
        with open(name + ".log") as log:
            fail("%s does not start:\n%s" % (name, log.read()[-3000:]))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


class Counter:
    """A socket that hands everything on to another, and counts what goes there."""

    def __init__(self, path, to):
        self.path, self.to, self.sent = path, to, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self.to)
            threading.Thread(target=self.copy, args=(client, engine, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(engine, client, False), daemon=True).start()

    def copy(self, source, sink, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counted:
                    self.sent += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def certificates(directory):
    os.mkdir(directory)
    request = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    run(*request, "/CN=authority", "-x509", "-days", "2", "-keyout", directory + "/ca-key.pem", "-out", directory + "/ca.pem")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("", "extendedKeyUsage=clientAuth")):
        prefix = directory + "/" + (name + "-" if name else "")
        with open("extension", "w") as f:
            f.write(extension + "\n")
        run(*request, "/CN=" + (name or "client"), "-keyout", prefix + "key.pem", "-out", "request")
        run("openssl", "x509", "-req", "-in", "request", "-days", "2", "-CA", directory + "/ca.pem", "-CAkey",
            directory + "/ca-key.pem", "-CAcreateserial", "-extfile", "extension", "-out", prefix + "cert.pem")


def make_recipe(note, compression):
    with open("load.recipe", "w") as f:
        f.write(RECIPE % (compression, note))


def build(note, *words, compression="gzip", **env):
    make_recipe(note, compression)
    return run(ggbuild, "load.recipe", "--store", "store", "--progress", "none", *words, **env).strip()


def config_digest(layout):
    return run("sh", "-c", "skopeo inspect --raw oci:%s:latest | python3 -c "
               "'import json, sys; print(json.load(sys.stdin)[\"config\"][\"digest\"])'" % layout).strip()


def load_twice(name, path, engine, output):
    """Once whole, and once after the small layer changed: the bytes that each sent."""
    counter = Counter(path, path + ".engine")
    sent = []
    for note in ("one", "two"):
        before = counter.sent
        build(note, "-o", "docker-daemon:gg/load:" + note, "-o", "oci:%s-%s" % (name, note), DOCKER_HOST="unix://" + path)
        sent.append(counter.sent - before)
        if output(note) != note + "\n":
            fail("%s: the image of '%s' says '%s'" % (name, note, output(note)))
        image = engine("image", "inspect", "--format", "{{.Id}}", "gg/load:" + note).strip()
        if image.replace("sha256:", "") != config_digest("%s-%s" % (name, note)).replace("sha256:", ""):
            fail("%s: its id is %s" % (name, image))
        if output("one") != "one\n":
            fail("%s: the first image is gone" % name)
    print("%s: %d bytes, then %d" % (name, *sent))
    return sent


def read_back(name, path):
    run(ggbuild, "copy", "docker-daemon:gg/load:two", "oci:%s-back" % name, DOCKER_HOST="unix://" + path)
    done = run(ggbuild, "diff", name + "-two", name + "-back", "--ignore", "compression", ok=False)
    # An engine keeps no manifest, so no annotations.
    if done.returncode > 1 or [line for line in done.stdout.splitlines()[1:] if " annotations " not in line]:
        fail("%s: what is read back is another image\n%s" % (name, done.stdout + done.stderr))


def test_docker(directory):
    path, port = directory + "/docker", free_port()
    address = "tcp://127.0.0.1:%d" % port
    certificates("certs")

    def docker(*words, ok=True):
        return run("docker", "-H", "unix://%s.engine" % path, *words, ok=ok)

    def output(note):
        return docker("run", "--rm", "--network", "none", "gg/load:" + note)

    tls = ["--tlsverify", "--tlscacert", "certs/ca.pem", "--tlscert", "certs/server-cert.pem", "--tlskey",
           "certs/server-key.pem", "-H", address]
    with service("dockerd", ["dockerd", "--data-root", directory + "/data", "--exec-root", directory + "/exec", "--pidfile",
                             directory + "/pid", "-H", "unix://%s.engine" % path, "--iptables=false", "--ip6tables=false",
                             "--bridge=none", *tls], lambda: docker("info", ok=False).returncode == 0):
        first, second = load_twice("docker", path, docker, output)
        if second * 5 > first:
            fail("docker: the second time %d bytes of %d" % (second, first))
        read_back("docker", path)
        # What an engine of that age cannot decompress.
        build("three", "-o", "docker-daemon:gg/load:three", compression="zstd", DOCKER_HOST="unix://" + path)
        if output("three") != "three\n":
            fail("docker: the image with zstd layers")

        remote = {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1"}
        run(ggbuild, "copy", "oci:docker-one", "docker-daemon:gg/load:tls", DOCKER_CERT_PATH=work + "/certs", **remote)
        if output("tls") != "one\n":
            fail("docker: the image that came over TLS")
        certificates("others")
        os.mkdir("none")
        shutil.copy("certs/ca.pem", "none")
        for other, words in (("others", "is not trusted here"), ("none", "certificate")):
            done = run(ggbuild, "copy", "oci:docker-one", "docker-daemon:x", ok=False,
                       DOCKER_CERT_PATH="%s/%s" % (work, other), **remote)
            if done.returncode != 7 or words not in done.stderr:
                fail("docker: the certificates in %s: status %d\n%s" % (other, done.returncode, done.stderr))


def test_podman(directory):
    path = directory + "/podman"
    podman_words = ["podman", "--root", directory + "/storage", "--runroot", directory + "/run", "--tmpdir", directory + "/tmp",
                    "--storage-driver", "vfs", "--runtime", "runc"]

    def podman(*words):
        return run(*podman_words, *words)

    def output(note):
        return podman("run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "none",
                      "--read-only", "--cap-drop", "all", "gg/load:" + note)

    with service("podman", [*podman_words, "system", "service", "--time", "0", "unix://%s.engine" % path],
                 lambda: os.path.exists(path + ".engine")):
        load_twice("podman", path, podman, output)
        read_back("podman", path)


def main():
    os.makedirs("base/bin")
    os.mkdir("base/data")
    shutil.copy(shutil.which("busybox"), "base/bin/busybox")
    with open("base/data/large", "wb") as f:
        f.write(os.urandom(8 << 20))
    run("tar", "--numeric-owner", "-C", "base", "-cf", "base.tar", ".")
    for test in (test_docker, test_podman):
        directory = "%s/%s" % (work, test.__name__[5:])
        os.mkdir(directory)
        test(directory)


try:
    main()
finally:
    # An engine's mounts end with it; what it leaves all the same must not stop the rest from going.
    subprocess.run(["rm", "-rf", work], stderr=subprocess.DEVNULL)
