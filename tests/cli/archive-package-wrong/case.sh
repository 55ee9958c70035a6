# Packages that are not what the signed index says; and an index that lies about one.
. "$TESTS/debian/archive.sh"
archive "hello 1.0"
recipe hello
for how in truncate flip extend 404; do
	say "$how"
	wrong '*.deb' $how
	build
done
wrong
rm a.lock
archive --wrong-size "hello 1.0"
build
rm a.lock
archive --wrong-hash "hello 1.0"
build
