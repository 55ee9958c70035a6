#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# Fetches and their pins, on a root file system of one program: what is pinned, when a fetch runs again, what is said when
# it gives something else, and what must not get into its output.
#   test_fetches.sh GGBUILD
set -eu
ggbuild=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-fetches.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
	echo "test_fetches.sh: $*" >&2
	[ ! -e log ] || sed 's/^/  log: /' log >&2
	exit 1
}

mkdir -p root/bin root/tmp root/etc served out
cp "$(command -v busybox)" root/bin/busybox
for name in sh cat cp mkdir chmod ln echo rm test true env ls sed; do ln -s busybox "root/bin/$name"; done
tar -C root -cf base.tar .

cat >a.recipe <<'END'
recipe: 1
name: a
secrets: [ { id: token, env: TOKEN }, { id: file } ]
stages:
  builder:
    from: { rootfs: base.tar }
    steps:
      - fetch: things
        secrets: [token, file]
        run: |
          mkdir -p /out/sub
          cp -r /served/. /out/
          echo "${MODE:-}" >/dev/null
          if [ -n "${LEAK:-}" ]; then echo "see ${WORDS:-} here" >/out/sub/leak; fi
          if [ -n "${LEAK_TOKEN:-}" ]; then ln -s "/x/$TOKEN" /out/link; fi
          if [ -n "${LEAK_FILE:-}" ]; then cp /run/secrets/file /out/sub/secret; chmod 0644 /out/sub/secret; fi
          if [ -n "${NOISE:-}" ]; then echo "$NOISE" >/out/when; fi
        exclude: [when, "nothing/like/this/**"]
        output: /out
      - fetch: second
        run: mkdir -p /second && echo "${WORDS:-nothing}" >/second/words
        output: /second
image:
  layers:
    - { name: things, copy: [ { from: builder, path: /out, to: /out }, { from: builder, path: /second, to: /second } ] }
END
TOKEN=0123456789abcdef
export TOKEN
echo 'the secret of a file' >secret
echo one >served/a
echo two >served/b

# build STORE [OPTION]...: exit status in $status, what it said in log.
build() {
	store=$1
	shift
	status=0
	"$ggbuild" a.recipe --store "$store" --progress plain --secret id=token,env=TOKEN --secret id=file,src=secret \
		--fetch-mount "things:$work/served=/served" "$@" >stdout 2>log || status=$?
}
ran() { sed -n 's/^\([0-9]*\) actions\{0,1\} run.*/\1/p' log; }
expect() {
	[ "$status" = "$1" ] || fail "$2: exit status $status instead of $1"
	shift 2
	for words; do
		grep -qF -- "$words" log || fail "the report lacks '$words'"
	done
}

