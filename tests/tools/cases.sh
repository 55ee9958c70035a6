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

# stage: the head of a recipe with stage "base" made of busybox; the lines of standard input are its steps.
stage() {
	[ -e rootfs.tar ] || "$TESTS/tools/busybox_rootfs" rootfs.tar
	printf 'recipe: 1\nname: case\nstages:\n  base:\n    from: { rootfs: rootfs.tar }\n    steps:\n'
	sed 's/^/      /'
}
