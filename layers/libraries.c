/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/libraries_private.h"

#include <assert.h>
#include <string.h>

#include "layers/base/fd.h"

/* A file that the loader has mapped, as far as one program goes. */
struct object {
	const char *name;      /* as it was asked for; NULL for the program */
	const char *from, *to; /* paths as the loader sees them, in the tree and in the image */
	const struct elf *elf;
	const struct object *needed_by;
	bool kept; /* the base's own: its needs are the base's business */
};

/* What was read once. */
struct parsed {
	const struct tree_entry *entry;
	struct elf elf;
	bool is_elf;
};

struct finder {
	const struct libraries_tree *from, *base;
	struct libraries *ret;
	struct gg_arena *arena;
	struct gg_strv conf, base_conf;
	struct parsed **parsed; /* each allocated, so that pointers last */
	size_t n_parsed, cap_parsed;
	const struct libraries_object *inputs;
	size_t n_inputs;
	struct gg_err *err;
	/* of the program at hand */
	struct object **loaded; /* in the order of loading; in the arena */
	size_t n_loaded, cap_loaded;
	bool musl;
};

static int parse(struct finder *f, const struct libraries_tree *t, const struct tree_entry *e,
		 const struct elf **ret)
{
	_cleanup_close_ int fd = -1;
	struct parsed *p;
	int rc;

	for (size_t i = 0; i < f->n_parsed; i++) {
		if (f->parsed[i]->entry == e) {
			*ret = f->parsed[i]->is_elf ? &f->parsed[i]->elf : NULL;
			return 0;
		}
	}
	fd = t->open(t->ctx, e, f->err);
	if (fd < 0)
		return gg_context(f->err, "read '/%s' of stage '%s'", e->path, t->stage);
	p = gg_zalloc(sizeof(*p));
	GG_GROW(f->parsed, f->n_parsed, f->cap_parsed);
	f->parsed[f->n_parsed++] = p;
	p->entry = e;
	rc = elf_read(fd, &p->elf, f->err);
	if (rc < 0) {
		gg_context(f->err, "read '/%s' of stage '%s'", e->path, t->stage);
		return gg_hint(f->err, "leave it out with `exclude`, or copy without `libraries`");
	}
	p->is_elf = rc == 1;
	*ret = p->is_elf ? &p->elf : NULL;
	return 0;
}

static struct object *load(struct finder *f, const char *name, const char *from, const char *to,
			   const struct elf *elf, const struct object *needed_by)
{
	struct object *o = gg_arena_alloc(f->arena, sizeof(*o));

	o->name = name ? gg_arena_strdup(f->arena, name) : NULL;
	o->from = gg_arena_strdup(f->arena, from);
	o->to = gg_arena_strdup(f->arena, to);
	o->elf = elf;
	o->needed_by = needed_by;
	GG_GROW(f->loaded, f->n_loaded, f->cap_loaded);
	f->loaded[f->n_loaded++] = o;
	return o;
}

/* ", needed by A, needed by B", nearest first. */
static char *chain(const struct object *o)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	for (; o; o = o->needed_by)
		gg_buf_printf(&text, "%sneeded by %s", text.len ? ", " : "", o->from);
	return gg_buf_steal(&text);
}

/* ---- what to copy ---- */

static bool is_input(const struct finder *f, const char *to)
{
	for (size_t i = 0; i < f->n_inputs; i++) {
		if (gg_streq(f->inputs[i].to, to))
			return true;
	}
	return false;
}

static bool same_entry(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type != b->type)
		return false;
	return a->type == TREE_SYMLINK ? gg_streq(a->target, b->target)
				       : gg_digest_eq(&a->content, &b->content);
}

