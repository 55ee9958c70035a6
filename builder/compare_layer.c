/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare_private.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "layers/base/fd.h"
#include "layers/image_source.h"
#include "layers/layer_list.h"

/* Contents that are looked into; of more it is said that they differ. */
enum { CONTENTS_MAX = 2000 };
#define CONTENT_MAX_BYTES (512ull << 20)
#define CONTENTS_MAX_BYTES (2ull << 30)

/* Two contents to look into, and the difference that waits for what is found. */
struct content_pair {
	size_t difference; /* index in the comparison */
	size_t place_a, place_b;
	uint64_t size_a, size_b;
};

struct layers {
	struct compare *c;
	struct layer_list lists[2];
	struct content_pair *contents;
	size_t n_contents, cap_contents;
	uint64_t content_bytes;
	size_t found; /* differences of entries */
};

static void layers_done(struct layers *l)
{
	layer_list_done(&l->lists[0]);
	layer_list_done(&l->lists[1]);
	free(l->contents);
}

static struct difference *add(struct layers *l, enum difference_kind kind, const char *path)
{
	struct difference *d = compare_add(l->c, kind);

	d->path = compare_keep(l->c, path);
	l->found++;
	return d;
}

static const char *type_name(char type)
{
	switch (type) {
	case '0':
		return "file";
	case '1':
		return "hard link";
	case '2':
		return "symlink";
	case '3':
		return "character device";
	case '4':
		return "block device";
	case '5':
		return "directory";
	default:
		return "fifo";
	}
}

/* ---- one path ---- */

static const char *owner_text(struct layers *l, const struct layer_entry *e)
{
	if (*e->uname || *e->gname)
		return compare_keepf(l->c, "%u:%u %s:%s", e->uid, e->gid, e->uname, e->gname);
	return compare_keepf(l->c, "%u:%u", e->uid, e->gid);
}

static void compare_owner(struct layers *l, const struct layer_entry *a,
			  const struct layer_entry *b)
{
	struct difference *d;

	if (a->uid == b->uid && a->gid == b->gid && gg_streq(a->uname, b->uname) &&
	    gg_streq(a->gname, b->gname))
		return;
	d = add(l, DIFFERENCE_OWNER, a->path);
	d->a = owner_text(l, a);
	d->b = owner_text(l, b);
	d->cause = a->uid == b->uid && a->gid == b->gid ? "user-name" : "unknown";
}

/* A umask takes bits away, of group and others mostly, and never adds any. */
static bool is_umask(uint32_t a, uint32_t b)
{
	return (a & 07700) == (b & 07700) && ((a & b) == a || (a & b) == b);
}

static void compare_mode(struct layers *l, const struct layer_entry *a, const struct layer_entry *b)
{
	struct difference *d;

	if (a->mode == b->mode)
		return;
	d = add(l, DIFFERENCE_MODE, a->path);
	d->a = compare_keepf(l->c, "%04o", a->mode);
	d->b = compare_keepf(l->c, "%04o", b->mode);
	d->cause = is_umask(a->mode, b->mode) ? "umask" : "unknown";
}

static const char *time_text(struct layers *l, const struct layer_entry *e)
{
	_cleanup_free_ char *text = compare_time(e->mtime, e->mtime_ns);

	return compare_keep(l->c, text);
}

static void compare_mtime(struct layers *l, const struct layer_entry *a,
			  const struct layer_entry *b)
{
	struct difference *d;

	if ((a->mtime == b->mtime && a->mtime_ns == b->mtime_ns) ||
	    l->c->options->ignore & COMPARE_IGNORE_MTIME)
		return;
	d = add(l, DIFFERENCE_MTIME, a->path);
	d->a = time_text(l, a);
	d->b = time_text(l, b);
	d->cause = "timestamp";
}

static const char *xattr_text(struct layers *l, const struct tree_xattr *x)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	const uint8_t *p = x->value;

	gg_buf_printf(&b, "%s=", x->name);
	for (size_t i = 0; i < x->len && i < 64; i++)
		gg_buf_printf(&b, "%02x", p[i]);
	if (x->len > 64)
		gg_buf_puts(&b, "...");
	return compare_keep(l->c, b.data);
}

