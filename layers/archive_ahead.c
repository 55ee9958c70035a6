/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding ahead: one thread fills a ring of blocks, the caller of archive_next empties it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "layers/archive_private.h"
#include "layers/base/digest.h"
#include "layers/base/mem.h"

enum { BLOCKS = 8, BLOCK_MAX = 256 * 1024 };

struct block {
	char *bytes;
	size_t len; /* 0: the end */
};

struct archive_ahead {
	struct archive_stream *stream; /* the thread's alone */
	struct gg_hash *hash;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block ring[BLOCKS];
	size_t filled, emptied; /* counts; block i is ring[i % BLOCKS] */
	bool holding;           /* the caller has block `emptied` */
	bool stop;              /* the caller wants no more */
	bool failed;            /* after `filled` blocks there is an error */
	struct gg_err err;
};

/* A block to fill, or NULL to stop. */
static struct block *wait_free(struct archive_ahead *a)
{
	struct block *b;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->filled - a->emptied == BLOCKS)
		pthread_cond_wait(&a->changed, &a->lock);
	b = a->stop ? NULL : &a->ring[a->filled % BLOCKS];
	pthread_mutex_unlock(&a->lock);
	return b;
}

static void pass_on(struct archive_ahead *a, bool failed)
{
	pthread_mutex_lock(&a->lock);
	if (failed)
		a->failed = true;
	else
		a->filled++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static bool pass_bytes(struct archive_ahead *a, const char *bytes, size_t len)
{
	while (len) {
		struct block *b = wait_free(a);

		if (!b)
			return false;
		b->len = len < BLOCK_MAX ? len : BLOCK_MAX;
		memcpy(b->bytes, bytes, b->len);
		bytes += b->len;
		len -= b->len;
		pass_on(a, false);
	}
	return true;
}

static void *work(void *arg)
{
	struct archive_ahead *a = arg;
	struct block *end;

	for (;;) {
		const void *bytes;
		size_t len;

		if (archive_decode(a->stream, &bytes, &len, &a->err) < 0) {
			pass_on(a, true);
			return NULL;
		}
		if (len == 0)
			break;
		if (a->hash)
			gg_hash_add(a->hash, bytes, len);
		if (!pass_bytes(a, bytes, len))
			return NULL;
	}
	end = wait_free(a);
	if (end) {
		end->len = 0;
		pass_on(a, false);
	}
	return NULL;
}

/* The thread leaves every signal to the others. */
static int start(struct archive_ahead *a)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&a->thread, NULL, work, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void release(struct archive_ahead *a)
{
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	for (size_t i = 0; i < BLOCKS; i++)
		free(a->ring[i].bytes);
	gg_err_done(&a->err);
	free(a);
}

int archive_ahead_start(struct archive_stream *s, struct gg_hash *hash, struct archive_ahead **ret,
			struct gg_err *err)
{
	struct archive_ahead *a = gg_zalloc(sizeof(*a));
	int r;

	a->stream = s;
	a->hash = hash;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		a->ring[i].bytes = gg_alloc(BLOCK_MAX);
	r = start(a);
	if (r) {
		release(a);
		errno = r;
		return gg_fail_errno(err, "start a thread");
	}
	*ret = a;
	return 0;
}

int archive_ahead_next(struct archive_ahead *a, const void **ret_bytes, size_t *ret_len,
		       struct gg_err *err)
{
	const struct block *b;
	bool failed;

	*ret_len = 0;
	pthread_mutex_lock(&a->lock);
	if (a->holding)
		a->emptied++;
	a->holding = false;
	pthread_cond_signal(&a->changed);
	while (a->filled == a->emptied && !a->failed)
		pthread_cond_wait(&a->changed, &a->lock);
	failed = a->filled == a->emptied;
	b = &a->ring[a->emptied % BLOCKS];
	/* The end stays in its place, for who asks again. */
	a->holding = !failed && b->len > 0;
	pthread_mutex_unlock(&a->lock);
	if (failed) {
		gg_err_move(err, &a->err);
		return -1;
	}
	*ret_bytes = b->bytes;
	*ret_len = b->len;
	return 0;
}

void archive_ahead_free(struct archive_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	release(a);
}
