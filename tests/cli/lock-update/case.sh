# Two stages: `lock --update` moves one and leaves the other; a name that is nothing; --all moves both.
. "$TESTS/debian/archive.sh"
archive "hello 1" "other 1"
cat >a.recipe <<'END'
recipe: 1
name: a
stages:
  one:
    from: { debian: trixie, packages: [hello], essential: false, scripts: false, keyring: keyring.gpg }
  two:
    from: { debian: trixie, packages: [hello, other], essential: false, scripts: false, keyring: keyring.gpg }
image: { from: two }
END
lock --diff
[ ! -e a.lock ]
lock
archive --date 2024-02-01 "hello 2" "other 1"
lock --diff
say "one"
lock --diff --update one
cp a.lock before
lock --update one
lock --diff --all
lock --update tow
lock --update hello
lock --all
lock --diff --all
say "without two"
sed -i '/  two:/,+1d; s/from: two/from: one/' a.recipe
lock --diff
lock --diff --all
lock --prune --diff
lock --prune
lock --prune --diff
build --locked
lock --all --locked
build --relock --locked
