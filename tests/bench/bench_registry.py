# SPDX-License-Identifier: Apache-2.0
"""Rows about registries: pushes to Debian's docker-registry, whose storage is on the same disk, and pulls out of it."""
import glob
import json
import os
import shutil
import sys

from bench_material import PROGRAM, TREE, write
from bench_tools import Line, measure, median, median_ms, middle, run, wait_for_quiet

sys.path.insert(0, os.path.join(TREE, "tests/e2e"))
from docker_registry import Registry  # noqa: E402

PARTS = 10
HEAD = """recipe: 1
name: bench-push
epoch: %d
stages:
  tree: { from: { rootfs: rootfs.tar } }
image:
  layers:
"""


def size_of(path):
    if os.path.islink(path) or not os.path.isdir(path):
        return os.lstat(path).st_size
    return sum(size_of(os.path.join(path, name)) for name in os.listdir(path))


def parts(root):
    """Paths of the root file system in ten lists of about the same size."""
    pieces = [(size_of(os.path.join(root, name)), "/" + name) for name in os.listdir(root)]
    least = sum(size for size, _ in pieces) / PARTS / 8
    while True:
        size, path = max(pieces)
        if size < least or os.path.islink(root + path) or not os.path.isdir(root + path):
            break
        pieces.remove((size, path))
        pieces += [(size_of(root + path + "/" + name), path + "/" + name) for name in os.listdir(root + path)]
    lists = [[0, []] for _ in range(PARTS)]
    for size, path in sorted(pieces, reverse=True):
        smallest = min(lists)
        smallest[0] += size
        smallest[1].append(path)
    return [sorted(paths) for _, paths in lists]


def recipe_of(m, epoch):
    """The root file system in ten layers that were never packed before."""
    assert m.tree_store
    text = HEAD % epoch
    for i, paths in enumerate(parts(m.rootfs)):
        text += "    - name: part%d\n      copy:\n" % i
        text += "".join('        - { from: tree, path: "%s", to: "%s" }\n' % (p, p) for p in paths)
    return write(m.path("push.recipe"), text)


def use(m, registry):
    os.environ["CONTAINERS_REGISTRIES_CONF"] = write(
        m.path("registries.conf"), '[[registry]]\nlocation = "%s"\ninsecure = true\n' % registry.host)


def curl_puts(registry, blobs):
    """The same bytes by the least that the protocol allows, one after the other."""
    script = ('set -e; for f in "$@"; do l=$(curl -sfD- -o/dev/null -X POST "$0/v2/raw/blobs/uploads/" | '
              "sed -n 's/^Location: //ip' | tr -d '\\r'); curl -sf -o/dev/null -T \"$f\" "
              '-H "Content-Type: application/octet-stream" "$l&digest=sha256:${f##*/}"; done')
    return measure(["bash", "-c", script, "http://" + registry.host, *blobs]).wall


def pushes(m, registry, layout):
    to = registry.host + "/bench:1"
    blobs = [b for b in glob.glob(layout + "/blobs/sha256/*") if os.path.getsize(b) > 1 << 20]
    ways = {
        "ggbuild": lambda: measure([PROGRAM, "copy", "--progress", "none", "oci:" + layout, "docker://" + to]),
        "curl PUT": lambda: curl_puts(registry, blobs),
        "skopeo": lambda: measure(["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:" + layout, "docker://" + to]).wall,
    }
    if shutil.which("crane"):
        ways["crane"] = lambda: measure(["crane", "push", "--insecure", layout, to]).wall
    took = {}
    for _ in range(5):
        for name, way in ways.items():
            registry.empty()
            wait_for_quiet()
            took.setdefault(name, []).append(way())
    ours = took.pop("ggbuild")
    return median(ours), {name: middle(times) for name, times in took.items()}, sum(map(os.path.getsize, blobs))


def layouts(m, epoch):
    """The root file system as one layer and as ten."""
    one, ten = m.path("push-one"), m.path("push-ten")
    m.pack("gzip", epoch, one)
    shutil.rmtree(ten, ignore_errors=True)
    run(m.ggbuild(recipe_of(m, epoch + 1), "-o", "oci:" + ten, store="pack"))
    return one, ten


