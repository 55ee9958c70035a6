# Only the lock says what a plan is made of.
cat >packages.recipe <<'END'
recipe: 1
name: packages
stages: { one: { from: { debian: trixie, packages: [bash] } } }
END
cat >url.recipe <<'END'
recipe: 1
name: url
inputs: { data: { url: "https://example.org/data", sha256: "0000000000000000000000000000000000000000000000000000000000000001" } }
stages: { one: { from: scratch, steps: [ { copy: [ { from: data, path: /, to: /data } ] } ] } }
END
ggbuild plan packages.recipe || echo "exit $?"
ggbuild plan url.recipe || echo "exit $?"
ggbuild explain url.recipe || echo "exit $?"
ls
