. "$TESTS/tools/cases.sh"
small_recipe
ggbuild explain small.recipe compil || echo "exit $?"
ggbuild explain small.recipe zzzzzzzzzzzz || echo "exit $?"
ggbuild explain small.recipe a b || echo "exit $?"
