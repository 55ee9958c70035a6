/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's user namespace. Everything that touches the content of trees — extraction, scanning, linking, packing,
 * sandboxes — runs in a process of this namespace, as its root, so that ids, capabilities and whiteouts read the same
 * everywhere. There are four kinds; a session has one:
 *
 *   SHIFTED  We are root and hold the ids from USERNS_ROOT_BASE on: 0…65535 inside are that range, never the host's
 *            identity. We stay outside; only jobs are in the namespace.
 *   SUBUID   Inside 0 is the caller, 1… are the caller's ranges of /etc/subuid and /etc/subgid, mapped by newuidmap and
 *            newgidmap; as root of a container that lacks the shifted range, the container's own other ids, mapped by
 *            ourselves. The calling process itself becomes root in there (userns_settle), since what subordinate ids
 *            own can be removed, read and given away from inside alone.
 *   SINGLE   Inside 0 is the caller, and no other id exists; every inode belongs to the caller, and chown is refused by
 *            the kernel. The calling process is in there too. The kernel gives such a namespace only to who gives up
 *            setgroups: jobs keep the caller's supplementary groups, so what is open to one of those groups is open to
 *            a job; a sandbox shows no such thing, since nothing of the host is in it. The host's root has it only if
 *            it asks: it would be the host's root in there.
 *   NONE     User namespaces are refused. Jobs are plain children with the caller's ids: no sandbox, so neither steps
 *            nor tests nor packages' scripts can run; all else can. On disk as SINGLE.
 *
 * SHIFTED and SUBUID hold the whole of an id's meaning on disk; with the other two the manifest is the authority.
 * Errors: GG_SYSTEM, with what forbids it and the remedy as a hint.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"

enum { USERNS_ROOT_BASE = 1879048192, USERNS_COUNT = 65536, USERNS_MAX_RANGES = 32 };

enum userns_kind { USERNS_SHIFTED, USERNS_SUBUID, USERNS_SINGLE, USERNS_NONE };

/* The first kind that works, or one kind and no other (USERNS_ONLY + kind). */
enum userns_choice { USERNS_AUTO, USERNS_ONLY };
/* "auto", then the kinds: the values of --userns by choice, NULL at the end. */
extern const char *const userns_choice_names[];

struct userns_range {
	uint32_t first, count; /* ids as the caller sees them */
};

/* What stands for ids 1… inside, in order. */
struct userns_ranges {
	struct userns_range v[USERNS_MAX_RANGES];
	size_t n;
};

struct userns {
	enum userns_kind kind;
	uint32_t base;  /* the uid of inside 0 as the calling process sees it now */
	uint32_t gid;   /* its gid */
	uint32_t count; /* ids inside: 0…count-1 */
	struct userns_ranges uids, gids; /* SUBUID only */
	unsigned choice;                 /* USERNS_AUTO, or USERNS_ONLY + kind */
	bool settled;                    /* the kind was tried, and is the one that works */
	bool inside;                     /* the calling process is in it */
	struct gg_err why; /* settled: why no better kind; kind GG_OK when there was none to try */
};

/* The best kind by what costs nothing to look at: ids, files, programs. `choice`: USERNS_AUTO
 * or USERNS_ONLY + kind; an error only when that kind is impossible for this user. */
int userns_choose(unsigned choice, struct userns *ret, struct gg_err *err) GG_MUST_USE;
/* The same with AUTO. */
int userns_detect(struct userns *ret, struct gg_err *err) GG_MUST_USE;
void userns_done(struct userns *ns);

/* Before the first job: makes the namespace; when it is refused and the choice was AUTO, the next kind's. With SUBUID
 * and SINGLE the calling process, which must be single-threaded, is in it for good, with effective uid 0 and all
 * capabilities there. Costs nothing the second time. */
int userns_settle(struct userns *ns, struct gg_err *err) GG_MUST_USE;

/* Whether sandboxes can be had at all; else -1 with the reason. After userns_settle. */
int userns_allows_sandbox(const struct userns *ns, struct gg_err *err) GG_MUST_USE;

/* Forks a child into the namespace, made if need be; in the child the call returns 0 with uid and gid 0, all
 * capabilities in the namespace (NONE: with the caller's), PDEATHSIG KILL and session keyring joined; in the parent it
 * returns the pid and *ret_pidfd. The calling process must be single-threaded. -1 on failure, with the sysctl that
 * forbids it named. But with NONE the child has a mount namespace of its own, and its directory descriptors belong to
 * it: they can be layers and sources of mounts, even when 0700 directories of the caller lie above them. */
pid_t userns_fork(struct userns *ns, int *ret_pidfd, struct gg_err *err) GG_MUST_USE;
