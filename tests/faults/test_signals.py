#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# ctest-serial
"""SIGINT, SIGTERM and SIGHUP in every phase of a build: ggbuild ends with 128 + n within two seconds, no process and no
mount is left, nothing is at the output's place, and the next run succeeds with the digest of a run that nobody disturbed.

    test_signals.py GGBUILD
"""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

if "OWN_MOUNTS" not in os.environ:  # what others mount meanwhile must not show
    os.environ["OWN_MOUNTS"] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])

GGBUILD = os.path.abspath(sys.argv[1])
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 2.0
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
problems = []


def problem(where, text):
    problems.append("%s: %s" % (where, text))
    print("PROBLEM", problems[-1], flush=True)


class Stalls(http.server.BaseHTTPRequestHandler):
    """Answers, and then never sends the rest."""
    release = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)
        self.wfile.flush()
        self.release.wait(60)

    def log_message(self, *args):
        pass


def processes(mark):
    """Processes that have the mark in their arguments or environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as f:
                    if mark.encode() in f.read() and int(pid) != os.getpid():
                        found.append(pid)
                        break
            except OSError:
                pass
    return found


def mounts():
    with open("/proc/self/mountinfo") as f:
        return f.read()


class Build:
    def __init__(self, work, mark, *words):
        self.work, self.mark = work, mark
        env = {"PATH": os.environ["PATH"], "HOME": work, "MARK": mark}
        self.p = subprocess.Popen([GGBUILD, "build", *words, "--store", work + "/store", "--progress", "json"], cwd=work,
                                  env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  start_new_session=True)

    def wait_for(self, event, name):
        """Until the event shows up; False when the build ended before."""
        for line in self.p.stderr:
            try:
                e = json.loads(line)
            except ValueError:
                continue
            if e.get("event") == event and name in e.get("name", e.get("text", "")):
                return True
        return False

    def end(self):
        out, err = self.p.communicate(timeout=60)
        return self.p.returncode, out.strip(), err


def phase(where, work, mark, words, ready, number, group):
    """Starts a build, waits until it is ready, signals it, looks at what is left."""
    before = mounts()
    names = set(os.listdir(work))
    b = Build(work, mark, *words)
    if not ready(b):
        problem(where, "the phase was not reached: %s" % (b.end(),))
        return
    start = time.monotonic()
    if group:
        os.killpg(b.p.pid, number)
    else:
        b.p.send_signal(number)
    b.p.send_signal(signal.SIGCONT)
    try:
        code, out, err = b.end()
    except subprocess.TimeoutExpired:
        problem(where, "still there after 60 s")
        os.killpg(b.p.pid, signal.SIGKILL)
        return
    took = time.monotonic() - start
    print("%-28s %-8s %4d ms  exit %d" % (where, number.name, took * 1000, code), flush=True)
    if code != 128 + number:
        problem(where, "exit %d after %s\n%s" % (code, number.name, err[-500:]))
    if took > LIMIT:
        problem(where, "took %.1f s to end" % took)
    for _ in range(10):
        left = processes(mark)
        if not left:
            break
        time.sleep(0.05)
    if left:
        problem(where, "processes left: %s" % left)
    if mounts() != before:
        problem(where, "mounts left")
    new = set(os.listdir(work)) - names - {"store", "all.lock", "scan.lock", "import.lock", "download.lock"}
    if new:
        problem(where, "left behind: %s" % sorted(new))


STEPS = """\
recipe: 1
name: all
inputs: { tree: { local: tree } }
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
      - { name: work, run: "sleep 0.6 & sleep 0.6; head -c 10000000 /dev/urandom >/blob; : %s" }
      - { fetch: get, output: /got, run: "mkdir /got; sleep 0.6; echo %s >/got/file" }
image:
  from: base
  layers: [ { name: files, copy: [ { from: base, path: /, to: /copy/ }, { from: tree, path: /, to: /tree/ } ] } ]
