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
	tr '\n' ' ' <"$work/log" | grep -q -e "$text" || fail "'$*' does not say '$text'"
}

# A recipe with one of everything.
"$tests/tools/busybox_rootfs" base.tar
"$tests/debian/make_archive.py" --dir archive "hello 1.0" "other 2.0" >/dev/null
cp archive/keyring.gpg .
mkdir -p www in/dir
mv archive/archive www/debian
echo data >www/data
echo hello >in/file
echo 'kept' >in/dir/kept
echo 'left out' >in/dir/left
printf 'dir/left\n.containerignore\n' >in/.containerignore
printf 'dir/kept\n' >in/.dockerignore
chmod 755 in/dir/kept
ln -s file in/link
ln in/file in/twin
head -c 3000000 /dev/zero | tr '\0' 'x' >in/large
: >port
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
  packages:
    from: { debian: trixie, packages: [hello, other], essential: false, scripts: false, keyring: keyring.gpg }
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
        - { from: packages, path: /usr/share/hello, to: /hello }
tests:
  - { name: content, run: "cat /all", expect: { stdout-line: "^data$" } }
END
fetching="--arg V=2 --fetch-network host --mirror debian=$base/debian"
# shellcheck disable=SC2086 # words
want=$(quiet "$ggbuild" app.recipe $fetching --store here -o oci:here.oci)
[ -n "$want" ] || fail "no image"

digest=$(quiet "$ggbuild" bundle app.recipe --arg V=2 --offline --store here -o app.bundle)
"$ggbuild" bundle ls app.bundle >list
grep -q "$digest" list || fail "ls has another digest"
for part in 'recipe .* app.recipe' 'lock .* app.lock' 'settings .* settings.json' 'tree .* stuff.tree' 'fetch .* stuff.tar' \
	'input .* tree.tar' 'url .* data' 'rootfs .* base.tar' 'keyring .* keyring.gpg' 'package .* hello_1.0_'; do
	grep -q "$part" list || fail "ls has no '$part'"
done
quiet "$ggbuild" bundle verify app.bundle >verified
grep -q 'every byte' verified || fail "verify"
quiet "$ggbuild" bundle app.recipe --arg V=2 --offline --store here -o again.bundle >/dev/null
cmp app.bundle again.bundle || fail "a bundle has other bytes the second time"
# Without a store, what there is to fetch is fetched first, and the bytes are the same.
# shellcheck disable=SC2086 # words
quiet "$ggbuild" bundle app.recipe $fetching --store fresh -o again.bundle >/dev/null
cmp app.bundle again.bundle || fail "a bundle from another store has other bytes"
ends 7 'offline forbids every connection' "$ggbuild" bundle app.recipe --arg V=2 --offline --store none -o none.bundle
[ ! -e none.bundle ] || fail "a bundle that was not made is there"
kill $server
server=

# What stands beside the recipe is not looked at any more.
mv in in.away
mv base.tar base.away

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

# Without any network: in a namespace that has none, and nothing of ours says a word to an internet address.
[ "$(id -u)" = 0 ] || exit 77
# LeakSanitizer cannot run where strace does.
quiet env ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" unshare --net strace -f -qq -yy -s 64 -e signal=none -o trace \
	-e trace=connect,sendto,sendmsg,sendmmsg,socket "$ggbuild" build any.name --store dark.store -o oci:dark >dark.digest
[ "$(cat dark.digest)" = "$want" ] || fail "another image without a network"
grep -q 'socket(' trace || fail "strace saw nothing"
if grep -E '^[0-9]+ +(connect|send[a-z]*)\(' trace | grep -E 'AF_INET|(TCP|UDP|RAW)[v6]*:' >&2; then
	fail "it spoke to the network"
fi

# Other users, with stores of their own.
chmod 755 "$work" "$work/there"
for mode in subuid single; do
	# shellcheck disable=SC2016 # it is the user's sh that expands
	got=$(quiet "$tests/tools/as_user" $mode sh -euc '"$1" build any.name --store "$HOME/store" -o "oci:$HOME/out"' - \
		"$ggbuild")
	[ "$got" = "$want" ] || fail "another image as a user ($mode): $got"
done
cd ..
mv in.away in
mv base.away base.tar
for mode in subuid single; do
	# shellcheck disable=SC2016 # it is the user's sh that expands
	quiet "$tests/tools/as_user" $mode sh -euc '
		"$1" build there/any.name --store "$HOME/store"
		"$1" bundle app.recipe --arg V=2 --offline --locked --store "$HOME/store" -o "$HOME/again.bundle"
		cmp "$HOME/again.bundle" app.bundle' - "$ggbuild" >/dev/null
