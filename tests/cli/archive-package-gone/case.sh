# Packages that have left the mirror: all of them are named, and what to do; --relock does it, --locked forbids it.
. "$TESTS/debian/archive.sh"
archive "hello 1.0 Depends: libhello" "libhello 1.0" "other 1"
recipe "hello, other"
lock
rm -r ../archive/archive/pool ../cache/ggbuild
archive "hello 1.1 Depends: libhello" "libhello 1.1" "other 1"
build
build --locked
build --relock -o oci:out >digest
grep -o '"version": .*' a.lock
