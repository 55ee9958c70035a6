#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three readers of one tar archive: Python's, GNU tar, bsdtar.

    read_tar.py ARCHIVE LISTING all|names

LISTING is what test_tar.c wrote down: TYPE MODE UID GID SIZE MTIME MAJOR MINOR =PATH =LINK [=XATTR =VALUE]…, one line a
member, the last ones in hex. "names" compares only size and path, for archives whose content is too much to read.
"""
import calendar
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time

ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
TYPES = {tarfile.REGTYPE: "f", tarfile.LNKTYPE: "h", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b",
         tarfile.DIRTYPE: "d", tarfile.FIFOTYPE: "p"}
XATTR = "SCHILY.xattr."


def expected(path):
    def text(word):
        return bytes.fromhex(word[1:])
    for line in open(path, encoding="ascii"):
        words = line.split()
        kind, mode, numbers, texts = words[0], int(words[1], 8), list(map(int, words[2:8])), list(map(text, words[8:]))
        yield (kind, mode, *numbers, texts[0], texts[1], dict(zip(texts[2::2], texts[3::2])))


def by_python(path):
    with tarfile.open(path, encoding="utf-8", errors="surrogateescape") as archive:
        for m in archive:
            xattrs = {os.fsencode(k[len(XATTR):]): v.encode("utf-8", "surrogateescape")
                      for k, v in m.pax_headers.items() if k.startswith(XATTR)}
            device = m.type in (tarfile.CHRTYPE, tarfile.BLKTYPE)
            yield (TYPES[m.type], m.mode, m.uid, m.gid, m.size, int(m.mtime), m.devmajor if device else 0,
                   m.devminor if device else 0, os.fsencode(m.name), os.fsencode(m.linkname), xattrs)


def by_bsdtar(path):
    """libarchive reads it and writes what it saw as an archive of its own."""
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["bsdtar", "-cf", copy.name, "--format=pax", "@" + path], env=ENVIRONMENT, check=True)
        yield from by_python(copy.name)


def mode_of(letters):
    mode = 0
    for bit, letter in zip(range(8, -1, -1), letters):
        mode |= (1 << bit) if letter in "rwxst" else 0
    for place, letter, bit in ((2, "s", 0o4000), (5, "s", 0o2000), (8, "t", 0o1000)):
        mode |= bit if letters[place].lower() == letter else 0
    return mode


def unescape(text):
    return re.sub(rb"\\([0-7]{3}|.)", lambda m: {b"n": b"\n", b"t": b"\t"}.get(m[1]) or
                  (bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1]), text)


def by_gnu_tar(path):
    out = subprocess.run(["tar", "--numeric-owner", "--full-time", "--quoting-style=escape", "-tvf", path],
                         env=ENVIRONMENT, check=True, stdout=subprocess.PIPE).stdout
    for line in out.splitlines():
        m = re.match(rb"(.)(.{9}) (\d+)/(\d+) +(\S+) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (.*)$", line)
        kind, device = chr(m[1][0]), b"," in m[5]
        kind = {"-": "f"}.get(kind, kind)
        name, _, link = m[7].partition({"h": b" link to ", "l": b" -> "}.get(kind, b"\0"))
        major, minor = map(int, m[5].split(b",")) if device else (0, 0)
        when = calendar.timegm(time.strptime(m[6].decode(), "%Y-%m-%d %H:%M:%S"))
        yield (kind, mode_of(m[2].decode()), int(m[3]), int(m[4]), 0 if device else int(m[5]), when, major, minor,
               unescape(name.rstrip(b"/")), unescape(link), None)


def names(reader):
    if reader is by_bsdtar:
        out = subprocess.run(["bsdtar", "--numeric-owner", "-tvf", sys.argv[1]], env=ENVIRONMENT, check=True,
                             stdout=subprocess.PIPE).stdout
        return [(int(line.split()[4]), line.split()[-1]) for line in out.splitlines()]
    return [(m[4], m[8]) for m in reader(sys.argv[1])]


def main():
    want = list(expected(sys.argv[2]))
    wrong = 0
    for reader in by_python, by_gnu_tar, by_bsdtar:
        if sys.argv[3] == "names":
            found, wanted = names(reader), [(m[4], m[8]) for m in want]
        else:
            found = list(reader(sys.argv[1]))
            wanted = [(*m[:10], m[10] if reader is not by_gnu_tar else None) for m in want]
        for f, w in zip(found, wanted):
            if f != w:
                wrong += 1
                print(f"{reader.__name__}:\n  sees  {f}\n  wants {w}", file=sys.stderr)
        if len(found) != len(wanted):
            wrong += 1
            print(f"{reader.__name__}: {len(found)} members instead of {len(wanted)}", file=sys.stderr)
    sys.exit(1 if wrong or not want else 0)


main()
