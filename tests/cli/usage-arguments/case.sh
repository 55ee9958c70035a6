ggbuild build || echo "exit $?"
ggbuild build a.recipe b.recipe || echo "exit $?"
