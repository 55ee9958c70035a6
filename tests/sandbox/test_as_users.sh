#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The sandbox's unit tests once more, as users with subordinate ids and with a single one. Most of their time is spent
# waiting for time limits, so they run beside each other.
#   test_as_users.sh GGBUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
built=$(cd "$(dirname "$1")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-users-XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$built/sandbox_test_mounts" "$built/sandbox_test_sandbox" "$work"
cd "$work"
for test in mounts sandbox; do
	for kind in subuid single; do
		(
			status=0
			TMPDIR=/tmp FIXTURE_USERNS=$kind "$here/../tools/as_user" "$kind" "./sandbox_test_$test" >"$test.$kind" 2>&1 ||
				status=$?
			echo $status >"$test.$kind.status"
		) &
	done
done
wait
worst=0
for status in *.status; do
	echo "== ${status%.status}"
	cat "${status%.status}"
	read -r n <"$status"
	[ "$n" -le "$worst" ] || worst=$n
done
exit "$worst"
