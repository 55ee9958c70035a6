# More steps than an overlay mount takes layers: the stage is flattened for what runs on top; as an image's base it is
# refused.
mkdir -p root/bin
cp /bin/busybox root/bin/sh
tar -C root -cf root.tar .
{
	printf 'recipe: 1\nname: deep\nstages:\n  s:\n    from: { rootfs: root.tar }\n    steps:\n'
	for i in $(seq 130); do
		printf '      - make: [ { file: /d/%d, content: "%d\\n" }, { file: /last, content: "%d\\n" } ]\n' $((i % 100)) "$i" "$i"
	done
	printf '      - run: read last < /last; read first < /d/0; echo "$last $first" > /sum\n'
} >deep.recipe
cp deep.recipe base.recipe
printf 'image:\n  from: s\n' >>base.recipe
ggbuild base.recipe --progress none || echo "exit status $?"
printf 'image:\n  layers: [ { name: sum, copy: [ { from: s, path: /sum, to: /sum } ] } ]\n  compression: none\n' >>deep.recipe
ggbuild deep.recipe --progress none -o oci:out >/dev/null
for blob in out/blobs/sha256/*; do tar -xOf "$blob" sum 2>/dev/null || :; done
