# Documents that are no image-spec's, or could be two things to two readers: each is refused with exit 6 before anything is
# written, and each for its own reason. The last ones look wrong and are right.
cat >documents.py <<"PY"
import images
import json
from images import CONFIG, INDEX, LAYER, MANIFEST, Layout, digest, layer, text

tar = layer({"file": b"content"})
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
HEX = "ab" * 32


def out(name, change):
    layout = Layout(tar)
    layout = change(layout) or layout
    layout.write(name)
    print(name)


def reseal(layout):
    layout.point_to(layout.manifest, MANIFEST)


def manifest(**fields):
    return lambda layout: (layout.manifest.update(fields), reseal(layout))[2:] or None


def config(**fields):
    return lambda layout: (layout.config.update(fields), layout.reseal())[2:] or None


def inner(**fields):
    return lambda layout: (layout.config["config"].update(fields), layout.reseal())[2:] or None


def config_bytes(change):
    def apply(layout):
        layout.manifest["config"] = layout.descriptor(CONFIG, change(text(layout.config)))
        reseal(layout)
    return apply


def manifest_bytes(change):
    return lambda layout: layout.point_to(change(text(layout.manifest)), MANIFEST)


def descriptor(where, **fields):
    def apply(layout):
        {"config": layout.manifest["config"], "layer": layout.manifest["layers"][0],
         "entry": layout.index["manifests"][0]}[where].update(fields)
        if where != "entry":
            reseal(layout)
    return apply


def without(where, key):
    def apply(layout):
        del {"config": layout.config, "layer": layout.manifest["layers"][0], "blob": layout.manifest["config"],
             "rootfs": layout.config["rootfs"]}[where][key]
        layout.reseal() if where in ("config", "rootfs") else reseal(layout)
    return apply


def diff_ids(*ids):
    return config(rootfs={"type": "layers", "diff_ids": list(ids)})


# N5: six documents that are a manifest to one and an index to another, under four types each.
def ambiguous(which, media_type):
    def apply(layout):
        entry = layout.index["manifests"][0]
        both = {"schemaVersion": 2, "config": layout.manifest["config"], "layers": layout.manifest["layers"], "manifests": [entry]}
        document = {
            "both": both,
            "manifest-of-none": dict(layout.manifest, manifests=[]),
            "manifest-of-null": dict(layout.manifest, manifests=None),
            "index-with-config": {"schemaVersion": 2, "manifests": [entry], "config": layout.manifest["config"]},
            "index-with-layers": {"schemaVersion": 2, "manifests": [entry], "layers": []},
            "capitals": dict(layout.manifest, Manifests=[entry], mediaType=media_type),
        }[which]
        layout.point_to(document, media_type)
    return apply


for which in ("both", "manifest-of-none", "manifest-of-null", "index-with-config", "index-with-layers", "capitals"):
    for name, media_type in (("manifest", MANIFEST), ("index", INDEX), ("docker-manifest", DOCKER_MANIFEST),
                             ("docker-list", DOCKER_LIST)):
        out("n5-%s-as-%s" % (which, name), ambiguous(which, media_type))
