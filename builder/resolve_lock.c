/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/resolve_lock.h"

#include "builder/compressor.h"
#include "builder/download.h"
#include "builder/plan.h"
#include "builder/resolve_distro.h"
#include "builder/resolve_image.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/tar.h"
#include "layers/tree.h"

bool resolve_wants(const struct resolve_options *o, const char *name)
{
	return o->all || (o->names && gg_strv_has(o->names, name));
}

static int refuse_when_locked(const struct session *s, struct gg_pos pos, const char *what,
			      const char *name, struct gg_err *err)
{
	if (!s->locked)
		return 0;
	gg_fail_at(err, GG_LOCK, pos, "%s '%s' is not in the lock as the recipe has it", what,
		   name);
	return gg_hint(err, RESOLVE_LOCKED_HINT);
}

static int lock_stage(struct session *s, const struct recipe_stage *stage, struct lock *lock,
		      const struct resolve_options *o, bool *changed, struct gg_err *err)
{
	struct lock_platform *platform = lock_platform(lock, o->platform);
	_cleanup_free_ char *key = NULL;
	const struct lock_distro *entry;
	struct gg_digest keyring;
	bool other_keys;

	if (stage->from.kind != RECIPE_FROM_DISTRO)
		return 0;
	if (resolve_distro_keyring(s, &stage->from, &keyring, err) < 0)
		return -1;
	key = plan_distro_key(&stage->from);
	entry = lock_find_distro(platform, key);
	other_keys = entry && !gg_digest_eq(&entry->keyring, &keyring);
	if (entry && !other_keys && !resolve_wants(o, stage->name))
		return 0;
	if (refuse_when_locked(s, stage->from.pos,
			       other_keys ? "the keyring of stage" : "the package list of stage",
			       stage->name, err) < 0)
		return -1;
	*changed = true;
	return resolve_distro(s, stage, key, lock, platform, resolve_wants(o, stage->name), err);
}

/* One that several names share is resolved when the first of them is asked for. */
static int lock_image(struct session *s, const char *reference, struct gg_pos pos, const char *name,
		      struct lock *lock, const struct resolve_options *o, struct gg_strv *fresh,
		      bool *changed, struct gg_err *err)
{
	struct lock_platform *platform = lock_platform(lock, o->platform);
	_cleanup_free_ char *key = lock_image_key(reference);
	bool known = lock_find_image(platform, key);

	if (gg_strv_has(fresh, key) || (known && !resolve_wants(o, name)))
		return 0;
	if (refuse_when_locked(s, pos, "the image of", name, err) < 0)
		return -1;
	*changed = true;
	gg_strv_add(fresh, key);
	return resolve_image(s, reference, pos, lock, platform, err);
}