tests: [ { name: waits, run: "sleep 0.6; : %s" } ]
"""


def stopped_at(event, name):
    """Stopped in its tracks, so that the signal meets what comes next."""
    def ready(b):
        if not b.wait_for(event, name):
            return False
        b.p.send_signal(signal.SIGSTOP)
        return True
    return ready


def after(event, name, delay=0.2):
    def ready(b):
        found = b.wait_for(event, name)
        time.sleep(delay)
        return found
    return ready


def sleeping(delay):
    def ready(b):
        time.sleep(delay)
        return b.p.poll() is None
    return ready


def main():
    base = tempfile.mkdtemp(prefix="ggtest-signals-")
    mark = "ggtest-mark-%d" % os.getpid()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalls)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_address[1]
    try:
        os.mkdir(base + "/tree")
        for i in range(3000):
            with open("%s/tree/%d" % (base, i), "w") as f:
                f.write(str(i))
        # Sparse: nothing on the disk, seconds to read.
        with open(base + "/large", "wb") as f:
            f.truncate(8 << 30)
        os.mkdir(base + "/sparse")
        os.rename(base + "/large", base + "/sparse/large")
        subprocess.run([TESTS + "/tools/busybox_rootfs", base + "/rootfs.tar"], check=True)
        write = lambda name, text: open(base + "/" + name, "w").write(text)
        write("all.recipe", STEPS % (mark, mark, mark))
        write("scan.recipe", "recipe: 1\nname: scan\ninputs: { sparse: { local: sparse } }\nimage:\n  layers: "
              "[ { name: l, copy: [ { from: sparse, path: /, to: /s/ } ] } ]\n")
        write("import.recipe", "recipe: 1\nname: import\nstages: { base: { from: { rootfs: sparse/large } } }\n"
              "image: { from: base }\n")
        write("download.recipe", "recipe: 1\nname: download\nstages: { base: { from: { rootfs: \"%s/x.tar\", sha256: "
              "\"%s\" } } }\nimage: { from: base }\n" % (url, "1" * 64))
        write("resolve.recipe", "recipe: 1\nname: resolve\nstages: { base: { from: { debian: trixie, packages: [bash] } "
              "} }\nimage: { from: base }\n")
        run = ["all.recipe", "-o", "oci:out"]
        phases = [
            ("scan a local input", ["scan.recipe"], sleeping(0.4)),
            ("import a root", ["import.recipe"], sleeping(0.4)),
            ("resolve", ["resolve.recipe", "--mirror", "debian=" + url], sleeping(0.4)),
            ("download", ["download.recipe"], sleeping(0.4)),
            ("unpack", run, stopped_at("start", "base")),
            ("step", run, after("start", "base/work")),
            ("fetch", run, after("start", "base/get")),
            ("assemble", run, stopped_at("start", "layer files")),
            ("pack", run, stopped_at("start", "pack layer files")),
            ("test", run, after("start", "test waits")),
            ("output", run, stopped_at("note", "run,")),
            ("archive", ["all.recipe", "-o", "oci-archive:out.tar"], stopped_at("note", "run,")),
        ]
        for i, (name, words, ready) in enumerate(phases):
            phase(name, base, mark, words, ready, SIGNALS[i % 3], group=i % 2 == 0)
        for number in SIGNALS:
            phase("step, all of the group", base, mark, ["all.recipe", "--no-cache"], after("start", "base/work"), number,
                  group=True)
        code, out, err = Build(base, mark, *run).end()
        if code != 0:
            problem("the next run", "exit %d\n%s" % (code, err))
        again = subprocess.run([GGBUILD, "all.recipe", "--store", base + "/store", "--progress", "none", "-o", "oci:two",
                                "-o", "oci-archive:out.tar"], cwd=base, capture_output=True, text=True)
        if again.returncode != 0 or set(again.stdout.split()) != {out}:
            problem("the digest", "'%s' instead of '%s' %s" % (again.stdout, out, again.stderr))
        for words in (["gc"], ["verify"]):
            r = subprocess.run([GGBUILD, "store", *words, "--store", base + "/store"], capture_output=True, text=True)
            if r.returncode != 0:
                problem("store " + words[0], r.stdout + r.stderr)
        if os.listdir(base + "/store/tmp"):
            problem("store gc", "left in tmp: %s" % os.listdir(base + "/store/tmp"))
    finally:
        Stalls.release.set()
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(1 if problems else 0)


main()
