#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 180
# Images that a tool that is not ours (skopeo) put into a registry that is not ours (docker-registry), read out of it.
#   test_pull.py GGBUILD
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "../images")]
import images  # noqa: E402
from docker_registry import PASSWORD, USER, Registry  # noqa: E402

ggbuild = os.path.abspath(sys.argv[1])
LAYERS = 6
TYPES = "application/vnd.docker.distribution.manifest.v2+json"


def check(what, good, *shown):
    if not good:
        raise SystemExit("test_pull: " + " ".join(map(str, (what, *shown))))


def run(command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(" ".join(command), done.returncode == status, "status", done.returncode, done.stderr)
    return done


def pull(source, to, *given, status=0):
    return run([ggbuild, "copy", "--progress", "none", *given, "docker://" + source, to], status)


def skopeo(*words):
    run(["skopeo", "copy", "-q", *words])


def blobs(layout):
    return sorted(os.path.basename(path) for path in glob.glob(layout + "/blobs/sha256/*"))


def same(a, b):
    run(["diff", "-r", a + "/blobs", b + "/blobs"])


def make_image(name, arch, size, seed):
    noise = random.Random(seed)
    tars = [images.layer({"file%d" % i: noise.randbytes(size)}) for i in range(LAYERS)]
    layout = images.Layout(*tars, compress=images.compressed, kind="+gzip", platform=("linux", arch))
    layout.index["manifests"][0]["platform"] = {"os": "linux", "architecture": arch}
    layout.write(name)
    return layout


def make_images(registry):
    here_, there = make_image("amd64", "amd64", 3 << 20, 1), make_image("arm64", "arm64", 4000, 2)
    both = images.Layout()
    both.files = {**here_.files, **there.files}
    both.point_to({"schemaVersion": 2, "mediaType": images.INDEX,
                   "manifests": here_.index["manifests"] + there.index["manifests"]}, images.INDEX)
    both.write("both")
    skopeo("--dest-tls-verify=false", "oci:amd64", "docker://%s/ns/app:one" % registry.host)
    skopeo("--dest-tls-verify=false", "--all", "oci:both", "docker://%s/ns/app:both" % registry.host)
    skopeo("--dest-tls-verify=false", "--format", "v2s2", "oci:amd64", "docker://%s/ns/app:old" % registry.host)


def test_tag(registry):
    registry.forget()
    digest = pull(registry.host + "/ns/app:one", "oci:tag").stdout.strip()
    check("digest", digest == registry.digest("ns/app", "one"), digest)
    same("amd64", "tag")
    # The first and the last are ours, to know the digest.
    asked = registry.requests()[:-1]
    check("one request each", len(asked) == 2 + LAYERS and len(set(asked)) == len(asked), asked)
    check("nothing else", all(r.startswith("GET /v2/ns/app/") and r.endswith(" 200") for r in asked), asked)
    registry.forget()
    pull(registry.host + "/ns/app:one", "oci:tag")
    check("what is there is not read again", [r for r in registry.requests() if "/blobs/" in r][1:] == [],
          registry.requests())
    pull("%s/ns/app@%s" % (registry.host, digest), "oci:digest")
    same("amd64", "digest")
    return digest


def test_index(registry):
    check("this machine's or the named", pull(registry.host + "/ns/app:both", "oci:arm", "--platform", "linux/arm64")
          .stdout.strip() != pull(registry.host + "/ns/app:both", "oci:amd", "--platform", "linux/amd64").stdout.strip())
    same("arm64", "arm")
    same("amd64", "amd")
    digest = pull(registry.host + "/ns/app:both", "oci:all", "--all").stdout.strip()
    check("digest of the index", digest == registry.digest("ns/app", "both"), digest)
    same("both", "all")
    done = pull(registry.host + "/ns/app:both", "oci:none", "--platform", "linux/s390x", status=2)
    check("a platform that is not there", "s390x" in done.stderr and not os.path.exists("none"), done.stderr)


def test_docker_types(registry):
    digest = pull(registry.host + "/ns/app:old", "oci:old").stdout.strip()
    status, headers, body = registry.get("/v2/ns/app/manifests/old", accept=TYPES)
    check("Docker's type", status == 200 and headers["Content-Type"] == TYPES, status, headers)
    with open("old/blobs/sha256/" + digest[7:], "rb") as f:
        check("byte for byte", f.read() == body)


def test_no_platform(registry):
    """A config that says nothing of it, as tools write it who only put layers together: what we made of it is read again."""
    layout = images.Layout(images.layer({"file": b"content"}), config={"architecture": "", "os": ""}, ref="1")
    layout.write("nowhere")
    skopeo("--dest-tls-verify=false", "--all", "oci:nowhere", "docker://%s/nowhere:1" % registry.host)
    pull(registry.host + "/nowhere:1", "oci:elsewhere")
    run([ggbuild, "copy", "--progress", "none", "oci:elsewhere", "oci:again"])
    same("elsewhere", "again")


def test_not_there(registry):
    for name, word in (("ns/app:no", "no"), ("no/such:1", "no/such"), ("ns/app@sha256:" + 64 * "0", 64 * "0")):
        done = pull("%s/%s" % (registry.host, name), "oci:absent", status=7)
        check("it is named", word in done.stderr and not os.path.exists("absent"), done.stderr)


def test_damaged(registry, work):
    """A registry's disk that lies, or has lost a blob."""
    digest = images.digest(max((open(path, "rb").read() for path in glob.glob("amd64/blobs/sha256/*")), key=len))[7:]
    path = registry.path("data/docker/registry/v2/blobs/sha256/%s/%s/data" % (digest[:2], digest))
    with open(path, "r+b") as f:
        good = f.read()
        f.seek(len(good) // 2)
        f.write(bytes([good[len(good) // 2] ^ 1]))
    done = pull(registry.host + "/ns/app:one", "oci:damaged", status=6)
    check("its digest is named", digest in done.stderr and not os.path.exists("damaged"), done.stderr)
    os.unlink(path)
    done = pull(registry.host + "/ns/app:one", "oci:damaged", status=7)
    check("nothing is left", not os.path.exists("damaged"), done.stderr)
    # A mirror that has it helps.
    with Registry(work + "/mirror") as mirror:
        skopeo("--dest-tls-verify=false", "oci:amd64", "docker://%s/copies/app:one" % mirror.host)
        write_conf(registry, mirror.host + "/copies")
        mirror.forget()
        pull(registry.host + "/ns/app:one", "oci:mirrored")
        check("the mirror was asked", any("/blobs/" in r for r in mirror.requests()), mirror.requests())
        same("amd64", "mirrored")
        # Also where the manifest is the registry's alone.
        pull(registry.host + "/ns/app:old", "oci:from-both")
    with open(path, "wb") as f:
        f.write(good)
    # And one that is away does not hinder.
    pull(registry.host + "/ns/app:one", "oci:unmirrored")
    same("amd64", "unmirrored")
    write_conf(registry)


def write_conf(registry, mirror=None):
    with open("registries.conf", "w") as f:
        f.write('[[registry]]\nlocation = "%s"\ninsecure = true\n' % registry.host)
        if mirror:
            f.write('[[registry]]\nprefix = "%s/ns"\nlocation = "%s/ns"\ninsecure = true\n' % (registry.host, registry.host))
            f.write('[[registry.mirror]]\nlocation = "%s"\ninsecure = true\n' % mirror)


def test_killed(registry):
    for wait in (0.01, 0.03, 0.06):
        process = subprocess.Popen([ggbuild, "copy", "--progress", "none", "docker://%s/ns/app:one" % registry.host,
                                    "oci:killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        check("all or nothing", not os.path.exists("killed") or status == 0 or run(["diff", "-r", "amd64/blobs",
                                                                                    "killed/blobs"]), wait)
        pull(registry.host + "/ns/app:one", "oci:killed")
        same("amd64", "killed")
        shutil.rmtree("killed")


def test_users(work):
    with Registry(work + "/users", users=True) as users:
        conf = os.environ.pop("CONTAINERS_REGISTRIES_CONF")
        there = users.host + "/app:1"
        skopeo("--dest-tls-verify=false", "--dest-creds", "%s:%s" % (USER, PASSWORD), "oci:arm64", "docker://" + there)
        done = pull(there, "oci:private", "--tls-verify=false", status=7)
        check("how it is mended", "ggbuild login " + users.host in done.stderr, done.stderr)
        done = pull(there, "oci:private", "--tls-verify=false", "--src-creds", USER + ":geheim", status=7)
        check("a wrong password is not shown", "401" in done.stderr and "geheim" not in done.stderr, done.stderr)
        check("nothing is left", not os.path.exists("private"))
        pull(there, "oci:private", "--tls-verify=false", "--src-creds", "%s:%s" % (USER, PASSWORD))
        same("arm64", "private")
        # As skopeo stores them.
        run(["skopeo", "login", "--tls-verify=false", "--authfile", "auth.json", "-u", USER, "-p", PASSWORD, users.host])
        users.forget()
        pull(there, "oci:file", "--tls-verify=false", "--authfile", "auth.json")
        same("arm64", "file")
        refused = [r for r in users.requests() if r.endswith(" 401")]
        check("asked for once", len(refused) <= 2, users.requests())
        os.environ["CONTAINERS_REGISTRIES_CONF"] = conf


def main():
    work = tempfile.mkdtemp(prefix="ggpull-")
    os.chdir(work)
    os.environ["HOME"] = work
    os.environ["GGBUILD_TEST_RETRY_MS"] = "50"
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        os.environ.pop(name, None)
    os.environ["CONTAINERS_REGISTRIES_CONF"] = work + "/registries.conf"
    try:
        with Registry(work + "/registry") as registry:
            write_conf(registry)
            make_images(registry)
            test_tag(registry)
            test_index(registry)
            test_docker_types(registry)
            test_no_platform(registry)
            test_not_there(registry)
            test_killed(registry)
            test_damaged(registry, work)
        test_users(work)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
