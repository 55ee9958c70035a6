# A file of what is ignored that cannot be read is no empty one: what it keeps out would get in.
. "$TESTS/tools/cases.sh"
mkdir src
echo secret >src/key
cat >a.recipe <<'E'
recipe: 1
name: a
inputs: { src: { local: src } }
stages:
  s: { from: scratch, steps: [ { copy: [ { from: src, path: /, to: /src } ] } ] }
E
for how in "ln -s .dockerignore" "ln -s gone" "mkdir" "mkfifo"; do
	$how src/.dockerignore
	try a.recipe --progress none
	rm -r src/.dockerignore
done
