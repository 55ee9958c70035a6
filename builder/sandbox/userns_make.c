/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/userns_make.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/explain.h"
#include "builder/sandbox/spawn.h"
#include "builder/sandbox/subids.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

const char *const userns_choice_names[] = { "auto", "shifted", "subuid", "single", "none", NULL };

/* Whether ids first…first+count-1 are there to be given away: /proc/self/{uid,gid}_map, "inside outside count". */
static bool ids_available(const char *map, uint32_t first, uint32_t count)
{
	FILE *f = fopen(map, "re");
	unsigned long inside, outside, n;
	bool found = false;

	if (!f)
		return false;
	while (!found && fscanf(f, "%lu %lu %lu", &inside, &outside, &n) == 3)
		found = inside <= first && inside + n >= (unsigned long)first + count;
	fclose(f);
	return found;
}

static bool both_available(uint32_t first, uint32_t count)
{
	return ids_available("/proc/self/uid_map", first, count) &&
	       ids_available("/proc/self/gid_map", first, count);
}

/* This namespace's other ids, as far as they are needed; a map may not reach over two lines of the one above it. */
static void own_ids(const char *map, struct userns_ranges *ret)
{
	unsigned long inside, outside, n, left = USERNS_COUNT - 1;
	FILE *f = fopen(map, "re");

	*ret = (struct userns_ranges){ 0 };
	while (f && ret->n < USERNS_MAX_RANGES && left > 0 &&
	       fscanf(f, "%lu %lu %lu", &inside, &outside, &n) == 3) {
		unsigned long first = inside ? inside : 1, count = inside + n - first;

		count = count < left ? count : left;
		left -= count;
		if (count)
			ret->v[ret->n++] = (struct userns_range){ .first = (uint32_t)first,
								  .count = (uint32_t)count };
	}
	if (f)
		fclose(f);
}

/* With its capabilities, and ids besides its own to do without them. */
static bool is_host_root(void)
{
	return geteuid() == 0 && caps_have(caps_root()) &&
	       both_available(USERNS_ROOT_BASE, USERNS_COUNT);
}

static int look_shifted(struct userns *ns, struct gg_err *err)
{
	if (geteuid() != 0) {
		gg_fail(err, GG_SYSTEM, "shift ids as uid %u: only root holds ids to shift into",
			(unsigned)geteuid());
		return gg_hint(err, "--userns auto takes what this user has");
	}
	if (!caps_have(caps_root())) {
		gg_fail(err, GG_SYSTEM, "shift ids: root's capabilities were taken away");
		return gg_hint(err, "start the container that ggbuild runs in with CHOWN, "
				    "DAC_OVERRIDE, FOWNER, SETGID and SETUID");
	}
	if (!both_available(USERNS_ROOT_BASE, USERNS_COUNT)) {
		gg_fail(err, GG_SYSTEM,
			"find user ids %u to %u: this user namespace does not hold them",
			USERNS_ROOT_BASE, USERNS_ROOT_BASE + USERNS_COUNT - 1);
		return gg_hint(err, "start the container that ggbuild runs in without a user "
				    "namespace of its own, or with one that maps these ids");
	}
	ns->base = ns->gid = USERNS_ROOT_BASE;
	ns->count = USERNS_COUNT;
	return 0;
}

static int look_subuid(struct userns *ns, struct gg_err *err)
{
	const uint32_t max = USERNS_COUNT - 1;
	uint32_t uids, gids;

	if (geteuid() == 0) {
		/* Who holds the shifted range is the host's root, and its other ids are the host's. */
		if (!both_available(USERNS_ROOT_BASE, USERNS_COUNT)) {
			own_ids("/proc/self/uid_map", &ns->uids);
			own_ids("/proc/self/gid_map", &ns->gids);
		}
		if (ns->uids.n == 0 || ns->gids.n == 0) {
			gg_fail(err, GG_SYSTEM, "find ids besides root that are not the host's");
			return gg_hint(err, "--userns auto takes what this root has");
		}
	} else {
		_cleanup_free_ char *program = subids_program(SUBIDS_UIDS, err);

		if (!program || subids_read(SUBIDS_UIDS, NULL, max, &ns->uids, err) < 0 ||
		    subids_read(SUBIDS_GIDS, NULL, max, &ns->gids, err) < 0)
			return -1;
	}
	uids = subids_count(&ns->uids);
	gids = subids_count(&ns->gids);
	ns->count = 1 + (uids < gids ? uids : gids);
	return 0;
}

