# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on a free port of loopback, for tests and the bench.

    with Registry(directory) as registry: ... registry.host ... registry.requests()
"""
import base64
import datetime
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

USER, PASSWORD = "user", "secret"
# bcrypt of the password, with the least cost.
HTPASSWD = USER + ":$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


class Registry:
    """users: only they are let in. readonly: nothing is taken. log: an access log, which costs it a little."""

    def __init__(self, directory, users=False, readonly=False, log=True):
        self.directory, self.users, self.log = directory, users, log
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.host = "127.0.0.1:%d" % s.getsockname()[1]
        os.makedirs(directory, exist_ok=True)
        config = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": self.path("data"), "maxthreads": 100},
                        "maintenance": {"readonly": {"enabled": readonly}, "uploadpurging": {"enabled": False}},
                        "delete": {"enabled": True}},
            "http": {"addr": self.host},
            "log": {"level": "info" if log else "error", "formatter": "json", "accesslog": {"disabled": not log}},
        }
        if users:
            with open(self.path("users"), "w") as f:
                f.write(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "test", "path": self.path("users")}}
        with open(self.path("config.yml"), "w") as f:
            json.dump(config, f)

    def path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", self.path("config.yml")], stdout=log,
                                            stderr=subprocess.STDOUT)
        for _ in range(500):
            try:
                self.get("/v2/")
                break
            except urllib.error.URLError:
                time.sleep(0.02)
        else:
            self.__exit__()
            raise RuntimeError("docker-registry does not start: " + self.read_log()[-2000:])
        self.forget()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def empty(self):
        shutil.rmtree(self.path("data"), ignore_errors=True)

    def get(self, path, method="GET", accept=MANIFESTS):
        """(status, headers, body)"""
        request = urllib.request.Request("http://" + self.host + path, method=method, headers={"Accept": accept})
        if self.users:
            token = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
            request.add_header("Authorization", "Basic " + token)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def digest(self, name, reference):
        """That of a manifest; None where there is none."""
        status, headers, _ = self.get("/v2/%s/manifests/%s" % (name, reference), "HEAD")
        return headers["Docker-Content-Digest"] if status == 200 else None

    def read_log(self):
        with open(self.path("log"), errors="replace") as f:
            return f.read()

    def forget(self):
        """Requests are counted from here on."""
        self.mark = len(self.read_log())

    def requests(self):
        """["HEAD /v2/… 200", …] since forget, queries left out but those of mounts."""
        lines = re.findall(r'"([A-Z]+) (\S+) HTTP/\S+" (\d+)', self.read_log()[self.mark:])
        return ["%s %s %s" % (method, re.sub(r"[?&](_state|digest)=[^&]*", "", path), status) for method, path, status in lines]

    def times(self, pattern):
        """Seconds since 1970 at which it was done with requests "METHOD PATH" that match."""
        found = []
        for line in self.read_log()[self.mark:].splitlines():
            entry = json.loads(line) if line.startswith("{") else {}
            what = "%s %s" % (entry.get("http.request.method"), entry.get("http.request.uri"))
            if "http.response.status" in entry and re.search(pattern, what):
                moment, fraction = re.fullmatch(r"(.*:\d\d)(\.\d+)?Z", entry["time"]).groups()
                since = datetime.datetime.fromisoformat(moment + "+00:00").timestamp()
                found.append(since + float(fraction or 0))
        return found
