# SPDX-License-Identifier: Apache-2.0
# For CLI cases: `. "$TESTS/debian/archive.sh"`, then
#   archive [OPTION]... PACKAGE...    makes the archive anew (make_archive.py says how) and serves it at $url
#   recipe "PACKAGE, ..." [LINE]...   writes a.recipe: a stage of those packages with further lines, and an image of it
#   try COMMAND [ARGUMENT]...         runs it; how it ended, unless well, goes to standard error
#   build [OPTION]..., lock [OPTION]...   try ggbuild on a.recipe with that mirror
. "$TESTS/http/serve.sh"

archive() {
	"$TESTS/debian/make_archive.py" --dir ../archive "$@"
	cp ../archive/keyring.gpg .
	[ -n "${url:-}" ] || serve ../archive/archive
}

recipe() {
	packages=$1
	shift
	cat >a.recipe <<-END
		recipe: 1
		name: a
		stages:
		  base:
		    from: { debian: trixie, packages: [$packages], essential: false, scripts: false, keyring: keyring.gpg }
	END
	for line; do
		echo "    $line" >>a.recipe
	done
	printf 'image:\n  from: base\n' >>a.recipe
}

try() {
	status=0
	"$@" || status=$?
	[ $status = 0 ] || echo "exit $status" >&2
}

build() {
	try ggbuild a.recipe --mirror "debian=$url" --progress none "$@"
}

lock() {
	try ggbuild lock a.recipe --mirror "debian=$url" --progress none "$@"
}
