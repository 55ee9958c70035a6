/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/rootfs.h"

#include "builder/debian/relation.h"
#include "builder/debian/rootfs_private.h"

void name_map_done(struct name_map *m)
{
	free(m->slots);
	*m = (struct name_map){ 0 };
}
#define _cleanup_map_ GG_CLEANUP(name_map_done)

static struct name_slot *slot_of(const struct name_map *m, const char *name)
{
	uint64_t h = 0xcbf29ce484222325;
	size_t i;

	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3;
	i = (h ^ h >> 29) & (m->size - 1);
	while (m->slots[i].name && !gg_streq(m->slots[i].name, name))
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

static void grow(struct name_map *m)
{
	struct name_map bigger = { .size = m->size ? m->size * 2 : 256, .n = m->n };

	bigger.slots = gg_calloc(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].name)
			*slot_of(&bigger, m->slots[i].name) = m->slots[i];
	free(m->slots);
	*m = bigger;
}

size_t name_map_put(struct name_map *m, const char *name, size_t value)
{
	struct name_slot *slot;

	if (m->n * 2 >= m->size)
		grow(m);
	slot = slot_of(m, name);
	if (!slot->name) {
		*slot = (struct name_slot){ name, value };
		m->n++;
	}
	return slot->value;
}

bool name_map_get(const struct name_map *m, const char *name, size_t *ret)
{
	const struct name_slot *slot = m->size ? slot_of(m, name) : NULL;

	if (!slot || !slot->name)
		return false;
	*ret = slot->value;
	return true;
}

const struct debian_member *rootfs_member(const struct rootfs_package *p, const char *name)
{
	for (size_t i = 0; i < p->in->n_members; i++)
		if (gg_streq(p->in->members[i].name, name))
			return &p->in->members[i];
	return NULL;
}

const struct rootfs_package *rootfs_find(const struct rootfs_work *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (gg_streq(w->packages[i].name, name))
			return &w->packages[i];
	return NULL;
}

static void put(struct rootfs_work *w, const struct rootfs_file *f)
{
	GG_GROW(w->out->files, w->out->n_files, w->cap_files);
	w->out->files[w->out->n_files] = *f;
	w->out->files[w->out->n_files++].path = gg_arena_strdup(w->out->arena, f->path);
}

void rootfs_put_dir(struct rootfs_work *w, const char *path, uint32_t mode, uint32_t gid)
{
	put(w, &(struct rootfs_file){ .path = path, .type = TREE_DIR, .mode = mode, .gid = gid });
}

void rootfs_put_link(struct rootfs_work *w, const char *path, const char *target)
{
	put(w, &(struct rootfs_file){ .path = path,
				      .type = TREE_SYMLINK,
				      .mode = 0777,
				      .target = gg_arena_strdup(w->out->arena, target) });
}

void rootfs_put_file(struct rootfs_work *w, const char *path, uint32_t mode, uint32_t gid,
		     const void *bytes, size_t len)
{
	put(w,
	    &(struct rootfs_file){ .path = path,
				   .type = TREE_FILE,
				   .mode = mode,
				   .gid = gid,
				   .bytes = gg_arena_strndup(w->out->arena, len ? bytes : "", len),
				   .len = len });
}

const struct tree_entry *rootfs_entry(const struct rootfs_work *w, const char *path)
{
	const char *where;

	return tree_resolve(w->out->merged, path, false, &where);
}

int rootfs_content(const struct rootfs_work *w, const char *path, struct gg_buf *ret,
		   struct gg_err *err)
{
	const char *where;
	const struct tree_entry *e = tree_resolve(w->out->merged, path, true, &where);

	if (!e || e->type != TREE_FILE)
		return gg_fail(err, GG_INTEGRITY, "read '/%s': no package has this file", path);
	return w->read(w->ctx, e->origin, e->source ? e->source : e->path, ret, err);
}

static const char *copy(struct rootfs_work *w, struct deb_slice s)
{
	return gg_arena_strndup(w->out->arena, s.p ? s.p : "", s.len);
}

/* What becomes part of paths and of the script must be what it claims to be. */
static bool word_plain(struct deb_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		      s.p[i] == '-'))
			return false;
	return s.len > 0;
}

