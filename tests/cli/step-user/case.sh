# Whom a step runs as, against a passwd and a group that would like it to be root (S10). Nobody becomes root by a number
# that wraps around, by one that is none, or by a file that does not end.
mkdir -p root/bin root/etc
cp "$(command -v busybox)" root/bin/busybox
cat >root/etc/passwd <<'END'
wraps:x:4294967296:4294967296::/:/bin/sh
large:x:2147483648:0::/:/bin/sh
none:x:4294967295:0::/:/bin/sh
minus:x:-1:0::/:/bin/sh
hex:x:0x0:0::/:/bin/sh
blank:x: 0:0::/:/bin/sh
empty:x:::/:/bin/sh
short:x
fine:x:1000:1000:x:/home/fine:/bin/sh
fine:x:0:0:a second one:/root:/bin/sh
END
printf 'wraps:x:4294967296:\nzero:x:0x0:\nfine:x:20:root\n' >root/etc/group
archive() {
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C root -cf root.tar .
	sum=$(sha256sum <root.tar | cut -c 1-64)
}
as() {
	echo "== $1" >&2
	cat >user.recipe <<END
recipe: 1
name: user
stages:
  builder:
    from: { rootfs: root.tar, sha256: $sum }
    steps:
      - run: [/bin/busybox, sh, -c, "/bin/busybox id -u && /bin/busybox id -g && /bin/busybox id -G && echo \$HOME"]
        user: "$1"
END
	status=0
	ggbuild user.recipe --target builder --no-cache --progress plain 2>stderr || status=$?
	sed -n 's/^\[builder[^]]*\] \([0-9/].*\)/\1/p; /error:/p; /help:/p' stderr | grep -v 'done in' >&2
	echo "exit $status" >&2
}
archive
for user in fine fine:fine 1000 1000:fine 5:6 wraps large none minus hex blank empty short nobody fine:wraps fine:zero; do
	as "$user"
done
for user in -1 0x0 65536 2147483648 4294967295 4294967296 18446744073709551616 1000:-1 "fine:" ":0" "a b"; do
	as "$user"
done
# 2 MiB
while [ "$(wc -c <root/etc/passwd)" -lt 2097152 ]; do
	cat root/etc/passwd root/etc/passwd >more
	mv more root/etc/passwd
done
archive
as fine
