# Where the tests run everything works; nothing is made, nothing is left. What the lines say depends on the machine; what
# they are called, how wide they are and that a script reads the same does not.
ggbuild doctor >text
ggbuild doctor --json >json
[ ! -e "$XDG_CACHE_HOME/ggbuild" ] && [ -z "$(ls -A "$XDG_CACHE_HOME" "$HOME" "$TMPDIR" | grep -v :)" ]
ggbuild doctor --store made >first
[ ! -e made ]
grep -c 'first build makes' first
python3 - <<'END'
import json, re
report = json.load(open("json"))
lines = open("text").read().split("\n")
assert all(len(line) <= 80 for line in lines), [line for line in lines if len(line) > 80]
states = {"ok": "ok", "missing": "missing", "-": "not needed"}
shown = [(states[m[1]], m[2]) for m in (re.match(r"  (ok|missing|-) +(\S+( \S+)*)  ", line) for line in lines) if m]
assert shown == [(a["state"], a["name"]) for a in report["abilities"]], shown
section = None
for a in report["abilities"]:
    assert a["text"] and ("help" in a) == (a["state"] == "missing"), a
    if a["section"] != section:
        section = a["section"]
        print(section)
        assert section in lines
    # These differ from machine to machine that builds well.
    optional = a["name"] in ("reflinks", "landlock", "mirrors", "seccomp listener")
    print(" ", a["name"] + ":", "either" if optional else a["state"])
print("works:", report["works"], "mode:", report["mode"])
END
