# SPDX-License-Identifier: Apache-2.0
"""Rows about images on their way into an engine."""
import os
import shutil

from bench_material import PROGRAM, write
from bench_tools import Line, measure, median, run, wait_for_quiet

LOAD = """recipe: 1
name: bench-load
epoch: 1
stages:
  tree: { from: { rootfs: rootfs.tar } }
image:
  from: tree
  layers:
    - name: small
      make: [ { file: /note, content: "%d\\n" } ]
"""


def changed(m, i):
    """A layout of the root file system as one gzip layer, and a small layer upon it."""
    out = m.path("load-%d" % i)
    shutil.rmtree(out, ignore_errors=True)
    run(m.ggbuild(write(m.path("load.recipe"), LOAD % i), "-o", "oci:%s:%d" % (out, i), store="pack"))
    return "oci:%s:%d" % (out, i)


def timed(words, **env):
    wait_for_quiet()
    return measure(words, env={**os.environ, **env})


def row_load(m):
    assert m.tree_store
    engine = {"DOCKER_HOST": m.docker.socket}
    copy = [PROGRAM, "copy", "--progress", "none"]
    base = changed(m, 0)
    archive = m.path("load.tar")
    run([*copy, base, "docker-archive:%s:bench/load:0" % archive])
    whole = timed([*copy, base, "docker-daemon:bench/load:0"], **engine)
    run([*m.docker.command, "rmi", "bench/load:0"])
    load = timed([*m.docker.command, "load", "-q", "-i", archive])
    os.unlink(archive)
    ours, skopeo = [], []
    for i in range(1, 4):
        image = changed(m, i)
        ours.append(timed([*copy, image, "docker-daemon:bench/load:%d" % i], **engine))
        if i == 3:
            skopeo.append(timed(["skopeo", "copy", "-q", "--dest-daemon-host", m.docker.socket, image,
                                 "docker-daemon:bench/load:skopeo"]))
        shutil.rmtree(m.path("load-%d" % i))
    run([*m.docker.command, "rmi", "-f", "bench/load:0", "bench/load:skopeo", *("bench/load:%d" % i for i in range(1, 4))])
    shutil.rmtree(m.path("load-0"))
    took = median(ours)
    return [Line("load", "into Docker after a small layer changed", "s", took.wall, load.wall / 5,
                 {"docker load": load.wall, "skopeo": skopeo[0].wall}, "of " + m.rootfs_text),
            Line("load", "into Docker for the first time", "s", whole.wall, None, {"docker load": load.wall},
                 "%.1f s of CPU" % whole.cpu)]


ROWS = {"load": row_load}
