#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small signed Debian archive, made on the spot.

Usage: make_archive.py --dir DIR [options] "NAME VERSION [FIELD: VALUE & FIELD: VALUE]"...
    --suite NAME         trixie
    --arch ARCH          what packages are made for; the machine's own
    --date TEXT          of the release, by the day: 2024-01-01
    --valid-until TEXT   none
    --no-by-hash         indexes only under their own names
    --stranger           signed by a key that is not in the keyring
    --tampered           a word of the release changes after it was signed
    --half               two signatures of known keys, one of another text
    --content TEXT       what the packages hold beside their version (other bytes under the same version)
    --wrong-size, --wrong-hash   what the index says of the first package is not so
    --index FILE         an index that is there already, instead of packages
    --shell              also a package "shell": this machine's sh and what a few lines of it call
    --dpkg               also a package "dpkg": this machine's, with busybox for what it and scripts call
    --postinst NAME=FILE what package NAME runs when it is configured
    --copyright NAME=FILE its copyright; NAME=-OTHER: its documents are those of package OTHER

The archive comes to DIR/archive, its keyring to DIR/keyring.gpg, the keys to DIR/gnupg, where a second run finds them. A
package NAME holds /usr/share/NAME/version. Packages of earlier runs stay in the pool, not in the index.
"""
import argparse
import calendar
import email.utils
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import time

arguments = argparse.ArgumentParser()
for name, default in (("suite", "trixie"), ("date", "2024-01-01"), ("valid-until", None), ("content", ""),
                      ("arch", None), ("index", None)):
    arguments.add_argument("--" + name, default=default)
for name in ("no-by-hash", "stranger", "tampered", "half", "wrong-size", "wrong-hash", "shell", "dpkg"):
    arguments.add_argument("--" + name, action="store_true")
arguments.add_argument("--postinst", action="append", default=[])
arguments.add_argument("--copyright", action="append", default=[])
arguments.add_argument("--dir", required=True)
arguments.add_argument("packages", nargs="*")
options = arguments.parse_args()

base = os.path.abspath(options.dir)
archive = os.path.join(base, "archive")
environment = dict(os.environ, GNUPGHOME=os.path.join(base, "gnupg"), LC_ALL="C",
                   SOURCE_DATE_EPOCH="1704067200")


def run(*command, **how):
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, **how).stdout


def gpg(*command, **how):
    return run("gpg", "--batch", "--quiet", "--yes", *command, stderr=subprocess.DEVNULL, **how)


def keys():
    if os.path.isdir(environment["GNUPGHOME"]):
        return
    os.makedirs(environment["GNUPGHOME"], 0o700)
    for user in ("archive", "stranger"):
        gpg("--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never")


def programs(tree, names):
    files = {os.path.realpath(shutil.which(p)): "bin/" + p for p in names}
    for program in list(files):
        for library in re.findall(r"(/\S+) \(0x", run("ldd", program).decode()):
            files[library] = library[1:]
    for source, to in files.items():
        os.makedirs(os.path.dirname(os.path.join(tree, to)), exist_ok=True)
        shutil.copy(source, os.path.join(tree, to))


def dpkg(tree):
    # busybox's own shell would take busybox's own dpkg
    programs(tree, ("dpkg", "dpkg-query", "dpkg-deb", "sh"))
    shutil.copy(shutil.which("busybox"), os.path.join(tree, "bin/busybox"))
    for name in run("busybox", "--list").decode().split():
        if not name.startswith("dpkg") and name not in ("busybox", "sh"):
            os.symlink("busybox", os.path.join(tree, "bin", name))
    os.symlink("busybox", os.path.join(tree, "bin/ldconfig"))
    for name, mode in (("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("usr/bin", 0o755)):
        os.makedirs(os.path.join(tree, name))
        os.chmod(os.path.join(tree, name), mode)
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n")):
        with open(os.path.join(tree, "etc", name), "w") as f:
            f.write(text)


def package(spec, arch):
    name, version, *rest = spec.split(None, 2)
    fields = [f.strip() for f in (rest[0].split("&") if rest else [])]
    tree = os.path.join(base, "package")
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "DEBIAN"))
    os.makedirs(os.path.join(tree, "usr/share", name))
    with open(os.path.join(tree, "usr/share", name, "version"), "w") as f:
        f.write(version + options.content + "\n")
    if name == "shell":
        programs(tree, ("sh", "cat", "cp", "mkdir", "ls", "touch", "id"))
    if name == "dpkg":
        dpkg(tree)
    for about in (p.split("=", 1)[1] for p in options.copyright if p.startswith(name + "=")):
        documents = os.path.join(tree, "usr/share/doc", name)
        os.makedirs(os.path.dirname(documents))
        if about.startswith("-"):
            os.symlink(about[1:], documents)
            continue
        os.mkdir(documents)
        shutil.copy(about, documents + "/copyright")
    for script in (p.split("=", 1)[1] for p in options.postinst if p.startswith(name + "=")):
        shutil.copy(script, os.path.join(tree, "DEBIAN/postinst"))
        os.chmod(os.path.join(tree, "DEBIAN/postinst"), 0o755)
    control = ["Package: " + name, "Version: " + version, "Architecture: " + arch,
               "Maintainer: Nobody <nobody@example.org>", *fields, "Description: a package for tests"]
    with open(os.path.join(tree, "DEBIAN/control"), "w") as f:
        f.write("\n".join(control) + "\n")
    pool = "pool/main/%s/%s_%s_%s.deb" % (name[0], name, version.replace(":", "%3a"), arch)
    file = os.path.join(archive, pool)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "--build", "-Zgzip", tree, file)
    shutil.rmtree(tree)
    with open(file, "rb") as f:
        data = f.read()
    return control[:3] + fields + ["Filename: " + pool, data]


def stanza(fields, size_off, hash_off):
    data = fields.pop()
    digest = hashlib.sha256(data).hexdigest()
    if hash_off:
        digest = hashlib.sha256(b"another file").hexdigest()
    return "\n".join(fields + ["Size: %d" % (len(data) + size_off), "SHA256: " + digest]) + "\n\n"


def day(text):
    return email.utils.formatdate(calendar.timegm(time.strptime(text, "%Y-%m-%d")), usegmt=True).replace("GMT", "UTC")


def write(path, data):
    file = os.path.join(archive, "dists", options.suite, path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as f:
        f.write(data)


def sign(user, lines):
    return gpg("--local-user", user, "--clearsign", input=("\n".join(lines) + "\n").encode())


def signature(text):
    return text[text.index(b"-----BEGIN PGP SIGNATURE-----"):]


def release(text, index, arch):
    lines = ["Origin: Test", "Suite: " + options.suite, "Codename: " + options.suite, "Date: " + day(options.date)]
    if options.valid_until:
        lines.append("Valid-Until: " + day(options.valid_until))
    if not options.no_by_hash:
        lines.append("Acquire-By-Hash: yes")
    lines += ["Architectures: " + arch, "Components: main", "SHA256:",
              # apt wants to know the plain text, which no mirror has
              *(" %s %d main/binary-%s/Packages%s" % (hashlib.sha256(data).hexdigest(), len(data), arch, suffix)
                for data, suffix in ((text.encode(), ""), (index, ".xz")))]
    text = sign("stranger" if options.stranger else "archive", lines)
    if options.half:
        signatures = b"".join(gpg("--dearmor", input=signature(t)) for t in (text, sign("stranger", lines[1:])))
        both = gpg("--enarmor", input=signatures).replace(b"PGP ARMORED FILE", b"PGP SIGNATURE")
        text = text.replace(signature(text), re.sub(rb"(?m)^Comment:.*\n", b"", both))
    return text.replace(b"Origin: Test", b"Origin: Tset") if options.tampered else text


os.makedirs(archive, exist_ok=True)
keys()
with open(os.path.join(base, "keyring.gpg"), "wb") as f:
    f.write(gpg("--export", *(["archive", "stranger"] if options.half else ["archive"])))
arch = options.arch or run("dpkg", "--print-architecture").decode().strip()
made = [package(spec, arch) for spec in
        options.packages + (["shell 1"] if options.shell else []) + (["dpkg 1.22"] if options.dpkg else [])]
text = "".join(stanza(fields, 7 if options.wrong_size and not i else 0, options.wrong_hash and not i)
               for i, fields in enumerate(made))
if options.index:
    with open(options.index) as f:
        text = f.read()
index = lzma.compress(text.encode())
where = "main/binary-%s" % arch
shutil.rmtree(os.path.join(archive, "dists", options.suite), ignore_errors=True)
if options.no_by_hash:
    write(where + "/Packages.xz", index)
else:
    write("%s/by-hash/SHA256/%s" % (where, hashlib.sha256(index).hexdigest()), index)
write("InRelease", release(text, index, arch))
subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False, stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
