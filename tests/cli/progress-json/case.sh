# Each line is one event as builder/progress.h has it, whatever a step prints.
. "$TESTS/tools/cases.sh"
small_recipe
sed -i 's/echo zero >/printf "\\033[31mred\\033[0m\\ttab\\r\\n\\377\\"\\\\\\n"; &/' small.recipe
ggbuild small.recipe --progress json 2>events
ggbuild small.recipe --progress json 2>>events
sed -i 's/echo zero >/exit 3; &/' small.recipe
ggbuild small.recipe --progress json 2>failed || echo "exit $?"
grep '^{' failed >>events
grep -v '^{' failed | sed 1q
python3 - <<'END'
import json
fields = {"start": {"id", "name"}, "output": {"id", "text"}, "bytes": {"id", "done", "total"},
          "end": {"id", "ns", "status"}, "note": {"text"}}
running, seen, last = {}, {}, 0
for line in open("events", encoding="utf-8"):
    e = json.loads(line)
    kind = e["event"]
    assert set(e) == fields[kind] | {"event", "ms"}, e
    assert list(e) == sorted(e), e
    assert all(isinstance(e[k], int) for k in e if k in ("id", "ms", "ns", "done", "total")), e
    seen[kind] = seen.get(kind, 0) + 1
    if kind == "note":
        last = 0
        print("note:", e["text"])
        continue
    assert e["ms"] >= last, e
    last = e["ms"]
    if kind == "start":
        running[e["id"]] = e["name"]
    assert e["id"] in running, e
    if kind == "output":
        print(running[e["id"]], json.dumps(e["text"], ensure_ascii=False))
    if kind == "end":
        name = running.pop(e["id"])
        if e["status"] != "done":
            print(name, e["status"])
print(running, sorted(k for k in seen))
END
