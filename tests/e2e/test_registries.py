#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 240
"""Registries of two families, open and behind TLS, client certificates, passwords and tokens: what is pushed to each is
what is pulled from it, and each refuses who lacks what it wants, with an error that says what to do.
    test_registries.py GGBUILD
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "images")]
import images  # noqa: E402
from registries import FAMILIES, MODES, PASSWORD, USER, Registries  # noqa: E402

program = os.path.abspath(sys.argv[1])
failures = []


class World:
    """Nothing of this machine's credentials, rules and certificates is in the way."""

    def __init__(self, work, registries):
        self.work, self.registries = work, registries
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": work + "/home", "TMPDIR": work,
                    "XDG_RUNTIME_DIR": work + "/run", "CONTAINERS_REGISTRIES_CONF": "/dev/null",
                    "GGBUILD_TEST_RETRY_MS": "1"}
        if "ASAN_OPTIONS" in os.environ:
            self.env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        for name in ("home", "run"):
            os.mkdir(os.path.join(work, name))

    def run(self, *words, stdin=""):
        done = subprocess.run([program, *words], input=stdin, capture_output=True, text=True, env=self.env, cwd=self.work,
                              timeout=120)
        return done.returncode, done.stdout.strip(), done.stderr

    def options(self, mode):
        """All that a registry of this mode wants to see."""
        if mode == "http":
            return ["--tls-verify=false"]
        words = ["--cert-dir", self.registries.authority.full if mode == "mtls" else self.registries.authority.trust]
        return words

    def creds(self, mode, side, password=PASSWORD):
        return ["--%s-creds" % side, "%s:%s" % (USER, password)] if mode in ("basic", "token") else []


class Cell:
    """One registry in one mode: the checks write down what was wrong, or what is seen to hold."""

    def __init__(self, w, family, mode, digest):
        self.w, self.mode, self.digest = w, mode, digest
        self.name = "%s %s" % (family, mode)
        self.host = w.registries.served[family, mode].host
        self.said = []

    def check(self, good, what, more=""):
        if not good:
            failures.append("%s: %s" % (self.name, what))
            print("%s: %s\n%s" % (self.name, what, more), file=sys.stderr)

    def refuses(self, what, words, *parts):
        """Exit status 7, an error with all of the parts, and no file of the image."""
        status, _, err = self.w.run(*words)
        self.check(status == 7 and all(part in err for part in parts), "%s: exit status %d" % (what, status), err)

    def push(self, ref, *words, source="oci:image"):
        return ["copy", source, "docker://%s/%s" % (self.host, ref), *words, "--progress", "none"]

    def pull(self, ref, to, *words):
        return ["copy", "docker://%s/%s" % (self.host, ref), to, *words, "--progress", "none"]

    def transfers(self):
        """There and back: an image, and an index with all of its platforms; by tag and by digest."""
        options = self.w.options(self.mode)
        to, of = self.w.creds(self.mode, "dest"), self.w.creds(self.mode, "src")
        for what, source, digest, every in (("image", "oci:image", self.digest["image"], []),
                                            ("index", "oci:index", self.digest["index"], ["--all"])):
            status, out, err = self.w.run(*self.push("team/app:" + what, *options, *to, *every, source=source))
            self.check((status, out) == (0, digest), "push of an " + what, "%d %s %s" % (status, out, err))
            for ref in (":" + what, "@" + digest, ":%s@%s" % (what, digest)):
                back = "%s/back-%d" % (self.w.work, len(os.listdir(self.w.work)))
                status, out, err = self.w.run(*self.pull("team/app" + ref, "oci:" + back, *options, *of, *every))
                self.check((status, out) == (0, digest), "pull of %s" % ref, "%d %s %s" % (status, out, err))
                for name in self.digest[what + " blobs"]:
                    self.check(os.path.exists("%s/blobs/sha256/%s" % (back, name)), "pull of %s: no blob %s" % (ref, name))
                shutil.rmtree(back, ignore_errors=True)

    def refusals(self):
        options = self.w.options(self.mode)
        image, layout = "team/app:image", "oci:refused"
        if self.mode == "http":
            for words in ([], ["--tls-verify=true"]):
                self.refuses("push over http unasked", self.push(image, *words), "--tls-verify=false")
                self.refuses("pull over http unasked", self.pull(image, layout, *words), "--tls-verify=false")
            return
        self.refuses("push to an unknown authority", self.push(image), "certificate")
        self.refuses("pull from an unknown authority", self.pull(image, layout), "certificate")
        if self.mode == "mtls":
            trust = ["--cert-dir", self.w.registries.authority.trust]
            self.refuses("push without a client certificate", self.push(image, *trust), "certificate")
            self.refuses("pull without a client certificate", self.pull(image, layout, *trust), "certificate")
        if self.mode in ("basic", "token"):
            self.refuses("push by nobody", self.push(image, *options), "401", "ggbuild login " + self.host)
            self.refuses("pull by nobody", self.pull(image, layout, *options), "401", "ggbuild login " + self.host)
            self.stored_credentials(options)

    def stored_credentials(self, options):
        """Wrong passwords wherever they come from; then those that `login` has stored."""
        image, layout = "team/app:image", "oci:refused"
        for side, words in (("dest", self.push(image)), ("src", self.pull(image, layout))):
            self.refuses("a wrong password", [*words, *options, *self.w.creds(self.mode, side, "wrong")],
                         "401", "credentials of --creds", "ggbuild login " + self.host)
        wrong = os.path.join(self.w.work, "wrong.json")
        with open(wrong, "w") as f:
            json.dump({"auths": {self.host: {"auth": "dXNlcjp3cm9uZw=="}}}, f)
        os.chmod(wrong, 0o600)
        for words in (self.push(image), self.pull(image, layout)):
            self.refuses("a wrong password in a file", [*words, *options, "--authfile", wrong], "401", wrong, "ggbuild login " + self.host)
        login = ["login", self.host, "-u", USER, "--password-stdin", *options]
        status, _, err = self.w.run(*login, stdin="wrong")
        self.check(status == 7 and "401" in err, "login with a wrong password: exit status %d" % status, err)
        status, _, err = self.w.run(*login, stdin=PASSWORD)
        self.check(status == 0, "login: exit status %d" % status, err)
        status, out, err = self.w.run(*self.push("team/stored:1", *options))
        self.check((status, out) == (0, self.digest["image"]), "push after login", "%d %s %s" % (status, out, err))
        status, _, err = self.w.run("logout", self.host)
        self.check(status == 0, "logout: exit status %d" % status, err)