static int lock_images(struct session *s, const struct recipe *r, struct lock *lock,
		       const struct resolve_options *o, bool *changed, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv fresh = { 0 };

	for (size_t i = 0; i < r->n_stages; i++) {
		const struct recipe_stage *stage = &r->stages[i];

		if (stage->from.kind == RECIPE_FROM_IMAGE &&
		    lock_image(s, stage->from.image, stage->from.pos, stage->name, lock, o, &fresh,
			       changed, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->n_inputs; i++) {
		const struct recipe_input *in = &r->inputs[i];

		if (in->kind == RECIPE_INPUT_IMAGE &&
		    lock_image(s, in->image, in->pos, in->name, lock, o, &fresh, changed, err) < 0)
			return -1;
	}
	return 0;
}

static const struct lock_url *find_url(const struct lock *lock, const struct gg_digest *d)
{
	for (size_t i = 0; i < lock->n_urls; i++)
		if (gg_digest_eq(&lock->urls[i].sha256, d))
			return &lock->urls[i];
	return NULL;
}

/* The digest is the recipe's own; the lock adds the size, which makes an endless body an early error. */
static int lock_input(struct session *s, const struct recipe_input *in, struct lock *lock,
		      bool *changed, struct gg_err *err)
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
					  "input '%s' is not in the store and --offline forbids "
					  "every connection",
					  in->name);
		d = downloads_add(&list, gg_strdup(in->url), gg_asprintf("input '%s'", in->name));
		d->pos = in->pos;
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

static int lock_step_piece(struct session *s, const struct recipe_step *step, struct lock *lock,
			   bool *changed, struct gg_err *err)
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

static bool is_our_format(const struct lock_compressor *c, enum compress_kind kind)
{
	return c->format == COMPRESS_FORMAT &&
	       (gg_digest_is_zero(&c->golden) || c->block == compress_block_size(kind));
}

/* The level is the recipe's where the image is compressed so. A lock that knows no golden block is as good as it was
 * when it was written. */
static int lock_compressor(const struct session *s, const struct recipe *r, struct lock *lock,
			   enum compress_kind kind, const struct resolve_options *o, bool fresh,
			   bool *changed, struct gg_err *err)
{
	const struct lock_compressor *entry = compressor_of(&lock->formats, kind);
	struct lock_compressor own;
	bool used = r->image.present && compressor_kind(&r->image) == kind;
	int level = used ? compressor_level(&r->image) : compress_default_level(kind);
	bool known = !gg_digest_is_zero(&entry->golden);

	if (!fresh && (known ? !used || entry->level == level : s->locked || !o->complete))
		return 0;
	if (s->locked) {
		_cleanup_free_ char *text = gg_asprintf("%d", level);

		return refuse_when_locked(s, r->image.pos, "the image's compression level", text,
					  err);
	}
	if (compressor_describe(kind, level, &own, err) < 0)
		return -1;
	compressor_set(&lock->formats, kind, &own);
	*changed = true;
	return 0;
}

/* The lock names the formats that its bytes were made with: what a lock promises does not change under it. */
static int lock_formats(const struct session *s, const struct recipe *r, struct lock *lock,
			const struct resolve_options *o, bool *changed, struct gg_err *err)
{
	struct lock_formats *f = &lock->formats;
	bool fresh = f->tar != TAR_FORMAT || f->tree != TREE_FORMAT ||
		     !is_our_format(&f->gzip, COMPRESS_GZIP) ||
		     !is_our_format(&f->zstd, COMPRESS_ZSTD);

	if (fresh && s->locked) {
		gg_fail(err, GG_LOCK,
			"the lock is for other versions of the formats that this ggbuild writes "
			"(tar %d, gzip %d, zstd %d, tree %d)",
			f->tar, f->gzip.format, f->zstd.format, f->tree);
		return gg_hint(err, "build with the ggbuild that wrote it, or run `ggbuild lock` "
				    "and commit the lock file");
	}
	f->tar = TAR_FORMAT;
	f->tree = TREE_FORMAT;
	fresh |= resolve_wants(o, COMPRESSOR_WORD);
	if (lock_compressor(s, r, lock, COMPRESS_GZIP, o, fresh, changed, err) < 0)
		return -1;
	return lock_compressor(s, r, lock, COMPRESS_ZSTD, o, fresh, changed, err);
}

/* One fetch per platform and name; steps of one piece can share it. */
static bool has_fetch(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_stages; i++)
		for (size_t j = 0; j < r->stages[i].n_steps; j++)
			if (r->stages[i].steps[j].fetch &&
			    gg_streq(r->stages[i].steps[j].fetch, name))
				return true;
	return false;
}

