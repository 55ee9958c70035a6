#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults against the store: store_faults.py DRIVER kill|errors|order|full|together

kill      SIGKILL before every system call that changes something; the store opens, is clean, and the work can be redone
errors    every such call fails once with EIO, ENOSPC, …; never a crash, never a success that is none
order     what is renamed into the store was synced before, and its directory after (a stand-in for power loss)
full      a file system of every size from too small to large enough
together  eight builders and a collector on one store

Exit 77: this machine cannot do it (no strace, no mounts).
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

DRIVER = ""
CHANGES = ("openat mkdirat mkdir write pwrite64 fsync fdatasync syncfs rename renameat renameat2 unlink unlinkat fchmod "
           "fchmodat fchown utimensat linkat symlinkat ftruncate flock getdents64").split()
OPERATIONS = ("blob", "tree", "action", "batch")
# Under ptrace the leak checker of a sanitized driver cannot work.
ENV = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", ""))


class Broken(Exception):
    pass


def drive(*words, tracer=()):
    p = subprocess.run([*tracer, DRIVER, *words], env=ENV, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stderr


def must(*words):
    code, err = drive(*words)
    if code:
        raise Broken("%s: exit %d\n%s" % (" ".join(words), code, err))


def tmp_entries(store):
    path = os.path.join(store, "tmp")
    return [n for n in os.listdir(path) if not n.startswith("bad-")] if os.path.isdir(path) else []


def check(store, operation):
    """After any fault: opens, clean, nothing stale left but a bare lock file, and the operation can be done again."""
    must("verify", store)
    stale = [n for n in tmp_entries(store) if not n.endswith(".lock")]
    if stale:
        raise Broken("left in tmp: %s" % stale)
    must(operation, store)
    if operation != "gc":
        must("has-" + operation, store)
    must("verify", store)
    must("gc", store)
    if tmp_entries(store):
        raise Broken("left in tmp by a collection: %s" % tmp_entries(store))


def prepare(store, operation):
    shutil.rmtree(store, ignore_errors=True)
    if operation == "gc":
        for other in OPERATIONS:
            must(other, store)


def trace(store, operation, log, *options):
    prepare(store, operation)
    code, err = drive(operation, store, tracer=("strace", "-f", "-qq", "-o", log, *options))
    if code:
        raise Broken("%s under strace: exit %d\n%s" % (operation, code, err))
    with open(log) as f:
        return f.read().splitlines()


def points(store, operation, log):
    """(system call, number) of each change. What the loader does before main is the same every time."""
    counts = collections.Counter()
    for line in trace(store, operation, log, "-e", "trace=" + ",".join("?" + c for c in CHANGES)):
        m = re.match(r"\d+ +(\w+)\(", line)
        if m:
            counts[m.group(1)] += 1
            yield m.group(1), counts[m.group(1)], line


def inject(call, number, what):
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
            "inject=%s:%s:when=%d" % (call, what, number))


def case_kill(base):
    store, log = base + "/store", base + "/log"
    total = 0
    for operation in (*OPERATIONS, "gc"):
        for call, number, line in list(points(store, operation, log)):
            if store not in line and "O_CREAT" not in line and call == "openat":
                continue  # the loader's, or a reader's
            prepare(store, operation)
            code, err = drive(operation, store, tracer=inject(call, number, "signal=KILL"))
            if code not in (-9, 137):
                raise Broken("%s was not killed at %s %d: exit %d\n%s" % (operation, call, number, code, err))
            try:
                check(store, operation)
            except Broken as e:
                raise Broken("%s killed before %s #%d: %s\n%s" % (operation, call, number, line, e))
            total += 1
    print("%d kill points" % total)
    return total > 100


