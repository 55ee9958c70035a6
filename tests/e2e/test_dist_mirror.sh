#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 900
# Where the toolchain's server cannot be reached and the toolchain is installed here, the launcher tries again with a
# mirror of it, and what is pinned is what the server's own bytes give: the flagship's lock says which.
#   test_dist_mirror.sh GGBUILD
set -eu
ggbuild=$1
tests=$(cd "$(dirname "$0")/.." && pwd)
recipe=$tests/../ggen-agent.recipe
toolchains=${RUSTUP_HOME:-$HOME/.rustup}/toolchains
name=$(sed -n 's/^  RUST: "\(.*\)"$/\1/p' "$recipe")
set -- "$toolchains/$name"*/bin/rustc
[ -x "$1" ] || {
	echo "test_dist_mirror.sh: the toolchain $name is not installed in $toolchains" >&2
	exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/ggbuild-mirror.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test_dist_mirror.sh: $*" >&2
	tail -n 30 "$work/log" >&2
	exit 1
}
export XDG_CACHE_HOME="$work/cache"

# The launcher in a tree of its own, whose program is the one under test.
mkdir -p "$work/tree/build/release" "$work/tree/layers" "$work/tree/builder" "$work/tree/recipes/tools"
cp "$tests/../ggbuild" "$work/tree"
cp "$tests/../recipes/tools/rust-dist-mirror" "$work/tree/recipes/tools"
touch "$work/tree/CMakeLists.txt" "$work/tree/CMakePresets.json"
ln -s "$(readlink -f "$ggbuild")" "$work/tree/build/release/ggbuild"
touch "$work/tree/build/release/.launcher"

# The flagship's fetch of the toolchain and nothing else: the same words in the same environment are one definition.
{
	printf 'recipe: 1\nname: toolchain\nargs: { RUST: "%s" }\nstages:\n  builder:\n' "$name"
	printf '    from: { debian: trixie, packages: [rustup] }\n'
	sed -n '/^  builder:/,/^    steps:/{/^    env:/,/^    steps:/p;}' "$recipe"
	# shellcheck disable=SC2016 # the recipe's variable
	printf '      - use: rustup@1\n        with: { toolchain: "${RUST}" }\n'
} >"$work/toolchain.recipe"
build() {
	status=0
	"$work/tree/ggbuild" fetch "$work/toolchain.recipe" --store "$work/store" --progress plain \
		--fetch-env toolchain:RUSTUP_DIST_SERVER=http://127.0.0.1:1 >"$work/log" 2>&1 || status=$?
}

# Without a toolchain of that name the failure is told as it is.
mkdir -p "$work/none/toolchains/other/bin"
RUSTUP_HOME=$work/none
export RUSTUP_HOME
build
[ $status = 7 ] || fail "an unreachable server gives exit status $status"
! grep -q 'trying again' "$work/log" || fail "it tries again with nothing"
! grep -q '"name": "toolchain"' "$work/toolchain.lock" || fail "something was pinned"

RUSTUP_HOME=${toolchains%/toolchains}
build
[ $status = 0 ] || fail "the second try gives exit status $status"
[ "$(grep -c "trying again with a mirror of the installed toolchain $name\$" "$work/log")" = 1 ] || fail "it does not say so"

pin() { # LOCK: definition and tree of the fetch called toolchain
	grep -B 1 -A 1 '"name": "toolchain"' "$1" | tr -d ' ",{\n' | sed 's/:name:toolchain/ /; s/^/definition /'
}
pin "$work/toolchain.lock" >"$work/log"
[ -s "$work/log" ] || fail "nothing was pinned"
[ "$(pin "$work/toolchain.lock")" = "$(pin "$tests/../ggen-agent.lock")" ] ||
	fail "the flagship's lock has another pin: $(pin "$tests/../ggen-agent.lock")"
