#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
"""Bundles that are damaged, made up, or of another recipe: each is refused by an error that names the place, before
anything runs, and leaves no output and a whole store. Disks that fill up lose nothing.

    test_bundle_damage.py GGBUILD
"""
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bundles  # noqa: E402

GGBUILD = os.path.abspath(sys.argv[1])
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIB = 1 << 20
RECIPE = """\
recipe: 1
name: app
inputs: { tree: { local: in } }
stages:
  base:
    from: { rootfs: base.tar }
  made:
    from: base
    steps:
      - { fetch: stuff, output: /opt/x, run: "mkdir -p /opt/x; echo WORD >/opt/x/one; head -c 1500000 /bin/busybox >/opt/x/two" }
      - { inputs: [tree], run: "cat /inputs/tree/file /opt/x/one >/all" }
image:
  from: base
  compression: none
  layers:
    - { name: all, copy: [ { from: tree, path: /, to: /data }, { from: made, path: /all, to: /all } ] }
tests: [ { name: reads, run: [cat, /all] } ]
"""


class Broken(Exception):
    pass


def run(*words, cwd=None):
    return subprocess.run([GGBUILD, *words], cwd=cwd, capture_output=True, text=True, errors="replace")


def make(base, name, word):
    """A bundle of the recipe with that word in it, and the digest of its image."""
    at = os.path.join(base, name)
    os.makedirs(at + "/in")
    with open(at + "/app.recipe", "w") as f:
        f.write(RECIPE.replace("WORD", word))
    with open(at + "/in/file", "w") as f:
        f.write(word * 1000)
    subprocess.run([TESTS + "/tools/busybox_rootfs", at + "/base.tar"], check=True)
    store = ["--store", base + "/store", "--fetch-network", "host"]
    image = run("app.recipe", "-o", "oci:out", *store, cwd=at)
    made = run("bundle", "app.recipe", "-o", "app.bundle", *store, cwd=at)
    if image.returncode or made.returncode:
        raise Broken(image.stderr + made.stderr)
    with open(at + "/app.bundle", "rb") as f:
        return bundles.Bundle(f.read()), image.stdout.strip()


class Checker:
    def __init__(self, base):
        self.at, self.n, self.words = base + "/there", 0, set()
        os.mkdir(self.at)

    def refuses(self, what, data, *texts, status=6, runs=False):
        self.n += 1
        with open(self.at + "/x.bundle", "wb") as f:
            f.write(data)
        start = time.monotonic()
        r = run("build", "x.bundle", "--store", "store", "-o", "oci:out", "--progress", "plain", cwd=self.at)
        where = "%s: exit %d\n%s" % (what, r.returncode, r.stderr)
        if r.returncode != status:
            raise Broken("instead of %d, %s" % (status, where))
        if not any(t in r.stderr for t in texts):
            raise Broken("it says none of %s: %s" % (texts, where))
        ran = [x for x in r.stderr.split("\n") if x.endswith(" started") and "verify the bundle" not in x]
        if ran and not runs:
            raise Broken("%s ran: %s" % (ran, where))
        if os.path.exists(self.at + "/out"):
            raise Broken("an output is there: " + where)
        if time.monotonic() - start > 20:
            raise Broken("it took %.0f s: %s" % (time.monotonic() - start, where))
        self.words.add("".join(c for c in r.stderr.split("error: ")[-1].split("\n")[0] if not c.isdigit())[-50:])


def positions(b):
    """What every byte of a bundle belongs to: (what, offset) of one byte of each."""
    title = {p["digest"].split(":")[1]: t for t, _, p in b.parts()}
    for name, head, at, size in b.members:
        label = title.get(name.split("/")[-1], name)
        yield "header of " + label, head + 10, None
        if size:
            yield "middle of " + label, at + size // 2, label
            yield "first byte of " + label, at, label
            yield "last byte of " + label, at + size - 1, label
        if size % bundles.BLOCK:
            yield "padding of " + label, at + size, None
    yield "end", b.end + 5, None
    yield "last byte", len(b.data) - 1, None


