#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Images that are made to cost: what they unfold to is cut off, in memory and in time.
#   test_compare_bombs.py GGBUILD
import gzip
import hashlib
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "images"))
import images  # noqa: E402

ggbuild = os.path.abspath(sys.argv[1])
work = tempfile.mkdtemp(prefix="gg-bombs-")
os.chdir(work)
MEMORY = 3 << 20  # KiB of all that a comparison may keep, its two sides together
SECONDS = 50
failed = 0


def expect(name, status, words):
    global failed
    before = time.monotonic()
    run = subprocess.run([ggbuild, "diff", name + "-a", name + "-b"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    seconds = time.monotonic() - before
    kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{name}: exit {run.returncode}, {seconds:.1f} s, {kib >> 10} MiB: {run.stdout.decode()[:300]}")
    if run.returncode != status or words not in run.stdout.decode() or seconds > SECONDS or kib > MEMORY:
        failed += 1


def overlapping_zip(n, last):
    """n members whose content is the same compressed bytes."""
    content = b"\0" * (8 << 20) + last
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflate.compress(content) + deflate.flush()
    sizes = struct.pack("<III", zlib.crc32(content), len(data), len(content))
    local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 1, 0) + b"x" + data
    entry = b"PK\1\2" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"x"
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, n * len(entry), len(local), 0)
    return local + entry * n + end


for side in "ab":
    images.Layout(images.layer({"bomb.zip": overlapping_zip(50000, side.encode())})).write("zip-" + side)
expect("zip", 1, "zip member x")


class Repeated(images.Layout):
    """A layer that is one member of gzip, n times, and then an end."""

    def __init__(self, piece, n, side):
        end = images.layer({side: b""})
        tar = hashlib.sha256()
        for _ in range(n):
            tar.update(piece)
        tar.update(end)
        super().__init__(end, compress=lambda _: gzip.compress(piece, 9) * n + gzip.compress(end), kind="+gzip")
        self.config["rootfs"]["diff_ids"] = ["sha256:" + tar.hexdigest()]
        self.reseal()


def attributes(info):
    info.pax_headers = {f"SCHILY.xattr.user.{i}": "x" * 60000 for i in range(16)}
    return b""


one = images.layer({"f": attributes})
piece = one[:len(one) - len(one) % 10240]
while piece.endswith(b"\0" * 512):
    piece = piece[:-512]
piece += b"\0" * (-len(piece) % 512)
for side in "ab":
    Repeated(piece, 700, side).write("names-" + side)
expect("names", 6, "more than 512 MiB of names and attributes")
shutil.rmtree(work)
sys.exit(failed != 0)
