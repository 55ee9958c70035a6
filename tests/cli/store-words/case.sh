ggbuild store || echo "exit $?"
ggbuild store list || echo "exit $?"
ggbuild store ls gc || echo "exit $?"
ggbuild store ls --store /proc/nothing || echo "exit $?"
mkdir mine
touch mine/file
ggbuild store gc --store mine || echo "exit $?"
ls mine
