/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan.h"

#include <assert.h>
#include <string.h>

#include "layers/pack.h"
#include "layers/tree.h"

struct making {
	const struct plan_input *in;
	const struct lock_platform *platform;
	struct plan *plan;
};

/* Node lists while they grow. */
struct ids {
	size_t *v;
	size_t n, cap;
};

static void ids_add(struct ids *l, size_t id)
{
	GG_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = id;
}

static void ids_done(struct ids *l)
{
	free(l->v);
}
#define _cleanup_ids_ GG_CLEANUP(ids_done)

static const size_t *ids_keep(struct gg_arena *a, const struct ids *l)
{
	size_t *copy = gg_arena_calloc(a, l->n + 1, sizeof(*copy));

	if (l->n)
		memcpy(copy, l->v, l->n * sizeof(*copy));
	return copy;
}

const char *plan_kind_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_DEB:
		return "deb";
	case PLAN_DISTRO:
		return "distro";
	case PLAN_ROOTFS:
		return "rootfs";
	case PLAN_LOCAL:
		return "local";
	case PLAN_URL:
		return "url";
	case PLAN_STEP:
		return "step";
	case PLAN_USER:
		return "user";
	case PLAN_LAYER:
		return "layer";
	case PLAN_PACK:
		return "pack";
	case PLAN_TEST:
		return "test";
	}
	return "?";
}

/* Canonical text. A value that holds a newline is written with its length, so that no text can imitate two lines, and
 * so is one that looks like a length. */
static void line(struct gg_buf *b, const char *name, const char *value)
{
	if (strchr(value, '\n') || value[0] == '[')
		gg_buf_printf(b, "%s [%zu]\n%s\n", name, strlen(value), value);
	else
		gg_buf_printf(b, "%s %s\n", name, value);
}

static void line_int(struct gg_buf *b, const char *name, long long value)
{
	gg_buf_printf(b, "%s %lld\n", name, value);
}

static void line_digest(struct gg_buf *b, const char *name, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	line(b, name, gg_digest_text(d, text));
}

static void line_list(struct gg_buf *b, const char *name, const struct recipe_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		line(b, name, l->v[i]);
}

static void line_optional(struct gg_buf *b, const char *name, const char *value)
{
	if (value)
		line(b, name, value);
}

static void begin(struct gg_buf *b, enum plan_kind kind, int version)
{
	gg_buf_printf(b, "ggbuild-action %d\nkind %s %d\n", PLAN_VERSION, plan_kind_name(kind), version);
}

static struct plan_node *node_at(struct making *m, size_t id)
{
	return &m->plan->nodes[id];
}

/* Adds a node; its key is that of the text, unless something that it reads has none. An equal text is one node. */
static size_t add_node(struct making *m, const struct plan_node *proto, struct gg_buf *text, const struct ids *deps)
{
	struct plan *p = m->plan;
	struct plan_node n = *proto;

	n.keyed = true;
	for (size_t i = 0; deps && i < deps->n; i++)
		n.keyed = n.keyed && p->nodes[deps->v[i]].keyed;
	n.text = gg_arena_strndup(p->arena, text->data, text->len);
	gg_digest_of(text->data, text->len, &n.key);
	if (deps) {
		n.deps = ids_keep(p->arena, deps);
		n.n_deps = deps->n;
	}
	GG_GROW(p->nodes, p->n_nodes, p->cap_nodes);
	p->nodes[p->n_nodes] = n;
	return p->n_nodes++;
}

static size_t find_key(const struct plan *p, enum plan_kind kind, const struct gg_digest *blob)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind == kind && gg_digest_eq(&p->nodes[i].blob, blob))
			return i;
	return SIZE_MAX;
}

static size_t add_deb(struct making *m, const struct recipe_stage *stage, const struct lock_package *package)
{
	struct plan_node n = { .kind = PLAN_DEB, .stage = stage, .package = package, .blob = package->sha256,
			       .blob_size = package->size };
	_cleanup_buf_ struct gg_buf text = { 0 };
	size_t found = find_key(m->plan, PLAN_DEB, &package->sha256);

	if (found != SIZE_MAX)
		return found;
	n.name = gg_arena_printf(m->plan->arena, "package %s", package->name);
	begin(&text, PLAN_DEB, PLAN_DEB_VERSION);
	line_int(&text, "tree", TREE_FORMAT);
	line_digest(&text, "archive", &package->sha256);
	return add_node(m, &n, &text, NULL);
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
	gg_fail_at(err, GG_LOCK, pos, "%s '%s' are not in the lock as the recipe has them", what, name);
	return gg_hint(err, "resolve them with `ggbuild lock`, which needs a network");
}