def check_damage(c, b):
    for size in sorted({1, 511, 512, 700, 1536, b.end, len(b.data) - 1, *range(0, len(b.data), MIB)}):
        if size == 0:
            continue
        # What does not even begin like a bundle is a recipe with mistakes.
        c.refuses("cut after %d bytes" % size, b.data[:size], "it ends early", "error: ", status=6 if size >= 262 else 3)
    for what, offset, label in positions(b):
        data = bytearray(b.data)
        data[offset] ^= 0x20
        words = ("'%s'" % label, "damaged") if label and "/" not in label else ("bundle 'x.bundle'",)
        status = 6
        if offset in (257, 10):
            words = ("error",)
        if label in ("oci-layout", "index.json"):
            words = ("oci-layout", "index.json", "manifest")
        c.refuses("flipped: " + what, bytes(data), *words, status=status)
    c.refuses("something behind it", b.data + bytes(512), "something follows its end")


def swapped(b, one, two):
    """The bytes of two members in each other's place."""
    names = [m[0] for m in b.members]
    i, j = (names.index("blobs/sha256/" + b.part(r)["digest"].split(":")[1]) for r in (one, two))
    pieces = [b.data[m[1]:m[2] + m[3] + -m[3] % bundles.BLOCK] for m in b.members]
    pieces[i], pieces[j] = pieces[j], pieces[i]
    return b"".join(pieces) + bytes(2 * bundles.BLOCK)


def check_swaps(c, b, other):
    c.refuses("two parts in each other's place", swapped(b, "recipe", "lock"), "is not where it has to be")
    # Another bundle's bytes under this one's name.
    mine, theirs = b.part("input"), other.part("input")
    data = bytearray(b.data)
    at = next(m[2] for m in b.members if m[0].endswith(mine["digest"].split(":")[1]))
    data[at:at + mine["size"]] = other.blob(theirs["digest"])
    c.refuses("another bundle's bytes", bytes(data), "part 'tree.tar' (input): it is damaged")
    # Consistent, and still not what the tree says.
    m, blobs = copy.deepcopy(b.manifest), {**b.texts(), **other.texts()}
    for part in m["layers"]:
        if part["digest"] == mine["digest"]:
            part["digest"] = theirs["digest"]
    c.refuses("another bundle's part", bundles.build(m, blobs), "part 'tree.tar' (input): 'file': its content is not what")
    m = copy.deepcopy(b.manifest)
    one, two = (next(p for p in m["layers"] if p["annotations"]["dev.ggbuild.role"] == r) for r in ("input", "fetch"))
    one["digest"], two["digest"], one["size"], two["size"] = two["digest"], one["digest"], two["size"], one["size"]
    c.refuses("two parts with each other's names", bundles.build(m, blobs), "it is not what its tree says")


def changed(b, role, text):
    """The bundle with another text for a part, and everything that follows from it."""
    m, blobs = copy.deepcopy(b.manifest), b.texts()
    part = next(p for p in m["layers"] if p["annotations"]["dev.ggbuild.role"] == role)
    part["digest"], part["size"] = bundles.digest(text), len(text)
    blobs[part["digest"]] = text
    return m, blobs


def check_changes(c, b, other):
    recipe, lock = (b.blob(b.part(r)["digest"]) for r in ("recipe", "lock"))
    c.refuses("another fetch", bundles.build(*changed(b, "recipe", recipe.replace(b"echo ", b"echo  "))),
              "app.recipe:10:9: error: fetch 'stuff' is not in the lock as the recipe has it", status=4)
    c.refuses("another input", bundles.build(*changed(b, "recipe", recipe.replace(b"tree: {", b"t: { local: in }, tree: {")
              .replace(b"inputs: [tree]", b"inputs: [tree, t]"))), "nor the store has: t")
    c.refuses("a recipe with a mistake", bundles.build(*changed(b, "recipe", b"recipe: 1\nnam: x\n")),
              "unknown key 'nam'", status=3)
    c.refuses("a recipe that wants a file", bundles.build(*changed(b, "recipe", recipe.replace(b"base.tar", b"../../base.tar"))),
              "outside of the recipe's directory", "leaves", "--allow", status=3)
    pin, theirs = (x.part("fetch")["annotations"]["dev.ggbuild.tree"].encode() for x in (b, other))
    c.refuses("a lock with another pin", bundles.build(*changed(b, "lock", lock.replace(pin, theirs))),
              "nor the store has: made/stuff")
    c.refuses("a damaged lock", bundles.build(*changed(b, "lock", lock[:-3])), "lock", status=4)
    c.refuses("no lock", bundles.build(*dropped(b, "lock")), "has no lock")
    c.refuses("no settings", bundles.build(*dropped(b, "settings")), "has no settings")
    c.refuses("settings that are none", bundles.build(*changed(b, "settings", b"[")), "settings")
    c.refuses("no tree", bundles.build(*dropped(b, "tree")), "its tree is no part of the bundle")
    c.refuses("no root file system", bundles.build(*dropped(b, "rootfs")), "has no root file system of 'base'")
    c.refuses("no fetch", bundles.build(*dropped(b, "fetch")), "nor the store has: made/stuff")
    m = copy.deepcopy(b.manifest)
    for part in m["layers"]:
        part["annotations"]["dev.ggbuild.platform"] = "linux/s390x"
    m["annotations"]["dev.ggbuild.platform"] = "linux/s390x"
    c.refuses("another platform", bundles.build(m, b.texts()), "is for linux/s390x", status=2)


