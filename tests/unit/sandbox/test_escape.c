/* SPDX-License-Identifier: Apache-2.0
 *
 * The escape suite: tests/sandbox/escape.h as the step, once for each way in which a step can run, for each kind of user
 * who can build: those run this program again, with arguments. Beside it, on the host, wait what it would like to
 * reach: a listener on loopback, an abstract socket, a file. tests/sandbox/PROBES.md lists the probes with what each
 * must give; with UPDATE_PROBES set it is written instead of compared.
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

/* The ways in which a step can run. */
static const struct way {
	const char *name;
	uint32_t uid;
	unsigned flags;
	bool has_input;
} ways[] = {
	{ "root", 0, 0, false },
	{ "user", 1000, 0, false },
	{ "setuid", 0, SANDBOX_SETUID, false },
	{ "network", 0, SANDBOX_NETWORK, false },
	{ "input", 0, 0, true },
	{ "user's input", 1000, 0, true },
};

/* Who builds. */
static const struct mode {
	const char *name, *title;
	enum userns_kind kind;
} modes[] = {
	{ "root", "root", USERNS_SHIFTED },
	{ "subuid", "subordinate ids", USERNS_SUBUID },
	{ "single", "a single id", USERNS_SINGLE },
};
enum { AS_USER_UID = 54321, AS_USER_GID = 54322 }; /* tests/tools/as_user */
enum { WAYS = GG_LEN(ways), MODES = GG_LEN(modes), LIST_MAX = 1 << 20 };

static struct box *run(struct fixture *f, const struct way *w)
{
	struct box *b = box_new(f, w->name);
	unsigned probes = 0, escapes = 1;
	struct bait bait;
	const char *last;
	int status;

	struct sandbox_mount input = { .fd = open_dir(f->space, "input"),
				       .target = "/input",
				       .flags = SANDBOX_RO };

	put_file(input.fd, "file", "input");
	b->spec.mounts = &input;
	b->spec.n_mounts = w->has_input;
	lay_bait(f, &bait);
	/* Descriptors that somebody forgot to mark (S1): directories of the host, one of them "/". */
	for (int fd = 100; fd < 110; fd++)
		CHECK(dup2(f->dir, fd) == fd);
	CHECK(open("/", O_RDONLY | O_DIRECTORY) >= 0);
	b->spec.uid = b->spec.gid = w->uid;
	b->spec.flags = w->flags;
	status = box_run(b, "escape", "list=1", bait.path, bait.abstract, bait.port,
			 w->uid ? "user=1" : "user=0",
			 f->ns.kind == USERNS_SINGLE ? "single=1" : "single=0",
			 w->flags & SANDBOX_SETUID ? "setuid=1" : "setuid=0",
			 w->flags & SANDBOX_NETWORK ? "network=1" : "network=0",
			 w->has_input ? "input=1" : "input=0", NULL);
	for (char *line = b->text; (line = strstr(line, "escape: ")); line++)
		fprintf(stderr, "%s: %.*s\n", w->name, (int)strcspn(line, "\n"), line);
	last = strstr(b->text, " probes, ");
	while (last && last > b->text && last[-1] != '\n')
		last--;
	CHECK(last && sscanf(last, "%u probes, %u escapes", &probes, &escapes) == 2);
	CHECK(status == 0 && escapes == 0 && probes >= 250);
	gg_close(input.fd);
	return b;
}

static const struct way *way; /* the job's */

/* What the command printed, to our standard output: "PROBE\tRESULT" a line. */
static void print_way(struct fixture *f)
{
	struct box *b = run(f, way);

	fputs(b->text, stdout);
	fflush(stdout);
	box_free(b);
}

/* As who builds: every way, a line "WAY" before its results. */
static int print_mode(const char *name, const char *probe)
{
	void *f = NULL;

	for (size_t i = 0; i < MODES; i++)
		if (strcmp(modes[i].name, name) == 0)
			f = fixture_new(USERNS_ONLY + modes[i].kind, probe);
	assert_non_null(f);
	for (way = ways; way < ways + WAYS; way++) {
		printf("WAY\n");
		fflush(stdout);
		in_job(&f, print_way);
	}
	return fixture_remove(&f);
}

/* ---- from here on as the tests' root ---- */

struct row {
	char *name;
	char *result[MODES][WAYS]; /* NULL: not tried */
};
struct table {
	struct row *v;
	size_t n, cap;
};

static void add_result(struct table *t, size_t mode, size_t w, const char *name, const char *result)
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
	if (!row->result[mode][w])
		row->result[mode][w] = gg_strdup(result);
	/* One name, one meaning. */
	assert_string_equal(row->result[mode][w], result);
}

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		for (size_t m = 0; m < MODES; m++)
			for (size_t w = 0; w < WAYS; w++)
				free(t->v[i].result[m][w]);
	}
	free(t->v);
}

struct suite {
	char dir[32]; /* open to every user: this program and the probe, whose own places may not be */
	char *program, *probe;
	struct table table;
};

