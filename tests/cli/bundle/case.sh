# The words that make and look at a bundle, and what they say when they cannot.
. "$TESTS/tools/cases.sh"
bundle() { try bundle "$@" --progress none; }
mkdir in
echo one >in/file
cat >a.recipe <<'END'
recipe: 1
name: a
inputs: { tree: { local: in } }
image:
  layers: [ { name: all, copy: [ { from: tree, path: /, to: /data } ] } ]
END
echo "# making"
bundle a.recipe
bundle a.recipe b.recipe -o a.bundle
bundle a.recipe -o in
bundle a.recipe -o absent/a.bundle
bundle a.recipe -o a.bundle --json
bundle a.recipe -o a.bundle --delta a.recipe
bundle a.recipe -o a.bundle
cp a.bundle old.bundle
echo "# ls"
bundle ls a.bundle
bundle ls a.bundle --json | grep -v 'digest\|size'
bundle ls
bundle ls a.recipe
bundle ls absent
echo "# verify"
bundle verify a.bundle
bundle verify a.bundle --base old.bundle
printf X | dd of=a.bundle bs=1 seek=$(($(stat -c %s a.bundle) - 2000)) conv=notrunc 2>/dev/null
bundle verify a.bundle
echo "# a program that no part is, in an archive by another tool"
mkdir other
tar -xf old.bundle -C other
tar -cf other.bundle -C other oci-layout index.json blobs
bundle verify other.bundle
echo 'exit 1' >other/ggbuild
tar -cf other.bundle -C other oci-layout index.json ggbuild blobs
bundle verify other.bundle
echo "# diff"
bundle diff old.bundle old.bundle
echo two >in/file
bundle a.recipe -o a.bundle
bundle diff old.bundle a.bundle
bundle diff old.bundle a.bundle --json | grep -v 'digest\|size'
bundle diff old.bundle
echo "# delta"
bundle a.recipe --delta old.bundle -o new.bundle
bundle ls new.bundle
echo "# extract"
bundle extract a.bundle a.recipe -o - | cmp - a.recipe
bundle extract a.bundle self -o -
bundle extract a.bundle a.recipe
echo "# a recipe that wants a network"
cat >b.recipe <<'END'
recipe: 1
name: b
stages:
  s: { from: scratch, steps: [ { name: get, network: true, run: [/get] } ] }
image: { from: s }
END
bundle b.recipe -o b.bundle
echo "# a bundle in its own input"
printf 'recipe: 1\nname: c\ninputs: { all: { local: in } }\nimage: { layers: [ { name: a, copy: [ { from: all, path: /, to: /d } ] } ] }\n' >c.recipe
bundle c.recipe -o in/c.bundle | sed 's/:.*//'
bundle c.recipe -o in/c.bundle
bundle c.recipe -o "$PWD/in/../in/c.bundle"
bundle c.recipe -o c.bundle | sed 's/:.*//'
rm in/c.bundle
bundle c.recipe -o in/c.bundle --split 16KiB | sed 's/:.*//'
sed 's/in }/in, ignore: [c.bundle] }/' c.recipe >d.recipe
bundle d.recipe -o in/c.bundle --split 16KiB
sed 's/in }/in, ignore: [c.bundle*] }/' c.recipe >d.recipe
bundle d.recipe -o in/c.bundle --split 16KiB | sed 's/:.*//'
echo "# where a recipe has to be"
try plan a.bundle
try fetch in/c.bundle --progress none
try build a.bundle --relock --progress none
