# Errors and results, nothing else.
. "$TESTS/tools/cases.sh"
small_recipe
ggbuild small.recipe --progress none -o oci:out | cut -c 1-7
ggbuild small.recipe --progress none -o oci:out | cut -c 1-7
ggbuild lock small.recipe --progress none
ggbuild fetch small.recipe --progress none
sed -i 's/echo zero >/echo before; exit 3; &/' small.recipe
ggbuild small.recipe --progress none || echo "exit $?"
