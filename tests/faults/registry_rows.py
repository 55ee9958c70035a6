# SPDX-License-Identifier: Apache-2.0
"""What registries do wrong, and what is to come of it: the table of test_registry_faults.py. Scripts are explained in
fault_registry.py; <manifest>, <config>, <layer0> and <layer1> stand for digests of the image, {place} for the registry's
host and port. What a row that ends with an error says is in registry_errors.txt."""
import dataclasses
import json
import random

import images
from fault_registry import PASSWORD, USER, digest

LOGIN = "%s:%s" % (USER, PASSWORD)
MIB = 1 << 20
NOISE = random.Random(5).randbytes(200000)
BASE = 4  # requests of an undisturbed pull: manifest, config, two layers
UP = 11   # and of a push: the manifest is looked for, three blobs are each looked for, begun and sent, the manifest is put


def image(**manifest):
    """Two layers, 200 KB and 1 KB."""
    layout = images.Layout(images.layer({"noise": NOISE}), images.layer({"file": b"content"}), ref="1")
    layout.children = []
    if manifest:
        layout.manifest.update(manifest)
        layout.reseal()
        layout.index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    return layout


def nothing(*ignored):
    pass


@dataclasses.dataclass
class Row:
    name: str
    words: list
    script: list = dataclasses.field(default_factory=list)
    exit: int = 0
    requests: object = BASE
    tokens: int = 0
    other: object = 0
    registry: dict = dataclasses.field(default_factory=dict)
    creds: str = ""
    env: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    lax: bool = True
    reads: bool = True    # from the registry
    stores: bool = True
    writes: bool = True   # to it, from a layout
    kept: bool = False
    program: bool = False
    prints: bool = True   # the digest
    system_ca: bool = False
    seconds: float = 12
    waits: float = 0
    settle: float = 0
    sent: int = MIB
    layout: object = image
    prepare: object = nothing
    afterwards: object = nothing


ROWS = []


def pull(name, script=(), **fields):
    words = fields.pop("words", ["copy", "docker://{place}/app:1", "oci:out"])
    ROWS.append(Row("pull " + name, words, list(script), **fields))


def push(name, script=(), **fields):
    words = fields.pop("words", ["copy", "oci:in", "docker://{place}/app:1"])
    ROWS.append(Row("push " + name, words, list(script), **{"reads": False, "requests": UP, **fields}))


def rule(on, nth=1, **what):
    return {"on": on, "nth": nth, **what}


MANIFEST = "GET */manifests/1"
LAYER = "GET */blobs/<layer0>"
CONFIG = "GET */blobs/<config>"

# ---- bodies that end, or do not ----

pull("undisturbed")
for how in ("close", "reset"):
    for where in ("status", "headers", "body", 1, "50%", "99%", "last"):
        pull("layer cut at %s by %s" % (where, how), [rule(LAYER, cut=where, how=how)], requests=BASE + 1)
    for where in ("headers", 100, "last"):
        pull("manifest cut at %s by %s" % (where, how), [rule(MANIFEST, cut=where, how=how)], requests=BASE + 1)
