# A release of the past is refused when packages are resolved, and builds from the lock go on; one of the future never was.
. "$TESTS/debian/archive.sh"
recipe hello
archive --date 2024-01-01 --valid-until 2024-01-08 "hello 1.0"
build
archive --date 2999-01-01 "hello 1.0"
build
archive --suite bookworm "hello 1.0"
mkdir -p ../archive/archive/dists/trixie
cp ../archive/archive/dists/bookworm/InRelease ../archive/archive/dists/trixie
build
