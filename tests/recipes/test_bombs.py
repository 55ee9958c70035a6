#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recipes that are made to cost: each is an error within a second and 64 MiB, and the error is short.

    test_bombs.py GGBUILD
"""
import os
import subprocess
import sys
import tempfile
import time

GGBUILD = os.path.abspath(sys.argv[1])
SECONDS, KIB, OUTPUT = 1.0, 64 << 10, 32 << 10
MIB = 1 << 20
HEAD = "recipe: 1\nname: bomb\n"

# Made when needed: the peak of a child begins with that of its parent.
BOMBS = {
    "aliases": lambda: "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        "%s: &%s [%s]\n" % (c, c, ",".join(["*" + p] * 9)) for p, c in zip("abcdefgh", "bcdefghi")),
    "10k lists": lambda: HEAD + "x: " + "[" * 10000,
    "200k lists": lambda: HEAD + "x: " + "[" * 200000,
    "200k closed lists": lambda: HEAD + "x: " + "[" * 200000 + "]" * 200000,
    "1 MiB of maps": lambda: "{" * MIB,
    "200k named maps": lambda: HEAD + "x: " + "{a: " * 200000,
    "200k items in items": lambda: "- " * 200000,
    "200k question marks": lambda: "? " * 200000,
    "deep by indentation": lambda: "".join(" " * i + "a:\n" for i in range(1400)),
    "1 MiB of tag": lambda: "!" * MIB,
    "1 MiB of scalar": lambda: HEAD + "x: " + "y" * (MIB - 40),
    "1 MiB of quoted scalar": lambda: HEAD + 'x: "' + "\\n" * (MIB // 2 - 40) + '"\n',
    "1 MiB of block scalar": lambda: HEAD + "x: |\n" + " a\n" * (MIB // 3 - 20),
    "1 MiB of comment": lambda: "#" * MIB,
    "1 MiB of newlines": lambda: "\n" * (MIB - 1) + "a",
    "1 MiB of spaces": lambda: " " * (MIB - 1) + "a",
    "1 MiB of key": lambda: "k" * (MIB - 10) + ": 1\n",
    "100k keys": lambda: HEAD + "".join("k%d: 1\n" % i for i in range(80000)),
    "the same key": lambda: HEAD + "k: 1\n" * 100000,
    "500k items": lambda: HEAD + "x: [" + "a," * 500000 + "]\n",
    "a stage of a stage of …": lambda: HEAD + "stages:\n" + "".join(
        "  s%d: {from: s%d}\n" % (i, i + 1) for i in range(15000)) + "  s15000: {from: s0}\n",
    "an argument of arguments": lambda: HEAD + "args:\n  A0: xxxxxxxxxx\n" + "".join(
        '  A%d: "%s"\n' % (i, ("${A%d}" % (i - 1)) * 10) for i in range(1, 12)),
    "200k uses of an argument": lambda: HEAD + 'args: { A: "' + "x" * 1000 + '" }\nstages: { s: { from: scratch } }\n'
                                'image: { from: s, labels: { a: "' + "${A}" * 200000 + '" } }\n',
    "60k steps": lambda: HEAD + "stages:\n  s:\n    from: scratch\n    steps:\n" + "      - run: x\n" * 60000,
    "10k mistakes": lambda: HEAD + "stages:\n" + "".join("  S%d!: {frm: x}\n" % i for i in range(10000)),
    "documents": lambda: "---\n" * 250000,
    "directives": lambda: "%YAML 1.1\n" * 100000,
    "2 MiB": lambda: HEAD + "# comment\n" * 200000,
    "1 GiB, sparse": None,
}


def run(path):
    """Exit status, seconds, KiB, what it printed."""
    with open(path + ".out", "w+b") as out:
        start = time.monotonic()
        p = subprocess.Popen([GGBUILD, path, "--store", path + ".store"], stdout=out, stderr=out)
        _, status, usage = os.wait4(p.pid, 0)
        took = time.monotonic() - start
        out.seek(0)
        return os.waitstatus_to_exitcode(status), took, usage.ru_maxrss, out.read()


def main():
    with open(GGBUILD, "rb") as f:
        sanitized = b"__asan_init" in f.read()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="ggtest-bombs-") as base:
        for number, (name, text) in enumerate(BOMBS.items()):
            path = "%s/%d.recipe" % (base, number)
            with open(path, "w") as f:
                if text is None:
                    f.truncate(1 << 30)
                else:
                    f.write(text())
            code, took, kib, out = run(path)
            # What is measured is the program, not what else runs here: the best of three.
            for _ in range(2):
                if took > SECONDS:
                    code, took, kib, out = run(path)
            bad = code != 3 or took > SECONDS or len(out) > OUTPUT or (kib > KIB and not sanitized)
            print("%s%-26s exit %d, %4d ms, %5d KiB, prints %d bytes" % (
                "BAD: " if bad else "", name, code, took * 1000, kib, len(out)))
            failures += bad
    sys.exit(1 if failures else 0)


main()
