/* SPDX-License-Identifier: Apache-2.0
 *
 *   begin   syncfs: contents    adopt …: renames, records staged    end   syncfs: names of objects, contents of records;
 *                                                                         renames of records; syncfs
 */
#include "layers/store_private.h"

#include <assert.h>
#include <unistd.h>

static int sync_all(struct store *s, struct gg_err *err)
{
	if (syncfs(s->fd) < 0)
		return gg_fail_errno(err, "syncfs of the store '%s'", s->path);
	return 0;
}

int store_batch_begin(struct store *s, struct gg_err *err)
{
	assert(!s->batch);
	if (sync_all(s, err) < 0)
		return -1;
	s->batch = true;
	return 0;
}

void store_batch_add(struct store *s, char *temp, int dirfd, const char *name)
{
	GG_GROW(s->pending, s->n_pending, s->cap_pending);
	s->pending[s->n_pending++] = (struct store_pending){ temp, gg_strdup(name), dirfd };
}

void store_batch_drop(struct store *s)
{
	for (size_t i = 0; i < s->n_pending; i++) {
		free(s->pending[i].temp);
		free(s->pending[i].name);
		gg_close(s->pending[i].dirfd);
	}
	free(s->pending);
	s->pending = NULL;
	s->n_pending = s->cap_pending = 0;
	s->batch = false;
}

static int commit_all(struct store *s, struct gg_err *err)
{
	for (size_t i = 0; i < s->n_pending; i++) {
		const struct store_pending *p = &s->pending[i];
		bool existed;

		if (store_commit(s, s->work.fd, p->temp, p->dirfd, p->name, GG_COMMIT_REPLACE,
				 &existed, err) < 0)
			return -1;
	}
	return sync_all(s, err);
}

int store_batch_end(struct store *s, struct gg_err *err)
{
	int r;

	assert(s->batch);
	r = sync_all(s, err) < 0 ? -1 : commit_all(s, err);
	store_batch_drop(s);
	return r;
}
