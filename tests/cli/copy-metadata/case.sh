# Mode bits, file capabilities, hard links and odd names survive from an archive to a layer; devices do not.
. "$TESTS/tools/cases.sh"
python3 - <<'E'
import io, tarfile
cap = bytes.fromhex("0100000200040000000000000000000000000000")
t = tarfile.open("odd.tar", "w", format=tarfile.PAX_FORMAT)
def add(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link="", headers={}):
    m = tarfile.TarInfo(name)
    m.type, m.mode, m.linkname, m.pax_headers, m.size = kind, mode, link, headers, len(data)
    m.devmajor, m.devminor = 1, 3
    t.addfile(m, io.BytesIO(data))
add("d", kind=tarfile.DIRTYPE, mode=0o1777)
add("d/setuid", b"s", mode=0o4755)
add("d/setgid", b"g", mode=0o2755)
add("d/capable", b"c", mode=0o755, headers={"SCHILY.xattr.security.capability": cap.decode("latin1")})
add("d/attribute", b"a", headers={"SCHILY.xattr.user.note": "text"})
add("d/one", b"same")
add("d/two", kind=tarfile.LNKTYPE, link="d/one")
add("d/new\nline", b"n")
add("d/\udcff\udcfe", b"8")
add("d/ -rf", b"-")
add("d/" + "l" * 255, b"l")
add("dev", kind=tarfile.DIRTYPE, mode=0o755)
add("dev/null", kind=tarfile.CHRTYPE, mode=0o666)
t.close()
E
cat >odd.recipe <<'E'
recipe: 1
name: odd
stages: { base: { from: { rootfs: odd.tar } } }
image:
  layers:
    - { name: files, copy: [ { from: base, path: /d, to: /e } ] }
E
try odd.recipe --progress none -o oci:out
"$TESTS/tools/layer_list" out
sed 's,path: /d,path: /dev/null,' odd.recipe >device.recipe
try device.recipe --progress none -o oci:none
sed 's,path: /d,path: /d/missing,' odd.recipe >missing.recipe
try missing.recipe --progress none -o oci:none
