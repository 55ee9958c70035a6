/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"

/* A sysctl's number, or fallback where the kernel has no such sysctl. */
static long sysctl_number(const char *path, long fallback)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (gg_read_file(AT_FDCWD, path, 4096, &text, &ignored) < 0)
		return fallback;
	return strtol(text.data, NULL, 10);
}

bool explain_is_filtered(void)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (gg_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, &ignored) < 0)
		return false;
	return strstr(text.data, "\nSeccomp:\t2") != NULL;
}

/* Root that may not give file capabilities may not be root of a user namespace (Linux 5.12). */
static bool lacks_setfcap(void)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	const char *line;

	if (geteuid() != 0 ||
	    gg_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, &ignored) < 0)
		return false;
	line = strstr(text.data, "\nCapEff:");
	return line && !(strtoull(line + strlen("\nCapEff:"), NULL, 16) >> CAP_SETFCAP & 1);
}

/* Ubuntu since 23.10. A profile of this program's own is better than the sysctl, which opens the machine for every
 * program. */
static void explain_apparmor(struct gg_err *err)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = '\0';
	gg_hint(err,
		"AppArmor lets only programs with a profile make user namespaces; as root:\n"
		"  cat >/etc/apparmor.d/ggbuild <<'END'\n"
		"abi <abi/4.0>,\n"
		"include <tunables/global>\n"
		"profile ggbuild \"%s\" flags=(unconfined) {\n"
		"  userns,\n"
		"  include if exists <local/ggbuild>\n"
		"}\n"
		"END\n"
		"  apparmor_parser -r /etc/apparmor.d/ggbuild",
		n > 0 ? program : "/usr/bin/ggbuild");
}

void explain_userns(struct gg_err *err)
{
	if (sysctl_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		gg_hint(err, "user namespaces are switched off: sysctl -w "
			     "user.max_user_namespaces=15000");
	else if (sysctl_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		gg_hint(err, "user namespaces are for root only here: sysctl -w "
			     "kernel.unprivileged_userns_clone=1");
	else if (sysctl_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		explain_apparmor(err);
	else if (err->errnum == ENOSPC)
		gg_hint(err, "too many user namespaces, or they are nested too deep: raise "
			     "user.max_user_namespaces, "
			     "or start ggbuild outside of other sandboxes");
	else if (err->errnum == EPERM && lacks_setfcap())
		gg_hint(err, "root without CAP_SETFCAP can have none: start the container as "
			     "another user, or with --cap-add setfcap");
	else if (explain_is_filtered())
		gg_hint(err, "a container's seccomp profile forbids it: start that container with "
			     "--security-opt seccomp=unconfined, or with --privileged");
	else if (err->errnum == EINVAL || err->errnum == ENOSYS)
		gg_hint(err, "the kernel must be built with CONFIG_USER_NS");
}

void explain_namespaces(struct gg_err *err)
{
	static const char *const kinds[] = { "mnt", "pid", "ipc", "uts", "net", "cgroup" };

	for (size_t i = 0; i < GG_LEN(kinds); i++) {
		_cleanup_free_ char *path =
			gg_asprintf("/proc/sys/user/max_%s_namespaces", kinds[i]);

		if (sysctl_number(path, 1) == 0) {
			gg_hint(err,
				"%s namespaces are switched off: sysctl -w "
				"user.max_%s_namespaces=15000",
				kinds[i], kinds[i]);
			return;
		}
	}
	if (err->errnum == EPERM)
		gg_hint(err, "the caller must be root of its user namespace, and no seccomp "
			     "profile may forbid it");
	else if (err->errnum == EINVAL)
		gg_hint(err, "the kernel must be built with CONFIG_NAMESPACES, CONFIG_PID_NS, "
			     "CONFIG_IPC_NS, "
			     "CONFIG_UTS_NS, CONFIG_NET_NS and CONFIG_CGROUPS");
}

void explain_proc(struct gg_err *err)
{
	if (err->errnum == EPERM)
		gg_hint(err,
			"parts of /proc are masked, as containers do: start that container with "
			"--security-opt systempaths=unconfined (podman: unmask=ALL), or with "
			"--privileged");
}

void explain_overlay(struct gg_err *err)
{
	if (err->errnum == ENOSYS || (err->errnum == EPERM && explain_is_filtered()))
		gg_hint(err, "a container's seccomp profile hides the calls that mount: start that "
			     "container with "
			     "--security-opt seccomp=unconfined, or with --privileged");
	else if (err->errnum == ENODEV)
		gg_hint(err, "the kernel has no overlayfs: modprobe overlay");
	else if (err->errnum == EPERM)
		gg_hint(err, "overlayfs in a user namespace needs Linux 5.11 or newer");
	else if (err->errnum == EINVAL || err->errnum == EOPNOTSUPP)
		gg_hint(err, "the store must be on a file system that can be overlayfs's upper "
			     "layer (ext4, xfs, btrfs; "
			     "tmpfs since Linux 6.6; not overlayfs, NFS or FAT): choose another "
			     "with --store");
}

void explain_filtered(struct gg_err *err)
{
	if ((err->errnum == EPERM || err->errnum == ENOSYS) && explain_is_filtered())
		gg_hint(err, "a container's seccomp profile hides the call: start that container "
			     "with --security-opt seccomp=unconfined, or with --privileged");
}

void explain_xattrs(struct gg_err *err)
{
	if (err->errnum == EOPNOTSUPP)
		gg_hint(err, "the store must be on a file system that keeps user.* attributes "
			     "(ext4, xfs, btrfs; tmpfs since Linux 6.6): choose another with "
			     "--store");
}
