# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For cases that say several things: . "$TESTS/tools/cases.sh"

# try ARGUMENT...: ggbuild, its errors under a line with the arguments, its exit status below.
try() {
	echo "== ggbuild $*" >&2
	status=0
	ggbuild "$@" || status=$?
	echo "exit $status" >&2
}

# say WORD...: marks a place in both outputs.
say() {
	echo "== $*"
	echo "== $*" >&2
}

# stage: the head of a recipe with stage "base" made of busybox; the lines of standard input are its steps.
stage() {
	[ -e rootfs.tar ] || "$TESTS/tools/busybox_rootfs" rootfs.tar
	printf 'recipe: 1\nname: case\nstages:\n  base:\n    from: { rootfs: rootfs.tar }\n    steps:\n'
	sed 's/^/      /'
}

# small_recipe: small.recipe, which has one of most things and needs no network: a local input, a fetch that only
# pretends, steps, layers, a test.
small_recipe() {
	"$TESTS/tools/busybox_rootfs" root.tar
	mkdir src
	echo source >src/file
	cat >small.recipe <<'END'
recipe: 1
name: small
inputs: { src: { local: src } }
stages:
  builder:
    from: { rootfs: root.tar }
    steps:
      - fetch: numbers
        run: /bin/busybox mkdir /numbers; echo 1 >/numbers/one
        output: /numbers
      - make: [ { directory: /out } ]
      - run: |
          echo zero >/out/result
          echo one >>/out/result
      - name: compile
        run: /bin/busybox cat /src/file >>/out/result
        inputs: { src: /src }
  other:
    from: scratch
    steps:
      - make: [ { file: /other, content: "other" } ]
image:
  user: { name: app, uid: 1000, gid: 1000 }
  layers:
    - { name: result, copy: [ { from: builder, path: /out/result, to: /result } ] }
    - { name: busybox, copy: [ { from: builder, path: /bin/busybox, to: /bin/busybox } ] }
tests:
  - { name: works, run: [/bin/busybox, "true"] }
END
}
