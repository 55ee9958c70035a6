/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/filter.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <seccomp.h>

#include "builder/sandbox/filter_names.h"
#include "layers/base/fd.h"

/* The kernel reads an int or an unsigned int: the upper half of the register must not matter. */
#define LOW32(arg, mask, value) \
	SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask) & 0xffffffffu, (scmp_datum_t)(value))

enum { PERSONALITY_LINUX32 = 0x8, PERSONALITY_UNAME26 = 0x20000 };

static int add(scmp_filter_ctx ctx, uint32_t action, int nr, struct gg_err *err)
{
	int r = seccomp_rule_add_array(ctx, action, nr, 0, NULL);

	if (r == 0 || r == -EEXIST)
		return 0;
	errno = -r;
	return gg_fail_errno(err, "seccomp rule for call %d", nr);
}

static int add_if(scmp_filter_ctx ctx, uint32_t action, int nr, struct scmp_arg_cmp cmp, struct gg_err *err)
{
	int r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp);

	if (r == 0)
		return 0;
	errno = -r;
	return gg_fail_errno(err, "seccomp rule for an argument of call %d", nr);
}

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n, struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		/* Negative: another architecture's call. */
		if (nr >= 0 && add(ctx, action, nr, err) < 0)
			return -1;
	}
	return 0;
}

static int add_all_names(scmp_filter_ctx ctx, struct gg_err *err)
{
	uint32_t allow = SCMP_ACT_ALLOW, nothing = SCMP_ACT_ERRNO(0);
	int msync_nr = SCMP_SYS(msync), personality_nr = SCMP_SYS(personality), clone_nr = SCMP_SYS(clone);

	if (add_names(ctx, allow, filter_allowed, GG_LEN(filter_allowed), err) < 0 ||
	    add_names(ctx, SCMP_ACT_ERRNO(EPERM), filter_denied, GG_LEN(filter_denied), err) < 0 ||
	    add_names(ctx, nothing, filter_without_effect, GG_LEN(filter_without_effect), err) < 0)
		return -1;
	for (size_t i = 0; i < GG_LEN(filter_allowed_new); i++)
		if (seccomp_syscall_resolve_name(filter_allowed_new[i].name) == __NR_SCMP_ERROR &&
		    add(ctx, allow, filter_allowed_new[i].number, err) < 0)
			return -1;
	/* Stack unwinders probe addresses with MS_ASYNC, so only MS_SYNC is without effect. */
	if (add_if(ctx, nothing, msync_nr, LOW32(2, MS_SYNC, MS_SYNC), err) < 0 ||
	    add_if(ctx, allow, msync_nr, LOW32(2, MS_SYNC, 0), err) < 0)
		return -1;
	if (add_if(ctx, allow, personality_nr, LOW32(0, ~(PERSONALITY_LINUX32 | PERSONALITY_UNAME26), 0), err) < 0 ||
	    add_if(ctx, allow, personality_nr, LOW32(0, ~0u, 0xffffffffu), err) < 0)
		return -1;
	/* clone3 is left out: its flags are in memory, where no filter can look, and ENOSYS makes libc use clone. */
	return add(ctx, allow, clone_nr, err);
}

static int add_all_arguments(scmp_filter_ctx ctx, struct gg_err *err)
{
	static const unsigned namespaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
					       CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET };
	static const unsigned terminal[] = { TIOCSTI, TIOCLINUX };
	static const unsigned families[] = { AF_ALG, AF_VSOCK, AF_PACKET };
	uint32_t deny = SCMP_ACT_ERRNO(EPERM);

	for (size_t i = 0; i < GG_LEN(namespaces); i++)
		if (add_if(ctx, deny, SCMP_SYS(clone), LOW32(0, namespaces[i], namespaces[i]), err) < 0)
			return -1;
	for (size_t i = 0; i < GG_LEN(terminal); i++)
		if (add_if(ctx, deny, SCMP_SYS(ioctl), LOW32(1, ~0u, terminal[i]), err) < 0)
			return -1;
	for (size_t i = 0; i < GG_LEN(families); i++)
		if (add_if(ctx, deny, SCMP_SYS(socket), LOW32(0, ~0u, families[i]), err) < 0 ||
		    add_if(ctx, deny, SCMP_SYS(socketpair), LOW32(0, ~0u, families[i]), err) < 0)
			return -1;
	return 0;
}

/* libseccomp writes programs to descriptors only. */
static int export(scmp_filter_ctx ctx, struct filter_program *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return gg_fail_errno(err, "memfd_create");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0) {
		errno = -r;
		return gg_fail_errno(err, "compile the seccomp filter");
	}
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "read the seccomp filter");
	ret->v = gg_alloc((size_t)st.st_size);
	ret->n = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	return gg_read_full(fd, ret->v, (size_t)st.st_size, err) < 0 ? -1 : 0;
}

static int compile(uint32_t action, int (*rules)(scmp_filter_ctx, struct gg_err *), struct filter_program *ret,
		   struct gg_err *err)
{
	scmp_filter_ctx ctx = seccomp_init(action);
	int r;

	if (!ctx)
		return gg_fail(err, GG_SYSTEM, "start a seccomp filter");
	/* A binary tree over the numbers instead of a chain. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	r = rules(ctx, err);
	if (r == 0)
		r = export(ctx, ret, err);
	seccomp_release(ctx);
	return r;
}

int filter_make(struct filter *ret, struct gg_err *err)
{
	*ret = (struct filter){ 0 };
	if (compile(SCMP_ACT_ERRNO(ENOSYS), add_all_names, &ret->names, err) == 0 &&
	    compile(SCMP_ACT_ALLOW, add_all_arguments, &ret->arguments, err) == 0)
		return 0;
	filter_done(ret);
	return -1;
}

void filter_done(struct filter *f)
{
	free(f->names.v);
	free(f->arguments.v);
	*f = (struct filter){ 0 };
}

static int load(const struct filter_program *p, struct gg_err *err)
{
	struct sock_fprog prog = { .len = p->n, .filter = p->v };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0)
		return 0;
	gg_fail_errno(err, "load the seccomp filter");
	if (err->errnum == EINVAL || err->errnum == ENOSYS)
		gg_hint(err, "the kernel must be built with CONFIG_SECCOMP_FILTER");
	return -1;
}

int filter_load(const struct filter *f, struct gg_err *err)
{
	/* The program by names must let the second load pass: it allows seccomp(2). */
	if (load(&f->names, err) < 0)
		return -1;
	return load(&f->arguments, err);
}
