# A failed step prints its command, how it ended, the last 40 lines of its output and where all of it is; a terminal is
# given no control character of it.
. "$TESTS/tools/cases.sh"
one() { # NAME, its steps on standard input
	{
		stage
		printf 'image: { from: base }\n'
	} >"$1.recipe"
	try "$1.recipe" --progress none -o oci:out
}
one absent <<'E'
- run: nosuchcommand --help
E
one status <<'E'
- name: counts
  run: |
    for i in $(seq 1 50); do
      echo "line $i"
    done
    exit 7
E
one killed <<'E'
- run: kill -KILL $$
E
one timeout <<'E'
- { run: echo waiting; sleep 60, timeout: 200ms }
E
one words <<'E'
- run: [sh, -c, "echo 'it is'; exit 3", "a b", ""]
E
one terminal <<'E'
- run: printf 'a\033[31mred\033[0m\000nul\007 over\rwritten\n\033]0;title\007bye \377\ttab\n\302\233q'; false
E
one long-line <<'E'
- run: head -c 50000 /dev/zero | tr '\0' x; false
E
one full <<'E'
- run: echo text >/dev/full
E
one no-file <<'E'
- run: [nosuchprogram, "1"]
E
one no-program <<'E'
- run: [/etc/passwd]
E
one no-user <<'E'
- { run: "true", user: nobody }
E
one no-directory <<'E'
- { run: "true", workdir: /etc/passwd }
E
{
	stage <<'E'
- run: |
    true
E
	printf 'image: { from: base }\ntests:\n  - { name: says, run: [echo, no], expect: { stdout-line: "^yes$" } }\n'
} >test.recipe
try test.recipe --progress none -o oci:out
[ ! -e out ]
