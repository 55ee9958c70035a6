#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
"""Registries that misbehave (fault_registry.py) as registry_*rows.py say, each against one command. Of every row: the exit
code and the words; what is stored is right, byte for byte, or nothing is there; how often was asked; and that no secret
reached an origin that it is not meant for, nor the terminal.

    test_registry_faults.py GGBUILD [--show] [--update] [WORD]...      rows whose names hold a word

--show tells what came of each; --update writes what they said into registry_errors.txt, to be read then. There "<…>" is
anything: words of libcurl's, which are not the same in all its versions.
"""
import base64
import concurrent.futures
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "images")]
import fault_registry  # noqa: E402
import registry_rows  # noqa: E402
import registry_push_rows  # noqa: E402, F401
import registry_document_rows  # noqa: E402, F401
from fault_registry import PASSWORD, USER  # noqa: E402

GGBUILD = os.path.abspath(sys.argv[1])
DRIVER = os.path.join(os.path.dirname(GGBUILD), "registry_driver")
BASIC = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode())
PASSWORDS = [PASSWORD.encode(), BASIC, b"canary-refresh"]
TOKENS = [b"canary-token-"]
AT_ONCE = 8


def read_errors():
    """NAME = TEXT, of rows that end with an error."""
    with open(os.path.join(HERE, "registry_errors.txt"), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(" = ", 1) for line in file if not line.startswith("#"))


ERRORS = read_errors()


def fits(wanted, text):
    return re.fullmatch(re.escape(wanted).replace(re.escape("<…>"), ".+"), text) is not None


def update(runs):
    with open(os.path.join(HERE, "registry_errors.txt"), "w", encoding="utf-8") as file:
        file.write("# What the rows of registry_rows.py that end with an error say first; made by test_registry_faults.py --update.\n")
        for row in registry_rows.ROWS:
            was = ERRORS.get(row.name, "")
            said = was if row.name not in runs or fits(was, runs[row.name].first) else runs[row.name].first
            if said:
                file.write("%s = %s\n" % (row.name, said))


def digests(layout):
    """What messages and scripts call the blobs of an image."""
    names = {"manifest": layout.index["manifests"][0]["digest"], "config": layout.manifest["config"]["digest"]}
    names.update(("child%d" % i, d["digest"]) for i, d in enumerate(layout.children))
    names.update(("layer%d" % i, d["digest"]) for i, d in enumerate(layout.manifest["layers"]))
    return names


