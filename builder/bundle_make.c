/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/bundle_make.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/bundle_job.h"
#include "builder/bundle_making.h"
#include "builder/contents.h"
#include "builder/project.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/bundle_write.h"
#include "layers/pack.h"
#include "layers/tree.h"

/* ---- packing a content, in the store's user namespace ---- */

struct packing {
	struct bundle_job job;
	const struct bundle_files *files;
	struct bundle_part *part; /* of the list of all */
	size_t written; /* its number among what is written; SIZE_MAX: it goes into `tmp` first */
	bool zstd;
	int fd; /* owned */
	struct store_tmp tmp;
};

static int pack_work(void *ctx, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct packing *p = ctx;
	const struct bundle_files *f = p->files;
	const struct pack_options options = { .compression = p->zstd ? PACK_ZSTD : PACK_NONE };
	_cleanup_free_ struct pack_item *items = gg_calloc(f->tree->n + 1, sizeof(*items));
	char text[GG_DIGEST_TEXT];
	struct pack_result r;

	(void)port;
	for (size_t i = 0; i < f->tree->n; i++) {
		const struct tree_entry *e = &f->tree->entries[i];

		items[i] = (struct pack_item){ .entry = e,
					       .rootfd = f->contents ? f->contents->fds[e->origin]
								     : f->fd,
					       .source = e->source ? e->source : e->path };
	}
	if (pack_layer(items, f->tree->n, &options, p->fd, &r, err) < 0)
		return gg_context(err, "pack '%s'", p->part->title);
	gg_json_set_str(result, "digest", gg_digest_text(&r.digest, text));
	gg_json_set_int(result, "size", (int64_t)r.size);
	return 0;
}

static int packing_start(struct session *s, struct packing *p, struct gg_err *err)
{
	p->job = (struct bundle_job){
		.name = p->part->title, .run = pack_work, .ctx = p, .userns = &s->userns
	};
	return bundle_job_start(s, &p->job, err);
}

static int packing_wait(struct session *s, struct packing *p, struct gg_err *err)
{
	if (bundle_job_wait(s, &p->job, err) < 0 ||
	    gg_digest_parse(gg_json_get_str(p->job.result, "digest", ""), &p->part->digest, err) <
		    0)
		return -1;
	if (p->zstd)
		p->part->size = (uint64_t)gg_json_get_int(p->job.result, "size", 0);
	else if (gg_json_get_int(p->job.result, "size", -1) != (int64_t)p->part->size)
		return gg_fail(err, GG_INTERNAL, "'%s' has another size than its tree gives",
			       p->part->title);
	return 0;
}

static void packing_done(struct packing *p)
{
	bundle_job_done(&p->job);
	gg_close(p->fd);
	store_tmp_done(&p->tmp);
}

struct packings {
	struct packing *v; /* one a part; those without a session were never started */
	size_t n;
};

static void packings_done(struct packings *l)
{
	for (size_t i = 0; i < l->n; i++)
		packing_done(&l->v[i]);
	free(l->v);
}

/* ---- a delta ---- */

/* What is in the old bundle is not packed again to find out that it is. */
static void know_old(struct bundle_making *m)
{
	const struct bundle *old = m->options->old;

	for (size_t i = 0; old && i < m->info.n_parts; i++) {
		struct bundle_part *p = &m->info.parts[i];
		const struct bundle_part *there =
			m->from[i].files ? bundle_find_tree(old, p->role, &p->tree) : NULL;

		if (!there)
			continue;
		p->digest = there->digest;
		p->size = there->size;
		p->zstd = there->zstd;
		p->title = there->title;
	}
}

/* A delta can be read, and listed, without its base. */
static bool is_always_there(enum bundle_role role)
{
	return role <= BUNDLE_TREE;
}

static bool is_written(const struct bundle_making *m, size_t i)
{
	const struct bundle_part *p = &m->info.parts[i];

	return !m->options->old || is_always_there(p->role) || gg_digest_is_zero(&p->digest) ||
	       !bundle_find_digest(m->options->old, &p->digest);
}

/* What is written: all, or of a delta what the old one lacks and the list of all. */
struct written {
	struct bundle_info info;
	size_t *of; /* the part's number in the list of all; SIZE_MAX: it is that list */
};

