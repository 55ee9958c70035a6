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
    other: int = 0
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

# ---- lists ----

MANY = {"page": 3}


def tags(name, script=(), n=None, **fields):
    """n: how many are told of."""
    def afterwards(run, registry):
        run.check(run.status or len(run.out.split()) == n, "%d tags" % len(run.out.split()))

    def prepare(run, registry):
        there = registry.repository("app").tags
        there.update(("t%d" % i, there["1"]) for i in range(7))

    ROWS.append(Row("tags " + name, ["tags", "{place}/app"], list(script),
                    **{"requests": 1, "afterwards": afterwards, "prepare": prepare, "stores": False, **fields}))


LIST = "GET */tags/list*"
NEXT = '<{path}&x=1>; rel="next"'
tags("undisturbed", n=8)
tags("in pages", n=8, registry=MANY, requests=3)
tags("in pages that are whole URLs", [rule(LIST, set={"Link": '<{registry}/v2/app/tags/list?n=3&last=t1>; rel=next'})], n=8,
     registry=MANY, requests=3)
tags("page 503 once", [rule(LIST, 2, status=503)], n=8, registry=MANY, requests=4)
tags("page cut", [rule(LIST, 2, cut="50%")], n=8, registry=MANY, requests=4)
tags("N4 next page at another host", [rule(LIST, [1, 2], set={"Link": '<{other}{path}>; rel="next"'})], exit=7,
     registry={"auth": "basic"}, creds=LOGIN, requests=2)
tags("N4 next page at another port", [rule(LIST, [1, 2], set={"Link": '<{neighbour}{path}>; rel="next"'})], exit=7,
     registry={"auth": "basic"}, creds=LOGIN, requests=2)
tags("N4 next page at another host without its scheme", [rule(LIST, set={"Link": '<//{other.host}{path}>; rel="next"'})],
     exit=7)
tags("N4 next page in a file", [rule(LIST, set={"Link": '<file:///etc/passwd>; rel="next"'})], exit=7)
tags("N4 next page of a user", [rule(LIST, set={"Link": '<http://u:p@{registry.host}{path}>; rel="next"'})], exit=7)
tags("another relation than the next page", [rule(LIST, set={"Link": '<{other}{path}>; rel="prev"'})], n=8)
tags("a Link without an end", [rule(LIST, set={"Link": '<{path}'})], n=8)
tags("pages without an end", [rule(LIST, "all", set={"Link": NEXT}, body={"json": {"tags": ["a"]}})], exit=7, requests=1000,
     seconds=40)
tags("page that is its own next", [rule(LIST, "all", set={"Link": '<{path}>; rel="next"'})], exit=7)
tags("10^6 tags and more", [rule(LIST, "all", set={"Link": NEXT}, body={"json": {"tags": ["t%d" % i for i in range(20000)]}})],
     exit=6, requests=51, seconds=40)
tags("list of 1 GiB", [rule(LIST, body={"zeros": 1 << 30})], exit=7, sent=16 * MIB)
tags("list that is no JSON", [rule(LIST, body={"text": "a b c"})], exit=6)
tags("tag that is a path", [rule(LIST, body={"json": {"tags": ["../../x"]}})], exit=6)
tags("tag that is a number", [rule(LIST, body={"json": {"tags": [7]}})], exit=6)
tags("tags that are no list", [rule(LIST, body={"json": {"tags": {"a": "b"}}})], exit=6)
tags("no tags", [rule(LIST, body={"json": {"name": "app", "tags": None}})], n=0)
tags("no such repository", [rule(LIST, "all", status=404)], exit=7)
tags("list 403", [rule(LIST, "all", status=403)], exit=7)

# ---- referrers ----

SUBJECT = digest(b"something signed")
FALLBACK = SUBJECT.replace(":", "-")


def entry(n):
    return {"mediaType": images.MANIFEST, "digest": digest(b"%d" % n), "size": 1, "x-unknown": {"kept": True}}