static void add_mode(struct suite *s, size_t mode)
{
	bool is_root = modes[mode].kind == USERNS_SHIFTED;
	_cleanup_free_ char *command = gg_asprintf(
		"cd / && %s %s %s %s %s", is_root ? "" : TESTS_DIR "/tools/as_user",
		is_root ? "" : modes[mode].name, s->program, modes[mode].name, s->probe);
	struct stat before, after;
	FILE *f;
	_cleanup_free_ char *line = NULL;
	size_t cap = 0, tried[WAYS] = { 0 }, w = 0;
	ssize_t n;

	/* As who built ggbuild for himself: what a step could make of the file, it would make of that one. */
	assert_int_equal(chown(s->program, is_root ? 0 : AS_USER_UID, is_root ? 0 : AS_USER_GID),
			 0);
	assert_int_equal(stat(s->program, &before), 0);
	f = popen(command, "r");
	assert_non_null(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		char *tab = strchr(line, '\t');

		line[n - 1] = '\0';
		w += strcmp(line, "WAY") == 0;
		if (!tab)
			continue;
		assert_true(w >= 1 && w <= WAYS);
		*tab = '\0';
		add_result(&s->table, mode, w - 1, line, tab + 1);
		tried[w - 1]++;
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(stat(s->program, &after), 0);
	assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
	for (size_t i = 0; i < WAYS; i++)
		assert_true(tried[i] >= 250);
}

static void test_as_root(void **state)
{
	add_mode(*state, 0);
}

static void test_with_subordinate_ids(void **state)
{
	add_mode(*state, 1);
}

static void test_with_a_single_id(void **state)
{
	add_mode(*state, 2);
}

/* One result when every way has the same, else each with the ways that have it. */
static void put_cell(struct gg_buf *text, char *const result[WAYS])
{
	bool told[WAYS] = { false }, first = true;
	size_t tried = 0, same = 0;

	for (size_t w = 0; w < WAYS; w++) {
		tried += result[w] != NULL;
		same += result[w] && result[0] && strcmp(result[w], result[0]) == 0;
	}
	if (tried == WAYS && same == WAYS) {
		gg_buf_printf(text, " %s |", result[0]);
		return;
	}
	for (size_t w = 0; w < WAYS; w++) {
		if (!result[w] || told[w])
			continue;
		gg_buf_printf(text, "%s %s (", first ? "" : ",", result[w]);
		first = false;
		for (size_t other = w; other < WAYS; other++) {
			if (!result[other] || strcmp(result[w], result[other]) != 0)
				continue;
			gg_buf_printf(text, "%s%s", other == w ? "" : " ", ways[other].name);
			told[other] = true;
		}
		gg_buf_putc(text, ')');
	}
	gg_buf_puts(text, " |");
}

static void put_list(const struct table *t, struct gg_buf *text)
{
	gg_buf_printf(text,
		      "# The escape suite's probes\n\n"
		      "%zu probes of x86-64. This list is what the suite printed, and the test "
		      "compares it. A column says who\n"
		      "builds: root, a user with subordinate ids, a user with a single id. Each "
		      "probe is tried in the ways in which\n"
		      "a step can run: as root, as user 1000, with `setuid: true`, with a network, "
		      "and both users with an input that\n"
		      "is mounted; where results differ, the cell names the ways. A probe must "
		      "fail with the error named, succeed\n"
		      "(where that is harmless), or hold, which is: the fact is true, or the way "
		      "is closed by whatever error.\n\n"
		      "With a single id, user 1000 of a step is its root by another name, and so "
		      "may do what root may to the\n"
		      "step's own: its /dev, its pid 1 (which does not die of it), the files of "
		      "its root. None of this reaches\n"
		      "out of the step.\n\n"
		      "With an input the kernel shows in mountinfo where on its file system a "
		      "mount comes from: the path of the\n"
		      "store, and nothing that could be reached by it.\n\n",
		      t->n);
	gg_buf_puts(text, "| probe |");
	for (size_t m = 0; m < MODES; m++)
		gg_buf_printf(text, " %s |", modes[m].title);
	gg_buf_puts(text, "\n|---|---|---|---|\n");
	for (size_t i = 0; i < t->n; i++) {
		gg_buf_printf(text, "| %s |", t->v[i].name);
		for (size_t m = 0; m < MODES; m++)
			put_cell(text, t->v[i].result[m]);
		gg_buf_putc(text, '\n');
	}
}

static void test_probes_are_listed(void **state)
{
	static const char path[] = TESTS_DIR "/sandbox/PROBES.md";
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf want = { 0 }, text = { 0 };
	struct suite *s = *state;

	put_list(&s->table, &text);
	assert_true(s->table.n >= 120);
	if (getenv("UPDATE_PROBES"))
		assert_int_equal(gg_write_file(AT_FDCWD, path, text.data, text.len, 0644,
					       GG_COMMIT_REPLACE, &err),
				 0);
#ifdef __x86_64__
	assert_int_equal(gg_read_file(AT_FDCWD, path, LIST_MAX, &want, &err), 0);
	assert_string_equal(text.data, want.data);
#endif
}

static int suite_make(void **state)
{
	struct suite *s = gg_zalloc(sizeof(*s));
	_cleanup_free_ char *copy = NULL;

	fixture_needs_root();
	snprintf(s->dir, sizeof(s->dir), "/tmp/ggescape-XXXXXX");
	assert_true(mkdtemp(s->dir) && chmod(s->dir, 0755) == 0);
	s->probe = fixture_probe(s->dir);
	s->program = gg_asprintf("%s/test", s->dir);
	copy = gg_asprintf("umask 022; cp /proc/%d/exe %s && chmod 755 %s", (int)getpid(),
			   s->program, s->program);
	assert_int_equal(system(copy), 0);
	*state = s;
	return 0;
}

static int suite_remove(void **state)
{
	struct suite *s = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	table_done(&s->table);
	assert_int_equal(gg_remove_tree(AT_FDCWD, s->dir, &err), 0);
	free(s->program);
	free(s->probe);
	free(s);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_root),
		cmocka_unit_test(test_with_subordinate_ids),
		cmocka_unit_test(test_with_a_single_id),
		cmocka_unit_test(test_probes_are_listed),
	};

	if (argc == 3)
		return print_mode(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, suite_make, suite_remove);
}
