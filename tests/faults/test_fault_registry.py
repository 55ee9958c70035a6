#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 120
"""Without a script the fault registry is a registry: skopeo pushes an image to it and pulls the same one, in each of its ways
and with ggbuild in one of the two places; and its log tells what was asked.

    test_fault_registry.py GGBUILD
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "images")]
import images  # noqa: E402
from fault_registry import PASSWORD, USER  # noqa: E402

GGBUILD = os.path.abspath(sys.argv[1])
WAYS = (["--auth", "none"], ["--auth", "basic"], ["--auth", "bearer"], ["--auth", "bearer", "--certs", "certs"],
        ["--auth", "bearer", "mount=false", "monolithic=false", "absolute=true", "referrers=false"])


def skopeo(*words):
    subprocess.run(["skopeo", "copy", "-q", *words], check=True)


def ggbuild(way, *words):
    trust = ["--cert-dir", "certs/trust"] if "--certs" in way else ["--tls-verify=false"]
    environment = dict(os.environ, GGBUILD_REGISTRY_USER=USER, GGBUILD_REGISTRY_PASSWORD=PASSWORD)
    subprocess.run([GGBUILD, "copy", "--progress", "none", *trust, *words], check=True, env=environment,
                   stdout=subprocess.DEVNULL)


def same(one, other):
    return subprocess.run(["diff", "-r", one + "/blobs", other + "/blobs"], check=False).returncode == 0


def round_trips(way, place):
    login = [] if "none" in way else ["--creds", "%s:%s" % (USER, PASSWORD)]
    here, there = ["--src-" + w[2:] if w.startswith("--") else w for w in login], \
        ["--dest-" + w[2:] if w.startswith("--") else w for w in login]
    skopeo("--dest-tls-verify=false", *there, "oci:in:1", "docker://%s/app:1" % place)
    skopeo("--src-tls-verify=false", *here, "docker://%s/app:1" % place, "oci:back:1")
    ggbuild(way, "docker://%s/app:1" % place, "oci:pulled:1")
    ggbuild(way, "oci:in:1", "docker://%s/other/app:2" % place)
    skopeo("--src-tls-verify=false", *here, "docker://%s/other/app:2" % place, "oci:pushed:1")
    return all(same("in", name) for name in ("back", "pulled", "pushed"))


def main():
    os.mkdir("certs")
    noise = random.Random(1).randbytes(300000)
    images.Layout(images.layer({"a": noise}), images.layer({"b": b"x" * 3000}), compress=images.compressed, kind="+gzip",
                  ref="1").write("in")
    wrong = 0
    for way in WAYS:
        with subprocess.Popen([sys.executable, os.path.join(HERE, "fault_registry.py"), "--log", "log.json", *way],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            place = json.loads(server.stdout.readline())["registry"].split("//")[1]
            good = round_trips(way, place)
            server.stdin.close()
            server.wait(10)
        with open("log.json", encoding="utf-8") as file:
            log = json.load(file)
        good = good and any(q["method"] == "PUT" for q in log) and all(q["origin"] != "other" for q in log)
        print("%s: %s" % (" ".join(way), "as it should be" if good else "WRONG"))
        wrong += not good
        subprocess.run(["rm", "-rf", "back", "pulled", "pushed"], check=True)
    return 1 if wrong else 0


with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    sys.exit(main())
