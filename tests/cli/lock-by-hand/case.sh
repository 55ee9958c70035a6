# A lock that somebody has edited: where, and what to do about it.
. "$TESTS/debian/archive.sh"
archive "hello 1.0"
recipe hello
lock
cp a.lock good
edit() {
	sed "$1" good >a.lock
	! cmp -s good a.lock
	build --locked
}
edit '$d'
edit 's/"epoch"/"epoc"/'
edit 's/"sha256": "./"sha256": "X/'
edit 's/"sha256": "/&0/'
edit 's/"version": "1.0"/"version": 1/'
edit 's/^    /	/'
edit 's,"path": "pool,"path": "/pool,'
edit 's,"hello",&,; s/"path": "[^"]*"/"path": "http:\/\/h\/x.deb"/'
edit 's/"lock": 1/"lock": 2/'
# A digest that is one, and not this package's.
sed '/"packages"/,$s/\("sha256": "\)[0-9a-f]\{8\}/\100000000/' good >a.lock
build --locked
