# What the configuration says is used, the command line wins over it, and nothing of it reaches the lock or a key.
. "$TESTS/debian/archive.sh"
archive --shell "hello 1"
mkdir dist other
echo mine >dist/data
echo theirs >other/data
mkdir ../config/ggbuild
cat >a.recipe <<'END'
recipe: 1
name: a
stages:
  base:
    from: { debian: trixie, packages: [shell, hello], essential: false, scripts: false, keyring: keyring.gpg }
    steps:
      - { fetch: data, run: "mkdir /out; cp /dist/data /out; echo $GREETING$MORE >&2", output: /out }
image: { from: base }
END
config() {
	cat >../config/ggbuild/config.yaml
}
config <<END
mirrors: { debian: "$url" }
store: $PWD/store
fetch-mount: { $PWD/dist: /dist, "nothing:/x": /y }
fetch-env: { GREETING: "hello from the file", "data:MORE": ", and more", "nothing:MORE": no }
jobs: 1
END
say "everything from the file"
try ggbuild a.recipe --progress plain -o oci:one 2>log >first
grep -o 'hello from the file.*' log
[ -d store ] && [ ! -d ../cache/ggbuild ]
cp a.lock before
say "the command line wins"
try ggbuild a.recipe --progress plain -o oci:two --store other-store --fetch-mount "$PWD/dist=/dist" \
	--fetch-env GREETING=hi --mirror "debian=$url/none" 2>&1 | grep -v '^ *\['
try ggbuild a.recipe --progress plain -o oci:two --store other-store --fetch-mount "$PWD/dist=/dist" \
	--fetch-env GREETING=hi --mirror "debian=$url" 2>log >second
grep -o 'hi, and more' log
cmp first second
cmp before a.lock
say "other bytes by a mount of the command line"
try ggbuild a.recipe --progress none --store third --fetch-mount "$PWD/other=/dist"
say "a mount that is not there"
config <<END
mirrors: { debian: "$url" }
fetch-mount: { $PWD/absent: /dist }
END
try ggbuild a.recipe --progress none --store fourth
say "the recipe's mirror is used before the file's"
config <<END
mirrors: { debian: "$url/wrong" }
END
sed "s,debian: trixie,&\, mirror: \"$url\"," a.recipe >b.recipe
try ggbuild lock b.recipe --progress none --store fifth --fetch-mount "$PWD/dist=/dist" \
	--fetch-env GREETING=hello --fetch-env MORE=
cmp a.lock b.lock
