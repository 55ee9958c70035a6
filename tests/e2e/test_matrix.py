#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 400
"""Other clients and ours, each pair: what we write they read and run, what they write we read; by files and by registries of
two families. Every way to compress and to describe layers is read. A table says what is the same, or why it is not.
    test_matrix.py GGBUILD
"""
import base64
import contextlib
import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "images")]
import images  # noqa: E402
from registries import PASSWORD, USER, Registries  # noqa: E402

program = os.path.abspath(sys.argv[1])
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


class Wrong(Exception):
    pass


def run(*words, ok=True, env=None, stdin=None):
    done = subprocess.run(words, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL if stdin is None else None)
    if ok and done.returncode:
        raise Wrong("%s: status %d\n%s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
    return done.stdout.strip() if ok else done


def same(what, found, wanted):
    if found != wanted:
        raise Wrong("%s: %r instead of %r" % (what, found, wanted))


def sha256(path):
    with open(path, "rb") as f:
        return "sha256:" + hashlib.sha256(f.read()).hexdigest()


def ours(*words, ok=True):
    return run(program, *words, ok=ok, env={"GGBUILD_TEST_RETRY_MS": "1", "CONTAINERS_REGISTRIES_CONF": "/dev/null"})


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
        self.same_files(self.ours["oci"], "oci:%s:1" % layout)
        if found == self.digest:
            return "same digest"
        with open("%s/blobs/sha256/%s" % (layout, found[7:]), encoding="utf-8") as f:
            config = json.load(f)["config"]["digest"]
        return CONFIG if config == self.config and column == "docker-archive" else OWN

    def same_files(self, one, two, allowed=("manifest", "config")):
        done = ours("diff", one, two, "--ignore", "compression", "--json", ok=False)
        if done.returncode not in (0, 1):
            raise Wrong("ggbuild diff %s %s: %s" % (one, two, done.stderr))
        others = [d for d in json.loads(done.stdout)["differences"] if d["kind"] not in allowed]
        if others:
            raise Wrong("%s differs from %s: %s" % (two, one, others))


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


def gzip_member(data, extra=b""):
    """One member, with an extra field that eStargz' footer has."""
    member = gzip.compress(data, mtime=0)
    if not extra:
        return member
    return member[:3] + b"\x04" + member[4:10] + struct.pack("<H", len(extra)) + extra + member[10:]


def estargz(tar):
    """A member for every piece, and a footer that says where the last of them, with the table of contents, begins."""
    pieces = [tar[i:i + 65536] for i in range(0, len(tar), 65536)]
    out = b"".join(gzip_member(piece) for piece in pieces[:-1])
    where = b"%016xSTARGZ" % len(out)
    return out + gzip_member(pieces[-1]) + gzip_member(b"", b"SG" + struct.pack("<H", len(where)) + where)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True, capture_output=True).stdout


def zstd_chunked(tar):
    """A frame for every piece, then its manifest and footer in frames that decompressors skip."""
    def skipped(data):
        return struct.pack("<II", 0x184D2A50, len(data)) + data

    frames = b"".join(zstd(tar[i:i + 65536]) for i in range(0, len(tar), 65536))
    manifest = zstd(b'{"version":1,"entries":[]}')
    footer = struct.pack("<QQQQ8s", len(frames) + 8, len(manifest), 26, 1, b"GNUlInUx")
    return frames + skipped(manifest) + skipped(footer)


def formats():
    """{what it is: (layout, the index is what matters)}, all of the same files."""
    tars = [images.layer({"file%d" % n: hashlib.sha256(b"%d" % n).digest() * 8192, "stargz.index.json": b"{}"}, mtime=1700000000)
            for n in range(2)]
    made = {"uncompressed": images.Layout(*tars), "zstd": images.Layout(*tars, compress=zstd, kind="+zstd"),
            "zstd:chunked": images.Layout(*tars, compress=zstd_chunked, kind="+zstd"),
            "eStargz": images.Layout(*tars, compress=estargz, kind="+gzip")}
    old = made["schema 2"] = images.Layout(*tars, compress=images.compressed, kind="+gzip")
    docker = "application/vnd.docker."
    old.manifest["mediaType"] = docker + "distribution.manifest.v2+json"
    old.manifest["config"]["mediaType"] = docker + "container.image.v1+json"
    for descriptor in old.layers:
        descriptor["mediaType"] = docker + "image.rootfs.diff.tar.gzip"
    old.point_to(old.manifest, old.manifest["mediaType"])
    for name, of, kinds in (("nested index", "zstd", (images.INDEX, images.INDEX)),
                            ("schema 2 list", "schema 2", (docker + "distribution.manifest.list.v2+json",))):
        nested = made[name] = images.Layout(*tars)
        nested.files.update(made[of].files)
        entry = {**made[of].index["manifests"][0], "platform": {"os": "linux", "architecture": "amd64"}}
        for kind in kinds:
            nested.point_to({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}, kind)
            entry = nested.index["manifests"][0]
    return made


def read_format(w, name, layout, column):
    """Whole, by its digest, and the files of the image in it."""
    directory = "%s/formats/%s" % (w.work, name.replace(" ", "-").replace(":", "-"))
    digest = layout.index["manifests"][0]["digest"]
    source = "oci:" + directory
    if column == "oci":
        layout.write(directory)
    else:
        source = "docker://%s/%s:1" % (w.hosts[column], os.path.basename(directory).lower())
        every = ["--index"] if "index" in name or "list" in name else []
        # Where a layout's index has one index in it, that one is what crane pushes with a tag.
        pushed = run("crane", "push", *every, directory, source.partition("://")[2]).rpartition("@")[2]
        if every:
            digest = pushed
    copied = w.fresh("format")
    same("the digest", ours("copy", "--all", source, "oci:" + copied, "--progress", "none", *w.options(column, "src-")), digest)
    w.same_files("oci:%s/formats/uncompressed" % w.work, "oci:" + copied, ("manifest",))
    return "same digest"


class Table:
    def __init__(self, title, columns):
        self.columns, self.failed, self.notes, self.missing = columns, 0, {}, False
        self.width = [max(18, len(c)) for c in columns]
        print("\n%s" % title)
        self.row("", columns)

    def row(self, name, cells):
        padded = "  ".join("%-*s" % (n, c) for n, c in zip(self.width, cells))
        print(("  %-14s %s" % (name, padded)).rstrip(), flush=True)

    def fill(self, name, cell):
        cells = []
        for column in self.columns:
            try:
                text = cell(column)
            except (Wrong, subprocess.SubprocessError, OSError) as e:
                print("%s, %s: %s" % (name, column, e), file=sys.stderr, flush=True)
                self.failed += 1
                text = "FAILED"
            if text == "-":
                self.missing = True
            if len(text) > 18:
                text = self.notes.setdefault(text, "ok (%d)" % (len(self.notes) + 1))
            cells.append(text)
        self.row(name, cells)

    def done(self):
        for note, number in self.notes.items():
            print("  %s: %s" % (number[3:], note))
        if self.missing:
            print("  -: the client has no such transport")
        return self.failed


def fills(title, columns, rows):
    table = Table(title, columns)
    for name, cell in rows:
        table.fill(name, cell)
    return table.done()


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
    made = formats()
    failed += fills("formats that we read", ("oci", "docker-registry", "crane"),
                    [(name, lambda column, n=name: read_format(w, n, made[n], column)) for name in made])
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
