/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan_private.h"

#include <assert.h>

#include "layers/tree.h"

static size_t find_key(const struct plan *p, enum plan_kind kind, const struct gg_digest *blob)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind == kind && gg_digest_eq(&p->nodes[i].blob, blob))
			return i;
	return SIZE_MAX;
}

static size_t add_deb(struct plan_making *m, const struct recipe_stage *stage,
		      const struct lock_package *package)
{
	struct plan_node n = { .kind = PLAN_DEB,
			       .stage = stage,
			       .package = package,
			       .blob = package->sha256,
			       .blob_size = package->size };
	_cleanup_buf_ struct gg_buf text = { 0 };
	size_t found = find_key(m->plan, PLAN_DEB, &package->sha256);

	if (found != SIZE_MAX)
		return found;
	n.name = gg_arena_printf(m->plan->arena, "package %s", package->name);
	plan_text_begin(&text, PLAN_DEB, PLAN_DEB_VERSION);
	plan_line_int(&text, "tree", TREE_FORMAT);
	plan_line_digest(&text, "archive", &package->sha256);
	return plan_add_node(m, &n, &text, NULL);
}

void plan_distro_suites(const struct recipe_from *from, struct gg_strv *ret)
{
	for (size_t i = 0; i < from->suites.n; i++)
		gg_strv_add(ret, from->suites.v[i]);
	if (from->suites.n)
		return;
	gg_strv_add(ret, from->suite);
	gg_strv_addf(ret, "%s-updates", from->suite);
	gg_strv_addf(ret, "%s-security", from->suite);
}

char *plan_distro_key(const struct recipe_from *from)
{
	_cleanup_strv_ struct gg_strv suites = { 0 }, components = { 0 }, request = { 0 };

	plan_distro_suites(from, &suites);
	for (size_t i = 0; i < from->components.n; i++)
		gg_strv_add(&components, from->components.v[i]);
	for (size_t i = 0; i < from->packages.n; i++)
		gg_strv_add(&request, from->packages.v[i]);
	return lock_distro_key(from->distro, &suites, &components, &request, from->essential);
}

static int not_locked(struct gg_err *err, struct gg_pos pos, const char *what, const char *name)
{
	gg_fail_at(err, GG_LOCK, pos, "%s '%s' are not in the lock as the recipe has them", what,
		   name);
	return gg_hint(err, "resolve them with `ggbuild lock`, which needs a network");
}

static int add_distro(struct plan_making *m, const struct recipe_stage *stage, size_t *ret,
		      struct gg_err *err)
{
	struct plan_node n = { .kind = PLAN_DISTRO, .stage = stage, .name = stage->name };
	_cleanup_free_ char *key = plan_distro_key(&stage->from);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	n.distro = lock_find_distro(m->platform, key);
	if (!n.distro)
		return not_locked(err, stage->from.pos, "the packages of stage", stage->name);
	plan_text_begin(&text, PLAN_DISTRO, PLAN_DISTRO_VERSION);
	plan_line(&text, "distro", stage->from.distro);
	plan_line(&text, "suite", stage->from.suite);
	plan_line_int(&text, "scripts", stage->from.scripts);
	plan_line_int(&text, "epoch", m->plan->epoch);
	plan_line_list(&text, "exclude", &stage->from.exclude);
	for (size_t i = 0; i < n.distro->n_packages; i++) {
		const struct lock_package *p = &n.distro->packages[i];
		char hex[GG_DIGEST_HEX];

		gg_buf_printf(&text, "package %s %s %s %s\n", p->name, p->version, p->architecture,
			      gg_digest_hex(&p->sha256, hex));
		plan_ids_add(&deps, add_deb(m, stage, p));
	}
	*ret = plan_add_node(m, &n, &text, &deps);
	return 0;
}

