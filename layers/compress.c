/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/compress.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include <libdeflate.h>
#include <zstd.h>

#include "layers/base/mem.h"

enum {
	THREADS_MAX = 16,
	GZIP_OS_BYTE = 9,
	GZIP_OS_UNKNOWN = 255,
};

/* A member or frame on its way: filled by the caller, compressed by a worker, written by the caller. */
struct block {
	uint8_t *in, *out; /* owned */
	size_t in_len, out_len;
	bool done;
};

struct worker {
	struct compress *c;
	struct libdeflate_compressor *deflate; /* gzip */
	ZSTD_CCtx *zstd;                       /* zstd */
	pthread_t thread;
};

/* A ring: block n is at ring[n % n_blocks]. Blocks below `queued` are handed in, below `taken` workers have picked them
 * up, below `written` they are gone. The caller alone moves queued and written; `lock` guards what workers see. With
 * "none" there are no workers and the one block is written as it is. */
struct compress {
	enum compress_kind kind;
	int level;
	compress_sink *sink;
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct block *ring;
	size_t n_blocks, queued, taken, written;
	size_t in_cap, out_cap;
	bool stop;
	struct worker *workers;
	unsigned n_started;
};

static const struct {
	const char *library;
	int level, level_max;
	size_t block;
} kinds[] = {
	[COMPRESS_GZIP] = { "libdeflate " LIBDEFLATE_VERSION_STRING, 5, 12, COMPRESS_GZIP_BLOCK },
	[COMPRESS_ZSTD] = { "zstd " ZSTD_VERSION_STRING, 3, 19, COMPRESS_ZSTD_BLOCK },
	[COMPRESS_NONE] = { NULL, 0, 0, COMPRESS_ZSTD_BLOCK },
};

const char *compress_library(enum compress_kind kind)
{
	return kinds[kind].library;
}

int compress_default_level(enum compress_kind kind)
{
	return kinds[kind].level;
}

size_t compress_block_size(enum compress_kind kind)
{
	return kinds[kind].block;
}

static unsigned count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* Threads that are created in between leave every signal to the others. */
static void block_signals(sigset_t *ret_old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, ret_old);
}

static void compress_block(struct worker *w, struct block *b)
{
	size_t cap = w->c->out_cap;

	if (w->zstd) {
		b->out_len = ZSTD_compress2(w->zstd, b->out, cap, b->in, b->in_len);
		if (ZSTD_isError(b->out_len))
			b->out_len = 0;
	} else {
		b->out_len = libdeflate_gzip_compress(w->deflate, b->in, b->in_len, b->out, cap);
		if (b->out_len > GZIP_OS_BYTE)
			b->out[GZIP_OS_BYTE] = GZIP_OS_UNKNOWN;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct compress *c = w->c;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		struct block *b;

		while (!c->stop && c->taken == c->queued)
			pthread_cond_wait(&c->work, &c->lock);
		if (c->stop)
			break;
		b = &c->ring[c->taken++ % c->n_blocks];
		pthread_mutex_unlock(&c->lock);
		compress_block(w, b);
		pthread_mutex_lock(&c->lock);
		b->done = true;
		pthread_cond_signal(&c->finished);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void worker_done(struct worker *w)
{
	libdeflate_free_compressor(w->deflate);
	ZSTD_freeCCtx(w->zstd);
}

static int worker_start(struct worker *w, struct compress *c)
{
	int e;

	w->c = c;
	if (c->kind == COMPRESS_GZIP) {
		w->deflate = libdeflate_alloc_compressor(c->level);
	} else {
		w->zstd = ZSTD_createCCtx();
		if (w->zstd && ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel,
								   c->level)))
			abort(); /* the level was checked */
	}
	if (!w->deflate && !w->zstd)
		abort(); /* out of memory */
	e = pthread_create(&w->thread, NULL, work, w);
	if (e != 0)
		worker_done(w);
	return e;
}