def listing(*entries):
    return images.text({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": list(entries)})


def put_listing(registry, data, media_type=images.INDEX):
    repository = registry.repository("app")
    repository.manifests[digest(data)] = (media_type, data)
    repository.tags[FALLBACK] = digest(data)


def referrers(name, script=(), found=None, fallback=None, **fields):
    """fallback: bytes of the index under the fallback tag."""
    def prepare(run, registry):
        if fallback is not None:
            put_listing(registry, fallback)

    def afterwards(run, registry):
        run.check(run.status or run.out.decode().split() == [digest(b"%d" % i) for i in found or ()], run.out.decode())

    ROWS.append(Row("referrers " + name, ["referrers", "{place}/app", SUBJECT], list(script),
                    **{"requests": 1, "prepare": prepare, "afterwards": afterwards, "stores": False, **fields}))


API = "GET */referrers/*"
NO_API = {"referrers": False}
referrers("of the API", [rule(API, body={"json": json.loads(listing(entry(1), entry(2)))})], found=[1, 2])
referrers("in pages", [rule(API, 1, body={"json": json.loads(listing(entry(1)))}, set={"Link": '<{path}?page=2>; rel="next"'}),
                       rule(API, 1, body={"json": json.loads(listing(entry(2)))})], found=[1, 2], requests=2)
referrers("N4 next page at another host", [rule(API, set={"Link": '<{other}{path}>; rel="next"'})], exit=7)
referrers("in pages without an end", [rule(API, "all", set={"Link": '<{path}?x>; rel="next"'})], exit=7, requests=1000,
          seconds=40)
referrers("of the fallback tag", found=[1], fallback=listing(entry(1)), registry=NO_API, requests=2)
referrers("that are not there", found=[], registry=NO_API, requests=2)
referrers("404 and a garbled tag", fallback=b"garbage", registry=NO_API, requests=2, exit=6)
referrers("404 and a tag that is no index", fallback=b"{}", registry=NO_API, requests=2, exit=6)
referrers("404 with a page", [rule(API, status=404, text="<html>")], found=[1], fallback=listing(entry(1)), requests=2)
referrers("garbled by the API", [rule(API, body={"text": "<html>"})], exit=6)
referrers("500 for ever", [rule(API, "all", status=500)], exit=7, requests=5)
referrers("of 1 GiB", [rule(API, "all", body={"zeros": 1 << 30})], exit=7, sent=16 * MIB)

# ---- pushing ----



def large():
    """More than what fits between a client and a server that does not read."""
    layout = images.Layout(images.layer({"noise": NOISE * 60}), images.layer({"file": b"content"}), ref="1")
    layout.children = []
    return layout


HEAD = "HEAD */blobs/<layer0>"
BEGIN = "POST */blobs/uploads/*"
SEND = "PUT */blobs/uploads/*digest=<layer0>*"
PUT = "PUT */manifests/1"


def only(kind, n):
    """How often the registry was asked so."""
    def afterwards(run, registry):
        asked = sum(q.method == kind for q in registry.log if q.origin == "registry")
        run.check(asked == n, "%d × %s" % (asked, kind))
    return afterwards


push("undisturbed")
push("what is there", requests=1, prepare=lambda run, r: run.fill(r.repository("app")))


def there(run, registry):
    """The blobs are, but no manifest."""
    repository = registry.repository("app")
    run.fill(repository)
    repository.tags.clear()
    repository.manifests.clear()


push("an image whose blobs are there", requests=5, afterwards=only("POST", 0), prepare=there)
push("basic", registry={"auth": "basic"}, creds=LOGIN, requests=UP + 1)
push("bearer", registry=BEARER, creds=LOGIN, requests=(UP + 1, UP + 2), tokens=2)
push("bearer without credentials", registry=BEARER, requests=(1, 2), tokens=1, exit=7)
push("TLS and bearer", registry={"tls": "good", "auth": "bearer"}, creds=LOGIN, requests=(UP + 1, UP + 2), tokens=2, **HTTPS)
push("absolute Locations", registry={"absolute": True})
push("token runs out while a layer is sent", [rule(SEND, do="expire")], registry=BEARER, creds=LOGIN,
     requests=(UP + 2, UP + 6), tokens=4)
push("manifest HEAD without a digest", registry={"head-digest": False})
push("what is there, HEAD without a digest", requests=2, registry={"head-digest": False},
     prepare=lambda run, r: run.fill(r.repository("app")))
push("manifest HEAD 405", [rule("HEAD */manifests/1", "all", status=405)], requests=(UP, UP + 1))
push("blob HEAD 405", [rule("HEAD */blobs/*", "all", status=405)])
push("blob HEAD 400", [rule(HEAD, "all", status=400)])
push("blob HEAD of what is there, cut in its headers", [rule(HEAD, cut="headers")], requests=6, afterwards=only("POST", 0),
     prepare=there)
for status in (500, 503, 429, 408):
    push("blob HEAD %d once" % status, [rule(HEAD, status=status)], requests=UP + 1)
    push("upload begun %d once" % status, [rule(BEGIN, status=status)], requests=UP + 1)
    push("upload %d once" % status, [rule(SEND, status=status)], requests=(UP + 2, UP + 4))
    push("manifest %d once" % status, [rule(PUT, status=status)], requests=UP + 1)
for status in (400, 401, 403, 404, 413):
    push("upload begun %d" % status, [rule(BEGIN, "all", status=status)], exit=7, requests=(3, 8))
    push("manifest %d" % status, [rule(PUT, "all", status=status, text=json.dumps(
        {"errors": [{"code": "MANIFEST_INVALID", "message": "the manifest is not liked"}]}))], exit=7)
push("upload begun 500 for ever", [rule(BEGIN, "all", status=500)], exit=7, requests=(8, 30))
push("upload 500 for ever", [rule(SEND, "all", status=500)], exit=7, requests=(15, 40))
push("upload 403", [rule(SEND, "all", status=403)], exit=7, requests=(UP - 4, UP))
push("manifest 500 for ever", [rule(PUT, "all", status=500)], exit=7, requests=UP + 4)
push("upload 429 with Retry-After", [rule(SEND, status=429, headers={"Retry-After": "1"})], requests=(UP + 2, UP + 4), waits=1)
push("upload refused before it is read", [rule(SEND, "all", refuse=403)], exit=7, requests=(UP - 4, UP))
push("upload 413 in one piece", [rule(SEND, status=413)], requests=(UP + 2, UP + 4), afterwards=only("PATCH", 1))
push("upload 413 in every way", [rule(SEND, "all", status=413), rule("PATCH *", "all", status=413)], exit=7,
     requests=(UP - 4, UP + 4))
for at in (0, 1, 100000, 204799):
    push("upload reset after %d bytes" % at, [rule(SEND, reset=at)], requests=(UP + 1, UP + 4))
    push("upload reset after %d bytes that are kept" % at, [rule(SEND, reset=at, keep=True)], requests=(UP + 1, UP + 8))
push("upload reset for ever", [rule(SEND, "all", reset=1000)], exit=7, requests=(15, 40))
push("upload that nobody reads", [rule(SEND, hold=1000)], requests=(UP + 2, UP + 4), seconds=25)
push("upload answered too late", [rule(SEND, stall="status")], requests=(UP + 1, UP + 4), seconds=25)
push("session is gone", [rule(SEND, do="end-sessions")], requests=(UP + 2, UP + 14))
push("session is always gone", [rule(SEND, "all", do="end-sessions")], exit=7, requests=(15, 50))
push("session is gone when it is asked for", [rule(SEND, reset=1000, keep=True), rule("GET */uploads/*", status=404)],
     requests=(UP + 3, UP + 5))
push("session forgets its offset", [rule(SEND, reset=150000, keep=True), rule("PATCH *", do="shorten", arg=1000)],
     requests=(UP + 3, UP + 7))
push("session keeps less than it was sent", [rule(SEND, reset=100000, keep=True), rule("GET */uploads/*", do="shorten", arg=77)],
     requests=(UP + 3, UP + 5))
push("416 in the middle", [rule(SEND, reset=100000, keep=True), rule("PATCH *", status=416, headers={"Range": "0-99999"})],
     requests=(UP + 3, UP + 7))
push("416 that claims more than was sent", [rule(SEND, status=416, headers={"Range": "0-204000"})], requests=(UP + 2, UP + 8))
push("416 that claims what was not sent yet", [rule("PUT */uploads/*", "all", refuse=416, headers={"Range": "0-11000000"})],
     exit=7, requests=(10, 60), layout=large)
push("416 that claims more for ever", [rule(SEND, "all", status=416, headers={"Range": "0-204000"}),
                                       rule("PATCH *", "all", status=416, headers={"Range": "0-204500"})],
     exit=7, requests=(10, 60))
push("session claims more than was sent", [rule(SEND, reset=1000, keep=True),
                                           rule("GET */uploads/*", status=204, headers={"Range": "0-204798"})],
     requests=(UP + 2, UP + 10))
push("session claims more than there is", [rule(SEND, reset=1000, keep=True),
                                           rule("GET */uploads/*", status=204, headers={"Range": "0-99999999999999999999"})],
     requests=(UP + 2, UP + 6))
push("session's Range is no range", [rule(SEND, reset=1000, keep=True), rule("GET */uploads/*", set={"Range": "x-y"})],
     requests=(UP + 2, UP + 6))
push("202 to a whole upload", [rule(SEND, status=202, headers={"Location": "{path}", "Range": "0-204799"})],
     requests=(UP + 2, UP + 10))
push("202 to a whole upload that was taken", [dict(rule(SEND), set={}, accept=True)], requests=(UP, UP + 4))
push("no Location", [rule(BEGIN, set={"Location": None})], exit=7, requests=(3, 9))
push("answer to an upload is lost", [rule(SEND, cut="status", how="reset")], requests=(UP + 1, UP + 2))
push("answer to an upload is lost, and so is its HEAD", [rule(SEND, cut="status", how="reset"), rule(HEAD, 2, status=503)],
     requests=(UP + 2, UP + 3))
push("answer to an upload is cut", [rule(SEND, cut="headers")], requests=(UP, UP + 1))
push("answer to the beginning is lost", [rule(BEGIN, cut="status", how="reset")], requests=UP + 1)
push("answer to the manifest is lost", [rule(PUT, cut="status", how="reset")], requests=UP + 1)
push("answer to the manifest is always lost", [rule(PUT, "all", cut="status", how="reset")], exit=7, requests=(UP + 4, UP + 9), kept=True)
push("connection is closed before the manifest", [rule(PUT, reset=0)], requests=UP + 1)
push("manifest kept under another digest", [rule(PUT, set={"Docker-Content-Digest": digest(b"")})], exit=7, kept=True)
push("manifest's blobs are gone", [rule(PUT, do="lose-blobs", arg="app")], exit=7)
push("upload accepted with a wrong digest", [rule(SEND, set={"Docker-Content-Digest": digest(b"")})], requests=(UP, UP + 1))
for status in (301, 302, 307, 308):
    push("N1 manifest %d to another host" % status, [rule(PUT, "all", redirect=[status, "{other}{path}"])], exit=7,
         registry={"auth": "basic"}, creds=LOGIN, requests=UP + 1)
    push("N1 upload %d to another host" % status, [rule(SEND, "all", redirect=[status, "{other}{path}"])], exit=7,
         registry={"auth": "basic"}, creds=LOGIN, requests=(UP - 4, UP + 1))
for name, to in (("another host", "{other}/up"), ("another port", "{neighbour}/up"), ("a file", "file:///tmp/x"),
                 ("ftp", "ftp://127.0.0.2/x"), ("a user", "http://u:p@{registry.host}/up"),
                 ("another host without its scheme", "//{other.host}/up"), ("nothing", "")):
    push("N4 Location at " + name, [rule(BEGIN, "all", set={"Location": to})], exit=7, registry={"auth": "basic"},
         creds=LOGIN, requests=(3, 9))
push("N4 Location from https to http", [rule(BEGIN, "all", set={"Location": "{plain}/up"})], exit=7, requests=(3, 9),
     registry={"tls": "good", "auth": "basic"}, creds=LOGIN, **HTTPS)
push("N4 Location at another host with https", [rule(BEGIN, set={"Location": "{other}/v2/app/blobs/uploads/elsewhere?_state=1"}),
                                                dict(rule("PUT *", "all", status=201), at="other")],
     registry={"tls": "good", "auth": "bearer"}, creds=LOGIN, system_ca=True, requests=(UP, UP + 2), tokens=2, other=1,
     exit=7, **HTTPS)
push("headers of 1 GiB with an upload", [rule(SEND, "all", flood=1 << 30)], requests=(UP, UP + 4), sent=16 * MIB)
push("answer of 1 GiB to an upload", [rule(SEND, "all", body={"zeros": 1 << 30})], requests=(UP, UP + 2), sent=16 * MIB)
push("N7 a password in the reference", exit=2, requests=0, words=["copy", "oci:in", "docker://" + LOGIN + "@{place}/app:1"])
pull("N7 a password in the reference", exit=2, requests=0, words=["copy", "docker://" + LOGIN + "@{place}/app:1", "oci:out"])
pull("N7 a password with slashes in the reference", exit=2, requests=0,
     words=["copy", "docker://a/b:" + PASSWORD + "/x@{place}/app@sha256", "oci:out"])
push("U17 a digest that is a path", exit=2, requests=0, words=["copy", "oci:in", "docker://{place}/app@sha256:../../x"])
push("another digest than the image's", exit=2, requests=0,
     words=["copy", "oci:in", "docker://{place}/app@" + digest(b"")])

# From one repository to another of the same registry.
ACROSS = {"words": ["copy", "docker://{place}/lib:1", "docker://{place}/app:1"],
          "prepare": lambda run, r: run.fill(r.repository("lib")), "writes": False}
push("mounted", **ACROSS, requests=(9, 10), afterwards=only("PUT", 1))
push("mounted, with bearer", registry=BEARER, creds=LOGIN, **ACROSS, requests=(9, 14), tokens=4, afterwards=only("PUT", 1))
push("mount refused by a session", registry={"mount": False}, **ACROSS, requests=(12, 16))
push("mount 500 once", [rule("POST */uploads/*mount=*", status=500)], **ACROSS, requests=(10, 12))
push("mount 404", [rule("POST */uploads/*mount=*", "all", status=404)], **ACROSS, requests=(12, 20))
push("mount answers another digest", [rule("POST */uploads/*mount=*", "all", set={"Docker-Content-Digest": digest(b"")})],
     **ACROSS, requests=(9, 10))

# Signatures and the like.


def signed():
    return image(subject={"mediaType": images.MANIFEST, "digest": SUBJECT, "size": 1})


def signature(name, script=(), entries=(), fallback=None, **fields):
    """entries: those under the fallback tag in the end, of others' "0", "1", …, and "own"."""
    def prepare(run, registry):
        if fallback is not None:
            put_listing(registry, fallback)

    def afterwards(run, registry):
        repository = registry.repository("app")
        known = repository.tags.get(FALLBACK)
        there = json.loads(repository.manifests[known][1])["manifests"] if known and not run.status else []
        wanted = [run.names["manifest"] if e == "own" else entry(e)["digest"] for e in entries]
        run.check(sorted(d["digest"] for d in there) == sorted(wanted), "listed: %s" % there)
        run.check(all("x-unknown" in d for d in there if d["digest"] != run.names["manifest"]), "unknown fields are lost")

    push("with a subject, " + name, script, layout=signed, prepare=prepare, afterwards=afterwards, **fields)


LISTED = "GET */manifests/" + FALLBACK
WRITTEN = "PUT */manifests/" + FALLBACK
signature("OCI-Subject")
signature("no OCI-Subject", registry={"subject": False}, entries=["own"], requests=UP + 3)
signature("others listed", registry=NO_API, fallback=listing(entry(1), entry(2)), entries=[1, 2, "own"], requests=UP + 3)
signature("listed already by name", registry=NO_API, fallback=b'{"schemaVersion": 2, "manifests": []}', entries=["own"],
          requests=UP + 3)
signature("a garbled list", registry=NO_API, fallback=b"garbage", exit=6, requests=UP + 1, kept=True)
signature("a list of 5 MiB", registry=NO_API, fallback=b" " * (5 * MIB) + listing(), exit=7, requests=UP + 1, kept=True,
          sent=16 * MIB)
signature("another writes first", [rule(WRITTEN, do="append-referrer", arg=["app", FALLBACK, entry(1)])], registry=NO_API,
          entries=["own"], requests=UP + 3)
signature("another's update loses ours", [rule(LISTED, 2, do="replace-referrers", arg=["app", FALLBACK, entry(1)])],
          registry=NO_API, entries=[1, "own"], requests=UP + 5)
signature("others write for ever", [rule(LISTED, "all", do="replace-referrers", arg=["app", FALLBACK, entry(1)])],
          registry=NO_API, exit=7, requests=(UP + 9, UP + 12), kept=True)
signature("list is refused", [rule(WRITTEN, "all", status=403)], registry=NO_API, exit=7, requests=UP + 2, kept=True)
signature("answer to the list is lost", [rule(WRITTEN, cut="status", how="reset")], registry=NO_API, entries=["own"],
          requests=UP + 4)

# ---- indexes ----


def index():
    """Two images of one config, for two platforms, and an index of them; the index is what is called the manifest."""
    layout = image()
    first = layout.index["manifests"][0]
    layout.manifest["annotations"] = {"of": "another platform"}
    second = layout.descriptor(images.MANIFEST, images.text(layout.manifest))
    layout.children = [dict(first, platform={"os": "linux", "architecture": "amd64"}, annotations={}),
                       dict(second, platform={"os": "linux", "architecture": "arm64"})]
    layout.point_to({"schemaVersion": 2, "mediaType": images.INDEX, "manifests": layout.children}, images.INDEX)
    layout.index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    return layout


CHILD = index().children[1]["digest"]
ALL = {"layout": index, "words": ["copy-all", "docker://{place}/app:1", "oci:out"]}
ALL_UP = {"layout": index, "words": ["copy-all", "oci:in", "docker://{place}/app:1"]}
pull("index", **ALL, requests=BASE + 2)
pull("index, its child 503 once", [rule("GET */manifests/" + CHILD, status=503)], **ALL, requests=BASE + 3)
pull("index, its child is gone", [rule("GET */manifests/" + CHILD, "all", status=404)], **ALL, exit=7, requests=(2, BASE + 2))
pull("N6 index, its child is another", [rule("GET */manifests/" + CHILD, "all", body={"flip": 60})], **ALL, exit=6,
     requests=(2, BASE + 2))
push("index", **ALL_UP, requests=UP + 2)
push("index, its child is refused", [rule("PUT */manifests/" + CHILD, "all", status=400)], **ALL_UP, exit=7,
     requests=(UP, UP + 1))
push("index, answer to its child is lost", [rule("PUT */manifests/" + CHILD, cut="status", how="reset")], **ALL_UP,
     requests=(UP + 3, UP + 4))

# ---- the program itself ----

INSECURE = {"registries.conf": '[[registry]]\nlocation = "{place}"\ninsecure = true\n'}
LOGGED_IN = {"GGBUILD_REGISTRY_USER": USER, "GGBUILD_REGISTRY_PASSWORD": PASSWORD}


def ggbuild(kind, name, script=(), env=None, **fields):
    kind("with ggbuild, " + name, script, program=True, lax=False, files=INSECURE,
         env={"CONTAINERS_REGISTRIES_CONF": "{home}/registries.conf", **(env or {})}, **fields)


ggbuild(pull, "undisturbed")
ggbuild(pull, "layer cut", [CUT], requests=BASE + 1)
ggbuild(pull, "manifest 503 with Retry-After", [rule(MANIFEST, status=503, headers={"Retry-After": "1"})], requests=BASE + 1,
        waits=1)
ggbuild(pull, "manifest 404", [rule(MANIFEST, "all", status=404)], exit=7, requests=1)
ggbuild(pull, "layer 403", [rule(LAYER, "all", status=403)], exit=7)
ggbuild(pull, "layer with a byte flipped", [rule(LAYER, "all", body={"flip": 9})], exit=6)
ggbuild(pull, "manifest of 1 GiB", [rule(MANIFEST, "all", body={"zeros": 1 << 30})], exit=7, requests=1, sent=16 * MIB)
ggbuild(pull, "N1 layer to another host", [rule(LAYER, redirect=[307, "{other}{path}"])], env=LOGGED_IN, registry=BEARER,
        requests=BASE + 1, tokens=1, other=1)
ggbuild(pull, "N3 realm at another host", challenge('Bearer realm="{other}/token"'), env=LOGGED_IN, exit=7, requests=1)
ggbuild(pull, "wrong password", env={**LOGGED_IN, "GGBUILD_REGISTRY_PASSWORD": "canary-password-wrong"}, registry=BEARER, exit=7,
        requests=1, tokens=1)
ggbuild(push, "undisturbed", env=LOGGED_IN, registry=BEARER, requests=(UP + 1, UP + 2), tokens=2)
ggbuild(push, "upload reset", [rule(SEND, reset=100000, keep=True)], requests=(UP + 1, UP + 8))
ggbuild(push, "manifest refused", [rule(PUT, "all", status=400, text=json.dumps(
    {"errors": [{"code": "MANIFEST_INVALID", "message": "the manifest is not liked"}]}))], exit=7)
ggbuild(push, "N4 Location at another host", [rule(BEGIN, "all", set={"Location": "{other}/up"})], env=LOGGED_IN,
        registry={"auth": "basic"}, exit=7, requests=(3, 9))
