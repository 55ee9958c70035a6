# A lock from before it named compressors, and one of other formats.
. "$TESTS/tools/cases.sh"
cat >some.recipe <<'END'
recipe: 1
name: some
stages: { one: { from: scratch } }
image: { from: one, layers: [ { name: file, make: [ { file: /file, content: "some content\n" } ] } ] }
END
build() {
	try some.recipe --progress none -o oci:out "$@"
}
old() {
	python3 - "$1" <<'END'
import json, sys
lock = json.load(open("good"))
lock["formats"].update(gzip=int(sys.argv[1]), zstd=1)
open("some.lock", "w").write(json.dumps(lock, indent=2, sort_keys=True) + "\n")
END
}
build >digest
cp some.lock good

say "it is as good as it was"
old 1
cp some.lock old
build --locked >other
cmp digest other
build >other
cmp digest other
ggbuild fetch some.recipe --progress none
cmp old some.lock

say "ggbuild lock adds what it lacks"
ggbuild lock some.recipe --diff
ggbuild lock some.recipe --locked --progress none
cmp old some.lock
ggbuild lock some.recipe --progress none
cmp good some.lock

say "other formats"
old 2
build --locked
build >other
cmp digest other
cmp good some.lock
