# All mistakes at once, each with its line, a caret and what to do.
cat >bad.recipe <<'END'
recipe: 1
name: bad
stagse: {}
stages:
  one:
    from: { debian: trixie, pakages: [bash] }
    steps:
      - run: [true, 7]
image:
  from: none
END
ggbuild bad.recipe
