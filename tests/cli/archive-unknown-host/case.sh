# This host's apt has no archive of that distribution: what to pass.
cat >a.recipe <<'END'
recipe: 1
name: a
stages:
  base:
    from: { ubuntu: noble, packages: [bash] }
image: { from: base }
END
! grep -rqs ubuntu /etc/apt/sources.list /etc/apt/sources.list.d || exit 77
ggbuild a.recipe --progress none