static int add_distro(struct making *m, const struct recipe_stage *stage, size_t *ret, struct gg_err *err)
{
	struct plan_node n = { .kind = PLAN_DISTRO, .stage = stage, .name = stage->name };
	_cleanup_free_ char *key = plan_distro_key(&stage->from);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	n.distro = lock_find_distro(m->platform, key);
	if (!n.distro)
		return not_locked(err, stage->from.pos, "the packages of stage", stage->name);
	begin(&text, PLAN_DISTRO, PLAN_DISTRO_VERSION);
	line(&text, "distro", stage->from.distro);
	line(&text, "suite", stage->from.suite);
	line_int(&text, "scripts", stage->from.scripts);
	if (stage->from.scripts)
		line_int(&text, "epoch", m->plan->epoch);
	line_list(&text, "exclude", &stage->from.exclude);
	for (size_t i = 0; i < n.distro->n_packages; i++) {
		const struct lock_package *p = &n.distro->packages[i];
		char hex[GG_DIGEST_HEX];

		gg_buf_printf(&text, "package %s %s %s %s\n", p->name, p->version, p->architecture,
			      gg_digest_hex(&p->sha256, hex));
		ids_add(&deps, add_deb(m, stage, p));
	}
	*ret = add_node(m, &n, &text, &deps);
	return 0;
}

static size_t add_rootfs(struct making *m, const struct recipe_stage *stage)
{
	struct plan_node n = { .kind = PLAN_ROOTFS, .stage = stage, .name = stage->name, .blob_size = UINT64_MAX };
	_cleanup_buf_ struct gg_buf text = { 0 };

	n.blob = stage->from.sha256;
	if (gg_digest_is_zero(&n.blob))
		n.blob = m->in->rootfs_files[stage - m->in->recipe->stages];
	begin(&text, PLAN_ROOTFS, PLAN_ROOTFS_VERSION);
	line_int(&text, "tree", TREE_FORMAT);
	line_digest(&text, "archive", &n.blob);
	return add_node(m, &n, &text, NULL);
}

static uint64_t url_size(const struct lock *lock, const struct gg_digest *sha256)
{
	for (size_t i = 0; i < lock->n_urls; i++)
		if (gg_digest_eq(&lock->urls[i].sha256, sha256))
			return lock->urls[i].size;
	return UINT64_MAX;
}

static size_t add_input(struct making *m, const struct recipe_input *input)
{
	struct plan_node n = { .input = input, .name = input->name, .blob_size = UINT64_MAX };
	_cleanup_buf_ struct gg_buf text = { 0 };

	for (size_t i = 0; i < m->plan->n_nodes; i++)
		if (m->plan->nodes[i].input == input)
			return i;
	if (input->kind == RECIPE_INPUT_LOCAL) {
		n.kind = PLAN_LOCAL;
		begin(&text, PLAN_LOCAL, TREE_FORMAT);
		line_digest(&text, "content", &m->in->locals[input - m->in->recipe->inputs]);
	} else {
		n.kind = PLAN_URL;
		n.blob = input->sha256;
		n.blob_size = url_size(m->in->lock, &input->sha256);
		begin(&text, PLAN_URL, 1);
		line_digest(&text, "content", &input->sha256);
	}
	return add_node(m, &n, &text, NULL);
}

static struct plan_stage *stage_of(struct making *m, const char *name)
{
	const struct recipe *r = m->in->recipe;

	for (size_t i = 0; i < r->n_stages; i++)
		if (gg_streq(r->stages[i].name, name))
			return &m->plan->stages[i];
	return NULL;
}

/* Every one, used or not: a lock that is complete answers for the whole recipe. */
static int check_inputs(const struct plan_input *in, struct gg_err *err)
{
	for (size_t i = 0; i < in->recipe->n_inputs; i++) {
		const struct recipe_input *input = &in->recipe->inputs[i];

		if (input->kind == RECIPE_INPUT_URL && url_size(in->lock, &input->sha256) == UINT64_MAX)
			return not_locked(err, input->pos, "the contents of input", input->name);
	}
	return 0;
}

