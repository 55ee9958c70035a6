#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The static program on a bare machine: a root with nothing in it but the program, a store that `ggbuild fetch` filled, the
# recipes and /proc (and /dev where steps run, whose sandbox shows its devices); no network. The same digests as from the other program in another store.
#   test_static.sh PROGRAM
# ctest-timeout: 240
# ctest-labels: static
set -eu
TESTS=$(cd "$(dirname "$0")/.." && pwd)
program=$(readlink -f "$1")
static=$program-static
[ -e "$static" ] || {
	echo "there is no $static" >&2
	exit 1
}
command -v bwrap >/dev/null || {
	echo "there is no bwrap" >&2
	exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/ggbuild-static.XXXXXX")
trap 'kill ${server:-} 2>/dev/null || :; chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
mkdir "$work/here" "$work/bin" "$work/root" "$work/root/proc" "$work/root/tmp"
cd "$work/here"
export HOME="$work" XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache" PATH="$work/bin:$PATH"
ln -s "$program" "$work/bin/ggbuild"

# No loader, nothing that needs one.
readelf -lW "$static" >headers
if grep INTERP headers; then exit 1; fi
readelf -dW "$static" >dynamic
if grep NEEDED dynamic; then exit 1; fi

url=
# shellcheck disable=SC1091
. "$TESTS/tools/cases.sh"
# shellcheck disable=SC1091
. "$TESTS/debian/archive.sh"
archive "hello 1.0" "other 2.0"
recipe "hello, other"
small_recipe
ggbuild lock a.recipe --mirror "debian=$url" --progress none
ggbuild lock small.recipe --progress none
cp -r . "$work/root/recipes"
mkdir "$work/root/store"
for name in a small; do
	ggbuild fetch "$name.recipe" --locked --mirror "debian=$url" --store "$work/root/store" --progress none
	ggbuild "$name.recipe" --locked --mirror "debian=$url" --store "$work/other" --progress none -o oci:"$name" >"$name.digest"
done
kill "$server"
server=

cp "$static" "$work/root/ggbuild-static"
mkdir "$work/root/dev"
bare() { # RECIPE [OPTION]...
	bwrap --bind "$work/root" / --dev-bind /proc /proc ${dev:+--dev /dev} --unshare-net --cap-add ALL --clearenv --chdir /recipes -- \
		/ggbuild-static "$@" --store /store --progress none
}
for name in a small; do
	dev=
	[ $name = a ] || dev=yes
	bare "$name.recipe" --offline --locked -o oci:/out-"$name" >"$name.bare"
	cmp "$name.digest" "$name.bare"
	diff -r "$name" "$work/root/out-$name"
done

# What it cannot do, it says.
rm -rf "$work/root/store"
mkdir "$work/root/store"
status=0
dev=
bare a.recipe --locked --mirror debian=http://127.0.0.1:1/ 2>said || status=$?
cat said
[ $status = 7 ]
grep -q 'ggbuild-static has no HTTP' said
grep -q 'ggbuild fetch' said
