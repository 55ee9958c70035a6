# Every value of a lock, changed by hand into another that could be one: what a build says with everything in the store,
# and with nothing. It may not know (then the image is the same, or what was changed is what the lock decides); it must
# not make something else of it.
. "$TESTS/debian/archive.sh"
archive --shell "hello 1.0" "other 1.0"
mkdir ../archive/archive/files
echo url >../archive/archive/files/data
sum=$(sha256sum <../archive/archive/files/data)
cat >a.recipe <<END
recipe: 1
name: a
inputs: { data: { url: "$url/files/data", sha256: ${sum%% *} } }
stages:
  base:
    from: { debian: trixie, packages: [shell, hello], essential: false, scripts: false, keyring: keyring.gpg }
    steps:
      - { fetch: data, run: "mkdir /out; echo one >/out/data", output: /out }
      - { run: cat /out/* /data >/result, inputs: { data: /data } }
image: { from: base }
END
lock
build --locked --store full -o oci:good
python3 - "$url" <<'END'
import copy, json, os, shutil, subprocess, sys

good = json.load(open("a.lock"))


def build(text, store):
    open("a.lock", "w").write(text)
    shutil.rmtree("out", ignore_errors=True)
    r = subprocess.run(["ggbuild", "a.recipe", "--locked", "--mirror", "debian=" + sys.argv[1], "--progress", "none",
                        "--store", store, "-o", "oci:out"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if r.returncode:
        return "%d %s" % (r.returncode, r.stderr.split("\n")[0].replace("ggbuild: error: ", ""))
    return "the same image" if r.stdout == same else "another image"


def change(key, v):
    if isinstance(v, bool):
        return not v
    if isinstance(v, int):
        return v + 1
    if all(c in "0123456789abcdef" for c in v[-64:]) and len(v) >= 64:
        return v[:-1] + ("0" if v[-1] != "0" else "1")
    return {"architecture": "all", "path": v.replace("hello", "other").replace("shell", "other"), "suite": "trixie-security",
            "distro": "ubuntu", "name": v + "x"}.get(key, v + "1")


def leaves(v, path):
    if isinstance(v, dict):
        for k in sorted(v):
            yield from leaves(v[k], path + [k])
    elif isinstance(v, list):
        for i, e in enumerate(v):
            yield from leaves(e, path + [i])
    else:
        yield path


def keys(v, path):
    if isinstance(v, dict):
        for k in sorted(v):
            if len(k) in (16, 64):
                yield path + [k]
            yield from keys(v[k], path + [k])


def put(path, edit):
    lock = copy.deepcopy(good)
    at = lock
    for p in path[:-1]:
        at = at[p]
    edit(at, path[-1])
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def rename(at, k):
    at[k[:-1] + ("0" if k[-1] != "0" else "1")] = at.pop(k)


def assign(at, k):
    at[k] = change(k, at[k])


same = None
same = subprocess.run(["ggbuild", "a.recipe", "--locked", "--progress", "none", "--store", "full", "-o", "oci:out"],
                      stdout=subprocess.PIPE, text=True, check=True).stdout
number = 0
for paths, edit in ((leaves(good, []), assign), (keys(good, []), rename)):
    for path in list(paths):
        number += 1
        store = "empty%d" % number
        name = ".".join(str(p) for p in path)
        for where in ("full", store):
            print("%s, %s: %s" % (name, "empty" if where == store else where, build(put(path, edit), where)), flush=True)
        shutil.rmtree(store, ignore_errors=True)
END
