# A full disk: exit status 1, nothing left behind, and what was there is as it was.
unshare -m true 2>/dev/null || exit 77
cat >some.recipe <<'REC'
recipe: 1
name: some
inputs: { noise: { local: noise } }
stages: { one: { from: scratch } }
image:
  from: one
  layers:
    - name: noise
      copy: [ { from: noise, path: /, to: /noise } ]
REC
mkdir noise small
head -c 2000000 /dev/urandom >noise/noise
unshare -m sh -eu -c '
	mount -t tmpfs -o size=1M none small
	mkdir small/empty
	for output in oci:small/out oci:small/empty oci-archive:small/out.tar; do
		ggbuild some.recipe --progress none -o "$output" || echo "$?"
	done
	find small | sort
	echo a little >noise/noise
	ggbuild some.recipe --progress none -o oci:small/out:a -o oci-archive:small/out.tar
	cp -a small before
	head -c 2000000 /dev/urandom >noise/noise
	for output in oci:small/out oci:small/out:a oci:small/out:b oci-archive:small/out.tar; do
		ggbuild some.recipe --progress none -o "$output" || echo "$?"
	done
	diff -r before small'
