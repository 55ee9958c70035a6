#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# Caches of steps: found again as they were left, by one step at a time, empty with --locked, no part of a layer, listed
# and collected.
#   test_caches.sh GGBUILD
set -eu
ggbuild=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-caches.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
	echo "test_caches.sh: $*" >&2
	[ ! -e log ] || sed 's/^/  log: /' log >&2
	exit 1
}
"$here/../tools/busybox_rootfs" base.tar

# A step that says what it found; a real one must not let it show.
cat >a.recipe <<'END'
recipe: 1
name: a
args: { N: "1", WAIT: "0", FAIL: "" }
stages:
  one:
    from: { rootfs: base.tar }
    steps:
      - name: step
        cache: [/var/cache/things, /cache2]
        run: |
          echo "round $N: $(cat /var/cache/things/* | tr '\n' ' ')"
          echo "round$N" >"/var/cache/things/$N"
          ln -s /etc /cache2/link-$N
          [ "$WAIT" = 0 ] || { touch /var/cache/things/waiting; sleep "$WAIT"; }
          [ -z "$FAIL" ] || exit 1
          echo done >/result
  user:
    from: { rootfs: base.tar }
    steps:
      - name: as-user
        user: "1234:1234"
        cache: [/var/cache/things]
        run: |
          echo "user $N: $(ls /var/cache/things) $(stat -c %u:%g:%a /var/cache/things)"
          touch "/var/cache/things/user$N"
image:
  from: one
  compression: none
END
build() {
	status=0
	"$ggbuild" a.recipe --store store --progress plain -o "oci:$work/out" "$@" >digest 2>log || status=$?
}
expect() {
	[ $status = 0 ] || fail "exit status $status"
	grep -qF -- "$1" log || fail "the log lacks '$1'"
}
build
expect "round 1: "
first=$(cat digest)
build --arg N=2
expect "round 2: round1"
build --arg N=3 --locked
expect "round 3: "
! grep -q "round 3: round" log || fail "--locked found something"
build --arg N=4 --arg FAIL=yes
[ $status = 5 ] || fail "exit status $status"
build --arg N=5
expect "round 5: round1 round2 round4"
for layer in out/blobs/sha256/*; do
	! tar -tf "$layer" 2>/dev/null | grep -E 'things/|cache2' || fail "a cache got into a layer"
done

# Another step that has it: the second one does not wait, and finds an empty one.
"$ggbuild" a.recipe --store store --progress none --arg N=6 --arg WAIT=60 2>/dev/null &
background=$!
i=0
until ls store/caches/*/data/waiting >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 150 ] || fail "the step in the background did not start"
	sleep 0.1
done
"$ggbuild" a.recipe --store store --progress plain --arg N=7 2>log || fail "beside another: exit status $?"
grep -q "round 7: " log || fail "round 7 did not run"
! grep -q "round 7: round" log || fail "two steps had one cache"
kill -TERM "$background"
wait "$background" || :

# One of each user's own.
build --target user 2>/dev/null
"$ggbuild" a.recipe --store store --progress plain --target user --arg N=1 2>log || fail "as a user: exit status $?"
grep -q "user 1:  *1234:1234:755" log || fail "as a user"
"$ggbuild" a.recipe --store store --progress plain --target user --arg N=2 2>log || fail "as a user: exit status $?"
grep -q "user 2: user1 1234:1234:755" log || fail "as a user, again"

"$ggbuild" store ls --json --store store >list
for name in "a 0 /var/cache/things" "a 0 /cache2" "a 1234:1234 /var/cache/things"; do
	grep -qF "\"name\": \"$name\"" list || fail "store ls does not list '$name'"
done
"$ggbuild" store verify --store store >/dev/null || fail "store verify"
sleep 2
"$ggbuild" store gc --keep 1h --store store >/dev/null
[ "$(find store/caches -mindepth 1 -maxdepth 1 | wc -l)" = 3 ] || fail "gc took caches that were used lately"
"$ggbuild" store gc --keep 1s --store store >/dev/null
[ -z "$(find store/caches -mindepth 1)" ] || fail "gc left caches"
build
expect "round 1: "
[ "$(cat digest)" = "$first" ] || fail "another digest without the caches"
