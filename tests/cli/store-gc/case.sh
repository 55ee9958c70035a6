# What was used stays, unless nothing is to stay.
cat >made.recipe <<'END'
recipe: 1
name: made
stages: { one: { from: scratch, steps: [ { make: [ { file: /file, content: "0123456789" } ] } ] } }
END
ggbuild made.recipe --progress none
ggbuild store gc
ggbuild store gc --keep 0s || echo "exit $?"
ggbuild store gc --keep 1h --all || echo "exit $?"
ggbuild store gc --max-size 1TiB --json | grep removed
ggbuild store gc --all | sed "s,[0-9]* B;,N B;,"
ggbuild store gc --all --json
ggbuild made.recipe --progress plain 2>&1 | tail -n 1
