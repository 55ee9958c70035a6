# --offline: nothing without a store, everything with one, and a changed package list from the indexes that it has.
. "$TESTS/debian/archive.sh"
archive "hello 1.0" "other 1"
recipe hello
build --offline
lock
build --offline
build --locked -o oci:one >first
kill $server
: >../server/requests
build --offline --locked -o oci:two >second
cmp first second
recipe "hello, other"
build --offline
cat ../server/requests
