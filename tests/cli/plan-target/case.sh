. "$TESTS/tools/cases.sh"
small_recipe
ggbuild plan small.recipe --target other
ggbuild plan small.recipe --target othr || echo "exit $?"
