/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/resolve_lock.h"

#include "builder/download.h"
#include "builder/plan.h"
#include "builder/resolve_distro.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"

static bool asked_for(const struct resolve_options *o, const char *name)
{
	return o->all || (o->names && gg_strv_has(o->names, name));
}

static int refuse_when_locked(const struct session *s, struct gg_pos pos, const char *what, const char *name,
			      struct gg_err *err)
{
	if (!s->locked)
		return 0;
	gg_fail_at(err, GG_LOCK, pos, "%s '%s' is not in the lock as the recipe has it", what, name);
	return gg_hint(err, "run `ggbuild lock` and commit the lock file; --locked forbids changing it");
}

static int lock_stage(struct session *s, const struct recipe_stage *stage, struct lock *lock,
		      const struct resolve_options *o, bool *changed, struct gg_err *err)
{
	struct lock_platform *platform = lock_platform(lock, o->platform);
	_cleanup_free_ char *key = NULL;

	if (stage->from.kind != RECIPE_FROM_DISTRO)
		return 0;
	key = plan_distro_key(&stage->from);
	if (lock_find_distro(platform, key) && !asked_for(o, stage->name))
		return 0;
	if (refuse_when_locked(s, stage->from.pos, "the package list of stage", stage->name, err) < 0)
		return -1;
	*changed = true;
	return resolve_distro(s, stage, key, lock, platform, o->all || asked_for(o, stage->name), err);
}

static const struct lock_url *find_url(const struct lock *lock, const struct gg_digest *d)
{
	for (size_t i = 0; i < lock->n_urls; i++)
		if (gg_digest_eq(&lock->urls[i].sha256, d))
			return &lock->urls[i];
	return NULL;
}

/* The digest is the recipe's own; the lock adds the size, which makes an endless body an early error. */
static int lock_input(struct session *s, const struct recipe_input *in, struct lock *lock, bool *changed,
		      struct gg_err *err)
{
	_cleanup_downloads_ struct downloads list = { 0 };
	struct lock_url entry = { .sha256 = in->sha256 };
	struct download *d;
	int fd;

	if (in->kind != RECIPE_INPUT_URL || find_url(lock, &in->sha256))
		return 0;
	if (refuse_when_locked(s, in->pos, "input", in->name, err) < 0)
		return -1;
	if (!store_blob_has(s->store, &in->sha256)) {
		if (s->offline)
			return gg_fail_at(err, GG_REMOTE, in->pos,
					  "input '%s' is not in the store and --offline forbids every connection",
					  in->name);
		d = downloads_add(&list, gg_strdup(in->url), gg_asprintf("input '%s'", in->name));
		d->has_digest = true;
		d->digest = in->sha256;
		if (download_all(s, &list, err) < 0)
			return -1;
	}
	fd = store_blob_open(s->store, &in->sha256, &entry.size, err);
	if (fd < 0)
		return -1;
	gg_close(fd);
	lock_put_url(lock, &entry);
	*changed = true;
	return 0;
}

static int lock_step_piece(struct session *s, const struct recipe_step *step, struct lock *lock, bool *changed,
			   struct gg_err *err)
{
	struct lock_piece entry = { .name = step->piece, .sha256 = step->piece_digest };

	if (!step->piece)
		return 0;
	for (size_t i = 0; i < lock->n_pieces; i++)
		if (gg_streq(lock->pieces[i].name, step->piece) &&
		    gg_digest_eq(&lock->pieces[i].sha256, &step->piece_digest))
			return 0;
	if (refuse_when_locked(s, step->pos, "piece", step->piece, err) < 0)
		return -1;
	lock_put_piece(lock, &entry);
	*changed = true;
	return 0;
}

/* Asking for a fetch anew is forgetting its pins; the build then runs it and adds the new one. */
static void forget_fetches(struct lock *lock, const struct resolve_options *o, bool *changed)
{
	struct lock_platform *p = lock_platform(lock, o->platform);
	size_t kept = 0;

	for (size_t i = 0; i < p->n_fetches; i++) {
		if (o->names && gg_strv_has(o->names, p->fetches[i].name))
			*changed = true;
		else
			p->fetches[kept++] = p->fetches[i];
	}
	p->n_fetches = kept;
}

static void set_epoch(struct lock *lock, const struct resolve_options *o)
{
	struct lock_platform *p = lock_platform(lock, o->platform);
	int64_t newest = -1;

	/* A new entry beside old ones does not move time: it would rebuild everything. */
	if (lock->epoch >= 0 && !o->all)
		return;
	for (size_t i = 0; i < p->n_distros; i++)
		for (size_t j = 0; j < p->distros[i].n_releases; j++)
			if (p->distros[i].releases[j].date > newest)
				newest = p->distros[i].releases[j].date;
	lock->epoch = newest < 0 ? 0 : newest;
}

int resolve_lock(struct session *s, const struct recipe *r, struct lock *lock, const struct resolve_options *options,
		 bool *ret_changed, struct gg_err *err)
{
	*ret_changed = false;
	forget_fetches(lock, options, ret_changed);
	for (size_t i = 0; i < r->n_stages; i++) {
		if (lock_stage(s, &r->stages[i], lock, options, ret_changed, err) < 0)
			return -1;
		for (size_t j = 0; j < r->stages[i].n_steps; j++)
			if (lock_step_piece(s, &r->stages[i].steps[j], lock, ret_changed, err) < 0)
				return -1;
	}
	for (size_t i = 0; i < r->n_inputs; i++)
		if (lock_input(s, &r->inputs[i], lock, ret_changed, err) < 0)
			return -1;
	set_epoch(lock, options);
	return 0;
}
