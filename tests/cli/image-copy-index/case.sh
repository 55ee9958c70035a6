# SPDX-License-Identifier: Apache-2.0
# Indexes: one image of them, all of them, nested ones, attestations, several images under one name.
cat >sources.py <<"EOF"
from images import INDEX, Layout, compressed, digest, layer, text

arm = Layout(layer({"file": b"arm"}), platform=("linux", "arm64"), compress=compressed, kind="+gzip")
amd = Layout(layer({"file": b"amd"}), compress=compressed, kind="+gzip")
for name, nested in (("flat", False), ("nested", True)):
    both = Layout(layer({"unused": b""}))
    both.files = {"oci-layout": both.files["oci-layout"], **arm.files, **amd.files}
    entries = []
    for image, arch in ((arm, "arm64"), (amd, "amd64")):
        entry = dict(image.index["manifests"][0])
        entry["platform"] = {"os": "linux", "architecture": arch}
        entries.append(entry)
    seal = both.descriptor("application/vnd.in-toto+json", b"{}")
    attestation = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                   "config": both.descriptor("application/vnd.oci.image.config.v1+json", b"{}"), "layers": [seal]}
    entry = both.descriptor("application/vnd.oci.image.manifest.v1+json", text(attestation))
    entry["platform"] = {"os": "unknown", "architecture": "unknown"}
    entry["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    entries.append(entry)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    if nested:
        index = {"schemaVersion": 2, "mediaType": INDEX,
                 "manifests": [both.descriptor(INDEX, text(index))]}
    both.index["manifests"] = [both.descriptor(INDEX, text(index))]
    both.index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "v1", "kept": "yes"}
    both.write(name)
    if not nested:
        both.index["manifests"] = [dict(e, annotations={"org.opencontainers.image.ref.name": "v1"}) for e in entries[:2]]
        both.write("several")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
copy() {
	echo "$ ggbuild copy $*"
	ggbuild copy "$@" || echo "exit $?"
}
for source in flat nested several; do
	copy "$source" "oci:$source-one"
	copy "$source" "oci:$source-arm" --platform linux/arm64
	copy "$source" "oci:$source-all:v1" --all
	copy "oci:$source-all:v1" "oci-archive:$source.tar:v1" --all
	copy "$source.tar" "oci:$source-back" --all
	copy "$source" "oci:$source-docker" --all --format docker
	copy "$source-docker" "oci:$source-oci" --all --format oci
	ls "$source-all/blobs/sha256" | wc -l
done
diff -r flat/blobs flat-all/blobs && diff -r nested/blobs nested-back/blobs && echo "every blob is there"
cat nested-all/index.json
echo
copy flat --platform plan9/mips oci:none
copy flat --platform linux/arm64 --all oci:none
copy flat docker-archive:none --all
