# SPDX-License-Identifier: Apache-2.0
"""What all rows share: running things and measuring them, a quiet machine, the table."""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

PACKAGES = {  # what is run: the package that has it
    "buildah": "buildah", "dockerd": "docker.io", "mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap", "pigz": "pigz",
    "zstd": "zstd", "hyperfine": "hyperfine", "skopeo": "skopeo", "umoci": "umoci", "dpkg-scanpackages": "dpkg-dev",
    "cc": "gcc", "docker-registry": "docker-registry", "curl": "curl", "runc": "runc", "podman": "podman", "newuidmap": "uidmap"}


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def install_peers():
    packages = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
    if not packages:
        return
    say("installing " + " ".join(packages))
    # RUNLEVEL: no engine is started by being installed.
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    for words in (["update", "-q"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *words], env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit("bench: apt-get %s: %s" % (words[0], done.stderr or done.stdout[-2000:]))


class Failed(Exception):
    pass


def run(words, **how):
    """Runs to the end; standard output as text, or Failed with what it said."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    if done.returncode:
        raise Failed("%s: status %d\n%s" % (" ".join(words), done.returncode, done.stderr[-3000:]))
    return done.stdout


def wait_for_quiet(limit=60):
    """Others' work must not be in our figures; but a machine that never rests is measured all the same."""
    for _ in range(limit // 5):
        if os.getloadavg()[0] <= 0.7 or "BENCH_NO_WAIT" in os.environ:
            break
        time.sleep(5)


class Took:
    """What one run cost: seconds of wall time, seconds of processor time and peak RSS of the largest process in KiB."""

    def __init__(self, wall, cpu, rss):
        self.wall, self.cpu, self.rss = wall, cpu, rss


def measure(words, **how):
    # What earlier work left for the disk is not this work's.
    os.sync()
    with open(os.devnull) as null:
        process = subprocess.Popen(words, stdin=null, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
        start = time.monotonic()
        try:
            output = process.stdout.read()
        except KeyboardInterrupt:
            process.terminate()
            raise
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed("%s: status %d\n%s" % (words, process.returncode, output.decode(errors="replace")[-3000:]))
    took = Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
    took.output = output.decode(errors="replace")
    return took


def median(runs):
    """The run whose wall time is the middle one."""
    return sorted(runs, key=lambda took: took.wall)[(len(runs) - 1) // 2]


def median_ms(words, runs=30, **how):
    """Median wall and processor time in milliseconds of something short."""
    report = os.path.join(how.pop("work"), "hyperfine.json")
    run(["hyperfine", "-N", "--warmup", "3", "--runs", str(runs), "--export-json", report, " ".join(words)], **how)
    with open(report) as f:
        result = json.load(f)["results"][0]
    return result["median"] * 1e3, (result["user"] + result["system"]) * 1e3


class Line:
    """One line of the table. Values are in `unit`, less is better; `reach` None: told, not judged."""

    def __init__(self, row, work, unit, ours, reach=None, peers=None, note=""):
        self.row, self.work, self.unit, self.ours, self.reach = row, work, unit, ours, reach
        self.peers, self.note = dict(peers or {}), note

    def met(self):
        return None if self.reach is None else self.ours <= self.reach

    def best_peer(self):
        return min(self.peers.items(), key=lambda p: p[1]) if self.peers else None

    def as_json(self):
        best = self.best_peer()
        return {"row": self.row, "work": self.work, "unit": self.unit, "ggbuild": self.ours, "reach": self.reach,
                "met": self.met(), "peers": self.peers, "ratio": best[1] / self.ours if best and self.ours else None,
                "note": self.note}


def number(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def table(lines):
    head = ["work", "ggbuild", "peers", "ratio to the best", "reach", "met"]
    cells = [head]
    for line in lines:
        best = line.best_peer()
        peers = ", ".join("%s %s" % (name, number(v)) for name, v in sorted(line.peers.items(), key=lambda p: p[1]))
        cells.append([
            line.work + (" (%s)" % line.note if line.note else ""), number(line.ours) + " " + line.unit, peers,
            "%.2f (%s)" % (best[1] / line.ours, best[0]) if best and line.ours else "",
            "" if line.reach is None else number(line.reach) + " " + line.unit,
            {True: "yes", False: "NO", None: ""}[line.met()]])
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    rows = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    rows.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(rows)


@contextlib.contextmanager
def chatter(text):
    """A long preparation says what it is and how long it took."""
    start = time.monotonic()
    yield
    say("%s: %.0f s" % (text, time.monotonic() - start))


def middle(values):
    return statistics.median(values)