def case_errors(base):
    store, log = base + "/store", base + "/log"
    total = 0
    errors = {"write": ["ENOSPC", "EIO"], "fsync": ["EIO"], "syncfs": ["EIO", "ENOSPC"], "renameat2": ["ENOSPC", "EROFS"],
              "renameat": ["EDQUOT"], "mkdirat": ["ENOSPC", "EMFILE"], "fchmod": ["EROFS"], "openat": ["EMFILE", "ENOMEM"]}
    for operation in OPERATIONS:
        for call, number, line in list(points(store, operation, log)):
            if call == "openat" and store not in line and "O_CREAT" not in line:
                continue
            for error in errors.get(call, []):
                prepare(store, operation)
                code, err = drive(operation, store, tracer=inject(call, number, "error=" + error))
                where = "%s with %s at %s\n%s" % (operation, error, line, err)
                if code not in (0, 1) or (code == 1 and not err.startswith(("error", "warning"))):
                    raise Broken("%s: exit %d" % (where, code))
                if code == 0 and call in ("fsync", "syncfs"):
                    raise Broken("%s: taken for success" % where)
                if code == 0:
                    must("has-" + operation, store)
                try:
                    check(store, operation)
                except Broken as e:
                    raise Broken("%s\n%s" % (where, e))
                total += 1
    print("%d errors" % total)
    return total > 50


RENAME = re.compile(r'renameat2?\((?:\d+<([^>]*)>|AT_FDCWD<[^>]*>), "([^"]*)", \d+<([^>]*)>, "([^"]*)".*\) = 0')
FD_CALL = re.compile(r"(write|pwrite64|fsync|syncfs|ftruncate|fchmod)\(\d+<([^>]*)>.*\) = \d")
KEPT = ("blobs/", "trees/", "actions/", "names/")


def lint_batch(store, lines):
    """The same for a batch, where syncfs syncs all: contents before their names, names before the records."""
    dirty, renamed, seen = set(), [], 0
    for line in lines:
        line = re.sub(r"^\d+ +", "", line)
        m = FD_CALL.match(line)
        if m:
            call, path = m.groups()
            if call == "syncfs":
                dirty, renamed = set(), []
            elif call in ("write", "pwrite64", "ftruncate"):
                dirty.add(path)
            continue
        m = RENAME.match(line)
        inside = os.path.relpath(m.group(3), store) + "/" if m else ""
        if not inside.startswith(KEPT):
            continue
        if os.path.join(m.group(1), m.group(2)) in dirty:
            raise Broken("not synced before: %s" % line)
        if inside.startswith("actions/") and any("actions/" not in r for r in renamed):
            raise Broken("what it names has no synced name: %s" % line)
        renamed.append(inside)
        seen += 1
    if renamed:
        raise Broken("no syncfs after the last rename")
    return seen


def lint(store, lines):
    """Returns how many renames into the store were seen; raises Broken at the first that is out of order."""
    synced, dirty, renamed, seen = set(), set(), None, 0
    for line in lines:
        line = re.sub(r"^\d+ +", "", line)
        m = FD_CALL.match(line)
        if m:
            call, path = m.groups()
            if call in ("fsync", "syncfs"):
                synced.add(path)
                dirty.discard(path)
                if renamed and path == renamed[0] and call == "fsync":
                    renamed = None
            else:
                dirty.add(path)
                synced.discard(path)
            continue
        m = RENAME.match(line)
        if not m:
            continue
        source, target_dir = os.path.join(m.group(1), m.group(2)), m.group(3)
        inside = os.path.relpath(target_dir, store) + "/"
        if not inside.startswith(KEPT):
            continue
        if renamed:
            raise Broken("no fsync of '%s' after: %s" % renamed)
        if source not in synced or source in dirty:
            raise Broken("not synced before: %s" % line)
        if inside.startswith("trees/") and dirty:
            unsynced = [p for p in dirty if p.startswith(source + "/")]
            if unsynced:
                raise Broken("a tree with unsynced files %s: %s" % (unsynced, line))
        renamed = (target_dir, line)
        seen += 1
    if renamed:
        raise Broken("no fsync of '%s' after: %s" % renamed)
    return seen


