# A policy's own mistakes: all at once, with place and remedy.
. "$TESTS/tools/cases.sh"
printf 'recipe: 1\nname: a\nstages: { base: { from: scratch } }\n' >a.recipe
cat >ci.yaml <<'E'
policy: 2
hermtic: true
network: never
setuid: /bin/su
mirrors: [""]
keyrings: [host, sha256:abc, debian]
fetch-network: hots
packages: { alow: [x] }
licenses: { unknown: maybe, allow: { MIT: x }, known: { a: [b] } }
max-size: 10MB
E
try a.recipe --policy ci.yaml
try a.recipe --policy gone.yaml
: >empty.yaml
try a.recipe --policy empty.yaml
printf 'network: false\n' >unversioned.yaml
try fetch a.recipe --policy unversioned.yaml
