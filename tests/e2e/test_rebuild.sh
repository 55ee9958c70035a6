#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-labels: full
# ctest-timeout: 9000
# ctest-serial
# The flagship a second time: an empty store at another path, another checkout path, umask, time zone, locale, host name
# and number of jobs. The digest must be the one that the default store gives (which is built first if it is not there).
#   test_rebuild.sh GGBUILD
set -eu
ggbuild=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${TMPDIR:-/tmp}/gg-rebuild-$$
mkdir -p "$work/a" "$work/Another Place"
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test_rebuild.sh: $*" >&2
	exit 1
}

cp "$root/ggen-agent.recipe" "$root/ggen-agent.lock" "$work/a"
first=$("$root/ggbuild" "$work/a/ggen-agent.recipe" --locked --progress none -o "oci:$work/a/out")
cp "$root/ggen-agent.recipe" "$root/ggen-agent.lock" "$work/Another Place"
start=$(date +%s)
second=$(
	umask 077
	cd "$work/Another Place"
	export TZ=Pacific/Auckland LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8
	unshare --uts sh -c 'hostname somewhere-else; exec "$@"' sh \
		"$ggbuild" ggen-agent.recipe --locked --jobs 1 --progress none --store "$work/Another Place/store" -o oci:out
)
echo "$first from the default store"
echo "$second from an empty one, $(($(date +%s) - start)) s"
[ "$first" = "$second" ] || fail "two digests"
diff -r "$work/a/out" "$work/Another Place/out" || fail "the layouts differ"