pull("config cut", [rule(CONFIG, cut="50%")], requests=BASE + 1)
pull("layer cut again and again", [rule(LAYER, [1, 2, 3, 4], cut=20000)], requests=BASE + 4)
pull("layer cut for ever", [rule(LAYER, "all", cut=1000)], exit=7, requests=(BASE + 4, BASE + 5))
pull("manifest cut for ever", [rule(MANIFEST, "all", cut=10)], exit=7, requests=5)
pull("layer cut where nothing can be resumed", [rule(LAYER, cut="50%")], registry={"ranges": False}, requests=BASE + 1)
pull("layer longer than its length says", [rule(LAYER, "all", length=1000)], exit=6, requests=BASE)
pull("layer shorter than its length says", [rule(LAYER, length=300000)], exit=6)
pull("layer without a length", [rule(LAYER, length=None)])
pull("manifest without a length", [rule(MANIFEST, length=None)])
pull("layer in chunks", [rule(LAYER, chunked="end")])
pull("layer in chunks without an end", [rule(LAYER, chunked="open")], requests=BASE + 2)
pull("layer in broken chunks", [rule(LAYER, chunked="bad")], requests=BASE + 2)
pull("manifest in chunks without an end", [rule(MANIFEST, "all", chunked="open")], exit=7, requests=5, seconds=25)
pull("layer in a coding that nobody asked for", [rule(LAYER, set={"Content-Encoding": "gzip"})])
pull("manifest in a coding that nobody asked for", [rule(MANIFEST, set={"Content-Encoding": "gzip"})])
pull("layer with one byte more", [rule(LAYER, "all", body={"add": 1})], exit=6)
pull("layer with one byte more and no length", [rule(LAYER, "all", body={"add": 1}, length=None)], exit=6)
pull("layer with one byte less", [rule(LAYER, "all", body={"drop": 1})], exit=6)
pull("layer of 1 GiB", [rule(LAYER, "all", body={"zeros": 1 << 30})], exit=6, sent=16 * MIB)
pull("layer without an end", [rule(LAYER, "all", body={"zeros": 1 << 40}, length=None)], exit=6, sent=16 * MIB)
pull("manifest of 1 GiB", [rule(MANIFEST, "all", body={"zeros": 1 << 30})], exit=7, requests=1, sent=16 * MIB)
pull("manifest without an end", [rule(MANIFEST, "all", body={"zeros": 1 << 40}, length=None)], exit=7, requests=1,
     sent=16 * MIB)
pull("config of 1 GiB", [rule(CONFIG, "all", body={"zeros": 1 << 30})], exit=6, requests=2, sent=16 * MIB)
pull("headers of 1 GiB with the manifest", [rule(MANIFEST, "all", flood=1 << 30)], exit=7, requests=(1, 5), sent=16 * MIB)
pull("headers of 1 GiB with a layer", [rule(LAYER, "all", flood=1 << 30)], exit=7, requests=(BASE, BASE + 4), sent=16 * MIB)
pull("headers of 1 GiB with an error", [rule(MANIFEST, "all", status=404, flood=1 << 30)], exit=7, requests=(1, 5),
     sent=16 * MIB)
pull("error page of 1 GiB", [rule(MANIFEST, "all", status=404, body={"zeros": 1 << 30})], exit=7, requests=1, sent=16 * MIB)
pull("error page of 1 GiB for a layer", [rule(LAYER, "all", status=404, body={"zeros": 1 << 30})], exit=7, requests=BASE,
     sent=16 * MIB)

# ---- N8: whatever is slow ends ----

pull("N8 layer stalls", [rule(LAYER, stall="50%")], requests=BASE + 1)
pull("N8 layer stalls for ever", [rule(LAYER, "all", stall="50%")], exit=7, requests=(BASE, BASE + 5), seconds=40)
pull("N8 manifest stalls before its status", [rule(MANIFEST, stall="status")], requests=BASE + 1)
pull("N8 manifest stalls for ever", [rule(MANIFEST, "all", stall=50)], exit=7, requests=(4, 5), seconds=40)
pull("N8 manifest stalls in its headers", [rule(MANIFEST, stall="headers")], requests=BASE + 1)
pull("N8 layer of 100 bytes a second", [rule(LAYER, slow=100)], requests=BASE + 1)
pull("N8 layer of 6 KiB a second for ever", [rule(LAYER, "all", slow=6 << 10)], exit=7, requests=(BASE, BASE + 5), seconds=40)
pull("N8 token stalls", [dict(rule("GET /token*", stall="status"), at="token")], registry={"auth": "bearer"}, creds=LOGIN,
     requests=BASE + 1, tokens=2)

# ---- N6: what is not what it is called ----

pull("N6 layer with a byte flipped", [rule(LAYER, "all", body={"flip": 70000})], exit=6)
pull("N6 config with a byte flipped", [rule(CONFIG, "all", body={"flip": 30})], exit=6, requests=2)
for at in (0, 100, 300, -1):
    pull("N6 manifest with byte %d flipped" % at, [rule(MANIFEST, "all", body={"flip": at % len(images.text(image().manifest))})],
         exit=6, requests=1)
