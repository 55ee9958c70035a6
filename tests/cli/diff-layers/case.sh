# Every kind of difference between layers and documents, in layouts written by hand.
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 - <<"END2"
import gzip
import json
import images
from images import Layout, layer


def entry(content=b"", **fields):
    def change(info):
        pax = fields.pop("pax", {})
        for name, value in fields.items():
            setattr(info, name, value)
        info.pax_headers = pax
        return content
    return change


def pair(name, one, two):
    one.write(name + "/a")
    two.write(name + "/b")


same = layer({"same": b"the same"})
pair("equal", Layout(same), Layout(same))
pair("entries", *(Layout(layer(files)) for files in (
    {"mtime": entry(b"x", mtime=1700000000), "fraction": entry(b"x", mtime=1.25), "owner": entry(b"x", uid=1),
     "names": entry(b"x", uname="root"), "setuid": entry(b"x", mode=0o4755), "umask": entry(b"x", mode=0o664),
     "xattr": entry(b"x", pax={"SCHILY.xattr.user.a": "1", "SCHILY.xattr.user.b": "2"}), "link": entry(type=b"2", linkname="one"),
     "hard": entry(type=b"1", linkname="mtime"), "copy": entry(type=b"1", linkname="mtime"),
     "device": entry(type=b"3", devmajor=1, devminor=3), "type": entry(type=b"5"), "big": b"x" * 10, "early": entry(b"x", mtime=-1.25),
     "control\x1b[31m": b"x"},
    {"mtime": entry(b"x", mtime=1700000001), "fraction": entry(b"x", mtime=1.5), "owner": entry(b"x", gid=2),
     "names": entry(b"x", uname="user", gname="staff"), "setuid": entry(b"x", mode=0o755), "umask": entry(b"x", mode=0o640),
     "xattr": entry(b"x", pax={"SCHILY.xattr.user.a": "2", "SCHILY.xattr.user.c": "2"}), "link": entry(type=b"2", linkname="two"),
     "hard": entry(type=b"1", linkname="owner"), "copy": b"x", "device": entry(type=b"3", devmajor=1, devminor=5),
     "type": entry(type=b"6"), "big": b"x" * 11, "early": entry(b"x", mtime=-1.5), "new": b"x"})))
pair("order", Layout(layer({"a": b"1", "b": b"2", "c": b"3"})), Layout(layer({"a": b"1", "c": b"3", "b": b"2", "d": b""})))
pair("compression", Layout(same, compress=images.compressed, kind="+gzip"),
     Layout(same, compress=lambda tar: gzip.compress(tar, 1, mtime=0), kind="+gzip"))
pair("padding", Layout(same), Layout(same + b"\0" * 512))
pair("headers", *(Layout(layer({"f": entry(b"x", pax={"atime": atime})})) for atime in ("1", "2")))
pair("names", *(Layout(layer({name: b"" for name in names})) for names in (
    ["log/2026-11-25.log", "tmp/tmp.aBcDeFgHiJ", "x/only-here", "y/moved"],
    ["log/2026-11-26.log", "tmp/tmp.zYxWvUtSrQ", "x/other", "z/moved"])))
one, two, three, four = (layer({n: n.encode()}) for n in ("one", "two", "three", "four"))
pair("layers", Layout(one, two, three), Layout(one, three, four, two))
pair("fewer", Layout(one, two, three), Layout(two))
pair("documents", Layout(config={"created": "2026-11-25T04:26:47Z", "config": {"Env": ["A=1", "B=2"], "Labels": {"a.b": "x"}}}),
     Layout(config={"created": "2026-11-26T04:26:47Z", "config": {"Env": ["B=2", "A=1"], "Labels": {"a.b": "y"}, "User": "0"}}))
typed = [Layout(same) for _ in "ab"]
typed[1].manifest["layers"][0].update(mediaType=images.LAYER + "+gzip", annotations={"a": "b"})
typed[1].manifest["annotations"] = {"made": "2026"}
typed[1].reseal()
pair("manifest", *typed)
blank = Layout(same)
blank.point_to(json.dumps(blank.manifest, indent=1).encode(), images.MANIFEST)
pair("blanks", Layout(same), blank)
END2
for name in equal entries order compression padding headers names layers fewer documents manifest blanks; do
	echo "== $name"
	ggbuild diff $name/a $name/b || echo "exit $?"
done
echo "== ignored"
ggbuild diff compression/a compression/b --ignore compression
ggbuild diff entries/a entries/b --ignore mtime --json | grep '"kind": "mtime"' || :