/* The digest is the lock's, so the bytes are right and the lock's words are not. */
static int check_identity(const struct debian_package *want, const struct rootfs_package *p,
			  struct gg_err *err)
{
	if (!want->name || (gg_streq(want->name, p->name) && gg_streq(want->version, p->version) &&
			    gg_streq(want->arch, p->arch)))
		return 0;
	gg_fail(err, GG_LOCK, "what the lock calls package '%s' %s %s is '%s' %s %s", want->name,
		want->version, want->arch, p->name, p->version, p->arch);
	return gg_hint(err, "restore the lock from version control, or delete it and run "
			    "`ggbuild lock`");
}

static int read_control(struct rootfs_work *w, size_t i, struct gg_err *err)
{
	enum {
		PACKAGE,
		VERSION,
		ARCH,
		MULTI_ARCH,
		DEPENDS,
		PRE_DEPENDS,
		PROVIDES,
		REPLACES,
		ESSENTIAL,
		N
	};
	static const char *const names[N] = { "Package",    "Version",  "Architecture",
					      "Multi-Arch", "Depends",  "Pre-Depends",
					      "Provides",   "Replaces", "Essential" };
	struct rootfs_package *p = &w->packages[i];
	const struct debian_member *m = rootfs_member(p, "control");
	struct deb_slice v[N];
	struct deb822 d;
	int more;

	if (!m)
		return gg_fail(err, GG_INTEGRITY, "package %zu: it has no control file", i);
	deb822_init(&d, "control", m->bytes, m->len, 0);
	more = deb822_stanza(&d, names, N, v, &p->control, err);
	if (more < 0)
		return -1;
	if (!more || deb822_begin(&d) || !relation_name_valid(v[PACKAGE]) ||
	    !version_valid(v[VERSION]) || !word_plain(v[ARCH]))
		return gg_fail(err, GG_INTEGRITY, "package '%.*s': its control file has no good %s",
			       (int)v[PACKAGE].len, v[PACKAGE].p ? v[PACKAGE].p : "",
			       "Package, Version and Architecture");
	p->name = copy(w, v[PACKAGE]);
	p->version = copy(w, v[VERSION]);
	p->arch = copy(w, v[ARCH]);
	p->base = deb_slice_is(v[MULTI_ARCH], "same")
			  ? gg_arena_printf(w->out->arena, "%s:%s", p->name, p->arch)
			  : p->name;
	p->depends = v[DEPENDS];
	p->pre_depends = v[PRE_DEPENDS];
	p->provides = v[PROVIDES];
	p->replaces = v[REPLACES];
	p->essential = deb_slice_is(v[ESSENTIAL], "yes");
	if (check_identity(p->in, p, err) < 0)
		return -1;
	if (!gg_streq(p->arch, "all") && !gg_streq(p->arch, w->arch))
		return gg_fail(err, GG_INTEGRITY, "package '%s': it is for '%s', not for '%s'",
			       p->name, p->arch, w->arch);
	return 0;
}

static int compare_names(const void *a, const void *b, void *ctx)
{
	const struct rootfs_package *packages = ctx;

	return strcmp(packages[*(const size_t *)a].name, packages[*(const size_t *)b].name);
}

struct visit {
	struct rootfs_work *w;
	struct name_map names; /* packages and what they provide */
	struct gg_arena *arena;
	bool *seen;
	size_t n;
};

static int visit(struct visit *v, size_t i, struct gg_err *err);

static int visit_field(struct visit *v, struct deb_slice field, struct gg_err *err)
{
	struct deb_slice clause;
	struct relation rel;
	int more;

	while (relation_clause(&field, &clause)) {
		while ((more = relation_next(&clause, &rel, err)) > 0) {
			_cleanup_free_ char *name = deb_slice_dup(rel.name);
			size_t i;

			if (name_map_get(&v->names, name, &i) && visit(v, i, err) < 0)
				return -1;
		}
		if (more < 0)
			return -1;
	}
	return 0;
}

/* A cycle is cut where it is entered; dpkg sorts out the rest when it configures. */
static int visit(struct visit *v, size_t i, struct gg_err *err)
{
	const struct rootfs_package *p = &v->w->packages[i];

	if (v->seen[i])
		return 0;
	v->seen[i] = true;
	if (visit_field(v, p->pre_depends, err) < 0 || visit_field(v, p->depends, err) < 0)
		return gg_context(err, "package '%s'", p->name);
	v->w->order[v->n++] = i;
	return 0;
}

