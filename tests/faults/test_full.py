#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 200
"""A whole build on disks of many sizes: recipe, lock, store, logs and output on one small file system. Where it is too
small the build ends with an error that says so and what to do, nothing is at the output's place, and with more space the
same store gives the digest that every other gives.

    test_full.py GGBUILD
"""
import os
import shutil
import subprocess
import sys
import tempfile

GGBUILD = os.path.abspath(sys.argv[1])
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REMEDIES = ("'ggbuild store gc' frees", "free some space on the file system that holds")
# The archive is 2.1 MiB, so is the unpacked tree; layers and outputs are 1 MiB each.
SIZES = [2140, 2160, 2200, 2260, *range(2300, 4500, 300), *range(4500, 9700, 260)]

RECIPE = """\
recipe: 1
name: full
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
      - { name: writes, run: "head -c 500000 /bin/busybox >/part; for i in $(seq 2000); do echo line $i; done" }
image: { from: base }
tests: [ { name: reads, run: [ls, /part] } ]
"""


class Broken(Exception):
    pass


def inside(base):
    disk = base + "/disk"
    os.mkdir(disk)
    failures, digests = {}, set()
    for size in SIZES:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % size, "none", disk])
        if mounted.returncode != 0:
            sys.exit(77)
        try:
            with open(disk + "/full.recipe", "w") as f:
                f.write(RECIPE)
            shutil.copy(base + "/rootfs.tar", disk)
        except OSError:
            subprocess.run(["umount", disk], check=True)
            continue
        words = [GGBUILD, "full.recipe", "--store", "store", "--progress", "none", "-o", "oci:out", "-o", "oci-archive:out.tar"]
        r = subprocess.run(words, cwd=disk, capture_output=True, text=True)
        where = "%d KiB: exit %d\n%s" % (size, r.returncode, r.stderr)
        if r.returncode not in (0, 1, 5) or (r.returncode != 0 and not any(x in r.stderr for x in REMEDIES)):
            raise Broken(where)
        there = [x for x in os.listdir(disk) if x.startswith("out") or x.startswith(".")]
        # The first output stands when the second finds no room.
        if r.returncode != 0 and there != ["out"] * ("output 'oci-archive:" in r.stderr):
            raise Broken("left behind: %s\n%s" % (there, where))
        if r.returncode != 0:
            first = r.stderr.split("\n")[0].split("error: ")[-1]
            failures.setdefault("".join(c for c in first if not c.isdigit())[:60], 0)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        r = subprocess.run(words, cwd=disk, capture_output=True, text=True)
        verify = subprocess.run([GGBUILD, "store", "verify", "--store", "store"], cwd=disk, capture_output=True, text=True)
        if r.returncode != 0 or verify.returncode != 0:
            raise Broken("with space again: %s%s%s\nbefore: %s" % (r.stderr, verify.stdout, verify.stderr, where))
        digests |= set(r.stdout.split())
        subprocess.run(["umount", disk], check=True)
    print("%d places: %s" % (len(failures), "; ".join(sorted(failures))))
    if len(digests) != 1:
        raise Broken("digests: %s" % digests)
    if len(failures) < 5:
        raise Broken("too few places were met")


def main():
    if os.environ.get("TEST_FULL_INSIDE") is None:
        base = tempfile.mkdtemp(prefix="ggtest-full-")
        try:
            subprocess.run([TESTS + "/tools/busybox_rootfs", base + "/rootfs.tar"], check=True)
            p = subprocess.run(["unshare", "-m", sys.executable, *sys.argv], env=dict(os.environ, TEST_FULL_INSIDE=base))
            sys.exit(p.returncode)
        finally:
            shutil.rmtree(base, ignore_errors=True)
    try:
        inside(os.environ["TEST_FULL_INSIDE"])
    except Broken as e:
        print(e)
        sys.exit(1)


main()
