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
[ "$(id -u)" = 0 ] || exit 77
as subuid
as single
as single --userns subuid
as subuid --userns single
as subuid --userns shifted
as none --userns single
as subuid --userns none
# A short range: what fits into it is as ever, what does not says so.
as subuid:1000
stage >one.recipe <<'E'
- make: [ { directory: /d, owner: "1000:2" } ]
- make: [ { directory: /d, owner: "1001:2" } ]
- run: "true"
E
echo 'image: { from: base }' >>one.recipe
as subuid:1000
stage >one.recipe <<'E'
- run: test "$(id -u):$(id -g)" = 1000:1000
  user: holder
- run: chown 1001 /bin
E
echo 'image: { from: base }' >>one.recipe
as subuid:1000
as subuid:500
