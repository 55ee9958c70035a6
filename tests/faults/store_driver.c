/* SPDX-License-Identifier: Apache-2.0
 *
 * One operation of the store as a process, so that it can be killed, starved and traced
 * (store_faults.py):
 *
 *   store_driver blob|tree|action|batch|gc|verify|has-blob|has-tree|has-action|has-batch STORE
 *   store_driver hammer STORE SEED SESSIONS
 *
 * Exit 0 done, 1 an error of the store (its text on stderr), 2 a promise was broken.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "layers/store.h"
#include "layers/tree.h"

enum { BLOB_SIZE = 100000, HAMMER_BLOBS = 12, BATCH = 3 };

static int broken(const char *what)
{
	fprintf(stderr, "broken promise: %s\n", what);
	return 2;
}

static void print_log(enum gg_log_level level, const char *text)
{
	if (level == GG_LOG_WARNING)
		fprintf(stderr, "warning: %s\n", text);
}

static char *blob_bytes(unsigned seed)
{
	char *bytes = gg_alloc(BLOB_SIZE);

	for (size_t i = 0; i < BLOB_SIZE; i++)
		bytes[i] = (char)(i * 31 + seed + (i >> 7));
	return bytes;
}

static int put_blob(struct store *s, unsigned seed, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_free_ char *bytes = blob_bytes(seed);

	return store_blob_put(s, bytes, BLOB_SIZE, ret, err);
}

static void add_file(struct tree *t, const char *path, const char *content)
{
	struct tree_entry *e = tree_add(t, path, TREE_FILE);

	e->mode = 0644;
	e->size = strlen(content);
	gg_digest_of(content, strlen(content), &e->content);
}

static void tree_manifest(unsigned seed, char content[32], struct gg_buf *text)
{
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	snprintf(content, 32, "content %u", seed);
	tree_add(t, ".", TREE_DIR)->mode = 0755;
	tree_add(t, "d", TREE_DIR)->mode = 0755;
	add_file(t, "d/file", content);
	add_file(t, "file", content);
	if (tree_sort(t, &err) < 0)
		abort();
	tree_text(t, text);
}

static int put_tree(struct store *s, unsigned seed, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp t = STORE_TMP_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	char content[32];

	tree_manifest(seed, content, &text);
	if (store_tmp_new(s, geteuid(), &t, err) < 0 || gg_mkdirs(t.fd, "tree/d", 0755, err) < 0 ||
	    gg_write_file(t.fd, "tree/file", content, strlen(content), 0644, 0, err) < 0 ||
	    gg_write_file(t.fd, "tree/d/file", content, strlen(content), 0644, 0, err) < 0)
		return -1;
	return store_tree_adopt(s, t.fd, "tree", text.data, text.len, ret, err);
}

static char *action_text(unsigned seed, struct gg_digest *ret_key)
{
	char *text = gg_asprintf("ggbuild-step 1\nseed %u\n", seed);

	gg_digest_of(text, strlen(text), ret_key);
	return text;
}

/* What a step does: its blob, then the record that names it. */
static int put_action(struct store *s, unsigned seed, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *record = gg_json_object();
	_cleanup_free_ char *text = NULL;
	char digest[GG_DIGEST_TEXT];
	struct gg_digest key, blob;

	if (put_blob(s, seed, &blob, err) < 0)
		return -1;
	gg_json_set_str(record, "blob", gg_digest_text(&blob, digest));
	text = action_text(seed, &key);
	if (store_action_put(s, &key, text, record, err) < 0)
		return -1;
	return store_name_put(s, "recipe:step", &key, err);
}

static int do_blob(struct store *s, struct gg_err *err)
{
	struct gg_digest d;

	return put_blob(s, 0, &d, err);
}

static int do_tree(struct store *s, struct gg_err *err)
{
	struct gg_digest d;

	return put_tree(s, 0, &d, err);
}

static int do_action(struct store *s, struct gg_err *err)
{
	return put_action(s, 0, err);
}

static int adopt_blob(struct store *s, const struct store_tmp *t, const char *name, unsigned seed,
		      struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_free_ char *bytes = blob_bytes(seed);

	gg_digest_of(bytes, BLOB_SIZE, ret);
	return store_blob_adopt(s, t->fd, name, ret, BLOB_SIZE, err);
}

static int stage_batch(const struct store_tmp *t, struct gg_err *err)
{
	for (unsigned i = 0; i < BATCH; i++) {
		_cleanup_free_ char *name = gg_asprintf("blob%u", i), *bytes = blob_bytes(i);
		_cleanup_close_ int fd =
			gg_openat(t->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, err);

		if (fd < 0 || gg_write_all(fd, bytes, BLOB_SIZE, err) < 0)
			return -1;
	}
	return 0;
}

/* Several actions whose objects are synced together. */
static int do_batch(struct store *s, struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp t = STORE_TMP_INIT;

	if (store_tmp_new(s, geteuid(), &t, err) < 0 || stage_batch(&t, err) < 0 ||
	    store_batch_begin(s, err) < 0)
		return -1;
	for (unsigned i = 0; i < BATCH; i++) {
		_cleanup_free_ char *name = gg_asprintf("blob%u", i), *text = NULL;
		_cleanup_json_ struct gg_json *record = gg_json_object();
		char digest[GG_DIGEST_TEXT];
		struct gg_digest key, blob;

		if (adopt_blob(s, &t, name, i, &blob, err) < 0)
			return -1;
		gg_json_set_str(record, "blob", gg_digest_text(&blob, digest));
		text = action_text(i, &key);
		if (store_action_put(s, &key, text, record, err) < 0)
			return -1;
	}
	return store_batch_end(s, err);
}

