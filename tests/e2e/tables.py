# SPDX-License-Identifier: Apache-2.0
"""What tests of many clients and registries share: running ours and others, and tables of what was seen."""
import hashlib
import json
import os
import subprocess
import sys

OURS = {"GGBUILD_TEST_RETRY_MS": "1", "CONTAINERS_REGISTRIES_CONF": "/dev/null"}


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
    return run(sys.argv[1], *words, ok=ok, env=OURS)


def digest_of(*words):
    """Of what ours prints."""
    done = subprocess.run([sys.argv[1], *words], env={**os.environ, **OURS}, capture_output=True, timeout=120)
    if done.returncode:
        raise Wrong("ggbuild %s: %s" % (" ".join(words), done.stderr.decode()))
    return "sha256:" + hashlib.sha256(done.stdout).hexdigest()


def same_files(one, two, allowed):
    """But for kinds of differences that are allowed."""
    done = ours("diff", one, two, "--ignore", "compression", "--json", ok=False)
    if done.returncode not in (0, 1):
        raise Wrong("ggbuild diff %s %s: %s" % (one, two, done.stderr))
    others = [d for d in json.loads(done.stdout)["differences"] if d["kind"] not in allowed]
    if others:
        raise Wrong("%s differs from %s: %s" % (two, one, others))


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
