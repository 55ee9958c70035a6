# Stores that cannot be: the words and the status of a build, and doctor goes on with the rest.
. "$TESTS/tools/cases.sh"
mkdir theirs used
touch used/mine file
printf 'ggbuild-store 99\n' >used/format
chown 1000:1000 theirs
try doctor --store theirs >theirs.text
try doctor --store used >used.text
try doctor --store file >file.text
try doctor --store file/below >below.text
try doctor --store /proc/below >proc.text
grep -h -A 3 'missing  place' ./*.text
grep -c 'not tried, for there is no store' ./*.text
ggbuild doctor --store theirs --json 2>/dev/null | grep '"works"'