/* A source's identity is the key of its topmost node, which chains down; an empty stage has none. */
static void line_source(struct making *m, struct gg_buf *text, struct ids *deps, const char *label, const char *name)
{
	const struct recipe_input *input = recipe_input(m->in->recipe, name);
	struct plan_stage *stage;

	if (input) {
		size_t id = add_input(m, input);

		line_digest(text, label, &node_at(m, id)->key);
		ids_add(deps, id);
		return;
	}
	stage = stage_of(m, name);
	assert(stage);
	for (size_t i = 0; i < stage->n_chain; i++)
		ids_add(deps, stage->chain[i]);
	if (stage->n_chain)
		line_digest(text, label, &node_at(m, stage->chain[stage->n_chain - 1])->key);
	else
		line(text, label, "empty");
}

static void describe_copies(struct making *m, struct gg_buf *text, struct ids *deps, const struct recipe_copy *c,
			    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line_source(m, text, deps, "copy-from", c[i].from);
		line(text, "copy-path", c[i].path);
		line(text, "copy-to", c[i].to);
		line_optional(text, "copy-owner", c[i].owner);
		if (c[i].mode >= 0)
			line_int(text, "copy-mode", c[i].mode);
		if (c[i].libraries)
			line(text, "copy-libraries", "true");
		line_list(text, "copy-exclude", &c[i].exclude);
	}
}

static const char *make_kind_name(enum recipe_make_kind kind)
{
	switch (kind) {
	case RECIPE_MAKE_DIRECTORY:
		return "directory";
	case RECIPE_MAKE_FILE:
		return "file";
	case RECIPE_MAKE_SYMLINK:
		return "symlink";
	}
	return "?";
}

static void describe_makes(struct gg_buf *text, const struct recipe_make *k, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line(text, "make", make_kind_name(k[i].kind));
		line(text, "make-path", k[i].path);
		if (k[i].kind == RECIPE_MAKE_FILE) {
			struct gg_digest d;

			gg_digest_of(k[i].content ? k[i].content : "", k[i].content_len, &d);
			line_digest(text, "make-content", &d);
		}
		line_optional(text, "make-target", k[i].target);
		line_optional(text, "make-owner", k[i].owner);
		line_int(text, "make-mode", k[i].mode);
	}
}

static void describe_command(struct gg_buf *text, const struct recipe_command *c)
{
	line_optional(text, "shell", c->shell);
	line_list(text, "argument", &c->argv);
}

static void describe_run(struct making *m, struct gg_buf *text, struct ids *deps, const struct recipe_step *s)
{
	describe_command(text, &s->command);
	line_list(text, "arg", &s->args);
	line_list(text, "env", &s->env);
	line_optional(text, "workdir", s->workdir);
	line_optional(text, "user", s->user);
	for (size_t i = 0; i < s->n_mounts; i++) {
		line_source(m, text, deps, "input", s->mounts[i].input);
		line(text, "input-at", s->mounts[i].at);
	}
	line_list(text, "secret", &s->secrets);
	if (s->network)
		line(text, "network", "true");
	if (s->setuid)
		line(text, "setuid", "true");
	line_list(text, "cache", &s->caches);
}

/* What a fetch's pin belongs to: its own words and the inputs that it reads, not the stage that it runs in. */
static void describe_fetch(struct making *m, struct gg_buf *text, struct ids *deps, const struct recipe_step *s)
{
	gg_buf_puts(text, "ggbuild-fetch 1\n");
	describe_run(m, text, deps, s);
	line(text, "output", s->output);
	line_list(text, "exclude", &s->exclude);
	if (!gg_digest_is_zero(&s->piece_digest))
		line_digest(text, "piece", &s->piece_digest);
	line(text, "platform", m->in->platform);
}

void plan_pinned_text(const struct recipe_step *s, const struct gg_digest *pin, struct gg_buf *ret)
{
	begin(ret, PLAN_STEP, PLAN_STEP_VERSION);
	line_digest(ret, "pin", pin);
	line(ret, "output", s->output);
}

