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
# As Debian's and Ubuntu's kernels have it, by a file in the sysctl's place.
cat >sysctl <<'END'
name=$1
value=$2
shift 2
mount -t tmpfs none /proc/sys/kernel
echo "$value" >"/proc/sys/kernel/$name"
exec "$@"
END
look "for root alone" unshare -m sh -eu sysctl unprivileged_userns_clone 0 "$TESTS/tools/confined" seccomp
look apparmor unshare -m sh -eu sysctl apparmor_restrict_unprivileged_userns 1 "$TESTS/tools/confined" seccomp
