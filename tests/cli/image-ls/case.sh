# SPDX-License-Identifier: Apache-2.0
# What places, indexes, images and layers hold.
cat >sources.py <<"EOF"
import tarfile
from images import INDEX, Layout, compressed, docker_files, layer, text, write_tar


def of(**fields):
    def change(info):
        for name, value in fields.items():
            setattr(info, name, value)
        return b""
    return change


one = layer({"bin": of(type=tarfile.DIRTYPE, mode=0o1777), "bin/app": b"content", "bin/su": of(mode=0o4755, uid=1000, gid=7),
             "bin/same": of(type=tarfile.LNKTYPE, linkname="bin/app"), "bin/sh": of(type=tarfile.SYMTYPE, linkname="app"),
             "bin/null": of(type=tarfile.CHRTYPE, devmajor=1, devminor=3), "bin/\x1b[31mred": b"", "fifo": of(type=tarfile.FIFOTYPE)})
two = layer({"bin/.wh.app": b"", "other": b"content"})
v1 = Layout(one, two, compress=compressed, kind="+gzip", ref="v1")
v2 = Layout(two, ref="v2")
v1.files.update(v2.files)
v1.index["manifests"] += v2.index["manifests"]
v1.write("layout")
v1.write_archive("layout.tar")
write_tar("docker.tar", docker_files(one, two, tags=("example.org/name:v1", "b:2")))
many = Layout(one)
arm = Layout(two, platform=("linux", "arm64"))
many.files.update(arm.files)
entries = many.index["manifests"] + arm.index["manifests"]
for entry, arch in zip(entries, ("amd64", "arm64")):
    entry["platform"] = {"os": "linux", "architecture": arch}
many.index["manifests"] = [many.descriptor(INDEX, text({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))]
many.index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "all"}
many.write("index")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
ls_() {
	echo "$ ggbuild ls $*"
	ggbuild ls "$@" || echo "exit $?"
}
ls_ layout
ls_ oci-archive:layout.tar
ls_ layout --json
ls_ docker.tar
ls_ index
ls_ index:all
ls_ index:all --json
ls_ index:all --platform linux/arm64
ls_ layout:v1
ls_ layout:v1 --json
ls_ docker.tar:b:2
ls_ layout:v1 0
ls_ layout:v1 "$(ggbuild inspect layout:v1 --format '{{.Layers.1.Digest}}' | cut -c8-15)"
ls_ layout:v1 "$(ggbuild inspect layout:v1 --format '{{.Layers.1.DiffId}}')" --json
ls_ layout:v1 2
ls_ layout:v1 sha256:
ls_ layout 0
ls_ layout:v3
ls_ absent
