/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/scope.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "layers/base/fd.h"

/* linux/landlock.h of the machine may be older than the kernel's sixth version of the interface. */
enum { ABI_WITH_SCOPES = 6, SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0 };

struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

int scope_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool scope_is_there(void)
{
	return scope_abi() >= ABI_WITH_SCOPES;
}

int scope_abstract_sockets(struct gg_err *err)
{
	struct ruleset rules = { .scoped = SCOPE_ABSTRACT_UNIX_SOCKET };
	_cleanup_close_ int fd = -1;

	if (!scope_is_there())
		return 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return gg_fail_errno(err, "put abstract sockets out of reach");
	return 0;
}