def dropped(b, role):
    m = copy.deepcopy(b.manifest)
    m["layers"] = [p for p in m["layers"] if p["annotations"]["dev.ggbuild.role"] != role]
    return m, b.texts()


def check_entries(c, b):
    """Entries that have no place in a bundle."""
    m, blobs = b.manifest, b.texts()
    big = 1 << 40
    for what, extra in (
            ("a symlink", bundles.header("link", 0, kind=b"2", link="/etc/passwd")),
            ("a way out", bundles.member("../../out", b"x")),
            ("an absolute name", bundles.member("/out", b"x")),
            ("a hard link", bundles.header("hard", 0, kind=b"1", link="oci-layout")),
            ("a second manifest", bundles.member("index.json", b"{}")),
            ("a blob that nobody names", bundles.member("blobs/sha256/" + "0" * 64, b"x")),
            ("a pax header", bundles.member("PaxHeader", b"30 GNU.sparse.realsize=%d\n" % big, kind=b"x")),
            ("a sparse file", bundles.member("sparse", b"x", kind=b"S")),
            ("a device", bundles.header("dev", 0, kind=b"3"))):
        c.refuses(what + " at the end", bundles.build(m, blobs, extra=extra), "there is something", "is not where it has to be",
                  "something follows")
        at = b.members[2][1]
        c.refuses(what + " in the middle", b.data[:at] + extra + b.data[at:], "is not where it has to be", "an entry")
    name = b.members[-1]
    for kind, link in ((b"2", "/etc/passwd"), (b"1", "oci-layout"), (b"5", ""), (b"S", "")):
        head = bundles.header(name[0], name[3], kind=kind, link=link)
        c.refuses("a blob of type %s" % kind, b.data[:name[1]] + head + b.data[name[2]:], "is not where it has to be")