done

# In pieces.
pack() { # ARGUMENT...: a bundle of what the store has
	quiet "$ggbuild" bundle app.recipe --arg V=2 --offline --store here "$@" >/dev/null
}
pack -o cut.bundle --split 1MiB
cat cut.bundle.0* | cmp - app.bundle || fail "the pieces are not the whole"
quiet "$ggbuild" bundle verify cut.bundle >/dev/null
got=$(quiet "$ggbuild" build cut.bundle --store cut.store -o oci:cut.oci)
[ "$got" = "$want" ] || fail "another image from pieces: $got"
pack -o cut.bundle --split 3MiB
[ ! -e cut.bundle.003 ] || fail "an old piece is left"
cat cut.bundle.0* | cmp - app.bundle || fail "the new pieces are not the whole"
mv cut.bundle.002 cut.away
ends 6 "piece 'cut.bundle.002' is not there" "$ggbuild" build cut.bundle --store none -o oci:none.oci
head -c 1000 cut.away >cut.bundle.002
ends 6 "piece 'cut.bundle.002' has 1000 bytes" "$ggbuild" build cut.bundle --store none -o oci:none.oci
(tr x y <cut.away) >cut.bundle.002
ends 6 "piece 'cut.bundle.002' is damaged" "$ggbuild" build cut.bundle --store none -o oci:none.oci
ends 2 'would have' "$ggbuild" bundle app.recipe --arg V=2 --offline --store here -o small --split 1KiB
[ ! -e small ] || fail "pieces that are too many were made"
[ ! -e none.oci ] || fail "something was written"

# Compressed.
pack -o zstd.bundle --compression zstd
[ "$(stat -c %s zstd.bundle)" -lt "$(stat -c %s app.bundle)" ] || fail "zstd makes nothing smaller"
quiet "$ggbuild" bundle verify zstd.bundle >/dev/null
got=$(quiet "$ggbuild" build zstd.bundle --store zstd.store -o oci:zstd.oci)
[ "$got" = "$want" ] || fail "another image from compressed parts: $got"

