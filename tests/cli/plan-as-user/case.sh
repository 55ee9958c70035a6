# Looking needs no rights: no user namespace, no store that could be written.
. "$TESTS/tools/cases.sh"
small_recipe
chmod 711 "$PWD/.."
cp "$(command -v ggbuild)" program
as_nobody() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"
	else
		"$@"
	fi
}
as_nobody ./program plan small.recipe | tail -n 1
as_nobody ./program explain small.recipe builder
ggbuild small.recipe --progress none
# Somebody else's store is not looked into.
chmod 755 "$XDG_CACHE_HOME"
[ "$(id -u)" != 0 ] || as_nobody ./program plan small.recipe 2>&1 | head -n 1
