#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
# Owners where there is one id: real packages with their scripts, and programs that chown, copy, archive and become
# other users, leave the same bytes for a user with a single id as for root, and see the same while they run.
#   test_owners.sh GGBUILD
set -eu
ggbuild=$(readlink -f "$1")
here=$(cd "$(dirname "$0")" && pwd)
as_user=${here%/*}/tools/as_user
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-owners.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test_owners.sh: $*" >&2
	exit 1
}

mkdir "$work/here" "$work/user"
cp "$here/owners.recipe" "$work/here"
cd "$work/here"
root=$("$ggbuild" owners.recipe --store "$work/store" -o "oci:$work/root" --progress none)
chown 54321:54322 "$work/user"
single=$("$as_user" single "$ggbuild" owners.recipe --userns single --locked --store "$work/user/store" \
	-o "oci:$work/user/out" --progress none)
[ "$root" = "$single" ] || {
	"$ggbuild" diff "oci:$work/root" "oci:$work/user/out" >&2 || :
	fail "root has $root, a user with one id $single"
}

# The store of one id holds no other: owners are beside the inodes.
[ -z "$(find "$work/user/store" ! -user 54321 -o ! -group 54322 | head -n 1)" ] || fail "an inode is not the user's"
python3 - "$work/user/store" <<'END' || fail "/etc/shadow has no record of its group"
import os, sys
for directory, _, names in os.walk(sys.argv[1]):
    path = os.path.join(directory, "shadow")
    if directory.endswith("/etc") and "shadow" in names and b"0:42" == os.getxattr(path, "user.ggbuild.owner"):
        sys.exit(0)
sys.exit(1)
END
echo "one digest: $root"
