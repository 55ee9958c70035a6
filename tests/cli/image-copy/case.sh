# SPDX-License-Identifier: Apache-2.0
# One image through every place that is a file: the digest stays, or standard error says why it does not.
cat >sources.py <<"EOF"
import images
from images import Layout, compressed, docker_files, layer, write_tar

one, two = layer({"file": b"content"}), layer({"other": b"content"})
health = {"config": {"Healthcheck": {"Test": ["CMD", "true"]}}}
Layout(one, two, compress=compressed, kind="+gzip", config=health, ref="v1").write("layout")
Layout(one, two, one, ref="v1").write("plain")
Layout(one, two, compress=images.compressed, kind="+gzip").write("unnamed")
write_tar("docker.tar", docker_files(one, two, tags=("example.org/some/name:v1",)))
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
copy() {
	echo "$ ggbuild copy $*"
	ggbuild copy "$@"
}
copy oci:layout:v1 oci:a:v1
copy layout oci-archive:a.tar:v2
copy a.tar oci:b --digestfile digest
cat digest
echo
diff -r a/blobs b/blobs && echo "the same blobs"
copy layout docker-archive:docker1.tar:some/name
tar -xOf docker1.tar manifest.json
echo
copy docker1.tar oci:back
ggbuild diff layout back --ignore compression && echo "the same image"
copy docker1.tar docker-archive:docker2.tar:some/name
cmp docker1.tar docker2.tar
# Layers that are not compressed survive even this, digest and all.
copy plain docker-archive:plain.tar:v1
ggbuild diff plain plain.tar && echo "the same image"
copy docker.tar oci:other
copy docker.tar:name:v1 oci:other:v2
# Docker's media types and back.
copy --format docker layout oci:schema2
sed 's/,/,\n/g' schema2/blobs/sha256/"$(ggbuild copy --format docker layout oci:schema2 | sed 's/sha256://')"
echo
copy --format oci schema2 oci:again
copy --format oci layout oci:same
copy --format docker schema2 oci:same
copy unnamed oci:unnamed2
sed 's/,/,\n/g' unnamed2/index.json