def case_order(base):
    store, log = os.path.realpath(base) + "/store", base + "/log"
    wanted = {"blob": 1, "tree": 2, "action": 4, "batch": 9}
    for operation, count in wanted.items():
        check_order = lint_batch if operation == "batch" else lint
        lines = trace(store, operation, log, "-y", "-e",
                      "trace=write,pwrite64,fsync,syncfs,ftruncate,fchmod,renameat,renameat2")
        seen = check_order(store, lines)
        if seen != count:
            raise Broken("%s: %d renames into the store, expected %d" % (operation, seen, count))
    # Each of the three syncs is needed.
    syncs = [i for i, line in enumerate(lines) if "syncfs(" in line]
    for number in syncs:
        try:
            lint_batch(store, lines[:number] + lines[number + 1:])
        except Broken:
            continue
        raise Broken("the lint misses a missing syncfs: %s" % lines[number])
    if len(syncs) != 3:
        raise Broken("a batch has %d syncfs, expected 3" % len(syncs))
    # The lint itself can fail: take the syncs away and it must.
    lines = trace(store, "action", log, "-y", "-e", "trace=write,fsync,renameat2,fchmod")
    for number, line in enumerate(lines):
        if "fsync(" in line and KEPT[0] + "sha256/" in line:
            try:
                lint(store, lines[:number] + lines[number + 1:])
            except Broken:
                return True
    raise Broken("the lint misses a missing fsync")


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


def case_full(base):
    if os.environ.get("STORE_FAULTS_INSIDE") != "1":
        p = subprocess.run(["unshare", "-m" if os.geteuid() == 0 else "-rm", sys.executable, *sys.argv],
                           env=dict(os.environ, STORE_FAULTS_INSIDE="1"))
        if p.returncode not in (0, 1):
            sys.exit(77)
        return p.returncode == 0
    mnt = base + "/mnt"
    store = mnt + "/store"
    os.mkdir(mnt)
    failures = 0
    for operation in OPERATIONS:
        for size in (*range(4, 64, 8), *range(64, 300, 24)):
            if not mount("-t", "tmpfs", "-o", "size=%dk" % size, "none", mnt):
                sys.exit(77)
            code, err = drive(operation, store)
            failures += code == 1
            if code not in (0, 1) or (code == 1 and "No space left" not in err):
                raise Broken("%s in %d KiB: exit %d\n%s" % (operation, size, code, err))
            if code == 1 and "hint: -" in err and "store '" in err:
                raise Broken("%s in %d KiB: no hint\n%s" % (operation, size, err))
            if code == 0:
                must("has-" + operation, store)
            subprocess.run(["mount", "-o", "remount,size=16m", mnt], check=True)
            check(store, operation)
            subprocess.run(["umount", mnt], check=True)
    print("%d times full" % failures)
    return failures > 5


def case_together(base):
    store = base + "/store"
    sessions = 100
    builders = [subprocess.Popen([DRIVER, "hammer", store, str(i), str(sessions)], stderr=subprocess.PIPE, text=True)
                for i in range(8)]
    collections_done = 0
    while any(b.poll() is None for b in builders):
        must("gc", store)
        collections_done += 1
    for b in builders:
        err = b.stderr.read()
        if b.wait() != 0 or "damaged" in err:
            raise Broken("a builder: exit %d\n%s" % (b.returncode, err))
    must("verify", store)
    must("gc", store)
    if tmp_entries(store):
        raise Broken("left in tmp: %s" % tmp_entries(store))
    print("%d builders, %d sessions each, %d collections" % (len(builders), sessions, collections_done))
    return collections_done >= 2


def main():
    global DRIVER
    DRIVER = os.path.abspath(sys.argv[1])
    case = sys.argv[2]
    if case in ("kill", "errors", "order"):
        if not shutil.which("strace") or subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"]).returncode:
            print("strace cannot be used here")
            sys.exit(77)
    # What is tested is the order of calls, not the disk: in memory where that is possible.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    base = tempfile.mkdtemp(prefix="ggtest-faults-", dir=where)
    try:
        ok = globals()["case_" + case](base)
    except Broken as e:
        print(e)
        ok = False
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(0 if ok else 1)


main()
