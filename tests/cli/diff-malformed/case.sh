# What is read and is wrong: each with its own error, and exit 6 (2: it is not there).
cat >malformed.py <<"EOF"
import images
import json
from images import CONFIG, INDEX, LAYER, MANIFEST, Layout, digest, layer, text

tar = layer({"file": b"content"})
cases = {}


def case(change):
    layout = Layout(tar)
    changed = change(layout)
    name = change.__name__.replace("_", "-")
    (changed or layout).write(name)
    print(name)


def manifest(**fields):
    def change(layout):
        layout.manifest.update(fields)
        layout.reseal()
    return change


def config(**fields):
    def change(layout):
        layout.config.update(fields)
        layout.reseal()
    return change


def raw_manifest(data):
    return lambda layout: layout.point_to(data, MANIFEST)


def entry(**fields):
    def change(layout):
        layout.index["manifests"][0].update(fields)
    return change


def first_layer(**fields):
    def change(layout):
        layout.manifest["layers"][0].update(fields)
        layout.reseal()
    return change


def without(where, key):
    def change(layout):
        del {"index": layout.index, "entry": layout.index["manifests"][0], "manifest": layout.manifest,
             "config": layout.config, "layer": layout.manifest["layers"][0]}[where][key]
        if where in ("manifest", "config", "layer"):
            layout.point_to(layout.manifest, MANIFEST) if where == "manifest" else layout.reseal()
    return change


def file(name, data):
    def change(layout):
        layout.files[name] = data
    return change


def nested(depth):
    def change(layout):
        for _ in range(depth):
            layout.point_to({"schemaVersion": 2, "mediaType": INDEX, "manifests": layout.index["manifests"]}, INDEX)
    return change


def blob(which, change_bytes):
    def change(layout):
        d = {"config": layout.manifest["config"], "layer": layout.layers[0],
             "manifest": layout.index["manifests"][0]}[which]["digest"]
        path = "blobs/sha256/" + d[7:]
        layout.files[path] = change_bytes(layout.files[path])
    return change


def no_blob(which):
    def change(layout):
        d = {"config": layout.manifest["config"], "manifest": layout.index["manifests"][0]}[which]["digest"]
        del layout.files["blobs/sha256/" + d[7:]]
    return change


def two_platforms(layout):
    arm, riscv = dict(layout.index["manifests"][0]), dict(layout.index["manifests"][0])
    arm["platform"] = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    riscv["platform"] = {"os": "linux", "architecture": "riscv64"}
    layout.index["manifests"] = [arm, riscv]


def two_images(layout):
    a, b = dict(layout.index["manifests"][0]), dict(layout.index["manifests"][0])
    a["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    b["annotations"] = {"org.opencontainers.image.ref.name": "v2"}
    layout.index["manifests"] = [a, b]


def only_attestations(layout):
    layout.index["manifests"][0]["platform"] = {"os": "unknown", "architecture": "unknown"}


flip = lambda data: bytes([data[0] ^ 1]) + data[1:]
for name, change in {
    "no-layout": lambda layout: layout.files.pop("oci-layout") and None,
    "layout-version": file("oci-layout", b'{"imageLayoutVersion":"2.0.0"}'),
    "layout-empty": file("oci-layout", b"{}"),
    "layout-no-json": file("oci-layout", b"1.0.0"),
    "index-no-manifests": without("index", "manifests"),
    "index-manifests-object": lambda layout: layout.index.update(manifests={}),
    "index-empty": lambda layout: layout.index.update(manifests=[]),
    "index-two-images": two_images,
    "index-no-platform": two_platforms,
    "index-attestations": only_attestations,
    "index-too-deep": nested(4),
    "index-duplicate-key": lambda layout: setattr(layout, "index", b'{"manifests":[],"manifests":[]}'),
    "index-deep-json": lambda layout: setattr(layout, "index", b"[" * 100000),
    "index-large": lambda layout: setattr(layout, "index", b" " * (4 << 20) + b"{}"),
    "index-no-utf8": lambda layout: setattr(layout, "index", b'{"manifests":"\xff"}'),
    "descriptor-no-type": without("entry", "mediaType"),
    "descriptor-no-digest": without("entry", "digest"),
    "descriptor-no-size": without("entry", "size"),
    "descriptor-digest-number": entry(digest=7),
    "descriptor-digest-short": entry(digest="sha256:abcd"),
    "descriptor-digest-upper": entry(digest="sha256:" + "A" * 64),
    "descriptor-digest-path": entry(digest="sha256:../../../../etc/passwd"),
    "descriptor-digest-sha512": entry(digest="sha512:" + "a" * 128),
    "descriptor-size-negative": entry(size=-1),
    "descriptor-size-float": entry(size=1.5),
    "descriptor-size-large": entry(size=2 ** 62),
    "descriptor-size-wrong": entry(size=7),
    "descriptor-type-wrong": entry(mediaType=INDEX),
    "descriptor-type-unknown": entry(mediaType="text/plain"),
    "manifest-absent": no_blob("manifest"),
    "manifest-flipped": blob("manifest", flip),
    "manifest-list": raw_manifest(b"[]"),
    "manifest-empty": raw_manifest(b"{}"),
    "manifest-schema-1": raw_manifest({"schemaVersion": 1, "fsLayers": []}),
    "manifest-schema-3": manifest(schemaVersion=3),
    "manifest-and-index": manifest(manifests=[]),
    "manifest-type-number": manifest(mediaType=3),
    "manifest-no-layers": without("manifest", "layers"),
    "manifest-layers-object": manifest(layers={}),
    "manifest-no-config": without("manifest", "config"),
    "manifest-config-text": lambda layout: (layout.manifest.update(config="x"), layout.point_to(layout.manifest, MANIFEST))[0],
    "manifest-artifact": lambda layout: (layout.manifest["config"].update(mediaType="application/vnd.example"),
                                         layout.point_to(layout.manifest, MANIFEST))[0],
    "manifest-many-layers": manifest(layers=[{}] * 5000),
    "config-absent": no_blob("config"),
    "config-list": lambda layout: (setattr(layout, "config", []), layout.reseal())[0],
    "config-no-rootfs": without("config", "rootfs"),
    "config-rootfs-type": config(rootfs={"type": "files", "diff_ids": []}),
    "config-no-diff-ids": config(rootfs={"type": "layers"}),
    "config-few-diff-ids": config(rootfs={"type": "layers", "diff_ids": []}),
    "config-diff-id-number": config(rootfs={"type": "layers", "diff_ids": [1]}),
    "layer-foreign": first_layer(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar"),
    "layer-type-unknown": first_layer(mediaType="application/vnd.example.layer"),
}.items():
    layout = Layout(tar)
    change(layout)
    layout.write(name)
    print(name)
Layout(layer({"other": b"content"})).write("good")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 malformed.py >names
refused() {
	status=0
	ggbuild diff "$@" || status=$?
	echo "$1: exit $status"
}
exec 2>&1
while read -r name; do
	refused "$name" good
done <names
# A layout is asked for by what it has not, and leads out of itself nowhere.
refused index-two-images:v3 good
refused good:v1 good
refused good good --platform linux/s390x
refused oci: good
refused oci:good:a..b good
refused oci:nowhere good
refused oci-archive:good good
refused nothing good
refused docker://localhost:1/x good
ln -s "$PWD/good/blobs" index-empty/elsewhere
mv good/blobs good/real
ln -s real good/blobs
refused good good
