# The lock names a compressor that gives other bytes than this program's: what is said, what moves, and the ways out.
. "$TESTS/tools/cases.sh"
cat >some.recipe <<'END'
recipe: 1
name: some
stages: { one: { from: scratch } }
image:
  from: one
  layers:
    - name: file
      make: [ { file: /file, content: "some content\n" } ]
END
build() {
	try some.recipe --progress none -o oci:out "$@"
}
# other KIND: of that compressor's bytes the lock says something else.
other() {
	sed -E "/\"$1\"/,/}/{ s/(sha256:)[0-9a-f]{8}/\100000000/; s/\"(libdeflate|zstd) .*\"/\"\1 0.0.1\"/; }" good >some.lock
	! cmp -s good some.lock
}
build >digest
cp some.lock good

say "the image is gzip's"
other zstd
build --locked
other gzip
cp some.lock edited
build --locked
build >other
cmp digest other
cmp edited some.lock

say "its bytes are not found under the lock's compressor"
ggbuild plan some.recipe
cp good some.lock
ggbuild plan some.recipe

say "from an empty store, and again"
rm -r "$XDG_CACHE_HOME/ggbuild"
cp edited some.lock
build --locked
ls "$XDG_CACHE_HOME/ggbuild/blobs/sha256" | wc -l
build >other
build >other
cmp digest other

say "ways out: another lock"
ggbuild lock some.recipe --update compression --diff
ggbuild lock some.recipe --diff
ggbuild lock some.recipe --update compression --progress none
cmp good some.lock
build --locked >other
cmp digest other

say "ways out: no compression"
cp edited some.lock
sed -i 's/^  from: one/&\n  compression: none/' some.recipe
build --locked >other
! cmp -s digest other

say "the level is the lock's, too"
cp good some.lock
sed -i 's/compression: none/compression: { format: gzip, level: 1 }/' some.recipe
build --locked
build >other
diff good some.lock || :
build --locked
