# SPDX-License-Identifier: Apache-2.0
# Files and directories out of an image.
cat >sources.py <<"EOF"
import tarfile
from images import Layout, compressed, layer


def of(content=b"", **fields):
    def change(info):
        for name, value in fields.items():
            setattr(info, name, value)
        return content
    return change


one = layer({"bin/app": of(b"content\n", mode=0o4755, uid=7), "bin/same": of(type=tarfile.LNKTYPE, linkname="bin/app"),
             "bin/sh": of(type=tarfile.SYMTYPE, linkname="/bin/app"), "link": of(type=tarfile.SYMTYPE, linkname="../../bin"),
             "closed": of(mode=0, type=tarfile.DIRTYPE), "closed/file": of(b"secret\n", mode=0), "pipe": of(type=tarfile.FIFOTYPE), "gone": b""})
two = layer({".wh.gone": b"", "bin/new": b"new"})
Layout(one, two, compress=compressed, kind="+gzip").write("image")
wrong = Layout(one, two)
wrong.config["rootfs"]["diff_ids"][1] = "sha256:" + "0" * 64
wrong.reseal()
wrong.write("wrong")
EOF
PYTHONPATH=$TESTS/images PYTHONDONTWRITEBYTECODE=1 python3 sources.py
exec 2>&1
extract() {
	echo "$ ggbuild extract $*"
	ggbuild extract "$@" || echo "exit $?"
}
extract image /bin/app -o -
extract image link/sh
extract image closed/file -o kept
extract image /bin
extract image / -o all.tar
stat -c '%a %s %n' app kept bin.tar
tar -tvf bin.tar --numeric-owner
tar -tvf all.tar --numeric-owner
ggbuild extract image bin -o - | cmp - bin.tar && echo "the same"
chmod 755 ..
chmod 777 ../tmp
cp -L "$(command -v ggbuild)" program
setpriv --reuid=1234 --regid=1234 --clear-groups ./program extract image / -o - | cmp - all.tar && echo "the same for a user"
setpriv --reuid=1234 --regid=1234 --clear-groups ./program extract image /closed/file -o -
extract image /gone
extract image /pipe
extract image /bin/app/more
extract image /bin/app -o nowhere/app
extract wrong /bin/app -o wrong-app
extract absent /
ls -A . "$TMPDIR"