static void compare_xattrs(struct layers *l, const struct layer_entry *a,
			   const struct layer_entry *b)
{
	size_t i = 0, k = 0;

	while (i < a->n_xattrs || k < b->n_xattrs) {
		const struct tree_xattr *x = i < a->n_xattrs ? &a->xattrs[i] : NULL,
					*y = k < b->n_xattrs ? &b->xattrs[k] : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);
		struct difference *d;

		i += order <= 0;
		k += order >= 0;
		if (order == 0 && x->len == y->len && memcmp(x->value, y->value, x->len) == 0)
			continue;
		d = add(l, DIFFERENCE_XATTR, a->path);
		d->a = order <= 0 ? xattr_text(l, x) : NULL;
		d->b = order >= 0 ? xattr_text(l, y) : NULL;
		d->cause = "unknown";
	}
}

static void compare_link(struct layers *l, const struct layer_entry *a, const struct layer_entry *b)
{
	struct difference *d;

	if (!a->link || !b->link || gg_streq(a->link, b->link))
		return;
	d = add(l, a->type == '1' ? DIFFERENCE_HARDLINK : DIFFERENCE_TARGET, a->path);
	d->a = compare_keep(l->c, a->link);
	d->b = compare_keep(l->c, b->link);
	d->cause = compare_cause_of_texts(l->c, d->a, d->b, &d->text);
}

static void compare_device(struct layers *l, const struct layer_entry *a,
			   const struct layer_entry *b)
{
	struct difference *d;

	if (a->major == b->major && a->minor == b->minor)
		return;
	d = add(l, DIFFERENCE_DEVICE, a->path);
	d->a = compare_keepf(l->c, "%u:%u", a->major, a->minor);
	d->b = compare_keepf(l->c, "%u:%u", b->major, b->minor);
	d->cause = "unknown";
}

static void compare_content(struct layers *l, const struct layer_entry *a,
			    const struct layer_entry *b)
{
	uint64_t most = a->size > b->size ? a->size : b->size;
	struct difference *d;

	if (a->type != '0' || (a->size == b->size && gg_digest_eq(&a->content, &b->content)))
		return;
	d = add(l, DIFFERENCE_BYTES, a->path);
	d->size_a = a->size;
	d->size_b = b->size;
	d->cause = "unknown";
	if (d == &l->c->overflow)
		return;
	if (l->n_contents == CONTENTS_MAX || most > CONTENT_MAX_BYTES ||
	    l->content_bytes + most > CONTENTS_MAX_BYTES) {
		d->text = "not looked into: too many or too large";
		return;
	}
	l->content_bytes += most;
	GG_GROW(l->contents, l->n_contents, l->cap_contents);
	l->contents[l->n_contents++] = (struct content_pair){ .difference = l->c->ret->n - 1,
							      .place_a = a->place,
							      .place_b = b->place,
							      .size_a = a->size,
							      .size_b = b->size };
}

/* One is a hard link, the other has the content itself: told as such, not as two types. */
static bool is_link_matter(char a, char b)
{
	return (a == '1' && b == '0') || (a == '0' && b == '1');
}

static void compare_types(struct layers *l, const struct layer_entry *a,
			  const struct layer_entry *b)
{
	struct difference *d;

	if (is_link_matter(a->type, b->type)) {
		d = add(l, DIFFERENCE_HARDLINK, a->path);
		d->a = a->type == '1' ? compare_keep(l->c, a->link) : NULL;
		d->b = b->type == '1' ? compare_keep(l->c, b->link) : NULL;
	} else {
		d = add(l, DIFFERENCE_TYPE, a->path);
		d->a = type_name(a->type);
		d->b = type_name(b->type);
	}
	d->cause = "unknown";
}

