# Two outputs in one place, however it is written.
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
mkdir dir
ln -s dir link
status=0
ggbuild some.recipe -o oci:out -o oci:./out/ || echo $?
ggbuild some.recipe -o oci:out:a -o oci:out || echo $?
ggbuild some.recipe -o oci:dir:a -o oci:link:a || echo $?
ggbuild some.recipe -o oci-archive:dir/a -o oci-archive:link/a:v1 || echo $?
ggbuild some.recipe -o oci-archive:out -o "oci:$PWD/out" || echo $?
find . | sort
