# Steps that overdo it: 100 MB in one line, a daemon left behind, closed descriptors.
# Each ends as a step should.
. "$TESTS/tools/cases.sh"
one() { # NAME, its steps on standard input
	{
		stage
		printf 'image: { from: base }\n'
	} >"$1.recipe"
	ggbuild "$1.recipe" --progress none || echo "exit $?" >&2
}
one long <<'E'
- run: head -c 100000000 /dev/zero | tr '\0' x
E
wc -c <"$(find "$XDG_CACHE_HOME/ggbuild/logs" -type f)"
one daemon <<'E'
- run: |
    setsid sh -c 'while :; do echo still here; sleep 0.01; done' &
    trap '' TERM HUP
    setsid sleep 4242424 &
    sleep 0.1
E
ps -e -o args | grep 'sleep 424242[4]' || echo "the daemon is gone"
one closed <<'E'
- run: exec >&- 2>&- <&-; echo lost || :; sleep 0.1
E
