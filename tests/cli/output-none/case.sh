# Builds without an image to write say so.
cat >some.recipe <<'END'
recipe: 1
name: some
stages: { one: { from: scratch } }
image: { from: one }
END
grep -v ^image: some.recipe >stages.recipe
ggbuild some.recipe --progress plain
ggbuild some.recipe --progress plain --target one
ggbuild stages.recipe --progress plain
ggbuild some.recipe --target one -o oci:out || echo "exit $?"
ggbuild stages.recipe -o oci:out || echo "exit $?"
