/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners where there is one id (owner.h): scripts of a static busybox in a sandbox of an ordinary user without
 * subordinate ids. Each prints what it sees, and what it must see is what a range of ids would show.
 */
#include <grp.h>
#include <sys/prctl.h>

#include "layers/base/owners.h"
#include "tests/unit/sandbox/sandbox_fixture.h"

enum { LONER = 54999 };

static int lone_make(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *script = NULL;
	const char *tmp = getenv("TMPDIR");

	if (geteuid() != 0) {
		fprintf(stderr, "the sandbox's tests run as root\n");
		exit(77);
	}
	snprintf(f->path, sizeof(f->path), "%s/ggowner-XXXXXX",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->path));
	script = gg_asprintf(
		"set -e; umask 022; cd '%s'; mkdir -p lower/bin lower/etc lower/tmp space;"
		"chmod 1777 lower/tmp; cp \"$(command -v busybox)\" lower/bin/busybox;"
		"for n in $(busybox --list); do [ $n = busybox ] || ln -s busybox lower/bin/$n; "
		"done;"
		"${CC:-cc} -D_GNU_SOURCE -std=gnu17 -O1 -static -pthread -o lower/bin/ask "
		"'%s'/unit/sandbox/owner_asker.c;"
		"printf 'root:x:0:0::/:/bin/sh\\nuser:x:1000:1000::/:/bin/sh\\n' >lower/etc/passwd;"
		"printf 'root:x:0:\\nuser:x:1000:\\nmail:x:8:user\\n' >lower/etc/group;"
		"chown -hR %u:%u .",
		f->path, TESTS_DIR, LONER, LONER);
	assert_int_equal(system(script), 0);
	f->dir = gg_openat(AT_FDCWD, f->path, O_RDONLY | O_DIRECTORY, 0, &err);
	f->lower = gg_openat(f->dir, "lower", O_RDONLY | O_DIRECTORY, 0, &err);
	f->space = gg_openat(f->dir, "space", O_RDONLY | O_DIRECTORY, 0, &err);
	assert_true(f->dir >= 0 && f->lower >= 0 && f->space >= 0);
	*state = f;
	return 0;
}

