# What recipe, command line and image have against a policy: all violations at once, by the recipe's lines.
. "$TESTS/tools/cases.sh"
export PASSED=a-secret-value
"$TESTS/tools/busybox_rootfs" rootfs.tar
cat >a.recipe <<'E'
recipe: 1
name: a
secrets: [ { id: token, env: TOKEN } ]
stages:
  base:
    from: { rootfs: rootfs.tar }
    steps:
      - { fetch: things, run: "mkdir /out; echo x >/out/x", output: /out }
      - { network: true, run: "true" }
      - { run: "true", cache: [/cache] }
      - { run: "true", secrets: [token] }
      - make:
          - { file: /bin/tool, content: x, mode: "4755" }
          - { file: /bin/mail, content: x, mode: "2755" }
image:
  from: base
  layers:
    - { name: sudo, make: [ { file: /bin/sudo, content: x, mode: "6711" } ] }
    - { name: copied, copy: [ { from: base, path: /bin/tool, to: /opt/ } ] }
E
none() { # a policy whose lines are standard input, against a.recipe: nothing is to be made
	{ echo policy: 1; cat; } >ci.yaml
	try a.recipe --policy ci.yaml --progress none --secret id=token,env=PASSED --allow network -o oci:out "$@"
	[ ! -e out ] || echo "there is an output"
}
none <<'E'
hermetic: true
network: false
caches: false
secrets: false
root: false
fetches: []
fetch-network: isolated
E
none <<'E'
locked: true
E
# Nothing was resolved, fetched or run for these.
[ ! -e a.lock ] || echo "there is a lock"
[ ! -d "$XDG_CACHE_HOME/ggbuild/logs" ] || ls "$XDG_CACHE_HOME/ggbuild/logs"
none <<'E'
setuid: [/bin/mail]
max-size: 1MiB
E
# What is allowed is no violation, and what is not said is allowed.
none <<'E'
hermetic: false
network: true
caches: true
secrets: true
root: true
scripts: false
locked: false
fetches: ["th*"]
fetch-network: any
setuid: ["/bin/*", /opt/tool]
max-size: 1GiB
packages: { deny: ["*"] }
licenses: { deny: ["*"] }
mirrors: []
keyrings: []
images: []
E
rm -r out
none --relock <<'E'
locked: true
E
try lock a.recipe --policy ci.yaml --progress none --secret id=token,env=PASSED --allow network
none <<'E'
locked: true
E
rm -r out
# The user's configuration may name one.
mkdir ../config/ggbuild
printf 'policy: 1\nnetwork: false\n' >always.yaml
echo "policy: $PWD/always.yaml" >../config/ggbuild/config.yaml
try a.recipe --progress none --allow network
try fetch a.recipe --progress none --offline
