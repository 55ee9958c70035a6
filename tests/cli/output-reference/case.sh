# References are checked before anything is made.
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
for output in oci: oci:out: oci-archive::v1 "oci:out:a b" oci:out:-a oci:out:a..b oci:out:a/ oci-archive:out:a---b oci:out:sha256:@1; do
	status=0
	ggbuild some.recipe -o "$output" || status=$?
	echo "$status"
done
ls
