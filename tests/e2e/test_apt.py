#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
"""What `ggbuild lock` chooses is what `apt-get install --no-install-recommends` chooses on an empty system.

Both see the same signed archive, made of the suites in tests/debian/suites (excerpts of real ones), and are asked for
each of the sets there; what the real apt says now must also be what it said for the whole suites.
    test_apt.py GGBUILD
"""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

program = os.path.abspath(sys.argv[1])
tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
failures = []


def fail(what):
    failures.append(what)
    print("test_apt.py: " + what, file=sys.stderr)


def run(*command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode:
        sys.exit("%s: %s" % (" ".join(command), done.stdout))
    return done.stdout


def essential(suite):
    """The names of Essential packages, which every normal system has."""
    with open("%s/debian/suites/%s/%s.Packages" % (tests, suite, suite)) as f:
        stanzas = f.read().split("\n\n")
    return [s.split("\n")[0].split()[1] for s in stanzas if "\nEssential: yes" in s]


class Apt:
    """The real one, with a root of its own."""

    def __init__(self, work, suite, url):
        self.root = os.path.join(work, "apt")
        for d in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d",
                  "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt", "var/lib/dpkg"):
            os.makedirs(os.path.join(self.root, d))
        with open(os.path.join(self.root, "etc/apt/sources.list"), "w") as f:
            for pocket in ("", "-updates", "-security"):
                f.write("deb [signed-by=%s/keyring.gpg] %s %s%s main\n" % (work, url, suite, pocket))
        for empty in ("var/lib/dpkg/status", "none"):
            open(os.path.join(self.root, empty), "w").close()
        self.call("update")

    def call(self, *words):
        options = {"Dir": self.root, "Dir::State::status": self.root + "/var/lib/dpkg/status",
                   "APT::Architecture": "amd64", "APT::Architectures": "amd64", "APT::Sandbox::User": "",
                   "APT::Solver": "internal", "Acquire::Languages": "none", "Debug::NoLocking": "true",
                   "APT::Install-Recommends": "false"}
        return run("apt-get", *("-o%s=%s" % o for o in options.items()), "-q", *words,
                   env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "APT_CONFIG": self.root + "/none"})

    def answer(self, packages):
        lines = [line.split() for line in self.call("-s", "-y", "install", *packages).splitlines()]
        return sorted((w[1].split(":")[0], w[2].strip("(")) for w in lines if w and w[0] == "Inst")


def ours(work, suite, url, packages):
    with open(os.path.join(work, "a.recipe"), "w") as f:
        f.write("recipe: 1\nname: a\nstages:\n  base:\n    from: { debian: %s, packages: [%s], keyring: keyring.gpg }\n"
                % (suite, ", ".join(packages)))
    lock = os.path.join(work, "a.lock")
    if os.path.exists(lock):
        os.unlink(lock)
    run(program, "lock", "a.recipe", "--store", work + "/store", "--mirror", "debian=" + url, "--progress", "none",
        cwd=work)
    with open(lock) as f:
        entries = json.load(f)["platforms"]["linux/amd64"]["debian"]
    return sorted((p["name"], p["version"]) for entry in entries.values() for p in entry["packages"])


def serve(work):
    state = os.path.join(work, "state")
    os.mkdir(state)
    server = subprocess.Popen([tests + "/http/file_server.py", work + "/archive", state], stdin=subprocess.DEVNULL)
    while not os.path.exists(state + "/port"):
        if server.poll() is not None:
            sys.exit("the server has ended")
        time.sleep(0.05)
    with open(state + "/port") as f:
        return server, "http://127.0.0.1:" + f.read().strip()


def check_suite(suite):
    sets = sorted(glob.glob("%s/debian/suites/%s/*.set" % (tests, suite)))
    with tempfile.TemporaryDirectory(prefix="ggbuild-apt.") as work:
        for pocket in ("", "-updates", "-security"):
            run(tests + "/debian/make_archive.py", "--dir", work, "--suite", suite + pocket, "--arch", "amd64",
                "--index", "%s/debian/suites/%s/%s%s.Packages" % (tests, suite, suite, pocket))
        server, url = serve(work)
        try:
            apt = Apt(work, suite, url)
            for path in sets:
                check_set(work, suite, url, apt, path)
        finally:
            server.kill()
            server.wait()
    return len(sets)


def check_set(work, suite, url, apt, path):
    with open(path) as f:
        request, *lines = f.read().splitlines()
    packages = request[2:].split()
    kept = sorted(tuple(line.split()) for line in lines)
    theirs = apt.answer(essential(suite) + packages)
    mine = ours(work, suite, url, packages)
    name = "%s: %s" % (suite, " ".join(packages))
    if theirs != kept:
        fail("%s: apt chooses other packages than it did: %s" % (name, sorted(set(theirs) ^ set(kept))))
    if mine != theirs:
        fail("%s: ggbuild and apt differ: only ggbuild %s, only apt %s" %
             (name, sorted(set(mine) - set(theirs)), sorted(set(theirs) - set(mine))))
    print("%s: %d packages" % (name, len(mine)))


n = sum(check_suite(suite) for suite in ("bookworm", "trixie"))
if n < 6:
    fail("only %d sets" % n)
sys.exit(1 if failures else 0)
