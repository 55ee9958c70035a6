#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
# One image with every kind of layer content and every field of the configuration, in both outputs and the three
# compressions: held against the image specification's schemas, unpacked, and run by engines that are not ours.
#   test_outputs.sh GGBUILD
set -eu
ggbuild=$1
here=$(cd "$(dirname "$0")" && pwd)
work=${TMPDIR:-/tmp}/gg-outputs-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$here/engines.sh"
cd "$work"

# What decides layers' bytes is part of the program.
ldd "$ggbuild" >libraries
! grep -E 'libdeflate|libzstd' libraries || fail "the program loads a compressor of the machine"

python3 "$here/kinds.py" make base.tar "$(command -v busybox)"
cat >kinds.recipe <<'END'
recipe: 1
name: kinds
epoch: 1700000000
stages:
  base:
    from: { rootfs: base.tar }
    steps:
      - name: change
        run: |
          rm /gone
          rm -r /old
          mkdir /old
          echo new >/old/new
          ln /moved /linked
          chmod 2750 /tmp/sub
image:
  from: base
  author: Somebody <somebody@example.org>
  user: { name: app, uid: 1000, gid: 1000, home: /home/app }
  layers:
    - name: home
      make:
        - { directory: /home/app, owner: app, mode: "0750" }
        - { file: /home/app/greeting, owner: "app:0", mode: "0640", content: "hello\n" }
        - { symlink: /home/app/up, target: ../../tmp, owner: app }
    - name: copied
      copy: [ { from: base, path: /bin/hard, to: /opt/copy, owner: "7:8", mode: "0511" } ]
  env: { PATH: /bin, EMPTY: "", QUOTED: "a \"b\" $$c" }
  workdir: /home/app
  entrypoint: [/bin/busybox, cat]
  cmd: [greeting]
  ports: [8080, 53/udp]
  volumes: [/data, /var/cache/app]
  stop-signal: SIGUSR1
  labels: { org.opencontainers.image.title: kinds, other: "x=y" }
  annotations: { org.example.note: here }
  healthcheck: { test: [busybox, "true"], interval: 1m30s, timeout: 500ms, start-period: 1h, start-interval: 2s, retries: 3 }
tests:
  - { name: greeting, run: [busybox, cat, /home/app/greeting], expect: { stdout: "hello\n" } }
END
build() { "$ggbuild" "$@" --progress none 2>log || fail "ggbuild: $(cat log)"; }

digest=$(build kinds.recipe --store store -o oci:out -o oci:named:v1 -o oci-archive:one.tar -o oci-archive:v1.tar:v1)
"$here/../schema/check_oci.py" tree out || fail "the layout does not follow the schemas"
[ "$(skopeo inspect --format '{{.Digest}}' oci:out:latest)" = "$digest" ] || fail "skopeo sees another digest"
skopeo inspect --config --raw oci:out:latest >config
skopeo inspect --raw oci:out:latest >manifest
python3 "$here/kinds.py" config config manifest || fail "the configuration"

# The archive holds the layout, and its bytes depend on nothing but the image and the reference.
mkdir unpacked
tar -xf one.tar -C unpacked
diff -r unpacked out || fail "the archive is not the layout"
mkdir elsewhere
cp kinds.recipe kinds.lock base.tar elsewhere
(
	cd elsewhere
	umask 077
	export TZ=Asia/Tokyo LC_ALL=C
	build kinds.recipe --locked --store ../store2 -o oci-archive:two.tar -o oci-archive:v1.tar:v1 >/dev/null
)
cmp one.tar elsewhere/two.tar || fail "two archives of one image differ"
cmp v1.tar elsewhere/v1.tar || fail "two archives of one image and reference differ"
[ "$(stat -c '%a %u' elsewhere/two.tar)" = "644 $(id -u)" ] || fail "the archive's mode"

# Every reader gets the same files: of the layout, of the archive, of each compression.
check_tree() { # NAME LAYOUT:REF
	umoci unpack --image "$2" "$1" >log 2>&1 || fail "umoci: $(cat log)"
	python3 "$here/kinds.py" tree "$1/rootfs" || fail "what umoci unpacked from $1"
}
check_tree from-layout out:latest
check_tree from-named named:v1
skopeo copy -q oci-archive:v1.tar:v1 oci:copied:v1
check_tree from-archive copied:v1
[ "$(skopeo inspect --format '{{.Digest}}' oci:copied:v1)" = "$digest" ] || fail "a copy has another digest"
umoci unpack --rootless --image out:latest rootless >log 2>&1 || fail "umoci --rootless: $(cat log)"
python3 "$here/kinds.py" tree rootless/rootfs rootless || fail "what umoci unpacked without root"
for compression in none zstd; do
	sed "s/^image:/&\n  compression: $compression/" kinds.recipe >"$compression.recipe"
	cp kinds.lock "$compression.lock"
	build "$compression.recipe" --store store -o "oci:$compression" -o "oci-archive:$compression.tar" >/dev/null
	"$here/../schema/check_oci.py" tree "$compression" || fail "the layout of $compression does not follow the schemas"
done
check_tree from-none none:latest

# podman runs each archive; from the one whose layers are zstd, which umoci may not read, it unpacks the same files.
for archive in one none zstd; do
	[ "$(podman_here run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none --read-only --cap-drop all \
		"oci-archive:$work/$archive.tar" 2>log)" = hello ] || fail "podman does not run $archive.tar: $(cat log)"
done
[ "$(podman_run "$work/out:latest")" = hello ] || fail "podman runs something else"
[ "$(crun_run "$work/out:latest" /bin/busybox id)" = "uid=1000(app) gid=1000(app)" ] || fail "crun runs as somebody else"
podman_here load -q -i zstd.tar >log 2>&1 || fail "podman load: $(cat log)"
image=$(sed -n 's/^Loaded image: //p' log)
podman_here inspect --type image "$image" >inspected
python3 "$here/kinds.py" podman inspected || fail "what podman sees"
mounted=$(podman_here image mount "$image")
python3 "$here/kinds.py" tree "$mounted" || fail "what podman unpacked from zstd"
podman_here image unmount "$image" >/dev/null

# "none" is written down, or an engine would take the base's.
sed 's/^  healthcheck: .*/  healthcheck: none/' kinds.recipe >silent.recipe
cp kinds.lock silent.lock
build silent.recipe --store store -o oci:silent >/dev/null
skopeo inspect --config --raw oci:silent:latest | grep -q '"Healthcheck":{"Test":\["NONE"\]}' || fail "no health check is not told"

# podman drops the health check of an image in OCI's format, and shows that of one in Docker's.
build kinds.recipe --store store --format docker -o oci:docker -o rootfs:root -o tar:root.tar >/dev/null
# Without a reference: podman finds none for a manifest that is not OCI's.
image=$(podman_here pull -q "oci:$work/docker")
[ "$(podman_here image inspect --format '{{.HealthCheck.Retries}}' "$image")" = 3 ] || fail "podman sees no health check"
# Everything has one time there.
find root -exec touch -h -d @1700000000 {} +
python3 "$here/kinds.py" tree root || fail "the root file system that ggbuild writes"
mkdir from-tar
tar -x --numeric-owner --same-owner -p --xattrs --xattrs-include='*' -f root.tar -C from-tar
find from-tar -exec touch -h -d @1700000000 {} +
python3 "$here/kinds.py" tree from-tar || fail "the root file system that ggbuild archives"
