#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
"""Builds that are killed, and builds that run together, on one store.

    test_builds.py GGBUILD [SEED]

kill: SIGKILL at 50 random moments of a small build; the store stays clean, the next build gives the same digest, and
after a collection nothing is left in the store's tmp. together: 8 builds of one recipe and of 8 recipes that share a
stage, with collections in a loop: all end well, with equal digests, and every action ran once.
"""
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

GGBUILD = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KILLS = 50

RECIPE = """\
recipe: 1
name: small
args: { WHO: "0" }
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
      - { name: shared, run: "mkdir -p /data/sub; for i in $(seq 100); do echo $i >/data/sub/$i; done; sleep 0.1" }
  own:
    from: base
    steps:
      - { name: who, run: "echo $WHO >/who" }
      - { fetch: it, output: /got, run: "mkdir /got; echo got >/got/file" }
image:
  from: own
  layers: [ { name: files, copy: [ { from: base, path: /data, to: /copy } ] } ]
tests: [ { name: runs, run: [cat, /who, /got/file] } ]
"""


class Broken(Exception):
    pass


def ggbuild(base, *words, store="store"):
    return subprocess.run([GGBUILD, *words, "--store", os.path.join(base, store)], cwd=base, capture_output=True, text=True)


def must(base, *words, store="store"):
    r = ggbuild(base, *words, store=store)
    if r.returncode != 0:
        raise Broken("ggbuild %s: exit %d\n%s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))
    return r.stdout.strip()


def clean(base, store="store"):
    must(base, "store", "verify", store=store)
    must(base, "store", "gc", store=store)
    left = os.listdir(os.path.join(base, store, "tmp"))
    if left:
        raise Broken("left in tmp after gc: %s" % left)


def case_kill(base):
    rng = random.Random(SEED)
    words = ["small.recipe", "-o", "oci:out", "--progress", "none", "--no-cache"]
    must(base, *words)
    start = time.monotonic()
    digest = must(base, *words)
    whole = time.monotonic() - start
    ended = 0
    for n in range(KILLS):
        if n % 5 == 0:
            shutil.rmtree(base + "/out")
        p = subprocess.Popen([GGBUILD, *words, "--store", base + "/store"], cwd=base, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * whole)
        ended += p.poll() is not None
        p.kill()
        p.wait()
        if n % 5 == 4:
            must(base, "store", "verify")
            got = must(base, "small.recipe", "-o", "oci:out", "--progress", "none")
            if got != digest:
                raise Broken("after %d kills: %s instead of %s" % (n + 1, got, digest))
            left = [x for x in os.listdir(base) if x.startswith(".")] + glob.glob(base + "/out/.*")
            if n >= KILLS // 2 and len(left) > 5:
                raise Broken("kills pile up: %s" % left)
    clean(base)
    if ended > KILLS // 2:
        raise Broken("%d of %d builds had ended before they were killed" % (ended, KILLS))
    print("%d kills in %.2f s of a build, %d after its end" % (KILLS, whole, ended))


def ran(err):
    m = re.search(r"^(\d+) actions? run, (\d+) cached", err, re.M)
    if not m:
        raise Broken("no summary: %s" % err)
    return int(m.group(1))


def run_together(base, commands):
    done = threading.Event()
    collections = []

    def collect():
        while not done.is_set():
            r = ggbuild(base, "store", "gc")
            collections.append(r.returncode)
            if r.returncode != 0:
                print("gc:", r.stderr)

    collector = threading.Thread(target=collect)
    collector.start()
    builds = [subprocess.Popen([GGBUILD, *c, "--store", base + "/store", "--progress", "plain"], cwd=base,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands]
    ends = [(*b.communicate(), b.returncode) for b in builds]
    done.set()
    collector.join()
    for out, err, code in ends:
        if code != 0:
            raise Broken("exit %d\n%s" % (code, err))
    if any(collections):
        raise Broken("a collection failed")
    must(base, "store", "verify")
    return [out.strip() for out, _, _ in ends], sum(ran(err) for _, err, _ in ends), len(collections)


def case_together(base):
    must(base, "lock", "small.recipe", store="other")
    alone = ggbuild(base, "small.recipe", "-o", "oci:alone", "--progress", "plain", store="other")
    if alone.returncode != 0:
        raise Broken(alone.stderr)
    digest, actions = alone.stdout.strip(), ran(alone.stderr)
    another = ggbuild(base, "small.recipe", "--arg", "WHO=other", "--progress", "plain", store="other")
    own = ran(another.stderr)
    digests, total, n = run_together(base, [["small.recipe", "-o", "oci:out%d" % i] for i in range(8)])
    if set(digests) != {digest}:
        raise Broken("digests differ: %s" % digests)
    if total != actions:
        raise Broken("8 builds ran %d actions, one runs %d" % (total, actions))
    print("one recipe: %d actions once, %d collections" % (total, n))
    for i in range(8):
        shutil.copy(base + "/small.recipe", "%s/r%d.recipe" % (base, i))
        shutil.copy(base + "/small.lock", "%s/r%d.lock" % (base, i))
    shutil.rmtree(base + "/store")
    digests, total, n = run_together(base, [["r%d.recipe" % i, "--arg", "WHO=%d" % i, "-o", "oci:other%d" % i]
                                            for i in range(8)])
    if digests[0] != digest or len(set(digests)) != 8:
        raise Broken("digests of 8 recipes: %s" % digests)
    if total != actions + 7 * own:
        raise Broken("8 recipes ran %d actions, one runs %d, of which %d are its own" % (total, actions, own))
    print("8 recipes: %d actions, %d collections" % (total, n))
    clean(base)


def upper_on_tmpfs():
    """Whether overlayfs takes tmpfs with user xattrs as its upper layer: since Linux 6.6."""
    return tuple(int(x) for x in re.findall(r"\d+", os.uname().release)[:2]) >= (6, 6)


def main():
    # What is tested is the order of things, not the disk: in memory where stores can be.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and upper_on_tmpfs() else None
    base = tempfile.mkdtemp(prefix="ggtest-builds-", dir=memory)
    print("seed %d" % SEED)
    ok = True
    try:
        subprocess.run([TESTS + "/tools/busybox_rootfs", base + "/rootfs.tar"], check=True)
        for case in (case_kill, case_together):
            with open(base + "/small.recipe", "w") as f:
                f.write(RECIPE)
            shutil.rmtree(base + "/store", ignore_errors=True)
            case(base)
    except Broken as e:
        print(e)
        ok = False
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(0 if ok else 1)


main()
