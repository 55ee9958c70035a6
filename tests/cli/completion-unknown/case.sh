ggbuild completion csh
