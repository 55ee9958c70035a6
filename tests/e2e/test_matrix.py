#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 400
"""Other clients and ours, each pair: what we write they read and run, what they write we read; by files and by registries of
two families. A table says what is the same, or why it is not.
    test_matrix.py GGBUILD
"""
import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from registries import PASSWORD, USER, Registries  # noqa: E402
from tables import Wrong, digest_of, fills, ours, run, same, same_files, sha256  # noqa: E402

sys.argv[1] = os.path.abspath(sys.argv[1])
FILES = ("oci", "oci-archive", "docker-archive")
PLACES = {"docker-registry": ("docker-registry", "http"), "with token": ("docker-registry", "token"), "crane": ("crane", "http"),
          "with password": ("crane", "basic")}
COLUMNS = (*FILES, *PLACES)
RECIPE = """recipe: 1
name: matrix
epoch: 1700000000
stages:
  base: { from: { rootfs: base.tar } }
image:
  from: base
  layers:
    - name: note
      make: [ { file: /note, content: "hello\\n", mode: "0644" } ]
  env: { PATH: /bin }
  entrypoint: [/bin/busybox]
  cmd: [cat, /note]
  healthcheck: { test: [/bin/busybox, test, -f, /note], interval: 1s, timeout: 5s, retries: 3 }
"""
OWN = "same files, compressed anew"
CONFIG = "same config, no manifest kept"


class World:
    """The image, the places where we have written it, and what each client needs to see them."""

    def __init__(self, work, registries):
        self.work, self.registries = work, registries
        trust = registries.authority.trust
        hosts = {name: registries.served[key].host for name, key in PLACES.items()}
        self.hosts = hosts
        auth = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
        os.mkdir("config")
        self.auth = work + "/config/config.json"
        with open(self.auth, "w") as f:
            json.dump({"auths": {hosts[name]: {"auth": auth} for name in ("with token", "with password")}}, f)
        os.chmod(self.auth, 0o600)
        self.secure = {"authfile": self.auth, "cert-dir": trust}
        self.counter = 0
        self.write_all()

    def fresh(self, name):
        self.counter += 1
        return "%s/%s-%d" % (self.work, name, self.counter)

    def open(self, name):
        """Whether a registry speaks plain http."""
        return PLACES[name][1] == "http"

    def options(self, column, prefix=""):
        """Those of ours, and of skopeo, podman and buildah, for a column's registry."""
        if column in FILES:
            return []
        if self.open(column):
            return ["--%stls-verify=false" % prefix]
        return ["--%s%s=%s" % (prefix, name, value) for name, value in self.secure.items()]

    def place(self, column, name):
        """Where a client writes in a column: NAME is unique."""
        path = "%s/%s" % (self.work, name)
        if column in PLACES:
            return "docker://%s/%s:1" % (self.hosts[column], name)
        return {"oci": "oci:%s:1", "oci-archive": "oci-archive:%s.oci.tar:1",
                "docker-archive": "docker-archive:%s.docker.tar:gg/matrix:1"}[column] % path

    def write_all(self):
        """The image in every column, written by us."""
        os.makedirs("base/bin")
        shutil.copy(shutil.which("busybox"), "base/bin/busybox")
        run("tar", "--numeric-owner", "-C", "base", "-cf", "base.tar", ".")
        with open("matrix.recipe", "w") as f:
            f.write(RECIPE)
        self.ours = {column: self.place(column, "ours") for column in COLUMNS}
        self.digest = ours("matrix.recipe", "--store", "store", "--progress", "none", "-o", self.ours["oci"])
        self.config = json.loads(run("skopeo", "inspect", "--raw", self.ours["oci"]))["config"]["digest"]
        for column in COLUMNS[1:]:
            written = ours("copy", self.ours["oci"], self.ours[column], "--progress", "none", *self.options(column))
            same("the digest in " + column, written, self.config if column == "docker-archive" else self.digest)

    def we_read(self, source, column, digest=None):
        """What another has written has the digest it says, and the image's files."""
        layout = self.fresh("read")
        found = ours("copy", source, "oci:%s:1" % layout, "--progress", "none", *self.options(column, "src-"))
        if digest:
            same("the digest of " + source, found, digest)
        same_files(self.ours["oci"], "oci:%s:1" % layout, ("manifest", "config"))
        if column != "docker-archive":
            same("what inspect shows", digest_of("inspect", source, "--raw", *self.options(column)), found)
        if found == self.digest:
            return "same digest"
        with open("%s/blobs/sha256/%s" % (layout, found[7:]), encoding="utf-8") as f:
            config = json.load(f)["config"]["digest"]
        return CONFIG if config == self.config and column == "docker-archive" else OWN


