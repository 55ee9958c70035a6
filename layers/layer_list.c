/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layer_list.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "layers/base/interrupt.h"
#include "layers/image_source.h"
#include "layers/spool.h"
#include "layers/untar.h"

void layer_list_done(struct layer_list *l)
{
	gg_arena_free(l->arena);
	free(l->v);
	*l = (struct layer_list){ 0 };
}

/* Bytes of names and attributes, which are kept; a header may have a MiB of them. */
#define NAMES_MAX (512ull << 20)

/* ---- one layer ---- */

static const char *clean_path(struct gg_arena *arena, const char *name)
{
	size_t len;

	while (gg_starts(name, "./"))
		for (name += 2; *name == '/'; name++)
			;
	len = strlen(name);
	while (len > 1 && name[len - 1] == '/')
		len--;
	return len ? gg_arena_strndup(arena, name, len) : ".";
}

static void copy_xattrs(struct gg_arena *arena, const struct untar_entry *from,
			struct layer_entry *to)
{
	struct tree_xattr *x =
		from->n_xattrs ? gg_arena_calloc(arena, from->n_xattrs, sizeof(*x)) : NULL;

	for (size_t i = 0; i < from->n_xattrs; i++)
		x[i] = (struct tree_xattr){ .name = gg_arena_strdup(arena, from->xattrs[i].name),
					    .value = gg_arena_strndup(arena, from->xattrs[i].value,
								      from->xattrs[i].len),
					    .len = from->xattrs[i].len };
	to->xattrs = x;
	to->n_xattrs = from->n_xattrs;
}

static void add_entry(struct layer_list *l, const struct untar_entry *e)
{
	struct layer_entry n = { .type = e->type,
				 .mode = e->mode,
				 .uid = e->uid,
				 .gid = e->gid,
				 .major = e->major,
				 .minor = e->minor,
				 .size = e->size,
				 .mtime = e->mtime,
				 .mtime_ns = e->mtime_ns,
				 .headers = e->headers,
				 .place = l->n };

	n.path = clean_path(l->arena, e->name);
	n.link = e->link ? gg_arena_strdup(l->arena, e->link) : NULL;
	n.uname = *e->uname ? gg_arena_strdup(l->arena, e->uname) : "";
	n.gname = *e->gname ? gg_arena_strdup(l->arena, e->gname) : "";
	copy_xattrs(l->arena, e, &n);
	GG_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = n;
}

static int hash_content(struct untar *u, struct gg_hash *hash, struct gg_digest *ret,
			struct gg_err *err)
{
	for (;;) {
		const void *bytes;
		size_t len;

		if (untar_data(u, &bytes, &len, err) < 0)
			return -1;
		if (len == 0)
			break;
		gg_hash_add(hash, bytes, len);
	}
	gg_hash_end(hash, ret);
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct layer_entry *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static uint64_t names_size(const struct layer_entry *e)
{
	uint64_t n = strlen(e->path) + (e->link ? strlen(e->link) : 0);

	for (size_t i = 0; i < e->n_xattrs; i++)
		n += strlen(e->xattrs[i].name) + e->xattrs[i].len;
	return n;
}

static int list_entries(struct layer_stream *stream, struct layer_list *l, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	_cleanup_untar_ struct untar *u = untar_new(
		layer_stream_archive(stream), IMAGE_MAX_LAYER_BYTES, layer_stream_hash(stream));

	uint64_t names = 0;

	l->arena = gg_arena_new();
	untar_sum_headers(u);
	untar_open_end(u);
	for (;;) {
		const struct untar_entry *e;

		if (gg_interrupted(err) < 0 || untar_next(u, &e, err) < 0)
			return -1;
		if (!e)
			break;
		if (l->n == TREE_MAX_ENTRIES)
			return gg_fail(err, GG_INTEGRITY, "more than %d entries", TREE_MAX_ENTRIES);
		add_entry(l, e);
		names += names_size(&l->v[l->n - 1]);
		if (names > NAMES_MAX)
			return gg_fail(err, GG_INTEGRITY,
				       "more than 512 MiB of names and attributes");
		if (e->type == '0' && hash_content(u, hash, &l->v[l->n - 1].content, err) < 0)
			return -1;
	}
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_entries);
	return 0;
}