static size_t add_fetch(struct making *m, const struct recipe_stage *stage, const struct recipe_step *s,
			const struct ids *chain)
{
	struct plan_node n = { .kind = PLAN_STEP, .stage = stage, .step = s, .name = s->name, .below = chain->n };
	_cleanup_buf_ struct gg_buf text = { 0 }, definition = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };
	const struct lock_fetch *pin;
	size_t id;

	for (size_t i = 0; i < chain->n; i++)
		ids_add(&deps, chain->v[i]);
	describe_fetch(m, &definition, &deps, s);
	gg_digest_of(definition.data, definition.len, &n.definition);
	n.definition_text = gg_arena_strndup(m->plan->arena, definition.data, definition.len);
	pin = lock_find_fetch(m->platform, &n.definition);
	n.pinned = pin != NULL;
	if (pin) {
		n.pin = pin->tree;
		plan_pinned_text(s, &n.pin, &text);
	} else {
		begin(&text, PLAN_STEP, PLAN_STEP_VERSION);
		line_digest(&text, "unpinned", &n.definition);
	}
	id = add_node(m, &n, &text, &deps);
	/* With its pin the result is known whatever is below; without it nothing above can be named. */
	node_at(m, id)->keyed = n.pinned;
	return id;
}

static size_t add_step(struct making *m, const struct recipe_stage *stage, const struct recipe_step *s,
		       const struct ids *chain)
{
	struct plan_node n = { .kind = PLAN_STEP, .stage = stage, .step = s, .name = s->name, .below = chain->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	if (s->kind == RECIPE_STEP_FETCH)
		return add_fetch(m, stage, s, chain);
	for (size_t i = 0; i < chain->n; i++)
		ids_add(&deps, chain->v[i]);
	begin(&text, PLAN_STEP, PLAN_STEP_VERSION);
	line(&text, "platform", m->in->platform);
	/* Every tree below counts: a fetch's own key does not chain down. */
	for (size_t i = 0; i < chain->n; i++)
		line_digest(&text, "below", &node_at(m, chain->v[i])->key);
	switch (s->kind) {
	case RECIPE_STEP_RUN:
		line_int(&text, "epoch", m->plan->epoch);
		describe_run(m, &text, &deps, s);
		break;
	case RECIPE_STEP_COPY:
		describe_copies(m, &text, &deps, s->copies, s->n_copies);
		break;
	case RECIPE_STEP_MAKE:
		describe_makes(&text, s->makes, s->n_makes);
		break;
	case RECIPE_STEP_FETCH:
		break;
	}
	if (s->network)
		m->plan->hermetic = false;
	return add_node(m, &n, &text, &deps);
}

static int make_stage(struct making *m, size_t index, struct gg_err *err)
{
	const struct recipe_stage *stage = &m->in->recipe->stages[index];
	struct plan_stage *out = &m->plan->stages[index];
	_cleanup_ids_ struct ids chain = { 0 };
	const struct plan_stage *base;
	size_t id;

	switch (stage->from.kind) {
	case RECIPE_FROM_SCRATCH:
		break;
	case RECIPE_FROM_DISTRO:
		if (add_distro(m, stage, &id, err) < 0)
			return -1;
		ids_add(&chain, id);
		break;
	case RECIPE_FROM_ROOTFS:
		ids_add(&chain, add_rootfs(m, stage));
		break;
	case RECIPE_FROM_STAGE:
		base = stage_of(m, stage->from.stage);
		for (size_t i = 0; i < base->n_chain; i++)
			ids_add(&chain, base->chain[i]);
		break;
	}
	for (size_t i = 0; i < stage->n_steps; i++)
		ids_add(&chain, add_step(m, stage, &stage->steps[i], &chain));
	out->stage = stage;
	out->chain = ids_keep(m->plan->arena, &chain);
	out->n_chain = chain.n;
	return 0;
}

static void line_layers(struct making *m, struct gg_buf *text, const struct ids *layers)
{
	for (size_t i = 0; i < layers->n; i++)
		line_digest(text, "below", &node_at(m, layers->v[i])->key);
}

static void add_deps(struct ids *deps, const struct ids *more)
{
	for (size_t i = 0; i < more->n; i++)
		ids_add(deps, more->v[i]);
}

static size_t add_user(struct making *m, const struct ids *below)
{
	const struct recipe_user *u = &m->in->recipe->image.user;
	struct plan_node n = { .kind = PLAN_USER, .name = "layer user", .below = below->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	begin(&text, PLAN_USER, PLAN_LAYER_VERSION);
	line_layers(m, &text, below);
	gg_buf_printf(&text, "user %s %u %u\n", u->name, u->uid, u->gid);
	line_optional(&text, "group", u->group);
	line_optional(&text, "home", u->home);
	line_optional(&text, "shell", u->shell);
	line_int(&text, "replace", u->replace);
	add_deps(&deps, below);
	return add_node(m, &n, &text, &deps);
}

/* Destinations may run through symlinks of the base (/bin), parents keep the base's mode and owner, owners are the
 * base's names, libraries may be there already: a declared layer depends on all that is below it. */
static size_t add_layer(struct making *m, const struct recipe_layer *l, const struct ids *below)
{
	struct plan_node n = { .kind = PLAN_LAYER, .layer = l, .below = below->n };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "layer %s", l->name);
	begin(&text, PLAN_LAYER, PLAN_LAYER_VERSION);
	line_layers(m, &text, below);
	add_deps(&deps, below);
	describe_copies(m, &text, &deps, l->copies, l->n_copies);
	describe_makes(&text, l->makes, l->n_makes);
	return add_node(m, &n, &text, &deps);
}

static int pack_version(const struct lock *lock, enum recipe_compression c)
{
	switch (c) {
	case RECIPE_GZIP:
		return lock->formats.gzip;
	case RECIPE_ZSTD:
		return lock->formats.zstd;
	case RECIPE_UNCOMPRESSED:
		return 0;
	}
	return 0;
}

static size_t add_pack(struct making *m, size_t tree)
{
	static const char *const names[] = { "gzip", "zstd", "none" };
	const struct recipe_image *image = &m->in->recipe->image;
	struct plan_node n = { .kind = PLAN_PACK };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "pack %s", node_at(m, tree)->name);
	begin(&text, PLAN_PACK, m->in->lock->formats.tar);
	line_digest(&text, "tree", &node_at(m, tree)->key);
	line(&text, "compression", names[image->compression]);
	line_int(&text, "compressor", pack_version(m->in->lock, image->compression));
	line_int(&text, "level", image->level);
	line_int(&text, "mtime", m->plan->epoch);
	ids_add(&deps, tree);
	return add_node(m, &n, &text, &deps);
}

