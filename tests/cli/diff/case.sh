# Two images: what differs in config and layers, as a table and as JSON; the same image in other places is equal.
cat >one.recipe <<'EOF'
recipe: 1
name: one
stages: { one: { from: scratch } }
image:
  from: one
  env: { A: "1" }
  layers:
    - name: changed
      make:
        - { file: /etc/bytes, content: "some content\n" }
        - { file: /etc/mode, content: "x", mode: "0644" }
        - { file: /etc/owner, content: "x" }
        - { file: /gone, content: "x" }
        - { file: /type, content: "x" }
        - { symlink: /link, target: one }
    - name: same
      make: [ { file: /same, content: "the same\n" } ]
EOF
sed -e 's/name: one/name: two/; s/"1"/"2"/; s/some content/some Content/; s/0644/0600/; s/gone/came/; s/target: one/target: two/' \
	-e 's,/etc/owner\, content: "x",&\, owner: "7:8",; s,{ file: /type.*,{ directory: /type },' one.recipe >two.recipe
for name in one two; do
	ggbuild $name.recipe --progress none -o oci:$name:v1 -o oci-archive:$name.tar >/dev/null
done
ggbuild diff one oci-archive:one.tar
ggbuild diff oci:one:v1 one.tar --json
status=0
ggbuild diff one:v1 two.tar || status=$?
echo "exit $status"
ggbuild diff one two --json || status=$?
exit $status
