#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-labels: full
# ctest-timeout: 6000
# ctest-serial
# The flagship crosses the gap: bundled out of the default store, built with an empty store in a network namespace that has
# nothing in it and with no more environment than a PATH, to the same digest (22 minutes on two cores).
#   test_bundle_flagship.sh GGBUILD
set -eu
ggbuild=$(readlink -f "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${TMPDIR:-/tmp}/gg-gap-$$
mkdir -p "$work/here" "$work/there/home"
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test_bundle_flagship.sh: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || exit 77

cp "$root/ggen-agent.recipe" "$root/ggen-agent.lock" "$work/here"
cd "$work/here"
want=$("$ggbuild" ggen-agent.recipe --locked -o oci:out --progress plain 2>"$work/log") || fail "$(tail -n 40 "$work/log")"
self=
[ ! -x "${ggbuild%/*}/ggbuild-static" ] || self=--with-self
# shellcheck disable=SC2086 # nothing, or a word
digest=$("$ggbuild" bundle ggen-agent.recipe --locked --offline $self -o "$work/there/flagship.bundle" 2>"$work/log") ||
	fail "$(cat "$work/log")"
echo "bundle $digest: $(tail -n 1 "$work/log")"
"$ggbuild" bundle verify "$work/there/flagship.bundle"

cd "$work/there"
program=$ggbuild
if [ -n "$self" ]; then
	tar -xf flagship.bundle ggbuild
	program=./ggbuild
fi
start=$(date +%s)
got=$(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$PWD/home" unshare --net \
	"$program" build flagship.bundle -o oci:out --progress plain 2>"$work/log") || fail "$(tail -n 60 "$work/log")"
echo "built in $(($(date +%s) - start)) s: $(grep 'actions\{0,1\} run' "$work/log")"
[ "$got" = "$want" ] || fail "another image: $got instead of $want"
