#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The launcher ./ggbuild in a tree of its own, where compiling and installing are told by stand-ins: when it builds, what
# it hands on, what it costs.
#   test_launcher.sh GGBUILD
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ggbuild-launcher.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test_launcher.sh: $*" >&2
	[ ! -e "$work/log" ] || cat "$work/log" >&2
	exit 1
}
export HOME="$work/home" XDG_CACHE_HOME="$work/cache"
unset RUSTUP_HOME
tree=$work/tree
mkdir -p "$tree/layers/base" "$tree/recipes" "$tree/builder" "$work/bin" "$work/home"
cp "$tests/../ggbuild" "$tree"
touch "$tree/CMakeLists.txt" "$tree/CMakePresets.json" "$tree/layers/base/fd.c" "$tree/builder/main.c"

# The program: says its arguments; "exit N" ends with N; "wait" waits for a signal and says which one came.
cat >"$work/program" <<'END'
#!/bin/sh
for argument; do printf '<%s>' "$argument"; done
echo
case ${1-} in
exit | build) exit "$2" ;;
wait | lock)
	trap 'echo TERM >>"$2"; exit 143' TERM
	echo ready >"$2"
	while :; do sleep 0.05; done
	;;
esac
cat
END
cat >"$work/bin/cmake" <<'END'
#!/bin/sh
echo "cmake $*" >>"$WORK/calls"
[ ! -e "$WORK/broken" ] || { echo "it does not compile"; exit 2; }
case $1 in
--build)
	mkdir -p build/release
	cp "$WORK/program" build/release/ggbuild
	chmod 755 build/release/ggbuild
	;;
esac
END
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
echo "apt-get $*" >>"$WORK/calls"
echo installed >"$WORK/installed"
END
cat >"$work/bin/dpkg-query" <<'END'
#!/bin/sh
for package; do :; done
case $package in
libyaml-dev | gpgv) [ -e "$WORK/installed" ] && echo installed || echo not-installed ;;
*) echo installed ;;
esac
END
chmod 755 "$work/bin/cmake" "$work/bin/apt-get" "$work/bin/dpkg-query"
export WORK="$work" PATH="$work/bin:$PATH"
calls() { # what the stand-ins were called for since the last time
	cat "$work/calls" 2>/dev/null || :
	rm -f "$work/calls"
}

# --packages is for scripts: words, and nothing happens.
"$tree/ggbuild" --packages >"$work/packages"
for package in gcc cmake libyaml-dev gpgv zstd; do
	tr ' ' '\n' <"$work/packages" | grep -qx "$package" || fail "--packages lacks $package"
done
if [ -n "$(calls)" ] || [ -e "$tree/build" ]; then fail "--packages did something"; fi

# The first time it installs what is missing, configures and builds.
if [ "$(id -u)" = 0 ]; then
	out=$("$tree/ggbuild" one 'two words' '' <"$0" 2>"$work/log" | head -n 1)
	[ "$out" = '<one><two words><>' ] || fail "arguments arrive as $out"
	want='apt-get update -q
apt-get install -y --no-install-recommends libyaml-dev gpgv
cmake --preset release
cmake --build --preset release --target programs'
	[ "$(calls)" = "$want" ] || fail "the first build was something else"
	grep -q 'installing libyaml-dev gpgv' "$work/log" || fail "it does not say what it installs"
fi
# Who may not install is told how.
rm -rf "$work/installed" "$tree/build"
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$work"
	chmod 777 "$tree"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$tree/ggbuild" </dev/null >"$work/log" 2>&1 || status=$?
	[ $status = 1 ] || fail "without packages and rights: exit status $status"
	grep -q 'apt-get install -y --no-install-recommends libyaml-dev gpgv' "$work/log" || fail "no way is told"
	rm -rf "$tree/build" "$work/calls"
	touch "$work/installed"
fi

# Nothing to do: nothing is done, by two programs, find and ggbuild itself.
"$tree/ggbuild" exit 0 >/dev/null 2>&1
calls >/dev/null
out=$(echo input | "$tree/ggbuild" 2>"$work/log")
[ "$out" = '
input' ] || fail "standard input does not arrive: $out"
if [ -n "$(calls)" ] || [ -s "$work/log" ]; then fail "something is done when nothing is to be done"; fi
strace -f -qq -e trace=execve -e signal=none -o "$work/trace" "$tree/ggbuild" exit 0 >/dev/null
[ "$(grep -c 'execve(.* = 0$' "$work/trace")" = 3 ] || fail "more programs than needed: $(cat "$work/trace")"

# A newer source, a new file, one that is gone: built again, once.
rebuilds() {
	sleep 0.05
	"$@"
	"$tree/ggbuild" exit 0 >/dev/null 2>&1
	[ "$(calls | grep -c -- --build)" = 1 ] || fail "no build after: $*"
	"$tree/ggbuild" exit 0 >/dev/null 2>&1
	[ -z "$(calls)" ] || fail "a second build after: $*"
}
rebuilds touch "$tree/layers/base/fd.c"
rebuilds touch "$tree/CMakeLists.txt"
rebuilds touch "$tree/recipes/new.yaml"
rebuilds rm "$tree/recipes/new.yaml"
# What is edited while it compiles is newer than the build.
cat >>"$work/bin/cmake" <<'END'
[ ! -e "$WORK/edit" ] || touch builder/main.c
END
touch "$work/edit" "$tree/builder/main.c"
"$tree/ggbuild" exit 0 >/dev/null 2>&1
rm "$work/edit"
calls >/dev/null
"$tree/ggbuild" exit 0 >/dev/null 2>&1
calls | grep -q -- --build || fail "an edit during the build was lost"

# A build that goes wrong: its words, exit status 1, and the old program does not run.
touch "$work/broken" "$tree/builder/main.c"
status=0
"$tree/ggbuild" exit 0 >"$work/log" 2>&1 || status=$?
[ $status = 1 ] || fail "a broken build gives exit status $status"
grep -q 'it does not compile' "$work/log" || fail "a broken build is silent"
! grep -q '<exit>' "$work/log" || fail "the old program ran"
rm "$work/broken"
"$tree/ggbuild" exit 0 >/dev/null 2>&1

# Exit statuses and signals, run in place ("exit", "wait") and with an eye on the end ("build", "lock").
mkdir -p "$HOME/.rustup/toolchains"
for pair in 'exit 0' 'exit 3' 'exit 7' 'build 0' 'build 5' 'build 7'; do
	status=0
	# shellcheck disable=SC2086 # two words
	out=$("$tree/ggbuild" $pair) || status=$?
	[ $status = "${pair#* }" ] || fail "$pair ended with $status"
	[ "$out" = "<${pair% *}><${pair#* }>" ] || fail "$pair said '$out'"
done
for verb in wait lock; do
	rm -f "$work/signals"
	"$tree/ggbuild" $verb "$work/signals" >/dev/null &
	pid=$!
	tries=0
	until [ -s "$work/signals" ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || fail "the program does not start"
		sleep 0.05
	done
	kill -TERM $pid
	status=0
	wait $pid 2>/dev/null || status=$?
	[ $status = 143 ] || fail "$verb: the launcher's end by a signal is told as $status"
	until grep -q TERM "$work/signals"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || fail "$verb: the signal did not reach the program"
		sleep 0.05
	done
done

# It is found behind a link, and from anywhere.
ln -s "$tree/ggbuild" "$work/bin/gg"
out=$(cd / && gg exit 0)
[ "$out" = '<exit><0>' ] || fail "behind a link: $out"
