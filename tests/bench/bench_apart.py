# SPDX-License-Identifier: Apache-2.0
"""Rows about builds without root, without a network, and again: each a function of the material that gives lines."""
import json
import os
import shutil

from bench_material import PACK, PROGRAM, SUITE, TREE, write
from bench_tools import Line, measure, median, middle, run, wait_for_quiet

AS_USER = os.path.join(TREE, "tests/tools/as_user")
USER, GROUP = 54321, 54322
MODES = ("root", "subuid", "single")
REACH = {"root": None, "subuid": 1.05, "single": 1.15}


def words_of(mode, words):
    return list(words) if mode == "root" else [AS_USER, mode, *words]


def place(m, name, mode):
    """A new directory of the work directory that belongs to who runs in this mode."""
    path = m.path("%s-%s" % (name, mode))
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.chmod(m.work, 0o755)
    if mode != "root":
        os.chown(path, USER, GROUP)
    return path


def give(path):
    run(["chown", "-R", "%d:%d" % (USER, GROUP), path])


def build(mode, recipe, store, *words):
    wait_for_quiet()
    return measure(words_of(mode, [PROGRAM, recipe, "--store", store, "--progress", "none", *words]))


def archives_of(m, mode):
    """A store with the builder's archives and nothing else, and the locked recipe, readable for all."""
    assert m.builder
    store = place(m, "archives", mode)
    m.forget_trees()
    run(["cp", "-a", m.path("archives") + "/.", store])
    if mode != "root":
        give(store)
    return store


def unpacked(m, mode):
    store, runs = archives_of(m, mode), []
    for _ in range(4):
        runs.append(build(mode, m.builder, store, "--target", "bare", "--locked", "--offline"))
        m.forget_trees(os.path.basename(store))
    # The first run hashes archives that no run had looked at.
    return median(runs[1:])


def bootstrap_without_root(m):
    out, times = place(m, "mmdebstrap", "subuid"), []
    # It is told of the pool what m.mmdebstrap is told, and unpacks as much: the essential packages and these.
    names = ",".join(p["name"] for p in m.packages)
    for i in range(3):
        wait_for_quiet()
        times.append(measure(words_of("subuid", [
            "mmdebstrap", "--quiet", "--mode=unshare", "--variant=custom", "--include=" + names, "--format=tar", SUITE,
            os.path.join(out, "%d.tar" % i), "deb [trusted=yes] copy:%s %s main" % (m.pool, SUITE)])).wall)
    shutil.rmtree(out)
    return middle(times)


def copied_without_root(m):
    """The root file system's tar into the storage of a peer, or into a directory."""
    peers, tar = {}, m.path("rootfs.tar")
    for driver in ("overlay", "vfs"):
        where = place(m, "buildah-" + driver, "subuid")
        script = ("export XDG_RUNTIME_DIR=%s/run; mkdir -m 700 $XDG_RUNTIME_DIR; "
                  "b='buildah --root %s/root --runroot %s/runroot --storage-driver %s'; "
                  "c=$($b from scratch); $b add --quiet $c %s /" % (where, where, where, driver, tar))
        wait_for_quiet()
        peers["buildah " + driver] = measure(words_of("subuid", ["sh", "-euc", script])).wall
        shutil.rmtree(where)
    where = place(m, "podman", "subuid")
    script = ("export XDG_RUNTIME_DIR=%s; podman --root %s/root --runroot %s/runroot unshare "
              "sh -euc 'mkdir %s/tree; tar -C %s/tree -xpf %s'" % (where, where, where, where, where, tar))
    wait_for_quiet()
    peers["podman unshare tar"] = measure(words_of("subuid", ["sh", "-euc", script])).wall
    shutil.rmtree(where)
    return peers


def imported(m, mode):
    assert m.tree_store
    directory = place(m, "import", mode)
    recipe = write(m.path("pack.recipe"), PACK % (1, "gzip"))
    for name in ("pack.recipe", "rootfs.tar"):
        os.link(m.path(name), os.path.join(directory, name))
    runs = []
    for i in range(3):
        runs.append(build(mode, os.path.join(directory, os.path.basename(recipe)),
                          os.path.join(directory, "store%d" % i), "--target", "tree"))
    shutil.rmtree(directory)
    return median(runs)


def compared(row, what, took, peers):
    lines = []
    for mode in MODES:
        lines.append(Line(row, "%s, as %s" % (what, mode), "s", took[mode].wall, None,
                          peers if mode != "root" else {}, "%.1f s of CPU" % took[mode].cpu))
        if REACH[mode]:
            lines.append(Line(row, "the same / root's", "", took[mode].wall / took["root"].wall, REACH[mode]))
    return lines


def row_rootless(m):
    took = {mode: unpacked(m, mode) for mode in MODES}
    return compared("rootless", "builder's packages from archives, scripts off", took,
                    {"mmdebstrap --mode=unshare (scripts on)": bootstrap_without_root(m)})


def row_rootless_tree(m):
    took = {mode: imported(m, mode) for mode in MODES}
    return compared("rootless-tree", "%s from a tar into the store" % m.rootfs_text, took, copied_without_root(m))


def row_rootless_noop(m):
    lines = []
    assert m.tree_store
    for mode in MODES:
        directory = place(m, "noop", mode)
        write(os.path.join(directory, "pack.recipe"), PACK % (1, "none"))
        os.link(m.path("rootfs.tar"), os.path.join(directory, "rootfs.tar"))
        words = [PROGRAM, os.path.join(directory, "pack.recipe"), "--store", directory + "/store", "--progress", "none",
                 "-o", "oci:" + directory + "/out"]
        if mode != "root":
            give(directory)
        run(words_of(mode, words))
        report = os.path.join(directory, "hyperfine.json")
        wait_for_quiet()
        run(words_of(mode, ["hyperfine", "-N", "--warmup", "3", "--runs", "100", "--export-json", report,
                            " ".join([*words, "--locked", "--offline"])]))
        with open(report) as f:
            took = json.load(f)["results"][0]["median"] * 1e3
        lines.append(Line("rootless-noop", "nothing changed, --offline, as " + mode, "ms", took, 10))
        shutil.rmtree(directory)
    return lines


def row_bundle(m):
    recipe, store, name = m.flagship
    out, runs, copies = m.path("inputs.bundle"), [], []
    for _ in range(3):
        wait_for_quiet()
        runs.append(measure([PROGRAM, "bundle", recipe, "--store", store, "--progress", "none", "--locked", "--offline",
                             "-o", out]).wall)
        wait_for_quiet()
        copies.append(measure(["dd", "if=" + out, "of=" + out + ".copy", "bs=1M", "conv=fsync", "status=none"]).wall)
        os.unlink(out + ".copy")
        size = os.path.getsize(out)
        os.rename(out, out + ".last")
    wait_for_quiet()
    verified = measure([PROGRAM, "bundle", "verify", out + ".last"]).wall
    os.unlink(out + ".last")
    took, copy = middle(runs), middle(copies)
    return [Line("bundle", "bundle of the inputs of %s, %.0f MB, on the disk" % (name, size / 1e6), "s", took,
                 max(copy, size / 500e6), {"dd conv=fsync": copy}, "%.0f MB/s" % (size / 1e6 / took)),
            Line("bundle", "every byte of it verified", "s", verified, None, {}, "%.0f MB/s" % (size / 1e6 / verified))]


ROWS = {"rootless": row_rootless, "rootless-tree": row_rootless_tree, "rootless-noop": row_rootless_noop,
        "bundle": row_bundle}
