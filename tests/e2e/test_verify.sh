#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `ggbuild verify`: what is the same under every variation, what is not, what it states and what it leaves behind.
#   test_verify.sh GGBUILD
set -eu
# Others use the machine's memory file system, too.
if [ "${OWN_SHM-}" != yes ]; then
	[ "$(id -u)" = 0 ] || exit 77
	# shellcheck disable=SC2016 # for the other shell
	OWN_SHM=yes exec unshare --mount sh -euc 'mount -t tmpfs shm /dev/shm; exec "$0" "$@"' "$0" "$@"
fi
ggbuild=$1
tests=$(cd "$(dirname "$0")/.." && pwd)
work=${TMPDIR:-/tmp}/gg-verify-$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
	echo "test_verify.sh: $*" >&2
	exit 1
}
"$tests/tools/busybox_rootfs" root.tar

# recipe NAME: a step whose command comes in on standard input; every kind of node is in it
recipe() {
	mkdir -p tree
	echo local >tree/file
	{
		cat <<END
recipe: 1
name: $1
epoch: 1700000000
args: { WHO: world }
inputs: { tree: { local: tree } }
stages:
  base:
    from: { rootfs: root.tar }
    steps:
      - name: step
        inputs: { tree: /tree }
        run: |
END
		sed 's/^/          /'
		cat <<END
image:
  from: base
  user: { name: app, uid: 1234, gid: 1234 }
  layers:
    - { name: made, make: [ { file: /made, content: "made\n" } ] }
  labels: { who: "\${WHO}" }
tests:
  - { name: made, run: [cat, /made], expect: { stdout-line: "^made\$" } }
END
	} >"$1.recipe"
}

# verify WANTED-STATUS ARGUMENT…: output in `out` and `log`
verify() {
	wanted=$1
	shift
	status=0
	"$ggbuild" verify "$@" --store store --progress none >out 2>log || status=$?
	[ $status = "$wanted" ] || fail "verify $*: exit $status instead of $wanted: $(cat out log)"
	# Nothing is left, neither in the store nor in memory.
	[ -z "$(ls store/tmp)" ] || fail "left in the store: $(ls store/tmp)"
}
# What a careful step does is the same under everything, one by one and all at once.
recipe good <<'END'
cp /tree/file /copied
env | sort >/environment
umask >/umask
hostname >/host
id >/id
pwd >/pwd
find /bin /etc | sort >/sorted
END
verify 0 good.recipe --attestation good.intoto.json
digest=$(cat out)
[ "$("$ggbuild" good.recipe --store store --progress none -o oci:good)" = "$digest" ] || fail "another digest than build's"
verify 0 good.recipe --matrix
[ "$(tail -n 1 out)" = "$digest" ] || fail "the matrix: $(cat out)"
for name in nothing clock clock-back directories processes processors kernel addresses jobs umask locale time-zone \
	environment path home; do
	grep -qE "^$name  .*  same\$" out || fail "the matrix lacks $name: $(cat out)"
done
mkdir scratch
verify 0 good.recipe --scratch scratch --arg WHO=you --runs 3
[ -z "$(ls scratch)" ] || fail "left in the scratch directory: $(ls scratch)"
[ "$(tail -n 1 out)" != "$digest" ] || fail "--arg does not reach the rebuild"

# The statement: this image, this recipe, this lock; the same bytes the next time.
python3 - "$digest" <<'END'
import hashlib, json, sys
s = json.load(open("good.intoto.json"))
assert s["_type"] == "https://in-toto.io/Statement/v1", s
assert s["predicateType"] == "https://in-toto.io/attestation/link/v0.3", s
[subject] = s["subject"]
assert "sha256:" + subject["digest"]["sha256"] == sys.argv[1], subject
materials = {m["name"]: m["digest"]["sha256"] for m in s["predicate"]["materials"]}
for name, path in (("recipe", "good.recipe"), ("lock", "good.lock")):
    assert materials[name] == hashlib.sha256(open(path, "rb").read()).hexdigest(), name
assert len(materials["plan"]) == 64
environment = s["predicate"]["environment"]
for name in "clock", "directories", "umask", "locale", "path", "processors", "addresses":
    assert name in environment["varied"], name
assert environment["ggbuild"] and environment["platform"].startswith("linux/")
END
cp good.intoto.json first.json
verify 0 good.recipe --attestation good.intoto.json
cmp first.json good.intoto.json || fail "two statements about one image"
! grep -q intoto good/index.json good/blobs/sha256/* || fail "the statement is part of the image"

# An image that somebody built, here with an empty store.
status=0
"$ggbuild" verify oci:good --recipe good.recipe --store empty --progress none >out 2>log || status=$?
[ "$status $(cat out)" = "0 $digest" ] || fail "verify IMAGE: $status $(cat out log)"
verify 0 good.recipe --against good
verify 2 oci:good
grep -q 'help: of an image, --recipe names' log || fail "no help: $(cat log)"

# What differs is named: where, and in which rebuild.
recipe bad <<'END'
nproc >/cpus
find /bin >/listing
END
verify 8 bad.recipe
grep -qE '^[0-9]+ +bytes .* cpus ' out || fail "no word of the file: $(cat out)"
grep -q '1 of 1 rebuilds gave another image' log || fail "$(cat log)"
verify 8 bad.recipe --matrix
grep -qE '^processors  .*  layer [0-9]+ cpus bytes' out || fail "who changed /cpus: $(cat out)"
grep -qE '^directories  .*  layer [0-9]+ listing bytes' out || fail "who changed /listing: $(cat out)"
grep -qE '^umask  .*  same$' out || fail "what umask has to do with it: $(cat out)"
grep -qE '^nothing  .*  same$' out || fail "what nothing has to do with it: $(cat out)"
verify 8 bad.recipe --json
python3 - <<'END'
import json
r = json.load(open("out"))
[row] = r["rebuilds"]
paths = {d["path"] for d in row["comparison"]["differences"]}
assert r["equal"] is False and row["same"] == 0 and {"cpus", "listing"} <= paths, r
END
verify 8 good.recipe --against good --arg WHO=other

# A step that fails under a variation fails the verification, and the matrix says which.
recipe brittle <<'END'
[ "$(date +%Y)" = "$(date -r /proc/self/stat +%Y)" ]
END
verify 8 brittle.recipe
verify 8 brittle.recipe --matrix
grep -qE '^clock  .*  a step failed$' out || fail "$(cat out)"
grep -qE '^directories  .*  same$' out || fail "$(cat out)"

# A step with a network is nothing that can be verified.
sed 's/^        run:/        network: true\n&/' good.recipe >net.recipe
cp good.lock net.lock
verify 2 net.recipe --allow network
grep -q "step 'base/step' has a network" log || fail "$(cat log)"
[ -z "$(ls /dev/shm)" ] || fail "left in memory: $(ls /dev/shm)"
