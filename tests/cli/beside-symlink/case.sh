# What a recipe names beside itself does not get out of its directory by a symlink; what is granted does.
mkdir project outside project/inside
echo secret >outside/file
echo plain >project/inside/file
tar -C outside -cf outside/root.tar file
ln -s ../outside project/away
ln -s ../outside/root.tar project/root.tar
ln -s inside project/in
cd project
recipe() {
	cat >a.recipe <<-END
		recipe: 1
		name: a
		inputs: { i: { local: $1 } }
		stages: { s: { from: ${2:-scratch} } }
		image: { layers: [ { name: l, copy: [ { from: i, path: /file, to: /file } ] } ] }
	END
	if [ $# -gt 2 ]; then shift 2; else set --; fi
	ggbuild a.recipe --progress none "$@" -o oci:image >/dev/null || echo "exit $?"
}
recipe away
recipe in '{ rootfs: root.tar }'
recipe in
recipe ../outside scratch --allow path=../outside