static size_t add_rootfs(struct plan_making *m, const struct recipe_stage *stage)
{
	struct plan_node n = {
		.kind = PLAN_ROOTFS, .stage = stage, .name = stage->name, .blob_size = UINT64_MAX
	};
	_cleanup_buf_ struct gg_buf text = { 0 };

	n.blob = stage->from.sha256;
	if (gg_digest_is_zero(&n.blob))
		n.blob = m->in->rootfs_files[stage - m->in->recipe->stages];
	plan_text_begin(&text, PLAN_ROOTFS, PLAN_ROOTFS_VERSION);
	plan_line_int(&text, "tree", TREE_FORMAT);
	plan_line_digest(&text, "archive", &n.blob);
	return plan_add_node(m, &n, &text, NULL);
}

static uint64_t url_size(const struct lock *lock, const struct gg_digest *sha256)
{
	for (size_t i = 0; i < lock->n_urls; i++)
		if (gg_digest_eq(&lock->urls[i].sha256, sha256))
			return lock->urls[i].size;
	return UINT64_MAX;
}

static size_t add_input(struct plan_making *m, const struct recipe_input *input)
{
	struct plan_node n = { .input = input, .name = input->name, .blob_size = UINT64_MAX };
	_cleanup_buf_ struct gg_buf text = { 0 };

	for (size_t i = 0; i < m->plan->n_nodes; i++)
		if (m->plan->nodes[i].input == input)
			return i;
	switch (input->kind) {
	case RECIPE_INPUT_LOCAL:
		n.kind = PLAN_LOCAL;
		plan_text_begin(&text, PLAN_LOCAL, TREE_FORMAT);
		plan_line_digest(&text, "content", &m->in->locals[input - m->in->recipe->inputs]);
		break;
	case RECIPE_INPUT_URL:
		n.kind = PLAN_URL;
		n.blob = input->sha256;
		n.blob_size = url_size(m->in->lock, &input->sha256);
		plan_text_begin(&text, PLAN_URL, 1);
		plan_line_digest(&text, "content", &input->sha256);
		break;
	case RECIPE_INPUT_IMAGE:
		return plan_add_image_input(m, input);
	}
	return plan_add_node(m, &n, &text, NULL);
}

/* Every one, used or not: a lock that is complete answers for the whole recipe. */
int plan_check_inputs(struct plan_making *m, struct gg_err *err)
{
	for (size_t i = 0; i < m->in->recipe->n_inputs; i++) {
		const struct recipe_input *input = &m->in->recipe->inputs[i];

		if (input->kind == RECIPE_INPUT_URL &&
		    url_size(m->in->lock, &input->sha256) == UINT64_MAX)
			return not_locked(err, input->pos, "the contents of input", input->name);
		if (input->kind == RECIPE_INPUT_IMAGE &&
		    plan_find_image(m, input->image, input->pos, err) == NULL)
			return -1;
	}
	return 0;
}

/* A source's identity is the key of its topmost node, which chains down; an empty stage has none. */
static void line_source(struct plan_making *m, struct gg_buf *text, struct plan_ids *deps,
			const char *label, const char *name)
{
	const struct recipe_input *input = recipe_input(m->in->recipe, name);
	struct plan_stage *stage;

	if (input) {
		size_t id = add_input(m, input);

		plan_line_digest(text, label, &plan_node_at(m, id)->key);
		plan_ids_add(deps, id);
		return;
	}
	stage = plan_stage_of(m, name);
	assert(stage);
	for (size_t i = 0; i < stage->n_chain; i++)
		plan_ids_add(deps, stage->chain[i]);
	if (stage->n_chain)
		plan_line_digest(text, label,
				 &plan_node_at(m, stage->chain[stage->n_chain - 1])->key);
	else
		plan_line(text, label, "empty");
}

