ggbuild --help
ggbuild | cmp - /dev/stdin <<END
$(ggbuild --help)
END
# Help wins over mistakes in the line.
ggbuild init --nonsense --help
