# SPDX-License-Identifier: Apache-2.0
"""More of the table (registry_rows.py): what registries give for manifests (N2, N5, U17). Documents that are malformed
wherever they lie are in tests/cli/copy-malformed."""
import json

import images
from fault_registry import digest
from registry_rows import BASE, BEARER, LOGIN, MANIFEST, image, pull, rule

LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
RIGHT = image()


def given(name, document, content_type, **fields):
    """The registry gives `document` as `content_type`: it is refused, and nothing else is asked for."""
    text = document if isinstance(document, str) else json.dumps(document)
    pull(name, [rule(MANIFEST, "all", status=200, headers={"Content-Type": content_type}, text=text)],
         **{"exit": 6, "requests": 1, **fields})


# N5: a manifest to one reader, an index to another.
ENTRY = {"mediaType": images.MANIFEST, "digest": digest(b"evil"), "size": 4}
AMBIGUOUS = {
    "both": dict(RIGHT.manifest, manifests=[ENTRY]),
    "both, without a mediaType": {k: v for k, v in dict(RIGHT.manifest, manifests=[ENTRY]).items() if k != "mediaType"},
    "manifest of no manifests": dict(RIGHT.manifest, manifests=[]),
    "index with a config": {"schemaVersion": 2, "manifests": [ENTRY], "config": RIGHT.manifest["config"]},
    "index with layers": {"schemaVersion": 2, "manifests": [ENTRY], "layers": RIGHT.manifest["layers"]},
    "index in capitals": {"schemaVersion": 2, "config": RIGHT.manifest["config"], "layers": RIGHT.manifest["layers"],
                          "Manifests": [ENTRY]},
}
for kind, ambiguous in AMBIGUOUS.items():
    for called in (images.MANIFEST, images.INDEX, SCHEMA2, LIST):
        given("N5 %s, as %s" % (kind, called), ambiguous, called)

# What it is called must be what it is.
for called in (images.INDEX, SCHEMA2, LIST, SCHEMA1, images.CONFIG, "application/json", "application/octet-stream",
               "text/plain", "text/html; charset=utf-8", "", "garbage", "a\tb"):
    pull("N5 manifest called %r" % called, [rule(MANIFEST, "all", set={"Content-Type": called})], exit=6, requests=1)
pull("N5 manifest called nothing", [rule(MANIFEST, "all", set={"Content-Type": None})], exit=6, requests=1)
pull("manifest's type with a parameter", [rule(MANIFEST, set={"Content-Type": images.MANIFEST + "; charset=utf-8"})])
pull("manifest's type in capitals", [rule(MANIFEST, set={"Content-Type": images.MANIFEST.upper()})])
pull("layer's type is anything", [rule("GET */blobs/*", "all", set={"Content-Type": "text/html"})])
given("schema 1", {"schemaVersion": 1, "name": "app", "fsLayers": [{"blobSum": digest(b"")}], "history": [], "signatures": []},
      SCHEMA1)
given("manifest of 4 MiB and a byte", json.dumps(RIGHT.manifest) + " " * ((4 << 20) + 1 - len(json.dumps(RIGHT.manifest))),
      images.MANIFEST, exit=7, sent=8 << 20)
given("N6 manifest without its digest, cut by who sends it", json.dumps(RIGHT.manifest)[:-20], images.MANIFEST)

# U17: digests go into URLs.
for name, hostile in (("path", "sha256:../../../../../etc/passwd"), ("md5", "md5:" + "a" * 32), ("upper case", "sha256:" + "A" * 64),
                      ("63 digits", "sha256:" + "a" * 63), ("65 digits", "sha256:" + "a" * 65), ("nothing", "sha256:"),
                      ("escaped", "sha256:%2f..%2f" + "a" * 54), ("a query", "sha256:" + "a" * 63 + "?"),
                      ("lines", "sha256:" + "a" * 62 + "\r\nX-Evil: 1"), ("another repository", "../../other/blobs/sha256:" + "a" * 64)):
    given("U17 config's digest: " + name, dict(RIGHT.manifest, config=dict(RIGHT.manifest["config"], digest=hostile)),
          images.MANIFEST)
    given("U17 layer's digest: " + name, dict(RIGHT.manifest, layers=[dict(RIGHT.manifest["layers"][0], digest=hostile)]),
          images.MANIFEST)
    given("U17 child's digest: " + name, {"schemaVersion": 2, "manifests": [dict(ENTRY, digest=hostile)]}, images.INDEX)

# P5: sizes decide what is fetched and never what is allocated.
for size in (2 ** 63 - 1, 9 * 10 ** 18, 5 << 20):
    given("P5 config of %d bytes" % size, dict(RIGHT.manifest, config=dict(RIGHT.manifest["config"], size=size)), images.MANIFEST)
for size, asked in ((2 ** 63 - 1, BASE), (0, BASE), (204799, BASE), (204801, BASE)):
    given("P5 layer of %d bytes" % size, dict(RIGHT.manifest, layers=[dict(RIGHT.manifest["layers"][0], size=size),
                                                                     RIGHT.manifest["layers"][1]]), images.MANIFEST, requests=asked)
given("P5 child of 2^63-1 bytes", {"schemaVersion": 2, "manifests": [dict(ENTRY, size=2 ** 63 - 1)]}, images.INDEX)

# N2: where a layer could also be had from is nobody's business.


def urls_in(run, registry):
    layout = run.layout
    layout.manifest["layers"][0]["urls"] = [registry.places["other"] + "/layer", registry.places["plain"] + "/layer"]
    layout.reseal()
    run.names["manifest"] = layout.index["manifests"][0]["digest"]
    run.fill(registry.repository("app"))


for foreign in ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"):
    given("N2 foreign layer " + foreign,
          dict(RIGHT.manifest, layers=[dict(RIGHT.manifest["layers"][0], mediaType=foreign, urls=["{other}/layer"])]),
          images.MANIFEST, registry=BEARER, creds=LOGIN, requests=1)
pull("N2 layer with URLs", prepare=urls_in, registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1)
pull("N2 layer with URLs that is not there", [rule("GET */blobs/<layer0>", "all", status=404)], prepare=urls_in, exit=7,
     registry=BEARER, creds=LOGIN, requests=BASE + 1, tokens=1)