pull("N6 manifest by digest with a byte flipped", [rule("GET */manifests/sha256*", "all", body={"flip": 100})], exit=6,
     requests=1, words=["copy", "docker://{place}/app@<manifest>", "oci:out"])
pull("N6 another manifest for a digest", [rule("GET */manifests/sha256*", "all", body={"json": {"schemaVersion": 2}})],
     exit=6, requests=1, words=["copy", "docker://{place}/app:1@<manifest>", "oci:out"])
pull("N6 wrong Docker-Content-Digest", [rule(MANIFEST, "all", set={"Docker-Content-Digest": digest(b"")})], exit=6,
     requests=1)
pull("no Docker-Content-Digest", [rule(MANIFEST, set={"Docker-Content-Digest": None})])
pull("U17 Docker-Content-Digest is a path", [rule(MANIFEST, set={"Docker-Content-Digest": "sha256:../../../etc/passwd"})])
pull("tag moves while the image is read", [rule(CONFIG, do="move-tag", arg=["app", "2"])],
     prepare=lambda run, r: r.repository("app").tags.update({"2": digest(b"")}))

# ---- Range ----

CUT = rule(LAYER, cut="50%")
pull("range from another start", [CUT, rule(LAYER, 1, set={"Content-Range": "bytes 7-199999/200000"})], requests=BASE + 2)
pull("range of another length", [CUT, rule(LAYER, 1, set={"Content-Range": "bytes 102400-300000/300001"})],
     exit=6, requests=BASE + 1)
pull("range without a total", [CUT, rule(LAYER, 1, set={"Content-Range": "bytes 102400-204799/*"})], requests=BASE + 1)
pull("range without Content-Range", [CUT, rule(LAYER, 1, set={"Content-Range": None})], requests=BASE + 2)
pull("range that cannot be had", [CUT, rule(LAYER, 1, status=416)], requests=BASE + 2)
pull("range in several parts", [CUT, rule(LAYER, 1, set={"Content-Type": "multipart/byteranges; boundary=x",
                                                        "Content-Range": None})], requests=BASE + 2)
pull("range of other bytes", [CUT, rule(LAYER, 1, body={"flip": 5})], requests=BASE + 2)
pull("range unasked for", [rule(LAYER, status=206, headers={"Content-Range": "bytes 0-9/10"}, text="0123456789")],
     requests=BASE + 1)

# ---- F7: status ----

for status in (408, 429, 500, 502, 503, 504):
    pull("manifest %d once" % status, [rule(MANIFEST, status=status)], requests=BASE + 1)
    pull("layer %d once" % status, [rule(LAYER, status=status)], requests=BASE + 1)
for status in (400, 401, 403, 404, 405, 413):
    pull("manifest %d" % status, [rule(MANIFEST, "all", status=status)], exit=7, requests=1)
    pull("layer %d" % status, [rule(LAYER, "all", status=status)], exit=7)
pull("manifest 503 for ever", [rule(MANIFEST, "all", status=503)], exit=7, requests=5)
pull("layer 500 for ever", [rule(LAYER, "all", status=500)], exit=7, requests=BASE + 4)
pull("layer 500 four times", [rule(LAYER, [1, 2, 3, 4], status=500)], requests=BASE + 4)
pull("manifest 204", [rule(MANIFEST, "all", status=204)], exit=7, requests=1)
pull("manifest 200 with a page", [rule(MANIFEST, "all", status=200, headers={"Content-Type": "text/html"}, text="<html>")],
     exit=6, requests=1)
pull("manifest 200 with nothing", [rule(MANIFEST, "all", status=200)], exit=6, requests=1)
pull("words of an error are one line", [rule(MANIFEST, "all", status=400, text=json.dumps(
    {"errors": [{"code": "X", "message": "a\nb\x1b[31m\x7f" + "c" * 1000}]}))], exit=7, requests=1)
