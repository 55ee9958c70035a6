# The program that started a build is told which step failed, in a file or a pipe that it names.
. "$TESTS/tools/cases.sh"
stage >bad.recipe <<'END'
- fetch: numbers
  run: exit $CODE
  env: { CODE: "3", LINES: "one\ntwo" }
  output: /numbers
END
echo old >report
GGBUILD_REPORT=report ggbuild bad.recipe --progress none 2>/dev/null || echo "exit $?"
cat report
GGBUILD_REPORT=/dev/fd/3 ggbuild bad.recipe --progress none 2>/dev/null 3>&1 >/dev/null | cat
stage >good.recipe <<'END'
- run: echo fine
END
rm report
GGBUILD_REPORT=report ggbuild good.recipe --progress none
ls
