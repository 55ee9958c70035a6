/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "layers/base/mem.h"

enum { GROUPS_MAX = 65536, CREDS_MAX = 4096 };

const struct owner_creds *owner_creds_of(const struct owner_call *c)
{
	struct rlimit now;
	uint64_t index = 0;

	if (c->s->n_creds > 1 && prlimit(c->pid, RLIMIT_RTTIME, NULL, &now) == 0)
		index = c->s->limit - 1 - now.rlim_cur;
	/* A process that has set the limit itself is what the command was. */
	return &c->s->creds[index < c->s->n_creds ? index : 0];
}

bool owner_in_group(const struct owner_creds *creds, uint32_t gid)
{
	if (creds->fsgid == gid)
		return true;
	for (size_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] == gid)
			return true;
	return false;
}

static bool equal(const struct owner_creds *a, const struct owner_creds *b)
{
	return memcmp(a, b, offsetof(struct owner_creds, groups)) == 0 &&
	       a->n_groups == b->n_groups &&
	       (a->n_groups == 0 ||
		memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) == 0);
}

int64_t owner_become(struct owner_call *c, const struct owner_creds *wanted)
{
	struct owner_server *s = c->s;
	struct rlimit limit;
	size_t i = 0;

	while (i < s->n_creds && !equal(&s->creds[i], wanted))
		i++;
	if (i == CREDS_MAX)
		return -ENOMEM;
	if (i == s->n_creds) {
		GG_GROW(s->creds, s->n_creds, s->cap_creds);
		s->creds[i] = *wanted;
		s->creds[i].groups = gg_calloc(wanted->n_groups, sizeof(uint32_t));
		if (wanted->n_groups)
			memcpy(s->creds[i].groups, wanted->groups,
			       wanted->n_groups * sizeof(uint32_t));
		s->n_creds++;
	}
	if (prlimit(c->pid, RLIMIT_RTTIME, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = s->limit - 1 - i;
	return prlimit(c->pid, RLIMIT_RTTIME, &limit, NULL) < 0 ? -errno : 0;
}

/* ---- one half: uids, or gids ---- */

struct half {
	uint32_t *real, *effective, *saved, *fs;
	bool root; /* may take any id */
};

static bool known(uint64_t id)
{
	return id < OWNERS_LIMIT;
}

static uint32_t argument(const struct owner_call *c, unsigned i)
{
	return (uint32_t)c->args[i];
}

/* set[ug]id(2) */
static int64_t set_one(const struct half *h, uint32_t id)
{
	if (!known(id))
		return -EINVAL;
	if (!h->root && id != *h->real && id != *h->saved)
		return -EPERM;
	if (h->root)
		*h->real = *h->saved = id;
	*h->effective = *h->fs = id;
	return 0;
}

/* setre[ug]id(2) */
static int64_t set_two(const struct half *h, uint32_t real, uint32_t effective)
{
	uint32_t old = *h->real;
	bool unchanged = real == UINT32_MAX;

	if ((!unchanged && !known(real)) || (effective != UINT32_MAX && !known(effective)))
		return -EINVAL;
	if (!unchanged && !h->root && real != old && real != *h->effective)
		return -EPERM;
	if (effective != UINT32_MAX && !h->root && effective != old && effective != *h->effective &&
	    effective != *h->saved)
		return -EPERM;
	if (!unchanged)
		*h->real = real;
	if (effective != UINT32_MAX)
		*h->effective = effective;
	if (!unchanged || (effective != UINT32_MAX && effective != old))
		*h->saved = *h->effective;
	*h->fs = *h->effective;
	return 0;
}

/* setres[ug]id(2) */
static int64_t set_three(const struct half *h, const uint32_t wanted[3])
{
	uint32_t *fields[] = { h->real, h->effective, h->saved };
	uint32_t before[] = { *h->real, *h->effective, *h->saved };

	for (size_t i = 0; i < 3; i++) {
		if (wanted[i] == UINT32_MAX)
			continue;
		if (!known(wanted[i]))
			return -EINVAL;
		if (!h->root && wanted[i] != before[0] && wanted[i] != before[1] &&
		    wanted[i] != before[2])
			return -EPERM;
	}
	for (size_t i = 0; i < 3; i++)
		if (wanted[i] != UINT32_MAX)
			*fields[i] = wanted[i];
	*h->fs = *h->effective;
	return 0;
}

/* setfs[ug]id(2): what it was before, whether it changed or not. */
static int64_t set_fs(const struct half *h, uint32_t id)
{
	int64_t old = *h->fs;

	if (known(id) &&
	    (h->root || id == *h->real || id == *h->effective || id == *h->saved || id == *h->fs))
		*h->fs = id;
	return old;
}

static int64_t give_three(const struct owner_call *c, const struct half *h)
{
	const uint32_t *fields[] = { h->real, h->effective, h->saved };

	for (unsigned i = 0; i < 3; i++) {
		int r = owner_write(c, c->args[i], fields[i], sizeof(uint32_t));

		if (r < 0)
			return r;
	}
	return 0;
}

static int64_t set_groups(struct owner_call *c, struct owner_creds *creds, bool root)
{
	_cleanup_free_ uint32_t *groups = NULL;
	uint32_t n = argument(c, 0);
	int r;

	if (!root)
		return -EPERM;
	if (n > GROUPS_MAX)
		return -EINVAL;
	groups = gg_calloc(n, sizeof(*groups));
	r = owner_read(c, c->args[1], groups, n * sizeof(*groups));
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		if (!known(groups[i]))
			return -EINVAL;
	creds->groups = groups;
	creds->n_groups = n;
	return owner_become(c, creds);
}

static int64_t give_groups(const struct owner_call *c, const struct owner_creds *creds)
{
	int32_t size = (int32_t)argument(c, 0);
	int r;

	if (size < 0 || (size > 0 && (size_t)size < creds->n_groups))
		return -EINVAL;
	if (size == 0 || creds->n_groups == 0)
		return (int64_t)creds->n_groups;
	r = owner_write(c, c->args[1], creds->groups, creds->n_groups * sizeof(*creds->groups));
	return r < 0 ? r : (int64_t)creds->n_groups;
}

/* The program that the caller runs: what it keeps, execve takes away. */
static uint64_t program(const struct owner_call *c)
{
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)c->pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static bool capable(const struct owner_call *c, const struct owner_creds *creds)
{
	return creds->euid == 0 || (creds->keeper && creds->keeper == program(c));
}

/* prctl(PR_SET_KEEPCAPS): setpriv and others take their groups when they are root no more. */
static int64_t keep(struct owner_call *c, struct owner_creds *creds)
{
	int64_t r;

	creds->keeper = argument(c, 1) ? program(c) : 0;
	r = owner_become(c, creds);
	return r < 0 ? r : OWNER_PROCEED;
}

static int64_t changed(struct owner_call *c, int64_t r, const struct owner_creds *creds)
{
	int64_t failed = r < 0 ? r : owner_become(c, creds);

	return failed < 0 ? failed : r;
}

int64_t owner_call_creds(struct owner_call *c)
{
	struct owner_creds creds = *owner_creds_of(c);
	bool root = capable(c, &creds);
	struct half u = { &creds.ruid, &creds.euid, &creds.suid, &creds.fsuid, root };
	struct half g = { &creds.rgid, &creds.egid, &creds.sgid, &creds.fsgid, root };
	const uint32_t three[] = { argument(c, 0), argument(c, 1), argument(c, 2) };

	switch (c->nr) {
	case SYS_getuid:
		return creds.ruid;
	case SYS_geteuid:
		return creds.euid;
	case SYS_getgid:
		return creds.rgid;
	case SYS_getegid:
		return creds.egid;
	case SYS_getresuid:
		return give_three(c, &u);
	case SYS_getresgid:
		return give_three(c, &g);
	case SYS_getgroups:
		return give_groups(c, &creds);
	case SYS_setgroups:
		return set_groups(c, &creds, root);
	case SYS_prctl:
		return keep(c, &creds);
	case SYS_setuid:
		return changed(c, set_one(&u, three[0]), &creds);
	case SYS_setgid:
		return changed(c, set_one(&g, three[0]), &creds);
	case SYS_setreuid:
		return changed(c, set_two(&u, three[0], three[1]), &creds);
	case SYS_setregid:
		return changed(c, set_two(&g, three[0], three[1]), &creds);
	case SYS_setresuid:
		return changed(c, set_three(&u, three), &creds);
	case SYS_setresgid:
		return changed(c, set_three(&g, three), &creds);
	case SYS_setfsuid:
		return changed(c, set_fs(&u, three[0]), &creds);
	case SYS_setfsgid:
		return changed(c, set_fs(&g, three[0]), &creds);
	default:
		return OWNER_PROCEED;
	}
}
