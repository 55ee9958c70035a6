# SPDX-License-Identifier: Apache-2.0
"""The peers: each packs a directory into an OCI layout, runs a command that does nothing, and builds what is built."""
import os
import shutil
import signal
import subprocess
import time

from bench_tools import Failed, measure, run, say


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    return path


class Buildah:
    name = "buildah"

    def __init__(self, work):
        self.root = os.path.join(work, "buildah")
        self.command = ["buildah", "--root", self.root, "--runroot", self.root + ".run", "--storage-driver", "overlay"]

    def pack(self, directory, out):
        """Seconds of the copy, seconds of the layer."""
        container = run([*self.command, "from", "scratch"]).strip()
        copy = measure([*self.command, "copy", container, directory, "/"])
        layer = measure([*self.command, "commit", "--format", "oci", "--disable-compression=false", container,
                         "oci:%s:latest" % fresh(out)])
        run([*self.command, "rm", container])
        return copy.wall, layer.wall

    def start_true(self, true):
        """Milliseconds of `run` with a program that ends at once."""
        container = run([*self.command, "from", "scratch"]).strip()
        run([*self.command, "copy", container, true, "/bin/true"])
        times = [measure([*self.command, "run", "--runtime", "runc", "--network", "none", container, "/bin/true"]).wall * 1e3
                 for _ in range(11)]
        run([*self.command, "rm", container])
        return sorted(times)[5]

    def rebuild(self, directory):
        """Milliseconds of a build where nothing changed."""
        build = [*self.command, "build", "--layers", "--tag", "noop", "--file", directory + "/Dockerfile", directory]
        run(build)
        return sorted(measure(build).wall * 1e3 for _ in range(5))[2]

    def close(self):
        # Overlay mounts first, or its directory cannot be removed.
        subprocess.run([*self.command, "rm", "--all"], capture_output=True)


class Docker:
    """The distribution's engine, started here and ended here, with BuildKit inside it and the builder before that."""

    def __init__(self, work):
        self.work = os.path.join(work, "docker")
        os.makedirs(self.work, exist_ok=True)
        self.socket = "unix://%s/socket" % self.work
        self.log = open(self.work + "/log", "w")
        self.engine = subprocess.Popen(
            ["dockerd", "--data-root", self.work + "/data", "--exec-root", self.work + "/exec", "--pidfile",
             self.work + "/pid", "-H", self.socket, "--iptables=false", "--bridge=none"],
            stdout=self.log, stderr=self.log, start_new_session=True)
        # The client of the same package: a newer one wants a plugin for BuildKit.
        self.command = ["/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker", "-H", self.socket]
        for _ in range(100):
            if subprocess.run([*self.command, "info"], capture_output=True).returncode == 0:
                return
            if self.engine.poll() is not None:
                break
            time.sleep(0.1)
        self.close()
        raise Failed("dockerd did not start; %s says why" % self.log.name)

    def build(self, buildkit):
        # The engine has no bridge; "none" is not among the networks that its BuildKit can do.
        return [*self.command, "build", "--network", "host" if buildkit else "none", "-q"]

    @staticmethod
    def env(buildkit):
        return dict(os.environ, DOCKER_BUILDKIT="1" if buildkit else "0")

    def pack(self, directory, out, buildkit, zstd=False):
        with open(self.work + "/Dockerfile", "w") as f:
            f.write("FROM scratch\nCOPY . /\n")
        copy = measure([*self.build(buildkit), "--no-cache", "-t", "packed", "-f", f.name, directory],
                       env=self.env(buildkit))
        layer = measure(["skopeo", "copy", "-q", "--src-daemon-host", self.socket,
                         *(["--dest-compress-format", "zstd", "--dest-compress-level", "3"] if zstd else []),
                         "docker-daemon:packed:latest", "oci:%s:latest" % fresh(out)])
        run([*self.command, "rmi", "-f", "packed"])
        run([*self.command, "builder", "prune", "-f"])
        return copy.wall, layer.wall

    def rebuild(self, directory, buildkit):
        build = [*self.build(buildkit), "-t", "noop", directory]
        run(build, env=self.env(buildkit))
        return sorted(measure(build, env=self.env(buildkit)).wall * 1e3 for _ in range(9))[4]

    def start_true(self, true, buildkit):
        """Milliseconds of a build whose one new step is such a program."""
        directory = self.work + "/true"
        os.makedirs(directory, exist_ok=True)
        shutil.copy(true, directory + "/true")
        times = []
        for i in range(11):
            with open(directory + "/Dockerfile", "w") as f:
                f.write('FROM scratch\nCOPY true /bin/true\nENV RUN=%d\nRUN ["/bin/true"]\n' % i)
            times.append(measure([*self.build(buildkit), directory], env=self.env(buildkit)).wall * 1e3)
        return sorted(times)[5]

    def close(self):
        self.engine.send_signal(signal.SIGTERM)
        try:
            self.engine.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.engine.pid, signal.SIGKILL)
            self.engine.wait()
            say("dockerd had to be killed")
        # It binds its data on itself and leaves that behind.
        subprocess.run(["umount", self.work + "/data"], capture_output=True)
        self.log.close()