static int copy_entry(struct finder *f, const struct tree_entry *e, const char *to)
{
	const struct tree_entry *there = f->base ? tree_find(f->base->tree, to + 1) : NULL;

	if (is_input(f, to) || (there && there->type != TREE_WHITEOUT && same_entry(e, there)))
		return 0;
	if (there && there->type != TREE_WHITEOUT) {
		gg_fail(f->err, GG_RECIPE,
			"library '%s' of stage '%s' clashes with what %s has there", to,
			f->from->stage, f->base->stage);
		return gg_hint(f->err, "make both from the same release of the same distribution");
	}
	for (size_t i = 0; i < f->ret->n; i++) {
		if (gg_streq(f->ret->v[i].to, to))
			return 0;
	}
	GG_GROW(f->ret->v, f->ret->n, f->ret->cap);
	f->ret->v[f->ret->n++] = (struct libraries_copy){ gg_arena_strdup(f->arena, to), e };
	return 0;
}

/* A directory that is copied as a whole brings its own libraries along, with the symlinks to them. */
static bool comes_along(const struct finder *f, const struct tree_entry *e, const char *to)
{
	size_t dir = (size_t)(strrchr(to, '/') - to) + 1;

	for (size_t i = 0; i < f->n_inputs; i++) {
		const struct libraries_object *in = &f->inputs[i];

		if (gg_streq(in->path + 1, e->path) && strncmp(in->to, to, dir) == 0 &&
		    !strchr(in->to + dir, '/'))
			return true;
	}
	return false;
}

/* Not moved: the symlinks on the way and the file, each at its own place. Moved: the content under the new name. */
static int copy_library(struct finder *f, const char *from, const char *to,
			const struct tree_entry *e, const struct libraries_trail *trail)
{
	if (!gg_streq(from, to))
		return comes_along(f, e, to) ? 0 : copy_entry(f, e, to);
	for (size_t i = 0; i < trail->n; i++) {
		_cleanup_free_ char *path = gg_asprintf("/%s", trail->v[i]->path);

		if (copy_entry(f, trail->v[i], path) < 0)
			return -1;
	}
	return copy_entry(f, e, gg_arena_printf(f->arena, "/%s", e->path));
}

/* ---- looking in one place ---- */

/* 1 when the base has a fitting file at `to`. */
static int in_base(struct finder *f, const char *name, const char *to, const struct object *by)
{
	const struct tree_entry *e = f->base ? libraries_walk(f->base->tree, to, NULL) : NULL;
	const struct elf *elf = NULL;

	if (!e)
		return 0;
	if (parse(f, f->base, e, &elf) < 0)
		return -1;
	if (!elf || !elf_compatible(elf, by->elf))
		return 0;
	load(f, name, to, to, elf, by)->kept = true;
	return 1;
}

/* 1 when the tree has a fitting file at `from`; it is then to be copied. */
static int in_tree(struct finder *f, const char *name, const char *from, const char *to,
		   const struct object *by)
{
	GG_CLEANUP(gg_freep) const struct tree_entry **links = NULL;
	struct libraries_trail trail = { 0 };
	const struct tree_entry *e = libraries_walk(f->from->tree, from, &trail);
	const struct elf *elf = NULL;

	links = trail.v;
	if (!e)
		return 0;
	if (parse(f, f->from, e, &elf) < 0)
		return -1;
	if (!elf || !elf_compatible(elf, by->elf))
		return 0;
	if (!gg_streq(from, to)) {
		int rc = in_base(f, name, to, by);

		if (rc)
			return rc;
	}
	load(f, name, from, to, elf, by);
	return copy_library(f, from, to, e, &trail) < 0 ? -1 : 1;
}

/* ---- looking where the loader looks ---- */

static bool has_dir(const struct libraries_dirs *dirs, size_t from, const char *dir)
{
	for (size_t i = from; i < dirs->n; i++) {
		if (gg_streq(dirs->v[i].from, dir))
			return true;
	}
	return false;
}

static void add_conf(struct finder *f, struct libraries_dirs *dirs,
		     const struct libraries_dirs *builtin)
{
	const struct gg_strv *lists[] = { &f->conf, &f->base_conf };

	for (size_t l = 0; l < GG_LEN(lists); l++) {
		for (size_t i = 0; i < lists[l]->n; i++) {
			const char *dir = lists[l]->v[i];

			GG_GROW(dirs->v, dirs->n, dirs->cap);
			dirs->v[dirs->n++] = (struct libraries_dir){
				gg_strdup(dir), gg_strdup(dir),
				!has_dir(builtin, 0, dir) &&
					(!f->base || !gg_strv_has(&f->base_conf, dir))
			};
		}
	}
}