static int add_provides(struct visit *v, size_t i, struct gg_err *err)
{
	struct deb_slice field = v->w->packages[i].provides, clause;
	struct relation rel;

	while (relation_clause(&field, &clause)) {
		if (relation_next(&clause, &rel, err) < 0)
			return gg_context(err, "package '%s'", v->w->packages[i].name);
		name_map_put(&v->names, gg_arena_strndup(v->arena, rel.name.p, rel.name.len), i);
	}
	return 0;
}

/* base-passwd makes the users that others chown to, base-files the directories; then the other Essential ones, on which
 * everything may rely without saying so; then by name. */
int rootfs_order(struct rootfs_work *w, struct gg_err *err)
{
	static const char *const first[] = { "base-passwd", "base-files" };
	_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
	_cleanup_free_ size_t *sorted = gg_calloc(w->n, sizeof(*sorted));
	_cleanup_free_ bool *seen = gg_calloc(w->n, sizeof(*seen));
	struct visit v = { .w = w, .arena = arena, .seen = seen };
	int failed = 0;

	for (size_t i = 0; i < w->n; i++)
		sorted[i] = i;
	qsort_r(sorted, w->n, sizeof(*sorted), compare_names, w->packages);
	for (size_t i = 0; i < w->n && !failed; i++) {
		const char *name = w->packages[sorted[i]].name;

		if (name_map_put(&v.names, name, sorted[i]) != sorted[i])
			failed = gg_fail(err, GG_INTEGRITY, "package '%s' is there twice", name);
	}
	for (size_t i = 0; i < w->n && !failed; i++)
		failed = add_provides(&v, sorted[i], err);
	for (size_t k = 0; k < GG_LEN(first) && !failed; k++) {
		size_t i;

		if (name_map_get(&v.names, first[k], &i))
			failed = visit(&v, i, err);
	}
	for (size_t i = 0; i < w->n && !failed; i++)
		if (w->packages[sorted[i]].essential)
			failed = visit(&v, sorted[i], err);
	w->n_essential = v.n;
	for (size_t i = 0; i < w->n && !failed; i++)
		failed = visit(&v, sorted[i], err);
	name_map_done(&v.names);
	return failed;
}

static int compare_files(const void *a, const void *b)
{
	const struct rootfs_file *x = a, *y = b;

	return tree_compare_paths(x->path, y->path);
}

static int run(struct rootfs_work *w, const struct debian_package *packages, struct gg_err *err)
{
	for (size_t i = 0; i < w->n; i++) {
		w->packages[i].in = &packages[i];
		if (read_control(w, i, err) < 0)
			return -1;
	}
	if (rootfs_order(w, err) < 0 || rootfs_merge(w, err) < 0 || rootfs_database(w, err) < 0)
		return -1;
	if (w->flags & ROOTFS_SCRIPTS) {
		if (rootfs_script(w, err) < 0)
			return -1;
	} else if (rootfs_bare(w, err) < 0) {
		return -1;
	}
	qsort(w->out->files, w->out->n_files, sizeof(*w->out->files), compare_files);
	return 0;
}

int rootfs_make(const struct debian_package *packages, size_t n, const char *arch, int64_t epoch,
		unsigned flags, rootfs_read *read, void *ctx, struct rootfs **ret,
		struct gg_err *err)
{
	_cleanup_rootfs_ struct rootfs *out = gg_zalloc(sizeof(*out));
	_cleanup_free_ struct rootfs_package *p = gg_calloc(n, sizeof(*p));
	_cleanup_free_ size_t *order = gg_calloc(n, sizeof(*order));
	struct rootfs_work w = { .out = out,
				 .packages = p,
				 .n = n,
				 .order = order,
				 .arch = arch,
				 .epoch = epoch,
				 .flags = flags,
				 .read = read,
				 .ctx = ctx };

	out->arena = gg_arena_new();
	if (run(&w, packages, err) < 0)
		return -1;
	*ret = gg_steal(&out);
	return 0;
}

void rootfs_free(struct rootfs *r)
{
	if (!r)
		return;
	tree_free(r->merged);
	free(r->sources);
	free(r->files);
	free(r->script);
	gg_arena_free(r->arena);
	free(r);
}

void rootfs_freep(struct rootfs **r)
{
	rootfs_free(*r);
}
