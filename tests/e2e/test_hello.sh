#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
# From a recipe to a running image, twice: the second time from an empty store, at another path, with another umask, time
# zone and locale, offline but for the packages' archives. Both must give one digest, and engines must run the result.
#   test_hello.sh GGBUILD
set -eu
ggbuild=$1
here=$(cd "$(dirname "$0")" && pwd)
work=${TMPDIR:-/tmp}/gg-hello-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$here/engines.sh"

mkdir "$work/one" "$work/two"
cp "$here/hello.recipe" "$work/one"
first=$("$ggbuild" "$work/one/hello.recipe" --store "$work/store1" -o "oci:$work/one/out" --progress plain)
echo "first build: $first"
[ -f "$work/one/hello.lock" ] || fail "no lock was written"
! grep -q '://' "$work/one/hello.lock" || fail "the lock names a host"

cp "$work/one/hello.recipe" "$work/one/hello.lock" "$work/two"
second=$(
	umask 077
	cd "$work/two"
	TZ=Asia/Tokyo LC_ALL=C "$ggbuild" hello.recipe --locked --store "$work/store2" -o oci:out --progress none
)
[ "$first" = "$second" ] || fail "two builds, two digests: $first, $second"

again=$("$ggbuild" "$work/one/hello.recipe" --locked --offline --store "$work/store1" -o "oci:$work/one/out" 2>"$work/log")
[ "$first" = "$again" ] || fail "a build from the store gave $again"
grep -q '^0 actions run' "$work/log" || fail "the second build ran something: $(cat "$work/log")"

skopeo inspect "oci:$work/one/out:latest" >/dev/null
skopeo inspect --config "oci:$work/one/out:latest" | grep -q '"1000:1000"' || fail "the image has no user"
umoci unpack --rootless --image "$work/one/out:latest" "$work/rootless" >/dev/null 2>&1 || fail "umoci cannot unpack it"
[ "$(stat -c %a "$work/rootless/rootfs/home/app")" = 755 ] || fail "the home directory's mode"
[ "$(podman_run "$work/one/out:latest")" = hello ] || fail "podman runs something else"
[ "$(crun_run "$work/one/out:latest" hello)" = hello ] || fail "crun runs something else"

# The starter is a recipe that builds.
"$ggbuild" init "$work/one/start.recipe" >/dev/null
"$ggbuild" "$work/one/start.recipe" --store "$work/store1" -o "oci:$work/one/start" --progress none >/dev/null ||
	fail "the starter recipe does not build"

# A step that fails says what, how and where; a test that fails writes nothing.
sed 's,gcc -O2,false \&\& gcc -O2,' "$here/hello.recipe" >"$work/one/bad.recipe"
cp "$work/one/hello.lock" "$work/one/bad.lock"
status=0
"$ggbuild" "$work/one/bad.recipe" --store "$work/store1" -o "oci:$work/one/none" --progress none 2>"$work/log" || status=$?
[ $status = 5 ] || fail "a failed step gave exit status $status"
grep -q 'exit status 1' "$work/log" || fail "the failed step's status is not told: $(cat "$work/log")"
sed 's,stdout-line: "^hello\$",stdout-line: "^other$",' "$here/hello.recipe" >"$work/one/bad.recipe"
status=0
"$ggbuild" "$work/one/bad.recipe" --store "$work/store1" -o "oci:$work/one/none" --progress none 2>"$work/log" || status=$?
[ $status = 8 ] || fail "a failed test gave exit status $status"
[ ! -e "$work/one/none" ] || fail "a failed build left an output"
"$ggbuild" store verify --store "$work/store1"
