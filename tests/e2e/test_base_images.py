#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# Images that others made, as bases and inputs: from a registry that is not ours (docker-registry), held against what a tool
# that is not ours (umoci) unpacks of them, as root and with a single id, online and offline.
#   test_base_images.py GGBUILD
import difflib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
tests = os.path.join(here, "..")
sys.path.insert(0, here)
sys.path.insert(0, os.path.join(tests, "images"))
from docker_registry import Registry  # noqa: E402
from images import Layout, compressed, digest, docker_files, write_tar  # noqa: E402

ggbuild = os.path.abspath(sys.argv[1])
# What a step sees, but for what the sandbox puts there; directories' sizes belong to the file system.
LIST = ("find / -xdev \\( -path /proc -o -path /dev -o -path /sys -o -path /list \\) -prune -o -print0 | sort -z |"
        " xargs -0 stat -c '%n %f %u:%g %h' | sed 's/ [0-9]*$//' >/list;"
        " find / -xdev \\( -path /proc -o -path /dev -o -path /sys -o -path /list \\) -prune -o -type f -print0 | sort -z |"
        " xargs -0 sha256sum >>/list; readlink /etc/link >>/list")
RECIPE = """recipe: 1
name: app
stages:
  base:
    from: { image: "%s" }
    steps:
      - user: root
        run: |
          %s
      - run: 'echo "$GREETING $PWD $(id -u)" >/tmp/seen'
image:
  from: base
  layers:
    - { name: own, make: [ { file: /own, content: own } ] }
  env: { MORE: "1" }
tests:
  - { name: environment, run: 'echo "$GREETING $MORE $PWD"', expect: { stdout: "hi 1 /work\\n" } }
  - { name: seen, run: [cat, /tmp/seen], expect: { stdout: "hi /work 7\\n" } }
"""


def fail(*words):
    raise SystemExit("test_base_images: " + " ".join(map(str, words)))


def check(what, good, *shown):
    if not good:
        fail(what, *shown)


