#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest-timeout: 300
# One digest for everybody: as root, as a user with subordinate ids, with a single id, as root of a user's own user
# namespace, and, for what runs nothing, without user namespaces and in containers with podman's default profile. Packages' scripts that chown, steps of root and of another user, set-id bits, closed files and
# directories, a local input, libraries, tests as the image's user.
#   test_rootless.sh GGBUILD
set -eu
ggbuild=$(readlink -f "$1")
[ "$(id -u)" = 0 ] || exit 77
here=$(cd "$(dirname "$0")" && pwd)
TESTS=${here%/*}
as_user=$TESTS/tools/as_user
work=$(mktemp -d "${TMPDIR:-/tmp}/gg-rootless.XXXXXX")
chmod 755 "$work"
mkdir "$work/here"
cd "$work/here"
# shellcheck disable=SC1091
. "$TESTS/http/serve.sh"
# shellcheck source=tests/e2e/engines.sh
. "$here/engines.sh"
fail() {
	echo "test_rootless.sh: $*" >&2
	[ ! -e "$work/log" ] || sed 's/^/  log: /' "$work/log" >&2
	exit 1
}

cat >postinst <<'END'
#!/bin/sh
set -e
echo 'user:x:1234:1235::/home/user:/bin/sh' >>/etc/passwd
echo 'user:x:1235:' >>/etc/group
mkdir -p /var/lib/accounts/deep /home/user
ln -s nowhere /var/lib/accounts/link
echo secret >/var/lib/accounts/secret
ln /var/lib/accounts/secret /var/lib/accounts/deep/same
mkfifo /var/lib/accounts/fifo
chown 42:43 /usr/share/accounts/version
chown -R user:user /home/user
chown -R 65534:65533 /var/lib/accounts
chown -h 7:8 /var/lib/accounts/link
chmod 6755 /var/lib/accounts/deep/same
chmod 2750 /var/lib/accounts/deep
chmod 0000 /usr/share/accounts/version
[ "$(stat -c %u:%g:%a /var/lib/accounts/secret)" = 65534:65533:6755 ]
END
"$TESTS/debian/make_archive.py" --dir "$work/archive" --dpkg --postinst accounts=postinst "accounts 1 Depends: dpkg"
url='' server=''
serve "$work/archive/archive"
trap 'kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
cp "$work/archive/keyring.gpg" .
"$TESTS/tools/busybox_rootfs" plain.tar
mkdir -p src odd/closed/below odd/etc
echo input >src/file
echo closed >odd/closed/below/none
echo exec >odd/closed/below/exec
echo shared >odd/closed/shared
ln odd/closed/shared odd/etc/shared
ln -s shared odd/etc/link
chown -R 3:4 odd/etc
chown 54321:54322 odd/closed/shared
chown -h 9:10 odd/etc/link
chmod 0000 odd/closed/below/none
chmod 0111 odd/closed/below/exec
chmod 4750 odd/closed/shared
chmod 0300 odd/closed/below
chmod 0555 odd/closed
chmod 0011 odd
tar -C odd --numeric-owner --sort=name --mtime=@0 -cf odd.tar .

# Everything that runs nothing.
cat >still.recipe <<'END'
recipe: 1
name: still
inputs: { src: { local: src } }
stages:
  base: { from: { debian: trixie, packages: [accounts], essential: false, scripts: false, keyring: keyring.gpg } }
  odd:
    from: { rootfs: odd.tar }
    steps:
      - make:
          - { directory: /closed/more, mode: "0500" }
          - { file: /closed/more/none, content: "x", mode: "0000" }
          - { symlink: /closed/below/new, target: none }
      - copy: [ { from: src, path: /file, to: /closed/below/file, mode: "0400" } ]
image:
  from: base
  user: { name: app, uid: 54321, gid: 54322, home: /home/app }
  layers:
    - { name: odd, copy: [ { from: odd, path: /, to: /odd } ] }
    - { name: program, copy: [ { from: base, path: /bin/dpkg, to: /opt/dpkg, libraries: true } ] }
    - name: home
      make: [ { directory: /home/app, owner: app, mode: "0700" }, { file: /home/app/key, owner: app, content: k, mode: "0000" } ]
  entrypoint: [/opt/dpkg]
END
# The same from archives alone, for machines without anything.
cat >bare.recipe <<'END'
recipe: 1
name: bare
inputs: { src: { local: src } }
stages:
  odd:
    from: { rootfs: odd.tar }
    steps:
      - make: [ { directory: /closed/more, mode: "0500" }, { file: /closed/more/none, content: "x", mode: "0000" } ]
      - copy: [ { from: src, path: /, to: /closed/src } ]
  plain: { from: { rootfs: plain.tar } }
image:
  from: plain
  user: { name: app, uid: 54321, gid: 54322, home: /home/app }
  layers:
    - { name: odd, copy: [ { from: odd, path: /, to: /odd } ] }
    - { name: home, make: [ { directory: /home/app, owner: app, mode: "0700" } ] }
END
# Everything that runs something.
cat >all.recipe <<'END'
recipe: 1
name: all
inputs: { src: { local: src } }
stages:
  base:
    from: { debian: trixie, packages: [accounts], essential: false, keyring: keyring.gpg }
    steps:
      - name: root
        run: |
          test "$(stat -c %u:%g /home/user)" = 1234:1235
          test "$(stat -c %u:%g /var/lib/accounts/link)" = 7:8
          mkdir -p /srv/group /srv/closed
          chown root:1235 /srv/group
          chmod 2775 /srv/group
          touch /srv/group/inherits
          cp /bin/busybox /srv/su
          chown 11:12 /srv/su
          chmod 6711 /srv/su
          cat /src/file >/srv/closed/file
          chmod 0000 /srv/closed/file
          chmod 0500 /srv/closed
          rm /var/lib/accounts/deep/same
          chown 1234 /var/lib/accounts/deep
        inputs: { src: /src }
      - name: user
        user: user
        cache: [/cache]
        run: |
          test "$(id -u):$(id -g)" = 1234:1235
          echo mine >/home/user/mine
          echo cached >/cache/file
          stat -c %u:%g /cache /cache/file >/home/user/cache
          mkdir /home/user/dir
          ln -s mine /home/user/link
          test "$(stat -c %u:%g /home/user/mine)" = 1234:1235
      - run: test "$(stat -c %u:%g /home/user/mine /home/user/dir | sort -u)" = 1234:1235
  plain: { from: { rootfs: plain.tar } }
image:
  from: base
  user: { name: app, uid: 1000, gid: 1000, home: /home/app }
  layers:
    - { name: plain, copy: [ { from: plain, path: /etc, to: /plain/etc } ] }
    - { name: home, make: [ { directory: /home/app, owner: app, mode: "0700" } ] }
  workdir: /home/app
tests:
  - { name: user, run: "test \"$(id -u):$(id -g):$(pwd)\" = 1000:1000:/home/app; : >file; stat -c %u:%g:%a . file /srv/su",
      expect: { stdout-line: "^11:12:6711$" } }
END

# build MODE RECIPE [OPTION]...: the digest.
build() {
	mode=$1 recipe=$2
	shift 2
	status=0
	if [ "$mode" = root ]; then
		"$ggbuild" "$recipe" --mirror "debian=$url" --store "$work/root/store" -o "oci:$work/root/out" \
			--progress plain "$@" 2>"$work/log" || status=$?
	else
		"$as_user" "$mode" "$ggbuild" "$recipe" --locked --mirror "debian=$url" --store "$work/$mode/store" \
			-o "oci:$work/$mode/out" --progress plain "$@" 2>"$work/log" || status=$?
	fi
}
mkdir "$work/root"
for mode in subuid single none; do
	mkdir -m 700 "$work/$mode"
	chown 54321:54322 "$work/$mode"
done
for recipe in bare still all; do
	want=$(build root $recipe.recipe; [ $status = 0 ]) || fail "$recipe as root"
	[ "${want#sha256:}" != "$want" ] || fail "no digest of $recipe"
	case $recipe in
	bare) bare=$want ;;
	still) still=$want ;;
	all) all=$want ;;
	esac
	for mode in subuid single none; do
		[ $recipe$mode != allnone ] || continue
		got=$(build $mode $recipe.recipe; [ $status = 0 ]) || fail "$recipe with $mode"
		[ "$got" = "$want" ] || fail "$recipe gives $got with $mode, $want as root"
		got=$(build $mode $recipe.recipe --offline; [ $status = 0 ]) || fail "$recipe with $mode from the store"
		[ "$got" = "$want" ] || fail "$recipe gives $got with $mode from the store, $want as root"
		grep -q '^0 actions run' "$work/log" || fail "$recipe with $mode ran something again"
	done
done

# Without user namespaces nothing is begun that could not be ended.
build none all.recipe
[ $status = 1 ] || fail "exit status $status without user namespaces"
grep -q '^all.recipe:6:11: error: base: a sandbox is needed, and there are no user namespaces: ' "$work/log" ||
	fail "where and why is not told"
grep -q '^  help: .*user.max_user_namespaces' "$work/log" || fail "no remedy is told"
! grep -q started "$work/log" || fail "something ran"

# Root of a user's own namespace has ids, too; where the shifted range is missing, those it holds.
for map in "-r --map-auto" -r; do
	mode=subuid
	[ "$map" != -r ] || mode=single
	# shellcheck disable=SC2086 # a list of words
	got=$("$as_user" $mode unshare $map "$ggbuild" all.recipe --locked --mirror "debian=$url" --store "$work/$mode/nested" \
		-o "oci:$work/$mode/out" --progress plain 2>"$work/log") || fail "as root by unshare $map"
	[ "$got" = "$all" ] || fail "as root by unshare $map it gives $got, $all as root"
	# shellcheck disable=SC2086
	"$as_user" $mode unshare $map "$ggbuild" store gc --all --store "$work/$mode/nested" >"$work/log" 2>&1 || fail "gc by unshare $map"
done

# In containers: nothing of the machine but the program, its libraries and the recipe.
root=$work/container
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/etc" "$root/here"
cp "$ggbuild" "$root/ggbuild"
ldd "$ggbuild" | grep -o '/[^ ]*' | while read -r library; do
	mkdir -p "$root/${library%/*}"
	cp -L "$library" "$root/$library"
done
cp -r bare.recipe bare.lock all.recipe all.lock plain.tar odd.tar src keyring.gpg "$root/here"
# contained RECIPE [OPTION]...: under podman's default profile but for the options.
contained() {
	recipe=$1
	shift
	rm -rf "$root/tmp"
	mkdir -m 1777 "$root/tmp"
	status=0
	podman_here run --rm --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none --env HOME=/tmp "$@" --rootfs "$root" \
		/ggbuild "/here/$recipe" --locked --offline --store /tmp/store -o oci:/tmp/out --progress plain 2>"$work/log" || status=$?
}
for options in "--cap-drop all --user 54321:54322" "--cap-drop all" --init=false; do
	# shellcheck disable=SC2086
	got=$(contained bare.recipe $options; [ $status = 0 ]) || fail "in a container with $options"
	[ "$got" = "$bare" ] || fail "in a container with $options it gives $got, $bare as root"
	# shellcheck disable=SC2086
	contained all.recipe $options
	[ $status = 1 ] || fail "exit status $status for steps in a container with $options"
	grep -q '^/here/all.recipe:6:11: error: base: a sandbox is needed, and ' "$work/log" || fail "what $options lacks is not told"
	grep -q '^  help: .* container' "$work/log" || fail "no remedy for $options"
done

# Another mapping of ids in the same store: its trees are made anew, beside the others.
for userns in single none subuid; do
	got=$(build subuid still.recipe --offline --no-cache --userns $userns; [ $status = 0 ]) ||
		fail "the store of subuid with $userns"
	[ "$got" = "$still" ] || fail "the store of subuid gives $got with $userns, $still as root"
done
[ -n "$(find "$work/subuid/store/trees-own" -mindepth 1)" ] || fail "two mappings share their trees"

# What a build that was killed leaves, the next one removes, whoever owns it.
cat >killed.recipe <<'END'
recipe: 1
name: killed
args: { WAIT: "0" }
stages:
  base:
    from: { rootfs: plain.tar }
    steps:
      - run: |
          mkdir -p /d/e
          echo x >/d/e/f
          chown -R 5:6 /d
          chmod 0500 /d/e /d
          echo ready
          sleep "$WAIT"
image: { from: base }
END
build root killed.recipe >/dev/null
for mode in subuid single; do
	tmp=$work/$mode/store/tmp
	: >"$work/log"
	"$as_user" $mode "$ggbuild" killed.recipe --locked --arg WAIT=60 --store "$work/$mode/store" --progress plain \
		>"$work/log" 2>&1 &
	killed=$!
	until grep -q ' ready$' "$work/log"; do
		kill -0 $killed || fail "the build that was to be killed, with $mode"
		sleep 0.1
	done
	kill -9 "$(pgrep -P $killed)"
	wait $killed || :
	[ -n "$(ls "$tmp")" ] || fail "a build that was killed with $mode left nothing"
	build $mode killed.recipe >/dev/null
	[ $status = 0 ] || fail "after a build that was killed, with $mode"
	[ -z "$(ls "$tmp")" ] || fail "what a build that was killed left is there after the next, with $mode: $(ls -R "$tmp")"
done

# What subordinate ids own is removed from within.
for mode in subuid single none; do
	"$as_user" $mode "$ggbuild" store verify --store "$work/$mode/store" >"$work/log" 2>&1 || fail "verify with $mode"
	"$as_user" $mode "$ggbuild" store gc --all --store "$work/$mode/store" >"$work/log" 2>&1 || fail "gc with $mode"
	[ -z "$(find "$work/$mode"/store/trees* "$work/$mode/store/tmp" -mindepth 1)" ] || fail "gc with $mode left something"
done
