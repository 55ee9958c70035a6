# SPDX-License-Identifier: Apache-2.0
# What is damaged arrives nowhere, what a format cannot hold is named, and what was there stays.
cat >sources.py <<"EOF"
from images import INDEX, Layout, compressed, layer, text

one, two = layer({"file": b"content"}), layer({"other": b"content"})
Layout(one, two).write("good")
Layout(layer({"third": b""})).write("other")
Layout(one, two, kind="+zstd").write("zstd")
flipped = Layout(one, two)
path = "blobs/sha256/" + flipped.layers[1]["digest"][7:]
flipped.files[path] = flipped.files[path].replace(b"content", b"Content")
flipped.write("flipped")
short = Layout(one, two)
path = "blobs/sha256/" + short.layers[1]["digest"][7:]
short.files[path] = short.files[path][:-1]
short.write("short")
big = Layout(layer({"file": bytes(3 << 20)}))
path = "blobs/sha256/" + big.layers[0]["digest"][7:]
big.files[path] = big.files[path][:-1] + b"X"
big.write("big")
wrong = Layout(one, two)
wrong.config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
wrong.reseal()
wrong.write("diff-id")
foreign = Layout(one)
foreign.manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
foreign.reseal()
index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": foreign.index["manifests"]}
foreign.index["manifests"] = [foreign.descriptor(INDEX, text(index))]
foreign.write("foreign")
deep = Layout(one)
for i in range(5):
    deep.index["manifests"] = [deep.descriptor(INDEX, text({"schemaVersion": 2, "mediaType": INDEX, "manifests": deep.index["manifests"]}))]
deep.write("deep")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
copy() {
	echo "$ ggbuild copy $*"
	ggbuild copy "$@" || echo "exit $?"
}
ggbuild copy other oci:kept:v1
ggbuild copy other oci-archive:kept.tar
before=$(find . | sort | xargs ls -dl --time-style=+)
for bad in flipped short big; do
	copy "$bad" oci:new
	copy "$bad" oci:kept:v2
	copy "$bad" oci-archive:kept.tar
	copy "$bad" docker-archive:kept.tar
done
copy diff-id docker-archive:kept.tar
copy foreign --all oci:new
copy deep --all oci:new
copy zstd --format docker oci:new
copy good docker-archive:new.tar:Upper
copy good docker-archive:kept
copy good docker-archive:nowhere/new.tar
copy good elsewhere:new
copy absent oci:new
copy good oci:new --format tar
copy good
[ "$(find . | sort | xargs ls -dl --time-style=+)" = "$before" ] && echo "nothing has changed"