class Run:
    def __init__(self, row, scratch, certs):
        self.row, self.scratch, self.certs = row, scratch, certs
        self.layout = row.layout()
        self.names = digests(self.layout)
        self.wrong = []

    def check(self, condition, what):
        if not condition:
            self.wrong.append(what)

    def named(self, value):
        text = json.dumps(value)
        for name, known in self.names.items():
            text = text.replace("<%s>" % name, known)
        return json.loads(text)

    def fill(self, repository):
        """The registry's content, for what reads."""
        for path, data in self.layout.files.items():
            if path.startswith("blobs/"):
                repository.blobs["sha256:" + os.path.basename(path)] = data
        for descriptor in self.layout.index["manifests"] + self.layout.children:
            known = descriptor["digest"]
            repository.manifests[known] = (descriptor["mediaType"], repository.blobs[known])
        repository.tags["1"] = self.layout.index["manifests"][0]["digest"]

    def command(self, registry):
        row, place = self.row, registry.places["registry"].split("//")[1]
        options = ["--cert-dir", os.path.join(self.certs, "trust")] if row.registry.get("tls") and not row.lax else []
        if row.lax:
            options += ["--tls-verify=false"] if row.program else ["--lax"]
        if row.creds:
            options += ["--creds", row.creds]
        words = [word.replace("{place}", place) for word in self.named(row.words)]
        if not row.program:
            return [DRIVER, *options, *words]
        return [GGBUILD, *words[:1], *options, *words[1:]]

    def environment(self):
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        home = os.path.join(self.scratch, "home")
        os.mkdir(home)
        # What other programs would find there, and we may not use.
        with open(os.path.join(home, ".netrc"), "w", encoding="ascii") as file:
            for host in ("127.0.0.1", "127.0.0.2", "default"):
                file.write("%s login %s password %s\n" % ("machine " + host if host != "default" else host, USER, PASSWORD))
        keep.update(HOME=home, XDG_RUNTIME_DIR=home, TMPDIR=self.scratch, no_proxy="*", **self.row.env)
        for name, text in self.row.files.items():
            with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
        return keep

    def start(self, registry):
        row = self.row
        if row.reads:
            self.fill(registry.repository("app"))
        elif row.writes:
            self.layout.write(os.path.join(self.scratch, "in"))
        row.prepare(self, registry)
        for name, value in {**row.env, **row.files}.items():
            where = row.env if name in row.env else row.files
            where[name] = value.replace("{place}", registry.places["registry"].split("//")[1]) \
                .replace("{mirror}", registry.places["other"].split("//")[1]).replace("{home}", os.path.join(self.scratch, "home"))
        begun = time.monotonic()
        command = self.command(registry)
        if row.system_ca:
            # The test's authority is the system's for this one process.
            command = ["unshare", "-rm", "sh", "-c",
                       'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"',
                       os.path.join(self.certs, "trust", "ca.crt"), *command]
        ended = subprocess.run(command, cwd=self.scratch, env=self.environment(), capture_output=True, timeout=120,
                               stdin=subprocess.DEVNULL)
        self.seconds = time.monotonic() - begun
        self.status, self.out, self.err = ended.returncode, ended.stdout, ended.stderr

    def shown(self, registry):
        text = self.err.decode("utf-8", "replace")
        for name, place in registry.places.items():
            text = text.replace(place.split("//")[1], name.upper())
        for name, known in self.names.items():
            text = text.replace(known, "<%s>" % name)
        text = text.replace(self.scratch, "SCRATCH")
        # Hints follow, and the program shows its progress first.
        return [line.removeprefix("ggbuild: ") for line in text.splitlines() if not line.startswith(("hint: ", "  help: ", "["))]

    # ---- what must be so ----

    def check_secrets(self, registry):
        for q in registry.log:
            text = q.text()
            forbidden = {"other": PASSWORDS + TOKENS, "token": TOKENS,
                         "registry": PASSWORDS if registry.auth != "basic" else TOKENS}[q.origin]
            for secret in forbidden:
                self.check(secret not in text, "%r at '%s': %s %s" % (secret, q.origin, q.method, q.target[:80]))
            self.check(q.header("Cookie") is None, "a cookie at '%s'" % q.origin)
        for secret in PASSWORDS + TOKENS:
            self.check(secret not in self.out + self.err, "%r in the output" % secret)

    def check_layout(self):
        where = os.path.join(self.scratch, "out", "blobs", "sha256")
        there = {}
        for name in os.listdir(where) if os.path.isdir(where) else []:
            with open(os.path.join(where, name), "rb") as file:
                there["sha256:" + name] = file.read()
        for known, data in there.items():
            self.check(fault_registry.digest(data) == known, "%s in the layout holds something else" % known)
        if self.status == 0:
            self.check(set(there) == set(self.names.values()), "the layout holds %s" % sorted(there))
        left = [n for n in os.listdir(self.scratch) if n not in ("home", "in", "out")]
        self.check(not left, "left behind: %s" % left)
        self.check(self.status == 0 or not os.path.exists(os.path.join(self.scratch, "out")), "a partial output")

    def check_registry(self, registry):
        repository = registry.repository("app")
        for known, data in repository.blobs.items():
            self.check(fault_registry.digest(data) == known, "blob %s is something else" % known)
        for known, (_, data) in repository.manifests.items():
            self.check(fault_registry.digest(data) == known, "manifest %s is something else" % known)
        tag = repository.tags.get("1")
        if self.status == 0:
            self.check(tag == self.names["manifest"], "the tag is %s" % tag)
            needed = set(self.names.values())
            self.check(needed <= set(repository.blobs) | set(repository.manifests), "blobs are missing")
        elif not self.row.kept:
            self.check(tag is None, "a tag, though the push went wrong")

    def judge(self, registry):
        row = self.row
        lines = self.shown(registry)
        self.first = lines[0] if lines else ""
        self.count = sum(q.origin == "registry" for q in registry.log)
        self.tokens = sum(q.origin == "token" for q in registry.log)
        self.other = sum(q.origin == "other" for q in registry.log)
        self.check(self.status == row.exit, "exit %d" % self.status)
        if row.exit or lines:
            self.check(fits(ERRORS.get(row.name, ""), self.first), "says %r" % "\n".join(lines))
        at_least, at_most = row.requests if isinstance(row.requests, tuple) else (row.requests, row.requests)
        self.check(at_least <= self.count <= at_most, "%d requests" % self.count)
        self.check(self.tokens <= row.tokens, "%d requests of tokens" % self.tokens)
        at_least, at_most = row.other if isinstance(row.other, tuple) else (row.other, row.other)
        self.check(at_least <= self.other <= at_most, "%d requests elsewhere" % self.other)
        if row.program and row.prints and not self.status:
            self.check(self.out.decode().endswith(self.names["manifest"] + "\n"), "prints %r" % self.out)
        self.check(row.waits <= self.seconds < row.seconds, "%.1f s" % self.seconds)
        sent = max([q.sent for q in registry.log] or [0])
        self.check(sent <= row.sent, "%d bytes of one answer were taken" % sent)
        self.check_secrets(registry)
        if not row.stores:
            self.check(not os.path.exists(os.path.join(self.scratch, "out")), "something was written")
        elif row.reads:
            self.check_layout()
        else:
            self.check_registry(registry)
        row.afterwards(self, registry)


def run_row(row, certs):
    row = copy.deepcopy(row)
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        run = Run(row, scratch, certs)
        script = run.named(row.script)
        with fault_registry.FaultRegistry(script, certs=certs, **row.registry) as registry:
            run.start(registry)
            time.sleep(row.settle)
            run.judge(registry)
    return run


def main():
    words = sys.argv[2:]
    show = "--show" in words
    words = [word for word in words if not word.startswith("--")]
    rows = [row for row in registry_rows.ROWS if not words or any(word in row.name for word in words)]
    assert len({row.name for row in registry_rows.ROWS}) == len(registry_rows.ROWS), "two rows of one name"
    assert set(ERRORS) <= {row.name for row in registry_rows.ROWS}, "words of rows that are not there"
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="certs-") as certs:
        fault_registry.make_certificates(certs)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            # Those that wait begin first.
            order = sorted(rows, key=lambda row: -row.seconds)
            runs = dict(zip([row.name for row in order], pool.map(lambda row: run_row(row, certs), order)))
    for row in rows:
        run = runs[row.name]
        wrong += bool(run.wrong)
        if show and not run.wrong:
            print("   %s: exit %d, %d requests, %d tokens, %d elsewhere, %.1f s: %s" %
                  (row.name, run.status, run.count, run.tokens, run.other, run.seconds, run.first))
        for line in run.wrong:
            print("FAIL %s: %s" % (row.name, line))
    if "--update" in sys.argv:
        update(runs)
    print("%d of %d rows are as they should be" % (len(rows) - wrong, len(rows)))
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    shutil.which("openssl") or sys.exit("openssl is missing")
    sys.exit(main())
