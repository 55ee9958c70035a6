# Several outputs of one build: the same image, printed once.
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
ggbuild some.recipe --progress none -o oci:out -o oci:named:a -o oci:named:b/c:1@d -o oci-archive:some.tar -o oci-archive:./v1.tar:v1
for blob in out/blobs/sha256/*; do
	cmp "$blob" "named/${blob#out/}"
done
cat out/index.json named/index.json
tar -tvf some.tar
mkdir some v1
tar -xf some.tar -C some
tar -xf v1.tar -C v1
diff -r some out
diff -r v1 out || :
# Again, over what is there: the same bytes, another inode for the archive, the others of a layout stay.
cp some.tar before.tar
ggbuild some.recipe --progress none -o oci:out -o oci:named:a -o oci-archive:some.tar
cmp before.tar some.tar
diff -r some out
# Another image: without a reference nothing of the old one is left.
sed -i s/some/other/ some.recipe
mv some.lock other.lock
ggbuild some.recipe --progress none -o oci:out -o oci:named:a
ls out/blobs/sha256 | wc -l
ls named/blobs/sha256 | wc -l
cat named/index.json
