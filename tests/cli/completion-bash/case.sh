# The script is run by a real bash as the line editor would.
ggbuild completion bash >ggbuild.bash
touch one.recipe
cat >ask.bash <<'END'
. ./ggbuild.bash
ask() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_ggbuild
	echo "$*: ${COMPREPLY[*]}"
}
ask ggbuild lo
ask ggbuild on
ask ggbuild build --progress ''
ask ggbuild build --progress = pl
ask ggbuild build --progress =
ask ggbuild build --loc
ask ggbuild store ''
ask ggbuild completion f
ask ggbuild build on
ask ggbuild ex
ask ggbuild plan --
ask ggbuild plan --j
ask ggbuild explain on
ask ggbuild fetch --ta
ask ggbuild init on
ask ggbuild store ls --
END
bash --norc --noprofile ask.bash
