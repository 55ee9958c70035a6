#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# Images as other programs write them are read, and are the image that they were made of.
#   test_sources.sh GGBUILD
set -eu
ggbuild=$1
here=$(cd "$(dirname "$0")" && pwd)
work=${TMPDIR:-/tmp}/gg-sources-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$here/engines.sh"
cd "$work"

python3 - "$here/../images" <<'END2'
import sys
sys.path.insert(0, sys.argv[1])
import images
tars = [images.layer({f"file{n}": b"content %d\n" % n * 1000}, mtime=1700000000) for n in range(3)]
for arch in ("amd64", "arm64"):
    images.Layout(*tars, compress=images.compressed, kind="+gzip", platform=("linux", arch), ref=arch).write(arch)
END2
same() {
	"$ggbuild" diff oci:amd64 "$@" --ignore compression >out 2>&1 || fail "$*: $(cat out)"
	echo "same: $*"
}
# Documents are written anew by those who convert: what is not theirs is equal.
same_layers() {
	"$ggbuild" diff oci:amd64 "$1" --ignore compression --json >out.json || [ $? = 1 ] || fail "$1"
	python3 - out.json <<'END2' || fail "$1: $(cat out.json)"
import json, sys
kinds = {d["kind"] for d in json.load(open(sys.argv[1]))["differences"]}
sys.exit(bool(kinds - {"manifest", "config"}))
END2
	echo "same layers: $1"
}

copy() {
	skopeo --insecure-policy copy --quiet "$@" >copy.log 2>&1 || fail "skopeo copy $*: $(cat copy.log)"
}
copy oci:amd64:amd64 oci-archive:skopeo-oci.tar:name
same skopeo-oci.tar:name
copy oci:amd64:amd64 docker-archive:skopeo-docker.tar:some/name:v1
same skopeo-docker.tar:some/name:v1
gzip -k skopeo-docker.tar
zstd -q skopeo-docker.tar
same skopeo-docker.tar.gz
same skopeo-docker.tar.zst
copy --format v2s2 oci:amd64:amd64 dir:dir
copy --dest-compress-format zstd --dest-compress oci:amd64:amd64 oci:zstd:v1
same zstd:v1
# Docker's media types, in a layout.
python3 - <<'END2'
import hashlib, json, os, shutil
os.makedirs("schema2/blobs/sha256")
manifest = open("dir/manifest.json", "rb").read()
for name in os.listdir("dir"):
    if len(name) == 64:
        shutil.copy("dir/" + name, "schema2/blobs/sha256/" + name)
digest = hashlib.sha256(manifest).hexdigest()
open("schema2/blobs/sha256/" + digest, "wb").write(manifest)
open("schema2/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": json.loads(manifest)["mediaType"], "size": len(manifest), "digest": "sha256:" + digest}]},
          open("schema2/index.json", "w"))
END2
same_layers schema2
podman_here load -q -i skopeo-docker.tar >/dev/null 2>podman.log || fail "podman load: $(cat podman.log)"
for format in docker-archive oci-archive; do
	podman_here save -q --format $format -o podman-$format.tar some/name:v1 2>podman.log || fail "podman save: $(cat podman.log)"
	same_layers podman-$format.tar
done

# An index in an index, with two platforms and an attestation: one of them is taken.
python3 - <<'END2'
import hashlib, json, os, shutil
shutil.copytree("amd64", "both")
shutil.copytree("arm64", "both", dirs_exist_ok=True)
index_type = "application/vnd.oci.image.index.v1+json"
entries = []
for arch in ("arm64", "amd64"):
    entry = json.load(open(arch + "/index.json"))["manifests"][0]
    entries.append(dict(entry, platform={"os": "linux", "architecture": arch}))
entries.append(dict(entries[0], platform={"os": "unknown", "architecture": "unknown"}))
data = json.dumps({"schemaVersion": 2, "mediaType": index_type, "manifests": entries}).encode()
digest = hashlib.sha256(data).hexdigest()
open("both/blobs/sha256/" + digest, "wb").write(data)
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": index_type, "digest": "sha256:" + digest, "size": len(data)}]},
          open("both/index.json", "w"))
END2
same both --platform linux/amd64
"$ggbuild" diff arm64 both --platform linux/arm64
! "$ggbuild" diff both amd64 --platform linux/riscv64 2>err || fail "an architecture that is not there"
grep -q "there is no image for linux/riscv64" err || fail "$(cat err)"
