/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread empties a ring of blocks that transfers fill, so that hashing takes no time from receiving.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "layers/base/digest.h"
#include "layers/http_private.h"

enum { BLOCKS = 8 };

struct job {
	struct gg_hash *hash;
	char *bytes; /* NULL before its first use */
	size_t len;
};

struct http_hasher {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job ring[BLOCKS];
	size_t added, hashed; /* counts; block i is ring[i % BLOCKS] */
	bool begun, alone;    /* alone: there is no thread to be had */
	bool stop;
	pthread_t thread;
};

struct http_hasher *http_hasher_new(void)
{
	struct http_hasher *h = gg_zalloc(sizeof(*h));

	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	return h;
}

static void *hash_blocks(void *arg)
{
	struct http_hasher *h = arg;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct job *job = &h->ring[h->hashed % BLOCKS];

		while (!h->stop && h->hashed == h->added)
			pthread_cond_wait(&h->changed, &h->lock);
		if (h->hashed == h->added)
			break;
		pthread_mutex_unlock(&h->lock);
		gg_hash_add(job->hash, job->bytes, job->len);
		pthread_mutex_lock(&h->lock);
		h->hashed++;
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are the other thread's. */
static void begin(struct http_hasher *h)
{
	sigset_t all, old;

	h->begun = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	h->alone = pthread_create(&h->thread, NULL, hash_blocks, h) != 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

char *http_hasher_add(struct http_hasher *h, struct gg_hash *hash, char *block, size_t len)
{
	struct job *job;
	char *other;

	if (!h->begun)
		begin(h);
	if (h->alone) {
		gg_hash_add(hash, block, len);
		return block;
	}
	pthread_mutex_lock(&h->lock);
	while (h->added - h->hashed == BLOCKS)
		pthread_cond_wait(&h->changed, &h->lock);
	job = &h->ring[h->added % BLOCKS];
	other = job->bytes ? job->bytes : gg_alloc(HTTP_BLOCK);
	*job = (struct job){ .hash = hash, .bytes = block, .len = len };
	h->added++;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	return other;
}

void http_hasher_wait(struct http_hasher *h)
{
	pthread_mutex_lock(&h->lock);
	while (h->hashed < h->added)
		pthread_cond_wait(&h->changed, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void http_hasher_free(struct http_hasher *h)
{
	if (!h)
		return;
	if (h->begun && !h->alone) {
		pthread_mutex_lock(&h->lock);
		h->stop = true;
		pthread_cond_broadcast(&h->changed);
		pthread_mutex_unlock(&h->lock);
		pthread_join(h->thread, NULL);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(h->ring[i].bytes);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
