# One of each kind of mistake: what is read is checked whole before anything runs.
. "$TESTS/tools/cases.sh"
cat >unknown-key.recipe <<'E'
recipe: 1
name: case
stages: { base: { from: scratch, step: [] } }
image: { from: base, compresion: zstd }
E
cat >wrong-type.recipe <<'E'
recipe: 1
name: [case]
stages: [base]
image: { from: base, layers: { a: b }, env: [A=B] }
E
cat >undefined-arg.recipe <<'E'
recipe: 1
name: case
args: { VERSION: "1" }
stages: { base: { from: scratch } }
image: { from: base, labels: { version: "${VERSOIN}" } }
E
cat >cycle.recipe <<'E'
recipe: 1
name: case
stages:
  one: { from: two }
  two:
    from: scratch
    steps:
      - copy: [ { from: three, path: /a, to: /a } ]
  three: { from: one }
image: { from: one }
E
cat >missing-input.recipe <<'E'
recipe: 1
name: case
inputs: { source: { local: . } }
stages:
  base:
    from: scratch
    steps:
      - { run: [make], inputs: [sources] }
image: { from: base }
E
cat >missing-stage.recipe <<'E'
recipe: 1
name: case
stages: { builder: { from: scratch } }
image:
  layers:
    - name: l
      copy: [ { from: bilder, path: /a, to: /a } ]
E
for recipe in unknown-key wrong-type undefined-arg cycle missing-input missing-stage; do
	try $recipe.recipe
done
try --arg VERSION undefined-arg.recipe
try --arg VERSOIN=2 undefined-arg.recipe
ls "$XDG_CACHE_HOME"
