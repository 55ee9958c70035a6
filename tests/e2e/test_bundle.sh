#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 600
# Bundles: what was fetched here is built there, without a connection, to the same digest; and what looks at a bundle.
#   test_bundle.sh GGBUILD
set -eu
ggbuild=$(readlink -f "$1")
tests=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-bundle.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work"
export HOME="$work/home"
unset XDG_CACHE_HOME XDG_CONFIG_HOME
mkdir home
fail() {
	echo "test_bundle.sh: $*" >&2
	[ ! -e "$work/log" ] || sed 's/^/  log: /' "$work/log" >&2
	exit 1
}
quiet() { "$@" 2>"$work/log" || fail "'$*' ended with $?"; }
ends() { # STATUS TEXT COMMAND...: it fails so, and says that
	status=$1 text=$2
	shift 2
	code=0
	"$@" >"$work/out" 2>"$work/log" || code=$?
	[ $code = "$status" ] || fail "'$*' ended with $code instead of $status"
	grep -q -e "$text" "$work/log" || fail "'$*' does not say '$text'"
}

# A recipe with one of everything but packages.
"$tests/tools/busybox_rootfs" base.tar
mkdir -p www in/dir
echo data >www/data
echo hello >in/file
echo 'kept' >in/dir/kept
echo 'left out' >in/dir/left
printf 'dir/left\n.containerignore\n' >in/.containerignore
printf 'dir/kept\n' >in/.dockerignore
chmod 755 in/dir/kept
ln -s file in/link
ln in/file in/twin
python3 -u -m http.server --bind 127.0.0.1 --directory www 0 >port 2>/dev/null &
server=$!
until grep -q port port; do sleep 0.05; done
base=http://127.0.0.1:$(sed 's/.* port \([0-9]*\) .*/\1/' port)
cat >app.recipe <<END
recipe: 1
name: app
args: { V: "1" }
inputs:
  tree: { local: in }
  data: { url: "$base/data", sha256: $(sha256sum www/data | cut -d' ' -f1) }
stages:
  base:
    from: { rootfs: base.tar }
  made:
    from: base
    steps:
      - fetch: stuff
        output: /opt/stuff/x
        run: |
          mkdir -p /opt/stuff/x
          cd /opt/stuff/x
          mkdir -p d empty
          echo one >one
          ln one two
          ln -s one three
          echo "\$V" >d/v
          chmod 4755 d/v
      - { inputs: [tree, data], run: "cat /inputs/tree/file /inputs/data /opt/stuff/x/d/v >/all" }
image:
  from: base
  layers:
    - name: all
      copy:
        - { from: tree, path: /, to: /data }
        - { from: made, path: /all, to: /all }
        - { from: made, path: /opt, to: /opt }
tests:
  - { name: content, run: "cat /all", expect: { stdout-line: "^data$" } }
END
want=$(quiet "$ggbuild" app.recipe --arg V=2 --fetch-network host --store here -o oci:here.oci)
[ -n "$want" ] || fail "no image"

digest=$(quiet "$ggbuild" bundle app.recipe --arg V=2 --offline --store here -o app.bundle)
"$ggbuild" bundle ls app.bundle >list
grep -q "$digest" list || fail "ls has another digest"
for part in 'recipe .* app.recipe' 'lock .* app.lock' 'settings .* settings.json' 'tree .* stuff.tree' 'fetch .* stuff.tar' \
	'input .* tree.tar' 'url .* data' 'rootfs .* base.tar'; do
	grep -q "$part" list || fail "ls has no '$part'"
done
quiet "$ggbuild" bundle verify app.bundle >verified
grep -q 'every byte' verified || fail "verify"
quiet "$ggbuild" bundle app.recipe --arg V=2 --offline --store here -o again.bundle >/dev/null
cmp app.bundle again.bundle || fail "a bundle has other bytes the second time"
# Without a store, what there is to fetch is fetched first, and the bytes are the same.
quiet "$ggbuild" bundle app.recipe --arg V=2 --fetch-network host --store fresh -o again.bundle >/dev/null
cmp app.bundle again.bundle || fail "a bundle from another store has other bytes"
ends 7 'offline forbids every connection' "$ggbuild" bundle app.recipe --arg V=2 --offline --store none -o none.bundle
[ ! -e none.bundle ] || fail "a bundle that was not made is there"
kill $server
server=

# Elsewhere: nothing is here but the bundle.
mkdir there
cp app.bundle there/any.name
cd there
got=$(quiet "$ggbuild" build any.name --store store -o oci:out)
[ "$got" = "$want" ] || fail "another image: $got instead of $want"
quiet "$ggbuild" build any.name --store store -o oci:again >/dev/null
grep -q '^0 actions run' "$work/log" || fail "what is there was made again"
quiet "$ggbuild" store verify --store store >/dev/null
ends 2 'a bundle has the arguments' "$ggbuild" build any.name --arg V=3 --store store
cd ..
