/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/scan_hash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/meta.h"

enum { THREADS = 2, QUEUE = 128, BLOCK = 128 * 1024, ENOUGH = 8 * 1024 * 1024 };

struct reader {
	struct gg_hash *hash;
	char *block;
};

struct scan_hash {
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	struct scan_job queue[QUEUE];
	size_t head, n;
	bool closed;
	struct gg_err err; /* the first of any thread */
	pthread_t threads[THREADS];
	size_t n_threads;
	uint64_t bytes; /* read without threads */
	struct reader here;
};

static void reader_init(struct reader *r)
{
	r->hash = gg_hash_new();
	r->block = gg_alloc(BLOCK);
}

static void reader_done(struct reader *r)
{
	gg_hash_free(r->hash);
	free(r->block);
}

struct scan_hash *scan_hash_new(void)
{
	struct scan_hash *h = gg_zalloc(sizeof(*h));

	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	pthread_cond_init(&h->room, NULL);
	reader_init(&h->here);
	return h;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_all(struct reader *r, const struct scan_job *job, struct gg_err *err)
{
	uint64_t left = (uint64_t)job->st.st_size;
	struct stat after;
	ssize_t n = 1;

	/* One read past the size would see what was appended; fstat does too. */
	while (left > 0 && n > 0) {
		n = gg_read_full(job->fd, r->block, left < BLOCK ? (size_t)left : BLOCK, err);
		if (n < 0)
			return -1;
		gg_hash_add(r->hash, r->block, (size_t)n);
		left -= (uint64_t)n;
	}
	gg_hash_end(r->hash, job->ret);
	if (fstat(job->fd, &after) < 0)
		return gg_fail_errno(err, "stat");
	if (left > 0 || !unchanged(&job->st, &after))
		return gg_fail(err, GG_SYSTEM, "changed while it was read");
	return 0;
}

static int do_job(struct reader *r, const struct scan_job *job, struct gg_err *err)
{
	_cleanup_close_ int fd = job->fd;
	int result = read_all(r, job, err);

	if (result == 0 && job->apply)
		result = meta_apply(fd, &job->meta, job->owners, err);
	else if (result == 0 && job->touch)
		result = meta_touch(fd, err);
	return result < 0 ? gg_context(err, "scan '%.200s'", job->path) : 0;
}

static void *reader_main(void *arg)
{
	struct scan_hash *h = arg;
	struct reader r;

	reader_init(&r);
	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct gg_err err = GG_ERR_INIT;
		struct scan_job job;

		while (h->n == 0 && !h->closed)
			pthread_cond_wait(&h->more, &h->lock);
		if (h->n == 0)
			break;
		job = h->queue[h->head];
		h->head = (h->head + 1) % QUEUE;
		h->n--;
		pthread_cond_signal(&h->room);
		bool failed = h->err.kind != GG_OK;
		pthread_mutex_unlock(&h->lock);
		if (failed)
			gg_close(job.fd);
		else if (do_job(&r, &job, &err) < 0)
			failed = true;
		pthread_mutex_lock(&h->lock);
		gg_err_move(&h->err, &err);
	}
	pthread_mutex_unlock(&h->lock);
	reader_done(&r);
	return NULL;
}

/* Threads are help, not need: where none can be had, the caller's does the work. */
static void start_threads(struct scan_hash *h)
{
	while (h->n_threads < THREADS &&
	       pthread_create(&h->threads[h->n_threads], NULL, reader_main, h) == 0)
		h->n_threads++;
}

int scan_hash_add(struct scan_hash *h, const struct scan_job *job, struct gg_err *err)
{
	if (h->n_threads == 0) {
		h->bytes += (uint64_t)job->st.st_size;
		if (h->bytes > ENOUGH)
			start_threads(h);
		if (h->n_threads == 0)
			return do_job(&h->here, job, err);
	}
	pthread_mutex_lock(&h->lock);
	while (h->n == QUEUE)
		pthread_cond_wait(&h->room, &h->lock);
	h->queue[(h->head + h->n++) % QUEUE] = *job;
	pthread_cond_signal(&h->more);
	bool failed = h->err.kind != GG_OK;
	pthread_mutex_unlock(&h->lock);
	return failed ? scan_hash_end(h, err) : 0;
}

int scan_hash_end(struct scan_hash *h, struct gg_err *err)
{
	pthread_mutex_lock(&h->lock);
	h->closed = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	while (h->n_threads > 0)
		pthread_join(h->threads[--h->n_threads], NULL);
	if (h->err.kind == GG_OK)
		return 0;
	gg_err_move(err, &h->err);
	return -1;
}

void scan_hash_free(struct scan_hash *h)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (!h)
		return;
	if (scan_hash_end(h, &ignored) < 0)
		gg_err_done(&ignored);
	gg_err_done(&h->err);
	reader_done(&h->here);
	pthread_cond_destroy(&h->more);
	pthread_cond_destroy(&h->room);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void scan_hash_freep(struct scan_hash **h)
{
	scan_hash_free(*h);
}
