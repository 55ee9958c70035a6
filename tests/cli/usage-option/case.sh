ggbuild build x.recipe --lokced
