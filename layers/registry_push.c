/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registry_push_private.h"

#include <string.h>

#include "layers/base/json.h"
#include "layers/oci.h"

enum { PARALLEL = 6, TELL_MS = 100, FALLBACK_TRIES = 5, FALLBACK_MAX = 1000 };

struct registry_push *registry_push_new(struct registry *r)
{
	struct registry_push *p = gg_zalloc(sizeof(*p));

	p->registry = r;
	p->parallel = r->settings.parallel ? r->settings.parallel : PARALLEL;
	return p;
}

void registry_push_free(struct registry_push *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		upload_free(p->v[i]);
	free(p->v);
	gg_err_done(&p->problem);
	free(p);
}

void registry_push_freep(struct registry_push **p)
{
	registry_push_free(*p);
}

void registry_push_count(const struct registry_push *p, uint64_t *ret_bytes, unsigned *ret_there)
{
	*ret_bytes = 0;
	*ret_there = p->there;
	for (size_t i = 0; i < p->n; i++)
		*ret_bytes += p->v[i]->sent;
}

void registry_push_tell(struct registry_push *p, bool now)
{
	const struct registry_settings *s = &p->registry->settings;
	uint64_t done = 0, total = 0;

	if (!s->progress || (!now && http_now_ms() - p->told < TELL_MS))
		return;
	p->told = http_now_ms();
	for (size_t i = 0; i < p->n; i++) {
		bool over = p->v[i]->state == UPLOAD_DONE;

		done += over ? p->v[i]->blob.size : p->v[i]->sent;
		total += p->v[i]->blob.size;
	}
	s->progress(s->ctx, done, total);
}

/* ---- blobs ---- */

static void start_more(struct registry_push *p)
{
	while (p->next < p->n && p->running < p->parallel && p->problem.kind == GG_OK) {
		p->running++;
		upload_start(p->v[p->next++]);
	}
}

void registry_push_ended(struct registry_push *p, struct gg_err *problem)
{
	p->running--;
	if (problem && p->problem.kind == GG_OK)
		gg_err_move(&p->problem, problem);
	registry_push_tell(p, true);
	start_more(p);
}

int registry_push_add(struct registry_push *p, const struct image_blob *b, image_open_fn *open,
		      void *ctx, const char *mount_from, struct gg_err *err)
{
	struct upload *u;

	for (size_t i = 0; i < p->n; i++)
		if (gg_digest_eq(&p->v[i]->blob.digest, &b->digest))
			return 0;
	if (!p->base && registry_base(p->registry, &p->base, err) < 0)
		return -1;
	u = gg_zalloc(sizeof(*u));
	u->push = p;
	u->blob = *b;
	u->blob.media_type = NULL;
	u->open = open;
	u->ctx = ctx;
	u->bytes.fd = -1;
	if (mount_from && *mount_from) {
		u->mount_from = gg_strdup(mount_from);
		registry_add_scope(p->registry, mount_from);
	}
	GG_GROW(p->v, p->n, p->cap);
	p->v[p->n++] = u;
	start_more(p);
	return 0;
}

int registry_push_run(struct registry_push *p, int wake, bool *ret_idle, struct gg_err *err)
{
	*ret_idle = false;
	while (p->problem.kind == GG_OK) {
		bool idle;

		if (http_client_run(registry_client(p->registry), wake, &idle, err) < 0)
			return -1;
		if (!idle)
			return 0;
		if (p->running == 0 && p->next == p->n) {
			*ret_idle = true;
			break;
		}
	}
	if (p->problem.kind == GG_OK)
		return 0;
	gg_err_move(err, &p->problem);
	return -1;
}

/* ---- manifests ---- */

static int put_manifest(struct registry_push *p, const char *bytes, size_t len,
			const char *media_type, const char *what, const struct gg_digest *d,
			bool *ret_subject, struct gg_err *err)
{
	_cleanup_free_ char *type = gg_asprintf("Content-Type: %s", media_type);
	const char *const headers[] = { type, NULL };
	_cleanup_free_ char *url = NULL, *theirs = NULL, *subject = NULL;
	struct http_exchange x = { .method = "PUT",
				   .headers = headers,
				   .access = registry_access(p->registry),
				   .flags = HTTP_REPEAT,
				   .body = bytes,
				   .body_len = len };
	struct gg_digest said;
	int r;

	if (!p->base && registry_base(p->registry, &p->base, err) < 0)
		return -1;
	x.url = url = gg_asprintf("%s/manifests/%s", p->base, what);
	r = http_client_call(registry_client(p->registry), &x, err);
	if (r == 0 && x.status != 201 && x.status != 200 && x.status != 202)
		r = registry_refuses(p->registry, &x, err);
	theirs = http_exchange_header(&x, "docker-content-digest");
	subject = http_exchange_header(&x, "oci-subject");
	*ret_subject = subject != NULL;
	if (r == 0 && theirs && gg_starts(theirs, "sha256:") &&
	    (gg_digest_parse(theirs, &said, err) < 0 || !gg_digest_eq(&said, d))) {
		gg_err_done(err);
		r = gg_fail(err, GG_REMOTE, "the registry keeps it as '%.80s'", theirs);
	}
	http_exchange_done(&x);
	return r;
}

