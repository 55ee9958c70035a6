cat >scratch.recipe <<'END'
recipe: 1
name: scratch
stages: { one: { from: scratch } }
image: { from: one }
END
ggbuild scratch.recipe -o ico:out