static void written_done(struct written *w)
{
	free(w->info.parts);
	free(w->of);
}

static void choose_written(const struct bundle_making *m, struct written *ret)
{
	size_t n = 0;

	ret->info = m->info;
	ret->info.parts = gg_calloc(m->info.n_parts + 1, sizeof(*ret->info.parts));
	ret->of = gg_calloc(m->info.n_parts + 1, sizeof(*ret->of));
	for (size_t i = 0; i < m->info.n_parts; i++)
		if (is_written(m, i)) {
			ret->info.parts[n] = m->info.parts[i];
			ret->of[n++] = i;
		}
	if (m->options->old) {
		_cleanup_free_ char *all = bundle_manifest(&m->info);

		ret->info.base = m->options->old->manifest;
		ret->info.parts[n] = (struct bundle_part){ .role = BUNDLE_WHOLE,
							   .title = "whole.json",
							   .name = m->info.name,
							   .size = strlen(all) };
		ret->of[n++] = SIZE_MAX;
	}
	ret->info.n_parts = n;
}

/* ---- writing ---- */

/* Sizes decide where everything is, and what is compressed has none before it is. */
static int pack_before(struct bundle_making *m, struct packings *l, struct gg_err *err)
{
	struct session *s = m->session;

	for (size_t i = 0; i < m->info.n_parts; i++) {
		struct packing *p = &l->v[i];

		if (!m->from[i].files || !m->info.parts[i].zstd || !is_written(m, i))
			continue;
		p->files = m->from[i].files;
		p->part = &m->info.parts[i];
		p->zstd = true;
		if (store_tmp_new(s->store, s->userns.base, &p->tmp, err) < 0)
			return -1;
		p->fd = gg_openat(p->tmp.fd, "content", O_RDWR | O_CREAT | O_EXCL, 0600, err);
		if (p->fd < 0 || packing_start(s, p, err) < 0 || packing_wait(s, p, err) < 0)
			return -1;
	}
	return 0;
}

