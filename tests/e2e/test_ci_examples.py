#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The examples of recipes/ci, run as their systems would: each command in its own shell, in a checkout that holds what the
# repository has and what the cache gave back. The second time nothing is built again.
#   test_ci_examples.py GGBUILD
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

tree = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
ggbuild = os.path.abspath(sys.argv[1])

RECIPE = """recipe: 1
name: app
stages:
  base:
    from: { rootfs: root.tar }
    steps:
      - fetch: numbers
        run: [/bin/busybox, sh, -c, "mkdir /numbers && echo 1 >/numbers/one"]
        output: /numbers
      - run: "cp /numbers/one /made; echo >/owned; chown 42:43 /owned"
image:
  layers:
    - { name: made, copy: [ { from: base, path: /made, to: /made } ] }
    - { name: owned, copy: [ { from: base, path: /owned, to: /owned } ] }
"""


def fail(text):
    sys.exit("test_ci_examples: " + text)


def example(name):
    with open(os.path.join(tree, "recipes/ci", name)) as f:
        return yaml.safe_load(f)


def github():
    """(commands, environment, cached paths, artifacts)"""
    job, = example("github.yaml")["jobs"].values()
    steps = job["steps"]
    cache, = [s["with"] for s in steps if s.get("uses", "").startswith("actions/cache@")]
    upload, = [s["with"] for s in steps if s.get("uses", "").startswith("actions/upload-artifact@")]
    if "hashFiles('**/*.lock')" not in cache["key"]:
        fail("github: the cache's key does not come from the lock: " + cache["key"])
    # What has a condition is for that system's own machines.
    commands = [["bash", "-eo", "pipefail", "-c", s["run"]] for s in steps if "run" in s and "if" not in s]
    return commands, job["env"], cache["path"].split(), upload["path"].split()


def gitlab():
    job, = example("gitlab.yaml").values()
    if job["cache"]["key"]["files"] != ["app.lock"]:
        fail("gitlab: the cache's key does not come from the lock")
    return [["sh", "-euc", line] for line in job["script"]], job["variables"], job["cache"]["paths"], job["artifacts"]["paths"]


def shell():
    return [[os.path.join(tree, "recipes/ci/build.sh")]], {}, gitlab()[2], ["image.tar", "image.intoto.json"]


def repository(where):
    os.makedirs(where)
    with open(where + "/app.recipe", "w") as f:
        f.write(RECIPE)
    subprocess.run([tree + "/tests/tools/busybox_rootfs", where + "/root.tar"], check=True)
    subprocess.run([ggbuild, "lock", "app.recipe", "--store", "../lock-store", "--progress", "none"], cwd=where, check=True)


def job(name, parts, repo, checkout, cache):
    """Runs it in a new checkout; what it printed, and the image's bytes."""
    commands, env, paths, artifacts = parts
    shutil.copytree(repo, checkout)
    if os.path.exists(cache):
        shutil.copytree(cache, checkout, symlinks=True, dirs_exist_ok=True)
    env = dict(os.environ, PATH=os.path.dirname(ggbuild) + ":" + os.environ["PATH"], **env)
    said = ""
    for command in commands:
        done = subprocess.run(command, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said += done.stdout
        if done.returncode:
            fail("%s: %s: status %d\n%s" % (name, command[-1], done.returncode, done.stdout[-3000:]))
    shutil.rmtree(cache, ignore_errors=True)
    for path in paths:
        # As caches do it: without owners.
        os.makedirs(os.path.join(cache, os.path.dirname(path)), exist_ok=True)
        subprocess.run(["cp", "-R", os.path.join(checkout, path), os.path.join(cache, path)], check=True)
    for artifact in artifacts:
        if not os.path.getsize(os.path.join(checkout, artifact)):
            fail("%s: '%s' is empty" % (name, artifact))
    with open(os.path.join(checkout, "image.intoto.json")) as f:
        if json.load(f)["_type"] != "https://in-toto.io/Statement/v1":
            fail(name + ": the attestation is no statement")
    with open(os.path.join(checkout, "image.tar"), "rb") as f:
        return said, f.read()


def main(work):
    repo = work + "/repository"
    repository(repo)
    images = set()
    for name, parts in ("github", github()), ("gitlab", gitlab()), ("shell", shell()):
        cache = "%s/%s-cache" % (work, name)
        for i in (1, 2):
            said, image = job(name, parts, repo, "%s/%s-%d" % (work, name, i), cache)
            images.add(image)
            # The first that counts them is the build.
            ran = int(re.search(r"^(\d+) actions? run", said, re.M).group(1))
            if (i == 2) != (ran == 0):
                fail("%s: the %s time: %s" % (name, ("first", "second")[i - 1], said))
    if len(images) != 1:
        fail("%d images of one repository" % len(images))
    print("3 examples, each with an empty cache and with its own")


work = tempfile.mkdtemp(prefix="gg-ci-")
try:
    main(work)
finally:
    shutil.rmtree(work, ignore_errors=True)