static int start(struct compress *c, unsigned threads, struct gg_err *err)
{
	sigset_t old;
	int e = 0;

	/* One block being filled, one a worker, and one so that no worker waits for the writer. */
	c->n_blocks = threads + 2;
	c->ring = gg_calloc(c->n_blocks, sizeof(*c->ring));
	c->workers = gg_calloc(threads, sizeof(*c->workers));
	block_signals(&old);
	for (unsigned i = 0; i < threads && e == 0; i++) {
		e = worker_start(&c->workers[i], c);
		if (e == 0)
			c->n_started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (c->n_started > 0) /* fewer workers write the same bytes */
		return 0;
	errno = e;
	return gg_fail_errno(err, "start a compressing thread");
}

int compress_new(const struct compress_options *options, struct compress **ret, struct gg_err *err)
{
	_cleanup_compress_ struct compress *c = gg_zalloc(sizeof(*c));
	unsigned threads = options->threads ? options->threads : count_cpus();
	bool gzip = options->kind == COMPRESS_GZIP;
	int max = kinds[options->kind].level_max;

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->finished, NULL);
	c->kind = options->kind;
	c->sink = options->sink;
	c->ctx = options->ctx;
	c->level = options->level ? options->level : kinds[c->kind].level;
	if (c->kind != COMPRESS_NONE && (c->level < 1 || c->level > max))
		return gg_fail(err, GG_USAGE, "compression level %d is not within 1..%d", c->level,
			       max);
	c->in_cap = kinds[c->kind].block;
	c->out_cap = gzip ? libdeflate_gzip_compress_bound(NULL, c->in_cap)
			  : ZSTD_compressBound(c->in_cap);
	if (c->kind == COMPRESS_NONE) {
		c->n_blocks = 1;
		c->ring = gg_calloc(1, sizeof(*c->ring));
		c->out_cap = 1;
	} else if (start(c, threads < THREADS_MAX ? threads : THREADS_MAX, err) < 0) {
		return -1;
	}
	*ret = gg_steal(&c);
	return 0;
}

/* Writes finished blocks in order: all that are ready, and with `wait` the oldest in any case. */
static int drain(struct compress *c, bool wait, struct gg_err *err)
{
	while (c->written < c->queued) {
		struct block *b = &c->ring[c->written % c->n_blocks];
		bool done;

		pthread_mutex_lock(&c->lock);
		while (wait && !b->done)
			pthread_cond_wait(&c->finished, &c->lock);
		done = b->done;
		pthread_mutex_unlock(&c->lock);
		if (!done)
			return 0;
		if (b->out_len == 0)
			return gg_fail(err, GG_INTERNAL, "compress: a block outgrew its bound");
		if (c->sink(c->ctx, b->out, b->out_len, err) < 0)
			return -1;
		b->done = false;
		b->in_len = 0;
		c->written++;
		wait = false;
	}
	return 0;
}

static struct block *current(struct compress *c)
{
	struct block *b = &c->ring[c->queued % c->n_blocks];

	if (!b->in) {
		b->in = gg_alloc(c->in_cap);
		b->out = gg_alloc(c->out_cap);
	}
	return b;
}

static int submit(struct compress *c, struct gg_err *err)
{
	struct block *b = current(c);

	if (c->kind == COMPRESS_NONE) {
		size_t len = b->in_len;

		b->in_len = 0;
		return c->sink(c->ctx, b->in, len, err);
	}
	pthread_mutex_lock(&c->lock);
	c->queued++;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
	return drain(c, c->queued - c->written == c->n_blocks, err);
}

void *compress_room(struct compress *c, size_t *ret_len)
{
	struct block *b = current(c);

	*ret_len = c->in_cap - b->in_len;
	return b->in + b->in_len;
}

int compress_fill(struct compress *c, size_t len, struct gg_err *err)
{
	struct block *b = current(c);

	b->in_len += len;
	assert(b->in_len <= c->in_cap);
	return b->in_len == c->in_cap ? submit(c, err) : 0;
}

int compress_add(struct compress *c, const void *bytes, size_t len, struct gg_err *err)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		size_t n;
		void *room = compress_room(c, &n);

		if (n > len)
			n = len;
		memcpy(room, p, n);
		if (compress_fill(c, n, err) < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

int compress_end(struct compress *c, struct gg_err *err)
{
	bool empty = c->kind != COMPRESS_NONE && c->queued == 0;

	if ((current(c)->in_len > 0 || empty) && submit(c, err) < 0)
		return -1;
	while (c->written < c->queued)
		if (drain(c, true, err) < 0)
			return -1;
	return 0;
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->n_started; i++) {
		pthread_join(c->workers[i].thread, NULL);
		worker_done(&c->workers[i]);
	}
	for (size_t i = 0; i < c->n_blocks; i++) {
		free(c->ring[i].in);
		free(c->ring[i].out);
	}
	pthread_cond_destroy(&c->finished);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c->ring);
	free(c->workers);
	free(c);
}

void compress_freep(struct compress **c)
{
	compress_free(*c);
}
