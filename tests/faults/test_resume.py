#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ggbuild fetch` that is killed, refused, lied to and out of space: what came is not asked for again, what is wrong is
not believed, and the second run has nothing to do.

    test_resume.py GGBUILD
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

GGBUILD = os.path.abspath(sys.argv[1])
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZE = 600000
HALF = "bytes=%d-" % (SIZE // 2)
BODY = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(SIZE))
DIGEST = hashlib.sha256(BODY).hexdigest()

RECIPE = """\
recipe: 1
name: a
inputs:
  i: { url: %s, sha256: %s }
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
      - { run: "wc -c </i >/size", inputs: { i: /i } }
image: { from: base }
"""


class Broken(Exception):
    pass


def check(what, condition, more=""):
    if not condition:
        raise Broken("%s\n%s" % (what, more))


def get(url):
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).read().decode()


class Place:
    """A recipe with an input from the server, and a store, in a directory of its own."""

    def __init__(self, base, name, path):
        self.server, _, root = base
        self.path = path
        self.dir = root + "/" + name
        os.makedirs(self.dir, exist_ok=True)
        shutil.copy(root + "/rootfs.tar", self.dir)
        with open(self.dir + "/a.recipe", "w") as f:
            f.write(RECIPE % (self.server + path, DIGEST))
        self.partial = self.dir + "/store/partial/" + DIGEST

    def words(self, verb, *more):
        return [GGBUILD, verb, "a.recipe", "--store", "store", "--progress", "plain", *more]

    def run(self, *words):
        return subprocess.run(self.words(*words), cwd=self.dir, capture_output=True, text=True)

    def start(self):
        """A fetch that has got half of it and waits for the rest."""
        child = subprocess.Popen(self.words("fetch"), cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not os.path.exists(self.partial) or os.path.getsize(self.partial) < SIZE // 2:
            check("nothing came", time.monotonic() < end and child.poll() is None)
            time.sleep(0.02)
        return child

    def kill_half_way(self):
        child = self.start()
        child.kill()
        child.wait()
        with open(self.partial, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # its child dies with it, a moment later
        check("what came is kept", os.path.getsize(self.partial) == SIZE // 2)

    def asked(self, ranges):
        is_now = get(self.server + "/ranges" + self.path)
        check("asked was '%s', not '%s'" % (is_now, ranges), is_now == ranges)

    def has_all(self, ranges):
        """It is there by just these requests; the second fetch makes none, and the build needs none."""
        r = self.run("fetch")
        check("the second fetch", r.returncode == 0 and "\nnothing to fetch: everything" in "\n" + r.stderr, r.stderr)
        self.asked(ranges)
        r = self.run("build", "--offline", "--locked", "-o", "oci:out")
        check("a build of what was fetched", r.returncode == 0, r.stderr)


def killed(base):
    """Killed in the middle; the server then resumes, does not, or answers something else."""
    for how, ranges in ("right", "- " + HALF), ("whole", "- " + HALF), ("wrong", "- %s -" % HALF), ("other", "- %s -" % HALF):
        p = Place(base, "killed-" + how, "/hang/%s/%d" % (how, SIZE))
        p.kill_half_way()
        r = p.run("fetch")
        check("fetch again, " + how, r.returncode == 0 and "] resumed: 300.0 kB came before\n" in r.stderr, r.stderr)
        p.has_all(ranges)
        check("a partial download is left", not os.listdir(os.path.dirname(p.partial)))


def changed(base):
    """Other bytes since: resumed, found wrong, asked for once more from the beginning, and then an error."""
    p = Place(base, "changed", "/hang/changed/%d" % SIZE)
    p.kill_half_way()
    r = p.run("fetch")
    check("exit %d" % r.returncode, r.returncode == 6 and "expected sha256:" + DIGEST in r.stderr, r.stderr)
    p.asked("- %s -" % HALF)
    check("wrong bytes are kept", not os.listdir(os.path.dirname(p.partial)))


def damaged(base):
    """What lies there is something else, too much, everything, no file."""
    for name, data, how, ranges in (("garbage", b"x" * 1000, "right", "bytes=1000- -"),
                                    ("more", BODY + b"x", "right", "bytes=%d- -" % (SIZE + 1)),
                                    ("all", BODY, "right", "")):
        p = Place(base, "damaged-" + name, "/prefix/%s/%d?%s" % (how, SIZE, name))
        os.makedirs(os.path.dirname(p.partial))
        with open(p.dir + "/store/format", "w") as f:
            f.write("ggbuild-store 1\n")
        with open(p.partial, "wb") as f:
            f.write(data)
        r = p.run("fetch")
        check("%s: fetch" % name, r.returncode == 0, r.stderr)
        p.has_all(ranges)
    p = Place(base, "damaged-link", "/prefix/right/%d?link" % SIZE)
    check("a store", p.run("fetch", "--offline").returncode == 7)
    os.symlink("/etc/passwd", p.partial)
    r = p.run("fetch")
    check("a symlink is followed", r.returncode == 1 and "partial download" in r.stderr, r.stderr)


def refused(base):
    """429 with a Retry-After is waited for."""
    p = Place(base, "refused", "/after/2/%d" % SIZE)
    before = time.monotonic()
    r = p.run("fetch")
    took = time.monotonic() - before
    check("after %.1f s" % took, r.returncode == 0 and took >= 2, r.stderr)
    p.has_all("- -")


def two(base):
    """While one is at it, another gets it by itself; what the first has left is of no use then, and goes."""
    p = Place(base, "two", "/hang/right/%d?two" % SIZE)
    child = p.start()
    r = p.run("fetch")
    check("beside another", r.returncode == 0, r.stderr)
    child.kill()
    child.wait()
    p.has_all("- -")
    check("the first's is gone", os.path.exists(p.partial))
    r = subprocess.run([GGBUILD, "store", "gc", "--store", "store"], cwd=p.dir, capture_output=True, text=True)
    check("gc", r.returncode == 0 and not os.path.exists(p.partial), r.stderr)


def collected(base):
    """gc keeps what is young."""
    p = Place(base, "collected", "/hang/right/%d?gc" % SIZE)
    p.kill_half_way()
    gc = [GGBUILD, "store", "gc", "--store", "store"]
    check("gc", subprocess.run(gc, cwd=p.dir, capture_output=True).returncode == 0 and os.path.exists(p.partial))
    os.utime(p.partial, (0, 0))
    check("gc", subprocess.run(gc, cwd=p.dir, capture_output=True).returncode == 0 and not os.path.exists(p.partial))


def full(base):
    """No space half way: said so, nothing lost, and with more space it goes on where it was."""
    p = Place(base, "full", "/prefix/right/%d?full" % SIZE)
    os.mkdir(p.dir + "/store")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", p.dir + "/store"])
    if mounted.returncode != 0:
        sys.exit(77)
    try:
        r = p.run("fetch")
        check("a full disk: exit %d" % r.returncode,
              r.returncode == 1 and "No space left" in r.stderr and "store gc" in r.stderr, r.stderr)
        there = os.path.getsize(p.partial)
        check("what came is kept: %d" % there, 100000 < there < SIZE)
        with open(p.partial, "rb") as f:
            check("and is right", f.read() == BODY[:there])
        subprocess.run(["mount", "-o", "remount,size=64m", p.dir + "/store"], check=True)
        r = p.run("fetch")
        check("with space again", r.returncode == 0 and "resumed: " in r.stderr, r.stderr)
        p.has_all("- bytes=%d-" % there)
    finally:
        subprocess.run(["umount", p.dir + "/store"], check=True)


def inside(root):
    server = subprocess.Popen([sys.executable, TESTS + "/http/fake_server.py"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    base = ("http://127.0.0.1:" + server.stdout.readline().split()[0], server, root)
    os.environ["no_proxy"] = "127.0.0.1"
    try:
        for test in killed, changed, damaged, refused, two, collected, full:
            try:
                test(base)
            except Broken as e:
                print("%s: %s" % (test.__name__, e))
                sys.exit(1)
    finally:
        server.stdin.close()
        server.wait()


def main():
    root = os.environ.get("TEST_RESUME_INSIDE")
    if root is not None:
        return inside(root)
    root = tempfile.mkdtemp(prefix="ggtest-resume-")
    try:
        subprocess.run([TESTS + "/tools/busybox_rootfs", root + "/rootfs.tar"], check=True)
        sys.exit(subprocess.run(["unshare", "-m", sys.executable, *sys.argv],
                                env=dict(os.environ, TEST_RESUME_INSIDE=root)).returncode)
    finally:
        shutil.rmtree(root, ignore_errors=True)


main()
