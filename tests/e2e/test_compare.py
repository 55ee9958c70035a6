#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Files as real programs write them, twice under other conditions: `ggbuild diff` says where they differ and why.
#   test_compare.py GGBUILD
import gzip
import io
import json
import os
import py_compile
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "images"))
import images  # noqa: E402

ggbuild = os.path.abspath(sys.argv[1])
work = tempfile.mkdtemp(prefix="gg-compare-")
os.chdir(work)


def sh(command, **env):
    subprocess.run(["sh", "-euc", command], check=True, env={**os.environ, "LC_ALL": "C", **env}, cwd=work)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return path


def compiled(source, flags="", **env):
    """A program of gcc, linked."""
    write("program.c", source)
    sh(f"gcc -O1 {flags} -o program program.c", **env)
    return read("program")


def each(function, *values):
    return tuple(function(value) for value in values)


def c_time():
    source = 'const char *built(void) { return __DATE__ " " __TIME__; }\nint main(void) { return built()[0]; }\n'
    return each(lambda epoch: compiled(source, SOURCE_DATE_EPOCH=epoch), "1700000000", "1700003601")


def c_path():
    source = 'int main(void) { return __FILE__[0]; }\n'
    result = []
    for directory in ("/first/checkout", "/other/checkout"):
        write("program.c", source)
        sh(f"gcc -O0 -g -ffile-prefix-map={work}={directory} -o program {work}/program.c")
        result.append(read("program"))
    return tuple(result)


def build_id():
    source = "int main(void) { return 0; }\n"
    return each(lambda n: compiled(source, f"-Wl,--build-id=0x{n * 20}"), "1f", "a7")


def code():
    return each(lambda n: compiled(f"int main(void) {{ return {n}; }}\n", "-Wl,--build-id=none"), 1, 2)


def archive(epoch, order="one.o two.o"):
    write("one.c", "int one = 1;\n")
    write("two.c", "int two = 2;\n")
    sh("gcc -c one.c two.c")
    for name in ("one.o", "two.o"):
        os.utime(name, (epoch, epoch))
    sh(f"rm -f x.a; ar qcUS x.a {order}")
    return read("x.a")


def archive_path():
    result = []
    for directory in ("/first/checkout", "/other/checkout"):
        write("one.c", "int one(void) { return 1; }\n")
        sh(f"gcc -c -g -ffile-prefix-map={work}={directory} {work}/one.c; rm -f x.a; ar qcD x.a one.o")
        result.append(read("x.a"))
    return tuple(result)


def gzipped(mtime, content=b"content\n" * 100, level=9):
    return gzip.compress(content, level, mtime=mtime)


def gzip_of_tar(mtime):
    return gzipped(0, images.layer({"some/file": b"x\n", "other": b"y\n"}, mtime=mtime))


def zipped(when, content=b"content\n" * 50, names=("a", "b")):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(zipfile.ZipInfo(name, when), content + name.encode())
    return out.getvalue()


