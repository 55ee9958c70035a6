cat >a.recipe <<'END'
recipe: 1
name: a
stages:
  builder:
    from: scratch
    steps:
      - { fetch: modules, run: "true", output: /out }
END
try() {
	echo "== $*" >&2
	status=0
	ggbuild a.recipe --progress none "$@" || status=$?
	echo "exit $status" >&2
}
try --fetch-env modles:PROXY=x
try --fetch-env builder/module:PROXY=x
try --fetch-env other:PROXY=x
try --fetch-env PROXY
try --fetch-env modules:=x
try --fetch-mount modles:/srv=/srv
try --fetch-mount /srv
try --fetch-mount /srv=srv
