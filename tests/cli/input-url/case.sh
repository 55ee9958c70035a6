# An input by URL: fetched once, checked by its sha256, and what its server may do wrong.
. "$TESTS/debian/archive.sh"
archive --shell
echo "some data" >../archive/archive/data
sha=$(sha256sum ../archive/archive/data | cut -d' ' -f1)
cat >a.recipe <<END
recipe: 1
name: a
inputs:
  data: { url: "$url/data", sha256: $sha }
stages:
  base:
    from: { debian: trixie, packages: [shell], essential: false, scripts: false, keyring: keyring.gpg }
    steps:
      - { run: cat /data >&2, inputs: { data: /data } }
image: { from: base }
END
lock >/dev/null
say "nothing of it is in the lock but its size and digest"
sed -n '/"urls"/,$p' a.lock
build --progress plain 2>&1 | grep "some data"
say "and with a full store nothing is asked for"
: >../server/requests
build --offline --locked -o oci:out >/dev/null
cat ../server/requests
rm a.lock
for how in 404 truncate flip extend; do
	say "$how"
	rm -rf ../cache/ggbuild
	wrong data "$how"
	lock
done
for how in redirect drop cut "once 503"; do
	say "$how"
	rm -rf ../cache/ggbuild a.lock
	wrong data "$how"
	lock
done
say "another digest"
rm a.lock
sed -i "s/sha256: ...../sha256: 00000/" a.recipe
lock
say "offline"
rm -rf ../cache/ggbuild
lock --offline
