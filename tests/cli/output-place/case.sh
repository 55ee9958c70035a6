# What cannot be written is told before any work, and the outputs before it do not appear.
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
mkdir full wrong damaged
touch file full/file
ln -s nowhere dangling
echo '{"imageLayoutVersion":"2.0.0"}' >wrong/oci-layout
echo '{"imageLayoutVersion":"1.0.0"}' >damaged/oci-layout
echo '{"manifests":' >damaged/index.json
for output in oci:no/such/out oci-archive:no/such/out.tar oci:full oci:file oci:dangling oci:file/out oci:wrong oci:damaged \
	oci-archive:full oci-archive:dangling oci-archive:full/ oci-archive:/dev/null; do
	status=0
	ggbuild some.recipe --progress none -o oci:first -o "$output" || status=$?
	echo "$status"
done
find . | sort
