# SPDX-License-Identifier: Apache-2.0
# What an image's documents say: for people, for programs, byte for byte, and by templates.
cat >sources.py <<"EOF"
from images import INDEX, Layout, compressed, docker_files, layer, text, write_tar

one, two = layer({"file": b"content"}), layer({"other": b"content"})
config = {"created": "2024-02-03T04:05:06Z", "config": {
    "Entrypoint": ["/bin/app", "--now"], "Cmd": ["\x1b[31mred"], "Env": ["PATH=/bin", "A=b"], "User": "1000", "WorkingDir": "/srv",
    "ExposedPorts": {"80/tcp": {}}, "Labels": {"org.x.y": "z", "b": "c"}}}
Layout(one, two, compress=compressed, kind="+gzip", config=config, ref="v1").write("layout")
bare = Layout()
bare.write("bare")
write_tar("docker.tar", docker_files(one, two, tags=("example.org/name:v1",)))
many = Layout(one)
arm = Layout(two, platform=("linux", "arm64"))
many.files.update(arm.files)
entries = many.index["manifests"] + arm.index["manifests"]
for entry, arch in zip(entries, ("amd64", "arm64")):
    entry["platform"] = {"os": "linux", "architecture": arch}
many.index["manifests"] = [many.descriptor(INDEX, text({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))]
many.write("index")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
inspect() {
	echo "$ ggbuild inspect $*"
	ggbuild inspect "$@" || echo "exit $?"
}
inspect layout
inspect oci:layout:v1 --json
inspect docker.tar --platform linux/amd64
inspect index --platform linux/arm64
inspect bare --platform linux/amd64
digest=$(sed 's/.*"digest": "sha256:\([0-9a-f]*\)".*/\1/' layout/index.json)
ggbuild inspect layout --raw | cmp - "layout/blobs/sha256/$digest" && echo "the manifest's bytes"
digest=$(ggbuild inspect layout --format '{{.Id}}')
ggbuild inspect layout --config | cmp - "layout/blobs/sha256/${digest#sha256:}" && echo "the config's bytes"
[ "$(ggbuild inspect index --raw | sha256sum | cut -c1-64)" = \
	"$(ggbuild inspect index --platform linux/amd64 --format '{{.Index}}' | cut -c8-)" ] && echo "the index's bytes"
[ "$(ggbuild inspect index --raw --platform linux/arm64 | sha256sum | cut -c1-64)" = \
	"$(ggbuild inspect index --platform linux/arm64 --format '{{.Digest}}' | cut -c8-)" ] && echo "the manifest's bytes"
for format in '{{.Config.Env}}' '{{ json .Config.Entrypoint }} and {{.Config.Entrypoint.1}}' '{{index .Config.Labels "org.x.y"}}' \
	'{{.Size}}{{.Config.Volumes}}' '{{json .Config.Volumes}}' 'plain' '{{json .Layers.0.Size}}' '{{.Confg.Env}}' '{{.Config.Envs}}' \
	'{{.Layers.7}}' '{{index .Config.Labels "org.x.z"}}' '{{.Config' '{{range .Config}}' '{{.Name.Name}}' '{{index .Config "Env}}'; do
	inspect layout --format "$format"
done
inspect layout --raw --json
inspect docker.tar --raw
inspect absent