static struct gg_json *referrer(const struct gg_json *manifest, const char *media_type,
				const struct gg_digest *d, size_t len)
{
	const char *artifact = gg_json_get_str(manifest, "artifactType", NULL);
	struct gg_json *annotations = gg_json_get(manifest, "annotations");
	struct gg_json *to = gg_json_object();
	char text[GG_DIGEST_TEXT];

	if (!artifact)
		artifact = gg_json_get_str(gg_json_get(manifest, "config"), "mediaType", NULL);
	gg_json_set_str(to, "mediaType", media_type);
	gg_json_set_str(to, "digest", gg_digest_text(d, text));
	gg_json_set_int(to, "size", (int64_t)len);
	if (artifact)
		gg_json_set_str(to, "artifactType", artifact);
	if (annotations)
		gg_json_take(to, "annotations", gg_json_ref(annotations));
	return to;
}

static bool lists(const struct gg_json *list, const char *digest)
{
	for (size_t i = 0; i < gg_json_len(list); i++)
		if (gg_streq(gg_json_get_str(gg_json_at(list, i), "digest", ""), digest))
			return true;
	return false;
}

/* The entries of the fallback tag's index, unknown ones included; an empty list where there is none. */
static int read_fallback(struct registry_push *p, const char *tag, struct gg_json **ret,
			 struct gg_err *err)
{
	_cleanup_json_ struct gg_json *j = NULL;
	struct registry_manifest m;
	bool found;
	int r = registry_manifest_get(p->registry, tag, &m, &found, err);

	*ret = NULL;
	if (r == 0 && found) {
		j = gg_json_parse(m.bytes, m.len, err);
		r = j ? 0 : -1;
		if (j && !gg_json_is_array(gg_json_get(j, "manifests")))
			r = gg_fail(err, GG_INTEGRITY, "it is no index");
	}
	registry_manifest_done(&m);
	if (r < 0)
		return gg_context(err, "referrers in '%s'", tag);
	*ret = j ? gg_json_ref(gg_json_get(j, "manifests")) : gg_json_array();
	return 0;
}

/* Somebody else may do the same meanwhile: what was written is read again. */
static int add_to_fallback(struct registry_push *p, const char *subject, struct gg_json *entry,
			   struct gg_err *err)
{
	const char *digest = gg_json_get_str(entry, "digest", "");
	_cleanup_free_ char *tag = gg_strdup(subject);

	if (strchr(tag, ':'))
		*strchr(tag, ':') = '-';
	for (unsigned i = 0; i < FALLBACK_TRIES; i++) {
		_cleanup_json_ struct gg_json *list = NULL, *index = NULL;
		_cleanup_free_ char *text = NULL;
		struct gg_digest d;
		bool ignored;

		if (read_fallback(p, tag, &list, err) < 0)
			return -1;
		if (lists(list, digest))
			return 0;
		if (gg_json_len(list) >= FALLBACK_MAX)
			return gg_fail(err, GG_REMOTE, "referrers in '%s': more than %d", tag,
				       FALLBACK_MAX);
		gg_json_append_take(list, gg_json_ref(entry));
		index = oci_index(gg_json_ref(list));
		text = gg_json_compact(index);
		gg_digest_of(text, strlen(text), &d);
		if (put_manifest(p, text, strlen(text), OCI_INDEX_TYPE, tag, &d, &ignored, err) < 0)
			return gg_context(err, "referrers in '%s'", tag);
	}
	return gg_fail(err, GG_REMOTE, "referrers in '%s': others write it at the same time", tag);
}

int registry_push_manifest(struct registry_push *p, const char *bytes, size_t len,
			   const char *media_type, const char *tag, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *j = gg_json_parse(bytes, len, err), *entry = NULL;
	const char *subject = gg_json_get_str(gg_json_get(j, "subject"), "digest", NULL);
	char text[GG_DIGEST_TEXT];
	struct gg_digest d, parsed;
	const char *what;
	bool known;

	if (!j)
		return -1;
	gg_digest_of(bytes, len, &d);
	what = tag ? tag : gg_digest_text(&d, text);
	if (put_manifest(p, bytes, len, media_type, what, &d, &known, err) < 0)
		return gg_context(err, "push manifest '%s'", what);
	if (!subject || known)
		return 0;
	if (gg_digest_parse(subject, &parsed, err) < 0)
		return gg_context(err, "manifest: subject");
	entry = referrer(j, media_type, &d, len);
	return add_to_fallback(p, subject, entry, err);
}

int registry_manifest_delete(struct registry *r, const struct gg_digest *d, struct gg_err *err)
{
	struct http_exchange x = { .method = "DELETE", .flags = HTTP_REPEAT };
	_cleanup_free_ char *url = NULL;
	char text[GG_DIGEST_TEXT];
	const char *base;
	int result;

	if (registry_base(r, &base, err) < 0)
		return -1;
	x.url = url = gg_asprintf("%s/manifests/%s", base, gg_digest_text(d, text));
	x.access = registry_access(r);
	result = http_client_call(registry_client(r), &x, err);
	/* Gone is gone: an answer may have been lost. */
	if (result == 0 && x.status != 200 && x.status != 202 && x.status != 204 &&
	    x.status != 404) {
		result = registry_refuses(r, &x, err);
		if (x.status == 405)
			gg_hint(err, "this registry deletes nothing; some can be told to");
	}
	http_exchange_done(&x);
	return result;
}