static int do_gc(struct store *s, struct gg_err *err)
{
	struct store_stats stats;

	return store_gc(s, 0, 0, &stats, err);
}

/* A record whose blob is gone would make a build believe in something that is not there. */
static int check_action(struct store *s, unsigned seed, bool *ret_there, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *record = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct gg_buf stored = { 0 };
	struct gg_digest key, blob;

	text = action_text(seed, &key);
	if (store_action_get(s, &key, &record, err) < 0)
		return -1;
	*ret_there = record;
	if (!record)
		return 0;
	if (gg_digest_parse(gg_json_get_str(record, "blob", ""), &blob, err) < 0)
		return -1;
	if (!store_blob_has(s, &blob))
		return broken("a record refers to a blob that is absent");
	if (store_action_text(s, &key, &stored, err) < 0)
		return broken("a record has no key text");
	return 0;
}

static int do_verify(struct store *s, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv bad = { 0 };
	struct store_stats stats;
	bool there;

	if (store_verify(s, &bad, &stats, err) < 0)
		return -1;
	for (size_t i = 0; i < bad.n; i++)
		fprintf(stderr, "bad: %s\n", bad.v[i]);
	return bad.n ? broken("a damaged object has a final name")
		     : check_action(s, 0, &there, err);
}

static int do_has_blob(struct store *s, struct gg_err *err)
{
	_cleanup_free_ char *bytes = blob_bytes(0);
	_cleanup_buf_ struct gg_buf b = { 0 };
	struct gg_digest d;

	gg_digest_of(bytes, BLOB_SIZE, &d);
	return store_blob_read(s, &d, BLOB_SIZE, &b, err);
}

static int do_has_tree(struct store *s, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = -1;
	struct gg_digest d;
	char content[32];

	tree_manifest(0, content, &text);
	gg_digest_of(text.data, text.len, &d);
	fd = store_tree_open(s, &d, err);
	return fd < 0 ? -1 : 0;
}

static int do_has_batch(struct store *s, struct gg_err *err)
{
	for (unsigned i = 0; i < BATCH; i++) {
		bool there = false;
		int r = check_action(s, i, &there, err);

		if (r != 0 || !there)
			return r != 0 ? r : gg_fail(err, GG_SYSTEM, "action %u is absent", i);
	}
	return 0;
}

static int do_has_action(struct store *s, struct gg_err *err)
{
	bool there = false;
	int r = check_action(s, 0, &there, err);

	return r == 0 && !there ? gg_fail(err, GG_SYSTEM, "the action is absent") : r;
}

/* While a handle is open nothing that it put can go away, whatever the others and the collector do.
 */
static int hammer_session(struct store *s, unsigned seed, unsigned session, struct gg_err *err)
{
	struct gg_digest blobs[HAMMER_BLOBS], tree;
	_cleanup_close_ int treefd = -1;
	bool there = false;
	int r;

	for (unsigned i = 0; i < HAMMER_BLOBS; i++)
		/* The even ones everybody puts, the odd ones are this process's. */
		if (put_blob(s, i % 2 ? 1000 + seed * 100 + i : i + session % 3, &blobs[i], err) <
		    0)
			return -1;
	if (put_tree(s, session % 2 ? seed : 0, &tree, err) < 0 ||
	    put_action(s, session % 4, err) < 0)
		return -1;
	for (unsigned i = 0; i < HAMMER_BLOBS; i++) {
		_cleanup_buf_ struct gg_buf b = { 0 };

		if (store_blob_read(s, &blobs[i], BLOB_SIZE, &b, err) < 0)
			return -1;
	}
	treefd = store_tree_open(s, &tree, err);
	if (treefd < 0)
		return -1;
	r = check_action(s, session % 4, &there, err);
	return r == 0 && !there ? broken("an action vanished under an open store") : r;
}

static int hammer(const char *path, unsigned seed, unsigned sessions, struct gg_err *err)
{
	for (unsigned i = 0; i < sessions; i++) {
		const struct timespec pause = { .tv_nsec = (long)((seed * 7 + i * 13) % 10) *
							   10000000 };
		_cleanup_store_ struct store *s = NULL;
		int r;

		if (store_open(path, NULL, &s, err) < 0)
			return -1;
		r = hammer_session(s, seed, i, err);
		if (r != 0)
			return r;
		store_closep(&s);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct store *s, struct gg_err *err);
	bool exclusive;
} commands[] = {
	{ "blob", do_blob, false },         { "tree", do_tree, false },
	{ "action", do_action, false },     { "gc", do_gc, true },
	{ "verify", do_verify, false },     { "has-blob", do_has_blob, false },
	{ "has-tree", do_has_tree, false }, { "has-action", do_has_action, false },
	{ "batch", do_batch, false },       { "has-batch", do_has_batch, false },
};

static int run(int argc, char **argv, struct gg_err *err)
{
	if (argc == 5 && gg_streq(argv[1], "hammer"))
		return hammer(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), err);
	for (size_t i = 0; argc == 3 && i < GG_LEN(commands); i++) {
		struct store_options options = { .exclusive = commands[i].exclusive };
		_cleanup_store_ struct store *s = NULL;

		if (!gg_streq(argv[1], commands[i].name))
			continue;
		if (store_open(argv[2], &options, &s, err) < 0)
			return -1;
		return commands[i].run(s, err);
	}
	return gg_fail(err, GG_USAGE, "usage: store_driver COMMAND STORE");
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int r;

	gg_log_set(print_log);
	r = run(argc, argv, &err);
	if (r < 0)
		fprintf(stderr, "error %d: %s\nhint: %s\n", err.kind, err.text,
			err.hint ? err.hint : "-");
	return r < 0 ? 1 : r;
}
