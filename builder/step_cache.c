/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/step_cache.h"

#include <unistd.h>

#include "builder/action.h"
#include "builder/grants.h"
#include "builder/sandbox/sandbox.h"

int step_cache_open(struct action *a, struct grants *g, struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;

	g->caches = gg_calloc(step->caches.n, sizeof(*g->caches));
	for (size_t i = 0; i < step->caches.n; i++) {
		_cleanup_free_ char *name =
			gg_asprintf("%s %s %s", a->recipe->name, step->user ? step->user : "0",
				    step->caches.v[i]);

		g->caches[g->n_caches++] = (struct store_cache)STORE_CACHE_INIT;
		if (!a->session->locked &&
		    store_cache_take(a->session->store, name, a->session->userns.base,
				     &g->caches[i], err) < 0)
			return -1;
	}
	return 0;
}

static int give(const struct action *a, int fd, uint32_t uid, uint32_t gid)
{
	if (action_owners(a) == OWNERS_RECORDED)
		return owners_write_fd(fd, (struct owners_ids){ .uid = uid, .gid = gid });
	return fchown(fd, uid, gid);
}

int step_cache_mount(struct action *a, struct grants *g, uint32_t uid, uint32_t gid,
		     struct gg_err *err)
{
	const struct recipe_list *paths = &a->node->step->caches;

	for (size_t i = 0; i < paths->n; i++) {
		int fd = g->caches[i].fd;

		if (fd < 0) {
			_cleanup_free_ char *name = gg_asprintf("cache-%zu", i);

			fd = action_mkdir(a, name, err);
			if (fd < 0)
				return -1;
			g->caches[i].fd = fd;
		}
		if (give(a, fd, uid, gid) < 0)
			return gg_fail_errno(err, "give cache '%s' to uid %u", paths->v[i], uid);
		grants_mount(g, fd, paths->v[i]);
		g->mounts[g->n_mounts - 1].flags = 0;
	}
	return 0;
}