/* DT_RPATH of the object and of those that led to it, unless it has DT_RUNPATH, which is its own affair. */
static void add_paths(struct libraries_dirs *dirs, const struct object *by)
{
	if (by->elf->runpath) {
		libraries_add_runpath(dirs, by->elf->runpath, by->from, by->to, by->elf);
		return;
	}
	for (const struct object *o = by; o; o = o->needed_by) {
		if (o->elf->rpath && !o->elf->runpath)
			libraries_add_runpath(dirs, o->elf->rpath, o->from, o->to, o->elf);
	}
}

/* Where a library goes that only ld.so.conf's directories hold: the first built-in one that the tree has. */
static const char *home_of(struct finder *f, const struct libraries_dirs *builtin)
{
	const char *home = builtin->v[builtin->n > 1 ? 1 : 0].to;

	for (size_t i = 0; i < builtin->n; i++) {
		const struct tree_entry *e = tree_find(f->from->tree, builtin->v[i].to + 1);

		if (e && e->type == TREE_DIR)
			return builtin->v[i].to;
	}
	return home;
}

static int missing(struct finder *f, const char *name, const struct object *by,
		   const struct libraries_dirs *dirs)
{
	_cleanup_free_ char *needed = chain(by);
	_cleanup_buf_ struct gg_buf searched = { 0 };

	for (size_t i = 0; i < dirs->n; i++) {
		if (i == 0 || !gg_streq(dirs->v[i].from, dirs->v[i - 1].from))
			gg_buf_printf(&searched, "%s%s", searched.len ? ", " : "", dirs->v[i].from);
	}
	gg_fail(f->err, GG_RECIPE, "%s, %s, is not in stage '%s'", name, needed, f->from->stage);
	if (!searched.len)
		return -1;
	return gg_hint(f->err, "looked in %s; add the package that holds it to the stage",
		       searched.data);
}

static char *join(const char *dir, const char *name)
{
	return gg_asprintf("%s/%s", gg_streq(dir, "/") ? "" : dir, name);
}

static int search(struct finder *f, const char *name, const struct object *by)
{
	GG_CLEANUP(libraries_dirs_done) struct libraries_dirs dirs = { 0 }, builtin = { 0 };
	const char *home;

	libraries_add_builtin(&builtin, by->elf, f->musl);
	home = home_of(f, &builtin);
	add_paths(&dirs, by);
	if (!f->musl)
		add_conf(f, &dirs, &builtin);
	libraries_add_builtin(&dirs, by->elf, f->musl);
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *from = join(dirs.v[i].from, name);
		_cleanup_free_ char *there = join(dirs.v[i].to, name);
		_cleanup_free_ char *to = join(dirs.v[i].moves ? home : dirs.v[i].to, name);
		int rc = in_base(f, name, there, by);

		if (rc == 0)
			rc = in_tree(f, name, from, to, by);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
	return missing(f, name, by, &dirs);
}

/* ---- following needs ---- */

static struct object *find_loaded(struct finder *f, const char *name)
{
	for (size_t i = 0; i < f->n_loaded; i++) {
		struct object *o = f->loaded[i];

		if ((o->name && gg_streq(o->name, name)) ||
		    (o->elf->soname && gg_streq(o->elf->soname, name)))
			return o;
	}
	return NULL;
}

/* The loader's own libc answers to these names in programs for musl. */
static bool is_musl_libc(const struct finder *f, const char *name)
{
	return f->musl && (gg_streq(name, "libc.so") || gg_starts(name, "libc.musl-"));
}

