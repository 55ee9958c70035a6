# A store is one user's: another's is refused in either order, whatever the other is, with both named; it stays as it
# was. One user's serves all kinds of that user.
. "$TESTS/tools/cases.sh"
stage >a.recipe <<'E'
- make: [ { file: /file, content: text } ]
E
echo 'image: { from: base }' >>a.recipe
"$TESTS/tools/as_user" single true || exit 77
chmod 755 .. . a.recipe rootfs.tar
mkdir -m 777 open
cp "$(command -v ggbuild)" ggbuild
user() {
	echo "== $*" >&2
	status=0
	"$TESTS/tools/as_user" "$1" ./ggbuild a.recipe --progress none --store "open/$2" -o "oci:open/out-$1" || status=$?
	echo "exit $status" >&2
}
try a.recipe --progress none --store open/root -o oci:out
list() {
	find "open/$1" -printf '%p %m %U %s\n' | sort | sha256sum
}
before=$(list root)
for kind in subuid single none; do user $kind root; done
[ "$(list root)" = "$before" ]
"$TESTS/tools/as_user" single ./ggbuild doctor --store open/root | grep -A 2 place
user single user
try a.recipe --progress none --store open/user -o oci:out
try store ls --store open/user
for kind in subuid none; do user $kind user; done
