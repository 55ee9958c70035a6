# A place on a file system that is mounted read-only, as even root cannot write there.
unshare -m true 2>/dev/null || exit 77
cat >some.recipe <<'END'
recipe: 1
name: some
stages: { one: { from: scratch } }
image:
  from: one
  layers:
    - name: file
      make: [ { file: /file, content: "some content\n" } ]
END
mkdir closed
unshare -m sh -eu -c '
	mount -t tmpfs -o ro none closed
	for output in oci:closed/out oci:closed oci-archive:closed/out.tar; do
		ggbuild some.recipe --progress none -o oci:first -o "$output" || echo "$?"
	done'
find . | sort