class Skopeo:
    name = "skopeo"

    def __init__(self, w):
        self.w = w

    def reads(self, column):
        copied = self.w.fresh("skopeo")
        run("skopeo", "--insecure-policy", "copy", "-q", "--preserve-digests", *self.w.options(column, "src-"),
            self.w.ours[column], "dir:" + copied)
        if column != "docker-archive":
            same("skopeo's digest", sha256(copied + "/manifest.json"), self.w.digest)
            return "same digest"
        with open(copied + "/manifest.json", encoding="utf-8") as f:
            same("skopeo's config", json.load(f)["config"]["digest"], self.w.config)
        return CONFIG

    def writes(self, column):
        to = self.w.place(column, "by-skopeo")
        run("skopeo", "--insecure-policy", "copy", "-q", *self.w.options(column, "dest-"), self.w.ours["oci"], to)
        return self.w.we_read(to, column, None if column == "docker-archive" else self.w.digest)


class Storage:
    """podman and buildah: each in a storage of its own."""

    def __init__(self, w):
        self.w = w
        self.words = [self.name, "--root", w.work + "/" + self.name, "--runroot", w.work + "/%s-run" % self.name,
                      "--storage-driver", "vfs"]

    def do(self, *words, ok=True):
        return run(*self.words, *words, ok=ok)

    def reads(self, column):
        self.do("rmi", "-a", "-f")
        image = self.do("pull", "-q", *self.w.options(column), self.w.ours[column]).splitlines()[-1]
        same("%s's id" % self.name, "sha256:" + image, self.w.config)
        if column != "docker-archive":
            same("%s's digest" % self.name, self.digest(image), self.w.digest)
        self.runs(image)
        return CONFIG if column == "docker-archive" else "same digest"

    def writes(self, column):
        image = self.w.config[7:]
        if not self.do("images", "-q", "--no-trunc"):
            self.do("pull", "-q", self.w.ours["oci"])
        to, said = self.w.place(column, "by-" + self.name), self.w.fresh("digest")
        self.do("push", "-q", *self.w.options(column), "--digestfile", said, image, to)
        with open(said, encoding="ascii") as f:
            digest = f.read().strip()
        return self.w.we_read(to, column, None if column == "docker-archive" else digest)


class Podman(Storage):
    name = "podman"

    def __init__(self, w):
        super().__init__(w)
        self.words += ["--tmpdir", w.work + "/podman-tmp", "--runtime", "runc"]
        self.confined = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "none", "--read-only",
                         "--cap-drop", "all"]

    def digest(self, image):
        return self.do("image", "inspect", "--format", "{{.Digest}}", image)

    def runs(self, image):
        same("podman run", self.do("run", "--rm", *self.confined, image), "hello")

    def health(self, kind):
        """podman drops what OCI's format does not have; in Docker's it looks after the health check."""
        self.do("rmi", "-a", "-f")
        image = self.do("pull", "-q", *self.w.options("docker-registry"), self.w.health[kind]).splitlines()[-1]
        self.do("run", "-d", "--name", "health", *self.confined, image, "sleep", "100")
        try:
            done = self.do("healthcheck", "run", "health", ok=False)
            if kind == "oci":
                if "no defined healthcheck" not in done.stderr:
                    raise Wrong("podman sees a health check in OCI's format: " + done.stderr)
                return "dropped: not in OCI's format"
            same("podman's health check", (done.returncode, done.stderr), (0, ""))
            return self.do("inspect", "--format", "{{.State.Health.Status}}", "health")
        finally:
            self.do("rm", "-f", "-t", "0", "health")


class Buildah(Storage):
    name = "buildah"

    def digest(self, image):
        return json.loads(self.do("inspect", "--type", "image", image))["FromImageDigest"]

    def runs(self, image):
        container = self.do("from", "--pull-never", image)
        mounted = self.do("mount", container)
        with open(mounted + "/note", encoding="ascii") as f:
            same("the file in buildah's container", f.read(), "hello\n")
        self.do("rm", container)