void plan_describe_copies(struct plan_making *m, struct gg_buf *text, struct plan_ids *deps,
			  const struct recipe_copy *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line_source(m, text, deps, "copy-from", c[i].from);
		plan_line(text, "copy-path", c[i].path);
		plan_line(text, "copy-to", c[i].to);
		plan_line_optional(text, "copy-owner", c[i].owner);
		if (c[i].mode >= 0)
			plan_line_int(text, "copy-mode", c[i].mode);
		if (c[i].libraries)
			plan_line(text, "copy-libraries", "true");
		plan_line_list(text, "copy-exclude", &c[i].exclude);
	}
}

/* Where the step finds it; what it is never gets here. */
static void describe_secret(struct gg_buf *text, const struct recipe *r, const char *id)
{
	plan_line(text, "secret", id);
	for (size_t i = 0; i < r->n_secrets; i++)
		if (gg_streq(r->secrets[i].id, id)) {
			plan_line_optional(text, "secret-env", r->secrets[i].env);
			plan_line_optional(text, "secret-file", r->secrets[i].file);
		}
}

static void describe_run(struct plan_making *m, struct gg_buf *text, struct plan_ids *deps,
			 const struct recipe_step *s)
{
	plan_describe_command(text, &s->command);
	plan_line_list(text, "arg", &s->args);
	plan_line_list(text, "env", &s->env);
	plan_line(text, "workdir", s->workdir ? s->workdir : "/");
	plan_line_optional(text, "user", s->user);
	for (size_t i = 0; i < s->n_mounts; i++) {
		line_source(m, text, deps, "input", s->mounts[i].input);
		plan_line(text, "input-at", s->mounts[i].at);
	}
	for (size_t i = 0; i < s->secrets.n; i++)
		describe_secret(text, m->in->recipe, s->secrets.v[i]);
	if (s->network)
		plan_line(text, "network", "true");
	if (s->setuid)
		plan_line(text, "setuid", "true");
	plan_line_list(text, "cache", &s->caches);
}

/* What a fetch's pin belongs to: its own words and the inputs that it reads, not the stage that it runs in. */
static void describe_fetch(struct plan_making *m, struct gg_buf *text, struct plan_ids *deps,
			   const struct recipe_step *s)
{
	gg_buf_puts(text, "ggbuild-fetch 1\n");
	describe_run(m, text, deps, s);
	plan_line(text, "output", s->output);
	plan_line_list(text, "exclude", &s->exclude);
	if (!gg_digest_is_zero(&s->piece_digest))
		plan_line_digest(text, "piece", &s->piece_digest);
	plan_line(text, "platform", m->in->platform);
}

void plan_pinned_text(const struct recipe_step *s, const struct gg_digest *pin, struct gg_buf *ret)
{
	plan_text_begin(ret, PLAN_STEP, PLAN_STEP_VERSION);
	plan_line_digest(ret, "pin", pin);
	plan_line(ret, "output", s->output);
}

/* What the image's config says of commands. */
static void describe_config(struct gg_buf *text, struct plan_ids *deps,
			    const struct plan_image *image, const struct recipe_step *s)
{
	if (!image)
		return;
	plan_line_digest(text, "config", &image->lock->config.digest);
	if (!s->workdir)
		plan_line(text, "workdir-of", "config");
	plan_ids_add(deps, image->documents);
}

static size_t add_fetch(struct plan_making *m, const struct plan_stage *of,
			const struct recipe_step *s, const struct plan_ids *chain)
{
	struct plan_node n = { .kind = PLAN_STEP,
			       .stage = of->stage,
			       .step = s,
			       .image = of->image,
			       .name = s->name,
			       .below = chain->n };
	_cleanup_buf_ struct gg_buf text = { 0 }, definition = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };
	const struct lock_fetch *pin;
	size_t id;

	for (size_t i = 0; i < chain->n; i++)
		plan_ids_add(&deps, chain->v[i]);
	if (of->image)
		plan_ids_add(&deps, of->image->documents);
	describe_fetch(m, &definition, &deps, s);
	gg_digest_of(definition.data, definition.len, &n.definition);
	n.definition_text = gg_arena_strndup(m->plan->arena, definition.data, definition.len);
	pin = lock_find_fetch(m->platform, &n.definition);
	n.pinned = pin != NULL;
	if (pin) {
		n.pin = pin->tree;
		plan_pinned_text(s, &n.pin, &text);
	} else {
		plan_text_begin(&text, PLAN_STEP, PLAN_STEP_VERSION);
		plan_line_digest(&text, "unpinned", &n.definition);
	}
	id = plan_add_node(m, &n, &text, &deps);
	/* With its pin the result is known whatever is below; without it nothing above can be named. */
	plan_node_at(m, id)->keyed = n.pinned;
	return id;
}

