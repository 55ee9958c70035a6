#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-labels: flagship
# ctest-timeout: 4800
# ctest-serial
# The main job, by the README's own command: from the default store when it has the compile, else from nothing (22 minutes
# on two cores). Then what must hold of the image: engines that are not ours run it.
#   test_flagship.sh GGBUILD
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${TMPDIR:-/tmp}/gg-flagship-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/e2e/engines.sh
. "$root/tests/e2e/engines.sh"

cp "$root/ggen-agent.recipe" "$root/ggen-agent.lock" "$work"
build() {
	"$root/ggbuild" "$work/ggen-agent.recipe" --progress plain -o "oci:$work/out" "$@"
}
status=0
digest=$(build --locked 2>"$work/log") || status=$?
if [ $status = 7 ] && grep -q 'has left the mirror' "$work/log"; then
	# Distributions drop what they have replaced. The pins of the toolchain and of the crates hold all the same.
	echo "packages of the lock have left their mirror: resolved anew"
	status=0
	digest=$(build --relock 2>"$work/log") || status=$?
fi
[ $status = 0 ] || fail "exit status $status: $(tail -n 60 "$work/log")"
echo "$digest"
grep 'actions\{0,1\} run' "$work/log"
[ "$(build --locked --offline 2>"$work/log")" = "$digest" ] || fail "again, offline: $(cat "$work/log")"
grep -q '^0 actions run' "$work/log" || fail "the second build ran something: $(cat "$work/log")"

skopeo copy --quiet "oci:$work/out:latest" "oci-archive:$work/copy.tar" || fail "skopeo cannot copy it"
skopeo inspect --config "oci:$work/out:latest" >"$work/config.json"
python3 - "$work/config.json" <<'END' || fail "the config is not what the recipe says"
import json, sys
c = json.load(open(sys.argv[1]))["config"]
env = dict(e.split("=", 1) for e in c["Env"])
assert c["User"] == "1000:1000" and c["WorkingDir"] == "/workspace", c
want = {"GGEN_HOME": "/workspace", "MCP_PROXY_URL": "", "TIMEOUT_DEFAULT": "120", "RUST_LOG": "warn",
        "CARGO_HOME": "/workspace/.cargo"}
assert want.items() <= env.items(), env
END
skopeo inspect --raw --config "oci:$work/out:latest" | grep -q '"Healthcheck":{"Interval":30000000000,' ||
	fail "the health check is not in the config"

version=$(sed -n 's/^  GGEN: "\(.*\)"$/\1/p' "$root/ggen-agent.recipe")
check='id -u; pwd; ggen --version; touch /x 2>/dev/null || echo read-only'
want="1000 /workspace ggen $version read-only "
out=$(podman_run "$work/out:latest" -c "$check" | tr '\n' ' ')
[ "$out" = "$want" ] || fail "podman: $out"
out=$(crun_run "$work/out:latest" bash -c "$check" | tr '\n' ' ')
[ "$out" = "$want" ] || fail "crun: $out"
size=$(du -s --apparent-size --block-size=1M "$work/bundle/rootfs" | cut -f 1)
echo "unpacked: $size MiB"
[ "$size" -le 248 ] || fail "the image is larger than 260 MB" # 260 * 10^6 bytes are 248 MiB
[ "$(stat -c '%u:%g %a' "$work/bundle/rootfs/workspace")" = "1000:1000 755" ] || fail "/workspace is not the user's"