LATER = lambda value, **more: [rule(MANIFEST, status=429, headers={"Retry-After": value}, **more)]
pull("Retry-After of a second", LATER("1"), requests=BASE + 1, waits=1)
pull("Retry-After with a date", LATER("{soon}"), requests=BASE + 1, waits=0.9)
pull("Retry-After with a date gone by", LATER("Sat, 01 Jan 2022 00:00:00 GMT"), requests=BASE + 1)
pull("Retry-After of a day", LATER("86400"), exit=7, requests=1)
pull("Retry-After of no number", LATER("soon"), requests=BASE + 1)
pull("Retry-After below nothing", LATER("-5"), requests=BASE + 1)
pull("Retry-After with a layer", [rule(LAYER, status=503, headers={"Retry-After": "1"})], requests=BASE + 1, waits=1)
pull("nobody listens", words=["copy", "docker://127.0.0.3:1/app:1", "oci:out"], exit=7, requests=0)

# ---- who we are ----

BEARER = {"auth": "bearer"}
TOKEN = "GET /token*"


def token(nth=1, **what):
    return dict(rule(TOKEN, nth, **what), at="token")


pull("bearer", registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1)
pull("bearer without credentials", registry={"auth": "bearer", "need-login": False}, requests=BASE + 1, tokens=1)
pull("bearer without credentials that needs them", registry=BEARER, requests=1, tokens=1, exit=7)
pull("bearer with a wrong password", registry=BEARER, creds="%s:wrong" % USER, requests=1, tokens=1, exit=7)
pull("basic", registry={"auth": "basic"}, creds=LOGIN, requests=BASE + 1)
pull("basic with a wrong password", registry={"auth": "basic"}, creds="%s:wrong" % USER, requests=2, exit=7)
pull("basic without credentials", registry={"auth": "basic"}, requests=1, exit=7)
AUTH_FILE = json.dumps({"auths": {"{place}": {"auth": "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3JkLTZmMWYwYQ=="}}})
pull("bearer with an auth file", registry=BEARER, env={"REGISTRY_AUTH_FILE": "{home}/auth.json"},
     files={"auth.json": AUTH_FILE}, requests=BASE + 1, tokens=1)
pull("bearer with the credentials of another registry", registry=BEARER, env={"REGISTRY_AUTH_FILE": "{home}/auth.json"},
     files={"auth.json": AUTH_FILE.replace("{place}", "127.0.0.1:1")}, requests=1, tokens=1, exit=7)
pull("bearer with a refresh token", registry=BEARER, env={"REGISTRY_AUTH_FILE": "{home}/auth.json"},
     files={"auth.json": json.dumps({"auths": {"{place}": {"identitytoken": "canary-refresh-77"}}})},
     requests=BASE + 1, tokens=1)
pull("bearer with a password in the environment", registry=BEARER, requests=BASE + 1, tokens=1,
     env={"GGBUILD_REGISTRY_USER": USER, "GGBUILD_REGISTRY_PASSWORD": PASSWORD})
pull("token runs out between requests", [rule(CONFIG, do="expire")], registry=BEARER, creds=LOGIN,
     requests=BASE + 2, tokens=2)
pull("token runs out in a layer", [rule(LAYER, do="expire"), rule(LAYER, 1, cut="50%")], registry=BEARER, creds=LOGIN,
     requests=(BASE + 2, BASE + 4), tokens=3)
pull("every token is refused", [rule("GET */v2/app/*", "all", do="expire")], registry=BEARER, creds=LOGIN, requests=2,
     tokens=1, exit=7)
pull("token server 500", [token("all", status=500)], registry=BEARER, creds=LOGIN, requests=1, tokens=5, exit=7)
pull("token server 500 once", [token(status=500)], registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=2)
pull("token server 429 once", [token(status=429)], registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=2)
pull("token server 403", [token("all", status=403)], registry=BEARER, creds=LOGIN, requests=1, tokens=1, exit=7)
pull("token cut", [token(cut="50%")], registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=2)
pull("token of 2 MiB", [token("all", body={"json": {"token": "canary-token-" + "x" * (2 * MIB)}})], registry=BEARER,
     creds=LOGIN, requests=1, tokens=1, exit=7, sent=4 * MIB)
pull("token that is no JSON", [token("all", body={"text": "canary-token-x"})], registry=BEARER, creds=LOGIN, requests=1,
     tokens=1, exit=7)
pull("token with a line end", [token("all", body={"json": {"token": "a\r\nX-Evil: 1"}})], registry=BEARER, creds=LOGIN,
     requests=1, tokens=1, exit=7)