for name, change in {
    # What it says it is.
    "type-index-of-manifest": lambda layout: layout.point_to(dict(layout.manifest, mediaType=INDEX), MANIFEST),
    "type-docker-of-oci": lambda layout: layout.point_to(layout.manifest, DOCKER_MANIFEST),
    "type-null": manifest(mediaType=None),
    "type-empty": descriptor("entry", mediaType=""),
    "type-schema-1": lambda layout: layout.point_to({"schemaVersion": 1, "name": "x", "fsLayers": [], "history": [],
                                                      "signatures": []}, DOCKER_SCHEMA1),
    "type-artifact-manifest": lambda layout: layout.point_to({"mediaType": ARTIFACT, "artifactType": "a/b", "blobs": []}, ARTIFACT),
    "type-config-as-manifest": lambda layout: layout.point_to(layout.config, MANIFEST),
    "type-layer-as-manifest": lambda layout: layout.point_to(tar, MANIFEST),
    "schema-text": manifest(schemaVersion="2"),
    "schema-float": manifest(schemaVersion=2.0),
    "schema-none": lambda layout: (layout.manifest.pop("schemaVersion"), reseal(layout))[2:] or None,
    # P3: JSON.
    "json-duplicate-in-manifest": manifest_bytes(lambda b: b[:-1] + b', "layers": []}'),
    "json-duplicate-in-config": config_bytes(lambda b: b[:-1] + b', "rootfs": {"type": "layers", "diff_ids": []}}'),
    "json-deep-manifest": manifest_bytes(lambda b: b[:-1] + b', "x": ' + b"[" * 65 + b"]" * 65 + b"}"),
    "json-deep-config": config_bytes(lambda b: b[:-1] + b', "x": ' + b'{"a":' * 100000),
    "json-behind-manifest": manifest_bytes(lambda b: b + b"{}"),
    "json-byte-order-mark": manifest_bytes(lambda b: b"\xef\xbb\xbf" + b),
    "json-utf-16": manifest_bytes(lambda b: b.decode().encode("utf-16")),
    "json-nul-in-key": manifest_bytes(lambda b: b[:-1] + b', "a\\u0000b": 1}'),
    "json-half-a-pair": manifest_bytes(lambda b: b[:-1] + b', "a": "\\ud800"}'),
    "json-large-number": manifest_bytes(lambda b: b[:-1] + b', "a": 1e400}'),
    "json-comment": manifest_bytes(lambda b: b"/* */" + b),
    "json-empty-config": config_bytes(lambda b: b""),
    # P1: sizes of documents.
    "size-manifest-4-mib-and-1": manifest_bytes(lambda b: b + b" " * ((4 << 20) + 1 - len(b))),
    "size-config-4-mib-and-1": config_bytes(lambda b: b + b" " * ((4 << 20) + 1 - len(b))),
    # P5: sizes that are said.
    "size-layer-2-63-less-1": descriptor("layer", size=2 ** 63 - 1),
    "size-layer-2-63": descriptor("layer", size=2 ** 63),
    "size-layer-less-1": descriptor("layer", size=-1),
    "size-layer-0": descriptor("layer", size=0),
    "size-layer-one-more": descriptor("layer", size=len(tar) + 1),
    "size-layer-one-less": descriptor("layer", size=len(tar) - 1),
    "size-layer-float": descriptor("layer", size=float(len(tar))),
    "size-layer-text": descriptor("layer", size=str(len(tar))),
    "size-layer-none": without("layer", "size"),
    "size-config-one-more": lambda layout: (layout.manifest["config"].update(size=layout.manifest["config"]["size"] + 1),
                                            reseal(layout))[2:] or None,
    "size-config-0": descriptor("config", size=0),
    "size-config-9e18": descriptor("config", size=9 * 10 ** 18),
    "size-manifest-one-less": lambda layout: layout.index["manifests"][0].update(size=layout.index["manifests"][0]["size"] - 1),
    # U17: digests.
    "digest-layer-md5": descriptor("layer", digest="md5:" + "a" * 32),
    "digest-layer-sha512": descriptor("layer", digest="sha512:" + "a" * 128),
    "digest-layer-upper": descriptor("layer", digest="sha256:" + HEX.upper()),
    "digest-layer-algorithm-upper": descriptor("layer", digest="SHA256:" + HEX),
    "digest-layer-63": descriptor("layer", digest="sha256:" + HEX[:-1]),
    "digest-layer-65": descriptor("layer", digest="sha256:" + HEX + "a"),
    "digest-layer-none": descriptor("layer", digest="sha256:"),
    "digest-layer-path": descriptor("layer", digest="sha256:../../../../etc/passwd"),
    "digest-layer-escaped": descriptor("layer", digest="sha256:" + "%2f" * 21 + "a"),
    "digest-layer-line-end": descriptor("layer", digest="sha256:" + HEX + "\n"),
    "digest-layer-space": descriptor("layer", digest=" sha256:" + HEX),
    "digest-layer-list": descriptor("layer", digest=["sha256:" + HEX]),
    "digest-config-path": descriptor("config", digest="sha256:../../index.json"),
    "digest-config-nul": manifest_bytes(lambda b: b.replace(b'"digest": "sha256:', b'"digest": "sha256:\\u0000', 1)),
    "digest-capitals": descriptor("layer", Digest="sha256:" + HEX),
    "digest-of-other-layer": descriptor("layer", digest="sha256:" + HEX),
    # What is a config and what a layer.
    "layer-is-config": descriptor("layer", mediaType=CONFIG),
    "layer-is-manifest": descriptor("layer", mediaType=MANIFEST),
    "layer-is-foreign": descriptor("layer", mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                                   urls=["http://127.0.0.1:1/x"]),
    "layer-is-encrypted": descriptor("layer", mediaType=LAYER + "+gzip+encrypted"),
    "layer-is-a-terminal's": descriptor("layer", mediaType="a\x1b[31mb\nggbuild: error: c"),
    "layer-has-no-type": without("layer", "mediaType"),
    "layer-is-text": manifest(layers=["sha256:" + HEX]),
    "layer-is-null": manifest(layers=[None]),
    "layers-are-null": manifest(layers=None),
    "config-is-layer": descriptor("config", mediaType=LAYER),
    "config-is-empty": lambda layout: (layout.manifest.update(config=layout.descriptor(EMPTY, b"{}"), artifactType="a/b"),
                                       reseal(layout))[2:] or None,
    "config-is-list": manifest(config=[]),
    "config-is-null": manifest(config=None),
    # Fields of descriptors.
    "annotations-list": manifest(annotations=[]),
    "annotation-number": manifest(annotations={"a": 1}),
    "annotations-of-layer": descriptor("layer", annotations={"a": None}),
    "annotations-capitals": manifest(Annotations={"a": "b"}),
    "urls-text": descriptor("layer", urls="http://127.0.0.1:1/x"),
    "data-number": descriptor("layer", data=1),
    "platform-text": descriptor("entry", platform="linux/amd64"),
    "platform-numbers": descriptor("entry", platform={"os": 1, "architecture": 2}),
    "platform-without-os": descriptor("entry", platform={"architecture": "amd64"}),
    "platform-variant-list": descriptor("entry", platform={"os": "linux", "architecture": "amd64", "variant": []}),
    "subject-text": manifest(subject="sha256:" + HEX),
    "subject-of-numbers": manifest(subject={"mediaType": 1}),
    # Fields of configs.
    "config-without-os": without("config", "os"),
    "config-without-architecture": without("config", "architecture"),
    "config-os-null": config(os=None),
    "config-architecture-number": config(architecture=64),
    "config-env-object": inner(Env={"A": "b"}),
    "config-env-numbers": inner(Env=[1]),
    "config-cmd-text": inner(Cmd="sh"),
    "config-labels-list": inner(Labels=["a"]),
    "config-label-number": inner(Labels={"a": 1}),
    "config-user-number": inner(User=0),
    "config-volumes-list": inner(Volumes=["/a"]),
    "config-list": config(config=[]),
    "config-history-object": config(history={}),
    "config-history-text": config(history=["x"]),
    "config-history-number": config(history=[{"created_by": 1}]),
    "config-created-number": config(created=0),
    "config-capitals": config(RootFS={"type": "layers", "diff_ids": []}),
    "rootfs-without-type": without("rootfs", "type"),
    "rootfs-null": config(rootfs=None),
    "diff-ids-more": diff_ids(digest(tar), digest(tar)),
    "diff-ids-upper": diff_ids(digest(tar).replace("sha256:", "SHA256:")),
    "diff-ids-short": diff_ids("sha256:ab"),
    "diff-ids-path": diff_ids("sha256:../../x"),
    "diff-ids-null": diff_ids(None),
    "index-of-indexes": lambda layout: [layout.point_to({"schemaVersion": 2, "mediaType": INDEX,
                                                         "manifests": layout.index["manifests"]}, INDEX)
                                        for _ in range(4)][4:] or None,
    "index-of-nothing": lambda layout: layout.point_to({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, INDEX),
    "index-of-text": lambda layout: layout.point_to({"schemaVersion": 2, "mediaType": INDEX, "manifests": ["x"]}, INDEX),
    # Right.
    "right-data": descriptor("layer", data="bm90IGl0"),
    "right-urls": descriptor("layer", urls=["http://127.0.0.1:1/x"]),
    "right-unknown-fields": manifest(**{"x-field": {"a": [1, None, 2.5]}}),
    "right-nulls": config(history=None, created=None, config={"Cmd": None, "Env": None, "Labels": None, "Volumes": None}),
    "right-no-type": lambda layout: (layout.manifest.pop("mediaType"), reseal(layout))[2:] or None,
    "right-4-mib": manifest_bytes(lambda b: b + b" " * ((4 << 20) - len(b))),
    "right-index-in-indexes": lambda layout: [layout.point_to({"schemaVersion": 2, "mediaType": INDEX,
                                                               "manifests": layout.index["manifests"]}, INDEX)
                                              for _ in range(3)][3:] or None,
    "right-10000-entries": lambda layout: layout.point_to(
        {"schemaVersion": 2, "mediaType": INDEX,
         "manifests": [dict(layout.index["manifests"][0], platform={"os": "linux", "architecture": "x%d" % i})
                       for i in range(10000)] + [dict(layout.index["manifests"][0],
                                                      platform={"os": "linux", "architecture": "amd64"})]}, INDEX),
    "right-subject": manifest(subject={"mediaType": MANIFEST, "digest": "sha256:" + HEX, "size": 7}),
    "right-deep-63": manifest_bytes(lambda b: b[:-1] + b', "x": ' + b"[" * 63 + b"]" * 63 + b"}"),
}.items():
    out(name, change)
PY
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 documents.py >names
exec 2>&1
while read -r name; do
	status=0
	ggbuild copy --progress none --platform linux/amd64 "oci:$name" oci:out >printed || status=$?
	echo "$name: exit $status"
	case $name in right-*) ;; *) [ "$status" != 0 ] || echo "TAKEN" ;; esac
	[ "$status" = 0 ] || [ ! -e out ] || echo "$name left something"
	rm -rf out
done <names
