# `libraries: true` with a library that is nowhere (the chain of need is shown), with a program without a loader, and with
# what is no dynamic program at all.
. "$TESTS/tools/cases.sh"
mkdir -p root/usr/lib root/usr/bin
echo 'int two(void) { return 2; }' >two.c
echo 'int two(void); int one(void) { return two() - 1; }' >one.c
echo 'int one(void); void _start(void) { one(); }' >app.c
cc="cc -nostdlib -fno-stack-protector -fPIC"
$cc -shared -Wl,-soname,libtwo.so.2 -o libtwo.so two.c
$cc -shared -Wl,-soname,libone.so.1 -o libone.so one.c -L. -ltwo
$cc -fPIE -pie -Wl,--dynamic-linker=/lib/ld-case.so -o root/usr/bin/app app.c -L. -lone -Wl,--allow-shlib-undefined
cp libone.so root/usr/lib/libone.so.1
cp "$(command -v busybox)" root/usr/bin/static
printf '#!/bin/sh\necho\n' >root/usr/bin/script
head -c 100 root/usr/bin/app >root/usr/bin/cut
ln -s usr/lib root/lib
layer() { # NAME, a program
	cat >"$1.recipe" <<E
recipe: 1
name: libraries
stages: { base: { from: { rootfs: root.tar } } }
image: { layers: [ { name: app, copy: [ { from: base, path: /usr/bin/$2, to: /bin/, libraries: true } ] } ] }
E
	tar -C root -cf root.tar .
	try "$1.recipe" --progress none -o oci:"$1"
}
layer loader app
$cc -shared -Wl,-soname,ld-case.so -o root/usr/lib/ld-case.so two.c
layer library app
cp libtwo.so root/usr/lib/libtwo.so.2
layer whole app
"$TESTS/tools/layer_list" whole
layer no-such-program ap
layer script script
layer static static
"$TESTS/tools/layer_list" static
layer cut cut
