# The user's configuration: all mistakes at once, for every command that reads it.
printf 'recipe: 1\nname: a\nstages: { base: { from: scratch } }\n' >a.recipe
mkdir ../config/ggbuild
cat >../config/ggbuild/config.yaml <<'END'
# mine
mirrors:
  debain: http://127.0.0.1/debian
  ubuntu: 127.0.0.1/ubuntu
fetch-env: { "tools:1X": y }
jobs: many
colour: true
END
for command in "store ls" "lock a.recipe" "fetch a.recipe" "plan a.recipe" a.recipe; do
	# shellcheck disable=SC2086 # two words
	ggbuild $command >out 2>err && exit 1
	cmp -s err first || cat err
	cp err first
done
ggbuild a.recipe --mirror debain=http://127.0.0.1/debian && exit 1
ggbuild a.recipe --mirror http://127.0.0.1/debian && exit 1
rm -r ../config/ggbuild
HOME=$PWD
unset XDG_CONFIG_HOME
mkdir -p .config/ggbuild
echo 'stoer: /x' >.config/ggbuild/config.yaml
ggbuild store ls
