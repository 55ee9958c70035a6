# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: each a function of the material that gives lines."""
import json
import os
import random
import re
import shutil
import tarfile

from bench_material import LOCAL, PROGRAM, TREE, write
from bench_tools import Failed, Line, chatter, measure, median, median_ms, middle, run, wait_for_quiet


def layer_of(layout):
    """The largest blob of a layout: its one layer."""
    blobs = os.path.join(layout, "blobs/sha256")
    return max((os.path.join(blobs, name) for name in os.listdir(blobs)), key=os.path.getsize)


def pipe(text):
    """Seconds of a shell pipeline."""
    wait_for_quiet()
    return measure(["bash", "-c", "set -eo pipefail; " + text]).wall


def pack_runs(m, compression, base):
    runs = [m.pack(compression, base + i, m.path("out-" + compression)) for i in range(3)]
    return median(runs), max(r.rss for r in runs) / 1024


def row_gzip(m):
    took, rss = pack_runs(m, "gzip", 1000)
    layer = layer_of(m.path("out-gzip"))
    reference = int(run(["bash", "-c", "set -o pipefail; gzip -dc '%s' | gzip -6 | wc -c" % layer]))
    copies, peers = {}, {}
    for name, pack in (("BuildKit", lambda out: m.docker.pack(m.rootfs, out, True)),
                       ("docker", lambda out: m.docker.pack(m.rootfs, out, False)),
                       ("buildah", lambda out: m.buildah.pack(m.rootfs, out))):
        wait_for_quiet()
        copies[name], peers[name] = pack(m.path("out-" + name))
        shutil.rmtree(m.path("out-" + name))
    peers["tar+pigz"] = pipe("tar -C '%s' -cf - . | pigz -6 >'%s'" % (m.rootfs, m.path("pigz.gz")))
    size = os.path.getsize(layer)
    return [
        Line("gzip", m.rootfs_text + " to one gzip layer in a layout", "s", took.wall, m.scaled(8.5), peers,
             "%.1f s of CPU" % took.cpu),
        Line("gzip", "its size / gzip -6's", "", size / reference, 1.005, {}, "%d bytes" % size),
        Line("gzip", "the tree into the store before", "s", m.tree_store.wall, None, copies,
             "%.1f s of CPU" % m.tree_store.cpu),
        Line("gzip", "peak RSS of that pack", "MiB", rss, 64 + 32),
    ]


def row_zstd(m):
    took, rss = pack_runs(m, "zstd", 2000)
    wait_for_quiet()
    peers = {"docker": m.docker.pack(m.rootfs, m.path("out-docker"), False, zstd=True)[1]}
    shutil.rmtree(m.path("out-docker"))
    peers["tar+sha+zstd"] = pipe("tar -C '%s' -cf - . | tee >(sha256sum >/dev/null) | zstd -q -3 -T0 | "
                                 "tee >(sha256sum >/dev/null) >'%s'" % (m.rootfs, m.path("tar.zst")))
    return [Line("zstd", "the same, zstd level 3", "s", took.wall, m.scaled(5), peers, "%.1f s of CPU" % took.cpu),
            Line("zstd", "peak RSS of that pack", "MiB", rss, 64 + 32)]


def row_rss(m):
    _, rss = pack_runs(m, "none", 3000)
    return [Line("rss", "peak RSS of a pack without a compressor", "MiB", rss, 64)]


def small_context(m):
    """What the peers build when nothing changed: less than the flagship, which is in their favour."""
    directory = m.path("context")
    os.makedirs(directory, exist_ok=True)
    shutil.copy(m.true, directory + "/true")
    write(directory + "/Dockerfile", "FROM scratch\nCOPY true /bin/true\nENV A=1\nLABEL b=2\n")
    return directory


def row_noop(m):
    recipe, store, name = m.flagship
    out = "oci:" + m.path("noop")
    words = [PROGRAM, recipe, "--store", store, "--progress", "none", "--locked", "--offline", "-o", out]
    run(words)
    wait_for_quiet()
    wall, cpu = median_ms(words, work=m.work, runs=100)
    context = small_context(m)
    peers = {"BuildKit": m.docker.rebuild(context, True), "docker": m.docker.rebuild(context, False),
             "buildah": m.buildah.rebuild(context)}
    return [Line("noop", "nothing changed: " + name, "ms", wall, 10, peers, "%.1f ms of CPU" % cpu)]


