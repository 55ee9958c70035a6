# User namespaces are refused: by a sysctl, a container's filter, AppArmor. What a build says, and what works without.
. "$TESTS/tools/cases.sh"
look() {
	echo "== $1"
	shift
	"$@" ggbuild doctor --store store >text
	sed -n '2,/^  ok /p' text | sed '$d'
	sed -n '/^Builds/,$p' text
	grep -c 'not tried, for there are no user namespaces' text
}
look no-userns "$TESTS/tools/confined" no-userns
look seccomp "$TESTS/tools/confined" seccomp
# As Ubuntu's kernel has it, by a file in the sysctl's place.
cat >apparmor <<'END'
mount -t tmpfs none /proc/sys/kernel
echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns
exec "$@"
END
look apparmor unshare -m sh -eu apparmor "$TESTS/tools/confined" seccomp
