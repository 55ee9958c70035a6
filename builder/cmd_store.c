/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild store ls|verify|gc`.
 */
#include <string.h>
#include <time.h>

#include "builder/commands.h"
#include "builder/settings.h"
#include "builder/settle.h"
#include "builder/table.h"
#include "layers/base/json.h"
#include "layers/store.h"

struct options {
	struct common_options common;
	uint64_t keep, size;
	bool all, json;
};

static const struct option_def defs[] = {
	{ .name = "keep",
	  .arg = "TIME",
	  .kind = OPTION_TIME,
	  .offset = offsetof(struct options, keep),
	  .help = "gc: keep what was used within this time (default 14d)" },
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, all),
	  .help = "gc: keep nothing, whenever it was used" },
	{ .name = "max-size",
	  .arg = "SIZE",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct options, size),
	  .help = "gc: remove the oldest until the store is at most this large, and no more" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_STORE_GROUP };
static const char *const words[] = { "ls", "verify", "gc", NULL };

#define KEEP_DEFAULT (14ull * 86400 * 1000000000)

static int print_json(const struct gg_json *object, struct gg_err *err)
{
	_cleanup_free_ char *text = gg_json_pretty(object);

	return command_print(text, strlen(text), err);
}

static void put_counts(struct gg_buf *b, const struct store_stats *stats)
{
	gg_buf_printf(b, "%llu blob%s (", (unsigned long long)stats->blobs,
		      stats->blobs == 1 ? "" : "s");
	table_put_size(b, stats->blob_bytes);
	gg_buf_printf(b, "), %llu tree%s (", (unsigned long long)stats->trees,
		      stats->trees == 1 ? "" : "s");
	table_put_size(b, stats->tree_bytes);
	gg_buf_puts(b, ")");
	if (stats->caches) {
		gg_buf_printf(b, ", %llu cache%s (", (unsigned long long)stats->caches,
			      stats->caches == 1 ? "" : "s");
		table_put_size(b, stats->cache_bytes);
		gg_buf_puts(b, ")");
	}
}

/* ---- ls ---- */

/* One line of the list: a result, or all packages together. */
struct row {
	char *name; /* owned */
	uint64_t size;
	int64_t used;
};

struct rows {
	struct row *v;
	size_t n, cap;
	struct row packages;
	size_t n_packages;
};

static void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].name);
	free(r->v);
}
#define _cleanup_rows_ GG_CLEANUP(rows_done)

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Sorted by digest, as the store lists its objects. */
static uint64_t size_of(const struct gg_json *part, const char *digest)
{
	const struct gg_json *entries = gg_json_get(part, "entries");
	size_t low = 0, high = gg_json_len(entries);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct gg_json *e = gg_json_at(entries, middle);
		int order = strcmp(gg_json_get_str(e, "digest", ""), digest);

		if (order == 0)
			return (uint64_t)gg_json_get_int(e, "size", 0);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

static void put_row(struct rows *rows, const struct row *row)
{
	GG_GROW(rows->v, rows->n, rows->cap);
	rows->v[rows->n++] = *row;
}

static void add_cache(struct rows *rows, const struct gg_json *cache)
{
	struct row row = { .name = gg_asprintf("cache %s", gg_json_get_str(cache, "name", "")),
			   .size = (uint64_t)gg_json_get_int(cache, "size", 0),
			   .used = gg_json_get_int(cache, "used", 0) };

	put_row(rows, &row);
}

static void add_action(struct rows *rows, const struct gg_json *list, const struct gg_json *action)
{
	const struct gg_json *record = gg_json_get(action, "record");
	const char *kind = gg_json_get_str(record, "kind", ""),
		   *name = gg_json_get_str(record, "name", NULL);
	struct row row = { .used = gg_json_get_int(action, "used", 0) };

	row.size = size_of(gg_json_get(list, "trees"), gg_json_get_str(record, "tree", ""));
	row.size += size_of(gg_json_get(list, "blobs"), gg_json_get_str(record, "blob", ""));
	if (gg_streq(kind, "deb")) {
		rows->n_packages++;
		rows->packages.size += row.size;
		rows->packages.used =
			row.used > rows->packages.used ? row.used : rows->packages.used;
	} else if (name) {
		row.name = gg_strdup(name);
		put_row(rows, &row);
	}
}

/* One layer under two keys, that of its history and that of its content, is one line. */
static void drop_twins(struct rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct row *last = kept ? &rows->v[kept - 1] : NULL, *row = &rows->v[i];

		if (!last || compare_rows(last, row) != 0) {
			rows->v[kept++] = *row;
			continue;
		}
		last->used = row->used > last->used ? row->used : last->used;
		free(row->name);
	}
	rows->n = kept;
}

static void add_rows(struct rows *rows, const struct gg_json *list)
{
	const struct gg_json *actions = gg_json_get(gg_json_get(list, "actions"), "entries");
	const struct gg_json *caches = gg_json_get(gg_json_get(list, "caches"), "entries");

	for (size_t i = 0; i < gg_json_len(actions); i++)
		add_action(rows, list, gg_json_at(actions, i));
	for (size_t i = 0; i < gg_json_len(caches); i++)
		add_cache(rows, gg_json_at(caches, i));
	if (rows->n_packages) {
		rows->packages.name = gg_asprintf("%zu package%s", rows->n_packages,
						  rows->n_packages == 1 ? "" : "s");
		put_row(rows, &rows->packages);
	}
	if (rows->n)
		qsort(rows->v, rows->n, sizeof(*rows->v), compare_rows);
	drop_twins(rows);
}

static char *date(int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[16] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	return gg_strdup(text);
}

static int print_list(const struct gg_json *list, const struct store_stats *stats,
		      struct gg_err *err)
{
	_cleanup_table_ struct table t = { .columns = 3, .right = 1 << 0 };
	_cleanup_rows_ struct rows rows = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };

	add_rows(&rows, list);
	for (size_t i = 0; i < rows.n; i++) {
		table_take(&t, table_size(rows.v[i].size));
		table_take(&t, date(rows.v[i].used));
		table_add(&t, rows.v[i].name);
	}
	table_print(&t, &text);
	gg_buf_printf(&text, "%s: ", gg_json_get_str(list, "path", ""));
	put_counts(&text, stats);
	gg_buf_putc(&text, '\n');
	return command_print(text.data, text.len, err);
}

static int list(struct store *s, const struct options *o, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *object = gg_json_object();
	struct store_stats stats;

	if (store_list(s, object, &stats, err) < 0)
		return -1;
	return o->json ? print_json(object, err) : print_list(object, &stats, err);
}

/* ---- verify, gc ---- */

static struct gg_json *counts_json(const struct store_stats *stats)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_int(o, "blobs", (int64_t)stats->blobs);
	gg_json_set_int(o, "blob-bytes", (int64_t)stats->blob_bytes);
	gg_json_set_int(o, "trees", (int64_t)stats->trees);
	gg_json_set_int(o, "tree-bytes", (int64_t)stats->tree_bytes);
	gg_json_set_int(o, "actions", (int64_t)stats->actions);
	gg_json_set_int(o, "caches", (int64_t)stats->caches);
	gg_json_set_int(o, "cache-bytes", (int64_t)stats->cache_bytes);
	return o;
}

static int print_verified(const struct options *o, const struct gg_strv *bad,
			  const struct store_stats *stats, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (o->json) {
		_cleanup_json_ struct gg_json *object = counts_json(stats);
		struct gg_json *array = gg_json_array();

		for (size_t i = 0; i < bad->n; i++)
			gg_json_append_str(array, bad->v[i]);
		gg_json_take(object, "bad", array);
		return print_json(object, err);
	}
	for (size_t i = 0; i < bad->n; i++)
		gg_buf_printf(&text, "bad %s\n", bad->v[i]);
	put_counts(&text, stats);
	gg_buf_printf(&text, " read, %zu bad\n", bad->n);
	return command_print(text.data, text.len, err);
}

static int verify(struct store *s, const struct options *o, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv bad = { 0 };
	struct store_stats stats;

	if (store_verify(s, &bad, &stats, err) < 0 || print_verified(o, &bad, &stats, err) < 0)
		return -1;
	if (bad.n == 0)
		return 0;
	return gg_fail(err, GG_INTEGRITY, "%zu damaged object%s moved aside; a build makes %s anew",
		       bad.n, bad.n == 1 ? " was" : "s were", bad.n == 1 ? "it" : "them");
}

static int collect(struct store *s, const struct options *o, struct gg_err *err)
{
	uint64_t keep = o->all ? 0 : o->keep ? o->keep : KEEP_DEFAULT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct store_stats stats;

	if (o->all && o->keep)
		return gg_fail(err, GG_USAGE, "--all keeps nothing and --keep keeps something");
	if (store_gc(s, keep, o->size, &stats, err) < 0)
		return -1;
	if (o->json) {
		_cleanup_json_ struct gg_json *object = counts_json(&stats);

		gg_json_set_int(object, "removed", (int64_t)stats.removed);
		gg_json_set_int(object, "removed-bytes", (int64_t)stats.removed_bytes);
		return print_json(object, err);
	}
	gg_buf_printf(&text, "removed %llu object%s, ", (unsigned long long)stats.removed,
		      stats.removed == 1 ? "" : "s");
	table_put_size(&text, stats.removed_bytes);
	gg_buf_puts(&text, "; left: ");
	put_counts(&text, &stats);
	gg_buf_putc(&text, '\n');
	return command_print(text.data, text.len, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	const char *word = args->v[0];
	_cleanup_config_ struct config *config = NULL;
	_cleanup_free_ char *path = NULL, *ids = NULL;
	_cleanup_store_ struct store *s = NULL;
	GG_CLEANUP(userns_done) struct userns ns = { 0 };
	struct store_options how = { .exclusive = gg_streq(word, "gc") };

	if (!gg_streq(word, "ls") && !gg_streq(word, "verify") && !how.exclusive) {
		gg_fail(err, GG_USAGE, "unknown command 'store %s'", word);
		return gg_hint(err, "there are: ls, verify, gc");
	}
	if (settings_read(&config, err) < 0)
		return -1;
	path = command_store_path(&o->common, config, err);
	if (!path || userns_choose(o->common.userns, &ns, err) < 0)
		return -1;
	ids = settle_ids(&ns);
	how.ids = ids;
	/* Its list's sizes, too, are of files that only the namespace's root may see. */
	if (store_open(path, &how, &s, err) < 0 || settle(&ns, s, NULL, err) < 0)
		return -1;
	if (how.exclusive)
		return collect(s, o, err);
	return gg_streq(word, "ls") ? list(s, o, err) : verify(s, o, err);
}

const struct command_def command_store = {
	.name = "store",
	.args = "ls|verify|gc",
	.summary = "list, check or clean the store",
	.text = "The store holds blobs (package archives, layers, downloads), unpacked trees and "
		"the results of steps, all "
		"by the digest of their content. Its place is --store, else "
		"$XDG_CACHE_HOME/ggbuild, else "
		"~/.cache/ggbuild. What is missing in it is made or fetched again.\n\n"
		"  ls      results by size, with the day of their last use\n"
		"  verify  reads everything; damaged objects are moved aside (exit status 6)\n"
		"  gc      removes what was not used lately; waits for running builds",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.words = words,
	.options_size = sizeof(struct options),
	.run = run,
};
