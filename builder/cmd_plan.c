/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild plan`: what a build would do. Reads the recipe, the lock, local inputs and the store; makes nothing.
 */
#include <string.h>

#include "builder/build.h"
#include "builder/commands.h"
#include "builder/forecast.h"
#include "builder/table.h"
#include "layers/base/json.h"

struct options {
	struct common_options common;
	const char *target;
	bool json;
};

static const struct option_def defs[] = {
	{ .name = "target",
	  .arg = "STAGE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, target),
	  .help = "plan only this stage and what it needs" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print every node with its key and the key's text" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_LOOK_GROUP };

static char *describe_step(const struct plan_node *n)
{
	switch (n->step->kind) {
	case RECIPE_STEP_RUN:
		return gg_strdup("run");
	case RECIPE_STEP_FETCH:
		return gg_strdup(n->pinned ? "fetch, pinned" : "fetch, not pinned");
	case RECIPE_STEP_COPY:
		return gg_strdup("copy");
	case RECIPE_STEP_MAKE:
		return gg_strdup("make");
	}
	return gg_strdup("?");
}

static char *describe(const struct recipe *r, const struct plan_node *n)
{
	static const char *const compressions[] = { "gzip", "zstd", "uncompressed" };

	switch (n->kind) {
	case PLAN_DEB:
		break;
	case PLAN_DISTRO:
		return gg_asprintf("%s %s, %zu packages", n->stage->from.distro,
				   n->stage->from.suite, n->distro->n_packages);
	case PLAN_ROOTFS:
		return gg_strdup(n->stage->from.rootfs);
	case PLAN_BLOB:
		return gg_strdup("blob");
	case PLAN_BASE:
		return gg_strdup(n->image->reference);
	case PLAN_IMAGE:
		return gg_strdup("base");
	case PLAN_FLAT:
		return gg_strdup(n->input->image);
	case PLAN_LOCAL:
		return gg_asprintf("directory %s", n->input->local);
	case PLAN_URL:
		return gg_strdup(n->input->url);
	case PLAN_STEP:
		return describe_step(n);
	case PLAN_USER:
		return gg_asprintf("user %s %u:%u", r->image.user.name, r->image.user.uid,
				   r->image.user.gid);
	case PLAN_LAYER:
		return gg_strdup("layer");
	case PLAN_PACK:
		return gg_strdup(compressions[r->image.compression]);
	case PLAN_TEST:
		return gg_strdup("test");
	}
	return gg_strdup("");
}

/* Told with what is made of it. */
static bool is_part(const struct plan_node *n)
{
	return n->kind == PLAN_DEB || n->kind == PLAN_BLOB;
}

/* Of a node and its parts. */
static void put_downloads(const struct plan *p, const struct forecast *f, size_t id,
			  struct gg_buf *ret)
{
	const struct plan_node *n = &p->nodes[id];
	uint64_t bytes = 0;
	size_t files = 0;

	for (size_t i = 0; i < n->n_deps + 1; i++) {
		size_t dep = i < n->n_deps ? n->deps[i] : id;
		const struct plan_node *d = &p->nodes[dep];

		if (!f->nodes[dep].download || (dep != id && !is_part(d)))
			continue;
		files++;
		bytes += d->blob_size == UINT64_MAX ? 0 : d->blob_size;
	}
	if (files == 0)
		return;
	gg_buf_puts(ret, ", download ");
	if (n->kind == PLAN_DISTRO)
		gg_buf_printf(ret, "%zu package%s", files, files == 1 ? "" : "s");
	if (bytes && n->kind == PLAN_DISTRO)
		gg_buf_puts(ret, ", ");
	if (bytes)
		table_put_size(ret, bytes);
	else if (n->kind != PLAN_DISTRO)
		gg_buf_puts(ret, "of unknown size");
}

static char *state(const struct plan *p, const struct forecast *f, size_t id)
{
	const struct forecast_node *n = &f->nodes[id];
	_cleanup_buf_ struct gg_buf b = { 0 };

	if (n->cached)
		return gg_strdup("cached");
	if (!n->needed)
		return gg_strdup("not needed");
	gg_buf_puts(&b, "run");
	if (n->waits_for != SIZE_MAX && n->waits_for != id)
		gg_buf_printf(&b, ", known after %s", p->nodes[n->waits_for].name);
	put_downloads(p, f, id, &b);
	return gg_buf_steal(&b);
}

static void put_summary(const struct plan *p, const struct forecast *f, const bool *reached,
			struct gg_buf *ret)
{
	size_t run = 0, cached = 0, fetches = 0;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct plan_node *n = &p->nodes[i];

		if (!reached[i] || is_part(n))
			continue;
		run += forecast_runs(&f->nodes[i]);
		cached += f->nodes[i].cached;
		fetches += forecast_runs(&f->nodes[i]) && n->kind == PLAN_STEP &&
			   n->step->kind == RECIPE_STEP_FETCH;
	}
	gg_buf_printf(ret, "%zu to run, %zu cached", run, cached);
	if (f->n_downloads) {
		gg_buf_printf(ret, "; %zu file%s to download, %s", f->n_downloads,
			      f->n_downloads == 1 ? "" : "s", f->n_unknown ? "at least " : "");
		table_put_size(ret, f->download_bytes);
	}
	if (fetches)
		gg_buf_printf(ret, "; %zu fetch%s need%s a network", fetches,
			      fetches == 1 ? "" : "es", fetches == 1 ? "s" : "");
	gg_buf_putc(ret, '\n');
}

static int print_table(const struct recipe *r, const struct plan *p, const struct forecast *f,
		       const struct build_goals *goals, struct gg_err *err)
{
	_cleanup_free_ bool *reached = gg_calloc(p->n_nodes + 1, sizeof(*reached));
	_cleanup_table_ struct table t = { .columns = 3 };
	_cleanup_buf_ struct gg_buf text = { 0 };

	plan_reach(p, goals->v, goals->n, reached);
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (!reached[i] || is_part(&p->nodes[i]))
			continue;
		table_add(&t, p->nodes[i].name);
		table_take(&t, describe(r, &p->nodes[i]));
		table_take(&t, state(p, f, i));
	}
	table_print(&t, &text);
	put_summary(p, f, reached, &text);
	return command_print(text.data, text.len, err);
}

static void set_digest(struct gg_json *object, const char *key, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(object, key, gg_digest_text(d, text));
}

static void add_blob(struct gg_json *e, const struct plan_node *n, const struct forecast_node *f)
{
	set_digest(e, "blob", &n->blob);
	if (n->blob_size != UINT64_MAX)
		gg_json_set_int(e, "size", (int64_t)n->blob_size);
	gg_json_set_bool(e, "download", f->download);
}

static struct gg_json *node_json(const struct plan *p, const struct forecast *f, size_t id)
{
	const struct plan_node *n = &p->nodes[id];
	struct gg_json *e = gg_json_object(), *deps = gg_json_array();

	gg_json_set_int(e, "id", (int64_t)id);
	gg_json_set_str(e, "kind", plan_kind_name(n->kind));
	gg_json_set_str(e, "name", n->name);
	gg_json_set_bool(e, "cached", f->nodes[id].cached);
	gg_json_set_bool(e, "runs", forecast_runs(&f->nodes[id]));
	for (size_t i = 0; i < n->n_deps; i++)
		gg_json_append_take(deps, gg_json_int((int64_t)n->deps[i]));
	gg_json_take(e, "deps", deps);
	if (n->keyed) {
		set_digest(e, "key", &n->key);
		gg_json_set_str(e, "text", n->text);
	} else {
		gg_json_set_str(e, "behind", p->nodes[f->nodes[id].waits_for].name);
	}
	if (!gg_digest_is_zero(&n->blob))
		add_blob(e, n, &f->nodes[id]);
	if (n->definition_text) {
		gg_json_set_bool(e, "pinned", n->pinned);
		set_digest(e, "definition", &n->definition);
		gg_json_set_str(e, "definition-text", n->definition_text);
	}
	if (n->pinned)
		set_digest(e, "pin", &n->pin);
	return e;
}

static int print_json(const struct recipe *r, const struct plan *p, const struct forecast *f,
		      const struct build_goals *goals, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *top = gg_json_object();
	struct gg_json *nodes = gg_json_array(), *wanted = gg_json_array(),
		       *downloads = gg_json_object();
	_cleanup_free_ char *text = NULL;

	gg_json_set_str(top, "recipe", r->name);
	gg_json_set_str(top, "platform", command_platform());
	gg_json_set_int(top, "epoch", p->epoch);
	gg_json_set_bool(top, "hermetic", p->hermetic);
	for (size_t i = 0; i < goals->n; i++)
		gg_json_append_take(wanted, gg_json_int((int64_t)goals->v[i]));
	gg_json_take(top, "goals", wanted);
	gg_json_set_int(downloads, "files", (int64_t)f->n_downloads);
	gg_json_set_int(downloads, "bytes", (int64_t)f->download_bytes);
	gg_json_set_int(downloads, "unknown", (int64_t)f->n_unknown);
	gg_json_take(top, "downloads", downloads);
	for (size_t i = 0; i < p->n_nodes; i++)
		gg_json_append_take(nodes, node_json(p, f, i));
	gg_json_take(top, "nodes", nodes);
	text = gg_json_pretty(top);
	return command_print(text, strlen(text), err);
}

static int plan(struct command_session *c, const void *options, const struct gg_strv *args,
		struct gg_err *err)
{
	const struct options *o = options;
	struct build_options how = { .target = o->target, .platform = command_platform() };
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	_cleanup_forecast_ struct forecast f = { 0 };
	_cleanup_plan_ struct plan *p = NULL;

	(void)args;
	if (build_plan(&c->session, &c->project, how.platform, &p, err) < 0 ||
	    build_goals(&c->session, p, &how, &goals, err) < 0 ||
	    forecast_make(c->session.store, p, goals.v, goals.n, &f, err) < 0)
		return -1;
	if (o->json)
		return print_json(c->project.recipe, p, &f, &goals, err);
	return print_table(c->project.recipe, p, &f, &goals, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	return command_within(command_look, options, args, plan, err);
}

const struct command_def command_plan = {
	.name = "plan",
	.args = "RECIPE",
	.summary = "show what a build would do",
	.text = "Lists what would run, what is in the store already and what would be downloaded. "
		"Reads the recipe, its "
		"lock and local inputs, makes nothing and opens no connection.\n\n"
		"With --json every node of the plan: kind, name, the nodes that it reads (deps), "
		"its key and the text "
		"whose sha256 the key is; what is behind a fetch that the lock does not pin yet "
		"has no key, and "
		"'behind' names the fetch.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