static int look(struct userns *ns, struct gg_err *err)
{
	ns->base = geteuid();
	ns->gid = getegid();
	ns->count = 1;
	ns->uids = ns->gids = (struct userns_ranges){ 0 };
	switch (ns->kind) {
	case USERNS_SHIFTED:
		return look_shifted(ns, err);
	case USERNS_SUBUID:
		return look_subuid(ns, err);
	case USERNS_SINGLE:
		if (ns->choice == USERNS_AUTO && is_host_root())
			return gg_fail(err, GG_SYSTEM,
				       "be root with one id: it would be the host's root");
		break;
	case USERNS_NONE:
		break;
	}
	return 0;
}

/* From ns->kind on, the first that may work. */
static void look_on(struct userns *ns)
{
	for (;; ns->kind++) {
		_cleanup_err_ struct gg_err why = GG_ERR_INIT;

		if (look(ns, &why) == 0)
			return;
		/* To an ordinary user it says nothing that root could do better; and what was tried and refused says
		 * more than what was looked at. */
		if (ns->why.kind == GG_OK && (ns->kind != USERNS_SHIFTED || geteuid() == 0))
			gg_err_move(&ns->why, &why);
	}
}

int userns_choose(unsigned choice, struct userns *ret, struct gg_err *err)
{
	*ret = (struct userns){ .kind = USERNS_SHIFTED, .choice = choice };
	if (choice == USERNS_AUTO) {
		look_on(ret);
		return 0;
	}
	ret->kind = (enum userns_kind)(choice - USERNS_ONLY);
	return look(ret, err);
}

int userns_detect(struct userns *ret, struct gg_err *err)
{
	return userns_choose(USERNS_AUTO, ret, err);
}

void userns_next(struct userns *ns)
{
	if (ns->kind == USERNS_NONE)
		return;
	ns->kind++;
	look_on(ns);
}

static int write_proc(pid_t pid, const char *name, const char *text, struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("/proc/%d/%s", (int)pid, name);
	_cleanup_close_ int fd = gg_openat(AT_FDCWD, path, O_WRONLY, 0, err);

	if (fd < 0)
		return -1;
	/* The kernel takes a map in one write or not at all. */
	if (write(fd, text, strlen(text)) < 0)
		return gg_fail_errno(err, "write '%s' (%.*s)", name, (int)strcspn(text, "\n"),
				     text);
	return 0;
}

static int map_range(pid_t pid, uint32_t uid, uint32_t gid, uint32_t count, struct gg_err *err)
{
	_cleanup_free_ char *uids = gg_asprintf("0 %u %u\n", uid, count);
	_cleanup_free_ char *gids = gg_asprintf("0 %u %u\n", gid, count);

	if (write_proc(pid, "uid_map", uids, err) < 0)
		return -1;
	return write_proc(pid, "gid_map", gids, err);
}

/* 1… to the ranges, or to themselves where the ranges stand for them already. */
static int map_ranges(pid_t pid, const char *name, const struct userns_ranges *ranges, bool same,
		      struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	uint32_t first = 1;

	gg_buf_puts(&text, "0 0 1\n");
	for (size_t i = 0; i < ranges->n; i++) {
		gg_buf_printf(&text, "%u %u %u\n", first, same ? first : ranges->v[i].first,
			      ranges->v[i].count);
		first += ranges->v[i].count;
	}
	return write_proc(pid, name, text.data, err);
}

static int map_both(const struct userns *ns, pid_t pid, bool same, struct gg_err *err)
{
	if (map_ranges(pid, "uid_map", &ns->uids, same, err) < 0)
		return -1;
	return map_ranges(pid, "gid_map", &ns->gids, same, err);
}

