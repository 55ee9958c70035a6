# Packages against a policy: where they come from, who signs them, which they are, what licences they have.
. "$TESTS/debian/archive.sh"
cat >mit <<'E'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: Expat
 the text

Files: debian/*
Copyright: somebody
License: GPL-3+ or Expat
E
cat >gpl <<'E'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+ with Font exception, and Expat

License: GPL-1
 a text that no file has
E
echo "This is free software." >prose
archive --copyright app=mit --copyright lib=gpl --copyright old=prose --copyright data=-lib \
	"app 1 Depends: lib, old" "lib 1" "old 1" "data 1 Depends: lib" "bare 1"
recipe "app, data, bare"
against() { # the policy's lines are standard input
	{ echo policy: 1; cat; } >ci.yaml
	: >../server/requests
	build --policy ci.yaml -o oci:out >/dev/null
	[ -s ../server/requests ] || echo "nothing was asked for" >&2
	rm -rf out
}
say "known from recipe and command line: nothing is asked"
against <<'E'
mirrors: ["https://deb.example.org", "http://127.0.0.1"]
keyrings: [host]
locked: true
E
say "known from the lock: it is not written, and no package comes"
against <<'E'
packages: { deny: ["l?b", data] }
E
! grep pool/ ../server/requests
[ ! -e a.lock ]
say "known from the packages"
against <<'E'
licenses: { allow: [expat] }
E
against <<'E'
licenses: { allow: [EXPAT], deny: [GPL-2+], unknown: allow, known: { old: "GPL-2+ or Expat", "b*": AGPL-3 } }
E
say "allowed"
sha=$(sha256sum <keyring.gpg | cut -c 1-64)
against <<E
mirrors: ["$url/"]
keyrings: [host, sha256:$sha]
packages: { allow: [app, lib, old, data, bare] }
licenses: { allow: [Expat, "GPL-2+*"], unknown: allow }
scripts: false
E
build --policy ci.yaml --offline --locked -o oci:out >/dev/null
