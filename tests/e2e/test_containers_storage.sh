#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images into podman's storage and out of it, by the machine's skopeo; and without one.
#   test_containers_storage.sh GGBUILD
set -eu
ggbuild=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-storage.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
	echo "test_containers_storage.sh: $*" >&2
	exit 1
}
mkdir tmp home
export TMPDIR="$work/tmp" HOME="$work/home" CONTAINERS_STORAGE_CONF="$work/storage.conf"
cat >storage.conf <<END
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/run"
END
cat >some.recipe <<'END'
recipe: 1
name: some
stages: { one: { from: scratch } }
image: { from: one, layers: [ { name: file, make: [ { file: /file, content: "here\n" } ] } ] }
END
digest=$("$ggbuild" some.recipe --store store --progress none -o containers-storage:app:1 -o oci:out)
[ "$(skopeo inspect --format '{{.Digest}}' containers-storage:localhost/app:1)" = "$digest" ] || fail "another digest"
[ "$("$ggbuild" inspect containers-storage:app:1 --format '{{.Id}}')" = "$("$ggbuild" inspect out --format '{{.Id}}')" ] ||
	fail "another config is read"
docker=$("$ggbuild" copy --progress none --format docker oci:out containers-storage:registry.example/app:2)
[ "$(skopeo inspect --format '{{.Digest}}' containers-storage:registry.example/app:2)" = "$docker" ] || fail "Docker's format"
[ "$("$ggbuild" extract containers-storage:app:1 /file -o -)" = here ] || fail "the file"
! "$ggbuild" inspect containers-storage:absent 2>err || fail "an image that is not there"
grep -q "'skopeo' fails: .*absent" err || fail "$(cat err)"
! PATH=/nowhere "$ggbuild" copy --progress none oci:out containers-storage:app:3 2>err || fail "without skopeo"
grep -q "start 'skopeo'" err || fail "$(cat err)"
grep -q "install skopeo" err || fail "no remedy: $(cat err)"
[ -z "$(ls -A tmp)" ] || fail "left behind: $(ls -A tmp)"