def row_local(m):
    """The layer holds one file of the input, so its own work is nothing."""
    assert m.rootfs
    recipe, out = m.path("local.recipe"), m.path("out-local")
    write(recipe, LOCAL)
    # In a kept work directory too: what was there before would be found in its store.
    shutil.rmtree(m.path("local"), ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    with chatter("taking %s as a local input" % m.rootfs_text):
        first = m.measure(recipe, "-o", "oci:" + out, store="local")
    runs = []
    for i in range(5):
        write(m.rootfs + "/srv/app.conf", "%d\n" % (i + 1))
        runs.append(m.measure(recipe, "-o", "oci:" + out, store="local"))
    same = [m.measure(recipe, "-o", "oci:" + out, store="local").wall * 1e3 for _ in range(5)]
    took = median(runs)
    return [Line("local", "one changed file in a local input of that size", "ms", took.wall * 1e3, 100, {},
                 "%.0f ms of CPU" % (took.cpu * 1e3)),
            Line("local", "that input unchanged", "ms", middle(same), None),
            Line("local", "that input for the first time", "s", first.wall, None)]


def row_sandbox(m):
    run(["cmake", "--build", os.path.join(TREE, "build/release"), "--target", "bench_sandbox"])
    wait_for_quiet()
    took = json.loads(run([os.path.join(TREE, "build/release/bench_sandbox"), m.work, m.true, "200"]))
    peers = {"bwrap": took["bwrap"], "a RUN in BuildKit": m.docker.start_true(m.true, True),
             "a RUN in docker": m.docker.start_true(m.true, False), "buildah run": m.buildah.start_true(m.true)}
    return [Line("sandbox", "a sandbox's start and end with /bin/true", "ms", took["sandbox"], took["bwrap"], peers),
            Line("sandbox", "the same as a job, with its snapshot read", "ms", took["job"], took["bwrap"], peers)]


def row_edit(m):
    _, store, name = m.flagship
    times = {"label": [], "env": []}
    for i in range(9):
        for what, pattern, new in (("label", r"^  labels:\n", "  labels:\n    edit: \"%d\"\n"),
                                   ("env", r"^  workdir:", "  cmd: [\"%d\"]\n  workdir:")):
            recipe = m.variant(pattern, new % (os.getpid() * 100 + i))
            wait_for_quiet()
            took = measure([PROGRAM, recipe, "--store", store, "--progress", "none", "--locked", "--offline", "-o",
                            "oci:" + m.path("edit")])
            times[what].append(took.wall * 1e3)
    return [Line("edit", "an edited label, new layout: " + name, "ms", middle(times["label"]), 50),
            Line("edit", "an edited command, new layout", "ms", middle(times["env"]), 50)]


def row_package(m):
    """One more runtime package: resolved and fetched with the network, so the mirror's speed is in it."""
    _, store, name = m.flagship
    runs = []
    # Chosen anew each time: what an earlier run of this made is in the store.
    small = "bc ed expect file hexedit indent jq less lynx m4 mc nano patch pv rsync screen socat tcsh tmux tree vim-tiny"
    for package in random.sample(small.split(), 3):
        recipe = m.variant(r"^(  runtime:\n(?:.*\n)*?.*packages: \[[^]]*)", r"\1, " + package)
        wait_for_quiet()
        runs.append(measure([PROGRAM, recipe, "--store", store, "--progress", "none", "-o", "oci:" + m.path("more")]))
    took = median(runs)
    return [Line("package", "another runtime package, resolved and fetched: " + name, "s", took.wall, 3, {},
                 "%.1f s of CPU" % took.cpu)]


def row_debian(m):
    took = {}
    for what, stage in (("on", "scripts"), ("off", "bare")):
        runs = []
        for _ in range(3):
            assert m.builder
            m.forget_trees()
            runs.append(m.measure(m.builder, "--target", stage, "--locked", "--offline", store="archives"))
        took[what] = median(runs)
    # The other stage's packages are the same, so their trees are there.
    m.forget_trees()
    run(m.ggbuild(m.builder, "--target", "scripts", "--locked", "--offline", store="archives"))
    wait_for_quiet()
    took["decoded"] = m.measure(m.builder, "--target", "bare", "--locked", "--offline", store="archives")
    times = []
    for _ in range(3):
        wait_for_quiet()
        times.append(m.mmdebstrap(m.path("debian")).wall)
        shutil.rmtree(m.path("debian"))
    peers = {"mmdebstrap": middle(times)}
    return [Line("debian", "builder's packages from archives, " + words, "s", took[what].wall, reach, peers,
                 "%.1f s of CPU" % took[what].cpu)
            for what, words, reach in (("on", "scripts on", 12), ("off", "scripts off", 7),
                                       ("decoded", "scripts off, decoded trees in the store", 3))]


def compile_inside(m, recipe, i):
    """Seconds of the compile step alone; a comment makes it a step that never ran."""
    with open(recipe) as f:
        text = f.read()
    mark = "          cargo install"
    assert mark in text
    copy = write(recipe.replace(".recipe", "-%d.recipe" % i), text.replace(mark, "          # %d\n%s" % (i, mark)))
    shutil.copy(recipe.replace(".recipe", ".lock"), copy.replace(".recipe", ".lock"))
    wait_for_quiet()
    took = measure([PROGRAM, copy, "--store", m.path("small-store"), "--target", "builder", "--locked", "--offline",
                    "--progress", "json"])
    events = [json.loads(line) for line in took.output.splitlines() if line.startswith("{")]
    steps = [e["id"] for e in events if e["event"] == "start" and e["name"] == "builder/compile"]
    took_ns = [e["ns"] for e in events if e["event"] == "end" and e["id"] in steps]
    if len(took_ns) != 1:
        raise Failed("no time of the compile step in:\n" + took.output[-2000:])
    return took_ns[0] / 1e9


def row_compile(m):
    """Bare: the same files in a plain directory, entered by chroot, without a namespace, a filter or an overlay."""
    recipe = m.small
    with open(recipe) as f:
        text = f.read()
    env = dict(re.findall(r"^  ([A-Z]+): \"?([^\"# ]+)\"? *(?:#.*)?$", text.split("stages:")[0], re.M))
    env.update(re.findall(r"^      ([A-Z_]+): \"?([^\"\n]+?)\"?$", text.split("steps:")[0], re.M))
    env["PATH"] = "/opt/rustup/current/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    before = re.sub(r"      - name: compile\n(        .*\n|          .*\n)*", "", text)
    before = re.sub(r"^image:\n(.*\n)*", "image: { from: builder, compression: none }\n", before, flags=re.M)
    write(m.path("small/before.recipe"), before)
    shutil.copy(recipe.replace(".recipe", ".lock"), m.path("small/before.lock"))
    run([PROGRAM, m.path("small/before.recipe"), "--store", m.path("small-store"), "--locked", "--offline",
         "--progress", "none", "-o", "oci:" + m.path("small/before")])
    run(["umoci", "unpack", "--image", m.path("small/before") + ":latest", m.path("small/bare")])
    bare, inside = [], []
    root = m.path("small/bare/rootfs")
    command = 'cargo install --locked --offline --root /out --path "/crates/$CRATE-$VERSION"; rm -rf /build /out'
    # In a mount namespace of its own: whatever happens, nobody who removes the directory can meet these.
    mounts = 'mount --bind /dev "$0/dev"; mount -t proc proc "$0/proc"; '
    enter = ["unshare", "--mount", "/bin/sh", "-euc", mounts + 'exec chroot "$0" /bin/sh -euc "$1"']
    for i in range(5):
        inside.append(compile_inside(m, recipe, i))
        wait_for_quiet()
        bare.append(measure([*enter, root, command], env=env).wall)
    return [Line("compile", "compile inside / bare cargo", "", middle(inside) / middle(bare), 1.03, {},
                 "%.2f s / %.2f s" % (middle(inside), middle(bare)))]


def unpacked(layout):
    """Bytes of the files of all layers, the last one of a name counting."""
    with open(os.path.join(layout, "index.json")) as f:
        digest = json.load(f)["manifests"][0]["digest"]
    blob = lambda d: os.path.join(layout, "blobs", d.replace(":", "/"))
    with open(blob(digest)) as f:
        layers = json.load(f)["layers"]
    sizes = {}
    for layer in layers:
        with tarfile.open(blob(layer["digest"])) as tar:
            sizes.update((entry.name, entry.size) for entry in tar if entry.isreg())
    return sum(sizes.values()) / 1e6


def row_size(m):
    recipe, store, name = m.flagship
    lines = []
    # Only the flagship's runtime has Essential packages to leave out.
    less = (r"^(  runtime:\n(?:.*\n)*?)( *)scripts: false\n", r"\1\2scripts: false\n\2essential: false\n")
    for what, edit, reach in (("unpacked", None, 260), ("with essential: false", less, 205)):
        if edit and name != "ggen-agent":
            continue
        copy = m.variant(*edit) if edit else recipe
        run([PROGRAM, copy, "--store", store, "--progress", "none", "-o", "oci:" + m.path("size")])
        lines.append(Line("size", "image %s: %s" % (what, name), "MB", unpacked(m.path("size")), reach))
        shutil.rmtree(m.path("size"))
    return lines


ROWS = {"gzip": row_gzip, "zstd": row_zstd, "rss": row_rss, "noop": row_noop, "local": row_local,
        "sandbox": row_sandbox, "edit": row_edit, "package": row_package, "debian": row_debian,
        "compile": row_compile, "size": row_size}