/* What no field here holds: times of access, comments, another way to write the same. */
static void compare_headers(struct layers *l, const struct layer_entry *a,
			    const struct layer_entry *b)
{
	struct difference *d;

	if (a->headers == b->headers || a->mtime != b->mtime || a->mtime_ns != b->mtime_ns)
		return;
	d = add(l, DIFFERENCE_ARCHIVE, a->path);
	d->cause = "unknown";
	d->text = "headers that say the same in other bytes, or times of access and change";
}

static void compare_entries(struct layers *l, const struct layer_entry *a,
			    const struct layer_entry *b)
{
	size_t found = l->found;

	if (a->type != b->type)
		compare_types(l, a, b);
	compare_mode(l, a, b);
	compare_owner(l, a, b);
	compare_mtime(l, a, b);
	compare_xattrs(l, a, b);
	if (a->type != b->type)
		return;
	compare_link(l, a, b);
	compare_device(l, a, b);
	compare_content(l, a, b);
	if (l->found == found)
		compare_headers(l, a, b);
}

/* Where a path's last component begins. */
static size_t directory_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* One that is gone and one that came in the same directory may be one thing, whose name holds what differs. */
static bool name_tells(struct layers *l, struct difference *gone, struct difference *came)
{
	size_t len = directory_len(gone->path);
	const char *text = NULL, *cause;

	if (len != directory_len(came->path) || memcmp(gone->path, came->path, len) != 0 ||
	    !gg_streq(gone->a, came->b))
		return false;
	cause = compare_cause_of_texts(l->c, gone->path + len, came->path + len, &text);
	if (!cause || gg_streq(cause, "unknown"))
		return false;
	gone->cause = came->cause = cause;
	gone->text = came->text = text;
	return true;
}

static void compare_lone_names(struct layers *l, size_t first)
{
	enum { TRIES = 1000000 };
	struct comparison *r = l->c->ret;
	size_t tries = 0;

	for (size_t i = first; i < r->n; i++) {
		if (r->v[i].kind != DIFFERENCE_REMOVED)
			continue;
		for (size_t k = first; k < r->n && tries < TRIES; k++, tries++)
			if (r->v[k].kind == DIFFERENCE_ADDED && !r->v[k].cause &&
			    name_tells(l, &r->v[i], &r->v[k]))
				break;
	}
}

static void lone_entry(struct layers *l, enum difference_kind kind, const struct layer_entry *e)
{
	struct difference *d = add(l, kind, e->path);
	const char **value = kind == DIFFERENCE_ADDED ? &d->b : &d->a;

	*value = type_name(e->type);
	d->size_a = kind == DIFFERENCE_ADDED ? 0 : e->size;
	d->size_b = kind == DIFFERENCE_ADDED ? e->size : 0;
}

/* ---- the order in the tar ---- */

static const char **paths_in_order(const struct layer_list *l, const bool *common)
{
	const char **v = gg_calloc(l->n + 1, sizeof(*v)), **in_order = v;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (common[i])
			v[l->v[i].place] = l->v[i].path;
	for (size_t i = 0; i < l->n; i++)
		if (v[i])
			in_order[n++] = v[i];
	in_order[n] = NULL;
	return v;
}

static void compare_order(struct layers *l, const bool *common_a, const bool *common_b)
{
	_cleanup_free_ const char **a = paths_in_order(&l->lists[0], common_a),
				  **b = paths_in_order(&l->lists[1], common_b);
	struct difference *d;
	size_t i = 0;

	while (a[i] && gg_streq(a[i], b[i]))
		i++;
	if (!a[i])
		return;
	d = add(l, DIFFERENCE_ORDER, a[i]);
	d->a = compare_keep(l->c, a[i]);
	d->b = compare_keep(l->c, b[i]);
	d->cause = "order";
}

