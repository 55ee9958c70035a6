# An archive is not read again when nothing says that it changed, and is when it was edited in place with its size and
# its time of change put back.
mkdir root
printf 'recipe: 1\nname: a\nstages:\n  base:\n    from: { rootfs: root.tar }\nimage: { from: base }\n' >a.recipe
content() {
	echo "$1" >root/name
	tar -C root --sort=name --owner=0 --group=0 --mtime=@0 -cf new.tar .
	cat new.tar >root.tar
	touch -d @1000000000 root.tar
}
build() {
	sleep 0.1
	ggbuild a.recipe --progress none -o "oci:$1" >"$1.digest"
}
content one
build first
content two
build second
cmp -s first.digest second.digest && echo "an edited archive was taken for the old one"
content one
build third
cmp first.digest third.digest
size=$(ls -l root.tar | awk '{ print $5 }')
echo "read $(strace -f -y -e trace=read,pread64 ggbuild a.recipe --progress none -o oci:fifth 2>&1 >/dev/null |
	sed -n 's,.*root[.]tar>.* = ,,p' | awk '{ n += $1 } END { print n + 0 }') of $size bytes again"
