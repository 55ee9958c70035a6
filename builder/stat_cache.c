/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/stat_cache.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/digest.h"
#include "layers/store.h"

/* The note: a header, then the files sorted by inode. In the machine's own byte order, like all that never leaves it. */
static const char magic[16] = "ggbuild-stat 1\n";

struct header {
	char magic[16];
	uint64_t dev, n;
};

struct record {
	uint64_t ino, size;
	uint64_t mtime, ctime; /* ns since 1970, modulo 2^64 */
	uint32_t mode, unused;
	struct gg_digest content;
};
_Static_assert(sizeof(struct record) == 72, "records are written as they are");

struct stat_cache {
	struct store *store;
	struct gg_digest identity;
	struct scan_memory memory;
	struct timespec start; /* the files' clock before anything is read */
	uint64_t dev;
	struct gg_buf text;
	const struct record *old; /* in text */
	size_t n_old, n_used;
	bool *used; /* parallel to old */
	struct record *new;
	size_t n_new, cap_new;
};

static uint64_t ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

static struct record record_of(const struct stat *st)
{
	return (struct record){ .ino = st->st_ino,
				.size = (uint64_t)st->st_size,
				.mtime = ns(&st->st_mtim),
				.ctime = ns(&st->st_ctim),
				.mode = st->st_mode };
}

static int compare(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static bool known(void *ctx, const struct stat *st, struct gg_digest *ret)
{
	struct stat_cache *c = ctx;
	struct record want = record_of(st);
	const struct record *found;

	if (c->n_old == 0 || st->st_dev != c->dev)
		return false;
	found = bsearch(&want, c->old, c->n_old, sizeof(want), compare);
	if (!found || found->size != want.size || found->mtime != want.mtime ||
	    found->ctime != want.ctime || found->mode != want.mode)
		return false;
	if (!c->used[found - c->old]) {
		c->used[found - c->old] = true;
		c->n_used++;
	}
	*ret = found->content;
	return true;
}

/* A file system that keeps whole seconds, or every other one, writes no nanoseconds. */
static bool is_older(const struct timespec *t, const struct timespec *start)
{
	if (t->tv_nsec == 0)
		return t->tv_sec < start->tv_sec - 2;
	return t->tv_sec < start->tv_sec ||
	       (t->tv_sec == start->tv_sec && t->tv_nsec < start->tv_nsec);
}

static void learned(void *ctx, const struct stat *st, const struct gg_digest *content)
{
	struct stat_cache *c = ctx;

	if (st->st_dev != c->dev || !is_older(&st->st_mtim, &c->start) ||
	    !is_older(&st->st_ctim, &c->start))
		return;
	GG_GROW(c->new, c->n_new, c->cap_new);
	c->new[c->n_new] = record_of(st);
	c->new[c->n_new++].content = *content;
}

int stat_cache_identity(int dirfd, const char *purpose, struct gg_digest *ret)
{
	_cleanup_free_ char *link = gg_asprintf("/proc/self/fd/%d", dirfd), *text = NULL;
	char path[PATH_MAX];
	ssize_t len = readlink(link, path, sizeof(path));
	struct stat st;

	if (len < 0 || len == sizeof(path) || fstat(dirfd, &st) < 0)
		return -1;
	text = gg_asprintf("%s %llu %llu\n%.*s", purpose, (unsigned long long)st.st_dev,
			   (unsigned long long)st.st_ino, (int)len, path);
	gg_digest_of(text, strlen(text), ret);
	return 0;
}

static void read_note(struct stat_cache *c)
{
	struct header h;

	if (!store_note_get(c->store, &c->identity, &c->text) || c->text.len < sizeof(h))
		return;
	memcpy(&h, c->text.data, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.dev != c->dev ||
	    c->text.len - sizeof(h) != h.n * sizeof(struct record))
		return;
	c->old = (const struct record *)(const void *)(c->text.data + sizeof(h));
	c->n_old = h.n;
	c->used = gg_calloc(h.n + 1, sizeof(*c->used));
}

struct stat_cache *stat_cache_open(struct store *s, int fd)
{
	struct stat_cache *c = gg_zalloc(sizeof(*c));
	struct stat st;

	c->memory = (struct scan_memory){ .known = known, .learned = learned, .ctx = c };
	/* Files get their times from the coarse clock; the other one runs before it. */
	clock_gettime(CLOCK_REALTIME_COARSE, &c->start);
	if (s && fstat(fd, &st) == 0 && stat_cache_identity(fd, "stat", &c->identity) == 0) {
		c->store = s;
		c->dev = st.st_dev;
		read_note(c);
	}
	return c;
}

const struct scan_memory *stat_cache_memory(const struct stat_cache *c)
{
	return &c->memory;
}

void stat_cache_save(struct stat_cache *c)
{
	struct header h = { .dev = c->dev };
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (!c->store || (c->n_new == 0 && c->n_used == c->n_old))
		return;
	for (size_t i = 0; i < c->n_old; i++) {
		if (!c->used[i])
			continue;
		GG_GROW(c->new, c->n_new, c->cap_new);
		c->new[c->n_new++] = c->old[i];
	}
	if (c->n_new)
		qsort(c->new, c->n_new, sizeof(*c->new), compare);
	/* An inode of several names was learned with each. */
	for (size_t i = 0; i < c->n_new; i++)
		if (h.n == 0 || c->new[i].ino != c->new[h.n - 1].ino)
			c->new[h.n++] = c->new[i];
	memcpy(h.magic, magic, sizeof(magic));
	gg_buf_reserve(&text, sizeof(h) + h.n * sizeof(*c->new));
	gg_buf_add(&text, &h, sizeof(h));
	gg_buf_add(&text, c->new, h.n * sizeof(*c->new));
	store_note_put(c->store, &c->identity, text.data, text.len);
	c->n_new = 0;
	c->n_used = c->n_old;
}

void stat_cache_free(struct stat_cache *c)
{
	if (!c)
		return;
	gg_buf_done(&c->text);
	free(c->used);
	free(c->new);
	free(c);
}

void stat_cache_freep(struct stat_cache **c)
{
	stat_cache_free(*c);
}
