# What would run, what is there, what has to come from outside. Nothing is made by looking: no store, no lock.
. "$TESTS/tools/cases.sh"
small_recipe
ggbuild plan small.recipe
ls
ls "$XDG_CACHE_HOME"
ggbuild small.recipe --progress none
echo '== built'
ggbuild plan small.recipe
echo '== a step changed'
sed -i 's/echo one/echo other/' small.recipe
ggbuild plan small.recipe
echo '== the fetch changed'
sed -i 's/echo 1/echo 2/' small.recipe
ggbuild plan small.recipe