def run(command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != status:
        fail(" ".join(command), "ends with", done.returncode, "\n", done.stdout, done.stderr)
    return done.stdout.strip(), done.stderr


def build(recipe, *words, store="store", status=0, before=()):
    return run([*before, ggbuild, recipe, "--store", store, "--progress", "plain", *words], status)


def tar(*entries):
    """Entries as (name, content or type and target, fields)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, content, *fields in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o644
            data = None
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, tuple):
                info.type, info.linkname = content
            else:
                data = io.BytesIO(content)
                info.size = len(content)
            for key, value in (fields[0] if fields else {}).items():
                setattr(info, key, value)
            t.addfile(info, data)
    return out.getvalue()


def rootfs_layer():
    run([os.path.join(tests, "tools/busybox_rootfs"), "rootfs.tar"])
    with open("rootfs.tar", "rb") as f:
        return f.read()


def layers():
    link, hard = tarfile.SYMTYPE, tarfile.LNKTYPE
    return [
        rootfs_layer(),
        tar(("etc", None), ("etc/one", b"one"), ("etc/two", b"two", {"uid": 7, "gid": 8, "mode": 0o4755}),
            ("usr", None), ("usr/lib", None), ("usr/lib/deep", None), ("usr/lib/deep/a", b"a"), ("usr/lib/deep/b", b"b"),
            ("lib", (link, "usr/lib")), ("gone", None), ("gone/x", b"x"), ("work", None), ("turns", b"a file")),
        # Without its parents, a link to a lower layer's file, whiteouts, an opaque directory, other types. (A name through a
        # lower layer's symlink is a directory over it to engines, as to us, and not to umoci.)
        tar(("usr/lib/new", b"new"), ("etc/hard", (hard, "etc/two")), ("etc/.wh.one", b""), (".wh.gone", b""),
            ("usr/lib/deep", None), ("usr/lib/deep/.wh..wh..opq", b""), ("usr/lib/deep/c", b"c"),
            ("etc/link", (link, "../nowhere")), ("turns", None), ("turns/inside", b"inside")),
        # Twice in one layer, which the specification forbids and people push: the later one counts.
        tar(("etc/twice", b"first"), ("etc/twice", b"second", {"mode": 0o600}), ("etc/\u00e9\u4e2d", b"name"),
            ("gone", None, {"mode": 0o700})),
    ]


def make_base(name, all_layers, ref="1"):
    config = {"config": {"Env": ["PATH=/bin", "GREETING=hi"], "WorkingDir": "/work", "User": "7:8",
                         "Entrypoint": ["/bin/sh"], "Labels": {"base": "yes"}},
              "created": "2020-01-02T03:04:05Z"}
    Layout(*all_layers, config=config, compress=compressed, kind="+gzip", ref=ref).write(name)


def image_of(layout):
    def blob(d):
        with open("%s/blobs/sha256/%s" % (layout, d[7:]), "rb") as f:
            return json.load(f)
    with open(layout + "/index.json") as f:
        manifest = blob(json.load(f)["manifests"][0]["digest"])
    return manifest, blob(manifest["config"]["digest"])


def listing_of_umoci():
    """What LIST says of umoci's rootfs, run in it by chroot."""
    run(["umoci", "unpack", "--image", "base:1", "bundle"])
    root = "bundle/rootfs"
    for directory in ("proc", "dev", "sys"):
        os.makedirs(os.path.join(root, directory), exist_ok=True)
    run(["chroot", root, "/bin/sh", "-eu", "-c", LIST])
    with open(root + "/list") as f:
        return f.read()


def extracted(layout, path):
    """The file that the topmost layer with that name has."""
    for descriptor in reversed(image_of(layout)[0]["layers"]):
        with tarfile.open("%s/blobs/sha256/%s" % (layout, descriptor["digest"][7:])) as t:
            for member in t:
                if member.name.rstrip("/") in (path, "./" + path):
                    return t.extractfile(member).read().decode()
    fail("there is no", path)


PLACES = """recipe: 1
name: places
epoch: 77
inputs:
  tools: { image: "docker-archive:saved.tar" }
  packed: { image: "oci-archive:packed.tar" }
stages:
  b:
    from: { image: "oci:plain" }
    steps:
      - { run: "cat /inputs/tools/etc/hard /inputs/packed/usr/lib/new; echo $SOURCE_DATE_EPOCH >/time", inputs: [tools, packed] }
      - copy: { from: tools, path: /usr/lib, to: /copied }
  d:
    from: { image: "docker-archive:saved.tar" }
    steps: [ { run: "ls /etc/hard >/seen" } ]
image:
  from: b
  layers: [ { name: l, copy: [ { from: packed, path: /bin/busybox, to: /busybox }, { from: d, path: /seen, to: /seen } ] } ]
tests: [ { name: all, run: "cat /copied/new /time /seen; test -f /busybox", expect: { stdout-line: "^new77$|^/etc/hard$" } } ]
"""


def local_places(base_layers):
    """Files as bases and inputs; a bundle of them made from nothing; built again by verify."""
    config = {"config": {"Env": ["PATH=/bin", "SOURCE_DATE_EPOCH=5"]}}
    Layout(*base_layers, config=config).write("plain")
    Layout(*base_layers, compress=compressed, kind="+gzip").write_archive("packed.tar")
    write_tar("saved.tar", docker_files(*base_layers))
    with open("places.recipe", "w") as f:
        f.write(PLACES)
    made, _ = build("places.recipe", "-o", "oci:places", store="places-store")
    with open("places.lock") as f:
        locked = f.read()
    check("no paths in the lock", "proc" not in locked and work not in locked, locked)
    bundle, _ = run([ggbuild, "bundle", "places.recipe", "--locked", "--store", "from-nothing", "-o", "places.bundle",
                     "--progress", "none"])
    run([ggbuild, "bundle", "verify", "places.bundle"])
    gap, _ = build("places.bundle", "-o", "oci:places-across", store="places-gap")
    check("out of a bundle that was made from nothing", gap == made, bundle, gap, made)
    run([ggbuild, "verify", "places.recipe", "--store", "places-store", "--progress", "none"])
    for place in ("plain", "packed.tar", "saved.tar"):
        os.rename(place, place + ".gone")
    again, _ = build("places.recipe", "--locked", "--offline", "-o", "oci:places-again", store="places-store")
    check("without the places", again == made, again, made)
    _, words = build("places.recipe", "--locked", "--offline", store="empty", status=3)
    check("where it was", "No such file or directory" in words and "places.recipe:" in words, words)


def main():
    base_layers = layers()
    local_places(base_layers)
    make_base("base", base_layers)
    with Registry("registry") as registry:
        reference = registry.host + "/team/base:1"
        run(["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:base:1", "docker://" + reference])
        with open("app.recipe", "w") as f:
            f.write(RECIPE % (reference, LIST))
        made, notes = build("app.recipe", "--tls-verify=false", "-o", "oci:out")
        check("duplicates are told of", "names that come twice: 1" in notes, notes)
        locked = open("app.lock").read()
        check("the lock names no host", "127.0.0.1" not in locked, locked)
        registry.forget()
        again, _ = build("app.recipe", "--locked", "--offline", "-o", "oci:again")
        check("the same again", made == again, made, again)

        # Layers byte for byte, the config inherited and gone on with.
        base_manifest, base_config = image_of("base")
        manifest, config = image_of("out")
        n = len(base_layers)
        check("the base's layers", [x["digest"] for x in manifest["layers"][:n]] ==
              [x["digest"] for x in base_manifest["layers"]])
        check("diffIDs", config["rootfs"]["diff_ids"][:n] == [digest(x) for x in base_layers])
        c = config["config"]
        check("environment", c["Env"] == ["PATH=/bin", "GREETING=hi", "MORE=1"], c)
        check("what is inherited", (c["WorkingDir"], c["User"], c["Labels"]) == ("/work", "7:8", {"base": "yes"}), c)
        check("its name", manifest["annotations"]["org.opencontainers.image.base.name"] == reference, manifest)

        ours, theirs = extracted("out", "list"), listing_of_umoci()
        check("umoci unpacks the same", ours == theirs, "\n".join(
            difflib.unified_diff(ours.splitlines(), theirs.splitlines(), "ours", "umoci's", lineterm="")))

        # Somebody else's image with the same layers shares their trees by ChainID.
        make_base("other", base_layers + [tar(("more", b"more"))], ref="2")
        with open("other.recipe", "w") as f:
            f.write('recipe: 1\nname: other\nstages: { s: { from: { image: "oci:other:2" } } }\n'
                    'image: { from: s, layers: [ { name: x, make: [ { file: /x, content: x } ] } ] }\n')
        _, log = build("other.recipe", "-o", "oci:more")
        unpacked = [line for line in log.splitlines() if line.startswith("[image") and "started" in line]
        check("one layer is unpacked", len(unpacked) == 1 and "layer 5" in unpacked[0], log)

        # With a single id, from an empty store.
        if os.geteuid() == 0:
            os.chmod(".", 0o777)
            lone, _ = build("app.recipe", "--tls-verify=false", "--locked", "-o", "oci:lone/out", store="lone/store",
                            before=(os.path.join(tests, "tools/as_user"), "single", "sh", "-c",
                                    'mkdir -p lone && exec "$@"', "-"))
            check("the same for everybody", lone == made, lone, made)

        # Mounts, not uploads, of the base's layers: those that go up while others are made, and at the end.
        for store, name in (("mounted", "app"), ("store", "again")):
            registry.forget()
            build("app.recipe", "--tls-verify=false", "-o", "docker://%s/team/%s:1" % (registry.host, name), store=store)
            asked = registry.requests()
            mounted = [x for x in asked if "mount=" in x and x.endswith(" 201")]
            check("the base's layers are mounted", len(mounted) >= n, asked)
        back, _ = run(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}",
                       "docker://" + registry.host + "/team/app:1"])
        check("pushed", back == made, back, made)

        # The tag moves, the lock stays; an update follows it.
        make_base("base2", base_layers[:1] + [tar(("work", None))])
        run(["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:base2:1", "docker://" + reference])
        still, _ = build("app.recipe", "--tls-verify=false", "--locked", "-o", "oci:still", store="fresh")
        check("what the lock says", still == made)
        diff, _ = run([ggbuild, "lock", "app.recipe", "--diff", "--update", "base", "--tls-verify=false", "--store",
                       "store", "--progress", "none"])
        check("a difference", "team/base:1" in diff, diff)

    # Across the air gap.
    run([ggbuild, "bundle", "app.recipe", "--locked", "--offline", "--store", "store", "-o", "app.bundle", "--progress",
         "none"])
    gap, _ = build("app.bundle", "-o", "oci:across", store="gap")
    check("out of a bundle", gap == made, gap, made)
    # A lock that was written to.
    with open("app.lock") as f:
        edited = json.load(f)
    image, = edited["platforms"]["linux/amd64"]["images"].values()
    image["layers"].pop()
    with open("app.lock", "w") as f:
        f.write(json.dumps(edited, indent=2, sort_keys=True) + "\n")
    _, words = build("app.recipe", "--locked", "--offline", store="store", status=6)
    check("the lock is held against the image", "the lock says something else" in words, words)


work = tempfile.mkdtemp(prefix="gg-base-images.")
os.chdir(work)
try:
    main()
finally:
    os.chdir("/")
    shutil.rmtree(work, ignore_errors=True)