static int follow(struct finder *f, const char *name, const struct object *by)
{
	struct libraries_dirs nowhere = { 0 };
	int rc;

	if (find_loaded(f, name) || is_musl_libc(f, name))
		return 0;
	if (!strchr(name, '/'))
		return search(f, name, by);
	rc = name[0] == '/' ? in_base(f, name, name, by) : 0;
	if (rc == 0 && name[0] == '/')
		rc = in_tree(f, name, name, name, by);
	return rc < 0 ? -1 : rc ? 0 : missing(f, name, by, &nowhere);
}

/* What is copied must find its symbol versions in what the base keeps. */
static int check_versions(struct finder *f, const struct object *by)
{
	for (size_t i = 0; i < by->elf->n_needs; i++) {
		const struct elf_need *need = &by->elf->needs[i];
		const struct object *o = find_loaded(f, need->file);

		for (size_t k = 0; o && o->kept && k < need->versions.n; k++) {
			_cleanup_free_ char *needed = NULL;

			if (gg_strv_has(&o->elf->defines, need->versions.v[k]))
				continue;
			needed = chain(by);
			gg_fail(f->err, GG_RECIPE, "'%s' of %s has no symbol version %s, %s",
				o->from, f->base->stage, need->versions.v[k], needed);
			return gg_hint(
				f->err,
				"build stage '%s' on the release that the image's base comes from",
				f->from->stage);
		}
	}
	return 0;
}

static int program(struct finder *f, const struct libraries_object *input)
{
	const struct tree_entry *e = libraries_walk(f->from->tree, input->path, NULL);
	const struct elf *elf = NULL;
	const char *interp;
	struct object *o;

	if (!e)
		return gg_fail(f->err, GG_RECIPE, "'%s' is not a file of stage '%s'", input->path,
			       f->from->stage);
	if (parse(f, f->from, e, &elf) < 0)
		return -1;
	if (!elf || (!elf->dynamic && !elf->interp))
		return 0;
	f->n_loaded = 0;
	o = load(f, NULL, input->path, input->to, elf, NULL);
	interp = elf->interp;
	f->musl = interp && strstr(interp, "/ld-musl-");
	if (interp && follow(f, interp, o) < 0)
		return -1;
	for (size_t i = 0; i < f->n_loaded; i++) {
		o = f->loaded[i];
		for (size_t k = 0; !o->kept && k < o->elf->needed.n; k++) {
			if (follow(f, o->elf->needed.v[k], o) < 0)
				return -1;
		}
	}
	for (size_t i = 0; i < f->n_loaded; i++) {
		if (!f->loaded[i]->kept && check_versions(f, f->loaded[i]) < 0)
			return -1;
	}
	return 0;
}

/* ---- the whole ---- */

static int compare_copies(const void *a, const void *b)
{
	return strcmp(((const struct libraries_copy *)a)->to,
		      ((const struct libraries_copy *)b)->to);
}

static void finder_done(struct finder *f)
{
	for (size_t i = 0; i < f->n_parsed; i++) {
		elf_done(&f->parsed[i]->elf);
		free(f->parsed[i]);
	}
	free(f->parsed);
	free(f->loaded);
	gg_strv_done(&f->conf);
	gg_strv_done(&f->base_conf);
}

int libraries_find(const struct libraries_tree *from, const struct libraries_object *objects,
		   size_t n, const struct libraries_tree *base, struct libraries *ret,
		   struct gg_err *err)
{
	GG_CLEANUP(finder_done)
	struct finder f = {
		.from = from, .base = base, .ret = ret, .inputs = objects, .n_inputs = n, .err = err
	};

	*ret = (struct libraries){ .arena = gg_arena_new() };
	f.arena = ret->arena;
	if (libraries_read_conf(from, &f.conf, err) < 0 ||
	    (base && libraries_read_conf(base, &f.base_conf, err) < 0))
		goto fail;
	for (size_t i = 0; i < n; i++) {
		assert(objects[i].path[0] == '/' && objects[i].to[0] == '/');
		if (program(&f, &objects[i]) < 0)
			goto fail;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_copies);
	return 0;
fail:
	libraries_done(ret);
	return -1;
}

void libraries_done(struct libraries *l)
{
	gg_arena_free(l->arena);
	free(l->v);
	*l = (struct libraries){ 0 };
}