static int with_layer(const struct layer_ref *ref, struct gg_err *err)
{
	return gg_context(err, "image '%s': layer %zu", ref->source->name, ref->layer);
}

int layer_list_read(const struct layer_ref *ref, struct layer_list *l, struct gg_err *err)
{
	_cleanup_layer_stream_ struct layer_stream *stream = NULL;

	if (layer_stream_open(ref->source, ref->layer, 0, &stream, err) < 0)
		return -1;
	if (list_entries(stream, l, err) < 0)
		return with_layer(ref, err);
	return layer_stream_check(stream, err);
}

/* ---- contents ---- */

static int spool_content(struct untar *u, int fd, struct layer_content *c, uint64_t *total,
			 struct gg_err *err)
{
	c->offset = *total;
	c->size = 0;
	for (;;) {
		const void *bytes;
		size_t len;

		if (untar_data(u, &bytes, &len, err) < 0)
			return -1;
		if (len == 0)
			break;
		if (spool_add(fd, bytes, len, err) < 0)
			return -1;
		c->size += len;
	}
	*total += c->size;
	return 0;
}

static int spool_wanted(struct layer_stream *stream, struct layer_wanted *w, struct gg_err *err)
{
	/* Every byte of it was checked by the pass that found what is wanted. */
	_cleanup_untar_ struct untar *u =
		untar_new(layer_stream_archive(stream), IMAGE_MAX_LAYER_BYTES, NULL);
	uint64_t total = 0;
	size_t next = 0;

	untar_open_end(u);
	for (size_t place = 0; next < w->n; place++) {
		const struct untar_entry *e;

		if (gg_interrupted(err) < 0 || untar_next(u, &e, err) < 0)
			return -1;
		if (!e)
			return gg_fail(err, GG_INTEGRITY, "it has changed while it was read");
		if (w->v[next].place != place)
			continue;
		if (spool_content(u, w->fd, &w->v[next++], &total, err) < 0)
			return -1;
	}
	return 0;
}

static int read_wanted(const struct layer_ref *ref, struct layer_wanted *w, struct gg_err *err)
{
	_cleanup_layer_stream_ struct layer_stream *stream = NULL;

	w->fd = spool_open(err);
	if (w->fd < 0 ||
	    layer_stream_open(ref->source, ref->layer, LAYER_STREAM_AGAIN, &stream, err) < 0)
		return -1;
	return spool_wanted(stream, w, err) < 0 ? with_layer(ref, err) : 0;
}

/* ---- two at once ---- */

struct side {
	const struct layer_ref *ref;
	struct layer_list *list;     /* or */
	struct layer_wanted *wanted; /* one of them */
	struct gg_err err;
	int result;
};

static void *work(void *ctx)
{
	struct side *s = ctx;

	s->result = s->list ? layer_list_read(s->ref, s->list, &s->err)
			    : read_wanted(s->ref, s->wanted, &s->err);
	return NULL;
}

/* The second on a thread of its own, which blocks every signal. */
static int work_both(struct side sides[2], struct gg_err *err)
{
	sigset_t all, old;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, work, &sides[1]);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		errno = r;
		return gg_fail_errno(err, "start a thread");
	}
	work(&sides[0]);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++) {
		if (sides[i].result < 0 && !err->kind)
			gg_err_move(err, &sides[i].err);
		gg_err_done(&sides[i].err);
	}
	return err->kind ? -1 : 0;
}

int layer_list_pair(const struct layer_ref refs[2], struct layer_list ret[2], struct gg_err *err)
{
	struct side sides[2] = { { .ref = &refs[0], .list = &ret[0] },
				 { .ref = &refs[1], .list = &ret[1] } };

	return work_both(sides, err);
}

int layer_contents_pair(const struct layer_ref refs[2], struct layer_wanted wanted[2],
			struct gg_err *err)
{
	struct side sides[2] = { { .ref = &refs[0], .wanted = &wanted[0] },
				 { .ref = &refs[1], .wanted = &wanted[1] } };

	return work_both(sides, err);
}
