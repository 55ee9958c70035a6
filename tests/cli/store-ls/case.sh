# What takes the place, largest first; the same for programs.
cat >made.recipe <<'END'
recipe: 1
name: made
stages:
  one:
    from: scratch
    steps:
      - make: [ { file: /small, content: "0123456789" } ]
      - name: large
        make: [ { file: /large, content: "0123456789012345678901234567890123456789" } ]
END
ggbuild store ls
ggbuild made.recipe --progress none
ggbuild store ls
ggbuild store ls --json | python3 -c '
import json, sys
store = json.load(sys.stdin)
for part in ("trees", "actions"):
    assert store[part]["count"] == len(store[part]["entries"]), part
    for e in store[part]["entries"]:
        assert e["digest"].startswith("sha256:") and e["used"] > 1700000000, e
print(store["trees"]["count"], store["trees"]["bytes"])
print(sorted(e["record"]["name"] for e in store["actions"]["entries"]))
'