def check_foreign(c, b):
    """The same layout in another tool's order: accepted as it is, and only so."""
    first = b"".join(b.data[m[1]:m[2] + m[3] + -m[3] % bundles.BLOCK] for m in b.members[2:])
    head = b"".join(b.data[m[1]:m[2] + m[3] + -m[3] % bundles.BLOCK] for m in b.members[:2])
    end = bytes(2 * bundles.BLOCK)
    with open(c.at + "/ok.bundle", "wb") as f:
        f.write(first + head + end)
    r = run("bundle", "verify", "ok.bundle", cwd=c.at)
    if r.returncode:
        raise Broken("another order: " + r.stderr)
    blob = b.members[-1]
    for what, extra, text in (
            ("a symlink", bundles.header("link", 0, kind=b"2", link="/etc/passwd"), "has no place in a bundle"),
            ("a way out", bundles.member("../../out", b"x"), "has no place in a bundle"),
            ("a way out of blobs", bundles.member("blobs/sha256/../x", b"x"), "has no place in a bundle"),
            ("an absolute name", bundles.member("/out", b"x"), "has no place in a bundle"),
            ("a hard link", bundles.header("hard", 0, kind=b"1", link="index.json"), "has no place in a bundle"),
            ("a second index", bundles.member("index.json", b.get("index.json")), "comes twice"),
            ("a second blob", b.data[blob[1]:b.end], "comes twice"),
            ("a blob that nobody names", bundles.member("blobs/sha256/" + "0" * 64, b"x"), "has no place in a bundle"),
            ("a sparse file", bundles.member("sparse", b"x", kind=b"S"), "a sparse file"),
            ("a sparse file of pax", bundles.member("PaxHeader", b"30 GNU.sparse.realsize=%d\n" % (1 << 40), kind=b"x") +
             bundles.member("blobs/sha256/" + "0" * 64, b"x"), "malformed", ),
            ("a huge file", bundles.header("blobs/sha256/" + "0" * 64, 1 << 32), "it ends early"),
            ("a device", bundles.header("dev", 0, kind=b"3"), "has no place in a bundle")):
        c.refuses("foreign: " + what, first + extra + head + end, text, "malformed")
    c.refuses("foreign: cut", first + head[:700], "it ends early")
    c.refuses("foreign: no index", first + end, "it has no oci-layout")
    c.refuses("foreign: a part is gone", first[:blob[1] - b.members[2][1]] + head + end, "its blob is not there")
    data = bytearray(first + head + end)
    data[blob[2] - b.members[2][1] + blob[3] // 2] ^= 1
    c.refuses("foreign: flipped", bytes(data), "it is damaged")


def check_bombs(c, b):
    texts = b.texts()
    deep = b"[" * 100000 + b"]" * 100000
    c.refuses("a deep index.json", bundles.build(b.manifest, texts, index_text=deep[:60000]), "index.json")
    c.refuses("a large index.json", bundles.build(b.manifest, texts, index_text=b" " * 70000), "too large")
    c.refuses("a deep manifest", bundles.build(deep, {}), "manifest")
    c.refuses("a manifest of everything", bundles.build(b"[" + b"[]," * 5000000 + b"[]]", {}), "manifest")
    m = copy.deepcopy(b.manifest)
    m["layers"] = m["layers"] * 5000
    c.refuses("too many parts", bundles.build(bundles.compact(m), {}), "too many parts")
    for size in (1 << 62, (1 << 63) - 1, -1, 1 << 40, 0):
        m = copy.deepcopy(b.manifest)
        m["layers"][-1]["size"] = size
        c.refuses("a size of %d" % size, bundles.build(m, texts), "size", "it ends early", "is not where it has to be",
                  "not a bundle's")
    for key, value in (("digest", "sha256:../../../../etc/passwd"), ("digest", "md5:00"), ("digest", 7), ("mediaType", "x"),
                       ("annotations", {}), ("size", "1"), ("more", 1)):
        m = copy.deepcopy(b.manifest)
        m["layers"][0][key] = value
        c.refuses("%s %r" % (key, value), bundles.build(bundles.compact(m), texts), "manifest")
    for title in ("", "a\nb", "\x1b[2J", "x" * 5000):
        m = copy.deepcopy(b.manifest)
        m["layers"][0]["annotations"]["org.opencontainers.image.title"] = title
        c.refuses("title %r" % title[:9], bundles.build(bundles.compact(m), texts), "a part without a name")
    # Small parts that are large when they are decompressed, and trees that say nonsense.
    bomb = bundles.zstd_zeros(80000)
    m, blobs = changed(b, "fetch", bomb)
    part = next(p for p in m["layers"] if p["annotations"]["dev.ggbuild.role"] == "fetch")
    part["mediaType"] += "+zstd"
    c.refuses("a zstd bomb", bundles.build(m, blobs), "part 'stuff.tar' (fetch)")
    part["mediaType"] = part["mediaType"][:-len("+zstd")]
    c.refuses("a zstd bomb that says nothing", bundles.build(m, blobs), "part 'stuff.tar' (fetch)")
    for line in (b"f 644 0 0 x 4611686018427387904 " + b"0" * 64 + b"\n", b"f 644 0 0 ../x 1 " + b"0" * 64 + b"\n",
                 b"l 777 0 0 x /etc\nf 644 0 0 x/y 1 " + b"0" * 64 + b"\n", b"nonsense\n"):
        tree = b"ggbuild-tree 1\nd 755 0 0 .\n" + line
        m, blobs = changed(b, "tree", tree)
        for part in m["layers"]:
            if part["annotations"]["dev.ggbuild.role"] == "fetch":
                part["annotations"]["dev.ggbuild.tree"] = bundles.digest(tree)
        c.refuses("a tree with %r" % line[:20], bundles.build(m, blobs), "part 'stuff.tar' (fetch)")


def check_index(c, b):
    for what, text in (("two manifests", {"manifests": [1, 2]}), ("none", {"manifests": []}), ("no list", {})):
        c.refuses("an index of " + what, bundles.build(b.manifest, b.texts(), index_text=bundles.compact(text)), "index.json")
    text = bundles.index(bundles.compact(b.manifest), data="e30=")
    c.refuses("an index with more", bundles.build(b.manifest, b.texts(), index_text=text), "index.json")
    image = copy.deepcopy(b.manifest)
    image["artifactType"] = "application/vnd.oci.image.config.v1+json"
    c.refuses("an image", bundles.build(image, b.texts()), "its artifactType is another")


def check_full(base, b, image):
    """Stores and outputs on disks that are too small, and then are not."""
    disk = base + "/disk"
    os.mkdir(disk)
    with open(base + "/whole.bundle", "wb") as f:
        f.write(b.data)
    failed = 0
    for size in (200, 1000, 2300, 3000, 4500, 6000, 7500, 9000):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % size, "none", disk]).returncode:
            sys.exit(77)
        words = ["build", base + "/whole.bundle", "--store", "store", "-o", "oci:out", "--progress", "none"]
        r = run(*words, cwd=disk)
        where = "%d KiB: exit %d\n%s" % (size, r.returncode, r.stderr)
        failed += r.returncode != 0
        if r.returncode not in (0, 1, 5) or (r.returncode and "free" not in r.stderr):
            raise Broken(where)
        if r.returncode and os.path.exists(disk + "/out"):
            raise Broken("an output is there: " + where)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        r = run(*words, cwd=disk)
        verify = run("store", "verify", "--store", "store", cwd=disk)
        if r.stdout.strip() != image or verify.returncode:
            raise Broken("with space again: %s%s\nbefore: %s" % (r.stderr, verify.stdout, where))
        subprocess.run(["umount", disk], check=True)
    for size in (300, 1500, 3000):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % size, "none", disk], check=True)
        r = run("bundle", "app.recipe", "--store", base + "/store", "--offline", "-o", disk + "/app.bundle", cwd=base + "/one")
        if r.returncode != 1 or "free some space" not in r.stderr or os.listdir(disk):
            raise Broken("a bundle on %d KiB: exit %d\n%s%s" % (size, r.returncode, r.stderr, os.listdir(disk)))
        subprocess.run(["umount", disk], check=True)
    if failed < 4:
        raise Broken("too few disks were full")


