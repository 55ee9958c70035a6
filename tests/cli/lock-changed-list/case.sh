# A changed package list is resolved against the release that the lock has, the newest one, while the store has its
# indexes; else against today's.
. "$TESTS/debian/archive.sh"
archive "hello 1" "other 1" "third 1"
cat >a.recipe <<'END'
recipe: 1
name: a
stages:
  one:
    from: { debian: trixie, packages: [hello], essential: false, scripts: false, keyring: keyring.gpg }
  two:
    from: { debian: trixie, packages: [other], essential: false, scripts: false, keyring: keyring.gpg }
image: { from: two }
END
lock
archive --date 2024-02-01 "hello 2" "other 2" "third 2"
lock --update one
archive --date 2024-03-01 "hello 3" "other 3" "third 3"
sed -i 's/\[other\]/[other, third]/' a.recipe
say "without a connection, from the release of February"
lock --diff --offline
say "the store has no index any more: from that of March"
blobs=../cache/ggbuild/blobs/sha256
for blob in $(find $blobs -type f); do
	case $(xz -dc "$blob" 2>/dev/null | head -n 1) in Package:*) rm "$blob" ;; esac
done
lock --diff --offline
lock --diff
