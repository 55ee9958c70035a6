# SPDX-License-Identifier: Apache-2.0
# The root file system of an image, as a directory and as an archive: layers over each other, whole or not at all.
cat >sources.py <<"EOF"
import tarfile
from images import Layout, compressed, layer


def of(content=b"", **fields):
    def change(info):
        for name, value in fields.items():
            setattr(info, name, value)
        return content
    return change


one = layer({"bin": of(type=tarfile.DIRTYPE, mode=0o755), "bin/app": of(b"content", mode=0o755, uid=7, gid=8, mtime=99),
             "bin/su": of(mode=0o4755), "bin/same": of(type=tarfile.LNKTYPE, linkname="bin/app"),
             "bin/sh": of(type=tarfile.SYMTYPE, linkname="app", uid=7), "bin/null": of(type=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3),
             "gone": b"x", "old/a": b"a", "old/b": b"b", "closed": of(b"secret", mode=0), "pipe": of(type=tarfile.FIFOTYPE)})
two = layer({".wh.gone": b"", "old/.wh..wh..opq": b"", "old/c": b"c", "bin/app": of(b"changed", mode=0o700)})
Layout(one, two, two, compress=compressed, kind="+gzip").write("image")
Layout().write("empty")
wrong = Layout(one, two)
wrong.config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
wrong.reseal()
wrong.write("wrong")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
copy() {
	echo "$ ggbuild copy $*"
	ggbuild copy --platform linux/amd64 --progress none "$@" || echo "exit $?"
}
look() { (cd "$1" && find . -printf '%M %U:%G %s %TY %p %l\n' | sed 's/^\(d[^ ]* [^ ]*\) [0-9]*/\1/' | sort -k 4); }
copy image rootfs:root/
look root
cat root/bin/app root/bin/same && echo
stat -c '%t:%T' root/bin/null
copy image tar:root.tar
tar -tvf root.tar --numeric-owner
mkdir held free
touch held/file
copy image rootfs:free
diff -r --no-dereference root/old free/old && echo "the same"
copy image rootfs:held
copy image rootfs:root
copy image rootfs:root.tar
copy image rootfs:nowhere/root
copy image rootfs:new:ref
copy image tar:free
copy wrong rootfs:new
copy wrong tar:new.tar
copy wrong tar:root.tar
copy empty rootfs:nothing
copy empty tar:nothing.tar
tar -tvf nothing.tar
echo "== not root"
# The case's directories are closed to others.
user() { setpriv --reuid=1234 --regid=1234 --clear-groups "$@"; }
chmod 755 ..
mkdir -m 777 users
cp -L "$(command -v ggbuild)" program
user ./program copy --platform linux/amd64 --progress none image rootfs:users/root || echo "exit $?"
user ./program copy --platform linux/amd64 --progress none image tar:users/root.tar
cmp root.tar users/root.tar && echo "the same archive"
ls -A . users held
