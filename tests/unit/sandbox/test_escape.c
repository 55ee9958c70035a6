/* SPDX-License-Identifier: Apache-2.0
 *
 * The escape suite: tests/sandbox/escape.h as the step, once for each way in which a step can run. Beside it, on the
 * host, wait what it would like to reach: a listener on loopback, an abstract socket, a file. tests/sandbox/PROBES.md
 * lists the probes with what each must give; with UPDATE_PROBES set it is written instead of compared.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/sandbox/sandbox_fixture.h"

struct bait {
	char abstract[64], port[32], path[96];
};

static void lay_bait(struct fixture *f, struct bait *b)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[32];

	CHECK(bind(tcp, (struct sockaddr *)&in, sizeof(in)) == 0 && listen(tcp, 8) == 0);
	CHECK(getsockname(tcp, (struct sockaddr *)&in, &len) == 0);
	snprintf(b->port, sizeof(b->port), "port=%d", ntohs(in.sin_port));
	snprintf(name, sizeof(name), "ggbait%d-%d", getpid(), ntohs(in.sin_port));
	snprintf(b->abstract, sizeof(b->abstract), "abstract=%s", name);
	memcpy(un.sun_path + 1, name, strlen(name));
	CHECK(bind(local, (struct sockaddr *)&un,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) == 0);
	CHECK(listen(local, 8) == 0);
	snprintf(b->path, sizeof(b->path), "path=%s", f->path);
}

static struct box *run(struct fixture *f, const char *name, uint32_t uid, unsigned flags)
{
	struct box *b = box_new(f, name);
	unsigned probes = 0, escapes = 1;
	struct bait bait;
	const char *last;
	int status;

	lay_bait(f, &bait);
	/* Descriptors that somebody forgot to mark (S1): directories of the host, one of them "/". */
	for (int fd = 100; fd < 110; fd++)
		CHECK(dup2(f->dir, fd) == fd);
	CHECK(open("/", O_RDONLY | O_DIRECTORY) >= 0);
	b->spec.uid = b->spec.gid = uid;
	b->spec.flags = flags;
	status =
		box_run(b, "escape", "list=1", bait.path, bait.abstract, bait.port,
			uid ? "user=1" : "user=0", flags & SANDBOX_SETUID ? "setuid=1" : "setuid=0",
			flags & SANDBOX_NETWORK ? "network=1" : "network=0", NULL);
	for (char *line = b->text; (line = strstr(line, "escape: ")); line++)
		fprintf(stderr, "%.*s\n", (int)strcspn(line, "\n"), line);
	last = strstr(b->text, " probes, ");
	while (last && last > b->text && last[-1] != '\n')
		last--;
	CHECK(last && sscanf(last, "%u probes, %u escapes", &probes, &escapes) == 2);
	CHECK(status == 0 && escapes == 0 && probes >= 250);
	return b;
}

JOB(root)
{
	box_free(run(f, "root", 0, 0));
}

JOB(user)
{
	box_free(run(f, "user", 1000, 0));
}

JOB(setuid)
{
	box_free(run(f, "setuid", 0, SANDBOX_SETUID));
}

JOB(network)
{
	box_free(run(f, "network", 0, SANDBOX_NETWORK));
}

/* ---- the list ---- */

enum { MODES = 4, LIST_MAX = 1 << 17 };

struct row {
	char *name;
	char *result[MODES]; /* NULL: not tried */
};
struct table {
	struct row *v;
	size_t n, cap;
};
static char *list_text; /* shared with the job */

static void add_result(struct table *t, int mode, const char *name, const char *result)
{
	struct row *row = NULL;

	for (size_t i = 0; i < t->n && !row; i++)
		if (strcmp(t->v[i].name, name) == 0)
			row = &t->v[i];
	if (!row) {
		GG_GROW(t->v, t->n, t->cap);
		row = &t->v[t->n++];
		*row = (struct row){ .name = gg_strdup(name) };
	}
	if (!row->result[mode])
		row->result[mode] = gg_strdup(result);
	/* One name, one meaning. */
	CHECK_TEXT(row->result[mode], result);
}

static void add_mode(struct table *t, int mode, struct box *b)
{
	char *rest = b->text, *line, *tab;

	while ((line = strsep(&rest, "\n"))) {
		tab = strchr(line, '\t');
		if (!tab)
			continue;
		*tab = '\0';
		add_result(t, mode, line, tab + 1);
	}
	box_free(b);
}

JOB(list)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct table t = { 0 };

	add_mode(&t, 0, run(f, "list-root", 0, 0));
	add_mode(&t, 1, run(f, "list-user", 1000, 0));
	add_mode(&t, 2, run(f, "list-setuid", 0, SANDBOX_SETUID));
	add_mode(&t, 3, run(f, "list-network", 0, SANDBOX_NETWORK));
	gg_buf_printf(&text,
		      "# The escape suite's probes\n\n"
		      "%zu probes of x86-64, each in up to four ways in which a step can run. This "
		      "list is what the suite\n"
		      "printed, and the test compares it. A probe must fail with the error named, "
		      "succeed (where that is\n"
		      "harmless), or hold, which is: the fact is true, or the way is closed by "
		      "whatever error.\n\n"
		      "| probe | root | uid 1000 | setuid allowed | with a network "
		      "|\n|---|---|---|---|---|\n",
		      t.n);
	for (size_t i = 0; i < t.n; i++) {
		gg_buf_printf(&text, "| %s |", t.v[i].name);
		for (int mode = 0; mode < MODES; mode++)
			gg_buf_printf(&text, " %s |",
				      t.v[i].result[mode] ? t.v[i].result[mode] : "");
		gg_buf_puts(&text, "\n");
	}
	CHECK(text.len < LIST_MAX && t.n >= 120);
	memcpy(list_text, text.data, text.len + 1);
}

static void test_probes_are_listed(void **state)
{
	static const char path[] = TESTS_DIR "/sandbox/PROBES.md";
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf want = { 0 };

	list_text = mmap(NULL, LIST_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(list_text != MAP_FAILED);
	test_list(state);
	if (getenv("UPDATE_PROBES"))
		assert_int_equal(gg_write_file(AT_FDCWD, path, list_text, strlen(list_text), 0644,
					       GG_COMMIT_REPLACE, &err),
				 0);
#ifdef __x86_64__
	assert_int_equal(gg_read_file(AT_FDCWD, path, LIST_MAX, &want, &err), 0);
	assert_string_equal(list_text, want.data);
#endif
	munmap(list_text, LIST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_setuid),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_probes_are_listed),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
