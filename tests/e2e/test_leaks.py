#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Steps that let something of the machine or the moment into the image, each on purpose: `ggbuild verify` finds the file
# and names what it was. And steps that try what the sandbox does not let them see: nothing of it differs.
#   test_leaks.py GGBUILD
import json
import os
import shutil
import subprocess
import sys
import tempfile

tests = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
ggbuild = os.path.abspath(sys.argv[1])

# name: (command whose output is the file of that name, the cause that has to be named, or causes with a | between)
# What is in the base that needs nothing but a shell.
SHELL = {
    "date": ("date", "timestamp"),
    "seconds": ("date +%s", "timestamp"),
    "iso": ("date -Iseconds", "timestamp"),
    "listing": ("touch /tmp/new; stat -c %y /tmp/new", "timestamp"),
    "temporary": ("mktemp", "temporary-name"),
    "pid": ("echo pid $$", "process-id"),
    "urandom": ("head -c 64 /dev/urandom", "random"),
    "uuid": ("cat /proc/sys/kernel/random/uuid", "random"),
    "processors": ("nproc", "cpu-count"),
    "find": ("find /many", "order"),
    "recursive": ("grep -r . /many", "order"),
    "jobs": ("for i in 1 2 3 4 5 6 7 8; do (usleep $(od -An -N2 -tu2 /dev/urandom); echo job $i) & done; wait", "order"),
    "release": ("uname -r", "kernel"),
    "tar": ("tar -C / -cf - many", "order"),
    "stack": ("grep stack /proc/self/maps", "address"),
    "uptime": ("cat /proc/uptime", "unknown"),
    "inode": ("stat -c %i /tmp/new", "unknown"),
    "memory": ("grep MemFree /proc/meminfo", "unknown"),
}
# What compilers, archivers and interpreters do unless they are told otherwise.
TOOLS = {
    "built": ("gcc -o built date.c; cat built", "timestamp"),
    # The linker's hash decides which of the strings comes first, and so what stands beside what.
    "debug": ("d=$(mktemp -d); cp plain.c $d/; gcc -g -c -o debug.o $d/plain.c; cat debug.o", "temporary-name|build-path"),
    "build-id": ("gcc -Wl,--build-id=uuid -o id plain.c; cat id", "build-id"),
    "seed": ("gcc -flto -c -o lto.o plain.c; strings -a lto.o | grep -m 1 gnu.lto_main", "random"),
    "pointer": ("gcc -o pointer pointer.c; ./pointer", "address"),
    "ar": ("gcc -c plain.c; ar rcU plain.a plain.o; cat plain.a", "timestamp"),
    "gzip": ("cp plain.c p.c; gzip p.c; cat p.c.gz", "timestamp"),
    "zip": ("python3 -c 'import zipfile, sys; z = zipfile.ZipFile(\"z.zip\", \"w\"); z.write(\"new.c\"); z.close()'; cat z.zip",
            "timestamp"),
    "pyc": ("cp plain.py p.py; python3 -m py_compile p.py; cat __pycache__/p.*.pyc", "timestamp"),
    "set": ("python3 -c 'for x in set(map(str, range(200))): print(\"name\", x)'", "order"),
    "keys": ("perl -e '%h = map { $_ => 1 } 1..200; print map { \"key $_\\n\" } keys %h'", "order"),
}
# What steps cannot see, whatever is otherwise outside.
QUIET = {
    "host": "hostname", "user": "id", "environment": "env | sort", "mask": "umask", "directory": "pwd",
    "zone": "date -d @0", "sorted": "find /many | sort", "limits": "ulimit -a", "command": "tr '\\0' ' ' </proc/1/cmdline",
}


def step(name, directory, commands):
    lines = ["      - name: %s" % name, "        run: |", "          mkdir -p /%s" % directory]
    lines += ["          (%s) >/%s/%s" % (command, directory, file) for file, command in commands.items()]
    return lines


def recipe(name, base, before, leaks):
    """With a step that says what the base needs, and the leaks' and quiet ones' files as the image."""
    lines = ["recipe: 1", "name: " + name, "epoch: 1700000000", "stages:", "  base:", "    from: " + base, "    steps:",
             "      - run: |", *["          " + line for line in before.splitlines()],
             *step("leaks", "leaks", {file: "unset SOURCE_DATE_EPOCH; " + command for file, (command, _) in leaks.items()})]
    if leaks is SHELL:
        lines += step("quiet", "quiet", QUIET)
    lines += ["image:", "  layers:", "    - name: leaks", "      copy:", "        - { from: base, path: /leaks, to: /leaks }"]
    if leaks is SHELL:
        lines += ["        - { from: base, path: /quiet, to: /quiet }"]
    with open(name + ".recipe", "w") as f:
        f.write("\n".join(lines) + "\n")
    return name + ".recipe"


def verify(path):
    done = subprocess.run([ggbuild, "verify", path, "--store", "store", "--json", "--progress", "plain"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 8:
        sys.exit("test_leaks: verify %s: status %d\n%s" % (path, done.returncode, done.stderr[-4000:]))
    [row] = json.loads(done.stdout)["rebuilds"]
    found = {}
    for difference in row["comparison"]["differences"]:
        found.setdefault(difference.get("path"), []).append(difference)
    return found


def check(name, found, leaks):
    wrong = 0
    for file, (command, cause) in leaks.items():
        differences = found.pop("leaks/" + file, [])
        causes = {d.get("cause") for d in differences if d["kind"] == "bytes"}
        if not causes.intersection(cause.split("|")):
            wrong += 1
            print("%s: %s: %s instead of %s\n  %s" % (name, file, sorted(map(str, causes)), cause, json.dumps(differences)[:600]))
    for path, differences in found.items():
        if path and path.startswith("leaks/"):
            continue
        wrong += 1
        print("%s: %s differs: %s" % (name, path, json.dumps(differences)[:600]))
    return wrong


def main():
    base = "{ rootfs: root.tar }"
    subprocess.run([os.path.join(tests, "tools/busybox_rootfs"), "root.tar"], check=True)
    wrong = check("shell", verify(recipe("shell", base, "mkdir /many\nfor i in $(seq 40); do echo $i >/many/$i; done", SHELL)),
                  SHELL)
    base = "{ debian: trixie, packages: [gcc, libc6-dev, python3-minimal, libpython3-stdlib] }"
    before = """mkdir /work; cd /work
echo 'int main(void) { return 0; }' >plain.c
echo 'x = 1' >plain.py
printf '#include <stdio.h>\\nint main(void) { puts(__DATE__ " " __TIME__); return 0; }\\n' >date.c
printf '#include <stdio.h>\\nint main(void) { int x; printf("stack %%p\\\\n", (void *)&x); return 0; }\\n' >pointer.c
touch -d @1700000000 *"""
    tools = {file: ("cd /work; cp plain.c new.c; touch new.c plain.py plain.c; " + command, cause)
             for file, (command, cause) in TOOLS.items()}
    wrong += check("tools", verify(recipe("tools", base, before, tools)), tools)
    if wrong:
        sys.exit("test_leaks: %d of %d leaks and %d others are not as they should be" % (wrong, len(SHELL) + len(TOOLS), len(QUIET)))
    print("%d leaks found and named, %d things that do not leak" % (len(SHELL) + len(TOOLS), len(QUIET)))


work = tempfile.mkdtemp(prefix="gg-leaks-")
os.chdir(work)
try:
    main()
finally:
    os.chdir("/")
    shutil.rmtree(work, ignore_errors=True)
