# A step with a network runs when it is allowed, and never offline; its result needs none.
. "$TESTS/tools/cases.sh"
stage >a.recipe <<'E'
- { network: true, run: "true" }
E
try a.recipe --progress none
try a.recipe --progress none --offline --allow network
try a.recipe --progress none --allow network
try a.recipe --progress none --offline
