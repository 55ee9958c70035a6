#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The image of test_outputs.sh: its base, and what must be seen of it.

    kinds.py make BASE.tar BUSYBOX           writes the root file system: every kind of entry
    kinds.py tree ROOTFS [rootless]          what an engine unpacked; rootless: without owners, devices and capabilities
    kinds.py config CONFIG MANIFEST          the image's documents
    kinds.py podman INSPECTED                what `podman inspect` says
"""
import hashlib
import io
import json
import os
import stat
import struct
import sys
import tarfile

CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)  # cap_net_raw+ep
BIG = b"".join(hashlib.sha256(b"%d" % (i // 3)).digest() for i in range(100000))  # 3.2 MB: several members
LONG = "/".join(["d" * 150, "f" * 120])
STRANGE = os.fsdecode(b"\xff\xfe \n")
EPOCH = "2023-11-14T22:13:20Z"

# path, type, mode, uid, gid, and what is inside: bytes, target, (major, minor)
BASE = [
    ("bin", "d", 0o755, 0, 0, None),
    ("bin/su", "f", 0o4755, 0, 0, b"set"),
    ("bin/wall", "f", 0o2755, 0, 5, b"group"),
    ("big", "f", 0o644, 0, 0, BIG),
    ("capable", "f", 0o755, 0, 0, b"capable"),
    ("dangling", "l", 0o777, 0, 0, "/nowhere"),
    ("empty", "f", 0o000, 0, 0, b""),
    ("etc", "d", 0o755, 0, 0, None),
    ("absolute", "l", 0o777, 1000, 1000, "/bin/busybox"),
    ("distant", "l", 0o777, 0, 0, "t" * 150),
    ("d" * 150, "d", 0o755, 0, 0, None),
    (LONG, "f", 0o644, 0, 0, b"long"),
    ("moved", "f", 0o600, 65534, 60000, b"moved"),
    ("ñ ü", "f", 0o644, 0, 0, b"utf-8"),
    (STRANGE, "f", 0o644, 0, 0, b"bytes"),
    ("null", "c", 0o666, 0, 0, (1, 3)),
    ("disk", "b", 0o660, 0, 6, (8, 300)),
    ("pipe", "p", 0o640, 3, 4, None),
    ("private", "d", 0o700, 1000, 1000, None),
    ("private/file", "f", 0o600, 1000, 65534, b"private"),
    ("tmp", "d", 0o1777, 0, 0, None),
    ("tmp/sub", "d", 0o755, 0, 0, None),
]
TYPES = {"d": tarfile.DIRTYPE, "f": tarfile.REGTYPE, "l": tarfile.SYMTYPE, "c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE,
         "p": tarfile.FIFOTYPE, "h": tarfile.LNKTYPE}
# The steps and the layers above.
ABOVE = [
    ("old", "d", 0o755, 0, 0, None),
    ("old/new", "f", 0o644, 0, 0, b"new\n"),
    ("linked", "f", 0o600, 65534, 60000, b"moved"),
    ("tmp/sub", "d", 0o2750, 0, 0, None),
    ("home/app", "d", 0o750, 1000, 1000, None),
    ("home/app/greeting", "f", 0o640, 1000, 0, b"hello\n"),
    ("home/app/up", "l", 0o777, 1000, 1000, "../../tmp"),
    ("opt/copy", "f", 0o511, 7, 8, None),
]
XATTRS = {"capable": {"security.capability": CAPABILITY}}


def make(path, busybox):
    program = open(busybox, "rb").read()
    below = [("gone", "f", 0o644, 0, 0, b"gone"), ("old", "d", 0o755, 0, 0, None), ("old/one", "f", 0o644, 0, 0, b"1"),
             ("old/dir", "d", 0o755, 0, 0, None), ("old/dir/two", "f", 0o644, 0, 0, b"2"),
             ("bin/busybox", "f", 0o755, 0, 0, program), ("bin/hard", "h", 0o755, 0, 0, "bin/busybox"),
             ("etc/passwd", "f", 0o644, 0, 0, b"root:x:0:0:root:/:/bin/sh\n"), ("etc/group", "f", 0o644, 0, 0, b"root:x:0:\n")]
    links = [("bin/" + name, "l", 0o777, 0, 0, "busybox") for name in ("sh", "rm", "mkdir", "ln", "chmod", "true")]
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for name, kind, mode, uid, gid, inside in BASE + below + links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.gid = TYPES[kind], mode, uid, gid
            entry.pax_headers = {f"SCHILY.xattr.{k}": v.decode("utf-8", "surrogateescape")
                                 for k, v in XATTRS.get(name, {}).items()}
            if kind in "lh":
                entry.linkname = inside
            if kind in "cb":
                entry.devmajor, entry.devminor = inside
            content = inside if kind == "f" else b""
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


class Checker:
    def __init__(self):
        self.wrong = 0

    def same(self, what, found, wanted):
        if found != wanted:
            self.wrong += 1
            print(f"{what!r}: {found!r} instead of {wanted!r}", file=sys.stderr)


def check_entry(c, root, entry, rootless):
    name, kind, mode, uid, gid, inside = entry
    path = os.path.join(root, name)
    if rootless and kind in "cb":
        return
    try:
        st = os.lstat(path)
    except OSError as error:
        c.same(name, str(error), "there")
        return
    seen = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
            stat.S_IFIFO: "p"}[stat.S_IFMT(st.st_mode)]
    c.same(name, seen, kind)
    if kind != "l":
        c.same(name, oct(stat.S_IMODE(st.st_mode)), oct(mode))
    if not rootless:
        c.same(name, (st.st_uid, st.st_gid), (uid, gid))
        c.same(name, {k: os.getxattr(path, k, follow_symlinks=False) for k in os.listxattr(path, follow_symlinks=False)},
               XATTRS.get(name, {}))
    c.same(name, st.st_mtime, 1700000000)
    if kind == "f" and inside is not None:
        c.same(name, open(path, "rb").read() == inside, True)
    if kind == "l":
        c.same(name, os.readlink(path), inside)
    if kind in "cb":
        c.same(name, (os.major(st.st_rdev), os.minor(st.st_rdev)), inside)


def tree(root, rootless):
    c = Checker()
    changed = {entry[0] for entry in ABOVE}
    for entry in [e for e in BASE if e[0] not in changed] + ABOVE:
        check_entry(c, root, entry, rootless)
    for name in ("gone", "old/one", "old/dir", ".wh.gone", "old/.wh..wh..opq"):
        c.same(name, os.path.lexists(os.path.join(root, name)), False)
    for one, two in (("bin/busybox", "bin/hard"), ("moved", "linked")):
        c.same(two, os.stat(os.path.join(root, one)).st_ino, os.stat(os.path.join(root, two)).st_ino)
    with open(os.path.join(root, "etc/passwd"), encoding="ascii") as file:
        c.same("passwd", file.read(), "root:x:0:0:root:/:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
    return c.wrong


def config(config_path, manifest_path):
    c = Checker()
    with open(config_path, encoding="utf-8") as file:
        found = json.load(file)
    with open(manifest_path, encoding="utf-8") as file:
        manifest = json.load(file)
    layers = len(manifest["layers"])
    rootfs = found.pop("rootfs")
    c.same("layers", (len(rootfs["diff_ids"]), rootfs["type"]), (layers, "layers"))
    c.same("history", [(h["created"], h.get("empty_layer", False)) for h in found["history"]], [(EPOCH, False)] * layers)
    c.same("created_by", [h["created_by"] for h in found.pop("history")],
           ["base", "base/change", "layer user", "layer home", "layer copied"])
    c.same("architecture", found.pop("architecture"), {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine))
    c.same("config", found, {
        "author": "Somebody <somebody@example.org>", "created": EPOCH, "os": "linux",
        "config": {
            "Cmd": ["greeting"], "Entrypoint": ["/bin/busybox", "cat"],
            "Env": ["EMPTY=", "PATH=/bin", 'QUOTED=a "b" $c'],
            "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
            "Healthcheck": {"Test": ["CMD", "busybox", "true"], "Interval": 90000000000, "Timeout": 500000000,
                            "StartPeriod": 3600000000000, "StartInterval": 2000000000, "Retries": 3},
            "Labels": {"org.opencontainers.image.title": "kinds", "other": "x=y"},
            "StopSignal": "SIGUSR1", "User": "1000:1000", "Volumes": {"/data": {}, "/var/cache/app": {}},
            "WorkingDir": "/home/app",
        }})
    c.same("annotations", manifest["annotations"], {"dev.ggbuild.hermetic": "true", "org.example.note": "here"})
    return c.wrong


def podman(path):
    c = Checker()
    with open(path, encoding="utf-8") as file:
        found = json.load(file)[0]
    # podman keeps to OCI's own fields: no health check.
    c.same("config", found["Config"], {
        "User": "1000:1000", "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
        "Env": ["EMPTY=", "PATH=/bin", 'QUOTED=a "b" $c'], "Entrypoint": ["/bin/busybox", "cat"], "Cmd": ["greeting"],
        "Volumes": {"/data": {}, "/var/cache/app": {}}, "WorkingDir": "/home/app",
        "Labels": {"org.opencontainers.image.title": "kinds", "other": "x=y"}, "StopSignal": "SIGUSR1"})
    c.same("author", found["Author"], "Somebody <somebody@example.org>")
    c.same("created", found["Created"], EPOCH)
    c.same("annotations", found["Annotations"], {"dev.ggbuild.hermetic": "true", "org.example.note": "here"})
    return c.wrong


def main():
    verb, *arguments = sys.argv[1:]
    if verb == "tree":
        return tree(os.fsencode(arguments[0]).decode("utf-8", "surrogateescape"), len(arguments) > 1)
    return {"make": make, "config": config, "podman": podman}[verb](*arguments)


sys.exit(1 if main() else 0)
