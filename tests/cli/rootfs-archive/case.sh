# A root file system from an archive, beside the recipe or from a server: its content is its identity.
. "$TESTS/http/serve.sh"
mkdir -p www root/etc
echo one >root/etc/name
tar -C root --sort=name --owner=0 --group=0 --mtime=@0 -cf www/root.tar .
cp www/root.tar here.tar
sha=$(sha256sum here.tar | cut -d' ' -f1)
serve www
write() {
	printf 'recipe: 1\nname: a\nstages:\n  base:\n    from: %s\nimage: { from: base }\n' "$1" >a.recipe
}
build() {
	try ggbuild a.recipe --progress none "$@"
}
try() {
	status=0
	"$@" || status=$?
	[ $status = 0 ] || echo "exit $status" >&2
}

say "beside the recipe, with and without its digest, and from a server: one image"
for from in "{ rootfs: here.tar }" "{ rootfs: here.tar, sha256: $sha }" "{ rootfs: \"$url/root.tar\", sha256: $sha }"; do
	write "$from"
	build -o oci:out >digest
	[ ! -e first ] || cmp first digest
	mv digest first
done
for how in 404 truncate flip extend; do
	say "$how"
	rm -rf ../cache/ggbuild
	wrong root.tar "$how"
	build
done
for how in redirect drop cut "once 503"; do
	say "$how"
	rm -rf ../cache/ggbuild
	wrong root.tar "$how"
	build -o oci:out >digest
	cmp first digest
done
say "offline"
: >../server/requests
build --offline --locked
rm -rf ../cache/ggbuild
build --offline
cat ../server/requests
say "mistakes"
write "{ rootfs: here.tar, sha256: 00000${sha#?????} }"
build
write "{ rootfs: absent.tar }"
build
write "{ rootfs: a.recipe }"
build
head -c 700 here.tar >short.tar
write "{ rootfs: short.tar }"
build
mkdir dir
write "{ rootfs: dir }"
build
mkfifo fifo
write "{ rootfs: fifo }"
build
say "a machine whose libcurl is broken"
write "{ rootfs: \"$url/root.tar\", sha256: $sha }"
rm -rf ../cache/ggbuild
mkdir lib
: >lib/libcurl.so.4 >lib/libcurl-gnutls.so.4
LD_LIBRARY_PATH=$PWD/lib build
