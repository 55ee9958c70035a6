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
	GZIP_LEVEL = 5,
	ZSTD_LEVEL = 3,
	THREADS_MAX = 16,
	STREAM_ROOM = 256 * 1024, /* input of zstd and none: stays in the second-level cache */
	ZSTD_JOB = 4 << 20,
	ZSTD_OVERLAP = 6, /* an eighth of the window, which is what level 3 would choose */
	GZIP_OS_BYTE = 9,
	GZIP_OS_UNKNOWN = 255,
};

/* A member on its way: filled by the caller, compressed by a worker, written by the caller. */
struct block {
	uint8_t *in, *out; /* owned */
	size_t in_len, out_len;
	bool done;
};

/* A ring: blocks [written, queued) are handed in; [written, taken) have been picked up by workers. Block n is at
 * ring[n % n_blocks]. The caller alone moves queued and written; `lock` guards all that workers read. */
struct gzip_pool {
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct block *ring;
	size_t n_blocks, queued, taken, written;
	size_t out_cap;
	bool stop;
	struct gzip_worker *workers;
	unsigned n_started;
};

struct gzip_worker {
	struct gzip_pool *pool;
	struct libdeflate_compressor *deflate;
	pthread_t thread;
};

struct compress {
	enum compress_kind kind;
	compress_sink *sink;
	void *ctx;
	struct gzip_pool pool; /* gzip */
	ZSTD_CCtx *zstd;       /* zstd */
	uint8_t *room, *out;   /* zstd: owned both; none: room */
	size_t room_len, out_cap;
};

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

static void compress_member(struct gzip_worker *w, struct block *b)
{
	b->out_len = libdeflate_gzip_compress(w->deflate, b->in, b->in_len, b->out, w->pool->out_cap);
	if (b->out_len > GZIP_OS_BYTE)
		b->out[GZIP_OS_BYTE] = GZIP_OS_UNKNOWN;
}