pull("token that is a number", [token("all", body={"json": {"token": 7}})], registry=BEARER, creds=LOGIN, requests=1,
     tokens=1, exit=7)
pull("no token", [token("all", body={"json": {}})], registry=BEARER, creds=LOGIN, requests=1, tokens=1, exit=7)
for status in (302, 307, 308):
    pull("N3 token server redirects elsewhere %d" % status, [token("all", redirect=[status, "{other}{path}"])],
         registry=BEARER, creds=LOGIN, requests=1, tokens=1, exit=7)


def challenge(*values, nth="all"):
    return [rule("GET */v2/app/*", nth, status=401, headers={"WWW-Authenticate": ", ".join(values)})]


pull("two challenges, both known", challenge('Basic realm="x"', 'Bearer realm="{token}/token",service="fault"', nth=1),
     registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1)
pull("two challenges, one unknown", challenge('Negotiate', 'Bearer realm="{token}/token",service="fault"', nth=1),
     registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1)
pull("a challenge unknown", challenge('Negotiate abcdef=='), creds=LOGIN, requests=1, exit=7)
pull("401 without a challenge", [rule("GET */v2/app/*", "all", status=401)], creds=LOGIN, requests=1, exit=7)
for name, realm in (("link-local", "http://169.254.169.254/token"), ("link-local https", "https://169.254.169.254/token"),
                    ("IPv6 loopback", "https://[::1]/token"), ("mapped IPv4", "https://[::ffff:127.0.0.2]/token"),
                    ("another host", "{other}/token"), ("a private network", "https://10.0.0.1/token"),
                    ("a number for an address", "https://2130706434/token"), ("a short address", "https://127.2/token"),
                    ("octal", "https://0177.0.0.02/token"), ("localhost", "https://localhost:1/token"),
                    ("a file", "file:///etc/passwd"), ("ftp", "ftp://127.0.0.2/token"), ("no URL", "/token"),
                    ("nothing", ""), ("a user", "http://a:b@127.0.0.1:1/token"), ("gopher", "gopher://127.0.0.2/x")):
    pull("N3 realm: " + name, challenge('Bearer realm="%s",service="x"' % realm), creds=LOGIN, requests=1, exit=7)
pull("N3 no realm", challenge('Bearer service="x"'), creds=LOGIN, requests=1, exit=7)
pull("N3 realm without an end", challenge('Bearer realm="{token}/token'), creds=LOGIN, requests=1, exit=7)
pull("N3 challenge of 1 MiB", challenge('Bearer realm="{token}/%s"' % ("x" * MIB)), creds=LOGIN, requests=(1, 5), exit=7,
     sent=2 * MIB)
pull("N3 realm: http of a registry with https", challenge('Bearer realm="{plain}/token"'), creds=LOGIN, requests=1,
     registry={"tls": "good"}, lax=False, exit=7)
pull("N3 basic from another origin", [rule(LAYER, redirect=[307, "{other}{path}"]),
                                      dict(rule("GET *", "all", status=401, headers={"WWW-Authenticate": "Basic realm=x"}),
                                           at="other")],
     registry={"auth": "basic"}, creds=LOGIN, requests=BASE + 1, other=1, exit=7)
pull("N3 bearer from another origin", [rule(LAYER, redirect=[307, "{other}{path}"]),
                                       dict(rule("GET *", "all", status=401,
                                                 headers={"WWW-Authenticate": 'Bearer realm="{token}/token"'}), at="other")],
     registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1, other=1, exit=7)

# ---- N1: redirects ----

for status in (301, 302, 303, 307, 308):
    pull("N1 layer %d to another host" % status, [rule(LAYER, redirect=[status, "{other}{path}"])], registry=BEARER,
         creds=LOGIN, requests=BASE + 1, tokens=1, other=1)
pull("N1 layer to another port", [rule(LAYER, redirect=[307, "{neighbour}{path}"])], registry=BEARER, creds=LOGIN,
     requests=BASE + 1, tokens=1, other=1)
pull("N1 manifest to another host", [rule(MANIFEST, redirect=[307, "{other}{path}"])], registry={"auth": "basic"},
     creds=LOGIN, requests=BASE + 1, other=1)
