# A version that is not there, a dependency that nothing satisfies, two that clash: the chain from the request.
. "$TESTS/debian/archive.sh"
archive "hello 1.0 Depends: libhello (>= 2)" "libhello 1.2" "greet 1 Depends: hello" \
	"left 1 Depends: middle" "middle 1 Conflicts: right" "right 1"
recipe "libhello=1.3"
build
recipe greet
build
recipe "left, right"
build