def row_push(m):
    one, ten = layouts(m, 7000)
    lines = []
    with Registry(m.path("registry"), log=False) as registry:
        use(m, registry)
        for layout, what in ((one, "one layer"), (ten, "ten layers")):
            took, peers, size = pushes(m, registry, layout)
            lines.append(Line("push", "push of %.0f MB in %s to an empty registry" % (size / 1e6, what), "s", took.wall,
                              1.05 * peers["curl PUT"], peers, "%.1f s of CPU" % took.cpu))
        to = "docker://%s/bench:1" % registry.host
        words = [PROGRAM, "copy", "--progress", "none", "oci:" + ten, to]
        run(words)
        wait_for_quiet()
        wall, cpu = median_ms(words, work=m.work, runs=50)
        peers = {"skopeo": median_ms(["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:" + ten, to], work=m.work)[0]}
        if shutil.which("crane"):
            peers["crane"] = median_ms(["crane", "push", "--insecure", ten, registry.host + "/bench:1"], work=m.work)[0]
        lines.append(Line("push", "push when everything is there", "ms", wall, 10, peers, "%.1f ms of CPU" % cpu))
    for path in (one, ten, m.path("registry")):
        shutil.rmtree(path)
    return lines


def pulls(m, registry, blobs):
    """Into a layout, until it is on the disk. What curl writes is hashed on its way, and no layout."""
    at, out = registry.host + "/bench:1", m.path("pulled")
    curl = ('set -e; mkdir "$1"; shift; for d in "$@"; do curl -sf "$0/v2/bench/blobs/sha256:$d" | tee "%s/$d" | '
            'sha256sum; done; sync -f "%s"' % (out, out))
    synced = ["bash", "-c", '"$@" && sync -f "$0"', out]
    ways = {
        "ggbuild": [PROGRAM, "copy", "--progress", "none", "docker://" + at, "oci:" + out],
        "curl + sha256sum": ["bash", "-c", curl, "http://" + registry.host, out, *blobs],
        "skopeo": [*synced, "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + at, "oci:" + out],
    }
    if shutil.which("crane"):
        ways["crane"] = [*synced, "crane", "pull", "--insecure", "--format=oci", at, out]
    took = {name: [] for name in ways}
    for _ in range(5):
        for name, words in ways.items():
            shutil.rmtree(out, ignore_errors=True)
            wait_for_quiet()
            took[name].append(measure(words))
    shutil.rmtree(out)
    ours = took.pop("ggbuild")
    return median(ours), {name: median(runs).wall for name, runs in took.items()}


def row_pull(m):
    lines = []
    with Registry(m.path("registry"), log=False) as registry:
        use(m, registry)
        for layout, what in zip(layouts(m, 7200), ("one layer", "ten layers")):
            run([PROGRAM, "copy", "--progress", "none", "oci:" + layout, "docker://%s/bench:1" % registry.host])
            blobs = os.listdir(layout + "/blobs/sha256")
            size = sum(os.path.getsize("%s/blobs/sha256/%s" % (layout, b)) for b in blobs)
            # The manifest is no blob there.
            with open(layout + "/index.json") as f:
                blobs.remove(json.load(f)["manifests"][0]["digest"].split(":")[1])
            shutil.rmtree(layout)
            took, peers = pulls(m, registry, blobs)
            lines.append(Line("pull", "pull of %.0f MB in %s, verified and on the disk" % (size / 1e6, what), "s", took.wall,
                              min(peers.values()), peers, "%.1f s of CPU" % took.cpu))
    shutil.rmtree(m.path("registry"))
    return lines


def row_push_build(m):
    """The three are measured in turn, for what the disk does from minute to minute is more than what is asked for."""
    took = {"build": [], "push": [], "both": []}
    with Registry(m.path("registry"), log=False) as registry:
        use(m, registry)
        to = ["-o", "docker://%s/bench:1" % registry.host]
        for i in range(3):
            for what, epoch, output in (("build", 7100 + 2 * i, []), ("push", 7100 + 2 * i, to), ("both", 7101 + 2 * i, to)):
                registry.empty()
                recipe = recipe_of(m, epoch)
                wait_for_quiet()
                took[what].append(m.measure(recipe, *output, store="pack"))
    shutil.rmtree(m.path("registry"))
    build, push, both = (median(took[what]) for what in ("build", "push", "both"))
    return [Line("push-build", "ten layers built, pushed while they are", "s", both.wall, build.wall + 0.1 * push.wall,
                 {"one after the other": build.wall + push.wall},
                 "build %.2f s, push %.2f s; %.1f s of CPU" % (build.wall, push.wall, both.cpu))]


ROWS = {"push": row_push, "pull": row_pull, "push-build": row_push_build}