static size_t add_test(struct making *m, const struct recipe_test *t, const struct ids *layers)
{
	const struct recipe_image *image = &m->in->recipe->image;
	struct plan_node n = { .kind = PLAN_TEST, .test = t };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_ids_ struct ids deps = { 0 };

	n.name = gg_arena_printf(m->plan->arena, "test %s", t->name);
	begin(&text, PLAN_TEST, PLAN_TEST_VERSION);
	line_layers(m, &text, layers);
	add_deps(&deps, layers);
	describe_command(&text, &t->command);
	line_list(&text, "image-env", &image->env);
	line_list(&text, "env", &t->env);
	line_optional(&text, "user", t->user ? t->user : image->user.name);
	line_optional(&text, "workdir", t->workdir ? t->workdir : image->workdir);
	line_int(&text, "exit", t->exit);
	line_list(&text, "stdout-line", &t->stdout_lines);
	line_list(&text, "stderr-line", &t->stderr_lines);
	line_optional(&text, "stdout", t->stdout_text);
	return add_node(m, &n, &text, &deps);
}

/* Docker and podman refuse more, for they mount one directory a layer. */
enum { IMAGE_LAYERS_MAX = 127 };

static int make_image(struct making *m, struct gg_err *err)
{
	const struct recipe *r = m->in->recipe;
	struct plan *p = m->plan;
	_cleanup_ids_ struct ids layers = { 0 }, packs = { 0 }, tests = { 0 };

	if (!r->image.present)
		return 0;
	if (r->image.from) {
		const struct plan_stage *base = stage_of(m, r->image.from);

		for (size_t i = 0; i < base->n_chain; i++)
			ids_add(&layers, base->chain[i]);
	}
	if (r->image.user.name)
		ids_add(&layers, add_user(m, &layers));
	for (size_t i = 0; i < r->image.n_layers; i++)
		ids_add(&layers, add_layer(m, &r->image.layers[i], &layers));
	if (layers.n > IMAGE_LAYERS_MAX) {
		gg_fail_at(err, GG_RECIPE, r->image.from_pos, "the image would have %zu layers, and engines take at most %d",
			   layers.n, IMAGE_LAYERS_MAX);
		return gg_hint(err, "each step of the stage '%s' is one: put several commands into a step, or copy what "
				    "the image needs out of the stage", r->image.from ? r->image.from : "");
	}
	for (size_t i = 0; i < layers.n; i++)
		ids_add(&packs, add_pack(m, layers.v[i]));
	for (size_t i = 0; i < r->n_tests; i++)
		ids_add(&tests, add_test(m, &r->tests[i], &layers));
	p->has_image = true;
	p->layers = ids_keep(p->arena, &layers);
	p->n_layers = layers.n;
	p->packs = ids_keep(p->arena, &packs);
	p->tests = ids_keep(p->arena, &tests);
	p->n_tests = tests.n;
	return 0;
}