static void *work(void *arg)
{
	struct gzip_worker *w = arg;
	struct gzip_pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct block *b;

		while (!p->stop && p->taken == p->queued)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		b = &p->ring[p->taken++ % p->n_blocks];
		pthread_mutex_unlock(&p->lock);
		compress_member(w, b);
		pthread_mutex_lock(&p->lock);
		b->done = true;
		pthread_cond_signal(&p->finished);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int gzip_start(struct compress *c, int level, unsigned threads, struct gg_err *err)
{
	struct gzip_pool *p = &c->pool;
	sigset_t old;
	int e = 0;

	/* One block being filled, one a worker, and one more a worker so that none waits for the writer. */
	p->n_blocks = 2 * threads + 1;
	p->ring = gg_calloc(p->n_blocks, sizeof(*p->ring));
	p->workers = gg_calloc(threads, sizeof(*p->workers));
	block_signals(&old);
	for (unsigned i = 0; i < threads && e == 0; i++) {
		struct gzip_worker *w = &p->workers[i];

		w->pool = p;
		w->deflate = libdeflate_alloc_compressor(level);
		if (!w->deflate)
			abort();
		e = pthread_create(&w->thread, NULL, work, w);
		if (e == 0)
			p->n_started++;
		else
			libdeflate_free_compressor(w->deflate);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (p->n_started > 0) /* fewer workers write the same bytes */
		p->out_cap = libdeflate_gzip_compress_bound(p->workers[0].deflate, COMPRESS_BLOCK);
	errno = e;
	return p->n_started > 0 ? 0 : gg_fail_errno(err, "start a compressing thread");
}

static void gzip_stop(struct gzip_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_started; i++) {
		pthread_join(p->workers[i].thread, NULL);
		libdeflate_free_compressor(p->workers[i].deflate);
	}
	for (size_t i = 0; i < p->n_blocks; i++) {
		free(p->ring[i].in);
		free(p->ring[i].out);
	}
	free(p->ring);
	free(p->workers);
}

/* Writes finished blocks in order: all that are ready, and the oldest even if it must be waited for. */
static int gzip_drain(struct compress *c, bool wait, struct gg_err *err)
{
	struct gzip_pool *p = &c->pool;

	while (p->written < p->queued) {
		struct block *b = &p->ring[p->written % p->n_blocks];
		bool done;

		pthread_mutex_lock(&p->lock);
		while (wait && !b->done)
			pthread_cond_wait(&p->finished, &p->lock);
		done = b->done;
		pthread_mutex_unlock(&p->lock);
		if (!done)
			return 0;
		if (b->out_len == 0)
			return gg_fail(err, GG_INTERNAL, "compress: a block outgrew its bound");
		if (c->sink(c->ctx, b->out, b->out_len, err) < 0)
			return -1;
		b->done = false;
		b->in_len = 0;
		p->written++;
		wait = false;
	}
	return 0;
}

static struct block *gzip_current(struct gzip_pool *p)
{
	struct block *b = &p->ring[p->queued % p->n_blocks];

	if (!b->in) {
		b->in = gg_alloc(COMPRESS_BLOCK);
		b->out = gg_alloc(p->out_cap);
	}
	return b;
}

static int gzip_submit(struct compress *c, struct gg_err *err)
{
	struct gzip_pool *p = &c->pool;

	gzip_current(p);
	pthread_mutex_lock(&p->lock);
	p->queued++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return gzip_drain(c, p->queued - p->written == p->n_blocks, err);
}

static int gzip_end(struct compress *c, struct gg_err *err)
{
	struct gzip_pool *p = &c->pool;

	if ((gzip_current(p)->in_len > 0 || p->queued == 0) && gzip_submit(c, err) < 0)
		return -1;
	while (p->written < p->queued)
		if (gzip_drain(c, true, err) < 0)
			return -1;
	return 0;
}

static int zstd_step(struct compress *c, size_t len, ZSTD_EndDirective end, struct gg_err *err)
{
	ZSTD_inBuffer in = { c->room, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { c->out, c->out_cap, 0 };

		left = ZSTD_compressStream2(c->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return gg_fail(err, GG_INTERNAL, "compress: zstd: %s", ZSTD_getErrorName(left));
		if (out.pos > 0 && c->sink(c->ctx, c->out, out.pos, err) < 0)
			return -1;
	} while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return 0;
}

static int zstd_start(struct compress *c, int level, unsigned threads, struct gg_err *err)
{
	const struct {
		ZSTD_cParameter name;
		int value;
	} set[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_contentSizeFlag, 0 },
		{ ZSTD_c_checksumFlag, 0 },
		{ ZSTD_c_nbWorkers, (int)threads },
		{ ZSTD_c_jobSize, ZSTD_JOB },
		{ ZSTD_c_overlapLog, ZSTD_OVERLAP },
	};
	sigset_t old;
	int r;

	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		abort();
	c->out_cap = ZSTD_CStreamOutSize();
	c->out = gg_alloc(c->out_cap);
	for (size_t i = 0; i < GG_LEN(set); i++) {
		size_t e = ZSTD_CCtx_setParameter(c->zstd, set[i].name, set[i].value);

		if (ZSTD_isError(e))
			return gg_fail(err, GG_INTERNAL, "compress: zstd: %s", ZSTD_getErrorName(e));
	}
	block_signals(&old);
	r = zstd_step(c, 0, ZSTD_e_continue, err); /* starts the workers, writes nothing */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int compress_new(const struct compress_options *options, struct compress **ret, struct gg_err *err)
{
	_cleanup_compress_ struct compress *c = gg_zalloc(sizeof(*c));
	unsigned threads = options->threads ? options->threads : count_cpus();
	int level = options->level, r = 0;

	c->kind = options->kind;
	c->sink = options->sink;
	c->ctx = options->ctx;
	pthread_mutex_init(&c->pool.lock, NULL);
	pthread_cond_init(&c->pool.work, NULL);
	pthread_cond_init(&c->pool.finished, NULL);
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	switch (c->kind) {
	case COMPRESS_GZIP:
		if (level < 0 || level > 12)
			return gg_fail(err, GG_USAGE, "gzip level %d is not within 1..12", level);
		r = gzip_start(c, level ? level : GZIP_LEVEL, threads, err);
		break;
	case COMPRESS_ZSTD:
		if (level < 0 || level > 19)
			return gg_fail(err, GG_USAGE, "zstd level %d is not within 1..19", level);
		c->room = gg_alloc(STREAM_ROOM);
		r = zstd_start(c, level ? level : ZSTD_LEVEL, threads, err);
		break;
	case COMPRESS_NONE:
		c->room = gg_alloc(STREAM_ROOM);
		break;
	}
	if (r < 0)
		return -1;
	*ret = gg_steal(&c);
	return 0;
}

static int flush_room(struct compress *c, struct gg_err *err)
{
	size_t len = c->room_len;

	c->room_len = 0;
	if (len == 0)
		return 0;
	if (c->kind == COMPRESS_NONE)
		return c->sink(c->ctx, c->room, len, err);
	return zstd_step(c, len, ZSTD_e_continue, err);
}

void *compress_room(struct compress *c, size_t *ret_len)
{
	if (c->kind == COMPRESS_GZIP) {
		struct block *b = gzip_current(&c->pool);

		*ret_len = COMPRESS_BLOCK - b->in_len;
		return b->in + b->in_len;
	}
	*ret_len = STREAM_ROOM - c->room_len;
	return c->room + c->room_len;
}

int compress_fill(struct compress *c, size_t len, struct gg_err *err)
{
	if (c->kind == COMPRESS_GZIP) {
		struct block *b = gzip_current(&c->pool);

		b->in_len += len;
		assert(b->in_len <= COMPRESS_BLOCK);
		return b->in_len == COMPRESS_BLOCK ? gzip_submit(c, err) : 0;
	}
	c->room_len += len;
	assert(c->room_len <= STREAM_ROOM);
	return c->room_len == STREAM_ROOM ? flush_room(c, err) : 0;
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
	if (c->kind == COMPRESS_GZIP)
		return gzip_end(c, err);
	if (flush_room(c, err) < 0)
		return -1;
	return c->kind == COMPRESS_ZSTD ? zstd_step(c, 0, ZSTD_e_end, err) : 0;
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	gzip_stop(&c->pool);
	pthread_cond_destroy(&c->pool.finished);
	pthread_cond_destroy(&c->pool.work);
	pthread_mutex_destroy(&c->pool.lock);
	ZSTD_freeCCtx(c->zstd);
	free(c->room);
	free(c->out);
	free(c);
}

void compress_freep(struct compress **c)
{
	compress_free(*c);
}