# A delta, and what differs.
quiet "$ggbuild" bundle diff app.bundle again.bundle >differs
[ ! -s differs ] || fail "equal bundles differ"
echo changed >>in/file
new=$(quiet "$ggbuild" app.recipe --arg V=2 --offline --store here -o oci:here.oci)
pack -o whole.bundle
pack -o new.bundle --delta app.bundle
code=0
"$ggbuild" bundle diff app.bundle whole.bundle >differs || code=$?
[ $code = 1 ] || fail "diff ended with $code"
cut -d' ' -f1-3 differs >words
printf '%s\n' '~ tree tree.tree' '~ input tree.tar' | cmp - words || fail "diff says other words: $(cat differs)"
"$ggbuild" bundle diff app.bundle new.bundle >words || :
cmp differs words || fail "a delta differs in other ways"
"$ggbuild" bundle ls new.bundle >list
grep -q "a delta to $digest, which has" list || fail "ls does not name the base: $(tail -n 1 list)"
grep -q ' - *rootfs' list || fail "ls does not show what the base has"
ends 6 "nor the store has: .*rootfs 'base.tar'.*add --base" "$ggbuild" build new.bundle --store void -o oci:none.oci
[ -z "$(find void/actions -name '*.json')" ] || fail "something ran"
got=$(quiet "$ggbuild" build new.bundle --base app.bundle --store delta.store -o oci:delta.oci)
[ "$got" = "$new" ] || fail "another image from a delta: $got instead of $new"
got=$(quiet "$ggbuild" build new.bundle --store there/store -o oci:delta.oci)
[ "$got" = "$new" ] || fail "another image from a delta and a store: $got instead of $new"
# A user whose range turns out to be refused takes what its store has of a single id's, and misses nothing.
# shellcheck disable=SC2016 # it is the user's sh that expands
got=$(quiet "$tests/tools/as_user" subuid sh -euc '
	"$1" build app.bundle --userns single --store "$HOME/store" >/dev/null
	setpriv --no-new-privs "$1" build new.bundle --store "$HOME/store" -o "oci:$HOME/out"' - "$ggbuild")
[ "$got" = "$new" ] || fail "another image from a delta without the range: $got instead of $new"
ends 6 'and the delta is to' "$ggbuild" build new.bundle --base whole.bundle --store none
ends 2 'nothing needs one' "$ggbuild" build app.bundle --base whole.bundle --store none
ends 2 '--base is for bundles' "$ggbuild" build app.recipe --base whole.bundle --store none
quiet "$ggbuild" bundle verify new.bundle --base app.bundle >/dev/null

# Parts.
quiet "$ggbuild" bundle extract app.bundle base.tar -o extracted
cmp extracted base.tar || fail "an extracted part has other bytes"
quiet "$ggbuild" bundle extract app.bundle app.lock -o - | cmp - app.lock || fail "an extracted part on standard output"
ends 2 "has no part 'nothing'" "$ggbuild" bundle extract app.bundle nothing -o extracted
ends 6 'add --base' "$ggbuild" bundle extract new.bundle base.tar -o extracted

# The program itself: a bare machine has tar.
mkdir bin
cp "$ggbuild" bin/ggbuild
ends 2 'there is no static program' bin/ggbuild bundle app.recipe --arg V=2 --offline --store here --with-self -o self.bundle
echo 'int main(void) { return 7; }' >seven.c
cc -o bin/ggbuild-static seven.c
ends 2 'there is no static program' bin/ggbuild bundle app.recipe --arg V=2 --offline --store here --with-self -o self.bundle
cc -static -o bin/ggbuild-static seven.c
quiet bin/ggbuild bundle app.recipe --arg V=2 --offline --store here --with-self -o self.bundle >/dev/null
mkdir bare
(cd bare && tar -xf ../self.bundle ggbuild && ./ggbuild) || [ $? = 7 ] || fail "the program did not come out of the bundle"
quiet "$ggbuild" bundle extract self.bundle self -o bare/self
cmp bare/self bare/ggbuild || fail "it is another program"
quiet "$ggbuild" bundle verify self.bundle >/dev/null
got=$(quiet "$ggbuild" build self.bundle --store here -o oci:self.oci)
[ "$got" = "$new" ] || fail "another image from a bundle with a program: $got"
skopeo copy -q oci-archive:self.bundle oci:self.carried:latest || fail "skopeo cannot copy it with the program"
at=$(tar -tvf self.bundle --block-number ggbuild | sed -n 's/^block \([0-9]*\):.*ggbuild$/\1/p')
printf 'X' | dd of=self.bundle bs=1 seek=$((at * 512 + 600)) conv=notrunc 2>/dev/null
ends 6 "the entry 'ggbuild'" "$ggbuild" build self.bundle --store none

# What lies outside of the recipe's directory goes in where that was allowed, and is not asked for again.
mkdir -p outside far/in
echo far >far/in/away
printf 'recipe: 1\nname: b\ninputs: { far: { local: ../far/in } }\nimage:\n  layers: [ { name: a, copy: [ { from: far, path: /, to: /d } ] } ]\n' \
	>outside/b.recipe
ends 3 'leaves the recipe' "$ggbuild" bundle outside/b.recipe --store here -o b.bundle
quiet "$ggbuild" bundle outside/b.recipe --allow path=../far --store here -o b.bundle >/dev/null
mv far far.away
quiet "$ggbuild" build b.bundle --store b.store -o oci:b.oci >/dev/null

# Others' tools carry it, and it is what it was.
skopeo copy -q oci-archive:app.bundle oci:carried:latest || fail "skopeo cannot copy it"
[ "sha256:$(sha256sum carried/blobs/sha256/"${digest#sha256:}" | cut -d' ' -f1)" = "$digest" ] ||
	fail "skopeo changed the manifest"
[ "$(find carried/blobs/sha256 -type f | wc -l)" = "$(tar -tf app.bundle | grep -c 'sha256/.')" ] ||
	fail "skopeo left parts behind"
skopeo copy -q oci:carried:latest oci-archive:back.tar || fail "skopeo cannot copy it back"
quiet "$ggbuild" bundle verify back.tar >/dev/null
quiet "$ggbuild" bundle diff app.bundle back.tar
got=$(quiet "$ggbuild" build back.tar --store back.store -o oci:back.oci)
[ "$got" = "$want" ] || fail "another image from what skopeo carried: $got"
skopeo inspect --raw oci:carried:latest | python3 -c '
import json, sys
for part in json.load(sys.stdin)["layers"]:
    for key in "org.opencontainers.image.title", "dev.ggbuild.role", "dev.ggbuild.platform":
        assert part["annotations"][key], part
' || fail "a part without annotations"
