# A fetch's life: pinned by `lock`, taken by --locked, refreshed by name, side by side for other arguments; the same
# definition with other bytes is an error, a new one is added.
. "$TESTS/debian/archive.sh"
archive --shell
mkdir dist
echo one >dist/data
cat >a.recipe <<'END'
recipe: 1
name: a
args: { WHICH: "1" }
stages:
  base:
    from: { debian: trixie, packages: [shell], essential: false, scripts: false, keyring: keyring.gpg }
    steps:
      - { fetch: data, run: "echo fetching >&2; mkdir /out; cat /dist/data >/out/$WHICH", output: /out }
      - { run: cat /out/* >/result }
image: { from: base }
END
with="--fetch-mount $PWD/dist=/dist"
pins() {
	grep -c '"tree": "sha256' a.lock || :
}

say "lock runs the fetch, and --locked takes it"
lock $with
pins
build --locked
say "the same definition, other bytes"
echo two >dist/data
rm -rf ../cache/ggbuild
build --locked $with
say "--diff shows what --update would do and does nothing"
cp a.lock before
lock $with --diff --update data
cmp before a.lock
lock $with --update data
! cmp -s before a.lock
pins
build --locked
say "another argument is another definition"
build --locked --arg WHICH=2 $with
lock --arg WHICH=2 $with
pins
build --locked
build --locked --arg WHICH=2
say "everything anew: what this recipe does not use goes"
lock $with --diff --all
lock $with --all
pins
say "a fetch that fails loses no pin"
cp a.lock before
rm dist/data
lock $with --update data
cmp before a.lock