static int copy_from(int from, int to, uint64_t size, struct gg_err *err)
{
	if (lseek(from, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "lseek");
	return gg_copy_bytes(from, to, size, err);
}

static int write_part(struct bundle_making *m, const struct bundle_writer *w, size_t number,
		      const struct written *list, const struct packings *packings,
		      struct gg_err *err)
{
	size_t of = list->of[number];
	const struct bundle_part *p = &list->info.parts[number];
	const struct bundle_from *from = &m->from[of];
	_cleanup_close_ int to = bundle_writer_fd(w, number, err), blob = -1;

	if (to < 0)
		return -1;
	if (from->text)
		return gg_write_all(to, from->text, p->size, err);
	if (from->files)
		return copy_from(packings->v[of].fd, to, p->size, err);
	if (!from->blob)
		return copy_from(from->fd, to, p->size, err);
	blob = store_blob_open(m->session->store, &p->digest, NULL, err);
	return blob < 0 ? -1 : copy_from(blob, to, p->size, err);
}

/* Contents pack themselves into their places while everything else is copied. */
static int start_contents(struct bundle_making *m, const struct bundle_writer *w,
			  const struct written *list, struct packings *packings, struct gg_err *err)
{
	for (size_t i = 0; i < list->info.n_parts; i++) {
		size_t of = list->of[i];
		struct packing *p = of == SIZE_MAX ? NULL : &packings->v[of];

		if (!p || !m->from[of].files || p->job.session || bundle_writer_has(w, i))
			continue;
		p->files = m->from[of].files;
		p->part = &m->info.parts[of];
		p->written = i;
		p->fd = bundle_writer_fd(w, i, err);
		if (p->fd < 0 || packing_start(m->session, p, err) < 0)
			return -1;
	}
	return 0;
}

static int copy_rest(struct bundle_making *m, const struct bundle_writer *w,
		     const struct written *list, const struct packings *packings,
		     struct gg_err *err)
{
	for (size_t i = 0; i < list->info.n_parts; i++) {
		size_t of = list->of[i];
		bool packs = of != SIZE_MAX && m->from[of].files && !m->info.parts[of].zstd;

		if (of == SIZE_MAX || packs || bundle_writer_has(w, i))
			continue;
		if (write_part(m, w, i, list, packings, err) < 0)
			return gg_context(err, "part '%s'", list->info.parts[i].title);
	}
	return 0;
}

static int end_contents(struct bundle_making *m, struct bundle_writer *w,
			const struct written *list, struct packings *packings, struct gg_err *err)
{
	for (size_t i = 0; i < packings->n; i++) {
		struct packing *p = &packings->v[i];

		if (!p->job.session || p->written == SIZE_MAX)
			continue;
		if (packing_wait(m->session, p, err) < 0)
			return -1;
		bundle_writer_set(w, p->written, &p->part->digest);
	}
	/* Those that share a place got theirs with the first. */
	for (size_t i = 0; i < list->info.n_parts; i++)
		if (list->of[i] != SIZE_MAX)
			m->info.parts[list->of[i]].digest = list->info.parts[i].digest;
	return 0;
}

static int write_whole(struct bundle_making *m, struct bundle_writer *w, const struct written *list,
		       struct gg_err *err)
{
	size_t last = list->info.n_parts - 1;
	_cleanup_free_ char *all = bundle_manifest(&m->info);
	_cleanup_close_ int to = -1;
	struct gg_digest d;

	if (list->of[last] != SIZE_MAX)
		return 0;
	to = bundle_writer_fd(w, last, err);
	gg_digest_of(all, strlen(all), &d);
	bundle_writer_set(w, last, &d);
	return to < 0 ? -1 : gg_write_all(to, all, strlen(all), err);
}

static int write_bundle(struct bundle_making *m, struct written *list, struct packings *packings,
			struct bundle_made *ret, struct gg_err *err)
{
	_cleanup_bundle_writer_ struct bundle_writer *w = NULL;

	if (bundle_writer_open(m->options->output, &list->info, m->options->split, &w, err) < 0)
		return -1;
	if (start_contents(m, w, list, packings, err) < 0 ||
	    copy_rest(m, w, list, packings, err) < 0 ||
	    end_contents(m, w, list, packings, err) < 0 || write_whole(m, w, list, err) < 0)
		return gg_context(err, "output '%s'", m->options->output);
	ret->parts = list->info.n_parts;
	for (size_t i = 0; i < list->info.n_parts; i++)
		ret->bytes += bundle_writer_has(w, i) ? 0 : list->info.parts[i].size;
	return bundle_writer_end(w, &ret->manifest, err);
}

static int make(struct bundle_making *m, struct bundle_made *ret, struct gg_err *err)
{
	GG_CLEANUP(packings_done) struct packings packings = { 0 };
	GG_CLEANUP(written_done) struct written list = { 0 };

	if (bundle_collect(m, err) < 0)
		return -1;
	know_old(m);
	packings.v = gg_calloc(m->info.n_parts + 1, sizeof(*packings.v));
	packings.n = m->info.n_parts;
	for (size_t i = 0; i < packings.n; i++)
		packings.v[i] =
			(struct packing){ .fd = -1, .written = SIZE_MAX, .tmp = STORE_TMP_INIT };
	if (pack_before(m, &packings, err) < 0)
		return -1;
	choose_written(m, &list);
	return write_bundle(m, &list, &packings, ret, err);
}

int bundle_make(struct session *s, struct project *p, const struct bundle_options *o,
		struct bundle_made *ret, struct gg_err *err)
{
	_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
	struct bundle_making m = {
		.session = s, .project = p, .options = o, .arena = arena, .build = BUILD_RESULT_INIT
	};
	int r;

	*ret = (struct bundle_made){ 0 };
	r = make(&m, ret, err);
	if (r < 0 && (err->errnum == ENOSPC || err->errnum == EDQUOT))
		gg_hint(err, "free some space on the file systems of '%s' and the store",
			o->output);
	for (size_t i = 0; i < m.info.n_parts; i++) {
		free(m.from[i].text);
		bundle_files_free(m.from[i].files);
	}
	free(m.info.parts);
	free(m.from);
	free(m.reached);
	build_result_done(&m.build);
	return r;
}
