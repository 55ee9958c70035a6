# A name that is not there: the one that may be meant, or how to begin.
touch present.recipe
for recipe in nothing.recipe presnt.recipe ./present; do
	ggbuild build $recipe || echo "exit $?"
done
