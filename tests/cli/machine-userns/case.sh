# Without user namespaces: which switch it is, and what to do. What needs no sandbox works.
. "$TESTS/tools/cases.sh"
stage >userns.recipe <<'E'
- run: echo text >/file
E
echo 'image: { from: base }' >>userns.recipe
for how in no-userns seccomp; do
	echo "-- $how" >&2
	status=0
	"$TESTS/tools/confined" $how ggbuild userns.recipe --progress none -o oci:out || status=$?
	echo "exit $status" >&2
done
[ ! -e out ]
