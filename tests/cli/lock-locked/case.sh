# --locked: a changed package list, no lock at all, another keyring: all leave the directory as it is.
. "$TESTS/debian/archive.sh"
archive "hello 1.0" "other 1"
recipe hello
build --locked
lock
recipe "hello, other"
cp a.lock before
build --locked
cmp before a.lock

recipe hello
cat keyring.gpg keyring.gpg >twice
mv twice keyring.gpg
build --locked
build
build --locked
