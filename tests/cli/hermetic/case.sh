# An image says that it is hermetic when every step was: recipe and lock name all that a step could read.
. "$TESTS/tools/cases.sh"
export PASSED=a-secret-value
image() { # NAME OPTION...: an image of the steps on standard input, and what its manifest says
	name=$1
	shift
	stage >"$name.recipe"
	{
		echo 'secrets: [ { id: token, env: TOKEN } ]'
		echo 'image: { from: base, annotations: { org.example.a: b, zz.last: c } }'
	} >>"$name.recipe"
	ggbuild "$name.recipe" --progress none -o oci:"$name" "$@" >digest
	printf '%s: ' "$name"
	grep -o '"annotations":{[^}]*}' "$name/blobs/sha256/$(cut -c8- digest)"
}
image plain <<'E'
- run: "true"
E
image fetched <<'E'
- { fetch: f, run: "mkdir /out; echo x >/out/x", output: /out, cache: [/cache] }
E
image online --allow network <<'E'
- { network: true, run: "true" }
- run: "true"
E
image cached <<'E'
- { run: "true", cache: [/cache] }
E
image secret --secret id=token,env=PASSED <<'E'
- { run: "true", secrets: [token] }
E
# Nobody else says so.
cat >liar.recipe <<'E'
recipe: 1
name: liar
image:
  annotations: { org.example.a: b, dev.ggbuild.hermetic: "true" }
  labels:
    dev.ggbuild.anything: x
E
try liar.recipe --progress none -o oci:none
