# The image's user against the passwd and group of its base: the holder is named; `replace` takes the place.
. "$TESTS/tools/cases.sh"
user() { # NAME, the user's keys
	stage </dev/null >"$1.recipe"
	sed -i '/steps:/d' "$1.recipe"
	cat >>"$1.recipe" <<E
image: { from: base, user: { $2 } }
tests: [ { name: whoami, run: "id; grep -e holder -e app /etc/passwd /etc/group; false", user: $3 } ]
E
	try "$1.recipe" --progress none -o oci:out
}
user uid 'name: app, uid: 1000, gid: 1001' app
user name 'name: holder, uid: 1001, gid: 1001' holder
user gid 'name: app, uid: 1001, gid: 1000' app
user range 'name: app, uid: 65536, gid: -1' app
user replace 'name: app, uid: 1000, gid: 1000, replace: true' app
user same 'name: holder, uid: 1000, gid: 1000, home: /home/holder' holder
[ ! -e out ]
