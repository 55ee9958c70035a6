/* SPDX-License-Identifier: Apache-2.0
 *
 * What doctor tries: that each probe tells there from not there, and that nothing of a trial is left.
 */
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "builder/sandbox/ability.h"
#include "tests/unit/sandbox/sandbox_fixture.h"

static const struct ability *find(const char *name)
{
	for (size_t i = 0; i < n_sandbox_abilities; i++)
		if (strcmp(sandbox_abilities[i].name, name) == 0)
			return &sandbox_abilities[i];
	fprintf(stderr, "no ability '%s'\n", name);
	abort();
}

/* Where the tests run, everything works; what a test of a missing ability hides is all that is missing. */
static void test_all_there(void **state)
{
	struct fixture *f = *state;
	struct ability_place p = { .ns = &f->ns, .dir = f->dir };
	_cleanup_free_ char *before = list(f->dir), *after = NULL;

	for (size_t i = 0; i < n_sandbox_abilities; i++) {
		_cleanup_ability_found_ struct ability_found found = { 0 };

		ability_try(&sandbox_abilities[i], &p, &found);
		if (found.state == ABILITY_MISSING)
			fail_msg("%s: %s (%s)", sandbox_abilities[i].name, found.text,
				 found.hint ? found.hint : "");
		assert_true(found.text[0] && !found.hint);
	}
	after = list(f->dir);
	assert_string_equal(before, after);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_untried(void **state)
{
	struct fixture *f = *state;
	struct ability_place nowhere = { .ns = &f->ns, .dir = -1 }, refused = { .dir = f->dir };
	_cleanup_ability_found_ struct ability_found a = { 0 }, b = { 0 };

	ability_try(find("overlayfs"), &nowhere, &a);
	assert_int_equal(a.state, ABILITY_UNUSED);
	assert_non_null(strstr(a.text, "no store"));
	ability_try(find("/proc"), &refused, &b);
	assert_int_equal(b.state, ABILITY_UNUSED);
	assert_non_null(strstr(b.text, "no user namespaces"));
}

/* ---- hidden ---- */

static const struct fixture *hidden_from;

static void must_miss_with(struct userns ns, const char *ability, const char *text,
			   const char *hint)
{
	struct ability_found found;
	struct ability_place p = { .ns = &ns, .dir = hidden_from->dir };

	ability_try(find(ability), &p, &found);
	CHECK(found.state == ABILITY_MISSING);
	CHECK_CONTAINS(found.text, text);
	if (hint)
		CHECK_CONTAINS(found.hint, hint);
	else
		CHECK(!found.hint);
	ability_found_done(&found);
}

static void must_miss(const char *ability, const char *text, const char *hint)
{
	must_miss_with(hidden_from->ns, ability, text, hint);
}

/* In a child that has been deprived of something. */
static void in_deprived(struct fixture *f, void (*deprive)(void), void (*look)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		hidden_from = f;
		CHECK(unshare(CLONE_NEWNS) == 0);
		CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		deprive();
		look();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Calls by number, of the native architecture. */
static void hide_calls(const unsigned *calls, size_t n, unsigned errnum)
{
	struct sock_filter code[32] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr)) };
	struct sock_fprog program = { .len = (unsigned short)(n + 3), .filter = code };

	CHECK(n + 3 <= GG_LEN(code));
	for (size_t i = 0; i < n; i++)
		code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
							   (uint8_t)(n - i), 0);
	code[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

#define HIDE(errnum, ...)                                                                          \
	do {                                                                                       \
		static const unsigned calls[] = { __VA_ARGS__ };                                   \
		hide_calls(calls, GG_LEN(calls), errnum);                                          \
	} while (0)

static void hide_mounts(void)
{
	HIDE(ENOSYS, SYS_fsopen, SYS_fsmount, SYS_fsconfig, SYS_open_tree, SYS_move_mount,
	     SYS_mount_setattr);
}

static void see_no_mounts(void)
{
	must_miss("mount api", "open file system type 'tmpfs'", "seccomp=unconfined");
	must_miss("overlayfs", "open file system type 'overlay'", "seccomp=unconfined");
	must_miss("steps", "mount the root of the sandbox", "seccomp=unconfined");
}

static void hide_openat2(void)
{
	HIDE(ENOSYS, SYS_openat2);
}

static void see_no_openat2(void)
{
	must_miss("openat2", "open '/self/stat'", "seccomp=unconfined");
}

static void hide_seccomp(void)
{
	HIDE(EINVAL, SYS_seccomp);
}

static void see_no_seccomp(void)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct userns single;

	CHECK(userns_choose(USERNS_ONLY + USERNS_SINGLE, &single, &err) == 0);
	must_miss_with(single, "seccomp listener", "make a filter with a listener", NULL);
}

static void mask_proc(void)
{
	CHECK(mount("tmpfs", "/proc/scsi", "tmpfs", 0, NULL) == 0 ||
	      mount("tmpfs", "/proc/irq", "tmpfs", 0, NULL) == 0);
}

static void see_masked_proc(void)
{
	must_miss("/proc", "mount file system 'proc'", "unmask=ALL");
	must_miss("steps", "", "unmask=ALL");
}

static void cover_store(void)
{
	int fd;

	/* A file system without user.* attributes that nothing can be an upper layer on. */
	CHECK(mount("ramfs", hidden_from->path, "ramfs", 0, NULL) == 0);
	fd = open(hidden_from->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0 && dup3(fd, hidden_from->dir, O_CLOEXEC) == hidden_from->dir);
}

static void see_poor_store(void)
{
	must_miss("user xattrs", "set the attribute 'user.ggbuild.doctor'",
		  "keeps user.* attributes");
	must_miss("overlayfs", "replace a directory of the lower layer",
		  "choose another with --store");
}

static void test_hidden(void **state)
{
	in_deprived(*state, hide_mounts, see_no_mounts);
	in_deprived(*state, hide_openat2, see_no_openat2);
	in_deprived(*state, hide_seccomp, see_no_seccomp);
	in_deprived(*state, mask_proc, see_masked_proc);
	in_deprived(*state, cover_store, see_poor_store);
}

static enum ability_state die(const struct ability_place *p, struct gg_buf *seen,
			      struct gg_err *err)
{
	(void)p;
	(void)seen;
	(void)err;
	abort();
}

static void test_probe_dies(void **state)
{
	static const struct ability deadly = { "deadly", ABILITY_INSIDE | ABILITY_ON_STORE, NULL,
					       die };
	struct fixture *f = *state;
	struct ability_place p = { .ns = &f->ns, .dir = f->dir };
	_cleanup_ability_found_ struct ability_found found = { 0 };
	_cleanup_free_ char *before = list(f->dir), *after = NULL;

	ability_try(&deadly, &p, &found);
	assert_int_equal(found.state, ABILITY_MISSING);
	assert_string_equal(found.text, "the process that tried it died");
	after = list(f->dir);
	assert_string_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_there),
		cmocka_unit_test(test_untried),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_probe_dies),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
