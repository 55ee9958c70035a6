# SPDX-License-Identifier: Apache-2.0
"""More of the table (registry_rows.py): lists, referrers, pushes, indexes, and rows for ggbuild itself."""
import json

import images
from fault_registry import PASSWORD, USER, digest
from registry_rows import BASE, BEARER, CUT, HTTPS, LAYER, LOGIN, MANIFEST, MIB, NOISE, ROWS, UP, Row, challenge, image, pull, \
    push, rule

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
referrers("whose second page is gone", [rule(API, 1, body={"json": json.loads(listing(entry(1)))}, set={"Link": '<{path}?page=2>; rel="next"'}),
                                     rule(API, 1, status=404)], exit=7, requests=2)
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


def hollow():
    """A layer of no bytes, under another digest than theirs."""
    layout = image()
    lost = layout.layers[0] = layout.descriptor(layout.layers[0]["mediaType"], b"some")
    layout.files["blobs/sha256/" + lost["digest"][7:]] = b""
    lost["size"] = 0
    layout.reseal()
    layout.index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1"}
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
push("202 to every end of an upload", [rule("PUT */uploads/*", "all", status=202, headers={"Range": "0-204799"})], exit=7,
     requests=(10, 100))
push("chunks that are taken and go no further", [rule(SEND, status=413),
                                                 rule("PATCH *", "all", status=202, headers={"Range": "0-1"})],
     exit=7, requests=(10, 60))
push("an empty layer with another's digest", exit=6, requests=(0, UP), layout=hollow)
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


# ---- deleting ----


def delete(name, script=(), gone=True, **fields):
    def afterwards(run, registry):
        run.check((run.names["manifest"] not in registry.repository("app").manifests) == gone, "the image is not as it should be")

    ggbuild(pull, "delete: " + name, script, words=["delete", "docker://{place}/app:1"], stores=False, afterwards=afterwards,
            **{"requests": 2, **fields})


DELETE = "DELETE *"
delete("undisturbed")
delete("bearer", registry=BEARER, env=LOGGED_IN, requests=3, tokens=2)
delete("503 once", [rule(DELETE, status=503)], requests=3)
delete("405", [rule(DELETE, "all", status=405)], gone=False, exit=7)
delete("403", [rule(DELETE, "all", status=403)], gone=False, exit=7)
delete("its answer is lost", [rule(DELETE, cut="status", how="reset")], requests=3)
delete("of what is not there", [rule("HEAD *", "all", status=404)], gone=False, exit=7, requests=1)
for status in (302, 307):
    delete("N1 %d to another host" % status, [rule(DELETE, "all", redirect=[status, "{other}{path}"])], gone=False, exit=7,
           registry={"auth": "basic"}, env=LOGGED_IN, requests=3)

# ---- mirrors: asked first, and nobody to show credentials to ----


def mirrored(name, script=(), at_mirror=(), **fields):
    """The mirror is the other origin, which has what the registry has."""
    conf = '[[registry]]\nlocation = "{place}"\ninsecure = true\n[[registry.mirror]]\nlocation = "{mirror}"\ninsecure = true\n'
    pull("from a mirror, " + name, list(script) + [dict(r, at="other") for r in at_mirror], lax=False,
         files={"registries.conf": conf}, **{"requests": 0, "other": BASE, "registry": BEARER, "env": {
             "CONTAINERS_REGISTRIES_CONF": "{home}/registries.conf", **LOGGED_IN}, **fields})


mirrored("undisturbed")
mirrored("layer cut", at_mirror=[CUT], other=BASE + 1)
mirrored("it has nothing", at_mirror=[rule("GET *", "all", status=404)], requests=BASE + 1, tokens=1, other=BASE)
mirrored("it wants to know who we are", at_mirror=[rule("GET *", "all", status=401, headers={"WWW-Authenticate": "Basic realm=x"})],
         requests=BASE + 1, tokens=1, other=BASE)
mirrored("it sends for a token", at_mirror=[rule("GET *", "all", status=401,
                                                headers={"WWW-Authenticate": 'Bearer realm="{other}/token"'})],
         requests=BASE + 1, tokens=1, other=(BASE, BASE * 3))
mirrored("its layer is another", at_mirror=[rule(LAYER, "all", body={"flip": 7})], requests=2, tokens=1)
mirrored("its manifest is another", at_mirror=[rule(MANIFEST, "all", body={"flip": 60})], requests=(2, 5), tokens=1, other=(1, BASE))
mirrored("500 for ever", at_mirror=[rule("GET *", "all", status=500)], requests=BASE + 1, tokens=1, other=BASE * 5)
mirrored("neither has the layer", [rule(LAYER, "all", status=404)], at_mirror=[rule(LAYER, "all", status=404)], exit=7,
         requests=1)


# ---- what looks, and stores nothing ----


def look(name, words, script=(), **fields):
    ggbuild(pull, name, script, words=words, stores=False, prints=False, **fields)


look("ls", ["ls", "docker://{place}/app"], requests=(1, 2))
look("ls, N4 next page at another host", ["ls", "docker://{place}/app"], [rule(LIST, set={"Link": '<{other}{path}>; rel="next"'})],
     exit=7, requests=1)
look("inspect", ["inspect", "docker://{place}/app:1"], requests=(2, 3))
look("inspect, N6 manifest with a byte flipped", ["inspect", "docker://{place}/app:1"],
     [rule(MANIFEST, "all", body={"flip": 60})], exit=6, requests=(1, 2))
look("inspect, N3 realm at another host", ["inspect", "docker://{place}/app:1"], challenge('Bearer realm="{other}/token"'),
     env=LOGGED_IN, exit=7, requests=1)
