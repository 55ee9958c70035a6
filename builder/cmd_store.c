/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild store ls|verify|gc`.
 */
#include <string.h>

#include "builder/commands.h"
#include "builder/settings.h"
#include "layers/base/json.h"
#include "layers/store.h"

struct options {
	struct common_options common;
	uint64_t keep, size;
};

static const struct option_def defs[] = {
	{ .name = "keep", .arg = "TIME", .kind = OPTION_TIME, .offset = offsetof(struct options, keep),
	  .help = "gc: keep what was used within this time (default 14d)" },
	{ .name = "max-size", .arg = "SIZE", .kind = OPTION_SIZE, .offset = offsetof(struct options, size),
	  .help = "gc: remove the oldest until the store is at most this large" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) }, COMMAND_COMMON_GROUP };
static const char *const words[] = { "ls", "verify", "gc", NULL };

#define KEEP_DEFAULT (14ull * 86400 * 1000000000)

static int list(struct store *s, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *object = gg_json_object();
	_cleanup_free_ char *text = NULL;
	struct store_stats stats;

	if (store_list(s, object, &stats, err) < 0)
		return -1;
	text = gg_json_pretty(object);
	return command_print(text, strlen(text), err);
}

static int verify(struct store *s, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv bad = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct store_stats stats;

	if (store_verify(s, &bad, &stats, err) < 0)
		return -1;
	for (size_t i = 0; i < bad.n; i++)
		gg_buf_printf(&text, "bad %s\n", bad.v[i]);
	gg_buf_printf(&text, "%llu blobs, %llu trees, %zu bad\n", (unsigned long long)stats.blobs,
		      (unsigned long long)stats.trees, bad.n);
	if (command_print(text.data, text.len, err) < 0)
		return -1;
	if (bad.n == 0)
		return 0;
	return gg_fail(err, GG_INTEGRITY, "%zu damaged objects were moved aside; a build makes them anew", bad.n);
}

static int collect(struct store *s, const struct options *o, struct gg_err *err)
{
	_cleanup_free_ char *text = NULL;
	struct store_stats stats;

	if (store_gc(s, o->keep ? o->keep : KEEP_DEFAULT, o->size, &stats, err) < 0)
		return -1;
	text = gg_asprintf("removed %llu objects, %llu bytes\n", (unsigned long long)stats.removed,
			   (unsigned long long)stats.removed_bytes);
	return command_print(text, strlen(text), err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_config_ struct config *config = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_store_ struct store *s = NULL;
	struct userns ns;
	struct store_options how = { .exclusive = gg_streq(args->v[0], "gc") };

	if (settings_read(&config, err) < 0)
		return -1;
	path = command_store_path(&o->common, config, err);
	if (!path || userns_detect(&ns, err) < 0)
		return -1;
	how.id_base = ns.base;
	if (!gg_streq(args->v[0], "ls") && !gg_streq(args->v[0], "verify") && !how.exclusive) {
		gg_fail(err, GG_USAGE, "store '%s' is no command", args->v[0]);
		return gg_hint(err, "there are: ls, verify, gc");
	}
	if (store_open(path, &how, &s, err) < 0)
		return -1;
	if (how.exclusive)
		return collect(s, o, err);
	return gg_streq(args->v[0], "ls") ? list(s, err) : verify(s, err);
}

const struct command_def command_store = {
	.name = "store", .args = "ls|verify|gc", .summary = "list, check or clean the store",
	.min_args = 1, .max_args = 1, .groups = groups, .n_groups = GG_LEN(groups), .words = words,
	.options_size = sizeof(struct options), .run = run,
};
