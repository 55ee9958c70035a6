ggbuild build absent.recipe
