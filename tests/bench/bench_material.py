# SPDX-License-Identifier: Apache-2.0
"""What the rows work on, made when a row first asks for it: archives, a root file system, recipes, stores, peers."""
import functools
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile

from bench_peers import Buildah, Docker
from bench_tools import Failed, chatter, measure, run, wait_for_quiet

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(TREE, "build/release/ggbuild")
PACKAGES = ["build-essential", "clang", "git", "curl", "cmake"]
SUITE = "trixie"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

BUILDER = """recipe: 1
name: bench-builder
stages:
  scripts: { from: { debian: %s, packages: [%s] } }
  bare: { from: { debian: %s, packages: [%s], scripts: false } }
""" % (SUITE, ", ".join(PACKAGES), SUITE, ", ".join(PACKAGES))

PACK = """recipe: 1
name: bench-pack
epoch: %d
stages:
  tree: { from: { rootfs: rootfs.tar } }
image:
  from: tree
  compression: %s
"""

LOCAL = """recipe: 1
name: bench-local
inputs:
  tree: { local: rootfs }
image:
  from: scratch
  layers:
    - name: file
      copy: [ { from: tree, path: /srv/app.conf, to: /srv/app.conf } ]
"""


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


class Material:
    def __init__(self, work, flagship):
        self.work, self.build_flagship = work, flagship
        self.closers = []

    def path(self, *names):
        return os.path.join(self.work, *names)

    def ggbuild(self, recipe, *words, store):
        return [PROGRAM, recipe, "--store", self.path(store), "--progress", "none", *words]

    def measure(self, recipe, *words, store):
        wait_for_quiet()
        return measure(self.ggbuild(recipe, *words, store=store))

    def close(self):
        for close in reversed(self.closers):
            close()

    # ---- peers ----
    @functools.cached_property
    def docker(self):
        peer = Docker(self.work)
        self.closers.append(peer.close)
        return peer

    @functools.cached_property
    def buildah(self):
        peer = Buildah(self.work)
        self.closers.append(peer.close)
        return peer

    @functools.cached_property
    def true(self):
        """A static program that ends at once."""
        write(self.path("true.c"), "int main(void) { return 0; }\n")
        run(["cc", "-O2", "-static", "-o", self.path("true"), self.path("true.c")])
        return self.path("true")

    # ---- the distribution's packages ----
    @functools.cached_property
    def builder(self):
        """The recipe of the builder's packages, locked, its archives in the store "archives" and nothing else."""
        recipe = write(self.path("builder.recipe"), BUILDER)
        with chatter("fetching the archives of " + " ".join(PACKAGES)):
            run(self.ggbuild(recipe, "--target", "bare", store="archives"))
        self.forget_trees()
        return recipe

    @functools.cached_property
    def packages(self):
        with open(self.path("builder.lock")) as f:
            inputs, = json.load(f)["platforms"].values()
        distro, = inputs["debian"].values()
        return distro["packages"]

    def forget_trees(self, name="archives"):
        """Leaves of a store what a fetch of the archives alone would have left. Nothing is deleted but moved away: ext4
        makes files slowly for a while after many were deleted."""
        store, keep = self.path(name), {p["sha256"] for p in self.packages}
        away = tempfile.mkdtemp(dir=self.work, prefix="away-")
        # Records and markers before what they speak of, so that an interruption leaves nothing that lies.
        # Trees of each meaning of ids have a directory of their own.
        trees = [os.path.basename(path) for path in glob.glob(os.path.join(store, "trees*"))]
        for part in ("actions", "names", "verified", *trees, "blobs/sha256"):
            for path in glob.glob(os.path.join(store, part, "*")):
                if part == "blobs/sha256":
                    for blob in set(os.listdir(path)) - keep:
                        os.rename(os.path.join(path, blob), os.path.join(away, blob))
                elif part != "verified" or os.path.basename(path) not in keep:
                    os.rename(path, os.path.join(away, part + "-" + os.path.basename(path)))

    @functools.cached_property
    def pool(self):
        """The same archives as a repository: a small index and no signature, which is in the peer's favour."""
        assert self.builder
        pool, index = self.path("repository"), "main/binary-%s/Packages" % ARCHITECTURE
        shutil.rmtree(pool, ignore_errors=True)
        os.makedirs(pool + "/pool")
        for p in self.packages:
            os.link(self.path("archives/blobs/sha256", p["sha256"][:2], p["sha256"]),
                    os.path.join(pool, "pool", os.path.basename(p["path"])))
        packages = run(["dpkg-scanpackages", "--multiversion", "pool"], cwd=pool)
        dists = os.path.join(pool, "dists", SUITE)
        os.makedirs(os.path.dirname(os.path.join(dists, index)))
        write(os.path.join(dists, index), packages)
        write(dists + "/Release", "Suite: %s\nCodename: %s\nComponents: main\nArchitectures: %s\nSHA256:\n %s %d %s\n" % (
            SUITE, SUITE, ARCHITECTURE, hashlib.sha256(packages.encode()).hexdigest(), len(packages.encode()), index))
        return pool

    def mmdebstrap(self, out):
        names = ",".join(PACKAGES)
        shutil.rmtree(out, ignore_errors=True)
        return measure(["mmdebstrap", "--quiet", "--variant=essential", "--include=" + names, "--format=directory",
                        "--architectures=" + ARCHITECTURE, SUITE, out,
                        "deb [trusted=yes] copy:%s %s main" % (self.pool, SUITE)])

    # ---- the root file system of the packing rows ----
    @functools.cached_property
    def toolchain(self):
        rustc = shutil.which("rustc")
        return run([rustc, "--print", "sysroot"]).strip() if rustc else None

    @functools.cached_property
    def rootfs(self):
        out = self.path("rootfs")
        if os.path.exists(out + "/srv/app.conf"):
            return out
        shutil.rmtree(out, ignore_errors=True)
        with chatter("making the root file system"):
            self.mmdebstrap(out)
            if self.toolchain:
                run(["mkdir", "-p", out + "/opt"])
                run(["cp", "-a", self.toolchain, out + "/opt/rust"])
                for documentation in ("share/doc", "share/man"):
                    shutil.rmtree(os.path.join(out, "opt/rust", documentation), ignore_errors=True)
            # What only root may read or make would be another test.
            for path in glob.glob(out + "/dev/*") + glob.glob(out + "/var/cache/apt/archives/*.deb"):
                (shutil.rmtree if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)
            write(out + "/srv/app.conf", "0\n")
        return out

    @functools.cached_property
    def rootfs_size(self):
        """Bytes and files."""
        count = bytes_ = 0
        for directory, _, files in os.walk(self.rootfs):
            for name in files:
                status = os.lstat(os.path.join(directory, name))
                count, bytes_ = count + 1, bytes_ + status.st_size
        return bytes_, count

    @property
    def rootfs_text(self):
        return "%.2f GB, %d files" % (self.rootfs_size[0] / 1e9, self.rootfs_size[1])

    def scaled(self, seconds):
        """What is asked for 1.8 GB, for what this machine's toolchain and the archive of today make of it."""
        return seconds * self.rootfs_size[0] / 1.8e9

    @functools.cached_property
    def tree_store(self):
        """The store "pack" with the root file system as a stage; the import's cost."""
        if not os.path.exists(self.path("rootfs.tar")):
            with chatter("packing the root file system as a tar"):
                run(["tar", "--sort=name", "--numeric-owner", "-C", self.rootfs, "-cf", self.path("new.tar"), "."])
                os.rename(self.path("new.tar"), self.path("rootfs.tar"))
        shutil.rmtree(self.path("pack"), ignore_errors=True)
        recipe = write(self.path("pack.recipe"), PACK % (1, "gzip"))
        return self.measure(recipe, "--target", "tree", store="pack")

    def pack(self, compression, epoch, out):
        """A layer that was never packed: another epoch is another time in every header."""
        assert self.tree_store
        shutil.rmtree(out, ignore_errors=True)
        recipe = write(self.path("pack.recipe"), PACK % (epoch, compression))
        return self.measure(recipe, "-o", "oci:" + out, store="pack")

    # ---- a recipe that compiles ----
    @functools.cached_property
    def small(self):
        """The small crate's recipe, built once into the store "small"; its own directory."""
        recipe = self.path("small/small-crate.recipe")
        os.makedirs(os.path.dirname(recipe), exist_ok=True)
        for name in ("small-crate.recipe", "small-crate.lock"):
            if os.path.exists(os.path.join(TREE, "recipes", name)):
                shutil.copy(os.path.join(TREE, "recipes", name), self.path("small", name))
        with chatter("building the small crate"):
            # By the launcher, which knows what to do where there is no server for toolchains.
            run([os.path.join(TREE, "ggbuild"), recipe, "--store", self.path("small-store"), "--progress", "none",
                 "-o", "oci:" + self.path("small/out")])
        return recipe

    @functools.cached_property
    def flagship(self):
        """(recipe, store, name): the flagship where its result is, else the small crate in its place."""
        os.makedirs(self.path("flagship"), exist_ok=True)
        for name in ("ggen-agent.recipe", "ggen-agent.lock"):
            shutil.copy(os.path.join(TREE, name), self.path("flagship", name))
        recipe = self.path("flagship/ggen-agent.recipe")
        store = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ggbuild")
        build = [recipe, "--store", store, "--progress", "none", "-o", "oci:" + self.path("flagship/out")]
        if self.build_flagship:
            with chatter("building the flagship"):
                run([os.path.join(TREE, "ggbuild"), *build])
            return recipe, store, "ggen-agent"
        try:
            # What is in the store takes a moment. What is not would take half an hour.
            run([PROGRAM, *build, "--locked", "--offline"], timeout=20)
            return recipe, store, "ggen-agent"
        except (Failed, subprocess.TimeoutExpired):
            return self.small, self.path("small-store"), "small-crate in its place"

    def variant(self, pattern, replacement):
        """A copy of the flagship's recipe with one edit, beside it and with its lock."""
        recipe, _, _ = self.flagship
        with open(recipe) as f:
            text, n = re.subn(pattern, replacement, f.read(), count=1, flags=re.M)
        if n != 1:
            raise Failed("%s has nothing that matches '%s'" % (recipe, pattern))
        copy = write(os.path.join(os.path.dirname(recipe), "edited.recipe"), text)
        shutil.copy(recipe[:-len("recipe")] + "lock", copy[:-len("recipe")] + "lock")
        return copy