class Docker:
    name = "docker"

    def __init__(self, w):
        self.w = w
        self.socket = "unix://%s/s" % w.work

    @contextlib.contextmanager
    def engine(self):
        """Registries on loopback need no certificate that it trusts."""
        with open("dockerd.log", "w") as log:
            process = subprocess.Popen(
                ["dockerd", "--data-root", self.w.work + "/docker", "--exec-root", self.w.work + "/docker-run", "--pidfile",
                 self.w.work + "/docker-pid", "-H", self.socket, "--iptables=false", "--ip6tables=false", "--bridge=none"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(600):
                if process.poll() is not None or self.do("info", ok=False).returncode == 0:
                    break
                time.sleep(0.1)
            if self.do("info", ok=False).returncode:
                with open("dockerd.log") as log:
                    sys.exit("dockerd does not start:\n" + log.read()[-3000:])
            yield
        finally:
            process.terminate()
            process.wait(60)

    def do(self, *words, ok=True):
        return run("docker", "--config", self.w.work + "/config", "-H", self.socket, *words, ok=ok)

    def reads(self, column):
        if column in ("oci", "oci-archive"):
            return "-"
        for image in set(self.do("images", "-q", "--no-trunc").split()):
            self.do("rmi", "-f", image)
        if column == "docker-archive":
            self.do("load", "-q", "-i", self.w.work + "/ours.docker.tar")
            name = "gg/matrix:1"
        else:
            name = self.w.ours[column].partition("://")[2]
            self.do("pull", "-q", name)
            same("Docker's digest", self.do("image", "inspect", "--format", "{{index .RepoDigests 0}}", name),
                 "%s@%s" % (name.rpartition(":")[0], self.w.digest))
        same("Docker's id", self.do("image", "inspect", "--format", "{{.Id}}", name), self.w.config)
        same("docker run", self.do("run", "--rm", "--network", "none", name), "hello")
        return CONFIG if column == "docker-archive" else "same digest"

    def writes(self, column):
        if column in ("oci", "oci-archive"):
            return "-"
        self.do("load", "-q", "-i", self.w.work + "/ours.docker.tar")
        to = self.w.place(column, "by-docker")
        if column == "docker-archive":
            self.do("save", "-o", self.w.work + "/by-docker.docker.tar", "gg/matrix:1")
            return self.w.we_read(to, column)
        name = to.partition("://")[2]
        self.do("tag", "gg/matrix:1", name)
        digest = self.do("push", name).rpartition("digest: ")[2].split()[0]
        return self.w.we_read(to, column, digest)

    def health(self, kind):
        name = self.w.health[kind].partition("://")[2]
        self.do("pull", "-q", name)
        self.do("run", "-d", "--name", "health", "--network", "none", name, "sleep", "100")
        try:
            for _ in range(300):
                status = self.do("inspect", "--format", "{{.State.Health.Status}}", "health")
                if status != "starting":
                    break
                time.sleep(0.1)
            return status
        finally:
            self.do("rm", "-f", "health")


class Umoci:
    """With crun, which runs the bundle that it unpacks."""
    name = "umoci, crun"

    def __init__(self, w):
        self.w = w

    def reads(self, column):
        if column != "oci":
            return "-"
        bundle = self.w.fresh("bundle")
        run("umoci", "unpack", "--image", self.w.ours["oci"].partition(":")[2], bundle)
        with open(bundle + "/config.json", encoding="utf-8") as f:
            config = json.load(f)
        same("umoci's arguments", config["process"]["args"], ["/bin/busybox", "cat", "/note"])
        config["process"].update(terminal=False, noNewPrivileges=True, capabilities={})
        config["linux"].pop("resources", None)
        config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
        with open(bundle + "/config.json", "w", encoding="utf-8") as f:
            json.dump(config, f)
        # crun refuses hosts that have both kinds of cgroups, even when it is told to use neither.
        same("crun run", run("unshare", "--mount", "sh", "-c", "umount -l /sys/fs/cgroup/unified 2>/dev/null || :; exec \"$@\"",
                             "sh", "crun", "--cgroup-manager=disabled", "--root", self.w.work + "/crun", "run", "--bundle",
                             bundle, "gg-%d" % os.getpid()), "hello")
        return "read and run"

    def writes(self, column):
        if column != "oci":
            return "-"
        layout = self.w.work + "/by-umoci"
        shutil.copytree(self.w.work + "/ours", layout)
        run("umoci", "config", "--image", layout + ":1", "--config.label", "a=b")
        digest = run("skopeo", "inspect", "--format", "{{.Digest}}", "oci:%s:1" % layout)
        if digest == self.w.digest:
            raise Wrong("umoci has changed nothing")
        self.w.we_read("oci:%s:1" % layout, column, digest)
        # Its insert writes a layer that ends with the content of the last entry.
        run("umoci", "insert", "--image", layout + ":1", self.w.work + "/matrix.recipe", "/inserted")
        last = json.loads(run("skopeo", "inspect", "--raw", "oci:%s:1" % layout))["layers"][-1]["digest"]
        if "inserted" not in ours("ls", "oci:%s:1" % layout, last):
            raise Wrong("ls does not show what umoci inserted")
        ours("extract", "oci:%s:1" % layout, "/inserted", "-o", self.w.work + "/inserted")
        same("what umoci inserted", sha256(self.w.work + "/inserted"), sha256(self.w.work + "/matrix.recipe"))
        return "same files, its config"


class Crane:
    name = "crane"

    def __init__(self, w):
        self.w = w
        self.env = {"DOCKER_CONFIG": w.work + "/config", "SSL_CERT_FILE": w.registries.authority.trust + "/ca.crt"}

    def do(self, *words):
        return run("crane", *words, env=self.env)

    def reads(self, column):
        return self.unless_local(self.read, column)

    def writes(self, column):
        return self.unless_local(self.write, column)

    def unless_local(self, cell, column):
        try:
            return cell(column)
        except Wrong as e:
            if column == "with token" and "private or link-local address" in str(e):
                return "it takes no token server on loopback"
            raise

    def read(self, column):
        if column == "oci-archive":
            return "-"
        name = self.w.place("crane", "crane-has-%s" % column.replace(" ", "-")).partition("://")[2]
        if column == "docker-archive":
            self.do("push", self.w.work + "/ours.docker.tar", name)
            same("crane's config", "sha256:" + hashlib.sha256(
                subprocess.run(["crane", "config", name], check=True, capture_output=True).stdout).hexdigest(), self.w.config)
            return CONFIG
        if column == "oci":
            pushed = self.do("push", self.w.work + "/ours", name)
        else:
            place = self.w.ours[column].partition("://")[2]
            self.do("validate", "--remote", place)
            self.do("copy", place, name)
            pushed = "@" + self.do("digest", name)
        same("crane's digest", pushed.rpartition("@")[2], self.w.digest)
        return "same digest"

    def write(self, column):
        if column == "oci-archive":
            return "-"
        source, to = self.w.ours["crane"].partition("://")[2], self.w.place(column, "by-crane")
        if column in PLACES:
            self.do("copy", source, to.partition("://")[2])
        elif column == "oci":
            self.do("pull", "--format", "oci", source, self.w.work + "/by-crane")
            return self.w.we_read("oci:%s/by-crane" % self.w.work, column, self.w.digest)
        else:
            self.do("pull", "--format", "tarball", source, self.w.work + "/by-crane.tar")
            return self.w.we_read("docker-archive:%s/by-crane.tar" % self.w.work, column)
        return self.w.we_read(to, column, self.w.digest)


def matrix(w):
    docker, podman = Docker(w), Podman(w)
    clients = [Skopeo(w), podman, Buildah(w), docker, Umoci(w), Crane(w)]
    w.health = {kind: "docker://%s/health:%s" % (w.hosts["docker-registry"], kind) for kind in ("oci", "docker")}
    for kind, place in w.health.items():
        ours("copy", "--format", kind, w.ours["oci"], place, "--progress", "none", *w.options("docker-registry"))
    with docker.engine():
        failed = fills("we write, they read and run", COLUMNS, [(c.name, c.reads) for c in clients])
        failed += fills("they write, we read", COLUMNS, [(c.name, c.writes) for c in clients])
        failed += fills("health in OCI's and in Docker's format", ("oci", "docker"), [("docker", lambda kind: healthy(
            docker, kind)), ("podman", lambda kind: healthy(podman, kind))])
    return failed


def healthy(client, kind):
    status = client.health(kind)
    if status != "healthy" and not (client.name == "podman" and kind == "oci"):
        raise Wrong("its health is '%s'" % status)
    return status


def main():
    # In lower case, for podman takes a layout's path for a name; and short, for sockets.
    work = "/tmp/gg-matrix-%d" % os.getpid()
    os.mkdir(work)
    os.chdir(work)
    os.environ.update(XDG_CACHE_HOME=work + "/cache", XDG_RUNTIME_DIR=work + "/runtime", HOME=work + "/home", LC_ALL="C.UTF-8")
    for name in ("home", "runtime"):
        os.mkdir(name, 0o700)
    try:
        with Registries(work + "/registries", ("http", "basic", "token")) as registries:
            return matrix(World(work, registries))
    finally:
        os.chdir("/")
        # An engine's mounts end with it; what it leaves all the same must not stop the rest from going.
        subprocess.run(["rm", "-rf", work], stderr=subprocess.DEVNULL)


if not shutil.which("crane"):
    print("test_matrix: there is no crane, which tests/run installs")
    sys.exit(77)
sys.exit(1 if main() else 0)
