#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 1200
# The flagship's way in a minute, from an empty store: a toolchain and a crate's closure fetched and pinned, an offline
# compile with native code, an image on a bare libc. Where the toolchain is installed here it comes from a mirror of that.
#   test_small_crate.sh GGBUILD
set -eu
ggbuild=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${TMPDIR:-/tmp}/gg-small-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$root/tests/e2e/engines.sh"

recipe=$root/recipes/small-crate.recipe
cp "$recipe" "$work"
rust=$(sed -n 's/^  RUST: "\(.*\)"$/\1/p' "$recipe")
set -- "$work/small-crate.recipe" --store "$work/store" -o "oci:$work/out"
for toolchain in "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/$rust"-*; do
	[ -x "$toolchain/bin/cargo" ] || continue
	echo "the toolchain comes from a mirror of ${toolchain##*/}"
	"$root/recipes/tools/rust-dist-mirror" "$toolchain" "$work/dist" file:///rust-dist >/dev/null
	set -- "$@" --fetch-mount "toolchain:$work/dist=/rust-dist" \
		--fetch-env toolchain:RUSTUP_DIST_SERVER=file:///rust-dist
	break
done
digest=$("$ggbuild" "$@" --progress plain 2>"$work/log") || fail "$(tail -n 60 "$work/log")"
[ "$("$ggbuild" "$@" --locked --offline 2>"$work/log")" = "$digest" ] || fail "again, offline: $(cat "$work/log")"
grep -q '^0 actions run' "$work/log" || fail "the second build ran something: $(cat "$work/log")"

# The pins of the same toolchain are the same wherever it came from.
pin() {
	python3 - "$1" <<'END'
import json, sys
for p in json.load(open(sys.argv[1]))["platforms"].values():
    print(*sorted(f["tree"] for f in p["fetches"].values() if f["name"] == "toolchain"))
END
}
[ "$(pin "$work/small-crate.lock")" = "$(pin "$root/ggen-agent.lock")" ] || fail "the toolchain's pin differs from the flagship's"

version=$(sed -n 's/^  VERSION: "\(.*\)"$/\1/p' "$recipe")
[ "$(podman_run "$work/out:latest" --version)" = "fd $version" ] || fail "podman runs something else"
[ "$(crun_run "$work/out:latest" fd --version)" = "fd $version" ] || fail "crun runs something else"
