. "$TESTS/tools/cases.sh"
small_recipe
ggbuild small.recipe --progress none
sed -i 's/echo one/echo other/' small.recipe
ggbuild explain small.recipe --json
ggbuild explain small.recipe numbers --json