pull("N1 everything to another host", [rule("GET */v2/app/*", "all", redirect=[307, "{other}{path}"])],
     registry={"auth": "basic"}, creds=LOGIN, requests=BASE, other=BASE)
pull("N1 layer to a place without its host", [rule(LAYER, redirect=[302, "//{other.host}{path}"])], creds=LOGIN,
     registry=BEARER, requests=BASE + 1, tokens=1, other=1)
pull("N1 layer there and back", [rule(LAYER, redirect=[307, "{other}{path}"]),
                                 dict(rule("GET *", redirect=[307, "{registry}{path}"]), at="other")],
     registry=BEARER, creds=LOGIN, requests=BASE + 2, tokens=1, other=1, exit=7)
pull("N1 layer to a relative place", [rule(LAYER, redirect=[307, "./<layer0>?x=y"])], registry=BEARER, creds=LOGIN,
     requests=BASE + 2, tokens=1)
for name, to in (("a file", "file:///etc/passwd"), ("ftp", "ftp://127.0.0.2/x"), ("gopher", "gopher://127.0.0.2/x"),
                 ("a user", "http://u:p@127.0.0.2:1/x"), ("a user of its own", "http://u:p@{registry.host}{path}"), ("nowhere", "")):
    pull("N1 layer to " + name, [rule(LAYER, "all", redirect=[307, to])], registry=BEARER, creds=LOGIN, requests=BASE + 1,
         tokens=1, exit=7)
pull("N1 layer from https to http", [rule(LAYER, "all", redirect=[307, "{plain}{path}"])], creds=LOGIN, requests=BASE,
     registry={"tls": "good"}, lax=False, exit=7)
pull("N1 layer from https to another host", [rule(LAYER, redirect=[307, "{other}{path}"])], creds=LOGIN, requests=BASE + 1,
     registry={"tls": "good", "auth": "bearer"}, lax=False, system_ca=True, tokens=1, other=1)
pull("N1 authorities of a host are not others'", [rule(LAYER, "all", redirect=[307, "{other}{path}"])], creds=LOGIN,
     requests=BASE, registry={"tls": "good"}, lax=False, exit=7)
pull("N1 laxness of a host is not others'", [rule(LAYER, "all", redirect=[307, "{other}{path}"])], creds=LOGIN,
     requests=(BASE, BASE + 1), registry={"tls": "good"}, exit=7)
pull("redirects without an end", [rule(LAYER, "all", redirect=[307, "{path}"])], requests=BASE + 10, exit=7)
pull("redirects of the manifest without an end", [rule("GET */manifests/*", "all", redirect=[302, "{path}"])], requests=11,
     exit=7)
pull("ten redirects", [rule(LAYER, list(range(1, 11)), redirect=[302, "{path}"])], requests=BASE + 10)

# ---- TLS ----

HTTPS = {"lax": False}
pull("TLS", registry={"tls": "good"}, **HTTPS)
pull("TLS and bearer", registry={"tls": "good", "auth": "bearer"}, creds=LOGIN, requests=BASE + 1, tokens=1, **HTTPS)
pull("TLS cut without a goodbye", [rule(LAYER, cut="50%", how="reset")], registry={"tls": "good"}, requests=BASE + 1, **HTTPS)
pull("TLS body that a cut ends", [rule(LAYER, length=None, cut="50%", how="reset")], registry={"tls": "good"},
     requests=BASE + 1, **HTTPS)
for tls in ("expired", "elsewhere", "lone", "old"):
    pull("TLS " + tls, registry={"tls": tls, "auth": "basic"}, creds=LOGIN, requests=0, exit=7, **HTTPS)
    if tls != "old":
        pull("TLS %s where that is allowed" % tls, registry={"tls": tls}, requests=BASE + 1)
pull("TLS handshake stalls", registry={"tls": "stall", "auth": "basic"}, creds=LOGIN, requests=0, exit=7, seconds=20,
     **HTTPS)
pull("http where https is to be spoken", registry={"auth": "basic"}, creds=LOGIN, requests=0, exit=7, **HTTPS)
