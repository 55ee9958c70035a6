# What a network does on a bad day is no error: redirects, connections that break, servers that are busy.
. "$TESTS/debian/archive.sh"
archive "hello 1.0"
recipe hello
for how in redirect drop cut "once 503" "once 429" "once 500"; do
	wrong '*' "$how"
	rm -rf ../cache/ggbuild a.lock
	build
done
wrong '*.deb' loop
rm -rf ../cache/ggbuild
build