def make_images(work):
    """Layouts of one image and of an index, and what their digests are."""
    digest = {}
    tars = [images.layer({"file%d" % n: os.urandom(300000)}, mtime=1700000000) for n in range(3)]
    layouts = [images.Layout(*tars, compress=images.compressed, kind="+gzip", platform=("linux", arch), ref="1")
               for arch in ("amd64", "arm64")]
    image = layouts[0]
    image.write(work + "/image")
    digest["image"] = image.index["manifests"][0]["digest"]
    digest["image blobs"] = [name.rpartition("/")[2] for name in image.files if name.startswith("blobs")]
    both = images.Layout(ref="1")
    both.files = {**layouts[0].files, **layouts[1].files}
    entries = [{**{k: v for k, v in layout.index["manifests"][0].items() if k != "annotations"},
                "platform": {"os": "linux", "architecture": layout.config["architecture"]}} for layout in layouts]
    both.point_to({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": entries}, images.INDEX)
    both.write(work + "/index")
    digest["index"] = both.index["manifests"][0]["digest"]
    digest["index blobs"] = [name.rpartition("/")[2] for name in both.files if name.startswith("blobs")]
    return digest


def main(work):
    digest = make_images(work)
    with Registries(work + "/registries") as registries:
        w = World(work, registries)
        print("%-16s %s" % ("", " ".join("%-6s" % mode for mode in MODES)))
        for family in FAMILIES:
            row = []
            for mode in MODES:
                before = len(failures)
                cell = Cell(w, family, mode, digest)
                cell.transfers()
                cell.refusals()
                row.append("ok" if len(failures) == before else "FAILED")
            print("%-16s %s" % (family, " ".join("%-6s" % text for text in row)), flush=True)
        if os.path.exists(work + "/refused"):
            failures.append("something was written of what was refused")


if not shutil.which("crane"):
    print("test_registries: there is no crane, which tests/run installs")
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="gg-registries-") as directory:
    main(directory)
for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(1 if failures else 0)
