# SPDX-License-Identifier: Apache-2.0
# Docker's format: another manifest of the same config and layers.
cat >some.recipe <<'EOF'
recipe: 1
name: some
stages: { one: { from: scratch } }
image:
  from: one
  layers: [ { name: file, make: [ { file: /file, content: "here\n" } ] } ]
  healthcheck: { test: [check], interval: 30s }
EOF
sed 's/^  from: one/  from: one\n  compression: zstd/' some.recipe >zstd.recipe
exec 2>&1
build() { ggbuild "$@" --progress none || echo "exit $?"; }
build some.recipe -o oci:oci
build some.recipe --format docker -o oci:docker -o oci-archive:docker.tar --metadata-file metadata.json
ggbuild inspect docker --raw | sed 's/,/,\n/g'
echo
cat metadata.json docker/index.json
echo
# What copy makes of it is the same.
ggbuild copy --progress none --format docker oci oci:copied
ggbuild copy --progress none --format oci docker.tar oci:back
[ "$(ggbuild inspect oci --format '{{.Id}} {{.Layers.0.Digest}}')" = "$(ggbuild inspect docker --format '{{.Id}} {{.Layers.0.Digest}}')" ] &&
	echo "the same config and layer"
build zstd.recipe --format docker -o oci:zstd
build some.recipe --format schema1 -o oci:none