static int unknown_name(const struct recipe *r, const char *name, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv known = { 0 };
	_cleanup_buf_ struct gg_buf list = { 0 };
	const char *near;

	for (size_t i = 0; i < r->n_stages; i++) {
		const struct recipe_stage *stage = &r->stages[i];

		if (stage->from.kind == RECIPE_FROM_DISTRO || stage->from.kind == RECIPE_FROM_IMAGE)
			gg_strv_add(&known, stage->name);
		for (size_t j = 0; j < stage->n_steps; j++)
			if (stage->steps[j].fetch && !gg_strv_has(&known, stage->steps[j].fetch))
				gg_strv_add(&known, stage->steps[j].fetch);
	}
	for (size_t i = 0; i < r->n_inputs; i++)
		if (r->inputs[i].kind == RECIPE_INPUT_IMAGE)
			gg_strv_add(&known, r->inputs[i].name);
	gg_strv_add(&known, COMPRESSOR_WORD);
	for (size_t i = 0; i < known.n; i++)
		gg_buf_printf(&list, "%s%s", i ? ", " : "", known.v[i]);
	near = gg_nearest(name, (const char *const *)known.v, known.n);
	gg_fail(err, GG_USAGE,
		"nothing in the lock belongs to '%s': stages with packages or images, image "
		"inputs, fetches and "
		"'" COMPRESSOR_WORD "' can be resolved anew",
		name);
	if (near)
		return gg_hint(err, "did you mean '%s'?", near);
	return gg_hint(err, "there are: %s", list.data);
}

static int check_names(const struct recipe *r, const struct gg_strv *names, struct gg_err *err)
{
	for (size_t i = 0; names && i < names->n; i++) {
		bool found = gg_streq(names->v[i], COMPRESSOR_WORD) || has_fetch(r, names->v[i]);

		for (size_t j = 0; j < r->n_stages && !found; j++)
			found = (r->stages[j].from.kind == RECIPE_FROM_DISTRO ||
				 r->stages[j].from.kind == RECIPE_FROM_IMAGE) &&
				gg_streq(r->stages[j].name, names->v[i]);
		for (size_t j = 0; j < r->n_inputs && !found; j++)
			found = r->inputs[j].kind == RECIPE_INPUT_IMAGE &&
				gg_streq(r->inputs[j].name, names->v[i]);
		if (!found)
			return unknown_name(r, names->v[i], err);
	}
	return 0;
}

static void set_epoch(struct lock *lock, const struct resolve_options *o)
{
	struct lock_platform *p = lock_platform(lock, o->platform);
	int64_t newest = -1, image = 0;

	/* A new entry beside old ones does not move time: it would rebuild everything. */
	if (lock->epoch >= 0)
		return;
	for (size_t i = 0; i < p->n_distros; i++)
		for (size_t j = 0; j < p->distros[i].n_releases; j++)
			if (p->distros[i].releases[j].date > newest)
				newest = p->distros[i].releases[j].date;
	/* Of a recipe without packages the newest of its images: known by content, as a release's date is, and what stands on an
	 * image is not older than it. */
	for (size_t i = 0; newest < 0 && i < p->n_images; i++)
		if (p->images[i].created > image)
			image = p->images[i].created;
	lock->epoch = newest < 0 ? image : newest;
}

int resolve_lock(struct session *s, const struct recipe *r, struct lock *lock,
		 const struct resolve_options *options, bool *ret_changed, struct gg_err *err)
{
	*ret_changed = false;
	if (check_names(r, options->names, err) < 0)
		return -1;
	if (options->all) {
		lock_clear(lock, lock_platform(lock, options->platform));
		*ret_changed = true;
	}
	if (lock_formats(s, r, lock, options, ret_changed, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_stages; i++) {
		if (lock_stage(s, &r->stages[i], lock, options, ret_changed, err) < 0)
			return -1;
		for (size_t j = 0; j < r->stages[i].n_steps; j++)
			if (lock_step_piece(s, &r->stages[i].steps[j], lock, ret_changed, err) < 0)
				return -1;
	}
	if (lock_images(s, r, lock, options, ret_changed, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_inputs; i++)
		if (lock_input(s, &r->inputs[i], lock, ret_changed, err) < 0)
			return -1;
	set_epoch(lock, options);
	return 0;
}
