# The starter is written under the name that is asked for, and what is written is a recipe.
ggbuild init
ggbuild init one/two.recipe || echo "exit $?"
mkdir one
ggbuild init one/two.recipe
ggbuild init three
ggbuild init 'Not a Name.recipe'
grep '^name:' hello.recipe one/two.recipe three Not*
ggbuild init - | cmp - hello.recipe
for recipe in hello.recipe one/two.recipe three Not*; do
	ggbuild build "$recipe" --locked 2>&1 | head -n 1
done