def inside(base):
    b, image = make(base, "one", "first")
    other, _ = make(base, "two", "other")
    c = Checker(base)
    if bundles.build(b.manifest, b.texts()) != b.data:
        raise Broken("bundles.py does not write what ggbuild writes")
    check_damage(c, b)
    check_swaps(c, b, other)
    check_changes(c, b, other)
    check_entries(c, b)
    check_foreign(c, b)
    check_bombs(c, b)
    check_index(c, b)
    # After all that the store is whole, and what is right is built.
    if run("store", "verify", "--store", "store", cwd=c.at).returncode:
        raise Broken("the store is damaged")
    with open(c.at + "/x.bundle", "wb") as f:
        f.write(b.data)
    r = run("build", "x.bundle", "--store", "store", "-o", "oci:out", cwd=c.at)
    if r.stdout.strip() != image:
        raise Broken("the bundle itself: exit %d\n%s" % (r.returncode, r.stderr))
    check_full(base, b, image)
    print("%d bundles refused, in %d ways" % (c.n, len(c.words)))


def main():
    if os.environ.get("TEST_BUNDLE_INSIDE") is None:
        base = tempfile.mkdtemp(prefix="ggtest-bundle-")
        try:
            p = subprocess.run(["unshare", "-m", sys.executable, *sys.argv], env=dict(os.environ, TEST_BUNDLE_INSIDE=base))
            sys.exit(p.returncode)
        finally:
            shutil.rmtree(base, ignore_errors=True)
    try:
        inside(os.environ["TEST_BUNDLE_INSIDE"])
    except Broken as e:
        print(e)
        sys.exit(1)


main()
