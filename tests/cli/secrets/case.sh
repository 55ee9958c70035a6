# Secrets reach the steps that ask and nothing else: no layer, no key, no log, no lock, no output, whatever a step prints.
. "$TESTS/tools/cases.sh"
cat >head <<'E'
recipe: 1
name: secrets
secrets:
  - { id: token, env: TOKEN }
  - { id: key }
  - { id: netrc, file: /root/.netrc }
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
E
recipe() { # NAME: its step on standard input
	[ -e rootfs.tar ] || "$TESTS/tools/busybox_rootfs" rootfs.tar
	{
		cat head
		sed 's/^/      /'
		echo 'image: { from: base }'
	} >"$1.recipe"
}
export PASSED=tok-5up3r-value
printf -- '-----BEGIN KEY-----\nk3y-line-one\nk3y-line-two\n-----END KEY-----\n' >key.txt
printf 'password n3tr0-value' >netrc.txt
all="--secret id=token,env=PASSED --secret id=key,src=key.txt --secret source=netrc.txt,id=netrc"
recipe all <<'E'
- secrets: [token, key, netrc]
  run: |
    echo "token: $TOKEN"
    printf '%s' "in pieces: ${TOKEN%r-value}"; sleep 0.1; echo r-value
    sed 's/^/  /' /run/secrets/key
    cat /run/secrets/key /root/.netrc
    echo
    ls -l /run/secrets/key /root/.netrc | cut -c1-10
    printf '%s' "$TOKEN" | wc -c >/length
E
# shellcheck disable=SC2086 # a list of options
try all.recipe $all --progress none -o oci:out
cat "$XDG_CACHE_HOME"/ggbuild/logs/*
"$TESTS/tools/layer_list" out length
# shellcheck disable=SC2086
try all.recipe $all --progress none --no-cache -o oci:out
sed 's/wc -c.*/wc -c; false/' all.recipe >fails.recipe
# shellcheck disable=SC2086
try fails.recipe $all --progress plain
for value in tok-5up3r-value 5up3r k3y-line n3tr0; do
	if grep -rqa "$value" "$XDG_CACHE_HOME" out ./*.lock; then echo "'$value' was kept"; fi
done
# The other half of the promise: a step that writes one down fails.
recipe keeps <<'E'
- { run: 'mkdir -p /root; echo "x=$TOKEN;" >/root/.config', secrets: [token] }
E
try keeps.recipe --secret id=token,env=PASSED --progress none -o oci:none
recipe names <<'E'
- { run: ': >"/$TOKEN"', secrets: [token] }
E
try names.recipe --secret id=token,env=PASSED --progress none -o oci:none
if grep -rqa tok-5up3r-value "$XDG_CACHE_HOME"; then echo "the failed step's value was kept"; fi
# Passed, or not passed.
recipe needs <<'E'
- { run: "true", secrets: [token] }
E
: >empty.txt
printf 'a\000b' >nul.txt
for option in '' id=tokn,env=PASSED id=other,env=PASSED id=token,env=UNSET id=token,src=gone.txt id=token,src=. \
	id=token,src=empty.txt id=token,src=nul.txt id=token,src=/dev/zero id=token env=PASSED token id=token,value=tok-5up3r-value \
	id=token,env=PASSED,src=key.txt id=token,env=; do
	try needs.recipe --progress none ${option:+--secret "$option"}
done
try needs.recipe --progress none --secret id=token,env=PASSED --secret id=token,src=key.txt
printf 'tok-5up3r-value' >pipe.txt
mkfifo pipe
cat pipe.txt >pipe &
try needs.recipe --progress none --secret id=token,src=pipe
# One that is passed and not asked for does no harm; one that no recipe declares is a mistake.
try needs.recipe --progress none --secret id=token,env=PASSED --secret id=key,src=key.txt
stage </dev/null >none.recipe
sed -i '/steps:/d' none.recipe
try none.recipe --progress none --secret id=token,env=PASSED
