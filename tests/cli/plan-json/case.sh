# Keys are digests of their texts, dependencies come first, and what is behind a fetch without a pin says so.
. "$TESTS/tools/cases.sh"
small_recipe
cat >check.py <<'END'
import hashlib, json, sys
plan = json.load(sys.stdin)
print(plan["recipe"], plan["platform"].split("/")[0], "epoch", plan["epoch"], "hermetic", plan["hermetic"])
names = [n["name"] for n in plan["nodes"]]
for i, n in enumerate(plan["nodes"]):
    assert n["id"] == i and all(d < i for d in n["deps"]), n
    assert ("key" in n) == ("text" in n) != ("behind" in n), n
    if "key" in n:
        assert n["key"] == "sha256:" + hashlib.sha256(n["text"].encode()).hexdigest(), n
        assert n["text"].startswith("ggbuild-action 1\nkind %s " % n["kind"]), n
    if "definition" in n:
        assert n["definition"] == "sha256:" + hashlib.sha256(n["definition-text"].encode()).hexdigest(), n
        assert n["pinned"] == ("pin" in n), n
    print(n["kind"], "|", n["name"], "|", "cached" if n["cached"] else "runs" if n["runs"] else "unused", "|",
          "behind " + n["behind"] if "behind" in n else "", "pinned" if n.get("pinned") else "")
print("goals:", ", ".join(names[g] for g in plan["goals"]))
print("downloads:", plan["downloads"])
END
ggbuild plan small.recipe --json | python3 check.py
ggbuild small.recipe --progress none
ggbuild plan small.recipe --json >one
python3 check.py <one | grep -c cached
# A function of recipe, lock and inputs: neither place nor time nor environment.
mkdir elsewhere
cp -r small.recipe small.lock root.tar src elsewhere
(cd elsewhere && TZ=Asia/Tokyo umask 077 && ggbuild plan small.recipe --json) | cmp - one
