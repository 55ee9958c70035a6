ggbuild --help
ggbuild >bare
ggbuild --help | cmp - bare
# Help wins over mistakes in the line.
ggbuild init --nonsense --help
