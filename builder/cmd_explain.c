/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild explain`: why a build would run what it would run. Makes nothing, as `plan`.
 */
#include <string.h>

#include "builder/build.h"
#include "builder/commands.h"
#include "builder/forecast.h"
#include "builder/reason.h"
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
	  .help = "explain the build of this stage and what it needs" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_LOOK_GROUP };

struct explanation {
	const struct recipe *recipe;
	const struct plan *plan;
	const struct forecast *forecast;
	const struct reason *reasons;
	size_t only; /* SIZE_MAX: all that would run */
};

static bool is_lost(const struct explanation *x, size_t id)
{
	return x->reasons[id].kind == REASON_NONE && !x->forecast->nodes[id].cached;
}

static void put_names(struct gg_buf *ret, const struct gg_strv *names)
{
	for (size_t i = 0; i < names->n; i++)
		gg_buf_printf(ret, "%s%s",
			      i == 0             ? ""
			      : i + 1 < names->n ? ", "
						 : " and ",
			      names->v[i]);
}

static void put_reason(const struct explanation *x, size_t id, struct gg_buf *ret)
{
	const struct reason *r = &x->reasons[id];
	bool own = r->changes.n || r->packages.n;

	switch (r->kind) {
	case REASON_NONE:
		gg_buf_puts(ret, is_lost(x, id)
					 ? "unchanged, but its result is not in the store any more"
					 : "unchanged since the last build");
		return;
	case REASON_FIRST:
		gg_buf_puts(ret, "first build");
		return;
	case REASON_CHANGED:
		gg_buf_puts(ret, own ? "changed" : "because ");
		if (r->because.n) {
			gg_buf_puts(ret, own ? ", and so did " : "");
			put_names(ret, &r->because);
			gg_buf_puts(ret, own ? "" : " changed");
		}
		return;
	case REASON_UNPINNED:
		gg_buf_printf(ret, "the lock does not pin it%s",
			      own ? ": its definition changed" : "");
		return;
	case REASON_BEHIND:
		gg_buf_puts(ret, "behind ");
		put_names(ret, &r->because);
		gg_buf_puts(ret, ", which the lock does not pin");
		return;
	}
}

static void put_step(const struct explanation *x, size_t id, struct gg_buf *ret)
{
	const struct reason *r = &x->reasons[id];
	const struct forecast_node *f = &x->forecast->nodes[id];

	gg_buf_printf(ret, "%s: ", x->plan->nodes[id].name);
	put_reason(x, id, ret);
	if (x->only == id && !forecast_runs(f))
		gg_buf_puts(ret, f->cached ? "; its result is in the store" : "; it is not needed");
	gg_buf_putc(ret, '\n');
	for (size_t i = 0; i < r->packages.n; i++)
		gg_buf_printf(ret, "  %s\n", r->packages.v[i]);
	for (size_t i = 0; i < r->changes.n; i++)
		gg_buf_printf(ret, "  %c %s\n", r->changes.v[i][0], r->changes.v[i] + 1);
}

static bool is_shown(const struct explanation *x, size_t id)
{
	if (x->only != SIZE_MAX)
		return id == x->only;
	return x->plan->nodes[id].kind != PLAN_DEB && forecast_runs(&x->forecast->nodes[id]);
}

static int print_text(const struct explanation *x, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	for (size_t i = 0; i < x->plan->n_nodes; i++)
		if (is_shown(x, i))
			put_step(x, i, &text);
	if (text.len == 0)
		gg_buf_puts(&text, "nothing would run: all results are in the store\n");
	return command_print(text.data, text.len, err);
}

static void take_list(struct gg_json *object, const char *key, const struct gg_strv *list)
{
	struct gg_json *array = gg_json_array();

	for (size_t i = 0; i < list->n; i++)
		gg_json_append_str(array, list->v[i]);
	gg_json_take(object, key, array);
}

static int print_json(const struct explanation *x, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *top = gg_json_object();
	struct gg_json *steps = gg_json_array();
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < x->plan->n_nodes; i++) {
		const struct reason *r = &x->reasons[i];
		struct gg_json *e;

		if (!is_shown(x, i))
			continue;
		e = gg_json_object();
		gg_json_set_str(e, "name", x->plan->nodes[i].name);
		gg_json_set_str(e, "kind", plan_kind_name(x->plan->nodes[i].kind));
		gg_json_set_bool(e, "runs", forecast_runs(&x->forecast->nodes[i]));
		gg_json_set_bool(e, "cached", x->forecast->nodes[i].cached);
		gg_json_set_str(e, "reason", is_lost(x, i) ? "lost" : reason_words[r->kind]);
		take_list(e, "because", &r->because);
		take_list(e, "changes", &r->changes);
		take_list(e, "packages", &r->packages);
		gg_json_append_take(steps, e);
	}
	gg_json_set_str(top, "recipe", x->recipe->name);
	gg_json_take(top, "steps", steps);
	text = gg_json_pretty(top);
	return command_print(text, strlen(text), err);
}

static int unknown_step(const struct plan *p, const char *name, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	_cleanup_buf_ struct gg_buf list = { 0 };
	const char *near;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const char *full = p->nodes[i].name, *slash = strrchr(full, '/');

		if (p->nodes[i].kind == PLAN_DEB)
			continue;
		gg_buf_printf(&list, "%s'%s'", list.len ? ", " : "", full);
		gg_strv_add(&names, full);
		if (slash && plan_find(p, slash + 1) == &p->nodes[i])
			gg_strv_add(&names, slash + 1);
	}
	near = gg_nearest(name, (const char *const *)names.v, names.n);
	gg_fail(err, GG_USAGE, "there is no step '%s'", name);
	if (near)
		return gg_hint(err, "did you mean '%s'? There are: %s", near, list.data);
	return gg_hint(err, "there are: %s", list.data ? list.data : "none");
}

static int find_step(const struct plan *p, const char *name, size_t *ret, struct gg_err *err)
{
	const struct plan_node *n = name ? plan_find(p, name) : NULL;

	*ret = SIZE_MAX;
	if (!name)
		return 0;
	if (!n || n->kind == PLAN_DEB)
		return unknown_step(p, name, err);
	*ret = (size_t)(n - p->nodes);
	return 0;
}

static int explain(struct command_session *c, const void *options, const struct gg_strv *args,
		   struct gg_err *err)
{
	const struct options *o = options;
	const char *step = args->n > 1 ? args->v[1] : NULL;
	struct build_options how = { .target = o->target, .platform = command_platform() };
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	_cleanup_forecast_ struct forecast f = { 0 };
	_cleanup_plan_ struct plan *p = NULL;
	struct explanation x = { .recipe = c->project.recipe, .forecast = &f };
	struct reason *reasons;
	int r;

	if (build_plan(&c->session, &c->project, how.platform, &p, err) < 0 ||
	    build_goals(&c->session, p, &how, &goals, err) < 0 ||
	    find_step(p, step, &x.only, err) < 0 ||
	    forecast_make(c->session.store, p, goals.v, goals.n, &f, err) < 0 ||
	    reasons_find(c->session.store, c->project.recipe, p, &f, &reasons, err) < 0)
		return -1;
	x.plan = p;
	x.reasons = reasons;
	r = o->json ? print_json(&x, err) : print_text(&x, err);
	reasons_free(reasons, p);
	return r;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	return command_within(command_look, options, args, explain, err);
}

const struct command_def command_explain = {
	.name = "explain",
	.args = "RECIPE [STEP]",
	.summary = "say why a build would run a step",
	.text = "Compares what decides each step's result with what it was in the last build: the "
		"lines that changed, "
		"the packages that have other versions, the step that it follows from. Without "
		"STEP, everything that "
		"would run. Names are those of `ggbuild plan`: STAGE/STEP, 'layer NAME', or a "
		"step's name alone.",
	.min_args = 1,
	.max_args = 2,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