/* Both are sorted by path. */
static void compare_lists(struct layers *l)
{
	const struct layer_list *a = &l->lists[0], *b = &l->lists[1];
	size_t first = l->c->ret->n;
	_cleanup_free_ bool *common_a = gg_zalloc(a->n + 1), *common_b = gg_zalloc(b->n + 1);
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i].path, b->v[k].path);

		if (order < 0) {
			lone_entry(l, DIFFERENCE_REMOVED, &a->v[i++]);
		} else if (order > 0) {
			lone_entry(l, DIFFERENCE_ADDED, &b->v[k++]);
		} else {
			common_a[i] = common_b[k] = true;
			compare_entries(l, &a->v[i++], &b->v[k++]);
		}
	}
	compare_lone_names(l, first);
	compare_order(l, common_a, common_b);
}

/* ---- contents ---- */

static int compare_places(const void *a, const void *b)
{
	const struct layer_content *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

struct mapping {
	uint8_t *p;
	size_t len;
};

static void mapping_done(struct mapping *m)
{
	if (m->len)
		munmap(m->p, m->len);
}

static int map_spool(const struct layer_wanted *w, struct mapping *m, struct gg_err *err)
{
	struct stat st;

	if (fstat(w->fd, &st) < 0)
		return gg_fail_errno(err, "look at a temporary file");
	if (st.st_size == 0)
		return 0;
	m->p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, w->fd, 0);
	if (m->p == MAP_FAILED)
		return gg_fail_errno(err, "map a temporary file");
	m->len = (size_t)st.st_size;
	return 0;
}

static struct span content_of(const struct layer_wanted *w, const struct mapping *m, size_t place)
{
	struct layer_content key = { .place = place };
	const struct layer_content *c = bsearch(&key, w->v, w->n, sizeof(*w->v), compare_places);

	return (struct span){ m->p ? m->p + c->offset : NULL, (size_t)c->size };
}

static void list_wanted(const struct layers *l, struct layer_wanted wanted[2])
{
	for (size_t i = 0; i < l->n_contents; i++) {
		wanted[0].v[i].place = l->contents[i].place_a;
		wanted[1].v[i].place = l->contents[i].place_b;
	}
	for (int side = 0; side < 2; side++)
		qsort(wanted[side].v, wanted[side].n, sizeof(*wanted[side].v), compare_places);
}

static int look_into_contents(struct layers *l, const struct layer_ref refs[2], struct gg_err *err)
{
	_cleanup_free_ struct layer_content *a = gg_calloc(l->n_contents, sizeof(*a)),
					    *b = gg_calloc(l->n_contents, sizeof(*b));
	GG_CLEANUP(mapping_done) struct mapping map_a = { 0 }, map_b = { 0 };
	struct layer_wanted wanted[2] = { { .v = a, .n = l->n_contents, .fd = -1 },
					  { .v = b, .n = l->n_contents, .fd = -1 } };
	int r;

	list_wanted(l, wanted);
	r = layer_contents_pair(refs, wanted, err);
	if (r == 0 &&
	    (map_spool(&wanted[0], &map_a, err) < 0 || map_spool(&wanted[1], &map_b, err) < 0))
		r = -1;
	gg_close(wanted[0].fd);
	gg_close(wanted[1].fd);
	for (size_t i = 0; r == 0 && i < l->n_contents; i++) {
		const struct content_pair *p = &l->contents[i];
		struct span one = content_of(&wanted[0], &map_a, p->place_a),
			    two = content_of(&wanted[1], &map_b, p->place_b);

		compare_contents(l->c, &one, &two, &l->c->ret->v[p->difference]);
	}
	return r;
}

int compare_layer_pair(struct compare *c, size_t layer_a, size_t layer_b, struct gg_err *err)
{
	GG_CLEANUP(layers_done) struct layers l = { .c = c };
	const struct layer_ref refs[2] = { { c->a, layer_a }, { c->b, layer_b } };
	struct difference *d;

	if (layer_list_pair(refs, l.lists, err) < 0)
		return -1;
	compare_lists(&l);
	if (l.n_contents)
		return look_into_contents(&l, refs, err);
	if (l.found == 0 && !(c->options->ignore & COMPARE_IGNORE_MTIME)) {
		d = compare_add(c, DIFFERENCE_ARCHIVE);
		d->cause = "unknown";
		d->text = "the same entries and headers; padding or the end of the tar differs";
	}
	return 0;
}
