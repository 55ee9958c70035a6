/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "builder/sandbox/owner_private.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"

/* Linux 6.6: the caller runs on at once, on the processor that we leave. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

int owner_server_new(const struct sandbox_spec *spec, struct owner_server **ret, struct gg_err *err)
{
	struct owner_server *s = gg_zalloc(sizeof(*s));
	struct rlimit limit;
	struct stat self;

	s->listener = s->pidfd = -1;
	GG_GROW(s->creds, s->n_creds, s->cap_creds);
	s->creds[s->n_creds++] = (struct owner_creds){
		.ruid = spec->uid,
		.euid = spec->uid,
		.suid = spec->uid,
		.fsuid = spec->uid,
		.rgid = spec->gid,
		.egid = spec->gid,
		.sgid = spec->gid,
		.fsgid = spec->gid,
		.groups = gg_calloc(spec->n_groups, sizeof(uint32_t)),
		.n_groups = spec->n_groups,
	};
	if (spec->n_groups)
		memcpy(s->creds[0].groups, spec->groups, spec->n_groups * sizeof(uint32_t));
	*ret = s;
	if (stat("/proc/self/exe", &self) < 0)
		return gg_fail_errno(err, "stat our own program");
	s->dev = self.st_dev;
	s->ino = self.st_ino;
	if (getrlimit(RLIMIT_RTTIME, &limit) < 0)
		return gg_fail_errno(err, "read the limit of real time");
	s->limit = limit.rlim_max;
	limit.rlim_cur = s->limit - 1;
	if (setrlimit(RLIMIT_RTTIME, &limit) < 0)
		return gg_fail_errno(err, "set the limit of real time");
	return 0;
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int owner_send_listener(int sock, int listener, struct gg_err *err)
{
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	union control control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &listener, sizeof(int));
	if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
		return gg_fail_errno(err, "hand over the seccomp listener");
	return 0;
}

int owner_take_listener(struct owner_server *s, int sock, struct gg_err *err)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union control control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gg_fail_errno(err, "receive the seccomp listener");
	c = CMSG_FIRSTHDR(&m);
	if (n == 0 || !c || c->cmsg_type != SCM_RIGHTS)
		return 0;
	memcpy(&s->listener, CMSG_DATA(c), sizeof(int));
	(void)ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (unsigned long)flags);
	return 0;
}

int owner_listener(const struct owner_server *s)
{
	return s->listener;
}

static int64_t handle(struct owner_call *c)
{
	static int64_t (*const families[])(struct owner_call *) = {
		owner_call_stat,   owner_call_make,  owner_call_creds,
		owner_call_change, owner_call_other, owner_call_exec,
	};
	int64_t r = OWNER_PROCEED;

	for (size_t i = 0; i < GG_LEN(families) && r == OWNER_PROCEED; i++)
		r = families[i](c);
	return r;
}

static void hang_up(struct owner_server *s)
{
	gg_close(s->listener);
	s->listener = -1;
}

void owner_serve(struct owner_server *s, short events)
{
	struct seccomp_notif n = { 0 };
	struct owner_call c = { .s = s };
	struct seccomp_notif_resp answer = { 0 };
	int64_t r;

	if (!(events & POLLIN)) {
		hang_up(s);
		return;
	}
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0) {
		/* ENOENT: the caller has died meanwhile. Whatever else it is, it would come again at once. */
		if (errno != ENOENT && errno != EINTR)
			hang_up(s);
		return;
	}
	c.id = n.id;
	c.pid = (pid_t)n.pid;
	c.nr = n.data.nr;
	for (size_t i = 0; i < GG_LEN(c.args); i++)
		c.args[i] = n.data.args[i];
	r = handle(&c);
	if (r == OWNER_DONE)
		return;
	answer.id = n.id;
	if (r == OWNER_PROCEED)
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (r < 0)
		answer.error = (int32_t)r;
	else
		answer.val = r;
	/* ENOENT again. */
	(void)ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
