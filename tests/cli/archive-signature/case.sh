# Releases that gpgv does not vouch for, and keyrings that are none.
. "$TESTS/debian/archive.sh"
recipe hello
archive --tampered "hello 1.0"
build
archive --half "hello 1.0"
build
archive --stranger "hello 1.0"
build
archive "hello 1.0"
rm keyring.gpg
build
echo "no key" >keyring.gpg
build
echo "A page that asks for a password." >../archive/archive/dists/trixie/InRelease
build
