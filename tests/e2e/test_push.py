#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# Builds whose outputs are in a registry that is not ours (docker-registry), read back by a tool that is not ours (skopeo).
#   test_push.py GGBUILD
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from docker_registry import Registry  # noqa: E402

ggbuild = os.path.abspath(sys.argv[1])
RECIPE = """recipe: 1
name: app
epoch: 1700000000
stages:
  base: { from: { rootfs: base.tar } }
image:
  layers:
    - name: first
      copy: [ { from: base, path: /bin/busybox, to: /bin/busybox } ]
    - name: second
      copy: [ { from: base, path: /%s, to: /data } ]
  entrypoint: [/bin/busybox, echo, hello]
tests:
  - { name: runs, run: [/bin/busybox, "%s"] }
"""


def fail(*words):
    raise SystemExit("test_push: " + " ".join(map(str, words)))


def check(what, good, *shown):
    if not good:
        fail(what, *shown)


def write(name, text):
    with open(name, "w") as f:
        f.write(text)
    return name


def words(*given, store="store", progress="none"):
    return [ggbuild, *given, "--store", store, "--progress", progress]


def run(command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != status:
        fail("%s: status %d\n%s" % (" ".join(command), done.returncode, done.stderr))
    return done


def build(recipe, *given, status=0, **how):
    return run(words(recipe, *given, "--tls-verify=false", **how), status)


def copy(*given, status=0):
    return run([ggbuild, "copy", *given, "--progress", "none"], status)


def output(registry, name):
    return "docker://%s/%s" % (registry.host, name)


def verbs(registry, word):
    return [r for r in registry.requests() if r.startswith(word)]


def test_reads_back(registry):
    digest = build("app.recipe", "-o", output(registry, "app:1"), "-o", "oci:out").stdout.strip()
    check("digest", registry.digest("app", "1") == digest, digest)
    # skopeo checks every blob against its digest.
    run(["skopeo", "copy", "-q", "--src-tls-verify=false", output(registry, "app:1"), "oci:back:1"])
    seen = run(["skopeo", "inspect", "--format", "{{.Digest}}", "oci:back:1"]).stdout.strip()
    check("skopeo's digest", seen == digest, seen, digest)
    manifests = [r for r in registry.requests() if "PUT /v2/app/manifests" in r]
    check("one manifest, and last of all that is written", len(manifests) == 1, manifests)
    writes = [r for r in registry.requests() if r.startswith(("PUT", "PATCH", "POST"))]
    check("the manifest is last", writes[-1] == manifests[0], writes)
    return digest


def test_nothing_to_do(registry, digest):
    """With the manifest there under its tag the whole push is one request."""
    registry.forget()
    again = build("app.recipe", "-o", output(registry, "app:1")).stdout.strip()
    check("same digest", again == digest)
    check("one request", registry.requests() == ["HEAD /v2/app/manifests/1 200"], registry.requests())
    registry.forget()
    copy("oci:out", output(registry, "app:1"))
    check("one request of copy", registry.requests() == ["HEAD /v2/app/manifests/1 200"], registry.requests())
    registry.forget()
    build("app.recipe", "-o", output(registry, "app:2"))
    check("another tag sends no blob", not verbs(registry, "POST"), registry.requests())
    check("another tag", registry.digest("app", "2") == digest)


def test_looks(registry, digest):
    """What is shown of a registry; no layer is fetched for it."""
    registry.forget()
    tags = run([ggbuild, "ls", output(registry, "app")]).stdout
    check("tags", sorted(tags.split()) == ["1", "2"], tags)
    seen = run([ggbuild, "inspect", output(registry, "app:1"), "--format", "{{.Digest}} {{.Layers.1.Digest}}"]).stdout.split()
    check("its digest", seen[0] == digest, seen)
    check("manifest and config", len(verbs(registry, "GET /v2/app/blobs")) == 1, registry.requests())
    files = run([ggbuild, "ls", output(registry, "app@" + digest), seen[1]]).stdout
    check("files", " data" in files, files)


def test_mounts(registry, digest):
    registry.forget()
    copy(output(registry, "app:1"), output(registry, "team/other:1"))
    check("digest of the copy", registry.digest("team/other", "1") == digest)
    posts = verbs(registry, "POST")
    check("every blob is mounted", len(posts) == 3 and all("mount=" in p and p.endswith(" 201") for p in posts), posts)
    check("no blob is sent or read", not [r for r in registry.requests() if "uploads/" in r and r.startswith("P")
                                          and not r.startswith("POST")], registry.requests())
    check("no layer is read", not [r for r in registry.requests() if r.startswith("GET") and "/blobs/" in r][1:],
          registry.requests())


def test_streams(registry):
    """The first layer goes up before the last is packed."""
    registry.forget()
    process = subprocess.Popen(words("streams.recipe", "--tls-verify=false", "-o", output(registry, "streams:1"),
                                     progress="json", store="store-streams"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    names, ends = {}, {}
    for line in process.stderr:
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "start":
            names[event["id"]] = event["name"]
        elif event.get("event") == "end":
            ends[names[event["id"]]] = time.time()
    check("status", process.wait() == 0)
    packed = ends["pack layer second"]
    uploads = registry.times("^PUT .*/blobs/uploads/")
    check("three blobs", len(uploads) == 3, uploads)
    check("the first was there before the last was packed", min(uploads) < packed, uploads, packed)
    manifest = registry.times("^PUT .*/manifests/")
    check("the manifest is last", len(manifest) == 1 and manifest[0] > max(uploads), manifest, uploads)


def blob_path(store, digest):
    [path] = glob.glob("%s/blobs/sha256/*/%s" % (store, digest.split(":")[1]))
    return path


def test_lost_blobs(registry, digest):
    """What the registry has is not packed again for it, though the store has it no more."""
    manifest = json.loads(registry.get("/v2/app/manifests/1")[2])
    path = blob_path("store", manifest["layers"][1]["digest"])
    os.unlink(path)
    registry.forget()
    done = build("app.recipe", "-o", output(registry, "app:3"), progress="plain")
    check("digest", registry.digest("app", "3") == digest)
    check("nothing is packed", "0 actions run" in done.stderr and not os.path.exists(path), done.stderr)
    # A repository that lacks it gets it.
    check("elsewhere it is needed", build("app.recipe", "-o", output(registry, "lacking:1")).stdout.strip() == digest)
    check("it was packed", os.path.exists(path))
    check("digest elsewhere", registry.digest("lacking", "1") == digest)


def test_failing_test(registry):
    """Layers may be there, but nothing has a name."""
    build("failing.recipe", "-o", output(registry, "failing:1"), status=8)
    check("no tag", registry.digest("failing", "1") is None)
    status, _, body = registry.get("/v2/failing/tags/list")
    check("no tags", status == 404 or not json.loads(body)["tags"], status, body)


def uploading(registry, name):
    sizes = [0]
    for path in glob.glob(registry.path("data/docker/registry/v2/repositories/%s/_uploads/*/data" % name)):
        try:
            sizes.append(os.path.getsize(path))
        except FileNotFoundError:
            pass
    return max(sizes)


def test_killed(registry):
    """In the middle of an upload: no tag, and the next build finishes it."""
    killed, ended = (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 128 + signal.SIGTERM)
    for n, (least, (by, status)) in enumerate(((1, killed), (20 << 20, ended), (40 << 20, killed))):
        name = "killed%d" % n
        # Packed before: all there is to do is to send.
        command = words("streams.recipe", "--tls-verify=false", "-o", output(registry, name + ":1"), store="store-streams")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and uploading(registry, name) < least:
            time.sleep(0.001)
        process.send_signal(by)
        check("it was ended", process.wait() == status, name, process.returncode)
        time.sleep(0.3)
        check("no tag", registry.digest(name, "1") is None, name)
        digest = run(command).stdout.strip()
        check("tag of the next build", registry.digest(name, "1") == digest, name)
        run(["skopeo", "copy", "-q", "--src-tls-verify=false", output(registry, name + ":1"), "oci:%s:1" % name])
        shutil.rmtree(name)


def test_damaged(registry):
    """A damaged layer never becomes a blob there, and no tag is given."""
    shutil.copytree("out", "damaged")
    layer = max(glob.glob("damaged/blobs/sha256/*"), key=os.path.getsize)
    os.chmod(layer, 0o644)
    with open(layer, "r+b") as f:
        f.seek(os.path.getsize(layer) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    registry.forget()
    done = copy("oci:damaged", output(registry, "damaged:1"), status=6)
    check("it is named", os.path.basename(layer) in done.stderr, done.stderr)
    check("no tag", registry.digest("damaged", "1") is None)
    check("no blob", registry.get("/v2/damaged/blobs/sha256:" + os.path.basename(layer), "HEAD")[0] == 404)


def test_several(registry, work):
    """One registry that takes nothing spoils neither the other nor the layout."""
    with Registry(work + "/readonly", readonly=True) as readonly:
        done = build("app.recipe", "-o", output(readonly, "app:1"), "-o", output(registry, "several:1"), "-o", "oci:several",
                     status=7)
        check("who is to blame", readonly.host in done.stderr and registry.host not in done.stderr, done.stderr)
        check("nothing is there", readonly.digest("app", "1") is None)
    check("the other registry", registry.digest("several", "1") is not None)
    check("the layout", os.path.exists("several/index.json"))


def test_deletes(registry, digest):
    """Only when asked, only that manifest, by whatever name."""
    other = copy("oci:out", output(registry, "app:again")).stdout.strip()
    check("several tags name it", other == digest)
    command = [ggbuild, "delete"]
    registry.forget()
    check("digest", run([*command, output(registry, "app:again")]).stdout.strip() == digest)
    asked = ["HEAD /v2/app/manifests/again 200", "DELETE /v2/app/manifests/%s 202" % digest]
    check("two requests", registry.requests() == asked, registry.requests())
    check("it is gone", registry.digest("app", "again") is None and registry.digest("app", "1") is None)
    check("elsewhere it is not", registry.digest("team/other", "1") == digest)
    done = run([*command, output(registry, "app:again")], 7)
    check("what is not there", "no 'again'" in done.stderr, done.stderr)


def test_names(registry):
    """Several names in one registry: every blob goes up once."""
    registry.forget()
    digest = build("names.recipe", "-o", output(registry, "names:1"), "-o", output(registry, "names:latest"),
                   "-o", output(registry, "team/names:1")).stdout.strip()
    for name, tag in (("names", "1"), ("names", "latest"), ("team/names", "1")):
        check(name + ":" + tag, registry.digest(name, tag) == digest)
    sent = [r for r in registry.requests() if r.startswith("PUT") and "/uploads/" in r]
    mounted = [r for r in verbs(registry, "POST") if "mount=" in r and r.endswith(" 201")]
    check("three blobs sent", len(sent) == 3 and all("/v2/names/" in r for r in sent), sent)
    check("three blobs mounted", len(mounted) == 3, mounted)


def test_ordinary_user(registry, work):
    """Who becomes root of a namespace of its own on the way is not root to the system: root's files are closed, and are
    not what counts."""
    closed = [d for d in ("/var/cache/containers", "/run/containers/0") if not os.path.exists(d)]
    for directory in closed:
        os.makedirs(directory, mode=0o700)
    try:
        for mode in ("subuid", "single"):
            home = tempfile.mkdtemp(dir=work, prefix=mode)
            for name in ("base.tar", "app.recipe"):
                shutil.copy(name, home)
            shutil.copy(ggbuild, home + "/ggbuild")
            run(["chown", "-R", "54321:54322", home])
            command = [home + "/ggbuild", home + "/app.recipe", "--store", home + "/store", "--progress", "none",
                       "--tls-verify=false", "-o", output(registry, mode + ":1")]
            digest = run([tests + "/tools/as_user", mode, "env", "-u", "CONTAINERS_REGISTRIES_CONF", "HOME=" + home,
                          *command]).stdout.strip()
            check("digest as " + mode, registry.digest(mode, "1") == digest, digest)
    finally:
        for directory in closed:
            os.removedirs(directory)


def test_not_let_in(work):
    """Who may not push knows before the work is done."""
    with Registry(work + "/users", users=True) as users:
        start = time.monotonic()
        done = build("slow.recipe", "-o", output(users, "app:1"), "--creds", "user:wrong", status=7)
        check("it did not wait for the step", time.monotonic() - start < 15, done.stderr)
        check("how it is mended", "401" in done.stderr and "login" in done.stderr, done.stderr)
        check("the password is not shown", "wrong" not in done.stderr, done.stderr)
        digest = build("app.recipe", "-o", output(users, "app:1"), "--creds", "user:secret").stdout.strip()
        check("who may can", users.digest("app", "1") == digest)


def make_recipes():
    run([tests + "/tools/busybox_rootfs", "busybox.tar"])
    os.mkdir("root")
    run(["tar", "-C", "root", "-xf", "busybox.tar"])
    for name, size in (("small", 1 << 20), ("large", 64 << 20)):
        with open("root/" + name, "wb") as f:
            f.write(os.urandom(size))
    run(["tar", "-C", "root", "-cf", "base.tar", "."])
    write("app.recipe", RECIPE % ("small", "true"))
    write("failing.recipe", (RECIPE % ("small", "false")).replace("name: app", "name: failing"))
    write("names.recipe", (RECIPE % ("small", "true")).replace("1700000000", "1700000001"))
    write("streams.recipe", RECIPE % ("large", "true"))
    slow = (RECIPE % ("small", "true")).replace("base: {", "bottom: {")
    write("slow.recipe", slow.replace("image:", """  base:
    from: bottom
    steps: [ { run: "sleep 60; echo done >/done" } ]
image:""").replace("from: base, path: /small", "from: base, path: /done"))


def main():
    if os.geteuid() != 0:
        print("test_push: wants root, to become others")
        sys.exit(77)
    work = tempfile.mkdtemp(prefix="ggpush-")
    os.chmod(work, 0o755)
    os.chdir(work)
    os.environ["HOME"] = work
    os.environ["GGBUILD_TEST_RETRY_MS"] = "50"
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        os.environ.pop(name, None)
    try:
        make_recipes()
        with Registry(work + "/registry") as registry:
            write("registries.conf", '[[registry]]\nlocation = "%s"\ninsecure = true\n' % registry.host)
            os.environ["CONTAINERS_REGISTRIES_CONF"] = work + "/registries.conf"
            digest = test_reads_back(registry)
            test_nothing_to_do(registry, digest)
            test_looks(registry, digest)
            test_mounts(registry, digest)
            test_streams(registry)
            test_lost_blobs(registry, digest)
            test_failing_test(registry)
            test_killed(registry)
            test_damaged(registry)
            test_several(registry, work)
            test_names(registry)
            test_ordinary_user(registry, work)
            test_deletes(registry, digest)
        test_not_let_in(work)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