/* The test's process stays root. */
static void in_lone_job(void **state, job_function *fn)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int pidfd, status;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(setgroups(0, NULL) == 0 && setresgid(LONER, LONER, LONER) == 0 &&
		      setresuid(LONER, LONER, LONER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
		if (userns_choose(USERNS_ONLY + USERNS_SINGLE, &f->ns, &err) < 0 ||
		    userns_settle(&f->ns, &err) < 0 ||
		    (pid = userns_fork(&f->ns, &pidfd, &err)) < 0) {
			fprintf(stderr, "%s (%s)\n", err.text, err.hint ? err.hint : "");
			_exit(1);
		}
		if (pid == 0) {
			fn(f);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#undef JOB
#define JOB(name)                                                                                  \
	static void job_##name(struct fixture *f);                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		in_lone_job(state, job_##name);                                                    \
	}                                                                                          \
	static void job_##name(struct fixture *f)

static struct box *shell(struct box *b, const char *script)
{
	b->argv[0] = "/bin/sh";
	b->argv[1] = "-euc";
	b->argv[2] = script;
	b->argv[3] = NULL;
	if (box_go(b) < 0) {
		fprintf(stderr, "%s (%s)\n", b->err.text, b->err.hint ? b->err.hint : "");
		_exit(1);
	}
	if (!b->result.exited || b->result.status != 0) {
		fprintf(stderr, "status %d\n%s\n", b->result.status, b->text);
		_exit(1);
	}
	return b;
}

static struct box *run(struct fixture *f, const char *name, const char *script)
{
	return shell(box_new(f, name), script);
}

JOB(chown)
{
	struct box *b = run(f, "chown",
			    "cd /tmp; touch a; mkdir d; touch d/f; ln -s f d/l; mkfifo p\n"
			    "chown 33:34 a; chown -R user:mail d; chown :8 p; chown -h 5:6 d/l\n"
			    "stat -c '%n %u:%g %a' a d d/f p d/l; stat -L -c '%u:%g' d/l\n"
			    "chown 0 a; stat -c '%u:%g' a; chown :0 a; stat -c '%u:%g' a\n"
			    "chown 65536 a 2>/dev/null || echo refused; chown -R 0:0 d\n"
			    "stat -c '%u:%g' d d/f d/l; chown 1 /nowhere 2>&1 || :\n");

	CHECK_TEXT(b->text,
		   "a 33:34 644\nd 1000:8 755\nd/f 1000:8 644\np 0:8 644\nd/l 5:6 777\n1000:8\n"
		   "0:34\n0:0\nrefused\n0:0\n0:0\n0:0\n"
		   "chown: /nowhere: No such file or directory\n");
}

/* What chown takes away, and what it leaves. */
JOB(bits)
{
	struct box *b = run(f, "bits",
			    "cd /tmp; touch s; chmod 6755 s; chown 7:8 s; stat -c '%a %u:%g' s\n"
			    "chmod 4755 s; stat -c '%a %u:%g' s; mkdir d; chmod 2775 d\n"
			    "chown 0:8 d; stat -c '%a %u:%g' d; chmod 1777 d; chown 9 d\n"
			    "stat -c '%a %u:%g' d\n");

	CHECK_TEXT(b->text, "755 7:8\n4755 7:8\n2775 0:8\n1777 9:8\n");
}

/* What goes with its owner from place to place, and what does not. */
JOB(carried)
{
	struct box *b = run(f, "carried",
			    "cd /tmp; echo x >a; ln -s a l; chown 3:4 a; chown -h 5:6 l\n"
			    "mv a b; ln b c; mv l m; ln m n; cp b d; cp -a b e; cp -a m o\n"
			    "stat -c '%n %u:%g' b c m n d e o; echo y >>c; sed -i s/x/z/ c\n"
			    "stat -c '%n %u:%g' b c\n"
			    "tar cf t b m; mkdir x; tar xf t -C x; stat -c '%n %u:%g' x/b x/m\n"
			    "tar tvf t | awk '{print $1, $2, $NF}'\n"
			    "rm m; ln -s b m; stat -c '%n %u:%g' m; touch -h m\n"
			    "chown -h 7:7 m; touch -h m; stat -c '%u:%g' m\n"
			    "chown -h 0:0 m; stat -c '%u:%g' m\n");

	CHECK_TEXT(b->text, "b 3:4\nc 3:4\nm 5:6\nn 5:6\nd 0:0\ne 3:4\no 5:6\n"
			    "b 3:4\nc 3:4\nx/b 3:4\nx/m 0:0\n"
			    "-rw-r--r-- 3/4 b\nlrwxrwxrwx 5/6 a\nm 0:0\n7:7\n0:0\n");
}

/* A directory that hands down its group. */
JOB(setgid_directory)
{
	struct box *b = run(f, "setgid",
			    "cd /tmp; mkdir d; chown 0:50 d; chmod 2775 d; cd d; umask 027\n"
			    "echo 1 >f; echo 2 >>f; mkdir s; mkfifo p; ln -s f l; mkdir s/t\n"
			    "cp f g; cat f; stat -c '%n %u:%g %a' f s p l s/t g\n"
			    "echo 3 >/tmp/h; mv /tmp/h h; stat -c '%n %u:%g %a' h\n");

	CHECK_TEXT(b->text, "1\n2\nf 0:50 640\ns 0:50 2750\np 0:50 640\nl 0:50 777\n"
			    "s/t 0:50 2750\ng 0:50 640\nh 0:0 640\n");
}

/* Another user: what it is called, what it makes, what it may not. */
JOB(users)
{
	struct box *b =
		run(f, "users",
		    "cd /tmp; id; su user -c 'id; umask 077; cd /tmp; echo hi >mine; mkdir md;"
		    "ln -s mine ml; stat -c \"%n %u:%g %a\" mine md ml; cat mine;"
		    "chown 1 mine 2>/dev/null || echo no; chown :8 mine && echo yes;"
		    "chown :9 mine 2>/dev/null || echo no; (sh -c \"sh -c id\")'\n"
		    "id; stat -c '%n %u:%g' mine\n");

	CHECK_TEXT(b->text,
		   "uid=0(root) gid=0(root)\n"
		   "uid=1000(user) gid=1000(user) groups=1000(user),8(mail)\n"
		   "mine 1000:1000 600\nmd 1000:1000 700\nml 1000:1000 777\nhi\nno\nyes\nno\n"
		   "uid=1000(user) gid=1000(user) groups=1000(user),8(mail)\n"
		   "uid=0(root) gid=0(root)\nmine 1000:8\n");
}

JOB(spec_user)
{
	struct box *b = box_new(f, "spec");
	static const uint32_t groups[] = { 8, 9 };

	b->spec.uid = 1000;
	b->spec.gid = 1000;
	b->spec.groups = groups;
	b->spec.n_groups = GG_LEN(groups);
	shell(b, "id -u; id -g; id -G; cd /tmp; touch f; stat -c '%u:%g' f\n"
		 "chown 0 f 2>/dev/null || echo no\n");
	CHECK_TEXT(b->text, "1000\n1000\n1000 8 9\n1000:1000\nno\n");
}

JOB(chroot)
{
	struct box *b =
		run(f, "chroot",
		    "mkdir -p /new/bin /new/tmp; cp -a /bin/busybox /bin/sh /new/bin\n"
		    "ln -s /tmp/in /new/link; touch /tmp/in\n"
		    "chroot /new /bin/busybox sh -euc 'cd /tmp; busybox touch in rel;"
		    "busybox chown 3:4 /link; busybox chown 5:6 rel; busybox chown 7 ../tmp;"
		    "busybox stat -c \"%n %u:%g\" /tmp/in rel /tmp'\n"
		    "stat -c '%u:%g' /new/tmp/in /new/tmp/rel /tmp/in\n");

	CHECK_TEXT(b->text, "/tmp/in 3:4\nrel 5:6\n/tmp 7:0\n3:4\n5:6\n0:0\n");
}

/* Owners that lie in a time, seen and kept from within a changed root. */
JOB(chroot_links)
{
	struct box *b = run(f, "chroot2",
			    "mkdir -p /new/bin /new/tmp; cp -a /bin/busybox /bin/sh /new/bin\n"
			    "chroot /new /bin/busybox sh -euc 'cd /tmp; busybox ln -s gone l;"
			    "busybox chown -h 5:6 l; busybox stat -c \"%n %u:%g %Y\" l;"
			    "busybox tar cf t l; busybox tar tvf t; busybox touch -h l'"
			    " | awk '{print $1, $2, $3}'\n"
			    "stat -c '%n %u:%g' /new/tmp/l\n");

	CHECK_TEXT(b->text, "l 5:6 315532800\nlrwxrwxrwx 5/6 0\n/new/tmp/l 5:6\n");
}

/* Set-id programs, where they are allowed. */
JOB(setuid)
{
	static const char script[] = "cd /tmp; cp /bin/ask s; chown 7:8 s; chmod 6755 s\n"
				     "cp s g; chown 0:9 g; chmod 2755 g\n"
				     "printf '#!/bin/sh\\nask ids\\n' >t; chown 7 t; chmod 4755 t\n"
				     "su user -c '/tmp/s ids; /tmp/g ids; /tmp/t; ask ids'\n";
	struct box *b = run(f, "setuid", script);

	CHECK_TEXT(b->text, "1000 1000 1000, 1000 1000 1000\n1000 1000 1000, 1000 1000 1000\n"
			    "1000 1000 1000, 1000 1000 1000\n1000 1000 1000, 1000 1000 1000\n");
	b = box_new(f, "setuid2");
	b->spec.flags = SANDBOX_SETUID;
	shell(b, script);
	CHECK_TEXT(b->text, "1000 7 7, 1000 8 8\n1000 1000 1000, 1000 9 9\n"
			    "1000 1000 1000, 1000 1000 1000\n1000 1000 1000, 1000 1000 1000\n");
}

/* Pid 1 answers and traces at once. */
JOB(traced)
{
	struct box *b = box_new(f, "traced");
	struct sandbox_perturb perturb = { .reversed = true, .release = "9.9.9" };

	b->spec.perturb = &perturb;
	shell(b, "cd /tmp; mkdir d; cd d; for i in 1 2 3 4 5 6 7 8 9; do echo $i >f$i; done\n"
		 "chown -R 5:6 .; find . -type f -exec stat -c '%n %u:%g' {} + | sort | tail -n 1\n"
		 "su user -c 'touch /tmp/d/mine'; stat -c '%u:%g' mine; uname -r\n");
	CHECK_TEXT(b->text, "./f9 5:6\n1000:1000\n9.9.9\n");
}

/* Nothing that a step asks hangs the sandbox, ends it, or gets an answer to somebody else's question. */
JOB(hostile)
{
	struct box *b = box_new(f, "hostile");

	b->spec.timeout = UINT64_C(120) * 1000000000;
	shell(b, "ask; id -u\n");
	CHECK_TEXT(b->text, "0 failures\n0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chown),        cmocka_unit_test(test_bits),
		cmocka_unit_test(test_carried),      cmocka_unit_test(test_setgid_directory),
		cmocka_unit_test(test_users),        cmocka_unit_test(test_spec_user),
		cmocka_unit_test(test_chroot),       cmocka_unit_test(test_setuid),
		cmocka_unit_test(test_chroot_links), cmocka_unit_test(test_traced),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, lone_make, fixture_remove);
}
