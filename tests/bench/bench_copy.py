# SPDX-License-Identifier: Apache-2.0
"""Rows about copies from a layout on disk into archives, and about layers that become trees."""
import hashlib
import json
import os
import shutil

from bench_material import PROGRAM, write
from bench_tools import Line, measure, median, run, wait_for_quiet

OCI = "application/vnd.oci.image."


def sha256(path):
    with open(path, "rb") as f:
        return "sha256:" + hashlib.file_digest(f, "sha256").hexdigest()


def one_layer(tar, out, compress="pigz -6 -n", kind="gzip"):
    """A layout of the tar as one layer in one gzip member, or zstd frame, as other builders write them."""
    blobs = os.path.join(out, "blobs/sha256")
    os.makedirs(blobs)

    def document(value, media_type):
        data = json.dumps(value).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        write(os.path.join(blobs, digest[7:]), data.decode())
        return {"mediaType": OCI + media_type, "digest": digest, "size": len(data)}

    layer = os.path.join(out, "layer")
    run(["sh", "-c", "%s <'%s' >'%s'" % (compress, tar, layer)])
    digest = sha256(layer)
    os.rename(layer, os.path.join(blobs, digest[7:]))
    size = os.path.getsize(os.path.join(blobs, digest[7:]))
    config = document({"architecture": "amd64", "os": "linux", "config": {},
                       "rootfs": {"type": "layers", "diff_ids": [sha256(tar)]}}, "config.v1+json")
    manifest = document({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config,
                         "layers": [{"mediaType": OCI + "layer.v1.tar+" + kind, "digest": digest, "size": size}]}, "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    write(os.path.join(out, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}')
    write(os.path.join(out, "index.json"), json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return os.path.join(blobs, digest[7:])


def row_copy(m):
    """In turn: what the disk does from minute to minute is more than what is asked for."""
    assert m.tree_store
    layout, out = m.path("copy-layout"), m.path("copy-out")
    shutil.rmtree(layout, ignore_errors=True)
    blob = one_layer(m.path("rootfs.tar"), layout)
    ours = [PROGRAM, "copy", "--progress", "none", "oci:%s:1" % layout]
    skopeo = ["skopeo", "copy", "-q", "oci:%s:1" % layout]
    works = {"archive": [*ours, "oci-archive:" + out], "cp+fsync": ["dd", "if=" + blob, "of=" + out, "bs=4M", "conv=fsync", "status=none"],
             "archive skopeo": [*skopeo, "oci-archive:%s:1" % out], "docker": [*ours, "docker-archive:%s:bench/copy:1" % out],
             "docker skopeo": [*skopeo, "docker-archive:%s:bench/copy:1" % out]}
    took = {name: [] for name in works}
    for _ in range(3):
        for name, words in works.items():
            wait_for_quiet()
            took[name].append(measure(words))
            os.unlink(out)
    middle = {name: median(runs) for name, runs in took.items()}
    size = os.path.getsize(blob) / 1e6
    shutil.rmtree(layout)
    return [Line("copy", "layout to oci-archive, verified and fsynced, %.0f MB" % size, "s", middle["archive"].wall,
                 1.1 * middle["cp+fsync"].wall, {"dd conv=fsync": middle["cp+fsync"].wall, "skopeo": middle["archive skopeo"].wall},
                 "%.1f s of CPU" % middle["archive"].cpu),
            Line("copy", "layout to docker-archive, %s in one gzip layer" % m.rootfs_text, "s", middle["docker"].wall,
                 middle["docker skopeo"].wall / 4, {"skopeo": middle["docker skopeo"].wall}, "%.1f s of CPU" % middle["docker"].cpu)]


UNPACK = 'recipe: 1\nname: unpack\nstages: { base: { from: { image: "oci:%s:1" } } }\n'


def row_unpack(m):
    """A base image's layer, which the store has, becomes a stage's tree: hashed, its contents too, and synced."""
    assert m.tree_store
    lines = []
    for kind, compress, reach in (("gzip", "pigz -6 -n", 6), ("zstd", "zstd -3 -T0 -q", 4.5)):
        name = "unpack-" + kind
        layout, store, out = m.path(name), m.path(name + "-store"), m.path(name + "-out")
        for path in (layout, store, out):
            shutil.rmtree(path, ignore_errors=True)
        blob = one_layer(m.path("rootfs.tar"), layout, compress, kind)
        recipe = write(m.path(name + ".recipe"), UNPACK % name)
        ours = [recipe, "--store", store, "--progress", "none"]
        runs, peers = [], {"tar": [], "umoci": []}
        for _ in range(3):
            shutil.rmtree(store, ignore_errors=True)
            run([PROGRAM, "fetch", *ours])
            wait_for_quiet()
            runs.append(measure([PROGRAM, "build", *ours, "--offline"]))
            os.makedirs(out)
            wait_for_quiet()
            peers["tar"].append(measure(["tar", "-C", out, "-xf", blob]).wall)
            shutil.rmtree(out)
            if kind == "gzip":
                wait_for_quiet()
                peers["umoci"].append(measure(["umoci", "unpack", "--image", layout + ":1", out]).wall)
                shutil.rmtree(out)
        middle = median(runs)
        lines.append(Line("unpack", "%s in one %s layer to a stage" % (m.rootfs_text, kind), "s", middle.wall, m.scaled(reach),
                          {peer: sorted(walls)[len(walls) // 2] for peer, walls in peers.items() if walls},
                          "%.1f s of CPU" % middle.cpu))
        for path in (layout, store):
            shutil.rmtree(path, ignore_errors=True)
    return lines


ROWS = {"copy": row_copy, "unpack": row_unpack}
