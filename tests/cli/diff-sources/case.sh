# Archives and layers as they come: compressed, linked, damaged.
cat >sources.py <<"EOF"
import gzip
import io
import lzma
import os
import tarfile
import images
from images import Layout, compressed, docker_files, layer, text, write_tar

one, two = layer({"file": b"content"}), layer({"other": b"content"})
image = Layout(one, two)
image.write("layout")
image.write_archive("layout.tar")
docker = docker_files(one, two, tags=("example.org/some/name:v1",))
write_tar("docker.tar", docker)
with open("docker.tar.gz", "wb") as out:
    out.write(gzip.compress(open("docker.tar", "rb").read()))
Layout(one, two, compress=compressed, kind="+gzip").write("gzipped")
Layout(one, two, compress=lambda tar: compressed(tar[:700]) + compressed(tar[700:]), kind="+gzip").write_archive("members.tar")


def link(target, kind=tarfile.SYMTYPE):
    def change(info):
        info.type = kind
        info.linkname = target
        return b""
    return change


def docker_with(name, **changes):
    files = dict(docker)
    for path, data in changes.items():
        path = path.replace("__", "/").replace("_", ".")
        if data is None:
            del files[path]
        else:
            files[path] = data
    write_tar(name, files)


def listed(name, manifest):
    docker_with(name, manifest_json=manifest if isinstance(manifest, bytes) else text(manifest))


config = next(name for name in docker if name.endswith(".json") and name != "manifest.json")
layers = ["layer0/layer.tar", "layer1/layer.tar"]
docker_with("linked.tar", layer0__layer_tar=link("../real/layer.tar"), real__layer_tar=one,
            layer1__layer_tar=link("./real2.tar", tarfile.LNKTYPE), real2_tar=two)
docker_with("link-out.tar", layer0__layer_tar=link("../../../../etc/passwd"))
docker_with("link-absolute.tar", layer0__layer_tar=link("/etc/passwd"))
docker_with("link-loop.tar", layer0__layer_tar=link("layer.tar"))
docker_with("link-nowhere.tar", layer0__layer_tar=link("nothing"))
docker_with("swapped.tar", layer0__layer_tar=two)
docker_with("no-layer.tar", layer0__layer_tar=None)
docker_with("damaged.tar", layer0__layer_tar=layer({"file": b"Content"}))
docker_with("xz-layer.tar", layer0__layer_tar=lzma.compress(one))
docker_with("fifo.tar", layer0__layer_tar=link("", tarfile.FIFOTYPE))
listed("list-object.tar", {})
listed("list-empty.tar", [])
listed("list-no-config.tar", [{"Layers": layers}])
listed("list-no-layers.tar", [{"Config": config}])
listed("list-layer-number.tar", [{"Config": config, "Layers": [1, 2]}])
listed("list-few-layers.tar", [{"Config": config, "Layers": layers[:1]}])
listed("list-two.tar", [{"Config": config, "Layers": layers, "RepoTags": ["a:1"]}, {"Config": config, "Layers": layers, "RepoTags": ["b:1"]}])
listed("list-path.tar", [{"Config": "../../etc/passwd", "Layers": layers}])
listed("list-json.tar", b"[")
with tarfile.open("twice.tar", "w") as tar:
    for name in ("manifest.json", "./manifest.json"):
        info = tarfile.TarInfo(name)
        tar.addfile(info, io.BytesIO())
write_tar("neither.tar", {"something": b"else"})
data = open("docker.tar", "rb").read()
open("cut.tar", "wb").write(data[:3000])
open("text.tar", "w").write("this is no archive\n" * 100)
open("empty.tar", "w")
open("xz.tar", "wb").write(lzma.compress(data))
open("cut.tar.gz", "wb").write(open("docker.tar.gz", "rb").read()[:200])
# Layers whose tar is not what the config says, or whose blob is not what the manifest says.
wrong = Layout(one, two)
wrong.config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
wrong.reseal()
wrong.write("diff-id")
cut = Layout(one, two, compress=compressed, kind="+gzip")
path = "blobs/sha256/" + cut.layers[0]["digest"][7:]
cut.files[path] = cut.files[path][:-9] + b"X" + cut.files[path][-8:]
cut.config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
cut.write("flipped")
broken = Layout(one[:600], two)
broken.write("broken")
Layout(layer({"third": b""}), layer({"fourth": b""})).write("other")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
# One image, however it is kept.
for other in layout.tar docker.tar docker.tar.gz docker-archive:docker.tar.gz:name:v1 docker.tar:example.org/some/name:v1 linked.tar \
	oci:layout oci-archive:layout.tar; do
	ggbuild diff layout "$other" && echo "same: $other"
done
ggbuild diff gzipped members.tar || echo "exit $?"
ggbuild diff gzipped members.tar --ignore compression && echo same
for bad in docker.tar:v1 docker-archive:layout.tar oci-archive:docker.tar layout --platform=plan9/mips list-*.tar link-*.tar swapped.tar no-layer.tar \
	damaged.tar xz-layer.tar fifo.tar twice.tar neither.tar cut.tar text.tar empty.tar xz.tar cut.tar.gz diff-id flipped broken; do
	[ "$bad" != layout ] || bad="layout --platform=plan9/mips"
	[ "$bad" != --platform=plan9/mips ] || continue
	status=0
	# shellcheck disable=SC2086 # an option goes with one of them
	ggbuild diff $bad other || status=$?
	echo "$bad: exit $status"
done
TMPDIR=/nowhere ggbuild diff docker.tar.gz layout || echo "exit $?"
