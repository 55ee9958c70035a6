/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan_private.h"

#include "builder/compressor.h"

static size_t add_user(struct plan_making *m, const struct plan_ids *below)
{
	const struct recipe_user *u = &m->in->recipe->image.user;
	struct plan_node n = { .kind = PLAN_USER, .name = "layer user", .below = below->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	plan_text_begin(&text, PLAN_USER, PLAN_LAYER_VERSION);
	plan_line_below(m, &text, below);
	gg_buf_printf(&text, "user %s %u %u\n", u->name, u->uid, u->gid);
	plan_line_optional(&text, "group", u->group);
	plan_line_optional(&text, "home", u->home);
	plan_line_optional(&text, "shell", u->shell);
	plan_line_int(&text, "replace", u->replace);
	plan_line_int(&text, "epoch", m->plan->epoch);
	plan_ids_add_all(&deps, below);
	return plan_add_node(m, &n, &text, &deps);
}

/* Destinations may run through symlinks of the base (/bin), parents keep the base's mode and owner, owners are the
 * base's names, libraries may be there already: a declared layer depends on all that is below it. */
static size_t add_layer(struct plan_making *m, const struct recipe_layer *l,
			const struct plan_ids *below)
{
	struct plan_node n = { .kind = PLAN_LAYER, .layer = l, .below = below->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "layer %s", l->name);
	plan_text_begin(&text, PLAN_LAYER, PLAN_LAYER_VERSION);
	plan_line_below(m, &text, below);
	plan_ids_add_all(&deps, below);
	plan_describe_copies(m, &text, &deps, l->copies, l->n_copies);
	plan_describe_makes(&text, l->makes, l->n_makes);
	return plan_add_node(m, &n, &text, &deps);
}

/* What decides the bytes: the golden block's digest, or where the lock knows none, the library's version. */
static void describe_compressor(const struct lock_formats *f, const struct recipe_image *image,
				struct gg_buf *text)
{
	enum compress_kind kind = compressor_kind(image);
	const struct lock_compressor *c = compressor_of(f, kind),
				     *known = compressor_known(f, image);

	plan_line_int(text, "compressor", c ? c->format : 0);
	if (known)
		plan_line_digest(text, "golden", &known->golden);
	else
		plan_line_optional(text, "library", compress_library(kind));
}

static size_t add_pack(struct plan_making *m, size_t tree)
{
	static const char *const names[] = { "gzip", "zstd", "none" };
	const struct recipe_image *image = &m->in->recipe->image;
	struct plan_node n = { .kind = PLAN_PACK };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "pack %s", plan_node_at(m, tree)->name);
	plan_text_begin(&text, PLAN_PACK, m->in->lock->formats.tar);
	plan_line_digest(&text, "tree", &plan_node_at(m, tree)->key);
	plan_line(&text, "compression", names[image->compression]);
	describe_compressor(&m->in->lock->formats, image, &text);
	plan_line_int(&text, "level", image->level);
	plan_line_int(&text, "mtime", m->plan->epoch);
	plan_ids_add(&deps, tree);
	return plan_add_node(m, &n, &text, &deps);
}

static size_t add_test(struct plan_making *m, const struct recipe_test *t,
		       const struct plan_ids *layers)
{
	const struct recipe_image *image = &m->in->recipe->image;
	struct plan_node n = { .kind = PLAN_TEST, .test = t, .image = m->plan->image };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "test %s", t->name);
	plan_text_begin(&text, PLAN_TEST, PLAN_TEST_VERSION);
	plan_line_below(m, &text, layers);
	plan_ids_add_all(&deps, layers);
	plan_describe_command(&text, &t->command);
	plan_line_list(&text, "image-env", &image->env);
	plan_line_list(&text, "env", &t->env);
	plan_line_optional(&text, "user", t->user ? t->user : image->user.name);
	plan_line_optional(&text, "workdir", t->workdir ? t->workdir : image->workdir);
	plan_line_int(&text, "exit", t->exit);
	plan_line_list(&text, "stdout-line", &t->stdout_lines);
	plan_line_list(&text, "stderr-line", &t->stderr_lines);
	plan_line_optional(&text, "stdout", t->stdout_text);
	if (n.image) {
		plan_line_digest(&text, "config", &n.image->lock->config.digest);
		plan_ids_add(&deps, n.image->documents);
	}
	return plan_add_node(m, &n, &text, &deps);
}

/* Docker and podman refuse more, for they mount one directory a layer. */
enum { IMAGE_LAYERS_MAX = 127 };

int plan_make_image(struct plan_making *m, struct gg_err *err)
{
	const struct recipe *r = m->in->recipe;
	struct plan *p = m->plan;
	_cleanup_plan_ids_ struct plan_ids layers = { 0 }, packs = { 0 }, tests = { 0 };

	if (!r->image.present)
		return 0;
	if (r->image.from) {
		const struct plan_stage *base = plan_stage_of(m, r->image.from);

		for (size_t i = 0; i < base->n_chain; i++)
			plan_ids_add(&layers, base->chain[i]);
		p->image = base->image;
	}
	if (r->image.user.name)
		plan_ids_add(&layers, add_user(m, &layers));
	for (size_t i = 0; i < r->image.n_layers; i++)
		plan_ids_add(&layers, add_layer(m, &r->image.layers[i], &layers));
	if (layers.n > IMAGE_LAYERS_MAX) {
		gg_fail_at(err, GG_RECIPE, r->image.from_pos,
			   "the image would have %zu layers, and engines take at most %d", layers.n,
			   IMAGE_LAYERS_MAX);
		return gg_hint(err,
			       "each step of the stage '%s' is one: put several commands into a "
			       "step, or copy what "
			       "the image needs out of the stage",
			       r->image.from ? r->image.from : "");
	}
	/* An image's layers stay what they are, byte for byte. */
	for (size_t i = 0; i < layers.n; i++)
		plan_ids_add(&packs, p->image && i < p->image->lock->n_layers
					     ? p->image->blobs[i]
					     : add_pack(m, layers.v[i]));
	for (size_t i = 0; i < r->n_tests; i++)
		plan_ids_add(&tests, add_test(m, &r->tests[i], &layers));
	p->has_image = true;
	p->layers = plan_ids_keep(p->arena, &layers);
	p->n_layers = layers.n;
	p->packs = plan_ids_keep(p->arena, &packs);
	p->tests = plan_ids_keep(p->arena, &tests);
	p->n_tests = tests.n;
	return 0;
}
