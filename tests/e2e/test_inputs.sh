#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
# Local inputs: after each change of a directory, a build with the store of the builds before must give what a build with
# an empty store gives, and a change that does not count must not change the digest.
#   test_inputs.sh GGBUILD
set -eu
ggbuild=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-inputs.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
	echo "test_inputs.sh: $*" >&2
	[ ! -e log ] || sed 's/^/  log: /' log >&2
	exit 1
}
cat >a.recipe <<'END'
recipe: 1
name: a
inputs: { tree: { local: in } }
image:
  compression: none
  layers:
    - { name: all, copy: [ { from: tree, path: /, to: /data } ] }
END
build() { # STORE: prints the digest
	"$ggbuild" a.recipe --store "$1" -o "oci:$work/out" --progress plain 2>log || fail "exit status $?"
}
last=
check() { # same|other WHAT
	now=$(build store)
	rm -rf fresh
	from_scratch=$(build fresh)
	[ "$now" = "$from_scratch" ] || fail "$2: $now, but from an empty store $from_scratch"
	case $1 in
	same) [ "$now" = "$last" ] || fail "$2: changed the digest" ;;
	other) [ "$now" != "$last" ] || fail "$2: did not change the digest" ;;
	esac
	last=$now
}

mkdir -p in/dir/sub in/empty
for i in 1 2 3 4 5 6 7 8; do echo "file $i" >in/dir/f$i; done
echo script >in/run
chmod 755 in/run
ln -s dir/f1 in/link
check other "the first build"
check same "nothing"

echo 'file X' >in/dir/f1
check other "a file of the same size"
touch -d '2001-02-03' in/dir/f2
check same "a time"
cp -p in/dir/f3 saved
printf 'file x\n' >in/dir/f3
touch -r saved in/dir/f3
check other "another content with the old time"
mv saved in/dir/f3
check other "replaced by rename"
rm in/dir/f4
check other "a file less"
rm -r in/dir/sub
echo file >in/dir/sub
check other "a directory became a file"
rm in/dir/sub
mkdir -p in/dir/sub/deep
check other "and a directory again"
ln -sfn dir/f2 in/link
check other "another target"
chmod 0755 in/dir/f5
check other "executable"
chmod 0711 in/dir/f5
check same "executable by others"
chmod 0664 in/dir/f6
check same "writable by the group"
chmod 0600 in/dir/f6
chmod 0700 in/dir
check same "closed to others"
if [ "$(id -u)" = 0 ]; then
	chown 1234:1234 in/dir/f7 in/dir
	check same "another owner"
fi
mv in/dir/f8 in/moved
check other "a moved file"
ln in/moved in/twin
check other "a second name"
rm in/twin
cp in/moved in/twin
check same "a copy in its place"
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("in/socket")'
check same "a socket"
rm in/socket
mkfifo in/fifo
"$ggbuild" a.recipe --store store 2>log && fail "a fifo was copied"
grep -q "'/fifo' is a" log || fail "the fifo is not named"
rm in/fifo
truncate -s 300M in/sparse
check other "a sparse file"
[ "$(du -sm store/trees | cut -f1)" -lt 100 ] || fail "the sparse file is not sparse in the store"
rm in/sparse

# What did not change is neither read nor copied again: it is the same inode in both trees.
check other "without it"
inode() { # NAME: of the newest tree that has it
	find store/trees -path "*/$1" -printf '%i\n' | sort -u | wc -l
}
[ "$(inode dir/f2)" = 1 ] || fail "an unchanged file was copied again"

# What is copied and packed needs no directory in the store; what is mounted gets one, also when it was known before.
"$here/../tools/busybox_rootfs" base.tar
cat >b.recipe <<'END'
recipe: 1
name: b
inputs: { tree: { local: in } }
stages:
  base:
    from: { rootfs: base.tar }
  user:
    from: base
    steps:
      - { inputs: [tree], run: "cat /inputs/tree/dir/f1 /inputs/tree/dir/f2 >/both" }
image:
  from: base
  compression: none
  layers:
    - { name: all, copy: [ { from: tree, path: /, to: /data } ] }
tests:
  - { name: content, run: "cat /data/dir/f1", expect: { stdout-line: "^mounted$" } }
END
trees() { find store/trees -mindepth 1 -maxdepth 1 | wc -l; }
echo mounted >in/dir/f1
before=$(trees)
check other "a changed file"
[ "$(trees)" = $((before + 1)) ] || fail "more than the change was made into a tree"
"$ggbuild" b.recipe --store store --no-test -o "oci:$work/out" >first 2>log || fail "exit status $?"
"$ggbuild" b.recipe --store store -o "oci:$work/out" >second 2>log || fail "with the test: exit status $?"
cmp first second
"$ggbuild" b.recipe --store store --target user 2>log || fail "a mounted input: exit status $?"
[ "$(cat store/trees/*/both)" = "mounted
file 2" ] || fail "the mounted input holds other content"
"$ggbuild" store verify --store store >/dev/null || fail "store verify"

# Ignore files: content below an excluded directory comes back with an exception.
printf '\357\273\277# comment\n/dir/*\n!dir/f5\n*.tmp\n!/empty\n' >in/.dockerignore
touch in/a.tmp
check other "an ignore file"
files=$(tar -tf "$work/out/blobs/sha256/$(sed -n 's/.*"layers":\[{[^]]*"digest":"sha256:\([0-9a-f]*\)".*/\1/p' \
	"$work/out/blobs/sha256/${last#sha256:}")" | sort | tr '\n' ' ')
[ "$files" = "data/ data/.dockerignore data/dir/ data/dir/f5 data/empty/ data/link data/moved data/run data/twin " ] ||
	fail "the ignore file left '$files'"
echo other >in/dir/f1
touch in/b.tmp
check same "ignored files"
printf 'dir\n' >in/.containerignore
check other "the other ignore file, which comes first"
rm in/.containerignore in/.dockerignore

# Errors say which input.
mv in gone
status=0
"$ggbuild" a.recipe --store store 2>log || status=$?
[ $status = 3 ] || fail "a missing input gave exit status $status"
grep -q "a.recipe:3:.*input 'tree'" log || fail "a missing input is not named"