int plan_make(const struct plan_input *input, struct plan **ret, struct gg_err *err)
{
	_cleanup_plan_ struct plan *p = gg_zalloc(sizeof(*p));
	struct making m = { .in = input, .plan = p };

	p->arena = gg_arena_new();
	p->hermetic = true;
	p->epoch = input->recipe->epoch >= 0 ? input->recipe->epoch : input->lock->epoch;
	if (p->epoch < 0)
		p->epoch = 0;
	/* lock_platform creates what is absent, which is no change of content: an empty platform is not written. */
	m.platform = lock_platform((struct lock *)input->lock, input->platform);
	if (check_inputs(input, err) < 0)
		return -1;
	p->n_stages = input->recipe->n_stages;
	p->stages = gg_arena_calloc(p->arena, p->n_stages + 1, sizeof(*p->stages));
	for (size_t i = 0; i < p->n_stages; i++)
		if (make_stage(&m, i, err) < 0)
			return -1;
	if (make_image(&m, err) < 0)
		return -1;
	*ret = gg_steal(&p);
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	gg_arena_free(p->arena);
	free(p->nodes);
	free(p);
}

void plan_freep(struct plan **p)
{
	plan_free(*p);
}

const struct plan_node *plan_find(const struct plan *p, const char *name)
{
	const struct plan_node *found = NULL;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const char *slash = strrchr(p->nodes[i].name, '/');

		if (gg_streq(p->nodes[i].name, name))
			return &p->nodes[i];
		if (slash && gg_streq(slash + 1, name)) {
			if (found)
				return NULL;
			found = &p->nodes[i];
		}
	}
	return found;
}

bool plan_is_url(const char *rootfs)
{
	return strstr(rootfs, "://") != NULL;
}

bool plan_downloads(const struct plan_node *n)
{
	return n->kind == PLAN_DEB || n->kind == PLAN_URL ||
	       (n->kind == PLAN_ROOTFS && plan_is_url(n->stage->from.rootfs));
}

void plan_reach(const struct plan *p, const size_t *goals, size_t n, bool *reached)
{
	for (size_t i = 0; i < n; i++)
		reached[goals[i]] = true;
	/* What a node reads was added before it. */
	for (size_t i = p->n_nodes; i-- > 0;)
		for (size_t j = 0; reached[i] && j < p->nodes[i].n_deps; j++)
			reached[p->nodes[i].deps[j]] = true;
}

const struct plan_stage *plan_stage(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_stages; i++)
		if (gg_streq(p->stages[i].stage->name, name))
			return &p->stages[i];
	return NULL;
}

int plan_parse_owner(const char *owner, uint32_t *ret_uid, uint32_t *ret_gid)
{
	char *end;
	unsigned long uid, gid;

	if (*owner < '0' || *owner > '9')
		return -1;
	uid = gid = strtoul(owner, &end, 10);
	if (*end == ':') {
		if (end[1] < '0' || end[1] > '9')
			return -1;
		gid = strtoul(end + 1, &end, 10);
	}
	if (*end || uid > 65535 || gid > 65535)
		return -1;
	*ret_uid = (uint32_t)uid;
	*ret_gid = (uint32_t)gid;
	return 0;
}
