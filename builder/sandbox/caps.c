/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/caps.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#define BIT(cap) (UINT64_C(1) << (cap))

uint64_t caps_default(void)
{
	return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |
	       BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETFCAP) | BIT(CAP_SETGID) |
	       BIT(CAP_SETPCAP) | BIT(CAP_SETUID) | BIT(CAP_SYS_CHROOT);
}

uint64_t caps_init(void)
{
	return BIT(CAP_KILL);
}

uint64_t caps_tracer(void)
{
	return caps_init() | BIT(CAP_SYS_PTRACE);
}

uint64_t caps_owner(void)
{
	return caps_default() | BIT(CAP_SYS_PTRACE);
}

uint64_t caps_root(void)
{
	return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_SETGID) |
	       BIT(CAP_SETUID);
}

bool caps_have(uint64_t wanted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint64_t have;

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	have = data[0].effective | (uint64_t)data[1].effective << 32;
	return (have & wanted) == wanted;
}

int caps_bound(uint64_t keep, struct gg_err *err)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			/* Past the kernel's last capability. */
			if (errno == EINVAL)
				break;
			return gg_fail_errno(err, "drop capability %lu", cap);
		}
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return gg_fail_errno(err, "clear the ambient capabilities");
	return 0;
}

int caps_set(uint64_t keep, struct gg_err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return gg_fail_errno(err, "set capabilities");
	return 0;
}
