# Standard descriptors that are closed or full. The digest that cannot be printed is an error; progress that nobody reads
# is none, and nothing is ever written into a file that took a closed descriptor's place.
. "$TESTS/tools/cases.sh"
stage >fd.recipe <<'E'
- run: echo text; echo more >/file
E
echo 'image: { from: base }' >>fd.recipe
build() {
	status=0
	ggbuild fd.recipe --no-cache --jobs 1 --progress plain "$@" || status=$?
}
say() {
	echo "$1: exit $status" >&3
}
exec 3>&1
build -o oci:one >/dev/full
say "full standard output"
build -o oci:two >&-
say "closed standard output"
build -o oci:three 2>/dev/full
say "full standard error"
build -o oci:four 2>&-
say "closed standard error"
build -o oci:five <&-
say "closed standard input"
build -o oci:six <&- >&- 2>&-
say "all closed"
{ build -o oci:seven | true; } 2>/dev/null
ggbuild store verify >/dev/null
grep -rlF '[base/1]' . || echo "no progress in a file"
for text in --version --help; do
	status=0
	ggbuild $text >/dev/full || status=$?
	say "$text"
done
