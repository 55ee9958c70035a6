# Packages files that are not what the signed release says.
. "$TESTS/debian/archive.sh"
archive "hello 1.0"
recipe hello
for how in truncate flip extend 404 403; do
	say "$how"
	wrong '*/by-hash/*' $how
	build
done
for how in endless 404; do
	say "release, $how"
	wrong '*/InRelease' $how
	build
done
archive --no-by-hash "hello 1.0"
wrong '*/Packages.xz' flip
build
wrong
build -o oci:out >/dev/null