def pyc(mtime):
    write("module.py", "x = 1\n")
    os.utime("module.py", (mtime, mtime))
    py_compile.compile("module.py", "module.pyc", invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    return read("module.pyc")


def cc_temporary(_):
    """Without -save-temps the linker's map names what gcc made up."""
    write("main.c", "int main(void) { return 0; }\n")
    sh("gcc -Wl,-Map=program.map -o program main.c")
    return read("program.map")


def lto_objects(names):
    """Functions in another order, as a parallel build's objects come."""
    for name in names:
        write(name + ".c", f"int {name}(void) {{ return 7; }}\n")
        sh(f"gcc -O1 -c {name}.c")
    write("m.c", "int main(void) { return 0; }\n")
    sh("gcc -Wl,--build-id=none -o program m.c " + " ".join(name + ".o" for name in names))
    return read("program")


shuffled = [f"line {i * 7919 % 1000}\n" for i in range(200)]

# path: two contents, cause, a part of `where`, a part of `text`
cases = {
    "c/time": (c_time(), "timestamp", "", ".rodata"),
    "c/path": (c_path(), "build-path", "ELF section", "/first/checkout"),
    "c/build-id": (build_id(), "build-id", "ELF section .note.gnu.build-id", ""),
    "c/code": (code(), "unknown", "ELF section .text", ""),
    "c/code-and-id": (each(lambda n: compiled(f"int main(void) {{ return {n}; }}\n", "-Wl,--build-id=sha1"), 1, 2), "unknown",
                      "ELF section .note.gnu.build-id", ""),
    "c/larger": ((compiled("int main(void) { return 0; }\n"), compiled("int f; int main(void) { return f * 7; }\n")), "unknown",
                 "ELF header", ""),
    "c/sections": ((compiled("int main(void) { return 0; }\n"), compiled("int main(void) { return 0; }\n", "-s")), "unknown",
                   "ELF header", ""),
    "c/order": (each(lto_objects, ["alpha", "beta", "delta"], ["delta", "alpha", "beta"]), "order", "ELF", ".strtab"),
    "ar/date.a": (each(archive, 1700000000, 1700000001), "timestamp", "ar member one.o, date", ""),
    "ar/order.a": ((archive(1, "one.o two.o"), archive(1, "two.o one.o")), "order", "", "members"),
    "ar/path.a": (archive_path(), "build-path", "ar member one.o, ELF section", "/first/checkout"),
    "gzip/mtime.gz": (each(gzipped, 1700000000, 1700000001), "timestamp", "gzip header, mtime", ""),
    "gzip/level.gz": ((gzipped(0, level=1), gzipped(0, level=9)), "compression", "gzip", ""),
    "gzip/tar.gz": (each(gzip_of_tar, 1, 1000), "timestamp", "gzip content, tar member some/file, mtime", ""),
    "gzip/zeros.gz": ((gzipped(0, b"a" * 99), gzipped(0, b"b" * 99)), "unknown", "gzip content", ""),
    "zip/time.jar": (each(zipped, (2020, 1, 1, 0, 0, 0), (2020, 1, 1, 0, 0, 2)), "timestamp", "zip member a, time", ""),
    "zip/order.zip": ((zipped((2020, 1, 1, 0, 0, 0)), zipped((2020, 1, 1, 0, 0, 0), names=("b", "a"))), "order", "", ""),
    "zip/content.zip": ((zipped((2020, 1, 1, 0, 0, 0), b"at 2026-11-25T01:02:03\n"),
                         zipped((2020, 1, 1, 0, 0, 0), b"at 2026-11-25T01:02:04\n")), "timestamp", "zip member a",
                        "01:02:03"),
    "python/module.pyc": (each(pyc, 1700000000, 1700000001), "timestamp", "pyc header, time of the source", ""),
    "gcc/map": (each(cc_temporary, 1, 2), "temporary-name", "", "/tmp/cc"),
    "text/iso": (("built 2026-11-25T04:26:47Z\n", "built 2026-11-25T04:26:48Z\n"), "timestamp", "", "04:26:48"),
    "text/rfc": (("Date: Wed, 25 Nov 2026 04:26:47 +0000\n", "Date: Thu, 26 Nov 2026 04:26:47 +0000\n"), "timestamp", "",
                 "Thu, 26 Nov"),
    "text/date": (each(lambda t: time.strftime("%a %b %e %H:%M:%S UTC %Y\n", time.gmtime(t)), 1700000000, 1700999999),
                  "timestamp", "", "UTC 2023"),
    "text/epoch": (("t=1700000000\n", "t=1700000999\n"), "timestamp", "", "decimal"),
    "text/mktemp": (("dir /tmp/tmp.Xk2b91pQzz/x\n", "dir /tmp/tmp.aa81UUzw09/x\n"), "temporary-name", "", "/tmp/tmp."),
    "text/path": (("prefix=/home/one/src\n", "prefix=/home/another/src\n"), "build-path", "", "/home/one/src"),
    "text/uuid": (tuple(f"id {uuid.UUID(int=random.Random(i).getrandbits(128))}\n" for i in (1, 2)), "random", "", "UUID"),
    "text/hex": (tuple(f"key {random.Random(i).getrandbits(128):032x}\n" for i in (1, 2)), "random", "", "hexa"),
    "text/pid": (("pid: 1234\n", "pid: 99\n"), "process-id", "", "1234"),
    "text/jobs": (("make -j8\n", "make -j12\n"), "cpu-count", "", "-j8"),
    "text/locale": (("sorted in C.UTF-8\n", "sorted in de_DE.UTF-8\n"), "locale", "", "de_DE"),
    "text/kernel": (("Linux 6.1.0-13-amd64\n", "Linux 6.12.2\n"), "kernel", "", "6.12.2"),
    "text/host": (("hostname alpha\n", "hostname beta\n"), "host-name", "", "alpha"),
    "text/lines": (("".join(shuffled), "".join(sorted(shuffled))), "order", "", "lines"),
    "text/set": (("{red, green, blue}\n", "{blue, red, green}\n"), "order", "", "words"),
    "text/unknown": (("yes\n", "no\n"), "unknown", "", ""),
    "bytes/random": (tuple(b"key" * 5 + random.Random(i).randbytes(32) + b"end" for i in (1, 2)), "random", "", "nothing in common"),
    "bytes/time": ((b"MAGIC\0\0\0" + (1700000000).to_bytes(4, "little"), b"MAGIC\0\0\0" + (1700009999).to_bytes(4, "little")),
                   "timestamp", "", "32-bit"),
    "bytes/empty": (("", "some\n"), "unknown", "", ""),
}


def side(i):
    files = {path: case[0][i] if isinstance(case[0][i], bytes) else case[0][i].encode() for path, case in cases.items()}
    return images.Layout(images.layer(files), compress=images.compressed, kind="+gzip").write(f"side{i}")


side(0)
side(1)
run = subprocess.run([ggbuild, "diff", "side0", "side1", "--json"], stdout=subprocess.PIPE, check=False)
failed = 0
found = {d["path"]: d for d in json.loads(run.stdout)["differences"] if d["kind"] == "bytes"}
for path, (contents, cause, where, words) in cases.items():
    d = found.pop(path, {})
    one, two = (c if isinstance(c, bytes) else c.encode() for c in contents)
    offset = next((i for i, (x, y) in enumerate(zip(one, two)) if x != y), min(len(one), len(two)))
    if (d.get("cause") != cause or where not in d.get("where", "") or bool(where) != ("where" in d) and where
            or words not in d.get("text", "") or d.get("offset") != offset):
        print(f"{path}: wanted {cause}, '{where}', '{words}' at {offset}; found {json.dumps(d)}")
        failed += 1
if run.returncode != 1 or found:
    print("exit", run.returncode, "unexpected:", found)
    failed += 1
print(f"{len(cases)} contents, {failed} failures")
shutil.rmtree(work)
sys.exit(failed != 0)
