# Which line changed since the last build, and what follows from it.
. "$TESTS/tools/cases.sh"
small_recipe
echo '== nothing was built'
ggbuild explain small.recipe
ggbuild small.recipe --progress none
echo '== built'
ggbuild explain small.recipe
ggbuild explain small.recipe compile
ggbuild explain small.recipe numbers
cp small.recipe first.recipe
cp small.lock first.lock
echo '== a line of a command'
sed -i 's/echo one/echo other/' small.recipe
ggbuild explain small.recipe
echo '== and an input'
echo changed >src/file
ggbuild explain small.recipe
ggbuild explain small.recipe builder/compile
ggbuild small.recipe --progress none
echo '== back again: cached, but not as in the last build'
echo source >src/file
ggbuild explain first.recipe
ggbuild explain first.recipe builder/3
ggbuild first.recipe --progress none
ggbuild explain first.recipe builder/3
echo '== lost'
mv "$XDG_CACHE_HOME/ggbuild/trees" trees
ggbuild explain first.recipe 'layer busybox'
ggbuild explain first.recipe --target builder
mkdir -p "$XDG_CACHE_HOME/ggbuild/trees"
mv trees/* "$XDG_CACHE_HOME/ggbuild/trees"
echo '== a step more'
sed -i 's/      - make:.*/&\n      - make: [ { directory: \/more } ]/' first.recipe
ggbuild explain first.recipe