build store
expect 0 "the first build"
[ "$(grep -c '"tree": "sha256:' a.lock)" = 2 ] || fail "two fetches, but not two pins: $(cat a.lock)"
! grep -q "$TOKEN\|secret\|served" a.lock || fail "the lock says too much"
cp a.lock first.lock
build store --locked --offline
expect 0 "a build that has everything"
[ "$(ran)" = 0 ] || fail "something ran again"
build store --locked --offline --no-cache
expect 0 "--no-cache keeps what is pinned by content"

# Below the fetches another root: their definitions are the same, so nothing is fetched.
echo changed >root/etc/changed
tar -C root -cf base.tar .
build store --locked --offline
expect 0 "a changed stage below a pinned fetch"

# An empty store fetches again; the same bytes are the same pins, whatever is excluded.
build store2 --locked --fetch-env things:NOISE=somewhere-else
expect 0 "the same bytes from an empty store"
cmp a.lock first.lock
build store3 --locked --offline
expect 7 "a fetch that has to run offline" "--offline forbids" "a.recipe:8:"

# Other bytes: the first differences are named when the pinned content is or was here.
lose() { # the unpacked trees of the store, as if they had been damaged
	rm -rf "$1"/trees/* "$1"/verified/tree-*
}
mismatch() {
	lose store2
	build store2 --locked --target builder
	expect 6 "$1" "fetch 'things' gave other content than the lock pins" "$2" "lock --update things"
	cmp a.lock first.lock
}
echo 2 >served/b
mismatch "another size" "| 'b': size 4 -> 2"
echo TWO >served/b
mismatch "other content" "| 'b': content "
rm served/b
mismatch "a file less" "| 'b': file is gone"
echo two >served/b
echo new >served/aa
mismatch "a file more" "| 'aa': file is new"
rm served/aa
chmod 0755 served/a
mismatch "another mode" "| 'a': mode 0644 -> 0755"
chmod 0644 served/a
rm served/b
ln -s a served/b
mismatch "another kind" "| 'b': file -> symlink"
for n in 1 2 3 4 5 6; do echo new >"served/more$n"; done
mismatch "many" "7 paths differ; the first 5:"
grep -qF "| 'more4': file is new" log || fail "the fifth is not named"
! grep -qF "'more5'" log || fail "more are named than said"
rm served/more?
build store4 --locked
expect 6 "a mismatch in a new store" "this store never held the pinned content"
! grep -qs '"pin"' store4/actions/*/*.json || fail "a mismatch left a record"
rm served/b
echo two >served/b
lose store2
build store2 --locked --target builder
expect 0 "the old bytes again"

# A new definition is added beside the old one; --locked forbids it.
sed 's/echo two/echo 2/; s/  mkdir -p .out.sub/  mkdir -p \/out\/sub \/out\/more/' a.recipe >b.recipe
mv a.recipe a.saved
mv b.recipe a.recipe
build store --locked
expect 4 "a new definition under --locked" "fetch 'things' is not in the lock" "a.recipe:8:"
build store
expect 0 "a new definition"
[ "$(grep -c '"tree": "sha256:' a.lock)" = 3 ] || fail "the new pin does not stand beside the old ones"
mv a.saved a.recipe
build store --locked --offline
expect 0 "the old definition"
[ "$(ran)" = 0 ] || fail "the old definition ran again"

# Values reach the fetch that they are for and no other, and stay out of its output.
rm a.lock
build store --fetch-env things:WORDS=for-the-first-only
expect 0 "a value for one fetch"
cmp a.lock first.lock
rm a.lock
build store --fetch-env things:WORDS=a-value-of-mine --fetch-env things:LEAK=1
expect 5 "a value in a file" "the output 'sub/leak' holds the value of the variable 'WORDS'" "too short"
! grep -q "a-value-of-mine" log || fail "the report shows the value"
build store --fetch-env builder/things:LEAK_TOKEN=1
expect 5 "a secret in a symlink" "the output 'link' holds the value of secret 'token'"
build store --fetch-env LEAK_FILE=1
expect 5 "a secret of a file" "the output 'sub/secret' holds the value of secret 'file'"
build store --fetch-env WORDS=for-everybody
expect 5 "a value for all" "the output 'words' holds the value of the variable 'WORDS'"
build store --fetch-env second:WORDS=short
expect 0 "a value that is too short" "second: too short (less than 8 bytes) to be searched for in the output: the variable 'WORDS'"
! grep -q "$TOKEN" -r store/actions store/logs a.lock || fail "the store or the lock holds the secret"

# A run step's network has to be allowed.
cat >n.recipe <<'END'
recipe: 1
name: n
stages:
  builder:
    from: { rootfs: base.tar }
    steps:
      - { name: online, network: true, run: "ls /etc/resolv.conf && [ -z \"${WORDS:-}\" ]" }
image: { from: builder, annotations: { a: b } }
END
status=0
"$ggbuild" n.recipe --store store --progress plain -o "oci:$work/net" >stdout 2>log || status=$?
expect 2 "a network that was not allowed" "n.recipe:7:" "--allow network"
status=0
"$ggbuild" n.recipe --store store --progress plain -o "oci:$work/net" --allow network --fetch-env WORDS=for-fetches \
	>stdout 2>log || status=$?
expect 0 "a network that was allowed"
digest=$(cat stdout)
grep -q '"annotations":{"a":"b"}' "net/blobs/sha256/${digest#sha256:}" ||
	fail "an image that had a network says something of that"
