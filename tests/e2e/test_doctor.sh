#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `doctor` where others have taken something away: as users of every kind, and in containers of podman's default profile
# and looser ones. What it says is missing, a build misses, and says so in the same words.
#   test_doctor.sh GGBUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tests=${here%/*}
work=${TMPDIR:-/tmp}/gg-doctor-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$here/engines.sh"

# Open to every user; a container sees this machine's /usr and nothing else of it.
mkdir "$work/open" "$work/root"
cp "$1" "$work/open/ggbuild"
chmod 755 "$work" "$work/open" "$work/open/ggbuild"
for place in bin sbin lib lib64; do
	[ ! -e "/usr/$place" ] || ln -s "usr/$place" "$work/root/$place"
done
for place in usr etc proc sys dev run tmp open; do mkdir "$work/root/$place"; done
chmod 1777 "$work/root/tmp"
printf 'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$work/root/etc/passwd"

# expect NAME STATUS TEXT...: how the last doctor ended, and that each TEXT is in what it said, its lines joined.
expect() {
	[ "$status" = "$2" ] || fail "$1: exit status $status instead of $2: $(cat "$work/said")"
	name=$1
	shift 2
	tr -s ' \n' ' ' <"$work/said" >"$work/words"
	for text; do
		grep -qF -- "$text" "$work/words" || fail "$name: no '$text' in: $(cat "$work/said")"
	done
	! grep -q '^Machine$' "$work/said" || ! grep -q '.\{81\}' "$work/said" || fail "$name: too wide: $(cat "$work/said")"
}

as() {
	status=0
	"$tests/tools/as_user" "$1" "$work/open/ggbuild" doctor >"$work/said" || status=$?
	[ "$status" != 77 ] || exit 77
}
as subuid
expect "a user with subordinate ids" 0 "ok subordinate ids 65535, mapped by newuidmap and newgidmap" "ok steps a whole" \
	"Builds work, with subordinate ids."
as single
expect "a user with one id" 0 "missing subordinate ids find the program 'newuidmap'" "package uidmap" \
	"ok seccomp listener" "ok steps a whole" "Builds work, with a single user id." \
	"users of a step are one id to the kernel, which does not keep them from each other's files"
! grep -q 'set-user-id' "$work/said" || fail "set-id programs work with one id: $(cat "$work/said")"
as none
expect "a user without namespaces" 0 "sysctl -w user.max_user_namespaces=15000" \
	"Builds work in part, without user namespaces."

# inside OPTION... -- ARGUMENT...: ggbuild in a container.
inside() {
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	status=0
	# shellcheck disable=SC2086 # words
	podman_here run --rm --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --network none -v /usr:/usr:ro \
		-v "$work/open:/open:ro" $options --rootfs "$work/root" /open/ggbuild "$@" >"$work/said" 2>"$work/errors" || status=$?
	[ "$status" -lt 125 ] || fail "podman: $(cat "$work/errors")"
}
profile="a container's seccomp profile hides the call: start that container with --security-opt seccomp=unconfined"
masked="parts of /proc are masked, as containers do: start that container with --security-opt systempaths=unconfined"
inside -- doctor --store /tmp/store
expect "podman's default" 0 "ok user namespaces" "ok overlayfs" "missing /proc mount file system 'proc'" "$masked" \
	"missing steps set up the sandbox: set the host name 'ggbuild'" "$profile" "Builds work in part, as root." \
	"run and fetch steps, scripts of packages and tests do not run"
inside --security-opt seccomp=unconfined -- doctor --store /tmp/store
expect "without a filter" 0 "missing steps set up the sandbox: mount file system 'proc'" "$masked"
inside --security-opt seccomp=unconfined --security-opt unmask=ALL -- doctor --store /tmp/store
expect "with both remedies" 0 "ok /proc" "ok steps" "Builds work, as root."
inside --cap-drop all -- doctor --store /tmp/store
expect "root without capabilities" 0 "missing user namespaces enter a user namespace: write 'uid_map'" \
	"root without CAP_SETFCAP can have none" "Builds work in part, without user namespaces."
inside --cap-drop all --user 1000:1000 -- doctor --store /tmp/mine
expect "a user without capabilities" 0 "add the line 'user:100000:65536' to /etc/subuid" \
	"Builds work in part, with a single user id."
inside --cap-drop all --user 1000:1000 --security-opt seccomp=unconfined --security-opt unmask=ALL -- doctor --store /tmp/mine
expect "the same with both remedies" 0 "ok steps" "Builds work, with a single user id."
inside --read-only --read-only-tmpfs=false -- doctor --store /tmp/store
expect "nowhere to write" 1 "missing place make a directory in '/tmp': Read-only file system" "not tried, for there is no store"

# What doctor said of podman's default, a build says, too; and what it said works, does.
"$tests/tools/busybox_rootfs" "$work/open/root.tar"
cat >"$work/open/run.recipe" <<'END'
recipe: 1
name: run
stages: { base: { from: { rootfs: root.tar }, steps: [ { run: "echo text >/file" } ] } }
image: { from: base }
END
sed 's/, steps: .*/ } }/' "$work/open/run.recipe" >"$work/open/copy.recipe"
chmod -R a+rX "$work/open"
inside -v "$work/open:/build" -- /build/run.recipe --store /tmp/store --progress none -o oci:/tmp/out
mv "$work/errors" "$work/said"
expect "a step in podman's default" 1 "set up the sandbox: set the host name 'ggbuild'" "$profile"
inside -v "$work/open:/build" -- /build/copy.recipe --store /tmp/store --progress none -o oci:/tmp/out
[ "$status" = 0 ] || fail "an image without steps in podman's default: $(cat "$work/errors")"
digest=$(cat "$work/said")
outside=$("$1" "$work/open/copy.recipe" --store "$work/store" --progress none -o "oci:$work/out")
[ "$digest" = "$outside" ] || fail "another image in the container: $digest instead of $outside"
