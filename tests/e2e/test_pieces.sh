#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 2400
# ctest-labels: pieces
# ctest-lock: network
# Each piece for real, against the registries that this machine's clients are set up for: a small project of each
# ecosystem is fetched, pinned, built without a network and used. Then the same from an empty store with the lock that
# the first build wrote, at another path and with another umask: one digest. Where the Rust distribution server cannot be
# reached but the toolchain is installed, it comes from a mirror of that, as the launcher does it.
#   test_pieces.sh GGBUILD [PIECE]...
set -eu
ggbuild=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-pieces.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- npm pip go cargo rustup

# What this user's clients are told, passed on to the fetches that use them.
host_settings() {
	case $1 in
	go)
		for name in GOPROXY GOSUMDB; do
			value=$(go env "$name" 2>/dev/null || :)
			[ -z "$value" ] || echo "--fetch-env=modules:$name=$value"
		done
		;;
	npm)
		value=$(npm config get registry 2>/dev/null || :)
		[ -z "$value" ] || echo "--fetch-env=node-modules:npm_config_registry=$value"
		;;
	pip)
		value=$(python3 -m pip config get global.index-url 2>/dev/null || :)
		[ -z "$value" ] || echo "--fetch-env=wheels:PIP_INDEX_URL=$value"
		;;
	esac
}

# build NAME DIR STORE [OPTION]...: prints the digest.
build() {
	recipe=$2/$1.recipe store=$3
	shift 3
	status=0
	"$ggbuild" "$recipe" --store "$store" -o "oci:$work/out" --progress plain "$@" >"$work/digest" 2>"$work/log" ||
		status=$?
	rm -rf "$work/out"
}

rust_mirror() {
	toolchains=${RUSTUP_HOME:-$HOME/.rustup}/toolchains
	version=$(sed -n 's/^args: { RUST: "\(.*\)" }$/\1/p' "$here/pieces/rustup.recipe")
	set -- "$toolchains/$version"-*
	[ -x "$1/bin/rustc" ] || return 0
	"$root/recipes/tools/rust-dist-mirror" "$1" "$work/mirror" file:///rust-dist >/dev/null
}

failed=0
mkdir "$work/one" "$work/elsewhere"
cp -R "$here/pieces/." "$work/one"
for name; do
	start=$(date +%s)
	options=$(host_settings "$name")
	# shellcheck disable=SC2086 # a list of words
	build "$name" "$work/one" "$work/store1" $options
	if [ $status = 7 ] && [ "$name" = rustup ]; then
		rust_mirror
		[ -e "$work/mirror" ] || {
			echo "rustup: the distribution server cannot be reached and its toolchain is not installed"
			exit 77
		}
		options="--fetch-mount=toolchain:$work/mirror=/rust-dist --fetch-env=toolchain:RUSTUP_DIST_SERVER=file:///rust-dist"
		# shellcheck disable=SC2086
		build "$name" "$work/one" "$work/store1" $options
	fi
	first=$(cat "$work/digest")
	if [ $status = 0 ]; then
		cp -R "$here/pieces/." "$work/elsewhere"
		cp "$work/one/$name.lock" "$work/elsewhere"
		umask 077
		# shellcheck disable=SC2086
		build "$name" "$work/elsewhere" "$work/store2" --locked $options
		umask 022
	fi
	second=$(cat "$work/digest")
	if [ $status != 0 ] || [ "$first" != "$second" ]; then
		echo "$name: exit status $status, digests '$first' and '$second'" >&2
		tail -n 60 "$work/log" >&2
		failed=1
	elif grep -q '://' "$work/one/$name.lock"; then
		echo "$name: the lock names a host" >&2
		failed=1
	else
		echo "$name: $first, $(($(date +%s) - start)) s for both builds"
	fi
done
exit $failed
