#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-labels: memory
# An archive whose xz header asks for a window of 4 GiB gets no such thing. (Not for builds with AddressSanitizer: no limit
# of memory can hold its shadow.)
#   test_window.sh GGBUILD
set -eu
ggbuild=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir root
echo text >root/file
tar -C root -cf - . | xz >plain.tar.xz
python3 - plain.tar.xz window.tar.xz <<'END'
import struct, sys, zlib
data = bytearray(open(sys.argv[1], "rb").read())
size = (data[12] + 1) * 4
at = data.index(b"\x21\x01", 12, 12 + size) + 2
data[at] = 40
data[12 + size - 4:12 + size] = struct.pack("<I", zlib.crc32(bytes(data[12:12 + size - 4])))
open(sys.argv[2], "wb").write(data)
END
for name in plain window; do
	printf 'recipe: 1\nname: a\nstages: { s: { from: { rootfs: %s.tar.xz } } }\nimage: { from: s }\n' $name >$name.recipe
done
"$ggbuild" plain.recipe --store "$work/store" --progress none
status=0
"$ggbuild" window.recipe --store "$work/store" --progress none 2>"$work/log" || status=$?
cat "$work/log"
[ $status = 6 ]
grep -q 'decompress' "$work/log"
