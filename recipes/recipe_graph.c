/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of stages: each follows what it is from and copies from. Kept as near to the file's order as that
 * allows, so that plans read like the recipe.
 */
#include "recipes/recipe_read.h"

#include <string.h>

enum colour { WHITE, GREY, BLACK };

struct graph {
	struct check *c;
	const struct recipe_stage *stages;
	size_t n;
	struct check_names index; /* sorted; pos.line is the stage's number */
	enum colour *colours;
	size_t *path; /* the grey ones, in order */
	size_t depth;
	struct recipe_stage *sorted;
	size_t n_sorted;
};

static void visit(struct graph *g, size_t i);

static void show_cycle(struct graph *g, size_t to, struct gg_pos pos)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	size_t from = g->depth, shown = 0;

	while (from && g->path[from - 1] != to)
		from--;
	for (size_t k = from ? from - 1 : 0; k < g->depth; k++, shown++) {
		if (shown == 12) {
			gg_buf_puts(&b, "… -> ");
			break;
		}
		gg_buf_printf(&b, "%s -> ", g->stages[g->path[k]].name);
	}
	gg_buf_puts(&b, g->stages[to].name);
	if (g->depth && g->path[g->depth - 1] == to) {
		check_fail(g->c, pos, "stage '%s' needs itself", g->stages[to].name);
		check_hint(g->c, "take it from another stage");
		return;
	}
	check_fail(g->c, pos, "stages need each other in a circle: %s", b.data);
	check_hint(g->c, "move what both need into a stage of its own");
}

static void follow(struct graph *g, const char *name, struct gg_pos pos)
{
	const struct check_name *found = name ? check_find(&g->index, name) : NULL;

	if (!found) /* an input, or an error that has been said */
		return;
	if (g->colours[found->pos.line] == GREY)
		show_cycle(g, found->pos.line, pos);
	else
		visit(g, found->pos.line);
}

static void visit(struct graph *g, size_t i)
{
	const struct recipe_stage *stage = &g->stages[i];

	if (g->colours[i] != WHITE)
		return;
	g->colours[i] = GREY;
	g->path[g->depth++] = i;
	if (stage->from.kind == RECIPE_FROM_STAGE)
		follow(g, stage->from.stage, stage->from.pos);
	for (size_t s = 0; s < stage->n_steps; s++)
		for (size_t k = 0; k < stage->steps[s].n_copies; k++)
			follow(g, stage->steps[s].copies[k].from, stage->steps[s].copies[k].pos);
	g->depth--;
	g->colours[i] = BLACK;
	g->sorted[g->n_sorted++] = *stage;
}

void graph_sort(struct check *c)
{
	struct recipe *r = c->recipe;
	_cleanup_free_ enum colour *colours = gg_calloc(r->n_stages, sizeof(*colours));
	_cleanup_free_ size_t *path = gg_calloc(r->n_stages, sizeof(*path));
	struct graph g = {
		.c = c, .stages = r->stages, .n = r->n_stages, .colours = colours, .path = path
	};

	g.index.v = gg_arena_calloc(c->arena, g.n, sizeof(*g.index.v));
	for (size_t i = 0; i < g.n; i++)
		g.index.v[g.index.n++] =
			(struct check_name){ g.stages[i].name, { .line = (unsigned)i } };
	check_sort_names(&g.index);
	g.sorted = gg_arena_calloc(c->arena, g.n, sizeof(*g.sorted));
	for (size_t i = 0; i < g.n; i++)
		visit(&g, i);
	r->stages = g.sorted;
}
