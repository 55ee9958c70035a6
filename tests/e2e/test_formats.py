#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 240
"""Every way to compress layers and to describe them is read, from layouts and from registries of two families, where another
client has put them: each is copied with its digest, holds the same files, and is a base that an image is built on.
    test_formats.py GGBUILD
"""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "images")]
import images  # noqa: E402
from registries import FAMILIES, Registries  # noqa: E402
from tables import digest_of, fills, ours, run, same, same_files, sha256  # noqa: E402

sys.argv[1] = os.path.abspath(sys.argv[1])
DOCKER = "application/vnd.docker."
# What the image in it is, and the indexes around it from within.
INDEXES = {"index": ("uncompressed", (images.INDEX,)), "nested index": ("zstd", (images.INDEX, images.INDEX)),
           "schema 2 list": ("schema 2", (DOCKER + "distribution.manifest.list.v2+json",))}
RECIPE = """recipe: 1
name: app
stages:
  base: { from: { image: "%s" } }
image:
  from: base
  layers:
    - name: copies
      copy: [ { from: base, path: /file0, to: /copied/file0 }, { from: base, path: /file1, to: /copied/file1 } ]
"""


def content(n):
    return hashlib.sha256(b"%d" % n).digest() * 8192


def slug(name):
    return name.replace(" ", "-").replace(":", "-")


def gzip_member(data, extra=b""):
    """One member, with an extra field that eStargz' footer has."""
    member = images.compressed(data)
    if not extra:
        return member
    return member[:3] + b"\x04" + member[4:10] + struct.pack("<H", len(extra)) + extra + member[10:]


def estargz(tar):
    """A member for every piece, and a footer that says where the last of them, with the table of contents, begins."""
    pieces = [tar[i:i + 65536] for i in range(0, len(tar), 65536)]
    out = b"".join(gzip_member(piece) for piece in pieces[:-1])
    where = b"%016xSTARGZ" % len(out)
    return out + gzip_member(pieces[-1]) + gzip_member(b"", b"SG" + struct.pack("<H", len(where)) + where)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True, capture_output=True).stdout


def zstd_chunked(tar):
    """A frame for every piece, then its manifest and footer in frames that decompressors skip."""
    def skipped(data):
        return struct.pack("<II", 0x184D2A50, len(data)) + data

    frames = b"".join(zstd(tar[i:i + 65536]) for i in range(0, len(tar), 65536))
    manifest = zstd(b'{"version":1,"entries":[]}')
    footer = struct.pack("<QQQQ8s", len(frames) + 8, len(manifest), 26, 1, b"GNUlInUx")
    return frames + skipped(manifest) + skipped(footer)


def formats():
    """{what it is: a layout}, all of the same files."""
    tars = [images.layer({"file%d" % n: content(n), "stargz.index.json": b"{}"}, mtime=1700000000)
            for n in range(2)]
    made = {"uncompressed": images.Layout(*tars), "zstd": images.Layout(*tars, compress=zstd, kind="+zstd"),
            "zstd:chunked": images.Layout(*tars, compress=zstd_chunked, kind="+zstd"),
            "eStargz": images.Layout(*tars, compress=estargz, kind="+gzip")}
    old = made["schema 2"] = images.Layout(*tars, compress=images.compressed, kind="+gzip")
    old.manifest["mediaType"] = DOCKER + "distribution.manifest.v2+json"
    old.manifest["config"]["mediaType"] = DOCKER + "container.image.v1+json"
    for descriptor in old.layers:
        descriptor["mediaType"] = DOCKER + "image.rootfs.diff.tar.gzip"
    old.point_to(old.manifest, old.manifest["mediaType"])
    for name, (of, kinds) in INDEXES.items():
        nested = made[name] = images.Layout(*tars)
        nested.files.update(made[of].files)
        entry = {**made[of].index["manifests"][0], "platform": {"os": "linux", "architecture": "amd64"}}
        for kind in kinds:
            nested.point_to({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}, kind)
            entry = nested.index["manifests"][0]
    return made


def read_format(registries, name, layout, column):
    """All of it by its digest, the documents alone, and the files of the image in it."""
    directory = "formats/" + slug(name)
    digest, words = layout.index["manifests"][0]["digest"], []
    source = "oci:" + directory
    if column == "layout":
        layout.write(directory)
    else:
        place = "%s/%s:1" % (registries.served[column, "http"].host, slug(name).lower())
        source, words = "docker://" + place, ["--tls-verify=false"]
        every = []
        if name in INDEXES:
            # crane takes a layout's own index for what is to be pushed.
            every, digest = ["--index"], sha256(directory + "/index.json")
        same("crane's digest", run("crane", "push", *every, directory, place).rpartition("@")[2], digest)
    copied = "%s-%s" % (column, slug(name))
    same("the digest", ours("copy", "--all", source, "oci:" + copied, "--progress", "none", *words), digest)
    same("what inspect shows", digest_of("inspect", source, "--raw", *words), digest)
    same_files("oci:formats/uncompressed", "oci:" + copied, ("manifest",))
    return "same digest"


def build_on(registries, made, name, family):
    """Each with a store of its own: a file of every layer is what the base has, whose layers are the built image's."""
    base = "%s/%s:1" % (registries.served[family, "http"].host, slug(name).lower())
    out = "built-%s-%s" % (family, slug(name))
    recipe = out + ".recipe"
    with open(recipe, "w") as f:
        f.write(RECIPE % base)
    digest = ours("build", recipe, "--store", out + "-store", "--progress", "none", "--tls-verify=false", "-o",
                  "oci:" + out)
    with open("%s/blobs/sha256/%s" % (out, digest[7:]), encoding="utf-8") as f:
        layers = [layer["digest"] for layer in json.load(f)["layers"]]
    of = made[INDEXES[name][0]] if name in INDEXES else made[name]
    same("the layers of the base", layers[:-1], [layer["digest"] for layer in of.layers])
    for n in range(2):
        ours("extract", "oci:" + out, "/copied/file%d" % n, "-o", out + ".file")
        with open(out + ".file", "rb") as f:
            same("file%d" % n, f.read() == content(n), True)
        os.unlink(out + ".file")
    return "layers and files"


def main(work):
    os.chdir(work)
    made = formats()
    with Registries(work + "/registries", ("http",)) as registries:
        failed = fills("formats that we read", ("layout", *FAMILIES),
                       [(name, lambda column, n=name: read_format(registries, n, made[n], column)) for name in made])
        return failed + fills("formats that we build on", FAMILIES,
                              [(name, lambda family, n=name: build_on(registries, made, n, family)) for name in made])


if not shutil.which("crane"):
    print("test_formats: there is no crane, which tests/run installs")
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="gg-formats-") as directory:
    sys.exit(1 if main(directory) else 0)
