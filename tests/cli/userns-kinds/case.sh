# The kinds of user namespace that can be asked for, by whom, and what is missing where one cannot be had.
. "$TESTS/tools/cases.sh"
stage >one.recipe <<'E'
- run: echo text >/file
E
echo 'image: { from: base }' >>one.recipe
cp "$(command -v ggbuild)" program
ggbuild one.recipe --progress none
for kind in subuid none other; do
	try one.recipe --progress none --no-cache --userns $kind
done
chmod 711 ..
as() {
	who=$1
	shift
	echo "== $who: $*" >&2
	status=0
	"$TESTS/tools/as_user" "$who" sh -c './program one.recipe --locked --progress none --store "$HOME/store" -o "oci:$HOME/out" "$@"' \
		sh "$@" || status=$?
	echo "exit $status" >&2
}
as subuid
as single
as single --userns subuid
as subuid --userns single
as subuid --userns shifted
as none --userns single
as subuid --userns none
