# Damage is found, named and put aside.
cat >made.recipe <<'END'
recipe: 1
name: made
stages: { one: { from: scratch, steps: [ { make: [ { file: /file, content: "0123456789" } ] } ] } }
END
ggbuild made.recipe --progress none
ggbuild store verify
ggbuild store verify --json
file=$(find "$XDG_CACHE_HOME/ggbuild/trees" -name file)
chmod u+w "$file"
echo 0123456780 | head -c 10 >"$file"
ggbuild store verify --json || echo "exit $?"
ggbuild store verify
ggbuild made.recipe --progress plain 2>&1 | tail -n 1
ggbuild store verify