static int map_subuid(const struct userns *ns, pid_t pid, struct gg_err *err)
{
	static const enum subids_which both[] = { SUBIDS_UIDS, SUBIDS_GIDS };

	if (geteuid() == 0)
		return map_both(ns, pid, false, err);
	for (size_t i = 0; i < GG_LEN(both); i++) {
		_cleanup_free_ char *program = subids_program(both[i], err);
		bool uids = both[i] == SUBIDS_UIDS;

		if (!program || subids_map(both[i], program, pid, uids ? ns->base : ns->gid,
					   uids ? &ns->uids : &ns->gids, err) < 0)
			return -1;
	}
	return 0;
}

int userns_map(const struct userns *ns, pid_t pid, struct gg_err *err)
{
	/* A job's is one more below ours, with the same ids. */
	if (ns->inside)
		return map_both(ns, pid, true, err);
	switch (ns->kind) {
	case USERNS_SHIFTED:
		return map_range(pid, ns->base, ns->gid, ns->count, err);
	case USERNS_SUBUID:
		return map_subuid(ns, pid, err);
	case USERNS_SINGLE:
		if (write_proc(pid, "setgroups", "deny", err) < 0)
			return -1;
		return map_range(pid, ns->base, ns->gid, 1, err);
	case USERNS_NONE:
		break;
	}
	return 0;
}

/* The first process of the namespace: tries what a profile may take from it after all, and waits to be killed. */
static _Noreturn void hold(int sock)
{
	int errnum = 0;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (recv(sock, &go, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	if (unshare(CLONE_NEWNS) < 0)
		errnum = errno;
	if (send(sock, &errnum, sizeof(errnum), MSG_NOSIGNAL) == sizeof(errnum))
		(void)recv(sock, &go, 1, 0);
	_exit(EXIT_SUCCESS);
}

static int set_up(const struct userns *ns, pid_t pid, int sock, int *ret_fd, struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("/proc/%d/ns/user", (int)pid);
	int errnum = 0;
	ssize_t n;

	if (userns_map(ns, pid, err) < 0)
		return -1;
	if (send(sock, "", 1, MSG_NOSIGNAL) != 1)
		return gg_fail_errno(err, "tell the child of its user ids");
	do
		n = recv(sock, &errnum, sizeof(errnum), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(errnum))
		return gg_fail(err, GG_SYSTEM, "its first process died");
	errno = errnum;
	if (errnum)
		return gg_fail_errno(err, "create a mount namespace in it");
	*ret_fd = gg_openat(AT_FDCWD, path, O_RDONLY, 0, err);
	return *ret_fd < 0 ? -1 : 0;
}

/* A namespace, as a descriptor: its first process does not stay. */
static int make(const struct userns *ns, int *ret_fd, struct gg_err *err)
{
	_cleanup_close_ int pidfd = -1;
	int sv[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = spawn_clone(CLONE_NEWUSER, &pidfd);
	if (pid == 0) {
		gg_close(sv[0]);
		hold(sv[1]);
	}
	if (pid < 0)
		gg_fail_errno(err, "create a user namespace");
	gg_close(sv[1]);
	r = pid < 0 ? -1 : set_up(ns, pid, sv[0], ret_fd, err);
	gg_close(sv[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (r < 0)
			gg_context(err, "enter a user namespace");
	}
	if (r < 0)
		explain_userns(err);
	return r;
}

static int join(struct userns *ns, int fd, struct gg_err *err)
{
	int dumpable = prctl(PR_GET_DUMPABLE);

	if (setns(fd, CLONE_NEWUSER) < 0)
		return gg_fail_errno(err, "join the user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return gg_fail_errno(err, "become root of the user namespace");
	/* New credentials take it away, and with it the right to write a child's maps. */
	if (dumpable == 1 && prctl(PR_SET_DUMPABLE, 1) < 0)
		return gg_fail_errno(err, "prctl");
	ns->base = ns->gid = 0;
	ns->inside = true;
	return 0;
}

int userns_try(struct userns *ns, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;

	if (ns->kind == USERNS_NONE)
		return 0;
	if (make(ns, &fd, err) < 0)
		return -1;
	return ns->kind == USERNS_SHIFTED ? 0 : join(ns, fd, err);
}
