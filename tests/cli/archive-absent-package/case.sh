# A package that no suite has: the nearest names, at the word in the recipe.
. "$TESTS/debian/archive.sh"
archive "hello 1.0" "hello-doc 1.0" "help2man 2"
recipe "hello-doc, helo"
build