static size_t add_step(struct plan_making *m, const struct plan_stage *of,
		       const struct recipe_step *s, const struct plan_ids *chain)
{
	struct plan_node n = { .kind = PLAN_STEP,
			       .stage = of->stage,
			       .step = s,
			       .image = s->kind == RECIPE_STEP_RUN ? of->image : NULL,
			       .name = s->name,
			       .below = chain->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };

	if (s->kind == RECIPE_STEP_FETCH)
		return add_fetch(m, of, s, chain);
	for (size_t i = 0; i < chain->n; i++)
		plan_ids_add(&deps, chain->v[i]);
	plan_text_begin(&text, PLAN_STEP, PLAN_STEP_VERSION);
	plan_line(&text, "platform", m->in->platform);
	/* Every tree below counts: a fetch's own key does not chain down. */
	for (size_t i = 0; i < chain->n; i++)
		plan_line_digest(&text, "below", &plan_node_at(m, chain->v[i])->key);
	switch (s->kind) {
	case RECIPE_STEP_RUN:
		plan_line_int(&text, "epoch", m->plan->epoch);
		describe_run(m, &text, &deps, s);
		describe_config(&text, &deps, of->image, s);
		break;
	case RECIPE_STEP_COPY:
		plan_describe_copies(m, &text, &deps, s->copies, s->n_copies);
		break;
	case RECIPE_STEP_MAKE:
		plan_describe_makes(&text, s->makes, s->n_makes);
		break;
	case RECIPE_STEP_FETCH:
		break;
	}
	if (!recipe_step_is_hermetic(s))
		m->plan->hermetic = false;
	return plan_add_node(m, &n, &text, &deps);
}

int plan_make_stage(struct plan_making *m, size_t index, struct gg_err *err)
{
	const struct recipe_stage *stage = &m->in->recipe->stages[index];
	struct plan_stage *out = &m->plan->stages[index];
	_cleanup_plan_ids_ struct plan_ids chain = { 0 };
	const struct plan_stage *base;
	const struct lock_image *lock;
	size_t id;

	switch (stage->from.kind) {
	case RECIPE_FROM_SCRATCH:
		break;
	case RECIPE_FROM_DISTRO:
		if (add_distro(m, stage, &id, err) < 0)
			return -1;
		plan_ids_add(&chain, id);
		break;
	case RECIPE_FROM_ROOTFS:
		plan_ids_add(&chain, add_rootfs(m, stage));
		break;
	case RECIPE_FROM_STAGE:
		base = plan_stage_of(m, stage->from.stage);
		for (size_t i = 0; i < base->n_chain; i++)
			plan_ids_add(&chain, base->chain[i]);
		out->image = base->image;
		break;
	case RECIPE_FROM_IMAGE:
		lock = plan_find_image(m, stage->from.image, stage->from.pos, err);
		if (!lock)
			return -1;
		out->image = plan_add_image(m, lock, stage->from.image, stage->from.pos);
		for (size_t i = 0; i < out->image->lock->n_layers; i++)
			plan_ids_add(&chain, out->image->layers[i]);
		break;
	}
	out->stage = stage;
	for (size_t i = 0; i < stage->n_steps; i++)
		plan_ids_add(&chain, add_step(m, out, &stage->steps[i], &chain));
	out->chain = plan_ids_keep(m->plan->arena, &chain);
	out->n_chain = chain.n;
	return 0;
}
