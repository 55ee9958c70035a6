ggbuild biuld x.recipe
